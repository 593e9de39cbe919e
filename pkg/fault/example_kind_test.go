package fault_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// Every error has a kind, also one that somebody else made.
func ExampleKindOf() {
	for _, err := range []error{
		fmt.Errorf("page 3: %w", fault.New(fault.NotFound, "PAGE_NOT_FOUND")),
		context.DeadlineExceeded,
		errors.New("index out of range"),
	} {
		fmt.Println(fault.KindOf(err), "-", fault.CodeOf(err))
	}
	// Output:
	// not found - PAGE_NOT_FOUND
	// deadline exceeded - TIMEOUT
	// internal - INTERNAL
}

// An edge that speaks HTTP takes the status from the kind.
func ExampleKind_HTTPStatus() {
	for _, kind := range []fault.Kind{fault.Invalid, fault.NotFound, fault.Conflict, fault.TooMany, fault.Unavailable} {
		fmt.Println(kind, kind.HTTPStatus())
	}
	// Output:
	// invalid 400
	// not found 404
	// conflict 409
	// too many 429
	// unavailable 503
}
