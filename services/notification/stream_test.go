package notify

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/edge"
)

// addresses are where the replicas answer now.
type addresses struct {
	mu   sync.Mutex
	urls []string
}

func (a *addresses) set(urls ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.urls = urls
}

func (a *addresses) any() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.urls[rand.IntN(len(a.urls))] + "/api/v1/notifications/stream"
}

// wander keeps a listener connected to whichever replica, and cuts it off again and again after a few events. The
// returned function ends it.
func wander(l *listener, to *addresses) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	connected := make(chan struct{})
	var once sync.Once
	go func() {
		defer close(over)
		for ctx.Err() == nil {
			left := 1 + rand.IntN(8)
			//nolint:contextcheck // a connection is cut by itself
			c, err := l.connect(to.any(), func() bool { left--; return left == 0 })
			if err != nil {
				select {
				case <-time.After(10 * time.Millisecond):
				case <-ctx.Done():
				}
				continue
			}
			once.Do(func() { close(connected) })
			select {
			case <-c.done:
			case <-ctx.Done():
			}
			c.cut()
		}
	}()
	<-connected
	return func() { cancel(); <-over }
}

func TestEveryStreamIsToldEveryOutcomeExactlyOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder1, file1 := views(t)
	folder2, _ := views(t)
	one, two := w.start(folder1, nil), w.start(folder2, nil)
	where := &addresses{}
	where.set(one.url, two.url)

	var ours, theirs []*listener
	listen := func(token string) *listener {
		l := newListener(t, token)
		t.Cleanup(wander(l, where))
		return l
	}
	for n := range 20 {
		ours = append(ours, listen([]string{"a:ann", "a:bob"}[n%2]))
	}
	for range 3 {
		theirs = append(theirs, listen("b:eve"))
	}

	const count = 160
	var want []string
	tell := func(n int) {
		account := []string{"ann", "bob", "carl"}[n%3]
		switch n % 4 {
		case 0:
			want = append(want, w.id(w.failed("a", account, n)))
		case 1:
			want = append(want, w.id(w.tell(subject.Call("a", fmt.Sprint("e", n), subject.KindEnded), ended())))
		default:
			want = append(want, w.id(w.completed("a", account, n)))
		}
	}
	for n := range count / 2 {
		tell(n)
	}
	one.stopOnce() // a restart in the middle, of one over an empty folder
	if err := os.Remove(file1); err != nil {
		t.Fatal(err)
	}
	where.set(two.url)
	for n := range count / 4 {
		tell(count/2 + n)
	}
	again := w.start(folder1, nil)
	where.set(again.url)
	two.stopOnce()
	two = w.start(folder2, nil)
	where.set(again.url, two.url)
	for n := range count / 4 {
		tell(3*count/4 + n)
	}
	foreign := w.id(w.completed("b", "eve", 1))

	for n, l := range ours {
		l.wait(count)
		if got := idsOf(l.all()); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("stream %d was told %d outcomes, want %d: %s", n, len(got), len(want), cmp.Diff(want, got))
		}
	}
	for _, l := range theirs {
		l.wait(1)
		if got := idsOf(l.all()); len(got) != 1 || got[0] != foreign {
			t.Errorf("the other tenant was told %v, want %v alone", got, foreign)
		}
	}
}

func idsOf(list []heard) (out []string) {
	for _, h := range list {
		out = append(out, h.id)
	}
	return out
}

func TestAStreamSaysWhatHappenedExactlySo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	l := newListener(t, "a:ann")
	c := l.open(r, "")

	for header, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no",
	} {
		if got := c.header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	at := timestamppb.New(time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC))
	if time.Since(at.AsTime()) < 0 {
		at = timestamppb.New(time.Now().UTC().Truncate(time.Second))
	}
	w.tell(subject.Call("a", "c", subject.KindOpened), opened("Order 18"))
	e := failedEvent("x", "ann")
	e.Meta = &eventv1.Meta{At: at}
	failed := w.id(w.tell(subject.Analysis("a", "c", "x", subject.KindFailed), e))
	e = ended()
	e.Meta = &eventv1.Meta{At: at}
	end := w.id(w.tell(subject.Call("a", "c", subject.KindEnded), e))
	l.wait(2) // what is not yet told when its call is erased never is
	e = erased()
	e.Meta = &eventv1.Meta{At: at}
	gone := w.id(w.tell(subject.Call("a", "c", subject.KindErased), e))

	when := at.AsTime().Format(time.RFC3339)
	call := `"call":{"label":"%s","startedAt":"2026-04-01T08:30:00Z","agentAccount":{"id":"agent","name":"Agent"}}`
	want := []heard{
		{failed, "analysis.failed", `{"id":"` + failed + `","type":"analysis.failed","time":"` + when + `","callId":"c",` +
			fmt.Sprintf(call, "Order 17") + `,"analysisId":"x","prompt":{"id":"prompt-1","name":"Summary"},` +
			`"requestedBy":{"id":"ann","name":"Name of ann"},` +
			`"error":{"code":"PROVIDER_AUTH","params":{"key":"Main","model":"m-1","region":"jp"}}}`},
		{end, "call.ended", `{"id":"` + end + `","type":"call.ended","time":"` + when + `","callId":"c",` +
			fmt.Sprintf(call, "Order 18") + `}`},
		{gone, "call.erased", `{"id":"` + gone + `","type":"call.erased","time":"` + when + `","callId":"c"}`},
	}
	for n, got := range l.wait(len(want)) {
		if got != want[n] {
			t.Errorf("told was\n%s\nwant\n%s", got, want[n])
		}
	}
}

func TestAStreamWithoutAPlaceStartsNowAndIsResumedFromThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	w.reached(r, w.completed("a", "ann", 1))
	l := newListener(t, "a:ann")
	c := l.open(r, "")
	eventually(t, "the place to begin with", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.last != "" })
	c.cut() // before anything was told
	missed := w.completed("a", "ann", 2)

	l.open(r, "?after=ignored") // the address is older than the header
	if got := l.wait(1); got[0].id != w.id(missed) || got[0].kind != typeCompleted {
		t.Errorf("told was %v, want %s", got, w.id(missed))
	}
}

// A stream that has fallen behind must not be told of a call what was erased before its turn came.
func TestAnErasedCallIsToldNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	w.reached(r, w.completed("a", "ann", 1)) // in the ring by itself, not together with the erase
	kept := w.completed("a", "ann", 2)
	gone := w.tell(subject.Call("a", "call-1", subject.KindErased), erased())
	w.reached(r, gone)
	list, _, ok := r.ring.read(&cursor{tenant: "a"}, 9)
	if got := sequences(list); !ok || !slices.Equal(got, []uint64{kept, gone}) {
		t.Errorf("the ring still has %v, %v", got, ok)
	}
}

func TestAPlaceThatIsOfNoUseIsReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	old := completed("old", "ann")
	old.Meta = &eventv1.Meta{At: timestamppb.New(time.Now().Add(-resumable - time.Minute))}
	aged := w.tell(subject.Analysis("a", "c", "old", subject.KindCompleted), old)
	young := completed("young", "ann")
	young.Meta = &eventv1.Meta{At: timestamppb.New(time.Now().Add(-resumable + time.Minute))}
	end := w.tell(subject.Analysis("a", "c", "young", subject.KindCompleted), young)
	w.reached(r, end)

	for name, after := range map[string]string{
		"of another incarnation": "ELSEWHERE-1",
		"no place at all":        "yesterday",
		"beyond the end":         w.id(end + 1000),
		"more than 7 days back":  w.id(aged - 1),
	} {
		l := newListener(t, "a:ann")
		l.open(r, "?after="+after)
		now := w.id(end)
		if got := l.wait(1)[0]; got != (heard{now, "reset", `{"asOf":"` + now + `"}`}) {
			t.Errorf("%s: told was %v", name, got)
		}
		next := w.tell(subject.Analysis("a", "c", name, subject.KindCompleted), completed(name, "ann"))
		if got := l.wait(2)[1]; got.id != w.id(next) {
			t.Errorf("%s: after the reset came %v", name, got)
		}
		end = next
		w.reached(r, end)
	}

	l := newListener(t, "a:ann")
	l.open(r, "?after="+w.id(aged))
	if got := l.wait(1)[0]; got.kind != "analysis.completed" {
		t.Errorf("less than 7 days back: told was %v", got)
	}
}

// A replica that is behind must not take a place that another has told of for one beyond the end, nor answer without
// what it was asked to include.
func TestAReplicaThatIsBehindCatchesUpFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	end := func() (end uint64) {
		_ = r.read(func(r reader) (err error) { end, err = r.end(); return err })
		return end
	}
	r.ring.mu.Lock() // applying waits here, behind the first
	first := w.completed("a", "ann", 1)
	eventually(t, "the view to have the first", func() bool { return end() == first })
	second := w.completed("a", "ann", 2)
	list := func(ctx context.Context) (*notificationv1.ListNotificationsResponse, error) {
		position := stream.Position{{Stream: subject.Calls, Incarnation: r.incarnation(), Sequence: second}}
		return r.ListNotifications(ctx, &notificationv1.ListNotificationsRequest{MinPosition: position.Encode()})
	}

	short, cancel := context.WithTimeout(w.as("a:ann"), 20*time.Millisecond)
	defer cancel()
	_, _, err := r.start(short, "a", w.id(second))
	if fault.KindOf(err) != fault.Unavailable && fault.KindOf(err) != fault.DeadlineExceeded {
		t.Errorf("while it is behind a stream starts: %v", err)
	}
	if res, err := list(short); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("while it is behind it answers %v, %v", res, err)
	}
	r.ring.mu.Unlock()
	if from, fresh, err := r.start(w.as("a:ann"), "a", w.id(second)); err != nil || fresh || from.sequence != second {
		t.Errorf("a stream starts at %v, reset %v, %v", from, fresh, err)
	}
	if res, err := list(w.as("a:ann")); err != nil || len(res.GetNotifications()) != 2 {
		t.Errorf("the answer is %v, %v", res, err)
	}
}

func TestASlowClientIsCutAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, func(s *Service) { s.pace.write = 200 * time.Millisecond })
	mux := http.NewServeMux()
	r.Mount(mux, r.edge)
	server := httptest.NewUnstartedServer(mux)
	server.Listener = smallBuffers{server.Listener}
	closed := make(chan string, 10)
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- c.RemoteAddr().String()
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(r.Drain)

	slow := connectWithoutReading(t, server.URL, "a:ann")
	quick := newListener(t, "a:bob")
	c, err := quick.connect(server.URL+"/api/v1/notifications/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.cut)

	const count = 150
	for n := range count {
		e := completed(fmt.Sprint("x", n), "ann")
		e.GetCompleted().GetOutcome().CallLabel = strings.Repeat("長", 255)
		w.tell(subject.Analysis("a", "c", fmt.Sprint("x", n), subject.KindCompleted), e)
	}
	quick.wait(count)
	if got := <-closed; got != slow.LocalAddr().String() {
		t.Fatalf("%s was cut, want %s", got, slow.LocalAddr())
	}

	body := readAll(t, slow)
	if got := strings.Count(body, "event: "); got == 0 || got >= count {
		t.Errorf("the slow client was told %d of %d", got, count)
	}
	if _, _, whole := strings.Cut(body, "\r\n0\r\n\r\n"); whole {
		t.Error("its stream was ended in peace")
	}
}

// connectWithoutReading asks for an event stream and leaves it unread.
func connectWithoutReading(t *testing.T, url, token string) net.Conn {
	t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	}}
	conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET /api/v1/notifications/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", token)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func readAll(t *testing.T, conn net.Conn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	var b strings.Builder
	buffer := make([]byte, 4<<10)
	for {
		n, err := conn.Read(buffer)
		b.Write(buffer[:n])
		if err != nil {
			if netErr, ok := err.(net.Error); ok && netErr.Timeout() { //nolint:errorlint // straight from the connection
				t.Error("the slow client's connection is still open")
			}
			return b.String()
		}
	}
}

func TestASilentStreamBeats(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, func(s *Service) { s.pace.check = 5 * time.Millisecond })
	l := newListener(t, "a:ann")
	l.open(r, "")
	eventually(t, "signs of life", func() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.beats > 2 })
	if got := l.all(); len(got) != 0 {
		t.Errorf("a sign of life was told as %v", got)
	}
}

func TestARevokedCredentialEndsItsStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, func(s *Service) { s.pace.check = 5 * time.Millisecond })
	revoked, other := newListener(t, "a:ann"), newListener(t, "a:bob")
	c, stays := revoked.open(r, ""), other.open(r, "")

	w.gate.shut.Store("a:ann", true)
	r.edge.Forget(edge.Credential{Token: "a:ann"}) // or wait until the kept answer is too old
	awaitEnd(t, c)
	if _, err := revoked.connect(r.url+"/api/v1/notifications/stream", nil); err == nil || !strings.HasPrefix(err.Error(), "401") {
		t.Errorf("connecting again gives %v", err)
	}
	next := w.id(w.completed("a", "ann", 1))
	if got := other.wait(1)[0]; got.id != next {
		t.Errorf("the other stream was told %v", got)
	}
	select {
	case <-stays.done:
		t.Error("the other stream has ended too")
	default:
	}
}

func TestStoppingEndsStreamsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	var open []*connection
	for range 20 {
		open = append(open, newListener(t, "a:ann").open(r, ""))
	}
	begun := time.Now()
	r.stopOnce()
	for _, c := range open {
		awaitEnd(t, c)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("stopping took %s", took)
	}
}

func TestAStreamNeedsACaller(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	folder, _ := views(t)
	r := w.start(folder, nil)
	for _, token := range []string{"", "nobody"} {
		l := newListener(t, token)
		if _, err := l.connect(r.url+"/api/v1/notifications/stream", nil); err == nil ||
			!strings.HasPrefix(err.Error(), "401") || !strings.Contains(err.Error(), `"code":"UNAUTHENTICATED"`) {
			t.Errorf("with the token %q: %v", token, err)
		}
	}
}
