package analysis

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
	"github.com/kikigaki/kikigaki/pkg/view"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// What must be seen nowhere.
const (
	secretKey    = "sk-canary4mT9wQxZ7bL2"
	secretPrompt = "prompt-zebra"
	secretWords  = "words-zebra"
	secretAnswer = "answer-zebra"
)

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// world is a log, a provider, and the part of the other services that a worker asks. Its one call is "c" of tenant "a".
type world struct {
	t        *testing.T
	log      *stream.Log
	dirs     []string // of the log, and of the views of workers
	tel      *telemetry.Telemetry
	spans    *telemetrytest.Collector
	others   *others
	provider *provider
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := telemetrytest.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	tel, err := telemetry.New(t.Context(), telemetry.Config{Endpoint: c.Endpoint()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tel.Shutdown(context.Background()) })
	log, dir := logIn(t)
	w := &world{t: t, log: log, dirs: []string{dir}, tel: tel, spans: c, provider: newProvider(t)}
	w.others = &others{url: w.provider.URL + "/v1"}
	w.open("c")
	w.put(stream.NewGuard(subject.Keys, subject.KeyGuard("a")), subject.Key("a", "k"),
		&eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: &eventv1.KeySaved{
			Id: "k", Kind: "compatible", Name: "Main", Model: "m-1", Lane: "lane",
		}}})
	return w
}

// open opens a call.
func (w *world) open(call string) {
	w.t.Helper()
	w.put(stream.NewGuard(subject.Calls, subject.CallGuard("a", call)), subject.Call("a", call, subject.KindOpened),
		&eventv1.CallEvent{CallId: call, Kind: &eventv1.CallEvent_Opened{Opened: &eventv1.CallOpened{}}})
}

func (w *world) put(g stream.Guard, at string, m proto.Message) {
	w.t.Helper()
	data, err := proto.Marshal(m)
	if err == nil {
		_, err = w.log.Append(w.t.Context(), g, 0, stream.Event{ID: ids.New("event"), Subject: at, Data: data})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// worker starts a replica with a view of its own. stop stops it, at the latest when the context is done; it is safe twice.
func (w *world) worker() (s *Service, stop func(context.Context)) {
	w.t.Helper()
	logger := slog.New(slog.DiscardHandler)
	conn := w.ask()
	views := w.t.TempDir()
	w.dirs = append(w.dirs, views)
	s = New(Config{Views: views, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, Deps{
		Log: w.log, Prompts: promptv1.NewPromptServiceClient(conn), Keys: keyv1.NewKeyServiceClient(conn),
		Transcripts: transcriptv1.NewTranscriptServiceClient(conn), Logger: logger, Telemetry: w.tel.For(Name),
	})
	if err := s.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	var once sync.Once
	stop = func(ctx context.Context) { once.Do(func() { _ = s.Stop(ctx) }) }
	w.t.Cleanup(func() { stop(context.Background()) })
	w.eventually("the worker to be ready", func() bool { return s.Ready(w.t.Context()) == nil })
	return s, stop
}

// ask opens a connection to the other services, which are one here.
func (w *world) ask() *grpc.ClientConn {
	w.t.Helper()
	server := serve.New(serve.Config{Telemetry: w.tel.For("others")})
	keyv1.RegisterKeyServiceServer(server.GRPC(), w.others)
	promptv1.RegisterPromptServiceServer(server.GRPC(), w.others)
	transcriptv1.RegisterTranscriptServiceServer(server.GRPC(), w.others)
	conn, err := server.Dial(Name, serve.Tracing(w.tel.For(Name)))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close(); _ = server.Stop(context.Background()) })
	return conn
}

// request asks for an analysis of the call in the trace of a context.
func (w *world) request(ctx context.Context, s *Service) (id string) {
	w.t.Helper()
	return w.requestOf(ctx, s, "c", "p")
}

// requestOf asks for an analysis of a call with a prompt: with "p2" by the key "k2", with every other by "k".
func (w *world) requestOf(ctx context.Context, s *Service, call, prompt string) (id string) {
	w.t.Helper()
	ctx = identity.With(ctx, identity.Caller{
		Tenant: "a", AccountID: "ann", Role: identity.RoleUser, CallPermission: identity.PermissionEdit,
	})
	res, err := s.RequestAnalyses(ctx, &analysisv1.RequestAnalysesRequest{CallId: call, PromptIds: []string{prompt}})
	if err != nil {
		w.t.Fatal(err)
	}
	return res.GetAnalyses()[0].GetId()
}

// ended waits until an analysis has ended and its run is over.
func (w *world) ended(s *Service, id string) (r Record) {
	w.t.Helper()
	w.eventually("the analysis to end", func() bool {
		err := s.follower.Read(func(tx *view.Tx) (err error) { r, _, err = readRecord(tx, "a", id); return err })
		_, running := s.pool.counts()
		return err == nil && r.Terminal() && running == 0
	})
	return r
}

func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !holds(); {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain for %s", what)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-w.t.Context().Done():
		}
	}
}

// all are the spans, once they are all there.
func (w *world) all() []telemetrytest.Span {
	w.t.Helper()
	if err := w.tel.Shutdown(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return w.spans.Spans()
}

// others is what a worker asks of other services.
type others struct {
	keyv1.UnimplementedKeyServiceServer
	promptv1.UnimplementedPromptServiceServer
	transcriptv1.UnimplementedTranscriptServiceServer

	url string // of the provider
	// broken is why the prompt cannot be used, and what there is to say about it; set before anybody asks.
	broken       string
	brokenParams map[string]string
	advanced     bool

	mu       sync.Mutex
	released []uint32 // versions of the secret
	version  uint32
	asked    func() // when a transcript is asked for
	doubted  int
}

func (o *others) RecheckKey(context.Context, *keyv1.RecheckKeyRequest) (*keyv1.RecheckKeyResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.doubted++
	return &keyv1.RecheckKeyResponse{}, nil
}

func (o *others) ReleaseSecret(context.Context, *keyv1.ReleaseSecretRequest) (*keyv1.ReleaseSecretResponse, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.released = append(o.released, o.version)
	return &keyv1.ReleaseSecretResponse{
		Secret: secretOf(o.version), BaseUrl: o.url, Key: &keyv1.Key{Id: "k", Model: "m-1", Revision: o.version},
		SecretVersion: o.version,
	}, nil
}

// secretOf is the key's secret in a version.
func secretOf(version uint32) string { return secretKey + strings.Repeat("+", int(version)) }

func (o *others) GetPrompt(_ context.Context, req *promptv1.GetPromptRequest) (*promptv1.GetPromptResponse, error) {
	k := "k"
	if req.GetId() == "p2" {
		k = "k2"
	}
	return &promptv1.GetPromptResponse{Prompt: &promptv1.Prompt{
		Id: req.GetId(), Name: "Summary", KeyId: k, Text: secretPrompt, Split: "auto", Revision: 7,
		Advanced: o.advanced, MapText: "per piece", BrokenCode: o.broken, BrokenParams: o.brokenParams,
	}}, nil
}

func (o *others) GetTranscript(
	context.Context, *transcriptv1.GetTranscriptRequest,
) (*transcriptv1.GetTranscriptResponse, error) {
	o.mu.Lock()
	asked := o.asked
	o.mu.Unlock()
	if asked != nil {
		asked()
	}
	return &transcriptv1.GetTranscriptResponse{
		CallId: "c", Revision: 1, Utterances: []*transcriptv1.Utterance{{Speaker: "agent", Text: secretWords}},
	}, nil
}

// provider answers over HTTP as providers do, but says whatever it should not.
type provider struct {
	*httptest.Server

	mu      sync.Mutex
	headers []http.Header
	status  int
	hang    chan struct{} // closed when it shall answer
	left    string        // of its tokens; set before it is asked
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	p := &provider{status: http.StatusOK, left: "199999"}
	p.Server = httptest.NewServer(http.HandlerFunc(p.answer))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) answer(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	p.mu.Lock()
	p.headers = append(p.headers, r.Header.Clone())
	status, hang := p.status, p.hang
	p.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Request-ID", "req-1")
	for name, value := range map[string]string{
		"Limit-Requests": "500", "Remaining-Requests": "499", "Reset-Requests": "120ms",
		"Limit-Tokens": "200000", "Remaining-Tokens": p.left, "Reset-Tokens": "1m0s",
	} {
		w.Header().Set("X-Ratelimit-"+name, value)
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(status)
	if status != http.StatusOK {
		_, _ = fmt.Fprintf(w, `{"error":{"message":"bad key %s for %s"}}`, secretKey, secretWords)
		return
	}
	_, _ = fmt.Fprintf(w, `{"id":"cmpl-1 %s","model":"m-1-2026","choices":[{"finish_reason":"stop","message":{"role":"assistant","content":%q}}],
		"usage":{"prompt_tokens":30,"completion_tokens":12}}`, secretKey, secretAnswer)
}

// asked are the headers of the requests it has got.
func (p *provider) asked() []http.Header {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.headers
}

// set changes what it does from now on.
func (p *provider) set(status int, hang chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.hang = status, hang
}
