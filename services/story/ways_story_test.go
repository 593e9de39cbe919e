package story_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// event is a CloudEvent of somebody's recogniser.
func event(kind, id string, data map[string]any) map[string]any {
	return map[string]any{
		"specversion": "1.0", "type": "kikigaki." + kind + ".v1", "source": "/recogniser", "id": id, "data": data,
	}
}

// word is the event of the n-th utterance of a call, with the utterance's id.
func word(call string, n int) map[string]any {
	return event("utterance", fmt.Sprint(call, "-", n), map[string]any{
		"callId": call, "utteranceId": fmt.Sprint(n), "order": n, "speaker": "agent", "text": textOf(n),
	})
}

func textOf(n int) string { return fmt.Sprintf("Sentence %d: もしもし。", n) }

// recogniser is a newcomer's publisher: with one token it speaks HTTP, gRPC and NATS.
type recogniser struct {
	t    *testing.T
	p    *person
	rpc  transcriptv1.TranscriptServiceClient
	nats *streamtest.Outsider // nil when it is not let in
}

// inboxes is an installation in one process that listens to gRPC and NATS.
func inboxes(t *testing.T) (w *world, port string) {
	t.Helper()
	port = freeAddress(t)
	w = newWorld(t, "--nats-listen", port)
	w.grpc = freeAddress(t)
	w.replicas = []*replica{w.everything()}
	w.start()
	return w, port
}

// publisher makes a publisher of a person. The error is what NATS says who does not let it in.
func (w *world) publisher(p *person, port string) (*recogniser, error) {
	w.t.Helper()
	conn, err := grpc.NewClient(w.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	o, err := streamtest.Outside(w.t, port, p.token)
	return &recogniser{t: w.t, p: p, rpc: transcriptv1.NewTranscriptServiceClient(conn), nats: o}, err
}

// happened is what became of events that were posted.
type happened struct {
	Accepted, Duplicates uint32
	Refused              []refusedEvent
}

type refusedEvent struct{ Code, Field string }

// post sends a batch over HTTP.
func (r *recogniser) post(events ...map[string]any) (out happened) {
	r.t.Helper()
	a, err := r.p.tryWith("POST", "/api/v1/events", events, map[string]string{"Content-Type": "application/cloudevents-batch+json"})
	if err != nil || a.status != http.StatusOK {
		r.t.Fatalf("%v, %d %s", err, a.status, a.body)
	}
	a.into(r.t, &out)
	return out
}

// stream sends utterances of a call over one gRPC stream and waits until all are acknowledged.
func (r *recogniser) stream(call string, numbers ...int) (out happened, err error) {
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	flow, err := r.rpc.StreamUtterances(metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+r.p.token))
	if err != nil {
		return out, err
	}
	for _, n := range numbers {
		m := &transcriptv1.StreamUtterancesRequest{Append: &transcriptv1.AppendUtterancesRequest{
			CallId: call, Utterances: []*transcriptv1.NewUtterance{
				{UtteranceId: fmt.Sprint(n), Order: int64(n), Speaker: "agent", Text: textOf(n)},
			},
		}}
		if flow.Send(m) != nil {
			break // Recv says why
		}
	}
	_ = flow.CloseSend()
	for {
		res, err := flow.Recv()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		out.Accepted += res.GetAccepted()
		out.Duplicates += res.GetDuplicates()
		for _, refused := range res.GetRefused() {
			out.Refused = append(out.Refused, refusedEvent{refused.GetCode(), refused.GetField()})
		}
	}
}

// publish puts an event into the inbox and waits until it is on disk.
func (r *recogniser) publish(ctx context.Context, source string, event map[string]any) error {
	data, err := json.Marshal(event)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	return r.nats.Publish(ctx, subject.InboxOf("default", source), data)
}

// spoken are a call's words, and its receipt.
type spoken struct {
	State                                    string
	Revision                                 uint32
	Accepted, Duplicates, Corrected, Missing uint32
	Texts                                    []string
}

func (p *person) spoken(call string) (out spoken) {
	p.t.Helper()
	a, err := p.try("GET", "/api/v1/calls/"+call+"/receipt", nil)
	if err != nil || a.status == http.StatusNotFound {
		return out
	}
	a.into(p.t, &out)
	var got struct{ Utterances []struct{ Text string } }
	p.must(http.StatusOK, "GET", "/api/v1/calls/"+call+"/transcript", nil).into(p.t, &got)
	for _, u := range got.Utterances {
		out.Texts = append(out.Texts, u.Text)
	}
	return out
}

// A newcomer brings the same call in by every way there is: it is one transcript, and what came before by another way is
// known.
func TestWordsOfEveryWayInAreOneTranscript(t *testing.T) {
	t.Parallel()
	w, port := inboxes(t)
	admin := w.logIn("admin", adminPassword)
	r, err := w.publisher(admin.account(w, "asr", "user", "edit"), port)
	if err != nil {
		t.Fatal(err)
	}
	const call = "every-way"
	if got := r.post(word(call, 1), word(call, 2), word(call, 1)); got.Accepted != 2 || got.Duplicates != 1 || len(got.Refused) != 0 {
		t.Errorf("by HTTP: %+v", got)
	}
	if got, err := r.stream(call, 2, 3, 4); err != nil || got.Accepted != 2 || got.Duplicates != 1 || len(got.Refused) != 0 {
		t.Errorf("by gRPC: %+v, %v", got, err)
	}
	for _, n := range []int{5, 1, 4, 6, 6} {
		if err := r.publish(r.t.Context(), "asr-1", word(call, n)); err != nil {
			t.Errorf("by NATS, %d: %v", n, err)
		}
	}
	end := event("call.ended", "end", map[string]any{"callId": call})
	if err := r.publish(r.t.Context(), "asr-1", end); err != nil {
		t.Error(err)
	}
	var got spoken
	until(t, "the call has ended", time.Minute, func() bool { got = admin.spoken(call); return got.State == "finished" })
	want := spoken{State: "finished", Revision: 6, Accepted: 6, Duplicates: 5}
	for n := range 6 {
		want.Texts = append(want.Texts, textOf(n+1))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the call is %+v, want %+v", got, want)
	}
	if again := r.post(word(call, 5)); again.Accepted != 0 || again.Duplicates != 1 {
		t.Errorf("by HTTP, what came by NATS: %+v", again)
	}
	r.isToldOfWhatWasRefused(admin)
	w.turnsAway(admin.account(w, "reader", "user", "view"), port, admin)
	w.stop()
}

// isToldOfWhatWasRefused ends a call that there is not: the publisher hears of it, it lies among the dead letters, and can be
// driven again once there is the call.
func (r *recogniser) isToldOfWhatWasRefused(admin *person) {
	r.t.Helper()
	heard, err := r.nats.Hear(subject.RefusedAll("default"))
	if err != nil {
		r.t.Fatal(err)
	}
	const call = "comes-later"
	if err := r.publish(r.t.Context(), "asr-1", event("call.ended", "too-early", map[string]any{"callId": call})); err != nil {
		r.t.Fatal(err)
	}
	var hint struct{ ID, Source, Code string }
	select {
	case data := <-heard:
		answer{body: data}.into(r.t, &hint)
	case <-time.After(time.Minute):
		r.t.Fatal("the publisher hears nothing of what was refused")
	}
	if hint.ID != "too-early" || hint.Source != "/recogniser" || hint.Code != "NOT_FOUND" {
		r.t.Errorf("the publisher hears %+v", hint)
	}
	letters := admin.deadLetters()
	if len(letters) != 1 || letters[0].CallID != call || letters[0].EventID != "too-early" || letters[0].Code != "NOT_FOUND" {
		r.t.Fatalf("dead letters: %+v", letters)
	}
	redrive := "/api/v1/dead-letters/" + letters[0].ID + "/redrive"
	r.p.must(http.StatusForbidden, "POST", redrive, nil)
	admin.must(http.StatusNotFound, "POST", redrive, nil) // the cause is not mended
	r.post(word(call, 1))
	admin.must(http.StatusOK, "POST", redrive, nil)
	if got := admin.spoken(call); got.State != "finished" {
		r.t.Errorf("driven again, the call is %+v", got)
	}
	if left := admin.deadLetters(); len(left) != 0 {
		r.t.Errorf("driven again, there are dead letters: %+v", left)
	}
}

type deadLetter struct{ ID, CallID, EventID, Code string }

func (p *person) deadLetters() []deadLetter {
	p.t.Helper()
	var list struct{ DeadLetters []deadLetter }
	p.must(http.StatusOK, "GET", "/api/v1/dead-letters", nil).into(p.t, &list)
	return list.DeadLetters
}

// turnsAway tries every way in for somebody who may only read.
func (w *world) turnsAway(reader *person, port string, admin *person) {
	w.t.Helper()
	r, err := w.publisher(reader, port)
	if err == nil {
		w.t.Error("NATS lets in who may only read")
	}
	const call = "not-mine"
	if got := r.post(word(call, 1)); got.Accepted != 0 || !slices.Equal(got.Refused, []refusedEvent{{Code: "FORBIDDEN"}}) {
		w.t.Errorf("by HTTP: %+v", got)
	}
	got, err := r.stream(call, 1)
	if got.Accepted != 0 || err == nil && !slices.Equal(got.Refused, []refusedEvent{{Code: "FORBIDDEN"}}) ||
		err != nil && status.Code(err) != codes.PermissionDenied {
		w.t.Errorf("by gRPC: %+v, %v", got, err)
	}
	admin.must(http.StatusNotFound, "GET", "/api/v1/calls/"+call, nil)
}

// rounds are how often everything is killed while events lie in the inbox.
func rounds() int {
	if whole() {
		return 10
	}
	return 1
}

// Whatever a publisher was told is in the inbox is taken in after a kill, once, though it may have been taken before.
func TestWhatLiesInTheInboxIsTakenInOnceAfterAKill(t *testing.T) {
	t.Parallel()
	w, port := inboxes(t)
	admin := w.logIn("admin", adminPassword)
	b := &backlog{w: w, admin: admin, port: port, said: map[string][]int{}}
	const tries = 20 // a fast inbox may be empty at the kill: then the story has not been told yet
	for n := 0; b.lay < rounds() && n < tries; n++ {
		b.fill(n)
	}
	if b.lay < rounds() {
		t.Fatalf("events lay in the inbox at %d kills", b.lay)
	}
	t.Logf("%d events lay in the inbox at %d kills", b.events, b.lay)
	for call, want := range b.said {
		var got spoken
		seen := map[string]int{}
		until(t, "all of "+call+" is taken in", time.Minute, func() bool {
			got = admin.spoken(call)
			clear(seen)
			for _, text := range got.Texts {
				seen[text]++
			}
			// What was stored and never acknowledged may be there as well, and earlier, or come between two questions.
			return !slices.ContainsFunc(want, func(n int) bool { return seen[textOf(n)] == 0 }) && int(got.Revision) == len(seen)
		})
		for _, n := range want {
			if seen[textOf(n)] != 1 {
				t.Errorf("%s: %q is there %d times", call, textOf(n), seen[textOf(n)])
			}
		}
		if got.Corrected != 0 || got.Accepted != got.Revision {
			t.Errorf("%s: %d different utterances, receipt %+v", call, len(seen), got)
		}
	}
	if left := admin.deadLetters(); len(left) != 0 {
		t.Errorf("dead letters: %+v", left)
	}
	until(t, "nothing is left in the inbox", time.Minute, func() bool { // what was in hand at the kill comes again after 10 s
		w.stop()
		if w.inbox() == 0 {
			return true
		}
		w.start()
		return false
	})
}

// backlog is what publishers were told is in the inbox.
type backlog struct {
	w     *world
	admin *person
	port  string

	mu     sync.Mutex
	said   map[string][]int // call -> utterances that were acknowledged
	lay    int              // kills at which events lay in the inbox
	events uint64           // that lay there
}

// fill publishes over many connections, kills everything in the middle of it, looks at what lies in the inbox, and starts it
// again.
func (b *backlog) fill(round int) {
	b.w.t.Helper()
	const publishers, enough = 12, 200
	ctx, cancel := context.WithCancel(b.w.t.Context())
	defer cancel()
	var group sync.WaitGroup
	var acknowledged atomic.Int64
	for n := range publishers {
		r, err := b.w.publisher(b.admin, b.port)
		if err != nil {
			b.w.t.Fatal(err)
		}
		call := fmt.Sprintf("round-%d-%d", round, n)
		group.Go(func() {
			for u := 1; r.publish(ctx, "asr-1", word(call, u)) == nil; u++ {
				b.mu.Lock()
				b.said[call] = append(b.said[call], u)
				b.mu.Unlock()
				acknowledged.Add(1)
			}
		})
	}
	until(b.w.t, "much is published", time.Minute, func() bool { return acknowledged.Load() > enough })
	all := b.w.replicas[0]
	all.kill()
	cancel() // what was not acknowledged never will be
	group.Wait()
	if n := b.w.inbox(); n > 0 {
		b.lay++
		b.events += n
	}
	all.spawn()
	all.awaitReady()
}

// inbox is how many events lie in the inbox, while everything is stopped.
func (w *world) inbox() uint64 {
	w.t.Helper()
	var info stream.Info
	err := w.withLog(w.t.Context(), func(l *stream.Log) (err error) {
		info, err = l.Info(w.t.Context(), subject.Inbox)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return info.Messages
}
