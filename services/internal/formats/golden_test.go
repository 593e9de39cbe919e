package formats

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew") //nolint:gochecknoglobals // a flag of the test binary

// shown is a document as a golden file has it: the call, then what became of everything in the file.
func shown(d Document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d, %s\n", d.Line, d.Format)
	if d.Err != nil {
		fmt.Fprintf(&b, "refused: %v\n", d.Err)
	}
	if c := d.Call; c != nil {
		in := c.Details
		fmt.Fprintf(&b, "call %q label %q\n", c.ID, in.GetLabel())
		if in.GetStartedAt() != nil || !c.EndedAt.IsZero() {
			fmt.Fprintf(&b, "  from %s to %s\n", in.GetStartedAt().AsTime().Format(time.RFC3339Nano), c.EndedAt.Format(time.RFC3339Nano))
		}
		fmt.Fprintf(&b, "  agent %q %q customer %q queue %q direction %q\n", in.GetAgentAccount(), in.GetAgentNumber(),
			in.GetCustomerNumber(), in.GetQueue(), in.GetDirection())
		for _, k := range slices.Sorted(maps.Keys(in.GetLabels())) {
			fmt.Fprintf(&b, "  %s = %q\n", k, in.GetLabels()[k])
		}
		for _, l := range in.GetLinks() {
			fmt.Fprintf(&b, "  %s %q\n", l.GetRelation(), l.GetCallId())
		}
		for _, u := range c.Utterances {
			fmt.Fprintf(&b, "  %q v%d o%d %s %q %s+%s %q %s\n", u.GetUtteranceId(), u.GetVersion(), u.GetOrder(), u.GetKind(),
				u.GetSpeaker(), sec(u.StartSec), sec(u.DurationSec), u.GetText(), u.GetVendor())
		}
	}
	for _, f := range d.Findings {
		fmt.Fprintf(&b, "%s %s -> %s %s x%d\n", f.Outcome, f.Path, f.To, f.Note, f.Count)
	}
	return b.String()
}

func sec(f *float64) string {
	if f == nil {
		return "-"
	}
	return fmt.Sprint(*f)
}

// Each sample's calls and findings are as its golden file has them; go test -update writes them anew, to be read.
func TestSamplesReadAsTheirGoldenFilesSay(t *testing.T) {
	t.Parallel()
	samples, err := filepath.Glob("testdata/vcon/*.*")
	if err != nil || len(samples) == 0 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	samples = append(samples, "../../story/testdata/dialogues/open-vcon-containers.jsonl")
	for _, sample := range samples {
		if ext := filepath.Ext(sample); ext == ".golden" || ext == ".md" {
			continue
		}
		golden := filepath.Join("testdata", "vcon", filepath.Base(sample)+".golden")
		t.Run(filepath.Base(sample), func(t *testing.T) {
			t.Parallel()
			file, err := os.ReadFile(sample)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			for _, d := range readAll(t, string(file), Options{}) {
				got.WriteString(shown(d) + "\n")
			}
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("differs from %s; got\n%s", golden, got.String())
			}
		})
	}
}
