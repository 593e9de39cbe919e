package notify

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// world is a log, and an access service that knows the tokens "<tenant>:<account>".
type world struct {
	t        *testing.T
	log      *stream.Log
	verifier *identity.Verifier
	access   accessv1.AccessServiceClient
	gate     *gate
	ctx      context.Context // of what is told
}

func newWorld(t *testing.T) *world {
	t.Helper()
	log, err := stream.Open(streamtest.Start(t).Conn(t), stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range broker.Declarations() {
		if d.Name == subject.Calls || d.Name == subject.Seen {
			d.MaxBytes = 64 << 20
			if _, _, err := log.Declare(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	secrets := identity.GenerateSecrets(identity.Access, Name)
	w := &world{t: t, ctx: t.Context(), log: log, verifier: identity.NewVerifier(secrets), gate: &gate{}}
	if w.gate.signer, err = identity.NewSigner(secrets, identity.Access); err != nil {
		t.Fatal(err)
	}
	server := serve.New(serve.Config{})
	accessv1.RegisterAccessServiceServer(server.GRPC(), w.gate)
	conn, err := server.Dial(Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = server.Stop(context.Background()) })
	w.access = accessv1.NewAccessServiceClient(conn)
	return w
}

// gate is the part of access that resolves credentials.
type gate struct {
	accessv1.UnimplementedAccessServiceServer

	signer *identity.Signer
	shut   sync.Map // tokens that are revoked
}

func (g *gate) caller(token string) (identity.Caller, error) {
	tenant, account, ok := strings.Cut(token, ":")
	if _, revoked := g.shut.Load(token); revoked || !ok {
		return identity.Caller{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	}
	role := identity.RoleUser
	if strings.HasPrefix(account, "admin") {
		role = identity.RoleSystemAdmin
	}
	return identity.Caller{
		Tenant: tenant, AccountID: account, Login: account, Name: "Name of " + account,
		Role: role, CallPermission: identity.PermissionView,
	}, nil
}

func (g *gate) ResolveCredential(
	_ context.Context, req *accessv1.ResolveCredentialRequest,
) (*accessv1.ResolveCredentialResponse, error) {
	c, err := g.caller(req.GetTokenValue())
	if err != nil {
		return nil, err
	}
	statement, err := g.signer.Sign(c, time.Now())
	return &accessv1.ResolveCredentialResponse{Statement: statement, Tenant: c.Tenant}, err
}

// replica is one running replica with its HTTP server.
type replica struct {
	*Service

	edge *edge.Edge
	http *serve.HTTP
	url  string
	// stopOnce stops the replica; it is safe twice.
	stopOnce func()
}

// start starts a replica over a folder for its view. change, if not nil, changes it before.
func (w *world) start(views string, change func(*Service)) *replica {
	w.t.Helper()
	texts, err := catalogue.Load()
	if err != nil {
		w.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	r := &replica{
		Service: New(Config{Views: views}, Deps{Log: w.log, Logger: log}),
		edge:    edge.New(w.access, w.verifier, texts, log),
	}
	if change != nil {
		change(r.Service)
	}
	if err := r.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	eventually(w.t, "the replica to be ready", func() bool { return r.Ready(w.t.Context()) == nil })
	mux := http.NewServeMux()
	r.Mount(mux, r.edge)
	r.http = serve.NewHTTP(mux, log)
	r.http.OnShutdown(r.Drain)
	addr, err := r.http.Listen(w.t.Context(), "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	r.url = "http://" + addr.String()
	var once sync.Once
	r.stopOnce = func() { once.Do(func() { w.stop(r) }) }
	w.t.Cleanup(r.stopOnce)
	return r
}

func (w *world) stop(r *replica) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.http.Stop(ctx); err != nil {
		w.t.Errorf("stopping HTTP: %v", err)
	}
	if err := r.Stop(ctx); err != nil {
		w.t.Errorf("stopping: %v", err)
	}
}

// tell puts an event on the log under its call's guard and returns its sequence.
func (w *world) tell(at string, e *eventv1.CallEvent) uint64 {
	w.t.Helper()
	_, tenant, rest, ok := subject.Parse(at)
	if !ok {
		w.t.Fatalf("subject %q", at)
	}
	if e.GetMeta() == nil {
		e.Meta = &eventv1.Meta{At: timestamppb.New(time.Now()), Service: "analysis-worker"}
	}
	e.CallId = rest[0]
	data, err := proto.Marshal(e)
	if err != nil {
		w.t.Fatal(err)
	}
	guard := stream.NewGuard(subject.Calls, subject.CallGuard(tenant, rest[0]))
	last, _, err := w.log.Last(w.t.Context(), guard)
	if err != nil {
		w.t.Fatal(err)
	}
	sequence, err := w.log.Append(w.ctx, guard, last.Sequence,
		stream.Event{ID: ids.New("event"), Subject: at, Data: data})
	if err != nil {
		w.t.Fatal(err)
	}
	return sequence
}

// completed tells of a finished analysis of a call of its own.
func (w *world) completed(tenant, account string, n int) uint64 {
	w.t.Helper()
	call, analysis := fmt.Sprintf("call-%d", n), fmt.Sprintf("analysis-%d", n)
	return w.tell(subject.Analysis(tenant, call, analysis, subject.KindCompleted), completed(analysis, account))
}

func (w *world) failed(tenant, account string, n int) uint64 {
	w.t.Helper()
	call, analysis := fmt.Sprintf("call-%d", n), fmt.Sprintf("analysis-%d", n)
	return w.tell(subject.Analysis(tenant, call, analysis, subject.KindFailed), failedEvent(analysis, account))
}

// id is the id of the outcome at a sequence.
func (w *world) id(sequence uint64) string {
	w.t.Helper()
	info, err := w.log.Info(w.t.Context(), subject.Calls)
	if err != nil {
		w.t.Fatal(err)
	}
	return place{info.Incarnation, sequence}.String()
}

// reached waits until a replica's view has a sequence and its ring too.
func (w *world) reached(r *replica, sequence uint64) {
	w.t.Helper()
	if err := r.follower.Wait(w.t.Context(), subject.Calls, sequence); err != nil {
		w.t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		pause(t)
	}
}

func pause(t *testing.T) {
	t.Helper()
	select {
	case <-time.After(5 * time.Millisecond):
	case <-t.Context().Done():
	}
}

// views is a folder for a view, and the file in it.
func views(t *testing.T) (folder, file string) {
	t.Helper()
	folder = t.TempDir()
	return folder, filepath.Join(folder, Name+".db")
}

// smallBuffers makes the kernel hold little for a client that does not read.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		err = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
	}
	return conn, err
}
