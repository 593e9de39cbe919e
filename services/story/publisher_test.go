package story_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// Publishers send what real ones send, in every way there is: twice, in another order, late, corrected, contradicting
// themselves, two of them at once. Processes are killed meanwhile. What comes of it is computed from what was sent alone.
func TestWhateverPublishersDoTheTranscriptIsWhatWasSaid(t *testing.T) {
	everyWay(t, whateverPublishersDoTheTranscriptIsWhatWasSaid)
}

func whateverPublishersDoTheTranscriptIsWhatWasSaid(s stage) {
	t := s.t
	calls, kills := 20, 2
	if whole() {
		calls, kills = 200, 10
	}
	p := newPublishing(s, calls)
	p.w.start()
	p.post = newPost(t, p.w, p.w.logIn("admin", adminPassword), p.nats)
	sending, over := context.WithTimeout(t.Context(), patience)
	defer over()
	reading, stop := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	defer readers.Wait()
	defer stop()
	for range 2 {
		readers.Go(func() { p.read(reading) })
	}
	next := atomic.Int64{}
	for range 5 {
		writers.Go(func() {
			for n := next.Add(1) - 1; int(n) < calls && !t.Failed(); n = next.Add(1) - 1 {
				p.tell(sending, p.scripts[n], p.sent[n])
				p.over.Add(1)
			}
		})
	}
	for n := range kills {
		until(t, "enough calls are over", patience+time.Minute, func() bool {
			return int(p.over.Load()) >= calls*(kills+n)/(2*kills) || t.Failed()
		})
		p.killOne()
	}
	writers.Wait()
	if t.Failed() {
		return // what was never acknowledged says enough
	}
	p.judge(stop, &readers)
}

// patience is how long everything may take to be acknowledged, and then to be in: a bound for what hangs, and no promise.
const patience = 4 * time.Minute

// publishing is the story while it is told.
type publishing struct {
	t       *testing.T
	w       *world
	post    *post
	nats    string
	scripts []script
	sent    []*sending
	over    atomic.Int64
	inBy    time.Time // when all that was acknowledged is to be in

	mu   sync.Mutex
	pins map[pin]string // what a revision read like when it was first read
}

// pin is a revision of a call.
type pin struct {
	call     string
	revision uint32
}

// sending is what the publishers of a call have done so far.
type sending struct {
	opened chan struct{} // closed once the call is there

	mu    sync.Mutex
	sums  sums
	tried map[entryID]bool
	ended bool // acknowledged
}

// newPublishing makes the scripts, from a seed that is told: KIKIGAKI_SEED makes the same again.
func newPublishing(s stage, calls int) *publishing {
	t := s.t
	seed := rand.Uint64()
	if given := os.Getenv("KIKIGAKI_SEED"); given != "" {
		var err error
		if seed, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("KIKIGAKI_SEED=%d", seed)
	p := &publishing{t: t, nats: freeAddress(t), pins: map[pin]string{}}
	if s.way == together {
		p.w = s.way.newWorld(t, "--nats-listen", p.nats)
		p.w.grpc = freeAddress(t)
		p.w.replicas = []*replica{p.w.everything()}
	} else {
		p.w = s.way.newWorld(t)
	}
	for n := range calls {
		one := newScript(rand.New(rand.NewPCG(seed, uint64(n))), fmt.Sprintf("call-%d", n), true)
		if n%4 == 1 {
			one.link = fmt.Sprintf("call-%d", n-1)
			one.legs[0].letters[0].link = one.link
		}
		p.scripts = append(p.scripts, one)
		p.sent = append(p.sent, &sending{
			opened: make(chan struct{}), tried: map[entryID]bool{}, sums: sums{endedBefore: map[entryID]bool{}},
		})
	}
	return p
}

// tell sends a script: all legs at once, once the first letter has opened the call.
func (p *publishing) tell(ctx context.Context, s script, sent *sending) {
	var legs sync.WaitGroup
	for n, l := range s.legs {
		legs.Go(func() {
			if n > 0 {
				<-sent.opened
			}
			p.leg(ctx, s.call, n == 0, l, sent)
		})
	}
	legs.Wait()
}

// leg sends letters one after another; several that go by stream go on one, without waiting in between.
func (p *publishing) leg(ctx context.Context, call string, first bool, l leg, sent *sending) {
	open := sync.OnceFunc(func() { close(sent.opened) })
	defer func() {
		if first {
			open()
		}
	}()
	for rest := l.letters; len(rest) > 0 && !p.t.Failed(); {
		n := 1
		for first := rest[0].way == byStream; first && n < min(len(rest), 1+rand.IntN(6)) && rest[n].way == byStream; {
			n++
		}
		rest = rest[p.letters(ctx, call, rest[:n], sent):]
		if first {
			open()
		}
		if rand.IntN(4) == 0 {
			time.Sleep(rand.N(20 * time.Millisecond))
		}
	}
}

// letters tries once to send letters and tells how many were acknowledged.
func (p *publishing) letters(ctx context.Context, call string, all []letter, sent *sending) (acknowledged int) {
	sent.begin(all)
	var got reply
	var err error
	c := p.post.clients[rand.IntN(len(p.post.clients))]
	switch all[0].way {
	case byHTTP:
		got, err = p.post.byHTTP(call, all[0])
	case byUnary:
		got, err = p.post.byUnary(ctx, c, call, all[0])
	case byStream:
		acknowledged, got, err = p.post.byStream(ctx, c, call, all)
	case byInbox:
		err = p.post.byInbox(ctx, call, all[0])
	}
	if err == nil {
		acknowledged = len(all)
	} else if !errors.Is(err, errTryAgain) || ctx.Err() != nil {
		p.t.Errorf("%s by %s: %v", call, all[0].way, err)
	}
	sent.end(all, acknowledged, got)
	if err != nil {
		time.Sleep(20 * time.Millisecond)
	}
	return acknowledged
}

// begin notes what is sent for the first time after the end of the call was acknowledged.
func (s *sending) begin(all []letter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range all {
		for _, u := range l.said {
			if !s.tried[u.entry()] && s.ended {
				s.sums.endedBefore[u.entry()] = true
			}
			s.tried[u.entry()] = true
		}
	}
}

// end counts what was answered and what was not.
func (s *sending) end(all []letter, acknowledged int, got reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, l := range all {
		others := 0
		for _, u := range l.said {
			if u.other {
				others++
			}
		}
		if n < acknowledged {
			s.sums.answered, s.sums.otherAnswered = s.sums.answered+len(l.said), s.sums.otherAnswered+others
			s.ended = s.ended || l.ends && l.way != byInbox
		} else {
			s.sums.open, s.sums.otherOpen = s.sums.open+len(l.said), s.sums.otherOpen+others
		}
		s.sums.redelivered = s.sums.redelivered || l.way == byInbox
	}
	s.sums.told.Duplicates += got.duplicates
	s.sums.told.Conflicting += got.conflicting
}

// killOne kills one process as kill -9 does, and starts it again.
func (p *publishing) killOne() {
	n := rand.IntN(len(p.w.replicas) + p.w.serverCount())
	if n < len(p.w.replicas) {
		r := p.w.replicas[n]
		p.t.Logf("killing %s", r.name)
		r.kill()
		r.spawn()
		r.awaitReady()
		return
	}
	s := p.w.servers.nodes[n-len(p.w.replicas)]
	p.t.Logf("killing %s", s.name)
	p.w.restartServer(s, os.Kill)
}

// read reads revisions of calls, any of them, and remembers how each read first: it reads so for ever.
func (p *publishing) read(ctx context.Context) {
	for ctx.Err() == nil {
		call := p.scripts[rand.IntN(len(p.scripts))].call
		c := p.post.clients[rand.IntN(len(p.post.clients))]
		if newest, text, ok := p.revision(ctx, c, call, 0); ok && newest > 0 {
			p.pin(pin{call, newest}, text)
			at := 1 + rand.Uint32N(newest)
			if _, text, ok := p.revision(ctx, c, call, at); ok {
				p.pin(pin{call, at}, text)
			}
		}
		select {
		case <-time.After(rand.N(30 * time.Millisecond)):
		case <-ctx.Done():
		}
	}
}

func (p *publishing) pin(at pin, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before, known := p.pins[at]; known && before != text {
		p.t.Errorf("%v read %s, and now %s", at, before, text)
		return
	}
	p.pins[at] = text
}

// revision reads a call from one replica; 0 is the newest.
func (p *publishing) revision(
	ctx context.Context, c transcriptv1.TranscriptServiceClient, call string, at uint32,
) (revision uint32, text string, ok bool) {
	ctx, cancel := p.post.calling(ctx)
	defer cancel()
	res, err := c.GetTranscript(ctx, &transcriptv1.GetTranscriptRequest{CallId: call, Revision: at})
	if err != nil {
		return 0, "", false
	}
	return res.GetRevision(), fmt.Sprint(saidOf(res.GetUtterances())), true
}

func saidOf(list []*transcriptv1.Utterance) []said {
	out := make([]said, 0, len(list))
	for _, u := range list {
		out = append(out, said{
			id: u.GetUtteranceId(), version: u.GetVersion(), order: u.GetOrder(), speaker: u.GetSpeaker(), text: u.GetText(),
		})
	}
	return out
}

// judge waits until all is in, reads everything from every replica and from the log, and compares.
func (p *publishing) judge(stop context.CancelFunc, readers *sync.WaitGroup) {
	t := p.t
	receipts := make([]counted, len(p.scripts))
	finals := make([][]said, len(p.scripts))
	p.inBy = time.Now().Add(time.Minute)
	for n, s := range p.scripts {
		p.linked(s)
		receipts[n], finals[n] = p.settled(s, p.sent[n].sums)
	}
	stop()
	readers.Wait()
	for at, text := range p.pins {
		for n, c := range p.post.clients {
			until(t, fmt.Sprintf("%v can be read", at), time.Minute, func() bool {
				_, now, ok := p.revision(t.Context(), c, at.call, at.revision)
				if ok && now != text {
					t.Errorf("%v read %s, and at the end on replica %d %s", at, text, n, now)
				}
				return ok
			})
		}
	}
	p.w.stop()
	logs := p.readLog()
	exact, entries := 0, 0
	for n, s := range p.scripts {
		sent, log := p.sent[n].sums, logs[s.call]
		for _, wrong := range s.wrong(sent, log, receipts[n], finals[n]) {
			t.Errorf("%s: %s", s.call, wrong)
		}
		if entries += len(log); sent.open == 0 && !sent.redelivered {
			exact++
		}
	}
	for at, text := range p.pins {
		if log := logs[at.call]; int(at.revision) > len(log) || fmt.Sprint(reads(log[:at.revision])) != text {
			t.Errorf("%v read %s, and on the log it is otherwise", at, text)
		}
	}
	t.Logf("%d calls, %d entries, %d pinned revisions; of %d calls every repetition was answered", len(p.scripts), entries, len(p.pins), exact)
	if exact == 0 || len(p.pins) < len(p.scripts) {
		t.Error("little was judged")
	}
}

// settled is a call's receipt and transcript once all that was acknowledged is in them: what lies in the inbox is on its
// way for a while. That it is never in them is left to the judgement.
func (p *publishing) settled(s script, sent sums) (out counted, final []said) {
	told := s.told()
	path := "/api/v1/calls/" + url.PathEscape(s.call)
	for ; ; time.Sleep(50 * time.Millisecond) {
		var a answer
		until(p.t, s.call+" has a receipt", time.Minute, func() bool {
			var err error
			a, err = p.post.admin.try("GET", path+"/receipt", nil)
			return err == nil && a.status < http.StatusInternalServerError
		})
		out = counted{}
		if err := json.Unmarshal(a.body, &out); err != nil {
			p.t.Fatalf("%v %s", err, a.body)
		}
		all := int(out.Revision) >= len(told) && int(out.Revision+out.Duplicates) >= sent.answered
		if all || time.Now().After(p.inBy) {
			break
		}
	}
	until(p.t, s.call+" can be read", time.Minute, func() bool {
		ctx, cancel := p.post.calling(p.t.Context())
		defer cancel()
		res, err := p.post.clients[0].GetTranscript(ctx, &transcriptv1.GetTranscriptRequest{CallId: s.call, Newest: true})
		final = saidOf(res.GetUtterances())
		return err == nil && res.GetState() == "finished"
	})
	return out, final
}

// linked checks that a call which another names says so.
func (p *publishing) linked(s script) {
	if s.link == "" {
		return
	}
	var got struct {
		Links []struct {
			CallID   string
			Relation string
			Incoming bool
		}
	}
	until(p.t, s.link+" can be read", time.Minute, func() bool {
		a, err := p.post.admin.try("GET", "/api/v1/calls/"+s.link, nil)
		return err == nil && a.status == http.StatusOK && json.Unmarshal(a.body, &got) == nil
	})
	if len(got.Links) != 1 || got.Links[0].CallID != s.call || !got.Links[0].Incoming || got.Links[0].Relation != "transfer" {
		p.t.Errorf("%s is named by %s and shows %+v", s.link, s.call, got.Links)
	}
}

// readLog reads the words of all calls off the log itself: parts in their order, then what is live.
func (p *publishing) readLog() map[string][]stored {
	t := p.t
	out := map[string][]stored{}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := p.w.withLog(ctx, func(l *stream.Log) error {
		for _, s := range p.scripts {
			guard := stream.NewGuard(subject.Transcripts, subject.TranscriptGuard("default", s.call))
			if err := l.Between(ctx, guard, 0, 1<<62, func(m stream.Message) error {
				return p.part(s.call, m, out)
			}); err != nil {
				return err
			}
			live := stream.NewGuard(subject.Live, subject.LiveWords("default", s.call))
			if err := l.Between(ctx, live, 0, 1<<62, func(m stream.Message) error {
				var e eventv1.LiveEvent
				if err := proto.Unmarshal(m.Data, &e); err != nil {
					return err
				}
				if len(e.GetWords().GetEntries()) > 0 {
					t.Errorf("%s is folded, and words are live: %v", s.call, e.GetWords())
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// part adds the entries of a part to those before it. Parts are numbered and say where they begin.
func (p *publishing) part(call string, m stream.Message, out map[string][]stored) error {
	var e eventv1.TranscriptEvent
	if err := proto.Unmarshal(m.Data, &e); err != nil {
		return err
	}
	part := e.GetPart()
	if int(part.GetFirst()) != len(out[call])+1 {
		p.t.Errorf("%s: part %d begins at %d behind %d entries", call, part.GetNumber(), part.GetFirst(), len(out[call]))
	}
	for _, e := range part.GetEntries() {
		out[call] = append(slices.Clip(out[call]), stored{late: part.GetLate(), said: said{
			id: e.GetUtteranceId(), version: e.GetVersion(), order: e.GetOrder(), speaker: e.GetSpeaker(), text: e.GetText(),
		}})
	}
	return nil
}
