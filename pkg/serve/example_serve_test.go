package serve_test

import (
	"context"
	"fmt"

	testgrpc "google.golang.org/grpc/interop/grpc_testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
)

// greeter is a service as it is written upon generated code; grpc's own test contract stands for yours.
type greeter struct {
	testgrpc.UnimplementedTestServiceServer
}

// UnaryCall greets whoever has a name, and says which service asked.
func (greeter) UnaryCall(ctx context.Context, in *testgrpc.SimpleRequest) (*testgrpc.SimpleResponse, error) {
	name := string(in.GetPayload().GetBody())
	if name == "" {
		return nil, fault.New(fault.Invalid, "FIELD_MISSING", fault.Field("name"))
	}
	caller, _ := serve.PeerService(ctx) // "" over a network
	return &testgrpc.SimpleResponse{Username: "hello " + name, Hostname: caller}, nil
}

func request(name string) *testgrpc.SimpleRequest {
	return &testgrpc.SimpleRequest{Payload: &testgrpc.Payload{Body: []byte(name)}}
}

// Two services share a process. They talk through the whole of gRPC over memory, and a fault that one returns is what
// the other gets.
func Example() {
	ctx := context.Background()
	server := serve.New(serve.Config{})
	testgrpc.RegisterTestServiceServer(server.GRPC(), greeter{})
	conn, err := server.Dial("console") // in the name of the service that will call
	if err != nil {
		fmt.Println(err)
		return
	}
	client := testgrpc.NewTestServiceClient(conn)

	out, err := client.UnaryCall(ctx, request("Aoi"))
	fmt.Println(out.GetUsername(), "- asked by", out.GetHostname(), err)

	_, err = client.UnaryCall(ctx, request(""))
	f, isFault := fault.As(err)
	fmt.Println(f.Kind, f.Code, f.Field, isFault)

	fmt.Println(conn.Close(), server.Stop(ctx))
	// Output:
	// hello Aoi - asked by console <nil>
	// invalid FIELD_MISSING name true
	// <nil> <nil>
}
