package view_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// A view counts the orders of a customer. Its contents and the place up to which it has read the log change in one
// transaction, so after a restart it goes on exactly where it was.
func Example() {
	dir, err := os.MkdirTemp("", "view-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	cfg := view.Config{
		Path:    filepath.Join(dir, "orders.db"),
		Buckets: []string{"orders"},
		Format:  "1", // another one, as soon as what lies in the buckets changes its meaning
	}
	v, err := view.Open(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = v.Apply(view.Mark{Stream: "ORDERS", Incarnation: "A1B2", Sequence: 7}, nil, func(tx *view.Tx) error {
		return tx.Put("orders", []byte("customer-1"), []byte("three"))
	})
	fmt.Println("applied:", err)
	fmt.Println("closed:", v.Close())

	v, err = view.Open(cfg) // the next run of the program
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	err = v.Read(func(tx *view.Tx) error {
		mark, found, err := tx.Mark("ORDERS")
		fmt.Println("goes on behind:", mark.Sequence, found)
		fmt.Printf("orders: %s\n", tx.Get("orders", []byte("customer-1")))
		return err
	})
	fmt.Println(err)
	// Output:
	// applied: <nil>
	// closed: <nil>
	// goes on behind: 7 true
	// orders: three
	// <nil>
}
