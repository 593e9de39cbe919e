package stream_test

import (
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
)

// A position travels as an opaque token: who writes hands it to its client, who brings it along to the next read,
// wherever that is answered.
func ExamplePosition() {
	written := stream.Position{{Stream: "ORDERS", Incarnation: "A1B2C3D4E5F6", Sequence: 42}}
	token := written.Encode()
	fmt.Println(token)

	read, err := stream.ParsePosition(token)
	fmt.Println(read[0].Stream, read[0].Sequence, err)

	_, err = stream.ParsePosition("not one of ours")
	fmt.Println(fault.KindOf(err))
	// Output:
	// T1JERVJTOkExQjJDM0Q0RTVGNjo0Mg
	// ORDERS 42 <nil>
	// invalid
}
