package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is an access that knows its credentials by heart, behind a real gRPC server. It answers services alone.
type desk struct {
	accessv1.UnimplementedAccessServiceServer

	signer *identity.Signer
	hold   chan struct{} // when not nil, answers wait until it is closed

	mu    sync.Mutex
	known map[string]identity.Caller
	down  error
	asked int
}

// ResolveCredential answers about the value of a token or a login.
func (d *desk) ResolveCredential(
	ctx context.Context, r *accessv1.ResolveCredentialRequest,
) (*accessv1.ResolveCredentialResponse, error) {
	if _, err := identity.RequireService(ctx, "console"); err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.asked++
	c, ok := d.known["token "+r.GetTokenValue()]
	if !ok {
		c, ok = d.known["login "+r.GetLoginValue()]
	}
	down, hold := d.down, d.hold
	d.mu.Unlock()
	if hold != nil {
		<-hold
	}
	switch {
	case down != nil:
		return nil, down
	case !ok:
		return nil, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	}
	statement, err := d.signer.Sign(c, time.Now())
	return &accessv1.ResolveCredentialResponse{Statement: statement}, err
}

func (d *desk) set(credential string, c identity.Caller) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[credential] = c
}

func (d *desk) revoke(credential string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, credential)
}

func (d *desk) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = err
}

func (d *desk) times() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked
}

// journal is a log that tests read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// front is an edge and what it stands on.
type front struct {
	*Edge

	desk *desk
	log  *journal
}

func anna() identity.Caller {
	return identity.Caller{Tenant: "north", AccountID: "a1", Name: "Anna", Role: identity.RoleUser, Locale: "pt-BR"}
}

// newFront makes an edge in front of a desk that knows anna by the token "good" and the login "cookie".
func newFront(t *testing.T) front {
	t.Helper()
	secrets := identity.GenerateSecrets(identity.Access, "console")
	return build(t, secrets, secrets)
}

// build makes an edge whose access has secrets of its own.
func build(t *testing.T, ours, theirs identity.Secrets) front {
	t.Helper()
	accessSigner, err := identity.NewSigner(theirs, identity.Access)
	if err != nil {
		t.Fatal(err)
	}
	console, err := identity.NewSigner(theirs, "console")
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{signer: accessSigner, known: map[string]identity.Caller{"token good": anna(), "login cookie": anna()}}
	from := identity.Receiver{Verifier: identity.NewVerifier(theirs), Peer: serve.PeerService}
	server := serve.New(serve.Config{Unary: []grpc.UnaryServerInterceptor{from.Unary()}})
	accessv1.RegisterAccessServiceServer(server.GRPC(), d)
	conn, err := server.Dial("console", grpc.WithChainUnaryInterceptor(console.Unary()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		_ = server.Stop(context.Background())
	})
	texts, err := catalogue.Load()
	if err != nil {
		t.Fatal(err)
	}
	log := &journal{}
	e := New(accessv1.NewAccessServiceClient(conn), identity.NewVerifier(ours), texts, slog.New(slog.NewTextHandler(log, nil)))
	return front{Edge: e, desk: d, log: log}
}

// request makes a request with headers given as "Name: value".
func request(method, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, "http://kikigaki.example/api/v1/calls", strings.NewReader(body))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// whoami answers with the account.
func whoami(w http.ResponseWriter, r *http.Request) error {
	c, err := identity.From(r.Context())
	if err != nil {
		return err
	}
	return Encode(w, http.StatusOK, c)
}

// answer is what came back.
type answer struct {
	code   int
	header http.Header
}

// ask sends a request through the edge and reads the answer.
func (f front) ask(t *testing.T, h Handler, r *http.Request) (answer, map[string]any) {
	t.Helper()
	w := httptest.NewRecorder()
	f.Authenticated(h).ServeHTTP(w, r)
	var body map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	return answer{w.Code, w.Header()}, body
}
