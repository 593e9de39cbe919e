package ingest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// frame is one event of a stream of words; a comment is one of kind ":".
type frame struct {
	kind string
	data struct {
		CallID     string
		Revision   uint32
		EndedAt    string
		Utterances []struct {
			UtteranceID, Text string
			Version           uint32
			CreatedAt         *string
		}
	}
}

// listener is a screen that follows a call.
type listener struct {
	t      *testing.T
	frames chan frame
	cut    context.CancelFunc
}

// follow opens a stream of words; the answer must be a stream.
func (c client) follow(path string) *listener {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	res, err := c.open(ctx, path, &http.Transport{}) //nolint:bodyclose // the reader closes it
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		c.t.Fatal(res, err)
	}
	l := &listener{t: c.t, frames: make(chan frame, 1000), cut: cancel}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(l.frames)
		defer res.Body.Close()
		l.read(res.Body)
	}()
	c.t.Cleanup(func() { cancel(); <-done })
	return l
}

func (c client) open(ctx context.Context, path string, over *http.Transport) (*http.Response, error) {
	c.t.Cleanup(over.CloseIdleConnections)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Token "+c.token)
	req.Header.Set("Accept", "text/event-stream")
	return (&http.Client{Transport: over}).Do(req)
}

func (l *listener) read(body io.Reader) {
	var now frame
	lines := bufio.NewReader(body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		switch {
		case line == "\n" && now.kind != "":
			l.frames <- now
			now = frame{}
		case line == "\n":
		case name == "":
			now.kind = ":"
		case name == "event":
			now.kind = strings.TrimSpace(value)
		case name == "data":
			if err := json.Unmarshal([]byte(value), &now.data); err != nil {
				l.t.Error(err)
			}
		case name != "retry":
			l.t.Errorf("a stream of words has %q", line)
		}
	}
}

// next is the next event that is no comment; none at the end of the stream.
func (l *listener) next() (f frame, ok bool) {
	l.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case f, ok = <-l.frames:
			if ok && f.kind == ":" {
				continue
			}
			return f, ok
		case <-timeout:
			l.t.Fatal("nothing came")
		}
	}
}

// hears reads words until a revision is reached, and returns them in short.
func (l *listener) hears(revision uint32) string {
	l.t.Helper()
	var out []string
	for at := uint32(0); at < revision; {
		f, ok := l.next()
		if !ok || f.kind != "words" || f.data.CallID != "c" {
			l.t.Fatalf("%v instead of words: %v", f, ok)
		}
		for _, u := range f.data.Utterances {
			text := u.UtteranceID + "=" + u.Text
			if u.CreatedAt == nil {
				text += "!"
			}
			out = append(out, text)
		}
		at = f.data.Revision
	}
	return strings.Join(out, " ")
}

func (l *listener) ends(revision uint32) {
	l.t.Helper()
	f, ok := l.next()
	if !ok || f.kind != "ended" || f.data.Revision != revision || f.data.EndedAt == "" {
		l.t.Errorf("%v instead of the end at %d", f, revision)
	}
	if f, ok := l.next(); ok {
		l.t.Errorf("%v behind the end", f)
	}
}

func TestACallIsFollowedWhileItIsSpoken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	one, two := b.replica(), b.replica()
	c := client{t: t, url: b.serve(one), token: "a:account-3:view"}
	add(t, one, "c", say("A", "B"))
	l := c.follow("/api/v1/calls/c/follow")
	if got := l.hears(2); got != "0=A 1=B" {
		t.Errorf("heard %s", got)
	}
	add(t, two, "c", say("A", "B", "C")) // through another replica
	if got := l.hears(3); got != "2=C" {
		t.Errorf("heard %s", got)
	}
	add(t, two, "c", []*transcriptv1.NewUtterance{{UtteranceId: "1", Version: 2, Text: "B, rather"}})
	if got := l.hears(4); got != "1=B, rather!" {
		t.Errorf("heard %s", got)
	}
	again := c.follow("/api/v1/calls/c/follow?after=3")
	if got := again.hears(4); got != "1=B, rather!" {
		t.Errorf("who comes again hears %s", got)
	}
	end(t, two, "c")
	l.ends(4)
	again.ends(4)
	late := c.follow("/api/v1/calls/c/follow?after=2") // from parts
	if got := late.hears(4); got != "2=C 1=B, rather!" {
		t.Errorf("heard %s of a call that is over", got)
	}
	late.ends(4)
}

// Hints may be lost, all of them: what nobody hinted at is told as well, and a hint at nothing tells nothing.
func TestNoHintIsNeeded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	ingest.LookEvery(s, 20*time.Millisecond, time.Hour, time.Hour)
	c := client{t: t, url: b.serve(s), token: "a:account-3:view"}
	add(t, s, "c", say("A"))
	l := c.follow("/api/v1/calls/c/follow")
	l.hears(1)
	at := subject.LiveWords("a", "c")
	for _, data := range []string{"", "{", `{"callId":"c","revision":99,"position":"x"}`} {
		if err := b.log.Hint(t.Context(), subject.WordsHint("a", "c"), []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	b.write(stream.NewGuard(subject.Live, at), at, &eventv1.LiveEvent{Kind: &eventv1.LiveEvent_Words{
		Words: &eventv1.Words{Entries: []*eventv1.Entry{{UtteranceId: "9", Text: "unhinted", ReceivedAt: timestamppb.Now()}}},
	}})
	if got := l.hears(2); got != "9=unhinted" {
		t.Errorf("heard %s", got)
	}
	b.tell("c", "", subject.KindEnded, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Ended{Ended: &eventv1.CallEnded{}}})
	l.ends(2)
}

func TestALongCallIsToldWhole(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:account-3:view"}
	var want []string
	for n := range 3 {
		var words []*transcriptv1.NewUtterance
		for i := range 250 {
			words = append(words, &transcriptv1.NewUtterance{UtteranceId: fmt.Sprint(n*250 + i), Text: "x"})
			want = append(want, fmt.Sprint(n*250+i, "=x"))
		}
		if add(t, s, "c", words); n == 1 {
			end(t, s, "c")
		}
	}
	l := c.follow("/api/v1/calls/c/follow")
	if got := l.hears(750); got != strings.Join(want, " ") {
		t.Errorf("heard %.200s", got)
	}
	l.ends(750)
}

func TestWhoMayNotReadMayNotFollow(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	url := b.serve(s)
	add(t, s, "c", say("A"))
	for _, p := range []struct {
		token, path string
		status      int
		field       string
	}{
		{"", "/api/v1/calls/c/follow", 401, ""},
		{"b:x:edit", "/api/v1/calls/c/follow", 404, ""},
		{"a:x:view", "/api/v1/calls/unknown/follow", 404, ""},
		{"a:x:view", "/api/v1/calls/c/follow?after=-1", 400, "after"},
	} {
		var got struct{ Field string }
		if (client{t: t, url: url, token: p.token}).get(p.path, p.status, &got); got.Field != p.field {
			t.Errorf("%s: field %q", p.path, got.Field)
		}
	}
}

func TestAStreamEndsWithItsCredential(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	ingest.LookEvery(s, time.Hour, 50*time.Millisecond, time.Hour)
	c := client{t: t, url: b.serve(s), token: "a:fired:view"}
	add(t, s, "c", say("A"))
	l := c.follow("/api/v1/calls/c/follow")
	l.hears(1)
	if f := <-l.frames; f.kind != ":" {
		t.Errorf("%v instead of a sign of life", f)
	}
	b.gate.revoked.Store("a:fired:view", true)
	if f, ok := l.next(); ok {
		t.Errorf("%v after the credential was revoked", f)
	}
}

func TestOpenStreamsAreBoundedAndEndWithTheReplica(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	ingest.WatchMost(s, 1)
	c := client{t: t, url: b.serve(s), token: "a:x:view"}
	add(t, s, "c", say("A"))
	l := c.follow("/api/v1/calls/c/follow")
	l.hears(1)
	c.get("/api/v1/calls/c/follow", 503, nil)
	l.cut()
	eventually(t, "the place to be free", func() bool { return ingest.Watching(s) == 0 })
	l = c.follow("/api/v1/calls/c/follow")
	l.hears(1)
	s.Drain()
	if f, ok := l.next(); ok {
		t.Errorf("%v while the replica stops", f)
	}
	c.get("/api/v1/calls/c/follow", 503, nil)
}

func TestAClientThatDoesNotReadIsCut(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	ingest.LookEvery(s, time.Hour, time.Hour, 100*time.Millisecond)
	c := client{t: t, url: b.serve(s), token: "a:x:view"}
	for n := range 20 {
		var words []*transcriptv1.NewUtterance
		for i := range 31 {
			words = append(words, &transcriptv1.NewUtterance{UtteranceId: fmt.Sprint(n, "-", i), Text: strings.Repeat("x", 16<<10)})
		}
		add(t, s, "c", words)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	res, err := c.open(ctx, "/api/v1/calls/c/follow", &http.Transport{
		ReadBufferSize: 1 << 10,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
			if tcp, ok := conn.(*net.TCPConn); ok {
				err = tcp.SetReadBuffer(4 << 10)
			}
			return conn, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	eventually(t, "the stream to be cut", func() bool { return ingest.Watching(s) == 0 })
}
