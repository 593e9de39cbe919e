package serve

import (
	"context"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/test/bufconn"
)

// localBuffer is how much an in-memory connection holds in each direction, in bytes.
const localBuffer = 256 << 10

// LocalAddr is the address at the other end of an in-memory connection: the service that opened it.
type LocalAddr struct {
	// Service in whose name Dial was called.
	Service string
}

// Network is "memory".
func (LocalAddr) Network() string { return "memory" }

// String is the service's name.
func (a LocalAddr) String() string { return a.Service }

// PeerService is the service at the other end of an in-memory connection; false for any other connection. It was fixed
// by whoever called Dial and cannot be claimed over a network.
func PeerService(ctx context.Context) (string, bool) {
	p, ok := peer.FromContext(ctx)
	if !ok {
		return "", false
	}
	addr, ok := p.Addr.(LocalAddr)
	return addr.Service, ok
}

// Dial opens an in-memory connection to the server in the name of a service. The caller closes it, before [Server.Stop]
// or after. Faults that the server returns come out of it as faults.
func (s *Server) Dial(service string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	l := &localListener{Listener: bufconn.Listen(localBuffer), addr: LocalAddr{Service: service}}
	s.mu.Lock()
	s.local = append(s.local, l)
	s.mu.Unlock()
	s.serve(l)
	opts = append(clientOptions(s.limit),
		append(opts, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return l.DialContext(ctx)
		}))...)
	return grpc.NewClient("passthrough:///memory", opts...)
}

// clientOptions are what every connection to our services has.
func clientOptions(limit int) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(limit), grpc.MaxCallSendMsgSize(limit)),
		grpc.WithChainUnaryInterceptor(faultUnary),
		grpc.WithChainStreamInterceptor(faultStream),
	}
}

// localListener names the opener of its connections.
type localListener struct {
	*bufconn.Listener

	addr LocalAddr
}

// Accept waits for the next connection.
func (l *localListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &localConn{Conn: conn, addr: l.addr}, nil
}

type localConn struct {
	net.Conn

	addr LocalAddr
}

// RemoteAddr is the service that opened the connection.
func (c *localConn) RemoteAddr() net.Addr { return c.addr }
