package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	"github.com/kikigaki/kikigaki/services/access"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// suite is a whole installation with something to look at.
type suite struct {
	to    remote
	parts []*process
	sim   *simulator.Server
}

func testConfig(dir string) config {
	return config{
		commonFlags:  commonFlags{Data: dir, GRPC: "127.0.0.1:0", Log: "error"},
		webFlags:     webFlags{HTTP: "127.0.0.1:0"},
		addressFlags: addressFlags{AllowAddresses: []string{"127.0.0.0/8"}},
		adminFlags:   adminFlags{BootstrapAdmin: "admin:" + demoPassword},
	}
}

// startSuite starts everything in one process, fills it, and stops it when the test ends.
func startSuite(t *testing.T, cfg config) *suite {
	t.Helper()
	sim, base, err := startSimulator(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p, err := newProcess(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{parts: []*process{p}, sim: sim}
	t.Cleanup(func() { s.stop(t) })
	startPart(t, p)
	token, err := seeding{p: p, base: base}.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.to = remote{URL: p.url(), Token: token}
	return s
}

func startPart(t *testing.T, p *process) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := p.start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.awaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) stop(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	for _, p := range s.parts {
		if err := p.stop(ctx); err != nil {
			t.Error(err)
		}
	}
	if err := s.sim.Stop(ctx); err != nil {
		t.Error(err)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// analyse asks for the first prompt on a call and waits for the answer.
func (s *suite) analyse(t *testing.T, call string) (id string) {
	t.Helper()
	var list struct{ Prompts []struct{ ID string } }
	if err := s.to.call(t.Context(), "GET", "/api/v1/prompts", nil, &list); err != nil {
		t.Fatal(err)
	}
	var asked struct{ Analyses []analysisAnswer }
	path := "/api/v1/calls/" + call + "/analyses"
	if err := s.to.call(t.Context(), "POST", path, map[string]string{"promptId": list.Prompts[0].ID}, &asked); err != nil {
		t.Fatal(err)
	}
	id = asked.Analyses[0].ID
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		var a analysisAnswer
		if err := s.to.call(t.Context(), "GET", "/api/v1/analyses/"+id, nil, &a); err != nil {
			t.Fatal(err)
		}
		switch a.State {
		case "completed":
			return id
		case "failed", "cancelled":
			t.Fatalf("%+v", a)
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatal("no answer within a minute")
	return ""
}

// metric is the sum of a metric's series on a page of metrics.
func (s *suite) metric(t *testing.T, name string) (sum float64) {
	t.Helper()
	res, err := (&http.Client{Timeout: time.Minute}).Get(s.to.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	page, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if rest, ok := strings.CutPrefix(line, name+"{"); ok {
			var value float64
			if _, err := fmt.Sscan(rest[strings.LastIndexByte(rest, ' ')+1:], &value); err == nil {
				sum += value
			}
		}
	}
	return sum
}

// Two whole suites live in one process and know nothing of each other: no state is the process's own.
func TestTwoWholeSuitesLiveInOneProcess(t *testing.T) {
	one, two := startSuite(t, testConfig(t.TempDir())), startSuite(t, testConfig(t.TempDir()))
	for n, times := range []int{3, 1} {
		for range times {
			s := []*suite{one, two}[n]
			id := s.analyse(t, "asdc.v4.001")
			var a analysisAnswer
			if err := []*suite{two, one}[n].to.call(t.Context(), "GET", "/api/v1/analyses/"+id, nil, &a); err == nil {
				t.Errorf("an analysis of suite %d is known to the other", n)
			}
		}
	}
	for n, want := range []float64{3, 1} {
		s := []*suite{one, two}[n]
		if got := s.metric(t, "kikigaki_analyses_ended_total"); got != want {
			t.Errorf("suite %d has measured %v ends of analyses, want %v", n, got, want)
		}
		if paid := len(s.sim.Ledger()); paid < int(want) {
			t.Errorf("the provider of suite %d was asked %d times", n, paid)
		}
	}
}

// Two processes over one directory would write one log: the second is told so, and the first goes on.
func TestADirectoryIsOneProcesssAtATime(t *testing.T) {
	cfg := testConfig(t.TempDir())
	one := startSuite(t, cfg)
	two, err := newProcess(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := two.start(t.Context()); err == nil || !strings.Contains(err.Error(), broker.ErrInUse.Error()) {
		t.Errorf("the second says %v", err)
	}
	if err := two.stop(t.Context()); err != nil {
		t.Error(err)
	}
	one.analyse(t, "asdc.v4.001")
	one.keepsKeysByCommand(t)
}

// The services apart are the same constructors and the same table: here each is a process value of its own, and they
// meet over the network.
func TestEveryServiceRunsAloneFromTheSameTable(t *testing.T) {
	server := streamtest.Start(t, streamtest.Listening())
	secrets := t.TempDir()
	if err := (&secretsCommand{Dir: filepath.Join(secrets, "s")}).Run(); err != nil {
		t.Fatal(err)
	}
	flags := apartFlags{Ops: "127.0.0.1:0"}
	var started []*process
	for _, name := range roleNames() {
		cfg := testConfig(filepath.Join(t.TempDir(), name))
		cfg.NATS = server.URL()
		cfg.ServiceSecretFile = filepath.Join(secrets, "s", name+".secret")
		cfg.MasterKeyFile = filepath.Join(secrets, "s", masterKeyFile)
		p, err := newService(t.Context(), name, cfg, flags)
		if err != nil {
			t.Fatal(err)
		}
		startPart(t, p)
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), stopTime)
			defer cancel()
			if err := p.stop(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
		started = append(started, p)
		flags.Peers = append(flags.Peers, name+"="+p.grpcAddr.String())
	}
	if started[0].accounts == nil || len(started[1].running) != 1 {
		t.Error("a process runs more than its service")
	}
	to := remote{URL: started[len(started)-1].url()}
	err := to.call(t.Context(), "POST", "/api/v1/session", map[string]string{"login": "admin", "password": demoPassword}, nil)
	if err != nil {
		t.Errorf("console, which asks access: %v", err)
	}
	for _, p := range started[1:] {
		if p.accounts != nil {
			t.Errorf("%s runs %s, too", p.name, access.Name)
		}
	}
}

// What a process is told wrongly is said before anything has started, with the flag's name.
func TestWhatAServiceAloneNeedsIsSaid(t *testing.T) {
	dir := t.TempDir()
	with := func(nats, secret string, peers ...string) error {
		cfg := testConfig(dir)
		cfg.NATS, cfg.ServiceSecretFile = nats, secret
		_, err := newService(t.Context(), "key-registry", cfg, apartFlags{Peers: peers})
		return err
	}
	const nats = "nats://127.0.0.1:1"
	for want, err := range map[string]error{
		"--nats: a service by itself":           with("", ""),
		"--service-secret-file":                 with(nats, filepath.Join(dir, "none")),
		`--peers: "here": want name=address`:    with(nats, "", "here"),
		`there is no service "nobody"`:          with(nats, "", "nobody=1"),
		"stands for all replicas and cannot be": with(nats, "", "access=dns:///a:1", "access=b:1"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// Every call between services is in the table, or is refused: where services are apart nobody would believe it.
func TestNobodyAsksWhoIsNotInTheTable(t *testing.T) {
	p, err := newProcess(t.Context(), testConfig(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.dial("notification", "key-registry"); err == nil || !strings.Contains(err.Error(), "does not ask") {
		t.Errorf("got %v", err)
	}
	for _, name := range roleNames() {
		callers := strings.Join(callersOf(name), " ")
		if !strings.HasPrefix(callers, name) || !strings.Contains(callers, access.Name) {
			t.Errorf("%s knows %s", name, callers)
		}
	}
}
