package ingest_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// model is what was acknowledged, and what was read.
type model struct {
	mu sync.Mutex
	// said are the entries that were acknowledged, in their writer's order: call, writer -> utterance and version.
	said map[[2]string][]string
	// pins are what a revision read like: call and revision -> text.
	pins map[string]string
}

// publisher sends words of its own to some calls, now and then twice, corrected, or cut off before it hears the answer,
// and ends calls while others still speak.
type publisher struct {
	t        *testing.T
	name     string
	rand     *rand.Rand
	replicas []*ingest.Service
	calls    []string
	model    *model
	versions map[string]uint32 // call and utterance -> highest version sent
}

func (p *publisher) any() *ingest.Service { return p.replicas[p.rand.IntN(len(p.replicas))] }

// try calls something until it is answered. Every fourth time the caller goes away after a moment, wherever the work
// then is: that is a crash between two steps, and an answer that never came.
func (p *publisher) try(what string, do func(ctx context.Context, s *ingest.Service) error) {
	p.t.Helper()
	caller := identity.Caller{Tenant: "a", AccountID: p.name, CallPermission: identity.PermissionEdit}
	for tries := 0; ; tries++ {
		ctx, cancel := context.WithTimeout(identity.With(context.Background(), caller), patience)
		if p.rand.IntN(4) == 0 {
			ctx, cancel = context.WithTimeout(ctx, time.Duration(p.rand.IntN(4000))*time.Microsecond)
		}
		err := do(ctx, p.any())
		cancel()
		if err == nil {
			return
		}
		if kind := fault.KindOf(err); tries > 200 || kind != fault.Unavailable && kind != fault.DeadlineExceeded {
			p.t.Errorf("%s: %s: %v", p.name, what, err)
			return
		}
	}
}

// speak sends a few utterances, some new, some again, some corrected.
func (p *publisher) speak(n int) {
	call := p.calls[p.rand.IntN(len(p.calls))]
	var words []*transcriptv1.NewUtterance
	var fresh []string
	for i := range 1 + p.rand.IntN(4) {
		id := fmt.Sprint(p.name, "-", n, "-", i)
		old := slices.Sorted(maps.Keys(p.versions))
		if p.rand.IntN(3) == 0 && len(old) > 0 {
			if key := old[p.rand.IntN(len(old))]; strings.HasPrefix(key, call+"/") {
				id = strings.TrimPrefix(key, call+"/")
			}
		}
		version, known := p.versions[call+"/"+id]
		if known && p.rand.IntN(2) == 0 {
			version++
		}
		if v, known := p.versions[call+"/"+id]; !known || version > v {
			fresh = append(fresh, fmt.Sprint(id, " ", version))
		}
		p.versions[call+"/"+id] = version
		words = append(words, &transcriptv1.NewUtterance{UtteranceId: id, Version: version, Speaker: p.name, Text: fmt.Sprint(id, " ", version)})
	}
	var res *transcriptv1.AppendUtterancesResponse
	p.try("append", func(ctx context.Context, s *ingest.Service) (err error) {
		res, err = s.AppendUtterances(ctx, &transcriptv1.AppendUtterancesRequest{CallId: call, Utterances: words})
		return err
	})
	if sum := res.GetAccepted() + res.GetDuplicates() + res.GetCorrected(); int(sum) != len(words) {
		p.t.Errorf("%d utterances sent, %v", len(words), res)
	}
	p.model.mu.Lock()
	p.model.said[[2]string{call, p.name}] = append(p.model.said[[2]string{call, p.name}], fresh...)
	p.model.mu.Unlock()
	p.look(call, res.GetRevision(), res.GetPosition())
}

// look pins what a call reads like on any replica: behind the answer, newest, and at the revision just acknowledged.
func (p *publisher) look(call string, revision uint32, position string) {
	for _, req := range []*transcriptv1.GetTranscriptRequest{
		{CallId: call, MinPosition: position}, {CallId: call, Newest: true}, {CallId: call, Revision: revision},
	} {
		p.try("read", func(ctx context.Context, s *ingest.Service) error {
			got, err := s.GetTranscript(ctx, req)
			if err != nil {
				return err
			}
			if got.GetRevision() < revision {
				p.t.Errorf("%s: revision %d was acknowledged, %d is shown", call, revision, got.GetRevision())
			}
			p.model.pin(p.t, call, got)
			return nil
		})
	}
}

func (m *model) pin(t *testing.T, call string, got *transcriptv1.GetTranscriptResponse) {
	t.Helper()
	key, text := fmt.Sprint(call, " at ", got.GetRevision()), strings.Join(texts(got), "\n")
	m.mu.Lock()
	defer m.mu.Unlock()
	if was, known := m.pins[key]; known && was != text {
		t.Errorf("%s reads\n%s\nand read\n%s", key, text, was)
	}
	m.pins[key] = text
}

// check compares a replica with what was acknowledged: every entry once, each writer's in its order.
func (m *model) check(t *testing.T, s *ingest.Service, call string) {
	t.Helper()
	got := read(t, s, call, 0)
	var heard []string
	for r := range got.GetRevision() {
		now := glance(t, s, call, r+1)
		m.pin(t, call, now)
		for _, u := range now.GetUtterances() {
			if u.GetUtteranceId() == now.GetLastUtterance() {
				heard = append(heard, u.GetText())
			}
		}
	}
	total := 0
	for by, said := range m.said {
		if by[0] != call {
			continue
		}
		total += len(said)
		mine := slices.DeleteFunc(slices.Clone(heard), func(text string) bool { return !strings.HasPrefix(text, by[1]+"-") })
		if !slices.Equal(mine, said) {
			t.Errorf("%s: %s said\n%q, heard\n%q", call, by[1], said, mine)
		}
	}
	if len(heard) != total {
		t.Errorf("%s: %d entries, %d were acknowledged", call, len(heard), total)
	}
}

func TestRandomPublishersFoldersAndCrashes(t *testing.T) {
	t.Parallel()
	b := newBench(t, streamtest.Unsynced())
	replicas := []*ingest.Service{b.replica(), b.replica()}
	m := &model{said: map[[2]string][]string{}, pins: map[string]string{}}
	calls := []string{"c1", "c2", "c3", "c4"}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var group sync.WaitGroup
	for i := range 4 {
		p := &publisher{
			t: t, name: fmt.Sprint("w", i), rand: rand.New(rand.NewPCG(seed, uint64(i))),
			replicas: replicas, calls: calls, model: m, versions: map[string]uint32{},
		}
		group.Go(func() {
			for n := range 24 {
				p.speak(n)
				if n > 6 && p.rand.IntN(12) == 0 {
					call := p.calls[p.rand.IntN(len(p.calls))]
					p.try("end", func(ctx context.Context, s *ingest.Service) error {
						_, err := s.EndCall(ctx, &transcriptv1.EndCallRequest{CallId: call})
						if fault.KindOf(err) == fault.NotFound {
							return nil // nobody has spoken in it yet
						}
						return err
					})
				}
			}
		})
	}
	group.Wait()
	fresh := b.replica()
	for _, call := range calls {
		m.check(t, fresh, call)
		m.check(t, replicas[0], call)
		end(t, replicas[1], call)
		m.check(t, fresh, call)
		b.onlySealed(call)
		b.parts(call)
	}
	want := sums(t, replicas[1], replicas[1])
	for i, s := range append(replicas, fresh, b.replica()) {
		if got := sums(t, s, replicas[1]); got != want {
			t.Errorf("replica %d sums to\n%s, want\n%s", i, got, want)
		}
	}
}
