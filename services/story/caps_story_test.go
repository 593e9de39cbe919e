package story_test

import (
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// askers are how many programs ask the compatible API at the same time.
const askers = 16

// A month's answers are counted exactly: of one request more than are left exactly one is refused, whoever of the replicas
// is asked; and a kill may cost the answers that were under way, and never gives one more.
func TestExactlyAsManyAnswersAsTheMonthHas(t *testing.T) {
	everyWay(t, exactlyAsManyAnswersAsTheMonthHas, apart)
}

func exactlyAsManyAnswersAsTheMonthHas(s stage) {
	t, w := s.t, s.way.newWorld(s.t)
	w.addTenant("other", "else")
	w.start()
	admin, other := w.logIn("admin", adminPassword), w.logIn("else", adminPassword)
	for _, p := range []*person{admin, other} {
		p.say("call", 0, "Hello.", "もしもし。")
	}
	m := &meter{t: t, w: w, admin: admin, client: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: askers},
	}}
	t.Cleanup(m.client.CloseIdleConnections)

	first := monthly(t)
	m.cap(first)
	m.costsNothing()
	begun := time.Now()
	m.exactly(int(first), 1) // one was had before
	t.Logf("%d requests answered in %s (with the race detector)", first, time.Since(begun).Round(time.Millisecond))
	m.used(first)
	m.costsNothing()
	m.cap(first + 50)
	m.exactly(51, 1)
	if got := m.ask(other.token, "call", ""); got.status != http.StatusOK {
		t.Errorf("another tenant: %d %s", got.status, got.body)
	}
	m.used(first + 50)
	for n := range kills() {
		m.killed(400, n, askers)
	}
	if whole() {
		m.killed(6000, 0, askers+countedAhead)
	}
	w.stop()
}

// monthly is the cap that the story begins with. The real one takes more than three minutes of a busy machine with the race
// detector: the long form goes a fifth of the way, and says so.
func monthly(t *testing.T) uint64 {
	t.Helper()
	if !whole() {
		return 300
	}
	t.Log("the cap is 20,000 here, not the 100,000 of a real month: those take more than three minutes")
	return 20_000
}

// meter asks the compatible API and looks at what that costs.
type meter struct {
	t      *testing.T
	w      *world
	admin  *person
	client *http.Client
	tag    string
}

// month is a tenant's setting, as far as it matters here.
type month struct {
	Revision        uint32
	MonthlyRequests uint64
	UsedRequests    uint64
	UsedObjects     uint64
}

// settings asks one replica, or the gateway, for the settings.
func (m *meter) settings(at string) (out month) {
	m.t.Helper()
	p := *m.admin
	p.t, p.at = m.t, at
	p.must(http.StatusOK, "GET", "/api/v1/settings/voice-log", nil).into(m.t, &out)
	return out
}

// cap sets how many answers a month has, and waits until every replica goes by it.
func (m *meter) cap(most uint64) {
	m.t.Helper()
	now := m.settings(m.admin.at)
	m.admin.must(http.StatusOK, "PATCH", "/api/v1/settings/voice-log", map[string]any{
		"revision": now.Revision, "monthlyRequests": most, "burstRate": 10_000, "burst": 10_000,
	})
	for _, at := range m.w.served(ingest.Name) {
		until(m.t, at+" knows the cap", time.Minute, func() bool { return m.settings(at).MonthlyRequests == most })
	}
}

// served is where each process that serves a service's paths listens.
func (w *world) served(service string) (out []string) {
	for _, r := range w.replicas {
		if n := slices.Index(r.args, "--http"); n > 0 && (r.args[0] == service || r.args[0] == "all") {
			out = append(out, "http://"+r.args[n+1])
		}
	}
	return out
}

// used waits until all replicas say that so many answers were had: what is counted too much is taken back behind a refusal.
func (m *meter) used(want uint64) {
	m.t.Helper()
	for _, at := range m.w.served(ingest.Name) {
		var got month
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			if got = m.settings(at); got.UsedRequests == want && got.UsedObjects == want {
				break
			}
		}
		if got.UsedRequests != want || got.UsedObjects != want {
			m.t.Errorf("%s: %d requests and %d objects are used, want %d", at, got.UsedRequests, got.UsedObjects, want)
		}
	}
}

// ask asks for a call's words once. An answer that did not come whole has the status 0.
func (m *meter) ask(token, call, tag string) answer {
	req, err := http.NewRequest(http.MethodGet, "http://"+m.w.address+"/public/api/v1/monitor/voice_log/"+call, http.NoBody)
	if err != nil {
		return answer{}
	}
	req.Header.Set("Authorization", "Token "+token)
	if tag != "" {
		req.Header.Set("If-None-Match", tag)
	}
	res, err := m.client.Do(req)
	if err != nil {
		return answer{}
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{}
	}
	return answer{res.StatusCode, body, res.Header}
}

// costsNothing asks for what is not there and for what has not changed, which is answered as before, and not counted. The
// first time it has one answer, for its tag.
func (m *meter) costsNothing() {
	m.t.Helper()
	if m.tag == "" {
		m.tag = m.ask(m.admin.token, "call", "").header.Get("ETag")
	}
	before := m.settings(m.admin.at).UsedRequests
	for range 10 {
		if got := m.ask(m.admin.token, "never", ""); got.status != http.StatusNotFound {
			m.t.Errorf("an unknown call: %d %s", got.status, got.body)
		}
		if got := m.ask(m.admin.token, "call", m.tag); got.status != http.StatusNotModified || m.tag == "" {
			m.t.Errorf("what has not changed: %d %s, tag %q", got.status, got.body, m.tag)
		}
	}
	m.used(before)
}

// exactly makes so many requests at once, of which so many have to be refused, and 40 more, of which all have to be.
func (m *meter) exactly(requests, refused int) {
	m.t.Helper()
	if got := m.crowd(requests); got.answered != int64(requests-refused) || got.refused != int64(refused) || got.lost != 0 {
		m.t.Errorf("of %d requests %d were answered, %d refused and %d lost, want %d refused",
			requests, got.answered, got.refused, got.lost, refused)
	}
	if got := m.crowd(40); got.refused != 40 {
		m.t.Errorf("over the cap %d were answered and %d refused", got.answered, got.refused)
	}
}

// outcomes are what became of requests.
type outcomes struct{ answered, refused, lost int64 }

func (m *meter) crowd(requests int) outcomes {
	m.t.Helper()
	var left, answered, refused, lost atomic.Int64
	left.Store(int64(requests))
	var group sync.WaitGroup
	for range askers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				switch got := m.ask(m.admin.token, "call", ""); got.status {
				case http.StatusOK:
					answered.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
					m.refusal(got)
				default:
					m.t.Logf("%d %s", got.status, got.body)
					lost.Add(1)
				}
			}
		})
	}
	group.Wait()
	return outcomes{answered.Load(), refused.Load(), lost.Load()}
}

// refusal looks at the answer of a month that is used up: it says when the next begins.
func (m *meter) refusal(got answer) {
	wait, err := strconv.Atoi(got.header.Get("Retry-After"))
	japan := time.Now().UTC().Add(9 * time.Hour)
	next := time.Date(japan.Year(), japan.Month()+1, 1, 0, 0, 0, 0, time.UTC).Sub(japan)
	if err != nil || math.Abs(next.Seconds()-float64(wait)) > 60 || !strings.Contains(string(got.body), "LIMIT_EXCEEDED") {
		m.t.Errorf("refused with Retry-After %q, want %s, and %s", got.header.Get("Retry-After"), next, got.body)
	}
}

// kills are how many times a replica is killed while all ask.
func kills() int {
	if whole() {
		return 10
	}
	return 1
}

// countedAhead is how many answers a busy replica counts ahead, at the most. Within 2,000 of the cap there are none.
const countedAhead = 1024

// killed raises the cap and kills a replica while all ask until the month is used up. That costs at most the answers that were
// under way, one for each who asks, and far from the cap what was counted ahead: so many may be lost.
func (m *meter) killed(room int64, nth int, mayBeLost int64) {
	m.t.Helper()
	before := m.settings(m.admin.at).UsedRequests
	most := before + uint64(room)
	m.cap(most)
	var victims []*replica
	for _, r := range m.w.replicas {
		if r.args[0] == ingest.Name || r.args[0] == "all" {
			victims = append(victims, r)
		}
	}
	var answered, refused atomic.Int64
	var over atomic.Bool
	var group sync.WaitGroup
	for range askers {
		group.Go(func() {
			for !over.Load() {
				switch got := m.ask(m.admin.token, "call", ""); got.status {
				case http.StatusOK:
					answered.Add(1)
				case http.StatusTooManyRequests:
					refused.Add(1)
				default: // it is away
					time.Sleep(20 * time.Millisecond)
				}
			}
		})
	}
	defer func() { over.Store(true); group.Wait() }()
	until(m.t, "some are answered", time.Minute, func() bool { return answered.Load() > room/3 })
	victim := victims[nth%len(victims)]
	victim.kill()
	victim.spawn()
	victim.awaitReady()
	until(m.t, "the month is used up", time.Minute, func() bool {
		return refused.Load() > 0 && m.settings(m.admin.at).UsedRequests >= most
	})
	over.Store(true)
	group.Wait()
	got := answered.Load()
	m.t.Logf("%d of %d answered over a kill", got, room)
	if got > room || room-got > mayBeLost {
		m.t.Errorf("%d of %d were answered over a kill, at most %d may be lost", got, room, mayBeLost)
	}
	m.used(most)
	if more := m.crowd(40); more.refused != 40 {
		m.t.Errorf("after the kill %d more were answered, and %d refused", more.answered, more.refused)
	}
}
