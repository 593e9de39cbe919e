package formats

import (
	"bytes"
	"encoding/json"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// exported is a call as the services have it once a file was imported.
func exported(c *Call) Export {
	d := c.Details
	out := Export{Call: &transcriptv1.Call{
		Id: c.ID, Label: d.GetLabel(), StartedAt: d.GetStartedAt(), AgentName: d.GetAgentAccount(),
		AgentNumber: d.GetAgentNumber(), CustomerNumber: d.GetCustomerNumber(), Queue: d.GetQueue(),
		Direction: d.GetDirection(), Labels: d.GetLabels(), Links: d.GetLinks(),
	}}
	if !c.EndedAt.IsZero() {
		out.Call.EndedAt = timestamppb.New(c.EndedAt)
	}
	for _, u := range c.Utterances {
		kind := u.GetKind()
		if kind == "" {
			kind = "utterance"
		}
		out.Utterances = append(out.Utterances, &transcriptv1.Utterance{
			UtteranceId: u.GetUtteranceId(), Version: u.GetVersion(), Order: u.GetOrder(), Kind: kind, Speaker: u.GetSpeaker(),
			Text: u.GetText(), StartSec: u.StartSec, DurationSec: u.DurationSec, Vendor: u.GetVendor(),
		})
	}
	return out
}

func each(calls ...Export) iter.Seq2[Export, error] {
	return func(yield func(Export, error) bool) {
		for _, c := range calls {
			if !yield(c, nil) {
				return
			}
		}
	}
}

// returned writes calls and reads them again.
func returned(t rapid.TB, f Format, calls ...Export) []Export {
	t.Helper()
	var file bytes.Buffer
	if err := Write(&file, f, each(calls...)); err != nil {
		t.Fatal(err)
	}
	var out []Export
	for d, err := range Read(&file, Options{}) {
		if err != nil || d.Err != nil || d.Format != f {
			t.Fatalf("%v, %v, read as %s", err, d.Err, d.Format)
		}
		out = append(out, exported(d.Call))
	}
	return out
}

// alike compares calls. The fine comparison is slow and only made of what differs.
func alike(t rapid.TB, f Format, want, got []Export) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d calls, want %d", f, len(got), len(want))
	}
	for i := range want {
		same := proto.Equal(want[i].Call, got[i].Call) && slices.EqualFunc(want[i].Utterances, got[i].Utterances,
			func(a, b *transcriptv1.Utterance) bool { return proto.Equal(a, b) })
		if !same {
			t.Fatalf("%s: %s", f, cmp.Diff(want[i], got[i], protocmp.Transform()))
		}
	}
}

func TestEveryDialogueComesBackFromAnExport(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../story/testdata/dialogues/*.jsonl")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			file, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var calls []Export
			for _, d := range readAll(t, string(file), Options{}) {
				if d.Err != nil {
					t.Fatalf("line %d: %v", d.Line, d.Err)
				}
				for _, f := range d.Findings {
					if f.Outcome == Ignored && f.Note == noteUnknown {
						t.Errorf("line %d: %s is not known", d.Line, f.Path)
					}
				}
				calls = append(calls, exported(d.Call))
			}
			if want := bytes.Count(file, []byte("\n")); len(calls) != want {
				t.Fatalf("%d calls of %d lines", len(calls), want)
			}
			for _, f := range []Format{JSONL, VCon} {
				alike(t, f, calls, returned(t, f, calls...))
			}
		})
	}
}

// hostile is text of the kinds that break writers and readers.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.StringOf(rapid.SampledFrom([]rune("a\"\\{}[]:,'\x00\x1f\r\n\t\u2028\u2029\ufeff\ufffd𠮷か\u3099</&\u202e"))))
}

// short is what passes as one of the short fields.
func short(least int) *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		s, _ := oneLine(hostile().Draw(t, "s"))
		if strings.TrimSpace(s) == "" && least > 0 {
			s = "x"
		}
		return s
	})
}

func instants() *rapid.Generator[*timestamppb.Timestamp] {
	return rapid.Custom(func(t *rapid.T) *timestamppb.Timestamp {
		if rapid.Bool().Draw(t, "none") {
			return nil
		}
		return timestamppb.New(time.Unix(rapid.Int64Range(0, 7e9).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")))
	})
}

func moments() *rapid.Generator[*float64] {
	return rapid.Ptr(rapid.Float64Range(-maxSeconds, maxSeconds), true)
}

func exports() *rapid.Generator[Export] {
	return rapid.Custom(func(t *rapid.T) Export {
		c := &transcriptv1.Call{
			Id: short(1).Draw(t, "id"), Label: short(0).Draw(t, "label"), StartedAt: instants().Draw(t, "from"),
			EndedAt: instants().Draw(t, "to"), AgentName: short(0).Draw(t, "agent"), AgentNumber: short(0).Draw(t, "number"),
			CustomerNumber: short(0).Draw(t, "customer"), Queue: short(0).Draw(t, "queue"),
			Direction: rapid.SampledFrom([]string{"", "inbound", "outbound"}).Draw(t, "direction"),
			Labels:    rapid.MapOfN(short(1), short(0), 0, maxLabels).Draw(t, "labels"),
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "links") {
			c.Links = append(c.Links, &transcriptv1.CallLink{
				CallId:   strings.Repeat("'", i) + short(1).Draw(t, "other"),
				Relation: rapid.SampledFrom([]string{"leg", "transfer", "consultation"}).Draw(t, "relation"),
			})
		}
		out := Export{Call: c}
		for i := range rapid.IntRange(0, 5).Draw(t, "n") {
			out.Utterances = append(out.Utterances, &transcriptv1.Utterance{
				UtteranceId: strings.Repeat("'", i) + short(1).Draw(t, "uid"), Version: rapid.Uint32().Draw(t, "v"),
				Order: rapid.Int64().Draw(t, "o"), Kind: rapid.SampledFrom([]string{"utterance", "recognizer_lost"}).Draw(t, "k"),
				Speaker: short(0).Draw(t, "speaker"), Text: hostile().Draw(t, "text"), StartSec: moments().Draw(t, "start"),
				DurationSec: moments().Draw(t, "length"), Vendor: short(0).Draw(t, "vendor"),
			})
		}
		return distinct(out)
	})
}

// distinct leaves one utterance of each id, and one link to each call: no call has two.
func distinct(x Export) Export {
	seen := map[string]bool{}
	x.Utterances = slices.DeleteFunc(x.Utterances, func(u *transcriptv1.Utterance) bool {
		twice := seen[u.GetUtteranceId()] || !usableID(u.GetUtteranceId())
		seen[u.GetUtteranceId()] = true
		return twice
	})
	seen = map[string]bool{x.Call.GetId(): true}
	x.Call.Links = slices.DeleteFunc(x.Call.GetLinks(), func(l *transcriptv1.CallLink) bool {
		twice := seen[l.GetCallId()] || !usableID(l.GetCallId())
		seen[l.GetCallId()] = true
		return twice
	})
	return x
}

func TestWhatIsExportedComesBackEqual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		calls := rapid.SliceOfN(exports(), 1, 3).Draw(t, "calls")
		for _, f := range []Format{JSONL, VCon} {
			alike(t, f, calls, returned(t, f, calls...))
		}
	})
}

// What the draft asks of a vCon (its CDDL; prose where that says MUST).
func TestAnExportedVConIsOneOfTheDraft(t *testing.T) {
	t.Parallel()
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	rapid.Check(t, func(t *rapid.T) {
		x := exports().Draw(t, "call")
		var file bytes.Buffer
		if err := Write(&file, VCon, each(x)); err != nil {
			t.Fatal(err)
		}
		var v struct {
			VCon      string           `json:"vcon"`
			UUID      string           `json:"uuid"`
			CreatedAt time.Time        `json:"created_at"`
			Critical  []string         `json:"critical"`
			Parties   []map[string]any `json:"parties"`
			Dialog    []struct {
				Type     string   `json:"type"`
				Start    *string  `json:"start"`
				Duration *float64 `json:"duration"`
				Parties  []int    `json:"parties"`
			} `json:"dialog"`
			Analysis []struct {
				Type, Vendor, Encoding string
				Dialog                 int
				Body                   json.RawMessage
			} `json:"analysis"`
		}
		if err := json.Unmarshal(file.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if v.VCon != "0.4.0" || !uuid.MatchString(v.UUID) || v.CreatedAt.IsZero() || len(v.Critical) != 0 {
			t.Fatalf("%+v", v)
		}
		d := v.Dialog[0]
		if d.Type != "recording" || d.Duration != nil && *d.Duration < 0 || d.Parties[1] >= len(v.Parties) {
			t.Fatalf("%+v", d)
		}
		if a := v.Analysis[0]; a.Type != "transcript" || a.Vendor == "" || a.Encoding != "json" || a.Body[0] != '{' {
			t.Fatalf("%+v", a)
		}
	})
}

func TestOnlyTwoFormatsAreWritten(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{Deepgram, "", "doc"} {
		if err := Write(&bytes.Buffer{}, f, each()); fault.CodeOf(err) != "FORMAT_UNSUPPORTED" {
			t.Errorf("%q: %v", f, err)
		}
	}
}

func TestATroubledSourceEndsTheExport(t *testing.T) {
	t.Parallel()
	trouble := errors.New("gone")
	err := Write(&bytes.Buffer{}, JSONL, func(yield func(Export, error) bool) { yield(Export{}, trouble) })
	if !errors.Is(err, trouble) {
		t.Errorf("got %v", err)
	}
}
