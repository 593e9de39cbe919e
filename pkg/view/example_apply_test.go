package view_test

import (
	"errors"
	"fmt"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// A change that fails half-way leaves nothing behind, neither contents nor mark: the message can be applied once more.
func ExampleView_Apply() {
	v, remove, err := temporary()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer remove()
	err = v.Apply(view.Mark{Stream: "ORDERS", Sequence: 1}, nil, func(tx *view.Tx) error {
		if err := tx.Put("orders", []byte("o-1"), []byte("placed")); err != nil {
			return err
		}
		return errors.New("the message has a second half that cannot be read")
	})
	fmt.Println(err)
	err = v.Read(func(tx *view.Tx) error {
		_, begun, err := tx.Mark("ORDERS")
		fmt.Println(begun, tx.Get("orders", []byte("o-1")) != nil)
		return err
	})
	fmt.Println(err)
	// Output:
	// the message has a second half that cannot be read
	// false false
	// <nil>
}
