package view_test

import (
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// Keys are in order, so a list is a range of keys with a common beginning. Newest first is the same range backwards,
// and the next page begins before the last key that was shown.
func ExampleTx_ScanBack() {
	v, remove, err := temporary()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	err = v.Apply(view.Mark{Stream: "ORDERS", Sequence: 4}, nil, func(tx *view.Tx) error {
		for _, key := range []string{"alice/1", "alice/2", "alice/3", "bob/1"} {
			if err := tx.Put("orders", []byte(key), nil); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	err = v.Read(func(tx *view.Tx) error {
		for key := range tx.Scan("orders", []byte("alice/"), nil) {
			fmt.Printf("%s\n", key)
		}
		fmt.Println("before alice/3:")
		for key := range tx.ScanBack("orders", []byte("alice/"), []byte("alice/3")) {
			fmt.Printf("%s\n", key)
		}
		return nil
	})
	fmt.Println(err)
	// Output:
	// alice/1
	// alice/2
	// alice/3
	// before alice/3:
	// alice/2
	// alice/1
	// <nil>
}
