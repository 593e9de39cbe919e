package rig

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
)

// Every call of a history is whole: each event can be read, and the last of an analysis is its end.
func TestAHistoryIsWholeCalls(t *testing.T) {
	t.Parallel()
	const calls = 20
	dir := filepath.Join(t.TempDir(), "log")
	if err := fill(t.Context(), dir, calls); err != nil {
		t.Fatal(err)
	}
	b, err := broker.Start(t.Context(), broker.Config{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	log, err := stream.Open(b.Conn(), stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var events uint64
	for _, name := range []string{subject.Calls, subject.Live, subject.Transcripts} {
		info, err := log.Info(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		events += info.Messages
	}
	if events != calls*eventsPerCall {
		t.Errorf("%d events", events)
	}
	ended := map[string]int{}
	follow(t, log, 7*calls, func(e *eventv1.CallEvent) {
		ended[e.GetCallId()]++
		if o := e.GetCompleted().GetOutcome(); o != nil && (ended[e.GetCallId()] != 7 || o.GetAnalysisId() == "") {
			t.Errorf("%s ends with event %d: %v", e.GetCallId(), ended[e.GetCallId()], o)
		}
	})
	if len(ended) != calls || ended[callID(0)] != 7 || ended[callID(calls-1)] != 7 {
		t.Errorf("%v", ended)
	}
}

func follow(t *testing.T, log *stream.Log, events uint64, look func(*eventv1.CallEvent)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := log.Tail(ctx, subject.Calls, 0, func(m stream.Message) {
		var e eventv1.CallEvent
		if _, _, _, ok := subject.Parse(m.Subject); !ok || proto.Unmarshal(m.Data, &e) != nil {
			t.Errorf("%s cannot be read", m.Subject)
		}
		look(&e)
		if m.Sequence == events {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
