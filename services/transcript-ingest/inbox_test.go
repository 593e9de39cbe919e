package ingest_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// put publishes an event into the inbox and waits for the stream's acknowledgement.
func (b *bench) put(event string) {
	b.t.Helper()
	if b.publish == nil {
		b.publish = b.server.Publisher(b.t)
	}
	if err := b.publish(subject.InboxOf("a", "asr-1"), nil, []byte(event)); err != nil {
		b.t.Fatal(err)
	}
}

// taken waits until the inbox is empty.
func (b *bench) taken() {
	b.t.Helper()
	eventually(b.t, "the inbox to be empty", func() bool {
		info, err := b.log.Info(b.t.Context(), subject.Inbox)
		return err == nil && info.Messages == 0
	})
}

func spoken(call string, n int) string {
	return event("utterance", fmt.Sprint(call, "-", n), fmt.Sprintf(`{"callId":%q,"speaker":"agent","text":"%d"}`, call, n))
}

func TestWhatIsPublishedIntoTheInboxIsTakenInOnceAndInItsOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const calls, turns = 6, 40
	for turn := range turns {
		for call := range calls {
			b.put(spoken(fmt.Sprint("c", call), turn))
		}
		b.put(spoken("c0", turn)) // delivered twice
	}
	one, two := b.replica(), b.replica()
	for call := range calls {
		b.put(event("call.ended", fmt.Sprint("end", call), fmt.Sprintf(`{"callId":"c%d"}`, call)))
	}
	b.taken()
	for call := range calls {
		res := read(t, two, fmt.Sprint("c", call), 0)
		var want []string
		for turn := range turns {
			want = append(want, fmt.Sprint(turn))
		}
		if res.GetState() != "finished" || !slices.Equal(texts(res), want) {
			t.Errorf("call %d is %s: %q", call, res.GetState(), texts(res))
		}
	}
	if n := b.last(subject.Dead); n != 0 {
		t.Errorf("%d dead letters", n)
	}
	_ = one
}

func TestPublishersMaySpeakEachFormOfAnEvent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	publish := b.server.Publisher(t)
	for i, header := range []map[string][]string{
		{"content-type": {"application/cloudevents+json"}},
		{"Content-Type": {"application/json"}, "CE-Specversion": {"1.0"}, "ce-id": {"b"}, "Ce-Source": {"/%E5%A4%A7"}, "ce-type": {"kikigaki.utterance.v1"}},
	} {
		data := spoken("c", i)
		if i > 0 {
			data = `{"callId":"c","text":"1"}`
		}
		if err := publish(subject.InboxOf("a", "any"), header, []byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	b.taken()
	if got := texts(read(t, s, "c", 0)); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

// deadLetter is a line of the list.
type deadLetter struct {
	ID, Origin, Subject, CallID, EventID, EventSource, Code, Field string
	Params, Headers                                                map[string]string
	Data                                                           []byte
}

func (c client) deadLetters(query string) (list []deadLetter, next string) {
	c.t.Helper()
	var out struct {
		DeadLetters   []deadLetter
		NextPageToken string
	}
	c.get("/api/v1/dead-letters"+query, http.StatusOK, &out)
	return out.DeadLetters, out.NextPageToken
}

func TestARefusedEventLiesAmongTheDeadLettersAndItsPublisherIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	hints := make(chan string, 9)
	listening := b.server.Conn(t)
	heard, err := listening.SubscribeSync(subject.Refused("a", "asr-1"))
	if err != nil || listening.Flush() != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			m, err := heard.NextMsgWithContext(t.Context())
			if err != nil {
				return
			}
			hints <- string(m.Data)
		}
	}()
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:admin:admin"}
	b.put(`no event`)
	b.put(event("utterance", "u1", `{"callId":"c","text":"`+strings.Repeat("x", 16<<10+1)+`"}`))
	b.put(spoken("c", 1))
	b.put(event("call.ended", "u2", `{"callId":"later"}`)) // there is no such call yet
	b.put(event("utterance", "u3", `{"callId":"c","text":"`+strings.Repeat("x", 900<<10)+`"}`))
	b.taken()
	if got := texts(read(t, s, "c", 0)); !slices.Equal(got, []string{"1"}) {
		t.Errorf("%q", got)
	}
	for range 4 {
		var told struct{ ID, Source, Code, Time string }
		c.decode([]byte(<-hints), &told)
		if told.Code == "" || told.Time == "" || told.ID == "u1" && (told.Code != "UTTERANCE_TOO_LARGE" || told.Source != "/test") {
			t.Errorf("told was %+v", told)
		}
	}
	list, _ := c.deadLetters("")
	got := map[string]deadLetter{}
	for _, l := range list {
		got[l.Code] = l
		if l.Origin != "inbox" || l.Subject != "kikigaki.inbox.a.asr-1" || len(l.Data) > 0 {
			t.Errorf("%+v", l)
		}
	}
	if len(list) != 4 || got["INVALID"].CallID != "" || got["NOT_FOUND"].CallID != "later" || got["NOT_FOUND"].EventID != "u2" ||
		got["UTTERANCE_TOO_LARGE"].Field != "text" || got["BODY_TOO_LARGE"].Params["limit"] == "" {
		t.Fatalf("%+v", list)
	}
	if whole, _ := c.deadLetters("?id=" + got["INVALID"].ID); len(whole) != 1 || string(whole[0].Data) != "no event" {
		t.Errorf("%+v", whole)
	}
	c.redrives(s, got["NOT_FOUND"].ID)
}

// Words that come in for a call that is erased are refused, whatever is wrong with them, and nothing that was said lies in
// the log behind the erase: no second one would take it away.
func TestADeadLetterOfAnErasedCallKeepsNothingThatWasSaid(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	c := client{t: t, url: b.serve(s), token: "a:admin:admin"}
	add(t, s, "gone", say("words"))
	erase(t, s, "gone")
	b.gone("gone")
	large := marker + strings.Repeat("x", 16<<10)
	b.put(event("utterance", "late", `{"callId":"gone","text":"`+marker+`"}`))
	b.put(event("utterance", "large", `{"callId":"gone","text":"`+large+`"}`))
	b.put(event("utterance", "other", `{"callId":"kept","text":"`+large+`"}`))
	b.taken()
	var late string
	for call, kept := range map[string]bool{"gone": false, "kept": true} {
		letters := b.stored(stream.NewGuard(subject.Dead, subject.DeadLetter("a", "inbox", call)))
		if len(letters) == 0 {
			t.Errorf("%s: no letter", call)
		}
		for _, m := range letters {
			if bytes.Contains(m.Data, []byte(marker)) != kept {
				t.Errorf("%s: the letter %.300q, want what was said in it: %v", call, m.Data, kept)
			}
			if !kept {
				late = m.EventID
			}
		}
	}
	var problem struct{ Code string }
	if c.post("/api/v1/dead-letters/"+late+"/redrive", nil, http.StatusGone, &problem); problem.Code != "CALL_ERASED" {
		t.Errorf("driven again: %+v", problem)
	}
}

// redrives drives a letter that ends a call again, before there is the call and then.
func (c client) redrives(s *ingest.Service, id string) {
	c.t.Helper()
	path := "/api/v1/dead-letters/" + id + "/redrive"
	client{t: c.t, url: c.url, token: "a:account-2:edit"}.post(path, nil, http.StatusForbidden, nil)
	client{t: c.t, url: c.url, token: "b:admin:admin"}.post(path, nil, http.StatusNotFound, nil)
	c.post(path, nil, http.StatusNotFound, nil)
	add(c.t, s, "later", say("a"))
	c.post(path, nil, http.StatusOK, nil)
	if res := read(c.t, s, "later", 0); res.GetState() != "finished" {
		c.t.Error("the letter was taken and has not ended its call")
	}
	c.post(path, nil, http.StatusNotFound, nil)
	first, next := c.deadLetters("?pageSize=2")
	second, end := c.deadLetters("?pageSize=2&pageToken=" + next)
	var codes []string
	for _, l := range slices.Concat(first, second) {
		codes = append(codes, l.Code)
	}
	slices.Sort(codes)
	if len(first) != 2 || end != "" || !slices.Equal(codes, []string{"BODY_TOO_LARGE", "INVALID", "UTTERANCE_TOO_LARGE"}) {
		c.t.Errorf("%+v, then %+v, %q", first, second, end)
	}
}

// A replica gave up on a message and died before the inbox knew: it comes again, and lies among the dead letters once.
func TestWhatIsDeliveredAgainIsRefusedOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.put(`no event`)
	m, ok, err := b.log.At(t.Context(), subject.Inbox, 1)
	if err != nil || !ok {
		t.Fatal(err)
	}
	s := b.replica()
	b.taken()
	const more = 120 // than a follower remembers by their ids
	for range more {
		b.put(`no event`)
	}
	b.taken()
	if err := ingest.BuryAgain(t.Context(), s, m); err != nil || b.last(subject.Dead) != 1+more {
		t.Errorf("%v, %d dead letters", err, b.last(subject.Dead))
	}
	other := b.replica()
	if err := ingest.BuryAgain(t.Context(), other, m); err != nil || b.last(subject.Dead) != 1+more {
		t.Errorf("another replica: %v, %d dead letters", err, b.last(subject.Dead))
	}
}

// The log cannot store words: events stay in the inbox, in their order, and go in once it can.
func TestWhileTheLogIsFullEventsWaitInTheInbox(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	said := &heard{}
	b.logger = slog.New(slog.NewTextHandler(said, nil))
	s := b.replica()
	b.put(spoken("c", 0))
	b.taken()
	b.server.Limit(t, subject.Live, 1)
	for i := 1; i < 20; i++ {
		b.put(spoken("c", i))
	}
	eventually(t, "a try that fails", func() bool { return said.has("is tried again") })
	if n := b.last(subject.Dead); n != 0 {
		t.Errorf("%d dead letters", n)
	}
	b.server.Limit(t, subject.Live, 1<<30)
	b.taken()
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint(i))
	}
	if got := texts(read(t, s, "c", 0)); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// heard is what a replica has logged.
type heard struct {
	mu   sync.Mutex
	text strings.Builder
}

func (h *heard) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(p)
}

func (h *heard) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.text.String(), text)
}

func TestAFullInboxRefusesThePublisher(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.server.Limit(t, subject.Inbox, 16<<10)
	publish := b.server.Publisher(t)
	acknowledged := 0
	for range 100 {
		err := publish(subject.InboxOf("a", "asr-1"), nil, []byte(spoken("c", acknowledged)+strings.Repeat(" ", 1<<10)))
		if err != nil {
			break
		}
		acknowledged++
	}
	if acknowledged == 0 || acknowledged > 16 {
		t.Fatalf("%d acknowledged", acknowledged)
	}
	s := b.replica()
	b.taken()
	if got := texts(read(t, s, "c", 0)); len(got) != acknowledged {
		t.Errorf("%d of %d", len(got), acknowledged)
	}
}

// Replicas are stopped in the middle again and again, as roughly as a test can.
func TestReplicasThatComeAndGoLoseNothingOfTheInbox(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	const all = 300
	done := make(chan struct{})
	publish := b.server.Publisher(t)
	go func() {
		defer close(done)
		for i := range all {
			if err := publish(subject.InboxOf("a", "asr-1"), nil, []byte(spoken(fmt.Sprint("c", i%3), i))); err != nil {
				t.Error(err)
			}
		}
	}()
	views := filepath.Join(t.TempDir(), "views")
	for n := range 4 {
		s := b.replicaOver(views)
		eventually(t, "some to be taken in", func() bool { return b.last(subject.Live) >= uint64(3*n) })
		stop(t, s)
	}
	<-done
	s := b.replicaOver(views)
	b.taken()
	seen := map[string]bool{}
	for call := range 3 {
		for _, text := range texts(read(t, s, fmt.Sprint("c", call), 0)) {
			if seen[text] {
				t.Errorf("%s is there twice", text)
			}
			seen[text] = true
		}
	}
	if len(seen) != all {
		t.Errorf("%d of %d", len(seen), all)
	}
}
