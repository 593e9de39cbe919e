package story_test

import (
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/services/simulator"
)

// sentenceE1 is what everybody but the first is told, to the letter.
const sentenceE1 = "解析の開始に失敗しました(現在、解析処理中です)"

func TestAHundredAskAndOneIsHeard(t *testing.T) { everyWay(t, aHundredAskAndOneIsHeard) }

func aHundredAskAndOneIsHeard(s stage) {
	t, way := s.t, s.way
	w := way.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(w.base), "about")
	hundred(t, w, "call", prompt, admin)
	w.stop()
}

// The same on three servers, with two processes that know of each other only through the log.
func TestAHundredAskTwoProcessesOverThreeServers(t *testing.T) {
	t.Parallel()
	cluster := streamtest.StartCluster(t)
	one := newWorld(t, "--nats", cluster.URL())
	one.start()
	two := newWorld(t, "--nats", cluster.URL(),
		"--master-key-file", filepath.Join(one.data, "master.key"),
		"--service-secret-file", filepath.Join(one.data, "service.secret"))
	two.start()
	admin := one.logIn("admin", adminPassword)
	prompt := admin.prompt(admin.key(one.base), "about")
	there := *admin
	there.at = "http://" + two.address
	hundred(t, one, "call", prompt, admin, &there)
	two.stop()
	one.stop()
}

// hundred lets 100 requests for one call race over some people's connections. The provider keeps the answer back until
// all have been answered: else a late one would rightly be heard when the first had its answer.
func hundred(t *testing.T, w *world, call, prompt string, people ...*person) {
	t.Helper()
	w.provider.Script(simulator.Fault{Marker: "slow-marker", Hang: -1})
	asked := len(w.provider.Ledger())
	people[0].say(call, 0, "Hello, how can I help you?", "I would like to cancel my slow-marker.")
	var mu sync.Mutex
	accepted, busy := []string{}, 0
	var group sync.WaitGroup
	start := make(chan struct{})
	for n := range 100 {
		p := people[n%len(people)]
		group.Go(func() {
			<-start
			a, err := p.try("POST", "/api/v1/calls/"+call+"/analyses", map[string]string{"promptId": prompt})
			mu.Lock()
			defer mu.Unlock()
			var made struct{ Analyses []struct{ ID string } }
			var problem struct {
				Title, Code string
				Params      struct{ AnalysisID string }
			}
			switch {
			case err != nil:
				t.Error(err)
			case a.status == http.StatusAccepted:
				a.into(t, &made)
				accepted = append(accepted, made.Analyses[0].ID)
			default:
				a.into(t, &problem)
				if a.status != http.StatusConflict || problem.Code != "ANALYSIS_IN_PROGRESS" || problem.Title != sentenceE1 ||
					problem.Params.AnalysisID == "" {
					t.Errorf("%d %s", a.status, a.body)
				}
				busy++
			}
		})
	}
	close(start)
	group.Wait()
	if len(accepted) != 1 || busy != 99 {
		for _, id := range accepted {
			t.Logf("%s", people[0].must(http.StatusOK, "GET", "/api/v1/analyses/"+id, nil).body)
		}
		t.Fatalf("%d accepted, %d told that it is busy", len(accepted), busy)
	}
	last := people[len(people)-1]
	until(t, "the question is at the provider", time.Minute, func() bool { return len(w.provider.Ledger()) > asked })
	last.must(http.StatusOK, "POST", "/api/v1/analyses/"+accepted[0]+"/cancel", nil)
	if a := last.finished(accepted[0]); a.State != "cancelled" {
		t.Fatalf("%+v", a)
	}
	if a := last.finished(last.analyse(call, prompt)); a.State != "completed" {
		t.Fatalf("the call is not free again: %+v", a)
	}
}
