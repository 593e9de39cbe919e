package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// alert tells administrators of tenant a that a key was revoked.
func (w *world) alert(what string) uint64 {
	w.t.Helper()
	data, err := proto.Marshal(&eventv1.AlertEvent{
		Type: "key_revoked", KeyId: "k", KeyName: "Main", Params: map[string]string{"model": "m-1"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	at := subject.Alert("a", "k", what)
	sequence, err := w.log.Append(w.t.Context(), stream.NewGuard(subject.Calls, at), 0, stream.Event{ID: at, Subject: at, Data: data})
	if err != nil {
		w.t.Fatal(err)
	}
	return sequence
}

// ear is a screen that remembers what it was told.
type ear struct {
	mu   sync.Mutex
	told []string
}

func (e *ear) opened(place) error          { return nil }
func (e *ear) reset(place) error           { return nil }
func (e *ear) beat() error                 { return nil }
func (e *ear) check(context.Context) error { return nil }

func (e *ear) tell(list []*outcome) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, o := range list {
		e.told = append(e.told, o.note.GetType())
	}
	return nil
}

func (e *ear) types() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.told)
}

// TestAlertsAreToldToAdministratorsAlone is a fence: lists and streams of everybody else never name a key.
func TestAlertsAreToldToAdministratorsAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, func(s *Service) { s.resolve = w.resolve })
	first := w.alert("key_revoked-1")
	done := w.completed("a", "ann", 1)
	w.reached(r, done)
	if got := w.unseen(r, "a:admin"); !slices.Equal(got, []uint64{first}) {
		t.Errorf("an administrator has not seen %d", got)
	}
	for _, token := range []string{"a:ann", "a:bob", "b:admin"} {
		if got := w.unseen(r, token); slices.Contains(got, first) {
			t.Errorf("%s is told %d", token, got)
		}
	}
	for token, want := range map[string][]string{
		"a:admin": {"alert.key_revoked", "analysis.completed"}, "a:ann": {"analysis.completed"},
	} {
		to := &ear{}
		c, _ := w.gate.caller(token)
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		begin := w.id(0)
		go func() { over <- r.live(ctx, "a", begin, withoutAlerts(c, to)) }()
		eventually(t, token+" to be told", func() bool { return len(to.types()) >= len(want) })
		cancel()
		if err := <-over; !errors.Is(err, errOver) {
			t.Errorf("%s: it ended with %v", token, err)
		}
		if got := to.types(); !slices.Equal(got, want) {
			t.Errorf("%s hears %q", token, got)
		}
	}
}

func TestAnAlertStaysUntilItIsAcknowledged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	first, second := w.alert("key_revoked-1"), w.alert("key_revoked-2")
	w.reached(r, second)
	if _, err := r.MarkSeen(w.as("a:admin"), &notificationv1.MarkSeenRequest{UpTo: w.id(second)}); err != nil {
		t.Fatal(err)
	}
	if got := w.unseen(r, "a:admin"); len(got) != 2 {
		t.Errorf("passed over, %d are left", got)
	}
	if _, err := r.Acknowledge(w.as("a:admin"), &notificationv1.AcknowledgeRequest{Id: w.id(first)}); err != nil {
		t.Fatal(err)
	}
	if got := w.unseen(r, "a:admin"); !slices.Equal(got, []uint64{second}) {
		t.Errorf("acknowledged, %d are left", got)
	}
	if got := w.unseen(r, "a:admin2"); len(got) != 2 {
		t.Errorf("another administrator is left with %d", got)
	}
	if _, err := r.Acknowledge(w.as("a:ann"), &notificationv1.AcknowledgeRequest{Id: w.id(first)}); !fault.Is(err, "NOT_FOUND") {
		t.Errorf("somebody else finds it: %v", err)
	}
	res, err := r.ListNotifications(w.as("a:admin"), &notificationv1.ListNotificationsRequest{})
	if err != nil || len(res.GetNotifications()) != 2 || res.GetNotifications()[0].GetKeyName() != "Main" {
		t.Errorf("all are %v, %v", res, err)
	}
	if frame := string(encodeFrame(res.GetNotifications()[0])); !strings.Contains(frame, "event: alert.key_revoked\n") ||
		!strings.Contains(frame, `"key":{"id":"k","name":"Main"},"params":{"model":"m-1"}`) {
		t.Errorf("written as %q", frame)
	}
}
