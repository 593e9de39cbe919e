package view_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// A program whose view means something else than yesterday's does not read the old file. It moves it away and reads the
// log from the beginning.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "view-")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	open := func(format string) (*view.View, error) {
		return view.Open(view.Config{Path: filepath.Join(dir, "v.db"), Buckets: []string{"orders"}, Format: format})
	}
	old, err := open("1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("closed:", old.Close())

	_, err = open("2")
	fmt.Println("useless:", errors.Is(err, view.ErrUseless))
	fmt.Println("moved:", os.Rename(filepath.Join(dir, "v.db"), filepath.Join(dir, "v.db.old")))
	fresh, err := open("2")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("fresh:", fresh.Close())
	// Output:
	// closed: <nil>
	// useless: true
	// moved: <nil>
	// fresh: <nil>
}
