package stream_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// holding are the files below a directory that hold some text.
func holding(t *testing.T, dir, text string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // the server replaces files while they are looked for
		}
		if data, err := os.ReadFile(path); err == nil && bytes.Contains(data, []byte(text)) {
			names = append(names, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestWhatWasPurgedIsWipedFromTheServersFiles(t *testing.T) {
	t.Parallel()
	server := streamtest.Start(t)
	l, err := stream.Open(server.Conn(t), stream.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = l.Declare(t.Context(), stream.Declaration{Name: "WORDS", Subjects: []string{"words.>"}, MaxBytes: 64 << 20})
	if err != nil {
		t.Fatal(err)
	}
	last := map[string]uint64{}
	for n := range 20 {
		for _, call := range []string{"gone", "kept"} {
			at := "words." + call
			seq, err := l.Append(t.Context(), stream.NewGuard("WORDS", at), last[at],
				stream.Event{ID: fmt.Sprint(call, n), Subject: at, Data: []byte(fmt.Sprint(call, "-marker ", n))})
			if err != nil {
				t.Fatal(err)
			}
			last[at] = seq
		}
	}
	if err := l.Purge(t.Context(), "WORDS", "words.gone", last["words.gone"]); err != nil {
		t.Fatal(err)
	}
	if len(holding(t, server.StoreDir(), "gone-marker")) == 0 {
		t.Fatal("a purge wipes by itself: nothing is left to be tested")
	}
	begun := time.Now()
	if err := l.Wipe(t.Context(), "WORDS", "words._filler"); err != nil {
		t.Fatal(err)
	}
	t.Logf("wiped in %s", time.Since(begun).Round(time.Millisecond))
	for _, name := range holding(t, server.StoreDir(), "gone-marker 1") { // 0 to 18 were purged, the last is kept
		data, _ := os.ReadFile(name)
		if bytes.Contains(data, []byte("gone-marker 17")) {
			t.Errorf("%s holds what was purged", name)
		}
	}
	n := 0
	err = l.Between(t.Context(), stream.NewGuard("WORDS", "words.>"), 0, 1<<62, func(stream.Message) error { n++; return nil })
	if err != nil || n != 22 {
		t.Errorf("%d messages are left, %v; want the 20 that were kept, the newest of the others, and a filler", n, err)
	}
}
