package ingest_test

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/catalogue"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// gate is the part of access that ingest needs: it knows one agent, and the tokens "<tenant>:<account>:<permission>".
type gate struct {
	accessv1.UnimplementedAccessServiceServer

	signer  *identity.Signer
	revoked sync.Map // tokens that are no longer good
}

func (g *gate) GetAccount(ctx context.Context, req *accessv1.GetAccountRequest) (*accessv1.GetAccountResponse, error) {
	c, err := identity.RequireService(ctx, ingest.Name)
	if err != nil {
		return nil, err
	}
	if c.Tenant == "a" && (req.GetId() == "account-1" || req.GetLogin() == "hanako") {
		return &accessv1.GetAccountResponse{Account: &accessv1.Account{Id: "account-1", Name: "山田 花子"}}, nil
	}
	return nil, fault.New(fault.NotFound, "NOT_FOUND")
}

func (g *gate) ResolveCredential(
	_ context.Context, req *accessv1.ResolveCredentialRequest,
) (*accessv1.ResolveCredentialResponse, error) {
	part := strings.Split(req.GetTokenValue(), ":")
	if _, over := g.revoked.Load(req.GetTokenValue()); len(part) != 3 || over {
		return nil, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	}
	c := identity.Caller{Tenant: part[0], AccountID: part[1], Role: identity.RoleUser, CallPermission: part[2], Locale: "en"}
	if c.CallPermission == "admin" {
		c.Role, c.CallPermission = identity.RoleSystemAdmin, identity.PermissionEdit
	}
	statement, err := g.signer.Sign(c, time.Now())
	return &accessv1.ResolveCredentialResponse{Statement: statement, Tenant: c.Tenant}, err
}

// bench is a log, the gate, and replicas over them.
type bench struct {
	t        testing.TB
	server   *streamtest.Server
	cluster  *streamtest.Cluster // instead of the server
	log      *stream.Log
	access   accessv1.AccessServiceClient
	gate     *gate
	verifier *identity.Verifier
	logger   *slog.Logger // of replicas that start from now on; nil discards
	publish  func(subject string, header map[string][]string, data []byte) error
}

func newBench(t testing.TB, options ...streamtest.Option) *bench {
	t.Helper()
	b := &bench{t: t, server: streamtest.Start(t, options...)}
	b.log = b.connect()
	if err := broker.Declare(t.Context(), b.log, nil); err != nil {
		t.Fatal(err)
	}
	b.openGate()
	return b
}

// connect is another process's connection: writers over different ones really race.
func (b *bench) connect() *stream.Log {
	b.t.Helper()
	var l *stream.Log
	var err error
	if b.cluster != nil {
		l, err = stream.Open(b.cluster.Conn(b.t), stream.Config{Replicas: streamtest.Size})
	} else {
		l, err = stream.Open(b.server.Conn(b.t), stream.Config{})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return l
}

// newClusterBench is a bench over three servers.
func newClusterBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{t: t, cluster: streamtest.StartCluster(t)}
	b.log = b.connect()
	if err := broker.Declare(t.Context(), b.log, nil); err != nil {
		t.Fatal(err)
	}
	b.openGate()
	return b
}

func (b *bench) openGate() {
	b.t.Helper()
	secrets := identity.GenerateSecrets(identity.Access, ingest.Name)
	b.verifier = identity.NewVerifier(secrets)
	accessSigner, err := identity.NewSigner(secrets, identity.Access)
	if err != nil {
		b.t.Fatal(err)
	}
	ours, err := identity.NewSigner(secrets, ingest.Name)
	if err != nil {
		b.t.Fatal(err)
	}
	from := identity.Receiver{Verifier: b.verifier, Peer: serve.PeerService}
	server := serve.New(serve.Config{Unary: []grpc.UnaryServerInterceptor{from.Unary()}})
	b.gate = &gate{signer: accessSigner}
	accessv1.RegisterAccessServiceServer(server.GRPC(), b.gate)
	conn, err := server.Dial(ingest.Name, grpc.WithChainUnaryInterceptor(ours.Unary()))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close(); _ = server.Stop(context.Background()) })
	b.access = accessv1.NewAccessServiceClient(conn)
}

// replica starts one with a view and a connection of its own.
func (b *bench) replica() *ingest.Service {
	b.t.Helper()
	return b.replicaOver(filepath.Join(b.t.TempDir(), "views"))
}

func (b *bench) replicaOver(views string) *ingest.Service {
	b.t.Helper()
	s := ingest.New(ingest.Config{Views: views}, ingest.Deps{
		Log: b.connect(), Access: b.access, Logger: cmp.Or(b.logger, slog.New(slog.DiscardHandler)),
	})
	if err := s.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { stop(b.t, s) })
	eventually(b.t, "the replica to be ready", func() bool { return s.Ready(b.t.Context()) == nil })
	return s
}

func stop(t testing.TB, s *ingest.Service) {
	t.Helper()
	if err := s.Stop(context.Background()); err != nil {
		t.Errorf("stopping: %v", err)
	}
}

// serve puts a replica's API on a port and returns its address.
func (b *bench) serve(s *ingest.Service) string {
	b.t.Helper()
	texts, err := catalogue.Load()
	if err != nil {
		b.t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	mux := http.NewServeMux()
	s.Mount(mux, edge.New(b.access, b.verifier, texts, log))
	server := serve.NewHTTP(mux, log)
	addr, err := server.Listen(b.t.Context(), "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = server.Stop(context.Background()) })
	return "http://" + addr.String()
}

// write puts an event on the log, as another service does.
func (b *bench) write(g stream.Guard, at string, m proto.Message) {
	b.t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = b.log.Commit(b.t.Context(), g, ids.New("event"), func(context.Context, uint64) (*stream.Event, error) {
		return &stream.Event{Subject: at, Data: data}, nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

// tell writes an event of one of a call's analyses, or of the call itself when that is empty.
func (b *bench) tell(call, analysis, kind string, e *eventv1.CallEvent) {
	b.t.Helper()
	at := subject.Call("a", call, kind)
	if analysis != "" {
		at = subject.Analysis("a", call, analysis, kind)
	}
	e.CallId = call
	b.write(stream.NewGuard(subject.Calls, subject.CallGuard("a", call)), at, e)
}

func requested(analysis string) *eventv1.CallEvent {
	return &eventv1.CallEvent{Kind: &eventv1.CallEvent_Requested{
		Requested: &eventv1.AnalysesRequested{Analyses: []*eventv1.RequestedAnalysis{{Id: analysis}}},
	}}
}

// last is the sequence of a stream's newest message.
func (b *bench) last(name string) uint64 {
	b.t.Helper()
	info, err := b.log.Info(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	return info.Last
}

// stored are the messages that lie under a guard.
func (b *bench) stored(g stream.Guard) (out []stream.Message) {
	b.t.Helper()
	err := b.log.Between(b.t.Context(), g, 0, 1<<62, func(m stream.Message) error { out = append(out, m); return nil })
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

// parts are the parts of a call as they are stored; none may be too large or out of its place.
func (b *bench) parts(call string) (out []*eventv1.Part) {
	b.t.Helper()
	entries := 0
	for i, m := range b.stored(stream.NewGuard(subject.Transcripts, subject.TranscriptGuard("a", call))) {
		e := &eventv1.TranscriptEvent{}
		if err := proto.Unmarshal(m.Data, e); err != nil {
			b.t.Fatal(err)
		}
		p := e.GetPart()
		if len(m.Data) > 512<<10 || int(p.GetNumber()) != i+1 || int(p.GetFirst()) != entries+1 {
			b.t.Errorf("part %d: number %d, first %d, %d bytes; %d entries before it",
				i+1, p.GetNumber(), p.GetFirst(), len(m.Data), entries)
		}
		entries += len(p.GetEntries())
		out = append(out, p)
	}
	return out
}

// onlySealed fails the test unless LIVE holds a call's seal and nothing else.
func (b *bench) onlySealed(call string) {
	b.t.Helper()
	left := b.stored(stream.NewGuard(subject.Live, subject.LiveWords("a", call)))
	e := &eventv1.LiveEvent{}
	if len(left) != 1 || proto.Unmarshal(left[0].Data, e) != nil || e.GetSealed() == nil {
		b.t.Errorf("%s: LIVE holds %d messages, the first is %v", call, len(left), e)
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// insist does something until it is not refused for now, as every client does: on a machine with much else to do a
// leader may not answer in time.
func insist(do func() error) error {
	for end := time.Now().Add(patience); ; {
		err := do()
		if fault.KindOf(err) != fault.Unavailable || time.Now().After(end) {
			return err
		}
	}
}

func as(t testing.TB, tenant, account, permission string) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{
		Tenant: tenant, AccountID: account, Role: identity.RoleUser, CallPermission: permission,
	})
}

func editor(t testing.TB) context.Context {
	t.Helper()
	return as(t, "a", "account-2", identity.PermissionEdit)
}

func say(texts ...string) []*transcriptv1.NewUtterance {
	var out []*transcriptv1.NewUtterance
	for i, text := range texts {
		out = append(out, &transcriptv1.NewUtterance{UtteranceId: fmt.Sprint(i), Speaker: "agent", Text: text})
	}
	return out
}

func add(t testing.TB, s *ingest.Service, call string, words []*transcriptv1.NewUtterance) *transcriptv1.AppendUtterancesResponse {
	t.Helper()
	var res *transcriptv1.AppendUtterancesResponse
	err := insist(func() (err error) {
		res, err = s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: call, Utterances: words})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func end(t *testing.T, s *ingest.Service, call string) *transcriptv1.EndCallResponse {
	t.Helper()
	var res *transcriptv1.EndCallResponse
	err := insist(func() (err error) {
		res, err = s.EndCall(editor(t), &transcriptv1.EndCallRequest{CallId: call})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// read returns a transcript at a revision (0: the newest) as the leader has it.
func read(t *testing.T, s *ingest.Service, call string, revision uint32) *transcriptv1.GetTranscriptResponse {
	t.Helper()
	res, err := s.GetTranscript(editor(t), &transcriptv1.GetTranscriptRequest{CallId: call, Revision: revision, Newest: true})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func texts(res *transcriptv1.GetTranscriptResponse) (out []string) {
	for _, u := range res.GetUtterances() {
		out = append(out, u.GetText())
	}
	return out
}

// sums are a replica's view in short, once it has seen everything that another one has.
func sums(t *testing.T, s, like *ingest.Service) string {
	t.Helper()
	if err := s.Follower().WaitPosition(t.Context(), like.Follower().Position().Encode()); err != nil {
		t.Fatal(err)
	}
	all, err := s.Follower().View().Sums()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Follower().View().Verify(); err != nil {
		t.Error(err)
	}
	out := map[string]string{}
	for name, sum := range all {
		if sum.String() != fmt.Sprintf("%032d", 0) { // a bucket that was emptied and one never used are the same
			out[name] = sum.String()
		}
	}
	return fmt.Sprint(out)
}
