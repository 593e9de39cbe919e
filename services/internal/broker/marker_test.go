package broker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheMarkerRemembersOverRestarts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.marker")
	m := load(t, path)
	if got := m.Remembered(); len(got) != 0 {
		t.Errorf("a new installation remembers %v", got)
	}
	for _, s := range [][2]string{{"CALLS", "a"}, {"KEYS", "b"}, {"CALLS", "c"}} {
		if err := m.Remember(s[0], s[1]); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"CALLS": "c", "KEYS": "b"}
	if diff := cmp.Diff(want, load(t, path).Remembered()); diff != "" {
		t.Errorf("loaded again (-want +got):\n%s", diff)
	}
	m.Remembered()["CALLS"] = "changed"
	if diff := cmp.Diff(want, m.Remembered()); diff != "" {
		t.Errorf("a caller changed what is remembered:\n%s", diff)
	}
}

func TestTheMarkerWritesOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.marker")
	m := load(t, path)
	if err := m.Remember("CALLS", "a"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := m.Remember("CALLS", "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("written again: %v", err)
	}
}

func TestAFailedWriteIsNotRemembered(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "gone")
	m := load(t, filepath.Join(dir, "log.marker"))
	if err := m.Remember("CALLS", "a"); err == nil {
		t.Error("wrote into a directory that does not exist")
	}
	if got := m.Remembered(); len(got) != 0 {
		t.Errorf("remembers %v", got)
	}
}

func TestADamagedMarkerIsAnError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log.marker")
	for _, text := range []string{"", "{", `{"streams":[]}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := LoadMarker(path); err == nil {
			t.Errorf("%q remembers %v", text, m.Remembered())
		}
	}
}

func TestNothingButTheMarkerIsLeftBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := load(t, filepath.Join(dir, "log.marker")).Remember("CALLS", "a"); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("%v %v", files, err)
	}
}

func load(t *testing.T, path string) *Marker {
	t.Helper()
	m, err := LoadMarker(path)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
