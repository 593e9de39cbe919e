package view_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/pkg/view"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(t *testing.T) view.Config {
	t.Helper()
	return view.Config{Path: filepath.Join(t.TempDir(), "views", "v.db"), Buckets: []string{"a", "b"}, Format: "1"}
}

func open(t *testing.T, cfg view.Config) *view.View {
	t.Helper()
	v, err := view.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func put(t *testing.T, v *view.View, seq uint64, bucket, key, value string) {
	t.Helper()
	seen := []view.Seen{{Sequence: seq, Time: time.Unix(int64(seq), 0), Subject: key, EventID: fmt.Sprint("e", seq)}}
	err := v.Apply(view.Mark{Stream: "S", Incarnation: "i", Sequence: seq}, seen, func(tx *view.Tx) error {
		if value == "" {
			return tx.Delete(bucket, []byte(key))
		}
		return tx.Put(bucket, []byte(key), []byte(value))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestContentsAndPositionComeBackTogether(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	v := open(t, cfg)
	put(t, v, 7, "a", "k", "v")
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	v = open(t, cfg)
	defer v.Close()
	err := v.Read(func(tx *view.Tx) error {
		mark, ok, err := tx.Mark("S")
		if err != nil || !ok || mark.Sequence != 7 || mark.Incarnation != "i" {
			t.Errorf("mark %+v, %v, %v", mark, ok, err)
		}
		if got := string(tx.Get("a", []byte("k"))); got != "v" {
			t.Errorf("value %q", got)
		}
		if seen, err := tx.Seen("S"); err != nil || len(seen) == 0 || seen[len(seen)-1].EventID != "e7" {
			t.Errorf("it remembers %+v, %v", seen, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAFailedChangeLeavesNothing(t *testing.T) {
	t.Parallel()
	v := open(t, config(t))
	defer v.Close()
	failed := errors.New("no")
	err := v.Apply(view.Mark{Stream: "S", Sequence: 1}, nil, func(tx *view.Tx) error {
		_ = tx.Put("a", []byte("k"), []byte("v"))
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	_ = v.Read(func(tx *view.Tx) error {
		if _, ok, _ := tx.Mark("S"); ok || tx.Get("a", []byte("k")) != nil {
			t.Error("half of a change is there")
		}
		return nil
	})
	if sums, _ := v.Sums(); len(sums) != 0 {
		t.Errorf("sums %v", sums)
	}
}

func TestAViewThatWasNotClosedBeforeTheMachineWentDownIsUseless(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	cfg.BootID = "first"
	v := open(t, cfg)
	put(t, v, 1, "a", "k", "v")
	crashed := cfg
	crashed.Path = filepath.Join(t.TempDir(), "copy.db") // what a crash leaves: the file without its last word
	copyFile(t, v.Path(), crashed.Path)
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	same := open(t, crashed)
	if err := same.Close(); err != nil { // same boot: the process died, the page cache did not
		t.Fatal(err)
	}
	copyFile(t, crashed.Path, crashed.Path+"2")
	reboot := cfg
	reboot.BootID = "second"
	closed := open(t, reboot) // closed properly: good under any boot
	copyFile(t, closed.Path(), reboot.Path+"3")
	_ = closed.Close()
	reboot.Path, reboot.BootID = reboot.Path+"3", "third"
	if _, err := view.Open(reboot); !errors.Is(err, view.ErrUseless) {
		t.Fatalf("a view left open under another boot opens with %v", err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDamageAndAnotherFormatAreUseless(t *testing.T) {
	t.Parallel()
	cfg := config(t)
	if err := os.MkdirAll(filepath.Dir(cfg.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cfg.Path, make([]byte, 64<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := view.Open(cfg); !errors.Is(err, view.ErrUseless) {
		t.Fatalf("zeros open with %v", err)
	}
	cfg = config(t)
	if err := open(t, cfg).Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Format = "2"
	if _, err := view.Open(cfg); !errors.Is(err, view.ErrUseless) {
		t.Fatalf("another format opens with %v", err)
	}
}

func TestOnlyTheLastHundredAreRemembered(t *testing.T) {
	t.Parallel()
	v := open(t, config(t))
	defer v.Close()
	for seq := uint64(1); seq <= 250; seq++ {
		put(t, v, seq, "a", "k", fmt.Sprint(seq))
	}
	_ = v.Read(func(tx *view.Tx) error {
		seen, err := tx.Seen("S")
		if err != nil || len(seen) != view.Remembered || seen[0].Sequence != 151 || seen[99].Sequence != 250 {
			t.Errorf("%d remembered, %v", len(seen), err)
		}
		return nil
	})
}

func TestScansStayWithinTheirPrefix(t *testing.T) {
	t.Parallel()
	v := open(t, config(t))
	defer v.Close()
	for i, k := range []string{"a\x00", "a\x001", "a\x002", "a\x003", "b\x001", "a\xff", "\xff\xff"} {
		put(t, v, uint64(i+1), "a", k, "v")
	}
	_ = v.Read(func(tx *view.Tx) error {
		keys := func(seq func(func(k, v []byte) bool)) (out []string) {
			for k := range seq {
				out = append(out, string(k))
			}
			return out
		}
		for _, c := range []struct{ got, want []string }{
			{keys(tx.Scan("a", []byte("a\x00"), nil)), []string{"a\x00", "a\x001", "a\x002", "a\x003"}},
			{keys(tx.Scan("a", []byte("a\x00"), []byte("a\x002"))), []string{"a\x002", "a\x003"}},
			{keys(tx.ScanBack("a", []byte("a\x00"), nil)), []string{"a\x003", "a\x002", "a\x001", "a\x00"}},
			{keys(tx.ScanBack("a", []byte("a\x00"), []byte("a\x002"))), []string{"a\x001", "a\x00"}},
			{keys(tx.ScanBack("a", []byte("\xff"), nil)), []string{"\xff\xff"}},
			{keys(tx.ScanBack("a", []byte("c"), nil)), nil},
		} {
			if !slices.Equal(c.got, c.want) {
				t.Errorf("got %q, want %q", c.got, c.want)
			}
		}
		return nil
	})
}

func TestSumsDependOnTheContentsAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		v, w := open(t, config(t)), open(t, config(t))
		defer v.Close()
		defer w.Close()
		model := map[string]string{}
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) [2]string {
			return [2]string{rapid.StringMatching(`[ab]{1,2}`).Draw(rt, "k"), rapid.StringMatching(`[bc]{0,2}`).Draw(rt, "v")}
		}), 1, 20).Draw(rt, "steps")
		for i, s := range steps {
			put(t, v, uint64(i+1), "a", s[0], s[1])
			if model[s[0]] = s[1]; s[1] == "" {
				delete(model, s[0])
			}
		}
		seq := uint64(0)
		for k, value := range model { // in any order, and without the detours
			seq++
			put(t, w, seq, "a", k, value)
		}
		have, _ := v.Sums()
		want, _ := w.Sums()
		if have["a"] != want["a"] {
			rt.Fatalf("%s, but made straight %s", have["a"], want["a"])
		}
		if err := errors.Join(v.Verify(), w.Verify()); err != nil {
			rt.Fatal(err)
		}
	})
}
