package analysis

import (
	"context"
	"net/http"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// keyEvent writes what becomes of a key.
func (w *world) keyEvent(e *eventv1.KeyEvent) {
	w.t.Helper()
	data, err := proto.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	id := e.GetSaved().GetId() + e.GetDeleted().GetId()
	g := stream.NewGuard(subject.Keys, subject.KeyGuard("a"))
	if _, err = w.log.Commit(w.t.Context(), g, ids.New("event"), func(context.Context, uint64) (*stream.Event, error) {
		return &stream.Event{Subject: subject.Key("a", id), Data: data}, nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

// rotateKey gives the key another secret.
func (w *world) rotateKey(version uint32) {
	w.t.Helper()
	w.others.mu.Lock()
	w.others.version = version
	w.others.mu.Unlock()
	w.keyEvent(&eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: &eventv1.KeySaved{
		Id: "k", Kind: "compatible", Name: "Main", Model: "m-1", Lane: "lane", Revision: version, SecretVersion: version,
	}}})
}

func (w *world) deleteKey() {
	w.t.Helper()
	w.keyEvent(&eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Deleted{Deleted: &eventv1.KeyDeleted{Id: "k"}}})
}

// releases are the versions of the secret that were released, in order.
func (w *world) releases() []uint32 {
	w.others.mu.Lock()
	defer w.others.mu.Unlock()
	return w.others.released
}

// with are the versions of the secret that the provider was asked with.
func (w *world) with() (versions []int) {
	for _, h := range w.provider.asked() {
		versions = append(versions, len(h.Get("Authorization"))-len("Bearer "+secretKey))
	}
	return versions
}

func (s *secrets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.kept)
}

// TestAKeptSecretIsDroppedWhenItsKeyChanges is a fence: what was replaced or deleted is in no worker's memory any more.
func TestAKeptSecretIsDroppedWhenItsKeyChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, stop := w.worker()
	for range 3 {
		if r := w.ended(s, w.request(t.Context(), s)); r.State != StateCompleted {
			t.Fatalf("ended as %s: %v", r.State, r.Error)
		}
	}
	if n := len(w.releases()); n != 1 || s.secrets.count() != 1 {
		t.Errorf("for three analyses the secret was released %d times, %d are kept", n, s.secrets.count())
	}
	w.rotateKey(1)
	w.eventually("the old secret to be dropped", func() bool { return s.secrets.count() == 0 })
	w.ended(s, w.request(t.Context(), s))
	if got := w.with(); len(got) != 4 || got[2] != 0 || got[3] != 1 {
		t.Errorf("asked with the versions %v", got)
	}
	w.deleteKey()
	w.eventually("the secret of a deleted key to be dropped", func() bool { return s.secrets.count() == 0 })
	w.rotateKey(2)
	w.ended(s, w.request(t.Context(), s))
	stop(t.Context())
	if n := s.secrets.count(); n != 0 {
		t.Errorf("stopped, it keeps %d secrets", n)
	}
}

// A secret is replaced while a request is at the provider, which then refuses the old one.
func TestWhatIsRefusedBecauseTheSecretWasReplacedIsAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.worker()
	hang := make(chan struct{})
	w.provider.set(http.StatusUnauthorized, hang)
	id := w.request(t.Context(), s)
	w.eventually("the provider to be asked", func() bool { return len(w.provider.asked()) == 1 })
	w.rotateKey(1)
	w.provider.set(http.StatusOK, nil) // the first answer is decided already
	close(hang)
	if r := w.ended(s, id); r.State != StateCompleted {
		t.Errorf("ended as %s: %v", r.State, r.Error)
	}
	if got := w.with(); got[0] != 0 || got[1] != 1 {
		t.Errorf("asked with the versions %v", got)
	}
}

// TestADeletedKeyIsNotAskedWith is a fence: a key is deleted while an analysis waits to ask again, and while one is being
// prepared with the secret already in hand.
func TestADeletedKeyIsNotAskedWith(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.worker()
	w.provider.set(http.StatusServiceUnavailable, nil)
	waits := w.request(t.Context(), s)
	w.eventually("the first answer", func() bool { return len(w.provider.asked()) > 0 })
	w.deleteKey()
	before := len(w.provider.asked())
	r := w.ended(s, waits)
	if r.Error == nil || r.Error.Code != "KEY_GONE" || r.Error.Params["key"] != "Main" {
		t.Errorf("ended as %s with %v", r.State, r.Error)
	}
	w.provider.set(http.StatusOK, nil)
	w.rotateKey(1)
	w.others.mu.Lock()
	asks := 0
	w.others.asked = func() {
		if asks++; asks == 2 { // the first is for the request itself
			w.deleteKey()
		}
	}
	w.others.mu.Unlock()
	r = w.ended(s, w.request(t.Context(), s))
	if r.Error == nil || r.Error.Code != "KEY_GONE" || r.Usage.Maybe != 0 || r.Usage.Requests != 0 || len(r.Open) != 0 {
		t.Errorf("ended as %s with %v, %+v", r.State, r.Error, r.Usage)
	}
	if after := len(w.provider.asked()); after != before {
		t.Errorf("deleted, the key was asked with %d times", after-before)
	}
}

func TestAKeyThatIsRefusedIsDoubted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.worker()
	doubted := func() int {
		w.others.mu.Lock()
		defer w.others.mu.Unlock()
		return w.others.doubted
	}
	w.ended(s, w.request(t.Context(), s))
	w.provider.set(http.StatusBadRequest, nil)
	w.ended(s, w.request(t.Context(), s))
	if n := doubted(); n != 0 {
		t.Errorf("without a reason it was doubted %d times", n)
	}
	w.provider.set(http.StatusUnauthorized, nil)
	w.ended(s, w.request(t.Context(), s))
	if n := doubted(); n != 1 {
		t.Errorf("it was doubted %d times", n)
	}
}
