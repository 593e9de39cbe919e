package story_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is an open event stream that reconnects, as a browser does, and remembers every event it was told.
type screen struct {
	p    *person
	mu   sync.Mutex
	ids  []string
	told map[string]int // outcome -> times
	last string
	cut  context.CancelFunc

	had map[string]bool                   // ids; a screen ignores one that it has had
	on  func(id, kind, analysisID string) // told what is new; may be nil
}

// open keeps a screen open until the context is done.
func (p *person) open(ctx context.Context, group *sync.WaitGroup) *screen {
	s := &screen{p: p, told: map[string]int{}, had: map[string]bool{}}
	connected := make(chan struct{}, 1)
	group.Go(func() { s.keepOpen(ctx, connected) })
	select {
	case <-connected:
	case <-ctx.Done():
	}
	return s
}

// keepOpen listens, and comes back whenever it is cut.
func (s *screen) keepOpen(ctx context.Context, connected chan<- struct{}) {
	for ctx.Err() == nil {
		s.listen(ctx, connected)
		select {
		case <-time.After(time.Duration(10+rand.IntN(50)) * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func (s *screen) listen(ctx context.Context, connected chan<- struct{}) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.mu.Lock()
	s.cut = cancel
	last := s.last
	s.mu.Unlock()
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.p.at+"/api/v1/notifications/stream", http.NoBody)
	req.Header.Set("Authorization", "Token "+s.p.token)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		return
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return
	}
	var id, kind string
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			s.tell(id, kind, value)
		case "":
			s.mu.Lock()
			if id != "" {
				s.last = id
			}
			s.mu.Unlock()
			kind = ""
			select {
			case connected <- struct{}{}:
			default:
			}
		}
	}
}

func (s *screen) tell(id, kind, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.on != nil && !s.had[id] {
		s.on(id, kind, analysisIn(data))
	}
	s.had[id] = id != ""
	if kind == "reset" {
		s.told["reset"]++
		return
	}
	if strings.HasPrefix(kind, "analysis.") {
		s.ids = append(s.ids, id)
		s.told[kind+" "+analysisIn(data)]++
	}
}

func analysisIn(data string) string {
	_, rest, _ := strings.Cut(data, `"analysisId":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

func (s *screen) disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cut != nil {
		s.cut()
	}
}

// hasHeard tells whether a screen was told the outcome of every one of some analyses.
func (s *screen) hasHeard(analyses map[string]bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	heard := map[string]bool{}
	for told := range s.told {
		_, id, _ := strings.Cut(told, " ")
		heard[id] = true
	}
	for id := range analyses {
		if !heard[id] {
			return false
		}
	}
	return true
}

// heard is how many outcomes a screen was told, and what was told more than once.
func (s *screen) heard() (n int, twice []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for outcome, times := range s.told {
		if n++; times > 1 {
			twice = append(twice, fmt.Sprint(outcome, " ", times, " times"))
		}
	}
	return n, twice
}

// Twenty screens of two accounts and three of another tenant, across forced reconnects and a restart.
func TestEveryScreenHearsEveryOutcomeOnce(t *testing.T) {
	everyWay(t, everyScreenHearsEveryOutcomeOnce)
}

func everyScreenHearsEveryOutcomeOnce(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.addTenant("other", "other-admin")
	w.start()
	admin := w.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(w.base), "about")
	operator, stranger := admin.account(w, "operator", "user", "edit"), w.logIn("other-admin", adminPassword)
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	var screens, foreign []*screen
	for n := range 20 {
		screens = append(screens, []*person{admin, operator}[n%2].open(ctx, &group))
	}
	for range 3 {
		foreign = append(foreign, stranger.open(ctx, &group))
	}
	const rounds = 12
	for n := range rounds {
		call := fmt.Sprint("call-", n)
		operator.say(call, 0, "Good morning.", "I have a question about my bill.")
		for _, s := range screens {
			if rand.IntN(3) == 0 {
				s.disconnect()
			}
		}
		id := []*person{admin, operator}[n%2].analyse(call, prompt)
		if n == rounds/2 {
			w.stop()
			w.start()
		}
		admin.finished(id)
	}
	for i, s := range screens {
		until(t, fmt.Sprintf("screen %d hears %d outcomes", i, rounds), 30*time.Second, func() bool {
			n, _ := s.heard()
			return n >= rounds
		})
		if n, twice := s.heard(); n != rounds || len(twice) > 0 {
			t.Errorf("screen %d heard %d outcomes, want %d; twice: %v", i, n, rounds, twice)
		}
	}
	for i, s := range foreign {
		if n, _ := s.heard(); n != 0 {
			t.Errorf("screen %d of another tenant heard %d outcomes", i, n)
		}
	}
	cancel()
	group.Wait()
	w.stop()
}
