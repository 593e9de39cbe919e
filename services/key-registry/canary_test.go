package keys_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// watched is a replica behind a real gRPC server, of which everything that leaves it is collected.
type watched struct {
	*bench

	client   keyv1.KeyServiceClient
	observed *telemetry.Telemetry
	spans    *telemetrytest.Collector
	edge     *edge.Edge
	views    string
	stop     func()
	// told is everything that was answered, by what it was the answer to.
	told map[string]string
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	w := &watched{bench: newBench(t), views: t.TempDir(), told: map[string]string{}}
	var err error
	if w.spans, err = telemetrytest.Listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.spans.Stop)
	logger := slog.New(slog.NewJSONHandler(w.said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if w.observed, err = telemetry.New(t.Context(), telemetry.Config{Endpoint: w.spans.Endpoint(), Logger: logger}); err != nil {
		t.Fatal(err)
	}
	scope := w.observed.For(keys.Name)
	s, err := keys.New(keys.Config{
		Views: w.views, MasterKeyFile: w.master, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}, keys.Deps{Log: w.log, Logger: logger, Telemetry: scope})
	if err == nil {
		err = s.Start(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	who := identity.Caller{Tenant: "a", AccountID: "me", Name: "Me", Role: identity.RoleSystemAdmin}
	server := serve.New(serve.Config{Logger: logger, Telemetry: scope, Unary: []grpc.UnaryServerInterceptor{
		func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			return next(identity.With(ctx, who), req)
		},
	}})
	s.Register(server.GRPC())
	conn, err := server.Dial("console", serve.Tracing(scope))
	if err != nil {
		t.Fatal(err)
	}
	texts, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	w.client, w.edge = keyv1.NewKeyServiceClient(conn), edge.New(nil, nil, texts, logger)
	w.stop = func() {
		_, _, _, _ = conn.Close(), server.Stop(context.Background()), s.Stop(context.Background()), w.observed.Shutdown(context.Background())
	}
	t.Cleanup(w.stop)
	return w
}

// scrape reads the page of metrics.
func (w *watched) scrape() string {
	w.t.Helper()
	return telemetrytest.Scrape(w.t.Context(), w.observed.Handler())
}

// hear keeps an answer: the message, or the error as logs print it, as it crosses to another process, and as a problem.
func (w *watched) hear(name string, answer fmt.Stringer, err error) {
	w.told[name] = answer.String()
	if err == nil {
		return
	}
	f, _ := fault.As(err)
	rec := httptest.NewRecorder()
	w.edge.Problem(rec, httptest.NewRequestWithContext(w.t.Context(), "POST", "/api/v1/keys", nil), err)
	w.told[name+", refused"] = fmt.Sprintf("%v %+v %+v %v %v %s", err, f, f.Provider, f.Params, fault.ToStatus(err).Proto(), rec.Body)
}

// TestNoProviderMakesUsTellAKey is a fence: whatever a provider says, repeating the key whole, in pieces, in headers or in
// a body that cannot be read, nothing of it but its hint is in an answer, a log, a span, a metric, an event or a file.
// The key is saved, refused, saved unverified, changed, given another secret, verified again and listed under each of its answers.
func TestNoProviderMakesUsTellAKey(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	sim, base := simulated(t, simConfig{})
	kept := w.keep(base)
	for _, r := range refusals() {
		for _, endpoint := range []string{"models", "chat/completions"} {
			w.under(sim, simFault{Refusal: r.Name, Endpoint: endpoint}, r.Name+" at "+endpoint, base, kept)
		}
	}
	w.under(sim, simFault{Status: 200, Header: map[string]string{"Openai-Organization": "org " + odd, "Openai-Project": odd}, Body: `{"id":"` + odd +
		`","model":"` + odd + `","choices":[{"finish_reason":"` + odd + `","message":{"content":"` + odd + `"}}]}`}, "an echo", base, kept)
	list, err := w.client.ListKeys(w.t.Context(), &keyv1.ListKeysRequest{})
	w.hear("list", list, err)
	w.told["metrics"] = w.scrape()
	w.stop()
	for i, s := range w.spans.Spans() {
		w.told[fmt.Sprint("span ", i)] = s.Text
	}
	w.told["the logs"] = w.said.String()
	if len(w.told) < 300 || len(w.spans.Spans()) < 250 {
		t.Fatalf("only %d things were told, %d spans", len(w.told), len(w.spans.Spans()))
	}
	for name, text := range w.told {
		if piece := pieceOf(text, 4); piece != "" {
			t.Errorf("%q of the key is in %s: %s", piece, name, text)
		}
	}
	onDisk := map[string][]byte{}
	files(t, w.views, onDisk)
	files(t, w.server.StoreDir(), onDisk)
	known := 0
	for name, data := range onDisk {
		if strings.Contains(string(data), kept) {
			known++
		}
		if piece := pieceOf(string(data), 7); piece != "" { // shorter ones may be an accident of sealed bytes
			t.Errorf("%q of the key is in %s", piece, name)
		}
	}
	if known < 2 {
		t.Errorf("only %d files know the key", known)
	}
}

// keep saves a key that stays.
func (w *watched) keep(base string) (id string) {
	d := refusing("", base)
	d.Name = "Kept"
	res, err := w.client.CreateKey(w.t.Context(), &keyv1.CreateKeyRequest{Draft: d})
	if err != nil {
		w.t.Fatal(err)
	}
	w.hear("created", res, nil)
	return res.GetKey().GetId()
}

// under does everything that asks the provider while it says one thing.
func (w *watched) under(sim *simServer, f simFault, name, base, kept string) {
	w.t.Helper()
	ctx := w.t.Context()
	f.Times = 1
	sim.Script(f)
	made, err := w.client.CreateKey(ctx, &keyv1.CreateKeyRequest{Draft: refusing("", base), SaveUnverified: true})
	w.hear(name+": created", made, err)
	if id := made.GetKey().GetId(); id != "" {
		gone, err := w.client.DeleteKey(ctx, &keyv1.DeleteKeyRequest{Id: id})
		w.hear(name+": deleted", gone, err)
	}
	sim.Script(f)
	verified, err := w.client.VerifyKey(ctx, &keyv1.VerifyKeyRequest{Id: kept})
	w.hear(name+": verified", verified, err)
	read, err := w.client.GetKey(ctx, &keyv1.GetKeyRequest{Id: kept})
	w.hear(name+": read", read, err)
	if f.Endpoint == "models" { // a change asks both; what the first says was heard above
		return
	}
	sim.Script(f)
	changed, err := w.client.UpdateKey(ctx, &keyv1.UpdateKeyRequest{Id: kept, Revision: read.GetKey().GetRevision(), Secret: new(odd)})
	w.hear(name+": changed", changed, err)
	read, err = w.client.GetKey(ctx, &keyv1.GetKeyRequest{Id: kept})
	w.hear(name+": read again", read, err)
	sim.Script(f)
	rotated, err := w.client.RotateSecret(ctx, &keyv1.RotateSecretRequest{Id: kept, Revision: read.GetKey().GetRevision(), Secret: odd})
	w.hear(name+": rotated", rotated, err)
}

// pieceOf is a piece of the key, so many letters long, that a text holds; "" for none. The head that all keys have is no
// secret, and the hint is shown on purpose.
func pieceOf(text string, size int) string {
	text = strings.ReplaceAll(text, odd[len(odd)-4:], "")
	for at := len("sk-proj-"); at+size <= len(odd); at++ {
		if piece := odd[at : at+size]; strings.Contains(text, piece) {
			return piece
		}
	}
	return ""
}
