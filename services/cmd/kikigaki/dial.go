package main

import (
	"fmt"
	"slices"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/serve"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
)

// dial opens a connection from one service to another: in memory when both are in this process, else to its replicas.
func (p *process) dial(from, to string) (*grpc.ClientConn, error) {
	if err := mayAsk(from, to); err != nil {
		return nil, err
	}
	signer, err := p.signer(from)
	if err != nil {
		return nil, err
	}
	opts := []grpc.DialOption{
		serve.Tracing(p.observed.For(from)),
		grpc.WithChainUnaryInterceptor(signer.Unary()), grpc.WithChainStreamInterceptor(signer.Stream()),
	}
	var conn *grpc.ClientConn
	switch server := p.servers[to]; {
	case server != nil:
		conn, err = server.Dial(from, opts...)
	case p.apart():
		conn, err = serve.Connect(p.away.addresses(to), opts...)
	default:
		return nil, fmt.Errorf("%s needs %s, which has not started", from, to)
	}
	if err == nil {
		p.conns = append(p.conns, conn)
	}
	return conn, err
}

// mayAsk holds the table to its word: a call that is not in it would fail only where services are apart, because the
// service that is called has no secret of the caller.
func mayAsk(from, to string) error {
	for _, r := range roles() {
		if r.name == from && (from == to || slices.Contains(r.asks, to)) {
			return nil
		}
	}
	return fmt.Errorf("%s does not ask %s", from, to)
}

func (p *process) dialAll(from string, to ...string) (map[string]*grpc.ClientConn, error) {
	out := map[string]*grpc.ClientConn{}
	for _, name := range to {
		conn, err := p.dial(from, name)
		if err != nil {
			return nil, err
		}
		out[name] = conn
	}
	return out, nil
}

func accessClient(conn *grpc.ClientConn) accessv1.AccessServiceClient {
	return accessv1.NewAccessServiceClient(conn)
}
