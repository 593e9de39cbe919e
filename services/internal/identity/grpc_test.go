package identity_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// mirror answers ListTokens with who it takes the caller for. With a next it hands the question on, as a service does.
type mirror struct {
	accessv1.UnimplementedAccessServiceServer

	next accessv1.AccessServiceClient
}

func (m mirror) ListTokens(ctx context.Context, r *accessv1.ListTokensRequest) (*accessv1.ListTokensResponse, error) {
	if m.next != nil {
		return m.next.ListTokens(ctx, r)
	}
	c, err := identity.From(ctx)
	if err != nil {
		return nil, err
	}
	return &accessv1.ListTokensResponse{Position: c.Tenant + "/" + c.AccountID + "/" + c.Service}, nil
}

// house is servers of one installation, with real gRPC between them.
type house struct {
	t       *testing.T
	secrets identity.Secrets
}

func newHouse(t *testing.T) house {
	t.Helper()
	return house{t, identity.GenerateSecrets(identity.Access, "console", "key-registry")}
}

func (h house) signer(name string) *identity.Signer {
	h.t.Helper()
	s, err := identity.NewSigner(h.secrets, name)
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h house) account() string {
	h.t.Helper()
	s, err := h.signer(identity.Access).Sign(identity.Caller{Tenant: "north", AccountID: "a1"}, time.Now())
	if err != nil {
		h.t.Fatal(err)
	}
	return s
}

func (h house) serve(m mirror, resolve identity.Resolve) *serve.Server {
	h.t.Helper()
	from := identity.Receiver{Verifier: identity.NewVerifier(h.secrets), Resolve: resolve, Peer: serve.PeerService}
	s := serve.New(serve.Config{
		Unary: []grpc.UnaryServerInterceptor{from.Unary()}, Stream: []grpc.StreamServerInterceptor{from.Stream()},
	})
	accessv1.RegisterAccessServiceServer(s.GRPC(), m)
	h.t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			h.t.Error(err)
		}
	})
	return s
}

// dial connects in the name of a service; signer says whose statements it signs.
func (h house) dial(s *serve.Server, service string, signer *identity.Signer) *grpc.ClientConn {
	h.t.Helper()
	var opts []grpc.DialOption
	if signer != nil {
		opts = append(opts, grpc.WithChainUnaryInterceptor(signer.Unary()), grpc.WithChainStreamInterceptor(signer.Stream()))
	}
	conn, err := s.Dial(service, opts...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func who(ctx context.Context, conn grpc.ClientConnInterface) (string, error) {
	res, err := accessv1.NewAccessServiceClient(conn).ListTokens(ctx, &accessv1.ListTokensRequest{})
	return res.GetPosition(), err
}

func stated(ctx context.Context, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

func TestAServiceActsInItsOwnName(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	conn := h.dial(h.serve(mirror{}, nil), "console", h.signer("console"))
	if got, err := who(identity.AsService(t.Context(), "north"), conn); err != nil || got != "north//console" {
		t.Fatalf("got %q, %v", got, err)
	}
	if got, err := who(identity.AsService(t.Context(), ""), conn); err != nil || got != "//console" {
		t.Fatalf("got %q, %v", got, err)
	}
}

func TestAnAccountsStatementTravelsOn(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	last := h.dial(h.serve(mirror{}, nil), "key-registry", h.signer("key-registry"))
	first := h.dial(h.serve(mirror{next: accessv1.NewAccessServiceClient(last)}, nil), "console", h.signer("console"))
	ctx := identity.WithStatement(t.Context(), identity.Caller{Tenant: "north", AccountID: "a1"}, h.account())
	if got, err := who(ctx, first); err != nil || got != "north/a1/" {
		t.Fatalf("an account at the second service: %q, %v", got, err)
	}
	// A service's statement does not: the second service must not think that the first is calling.
	if got, err := who(identity.AsService(t.Context(), "north"), first); err != nil || got != "north//key-registry" {
		t.Fatalf("a service at the second service: %q, %v", got, err)
	}
}

// TestNothingButAProofSaysWhoIsCalling is the fence at the wire.
func TestNothingButAProofSaysWhoIsCalling(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	s := h.serve(mirror{}, nil)
	plain := h.dial(s, "console", nil)
	foreign, err := h.signer("key-registry").SignSelf("north", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := identity.NewSigner(identity.GenerateSecrets("console"), "console")
	if err != nil {
		t.Fatal(err)
	}
	asService := identity.AsService(t.Context(), "north")
	for name, c := range map[string]struct {
		ctx  context.Context
		conn *grpc.ClientConn
	}{
		"nothing":                         {t.Context(), plain},
		"a claim in plain metadata":       {stated(t.Context(), "tenant", "north", "service", "console"), plain},
		"a context without a signer":      {asService, plain},
		"a caller without a statement":    {identity.With(t.Context(), identity.Caller{Tenant: "north", AccountID: "a1"}), h.dial(s, "console", h.signer("console"))},
		"another service's statement":     {stated(t.Context(), "kikigaki-statement", foreign), plain},
		"another service's signer":        {asService, h.dial(s, "console", h.signer("key-registry"))},
		"another installation's signer":   {asService, h.dial(s, "console", stranger)},
		"a statement that was altered":    {stated(t.Context(), "kikigaki-statement", h.account()+"x"), plain},
		"two statements":                  {stated(t.Context(), "kikigaki-statement", h.account(), "kikigaki-statement", foreign), plain},
		"a token where none are resolved": {stated(t.Context(), "authorization", "Bearer abc"), plain},
	} {
		if got, err := who(c.ctx, c.conn); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: taken for %q, %v", name, got, err)
		}
	}
}

func TestOverANetworkTheProofIsTheSame(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	addr, err := h.serve(mirror{}, nil).Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dial := func(opts ...grpc.DialOption) *grpc.ClientConn {
		conn, err := grpc.NewClient(addr.String(), append(opts, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	signed := dial(grpc.WithChainUnaryInterceptor(h.signer("console").Unary()))
	if got, err := who(identity.AsService(t.Context(), "north"), signed); err != nil || got != "north//console" {
		t.Fatalf("got %q, %v", got, err)
	}
	unsigned := dial()
	if got, err := who(identity.AsService(t.Context(), "north"), unsigned); fault.KindOf(fault.FromStatus(err)) != fault.Unauthenticated {
		t.Fatalf("got %q, %v", got, err)
	}
	if _, err := healthv1.NewHealthClient(unsigned).Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil {
		t.Fatalf("health needs a caller: %v", err)
	}
}

func TestATokenIsResolved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	last := h.dial(h.serve(mirror{}, nil), "console", h.signer("console"))
	conn := h.dial(h.serve(mirror{next: accessv1.NewAccessServiceClient(last)},
		func(_ context.Context, token string) (identity.Caller, string, error) {
			if token != "good" {
				return identity.Caller{}, "", fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
			}
			return identity.Caller{Tenant: "north", AccountID: "a1"}, h.account(), nil
		}), "publisher", nil)
	for header, want := range map[string]fault.Kind{
		"Token good": fault.Other, "bearer  good ": fault.Other, "BEARER good": fault.Other,
		"Bearer bad": fault.Unauthenticated, "Basic good": fault.Unauthenticated, "good": fault.Unauthenticated,
		"": fault.Unauthenticated,
	} {
		got, err := who(stated(t.Context(), "authorization", header), conn)
		if fault.KindOf(err) != want || err == nil && got != "north/a1/" {
			t.Errorf("%q: %q, %v", header, got, err)
		}
	}
}

func TestStreamsKnowTheirCaller(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	from := identity.Receiver{Verifier: identity.NewVerifier(h.secrets), Peer: serve.PeerService}
	seen := make(chan identity.Caller, 1)
	s := serve.New(serve.Config{Stream: []grpc.StreamServerInterceptor{
		from.Stream(),
		func(_ any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, _ grpc.StreamHandler) error {
			c, err := identity.From(ss.Context())
			if err == nil {
				seen <- c
			}
			return err
		},
	}})
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	watch := func(ctx context.Context, signer *identity.Signer) error {
		ss, err := healthv1.NewHealthClient(h.dial(s, "console", signer)).Watch(ctx, &healthv1.HealthCheckRequest{})
		if err != nil {
			return err
		}
		_, err = ss.Recv()
		return err
	}
	ctx := identity.AsService(t.Context(), "north")
	if err := watch(ctx, h.signer("console")); !errors.Is(err, io.EOF) {
		t.Fatalf("got %v", err)
	}
	select {
	case c := <-seen:
		if c != (identity.Caller{Tenant: "north", Service: "console"}) {
			t.Fatalf("got %+v", c)
		}
	default:
		t.Fatal("the stream had no caller")
	}
	for name, signer := range map[string]*identity.Signer{"none": nil, "another's": h.signer("key-registry")} {
		if err := watch(ctx, signer); fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}
