package story_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// A newcomer starts the demo, looks, stops it with Ctrl-C, and finds everything again.
func TestTheDemoHasSomethingToLookAtAndKeepsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	simulated := freeAddress(t)
	first := w.demo(simulated)
	for _, want := range []string{"http://" + w.address, "admin ", "operator ", "API token"} {
		if !strings.Contains(first, want) {
			t.Errorf("the demo does not say %q:\n%s", want, first)
		}
	}
	w.logIn("operator", "kikigaki-demo")
	p := &person{t: t, at: "http://" + w.address, token: tokenIn(first)}
	before := p.must(http.StatusOK, "GET", "/api/v1/calls?pageSize=200", nil).body
	if n := strings.Count(string(before), `"finished"`); n < 20 {
		t.Errorf("%d calls to look at", n)
	}
	w.stop()
	second := w.demo(simulated)
	p.token = tokenIn(second[len(first):])
	if after := p.must(http.StatusOK, "GET", "/api/v1/calls?pageSize=200", nil).body; string(after) != string(before) {
		t.Errorf("the calls have changed over a restart:\n%s\n%s", before, after)
	}
	prompts := string(p.must(http.StatusOK, "GET", "/api/v1/prompts", nil).body)
	if n := strings.Count(prompts, `"position"`); n != 5 || strings.Contains(prompts, "broken") {
		t.Errorf("%d prompts: %s", n, prompts)
	}
	w.stop()
}

// demo runs `kikigaki demo` until it has said everything, and returns all that was said so far.
func (w *world) demo(simulated string) string {
	w.t.Helper()
	seen := len(w.said.String())
	w.replicas = []*replica{{t: w.t, name: "demo", said: w.said, health: w.address, args: []string{
		"demo", "--data", w.data, "--http", w.address, "--grpc", freeAddress(w.t), "--simulator", simulated,
	}}}
	w.replicas[0].spawn()
	begun := time.Now()
	until(w.t, "the demo has something to look at", readyWithin, func() bool {
		return strings.Contains(w.said.String()[seen:], "Ctrl-C")
	})
	w.t.Logf("something to look at after %s (with the race detector)", time.Since(begun).Round(time.Millisecond))
	return w.said.String()
}

func tokenIn(said string) string {
	m := regexp.MustCompile(`API token\s+([0-9a-f]{80})`).FindStringSubmatch(said)
	if m == nil {
		return ""
	}
	return m[1]
}

// A publisher that speaks gRPC brings its token in plain metadata; without one it gets nothing.
func TestPublishersSpeakGRPC(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	w := newWorld(t)
	w.grpc = address
	w.replicas = []*replica{w.everything()}
	w.start()
	admin := w.logIn("admin", adminPassword)
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := transcriptv1.NewTranscriptServiceClient(conn)
	req := &transcriptv1.AppendUtterancesRequest{CallId: "by-grpc", Utterances: []*transcriptv1.NewUtterance{
		{UtteranceId: "1", Speaker: "agent", Text: "もしもし"},
	}}
	for name, header := range map[string]string{"nothing": "", "a wrong token": "Token 0123", "a role": "system_admin"} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", header, "kikigaki-service", "analysis-worker")
		if _, err := client.AppendUtterances(ctx, req); status.Code(err) != codes.Unauthenticated {
			t.Errorf("with %s: %v", name, err)
		}
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+admin.token)
	for n, want := range []uint32{1, 0} {
		res, err := client.AppendUtterances(ctx, req)
		if err != nil || res.GetAccepted() != want || res.GetRevision() != 1 {
			t.Errorf("time %d: %v, %v", n, res, err)
		}
	}
	if got := string(admin.must(http.StatusOK, "GET", "/api/v1/calls/by-grpc/transcript", nil).body); !strings.Contains(got, "もしもし") {
		t.Error(got)
	}
	w.stop()
}

// A stream that was and is not any more is never started over: the directory of one is moved away.
func TestALostStreamIsNeverStartedOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.logIn("admin", adminPassword)
	w.stop()
	streams, err := filepath.Glob(filepath.Join(w.data, "log", "jetstream", "*", "streams", "KIKIGAKI_CALLS"))
	if err != nil || len(streams) != 1 {
		t.Fatalf("%v %v", streams, err)
	}
	if err := os.Rename(streams[0], filepath.Join(t.TempDir(), "gone")); err != nil {
		t.Fatal(err)
	}
	all := w.replicas[0]
	all.spawn()
	select {
	case err := <-all.ended:
		all.gone()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !strings.Contains(w.said.String(), "KIKIGAKI_CALLS") {
			t.Fatalf("it ended with %v", err)
		}
	case <-time.After(readyWithin):
		t.Fatal("it started over an empty stream")
	}
}
