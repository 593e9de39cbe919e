package view_test

import (
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// Two replicas took different ways to the same contents: their sums are equal, and are compared without reading either.
func ExampleView_Sums() {
	replica := func(ids ...string) string {
		v, remove, err := temporary()
		if err != nil {
			return err.Error()
		}
		defer remove()
		for i, id := range ids {
			mark := view.Mark{Stream: "ORDERS", Sequence: uint64(i) + 1}
			if err := v.Apply(mark, nil, func(tx *view.Tx) error {
				return tx.Put("orders", []byte(id), []byte("placed"))
			}); err != nil {
				return err.Error()
			}
		}
		sums, err := v.Sums()
		if err != nil {
			return err.Error()
		}
		return sums["orders"].String()
	}
	fmt.Println(replica("o-1", "o-2", "o-1") == replica("o-2", "o-1"))
	fmt.Println(replica("o-1", "o-2") == replica("o-1", "o-3"))
	fmt.Println(replica("o-1"))
	// Output:
	// true
	// false
	// c5628c9fc0b34718854dd1f5767d7948
}
