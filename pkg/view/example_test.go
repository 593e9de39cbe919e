package view_test

import (
	"os"
	"path/filepath"

	"github.com/kikigaki/kikigaki/pkg/view"
)

// temporary opens an empty view with one bucket, as the example of the package shows step by step.
func temporary() (v *view.View, remove func(), err error) {
	dir, err := os.MkdirTemp("", "view-")
	if err != nil {
		return nil, nil, err
	}
	v, err = view.Open(view.Config{Path: filepath.Join(dir, "orders.db"), Buckets: []string{"orders"}, Format: "1"})
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, nil, err
	}
	return v, func() { _ = v.Close(); _ = os.RemoveAll(dir) }, nil
}
