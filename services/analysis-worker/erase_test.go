package analysis

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// erase writes the call's tombstone, as transcript-ingest does; nobody has erased it where its age was the reason.
func (w *world) erase(by string) {
	w.t.Helper()
	e := &eventv1.CallEvent{
		CallId: "c", Meta: &eventv1.Meta{At: timestamppb.Now()},
		Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}},
	}
	if by != "" {
		e.Meta.By = &eventv1.Actor{AccountId: by}
	}
	data, err := proto.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.log.Commit(w.t.Context(), guard("a", "c"), ids.New("event"), func(context.Context, uint64) (*stream.Event, error) {
		return &stream.Event{Subject: subject.Call("a", "c", subject.KindErased), Data: data}, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// kinds are the kinds of the events that lie under the call's guard.
func (w *world) kinds() (out []string) {
	w.t.Helper()
	err := w.log.Between(w.t.Context(), guard("a", "c"), 0, 1<<62, func(m stream.Message) error {
		out = append(out, kindOf(m))
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// leaves waits until these kinds of events are left of the call.
func (w *world) leaves(want ...string) {
	w.t.Helper()
	w.eventually("the log to hold "+strings.Join(want, " "), func() bool {
		return strings.Join(w.kinds(), " ") == strings.Join(want, " ")
	})
}

// wiped waits until some text is in no file of the log and of the views.
func (w *world) wiped(text string) {
	w.t.Helper()
	w.eventually(text+" to be in no file", func() bool { return w.holding(text) == "" })
}

func (w *world) holding(text string) (file string) {
	for _, dir := range w.dirs {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return nil //nolint:nilerr // files are replaced while they are looked for
			}
			if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(text)) {
				file = path
			}
			return nil
		})
	}
	return file
}

func ann(ctx context.Context) context.Context {
	return identity.With(ctx, identity.Caller{
		Tenant: "a", AccountID: "ann", Role: identity.RoleUser, CallPermission: identity.PermissionEdit,
	})
}

func TestOfAnErasedCallsAnalysesOnlyTheirCostIsLeft(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]string{"by a person": "boss", "by its age": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s, _ := w.worker()
			other, _ := w.worker()
			first := w.request(t.Context(), s)
			if r := w.ended(s, first); r.State != StateCompleted {
				t.Fatalf("%+v", r)
			}
			w.erase(by)
			w.leaves(subject.KindOpened, subject.KindErased, subject.KindDeleted)
			last, _, err := w.log.Last(t.Context(), guard("a", "c"))
			e := &eventv1.CallEvent{}
			if err != nil || proto.Unmarshal(last.Data, e) != nil || e.GetDeleted().GetUsage().GetInputTokens() != 30 {
				t.Errorf("%v %v", e, err)
			}
			for i, s := range []*Service{s, other} {
				w.eventually("the replica to know", func() bool {
					_, err := s.ListAnalyses(ann(t.Context()), &analysisv1.ListAnalysesRequest{CallId: "c"})
					return fault.Is(err, "CALL_ERASED")
				})
				_, err := s.RequestAnalyses(ann(t.Context()), &analysisv1.RequestAnalysesRequest{CallId: "c", PromptIds: []string{"p"}})
				if !fault.Is(err, "CALL_ERASED") {
					t.Errorf("replica %d: a request: %v", i, err)
				}
			}
			if by != "" {
				w.wiped(secretAnswer)
				w.wiped(secretPrompt)
			}
		})
	}
}

// What is at the provider when its call is erased is stopped, and counted as maybe paid.
func TestAnErasedCallsRequestIsStopped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	never := make(chan struct{})
	defer close(never)
	w.provider.set(http.StatusOK, never)
	s, _ := w.worker()
	id := w.request(t.Context(), s)
	w.eventually("the provider to be asked", func() bool { return len(w.provider.asked()) == 1 })
	w.erase("boss")
	w.eventually("the run to end", func() bool { _, running := s.pool.counts(); return running == 0 })
	w.leaves(subject.KindOpened, subject.KindErased, subject.KindDeleted)
	last, _, err := w.log.Last(t.Context(), guard("a", "c"))
	e := &eventv1.CallEvent{}
	if err != nil || proto.Unmarshal(last.Data, e) != nil || e.GetDeleted().GetAnalysisId() != id ||
		e.GetDeleted().GetUsage().GetMaybeRequests() != 1 {
		t.Errorf("%v %v", e, err)
	}
	w.wiped(secretPrompt)
}

func TestADeletedResultIsInNoFileAndItsCallIsFree(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, _ := w.worker()
	ask := func(s *Service, repeat string) (string, error) {
		res, err := s.RequestAnalyses(ann(t.Context()), &analysisv1.RequestAnalysesRequest{
			CallId: "c", PromptIds: []string{"p"}, IdempotencyKey: repeat,
		})
		if err != nil {
			return "", err
		}
		return res.GetAnalyses()[0].GetId(), nil
	}
	id, err := ask(s, "k")
	if err != nil {
		t.Fatal(err)
	}
	w.ended(s, id)
	if _, err := s.DeleteAnalysis(ann(t.Context()), &analysisv1.DeleteAnalysisRequest{Id: id}); err != nil {
		t.Fatal(err)
	}
	w.leaves(subject.KindOpened, subject.KindRequested, subject.KindDeleted)
	w.wiped(secretAnswer)
	if _, err := ask(s, "k"); fault.KindOf(err) != fault.Gone || !fault.Is(err, "ANALYSIS_DELETED") {
		t.Errorf("asked again: %v", err)
	}
	fresh, _ := w.worker() // knows of its end from the tombstone alone
	again, err := ask(fresh, "")
	if err != nil {
		t.Fatalf("after the deletion: %v", err)
	}
	if r := w.ended(fresh, again); r.State != StateCompleted {
		t.Errorf("%+v", r)
	}
}
