package serve_test

import (
	"context"
	"fmt"

	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"github.com/kikigaki/kikigaki/pkg/serve"
)

// The same service over a network. One of its two replicas is away: calls go to the other.
func ExampleConnect() {
	ctx := context.Background()
	server := serve.New(serve.Config{})
	testgrpc.RegisterTestServiceServer(server.GRPC(), greeter{})
	address, err := server.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := serve.Connect([]string{"127.0.0.1:1", address.String()}) // nobody listens on port 1
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := testgrpc.NewTestServiceClient(conn).UnaryCall(ctx, request("Aoi"))
	fmt.Println(out.GetUsername(), err)
	fmt.Println(conn.Close(), server.Stop(ctx))
	// Output:
	// hello Aoi <nil>
	// <nil> <nil>
}
