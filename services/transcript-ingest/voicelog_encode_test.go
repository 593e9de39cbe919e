package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
)

// details is an object of the detailed form as encoding/json writes it: members in the order and of the types of the
// manual.
type details struct {
	ID               int64  `json:"id"`
	Order            int64  `json:"order"`
	RequestID        string `json:"request_id"`
	SpeakStartSec    string `json:"speak_start_sec"`
	SpeakerType      int    `json:"speaker_type"`
	Text             string `json:"text"`
	VoiceDurationSec string `json:"voice_duration_sec"`
	VoiceLogType     string `json:"voice_log_type"`
	CreatedAt        string `json:"created_at"`
	UpdatedAt        string `json:"updated_at"`
}

// cut is a number with two decimals, further ones cut off, reckoned in whole numbers of any size.
func cut(v *float64) string {
	if v == nil {
		return "0.00"
	}
	exact, _ := new(big.Rat).SetString(strconv.FormatFloat(*v, 'f', -1, 64))
	hundredths := exact.Mul(exact, big.NewRat(100, 1))
	n := new(big.Int).Quo(hundredths.Num(), hundredths.Denom())
	sign := ""
	if n.Sign() < 0 {
		sign = "-"
	}
	text := fmt.Sprintf("%03s", n.Abs(n).String())
	return sign + text[:len(text)-2] + "." + text[len(text)-2:]
}

// reference is what the compatible API answers, made slowly: utterances by their newest version, in the order that
// resolve gives, which has tests of its own.
func reference(opened uint64, call string, entries []*eventv1.Entry) (detailed, simple string) {
	var list []details
	japan := time.FixedZone("Japan", 9*60*60)
	for _, u := range resolve(entries) {
		d := details{
			Order: u.GetOrder(), RequestID: call, Text: u.GetText(), SpeakStartSec: cut(u.StartSec), VoiceDurationSec: cut(u.DurationSec),
			SpeakerType: 1,
			CreatedAt:   u.GetCreatedAt().AsTime().In(japan).Format("2006-01-02 15:04:05"),
			UpdatedAt:   u.GetUpdatedAt().AsTime().In(japan).Format("2006-01-02 15:04:05"), VoiceLogType: "1",
		}
		if d.Order <= 0 {
			d.Order = int64(len(list)) + 1
		}
		if u.GetSpeaker() == "agent" {
			d.SpeakerType = 2
		}
		if u.GetKind() == kindLost {
			d.SpeakerType += 3
		}
		if strings.HasPrefix(strings.ToUpper(u.GetVendor()), "OMNIS") {
			d.VoiceLogType = "2"
		}
		for i, e := range entries {
			if e.GetUtteranceId() == u.GetUtteranceId() {
				d.ID = int64(opened)*32768 + int64(i) + 1
				break
			}
		}
		list = append(list, d)
		flat := strings.FieldsFunc("x"+u.GetText()+"x", func(r rune) bool { return strings.ContainsRune("\n\v\f\r\u0085\u2028\u2029", r) })
		line := strings.Join(flat, " ")
		if who := map[int]string{1: "お客様 : ", 2: "オペレータ : "}[d.SpeakerType]; who != "" {
			simple += who + line[1:len(line)-1] + "\n"
		}
	}
	return encodedPlainly(list), simple
}

func encodedPlainly(v any) string {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) //nolint:forbidigo // a mistake in the test
	}
	return strings.TrimSuffix(out.String(), "\n")
}

// hostile are texts with everything that a form could stumble over.
func hostile() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringOf(rapid.SampledFrom([]rune("\x00\x01\b\t\n\v\f\r\x1b\x1f\"\\/<>&'\x7f\u0085\u2027\u2028\u2029\ufeff\ufffd あ😀"))),
		rapid.Custom(func(rt *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes")) }),
	)
}

func TestStringsAreWrittenAsEncodingJSONWritesThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		text := hostile().Draw(rt, "text")
		if got, want := string(appendQuoted(nil, text)), encodedPlainly(text); got != want {
			rt.Fatalf("%q is written %s, want %s", text, got, want)
		}
	})
}

func TestSecondsAreCutAndNotRounded(t *testing.T) {
	t.Parallel()
	for v, want := range map[float64]string{
		1.25: "1.25", 1.259: "1.25", 0.29: "0.29", 8.64: "8.64", 2.8: "2.80", 14: "14.00", 0.001: "0.00", -0.009: "0.00", -1.259: "-1.25",
		1e-9: "0.00", 1e9: "1000000000.00", 645.72: "645.72", 1.999999999: "1.99", 4.35: "4.35", 0: "0.00", math.Copysign(0, -1): "0.00",
	} {
		if got := string(appendSeconds(nil, &v)); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		v := rapid.OneOf(rapid.Float64Range(-1e9, 1e9), rapid.Custom(func(rt *rapid.T) float64 {
			return float64(rapid.Int64Range(-1e7, 1e7).Draw(rt, "thousandths")) / 1000
		})).Draw(rt, "seconds")
		if got := string(appendSeconds([]byte("9.9"), &v)); got != "9.9"+cut(&v) {
			rt.Fatalf("%v: %s, want 9.9%s", v, got, cut(&v))
		}
	})
}

func drawEntry(rt *rapid.T) *eventv1.Entry {
	seconds := rapid.OneOf(rapid.Just[*float64](nil), rapid.Ptr(rapid.Float64Range(-10, 1e5), false))
	return &eventv1.Entry{
		UtteranceId: rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(rt, "id"),
		Order:       rapid.SampledFrom([]int64{0, 0, 1, 2, 3, 1 << 40}).Draw(rt, "order"),
		Kind:        rapid.SampledFrom([]string{kindUtterance, kindUtterance, kindLost}).Draw(rt, "kind"),
		Speaker:     rapid.SampledFrom([]string{"agent", "customer", "", "Agent", "speaker_0"}).Draw(rt, "speaker"),
		Text:        hostile().Draw(rt, "text"),
		StartSec:    seconds.Draw(rt, "start"), DurationSec: seconds.Draw(rt, "duration"),
		Vendor:     rapid.SampledFrom([]string{"", "AmiVoice", "OMNIS", "omnis 2", "OMNI"}).Draw(rt, "vendor"),
		ReceivedAt: timestamppb.New(time.Unix(rapid.Int64Range(0, 4e9).Draw(rt, "second"), 999_999_999)),
	}
}

func TestBothFormsAreWhatAReferenceSays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(drawEntry), 1, 12).Draw(rt, "entries")
		call, opened := hostile().Draw(rt, "call"), uint64(rapid.Uint32().Draw(rt, "opened"))
		lines := voiceLines(opened, entries)
		wantDetailed, wantSimple := reference(opened, call, entries)
		if got := string(detailedForm(nil, call, lines)); got != wantDetailed {
			rt.Fatalf("detailed\n%s\nwant\n%s", got, wantDetailed)
		}
		if got := string(simpleForm(nil, lines)); got != strings.ToValidUTF8(wantSimple, "?") && got != wantSimple {
			rt.Fatalf("simple\n%q\nwant\n%q", got, wantSimple)
		}
	})
}
