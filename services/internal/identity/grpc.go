package identity

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

const (
	statementKey     = "kikigaki-statement"
	authorizationKey = "authorization"
)

// Resolve turns a credential (the value of an API token) into a caller and a statement about it.
type Resolve func(ctx context.Context, token string) (Caller, string, error)

// Receiver says who is behind an incoming call.
type Receiver struct {
	// Verifier checks statements.
	Verifier *Verifier
	// Resolve serves callers from outside, who bring a token instead; nil: there are none.
	Resolve Resolve
	// Peer names the service at the other end of an in-process connection; false for any other connection. A service
	// cannot there speak in another's name.
	Peer func(ctx context.Context) (service string, ok bool)
}

// Unary puts the caller into the context of a call; a call without credentials gets none, and is refused by what it
// calls.
func (r Receiver) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		ctx, err := r.receive(ctx)
		if err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
}

// Stream is Unary for streams.
func (r Receiver) Stream() grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
		ctx, err := r.receive(stream.Context())
		if err != nil {
			return err
		}
		return next(srv, &known{ServerStream: stream, ctx: ctx})
	}
}

// known is a stream whose caller is known.
type known struct {
	grpc.ServerStream

	ctx context.Context //nolint:containedctx // a stream carries its context, that is its contract
}

// Context is the stream's context with its caller.
func (k *known) Context() context.Context { return k.ctx }

func (r Receiver) receive(ctx context.Context) (context.Context, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	if s := md.Get(statementKey); len(s) == 1 {
		return r.byStatement(ctx, s[0])
	}
	if a := md.Get(authorizationKey); len(a) == 1 && r.Resolve != nil {
		token, ok := Token(a[0])
		if !ok {
			return nil, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
		}
		c, statement, err := r.Resolve(ctx, token)
		if err != nil {
			return nil, err
		}
		return WithStatement(ctx, c, statement), nil
	}
	return ctx, nil
}

func (r Receiver) byStatement(ctx context.Context, statement string) (context.Context, error) {
	c, err := r.Verifier.Verify(statement, time.Now())
	if err != nil {
		return nil, err
	}
	if r.Peer != nil {
		if peer, local := r.Peer(ctx); local && c.IsService() && peer != c.Service {
			return nil, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
		}
	}
	if c.IsService() {
		return With(ctx, c), nil // a service's statement is not handed on: who is called signs its own
	}
	return WithStatement(ctx, c, statement), nil
}

// Token returns the token of an Authorization header, `Token …` or `Bearer …`; false for any other.
func Token(header string) (string, bool) {
	scheme, value, ok := strings.Cut(strings.TrimSpace(header), " ")
	if !ok || !strings.EqualFold(scheme, "Token") && !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(value), true
}

// Unary makes outgoing calls say who is calling: the account whose request is being served, or this service.
func (s *Signer) Unary() grpc.UnaryClientInterceptor {
	return func(
		ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, next grpc.UnaryInvoker,
		opts ...grpc.CallOption,
	) error {
		ctx, err := s.state(ctx)
		if err != nil {
			return err
		}
		return next(ctx, method, req, reply, cc, opts...)
	}
}

// Stream is Unary for streams.
func (s *Signer) Stream() grpc.StreamClientInterceptor {
	return func(
		ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer,
		opts ...grpc.CallOption,
	) (grpc.ClientStream, error) {
		ctx, err := s.state(ctx)
		if err != nil {
			return nil, err
		}
		return next(ctx, desc, cc, method, opts...)
	}
}

func (s *Signer) state(ctx context.Context) (context.Context, error) {
	c, ok := ctx.Value(contextKey{}).(carried)
	if !ok {
		return ctx, nil
	}
	statement := c.statement
	if c.caller.IsService() {
		own, err := s.SignSelf(c.caller.Tenant, time.Now())
		if err != nil {
			return nil, err
		}
		statement = own
	}
	if statement == "" {
		return ctx, nil
	}
	md, _ := metadata.FromOutgoingContext(ctx) // a copy
	if md == nil {
		md = metadata.MD{}
	}
	md.Set(statementKey, statement) // a second statement beside another would have both ignored
	return metadata.NewOutgoingContext(ctx, md), nil
}
