package fault_test

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// A fault crosses to another process as a gRPC status and comes back equal, but for the cause, which may hold addresses
// and file names. (serve does both ends by itself.)
func ExampleToStatus() {
	s := fault.ToStatus(fault.New(fault.TooMany, "RATE_LIMITED",
		fault.Param("limit", "60"), fault.RetryIn(90*time.Second), fault.Wrapping(errors.New("10.0.0.7: bucket empty"))))
	fmt.Println(s.Code(), s.Message())

	f, _ := fault.As(fault.FromStatus(s.Err()))
	fmt.Println(f.Kind, f.Code, f.Params["limit"], f.RetryAfter, f.Err)
	// Output:
	// ResourceExhausted RATE_LIMITED
	// too many RATE_LIMITED 60 1m30s <nil>
}

// A server that knows nothing of faults is understood by its gRPC code.
func ExampleFromStatus() {
	err := fault.FromStatus(status.Error(codes.Unavailable, "connection refused"))
	f, _ := fault.As(err)
	fmt.Println(f.Kind, f.Code, f.RetryAfter)
	// Output:
	// unavailable UNAVAILABLE 1s
}
