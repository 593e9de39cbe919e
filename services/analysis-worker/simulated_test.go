package analysis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/view"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/simulator" //nolint:depguard // the provider that keeps a record of what it was asked, over real HTTP
)

// simulate puts the simulator, with a model "m-1" of these limits, in the place of the world's provider.
func (w *world) simulate(m simulator.Model, flavour simulator.Flavour) *simulator.Server {
	w.t.Helper()
	m.ID = "m-1"
	sim := simulator.New(simulator.Config{
		Keys: []simulator.Key{{Secret: secretKey, Organization: "org-1"}}, Models: []simulator.Model{m}, Flavour: flavour,
	})
	base, err := sim.Start(w.t.Context(), "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = sim.Stop(context.Background()) })
	w.others.url = base
	return sim
}

// share sets what of the lane's limits may be used by the keys k and k2, which share it; 0: all.
func (w *world) share(requests int64) {
	w.t.Helper()
	for i, id := range []string{"k", "k2"} {
		k := &eventv1.KeySaved{Id: id, Kind: "compatible", Name: id, Model: "m-1", Lane: "lane"}
		if i == 0 && requests > 0 {
			k.LimitOverrides = &eventv1.ProviderLimits{RequestsPerMinute: requests}
		}
		w.keyEvent(&eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: k}})
	}
}

// many asks for an analysis of each of n new calls, by both keys in turn.
func (w *world) many(s *Service, name string, n int) (ids []string) {
	w.t.Helper()
	for i := range n {
		call := fmt.Sprint(name, i)
		w.open(call)
		w.eventually("the call to be seen", func() bool {
			err := s.follower.Read(func(tx *view.Tx) error {
				_, ok, err := readCall(tx, "a", call)
				return cmp.Or(err, map[bool]error{false: errEnded}[ok])
			})
			return err == nil
		})
		ids = append(ids, w.requestOf(w.t.Context(), s, call, []string{"p", "p2"}[i%2]))
	}
	return ids
}

func (w *world) allCompleted(s *Service, ids []string) {
	w.t.Helper()
	for _, id := range ids {
		if r := w.terminal(s, id); r.State != StateCompleted {
			w.t.Fatalf("ended as %s: %+v", r.State, r.Error)
		}
	}
}

// terminal waits until an analysis has ended.
func (w *world) terminal(s *Service, id string) (r Record) {
	w.t.Helper()
	w.eventually("the analysis to end", func() bool {
		err := s.follower.Read(func(tx *view.Tx) (err error) { r, _, err = readRecord(tx, "a", id); return err })
		return err == nil && r.Terminal()
	})
	return r
}

// times are when the provider was asked, by its own record.
func times(sim *simulator.Server) (at []time.Time) {
	for _, e := range sim.Ledger() {
		at = append(at, e.At)
	}
	slices.SortFunc(at, time.Time.Compare)
	return at
}

// TestAShareOfTheLimitIsKeptAtTheProvider is a fence. The provider's own record says when it was asked: with a share of 120
// requests a minute never more often than a bucket allows that was empty when the worker began, by both keys together.
// Without the share nothing holds them.
func TestAShareOfTheLimitIsKeptAtTheProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sim := w.simulate(simulator.Model{Window: 128_000, TokensPerMinute: 100_000_000, RequestsPerMinute: 100_000}, "")
	const share, jobs, free = 120, 8, 4
	w.share(share)
	began := time.Now()
	s, _ := w.worker()
	w.allCompleted(s, w.many(s, "shared", jobs))
	asked := times(sim)
	if len(asked) != jobs {
		t.Fatalf("%d requests", len(asked))
	}
	for i, at := range asked {
		if most := at.Sub(began).Minutes() * share; float64(i+1) > most {
			t.Errorf("%d requests within %s of the worker's begin: a share of %d a minute lets %.1f through",
				i+1, at.Sub(began).Round(time.Millisecond), share, most)
		}
	}
	w.share(0)
	w.allCompleted(s, w.many(s, "free", free))
	all := times(sim)
	t.Logf("%d requests took %s of the provider's time with a share of %d a minute, %d without it %s", jobs,
		asked[jobs-1].Sub(asked[0]).Round(time.Millisecond), share, free, all[jobs+free-1].Sub(all[jobs]).Round(time.Millisecond))
	for _, e := range sim.Ledger() {
		if e.Status != 200 {
			t.Errorf("the provider had to say %d", e.Status)
		}
	}
}

// One request a minute lets nothing through for the first minute. Taken back, all go; and who waits was told how long.
func TestAShareThatIsTakenBackLetsThoseGoWhoWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sim := w.simulate(simulator.Model{Window: 128_000, TokensPerMinute: 100_000_000, RequestsPerMinute: 100_000}, "")
	w.share(1)
	began := time.Now()
	s, _ := w.worker()
	ids := w.many(s, "c", 3)
	admin := identity.With(t.Context(), identity.Caller{Tenant: "a", AccountID: "root", Role: identity.RoleSystemAdmin})
	var a *analysisv1.Analysis
	w.eventually("a place in line", func() bool {
		res, err := s.GetAnalysis(admin, &analysisv1.GetAnalysisRequest{Id: ids[2]})
		if err != nil {
			t.Fatal(err)
		}
		a = res.GetAnalysis()
		return a.GetQueuePosition() == 3 && a.QueueEtaSeconds != nil
	})
	if a.GetQueueEtaSeconds() < 60 {
		t.Errorf("the third of one a minute is told to wait for %d s", a.GetQueueEtaSeconds())
	}
	limits, err := s.GetKeyLimits(admin, &analysisv1.GetKeyLimitsRequest{KeyId: "k2"})
	if err != nil || limits.GetEffective().GetRequestsPerMinute() != 1 || len(limits.GetSharedWith()) != 1 {
		t.Errorf("of the other key of the lane it is said %v, %v", limits, err)
	}
	asked := times(sim)
	if len(asked) > 0 && asked[0].Sub(began) < time.Minute {
		t.Errorf("asked %s after the begin", asked[0].Sub(began))
	}
	w.share(0)
	w.allCompleted(s, ids)
}

// A server of one's own says only when it refuses how long a question may be. Then every analysis of the lane knows.
func TestAWindowIsLearnedFromARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sim := w.simulate(simulator.Model{Window: 2000, TokensPerMinute: 100_000_000, RequestsPerMinute: 100_000}, simulator.FlavourVLLM)
	s, _ := w.worker()
	for _, asked := range []int{1, 1} {
		r := w.ended(s, w.request(t.Context(), s))
		if r.Error == nil || r.Error.Code != codeTooLong || r.Error.Params["limit"] != "2000" {
			t.Errorf("told is %+v", r.Error)
		}
		if got := len(sim.Ledger()); got != asked {
			t.Errorf("asked %d times, want %d", got, asked)
		}
	}
	admin := identity.With(t.Context(), identity.Caller{Tenant: "a", AccountID: "root", Role: identity.RoleSystemAdmin})
	limits, err := s.GetKeyLimits(admin, &analysisv1.GetKeyLimitsRequest{KeyId: "k"})
	if err != nil || limits.GetEffective().GetContextWindow() != 2000 {
		t.Errorf("what goes is %v, %v", limits.GetEffective(), err)
	}
	if got := s.windows.said("lane", time.Now().Add(windowTime)); got != 0 {
		t.Errorf("an hour later %d are believed in", got)
	}
}
