package fault_test

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// What a rule refuses has a kind, by which any program knows what it can do about it, and a code, by which those who
// know the rule know exactly. Each function on the way adds where it was.
func Example() {
	create := func(name string) error {
		return fault.New(fault.Conflict, "NAME_TAKEN", fault.Field("name"), fault.Param("name", name))
	}
	err := fault.Op("shelves.create", create("tea"))

	fmt.Println(err)
	fmt.Println(fault.KindOf(err), fault.CodeOf(err), fault.Is(err, "NAME_TAKEN"))
	f, isFault := fault.As(err)
	fmt.Println(f.Field, f.Params["name"], isFault)
	// Output:
	// shelves.create: NAME_TAKEN (name)
	// conflict NAME_TAKEN true
	// name tea true
}

// What lies beneath stays in the chain for errors.Is and for the log of this process, and crosses to no other.
func ExampleWrapping() {
	err := fault.New(fault.Unavailable, "UNAVAILABLE", fault.Wrapping(fs.ErrPermission))

	fmt.Println(err, errors.Is(err, fs.ErrPermission))
	fmt.Println(fault.FromStatus(fault.ToStatus(err).Err()))
	// Output:
	// UNAVAILABLE: permission denied true
	// UNAVAILABLE
}
