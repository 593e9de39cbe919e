package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// listen puts a replica's gRPC on a port, for callers from outside.
func (b *bench) listen(s *ingest.Service) string {
	b.t.Helper()
	texts, err := catalogue.Load()
	if err != nil {
		b.t.Fatal(err)
	}
	e := edge.New(b.access, b.verifier, texts, slog.New(slog.DiscardHandler))
	from := identity.Receiver{Verifier: b.verifier, Resolve: e.Resolve}
	server := serve.New(serve.Config{Stream: []grpc.StreamServerInterceptor{from.Stream()}})
	s.Register(server.GRPC())
	addr, err := server.Listen(b.t.Context(), "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { s.Drain(); _ = server.Stop(context.Background()) })
	return addr.String()
}

// wire is a connection that can be cut at any moment.
type wire struct {
	transcriptv1.TranscriptServiceClient

	conn *grpc.ClientConn
	mu   sync.Mutex
	raw  []net.Conn
}

func dial(t testing.TB, address string) *wire {
	t.Helper()
	w := &wire{}
	conn, err := serve.Connect([]string{address}, grpc.WithContextDialer(func(ctx context.Context, at string) (net.Conn, error) {
		raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", at)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.raw = append(w.raw, raw)
		return raw, err
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	w.TranscriptServiceClient, w.conn = transcriptv1.NewTranscriptServiceClient(conn), conn
	return w
}

// cut closes what the system has under the connection, without a word.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, raw := range w.raw {
		if raw != nil {
			_ = raw.Close()
		}
	}
	w.raw = nil
}

type flow = grpc.BidiStreamingClient[transcriptv1.StreamUtterancesRequest, transcriptv1.StreamUtterancesResponse]

func (w *wire) open(t testing.TB, token string) flow {
	t.Helper()
	f, err := w.StreamUtterances(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Token "+token))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func words(call string, from, n int) *transcriptv1.StreamUtterancesRequest {
	in := &transcriptv1.AppendUtterancesRequest{CallId: call}
	for i := from; i < from+n; i++ {
		in.Utterances = append(in.Utterances, &transcriptv1.NewUtterance{
			UtteranceId: fmt.Sprint(i), Order: int64(i + 1), Speaker: "agent", Text: fmt.Sprintf("%s %d", call, i),
		})
	}
	return &transcriptv1.StreamUtterancesRequest{Append: in}
}

func ends(call string) *transcriptv1.StreamUtterancesRequest {
	return &transcriptv1.StreamUtterancesRequest{End: &transcriptv1.EndCallRequest{CallId: call}}
}

// publish sends messages, and returns how many are acknowledged when the stream is over, and what was told of them.
func publish(f flow, messages []*transcriptv1.StreamUtterancesRequest) (*transcriptv1.StreamUtterancesResponse, error) {
	go func() {
		for _, m := range messages {
			if f.Send(m) != nil {
				return // the stream says why
			}
		}
		_ = f.CloseSend()
	}()
	all := &transcriptv1.StreamUtterancesResponse{}
	for {
		res, err := f.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all.Acknowledged, all.Position = res.GetAcknowledged(), res.GetPosition()
		all.Accepted += res.GetAccepted()
		all.Duplicates += res.GetDuplicates()
		all.Refused = append(all.Refused, res.GetRefused()...)
	}
}

func TestAStreamAcknowledgesEverythingInItsOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	var messages []*transcriptv1.StreamUtterancesRequest
	const calls, turns = 20, 30
	for turn := range turns {
		for call := range calls {
			messages = append(messages, words(fmt.Sprint("c", call), 2*turn, 2))
		}
	}
	for call := range calls {
		messages = append(messages, ends(fmt.Sprint("c", call)))
	}
	got, err := publish(dial(t, b.listen(s)).open(t, "a:account-2:edit"), messages)
	if err != nil || got.GetAcknowledged() != uint64(len(messages)) || got.GetAccepted() != 2*calls*turns || len(got.GetRefused()) > 0 {
		t.Fatalf("%v, %v", got, err)
	}
	other := b.replica()
	if err := other.Follower().WaitPosition(t.Context(), got.GetPosition()); err != nil {
		t.Fatal(err)
	}
	for call := range calls {
		res := read(t, other, fmt.Sprint("c", call), 0)
		var want []string
		for i := range 2 * turns {
			want = append(want, fmt.Sprintf("c%d %d", call, i))
		}
		if res.GetState() != "finished" || !slices.Equal(texts(res), want) {
			t.Errorf("call %d is %s: %q", call, res.GetState(), texts(res))
		}
	}
}

func TestARefusedMessageIsNamedAndEndsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	add(t, s, "gone", say("a"))
	b.erase("gone")
	w := dial(t, b.listen(s))
	foreign := words("x", 0, 1)
	foreign.End = &transcriptv1.EndCallRequest{CallId: "y"}
	both := words("both", 0, 1)
	both.End = &transcriptv1.EndCallRequest{}
	long := words("c", 1, 2)
	long.Append.Utterances[1].Text = strings.Repeat("x", 16<<10+1)
	got, err := publish(w.open(t, "a:account-2:edit"), []*transcriptv1.StreamUtterancesRequest{
		words("c", 0, 1), {}, long, words("gone", 0, 1), foreign, ends("never"), both, words("c", 1, 1), words("", 0, 1),
	})
	if err != nil || got.GetAcknowledged() != 9 || got.GetAccepted() != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	var refused []string
	for _, r := range got.GetRefused() {
		refused = append(refused, fmt.Sprint(r.GetMessage(), r.GetCallId(), " ", r.GetCode(), " ", r.GetField()))
	}
	want := []string{
		"2 FIELD_REQUIRED append", "3c UTTERANCE_TOO_LARGE utterances[1].text", "4gone CALL_ERASED ",
		"5x FIELD_INVALID end.callId", "6never NOT_FOUND ", "9 FIELD_REQUIRED callId",
	}
	if !slices.Equal(refused, want) {
		t.Errorf("refused %q, want %q", refused, want)
	}
	if res := read(t, s, "c", 0); !slices.Equal(texts(res), []string{"c 0", "c 1"}) {
		t.Errorf("%q", texts(res))
	}
	if res := read(t, s, "both", 0); res.GetState() != "finished" {
		t.Error("words and end of one message have not ended the call")
	}
	got, err = publish(w.open(t, "a:account-3:view"), []*transcriptv1.StreamUtterancesRequest{words("c", 9, 1)})
	if err != nil || len(got.GetRefused()) != 1 || got.GetRefused()[0].GetCode() != "FORBIDDEN" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err = publish(w.open(t, "nobody"), nil); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("a stranger: %v", err)
	}
}

// What a batch of waiting words is refused for must not refuse those of it that fit.
func TestOfWordsThatGoInTogetherOnlyThoseAtFaultAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	for i := range 40 {
		add(t, s, "c", words("c", 500*i, 500).GetAppend().GetUtterances()[:min(500, 19_998-500*i)])
	}
	var messages []*transcriptv1.StreamUtterancesRequest
	for i := range 8 {
		messages = append(messages, words("c", 30_000+i, 1))
	}
	got, err := publish(dial(t, b.listen(s)).open(t, "a:account-2:edit"), messages)
	if err != nil || got.GetAcknowledged() != 8 || got.GetAccepted() != 2 || len(got.GetRefused()) != 6 {
		t.Errorf("%v, %v", got, err)
	}
}

// The publisher's connection is cut again and again; it sends what is not acknowledged anew.
func TestWhatIsNotAcknowledgedIsSentAgainAndIsThereOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, streamtest.Unsynced())
	s := b.replica()
	address := b.listen(s)
	const calls, turns, wanted = 8, 25, 8
	cuts := 0
	// A round may be over before its first cut: how many it takes is the machine's to say, how many cuts is ours.
	for round := 0; cuts < wanted; round++ {
		var messages []*transcriptv1.StreamUtterancesRequest
		for turn := range turns {
			for call := range calls {
				messages = append(messages, words(fmt.Sprintf("c%d-%d", round, call), turn, 1))
			}
		}
		for left := messages; len(left) > 0; {
			w := dial(t, address)
			f := w.open(t, "a:account-2:edit")
			cutter := time.AfterFunc(time.Duration(1+rand.IntN(25))*time.Millisecond, w.cut)
			got, err := publish(f, left)
			if err != nil {
				cuts++
			}
			left = left[got.GetAcknowledged():]
			cutter.Stop()
			if cuts > 500 || round > 50 {
				t.Fatalf("nothing goes on: %d cuts in %d rounds", cuts, round)
			}
		}
		for call := range calls {
			name := fmt.Sprintf("c%d-%d", round, call)
			var want []string
			for turn := range turns {
				want = append(want, fmt.Sprint(name, " ", turn))
			}
			if got := texts(read(t, s, name, 0)); !slices.Equal(got, want) {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
}

// While the log is away a publisher goes on sending. It is held back, and goes on when the log is back.
func TestALogThatIsAwayHoldsAPublisherBack(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	f := dial(t, b.listen(s)).open(t, "a:account-2:edit")
	if err := f.Send(words("c", 0, 1)); err != nil {
		t.Fatal(err)
	}
	if res, err := f.Recv(); err != nil || res.GetAcknowledged() != 1 {
		t.Fatalf("%v, %v", res, err)
	}
	b.server.Close()
	const all = 700
	var sent atomic.Int64
	go func() {
		for i := range all {
			m := words("c", i, 1)
			m.Append.Utterances[0].Text += strings.Repeat(" ", 15<<10)
			if f.Send(m) != nil {
				return
			}
			sent.Add(1)
		}
		_ = f.CloseSend()
	}()
	const held = 8 << 20 / (23 << 10) // and what is in the buffers of the transport
	eventually(t, "messages to be read", func() bool { return sent.Load() > held })
	still, reached := time.Now(), sent.Load()
	eventually(t, "the publisher to be held back", func() bool {
		if now := sent.Load(); now != reached {
			still, reached = time.Now(), now
		}
		return time.Since(still) > 200*time.Millisecond
	})
	if reached == all {
		t.Error("all messages were read while nothing could be stored")
	}
	b.server.Restart(t)
	accepted := uint32(0)
	for {
		res, err := f.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		accepted += res.GetAccepted()
	}
	if accepted != all-1 {
		t.Errorf("%d accepted", accepted)
	}
}

// A stream of the log that runs full refuses words through no fault of the publisher.
func TestALogThatCannotStoreEndsTheStreamAfterWhatIsSure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	w := dial(t, b.listen(s))
	b.server.Limit(t, subject.Live, 32<<10)
	var messages []*transcriptv1.StreamUtterancesRequest
	for i := range 64 {
		m := words("c", i, 1)
		m.Append.Utterances[0].Text += strings.Repeat(" ", 4<<10)
		messages = append(messages, m)
	}
	got, err := publish(w.open(t, "a:account-2:edit"), messages)
	if fault.KindOf(err) != fault.Unavailable || len(got.GetRefused()) > 0 {
		t.Fatalf("%v, %v", got, err)
	}
	if n := len(texts(read(t, s, "c", 0))); n < int(got.GetAcknowledged()) || n >= 64 {
		t.Fatalf("%d stored of %d acknowledged", n, got.GetAcknowledged())
	}
	b.server.Limit(t, subject.Live, 1<<30)
	got, err = publish(w.open(t, "a:account-2:edit"), messages[got.GetAcknowledged():])
	if err != nil || len(texts(read(t, s, "c", 0))) != 64 {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestAStoppingReplicaEndsStreamsAfterWhatItHasInHand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	f := dial(t, b.listen(s)).open(t, "a:account-2:edit")
	if err := f.Send(words("c", 0, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Recv(); err != nil {
		t.Fatal(err)
	}
	s.Drain()
	if res, err := f.Recv(); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%v, %v", res, err)
	}
}

// gatekeeper is who resolves tokens, until it is told that one is no good any more.
type gatekeeper struct {
	accessv1.AccessServiceClient

	mu      sync.Mutex
	revoked bool
}

func (g *gatekeeper) resolve(context.Context, string) (identity.Caller, string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.revoked {
		return identity.Caller{}, "", fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	}
	return identity.Caller{Tenant: "a", AccountID: "account-2", CallPermission: identity.PermissionEdit}, "", nil
}

func TestARevokedTokenEndsItsStream(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	g := &gatekeeper{}
	s := b.replica()
	ingest.AskOften(s, g.resolve)
	f := dial(t, b.listen(s)).open(t, "a:account-2:edit")
	if err := f.Send(words("c", 0, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Recv(); err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.revoked = true
	g.mu.Unlock()
	if res, err := f.Recv(); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("%v, %v", res, err)
	}
}
