package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

const (
	traceID = "0af7651916cd43dd8448eb211c80319c"
	spanID  = "b7ad6b7169203331"
)

func TestLogsKeepTheRulesOfHandlers(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return telemetry.Logs(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) map[string]any { t.Helper(); return decoded(t, out.Bytes()) })
}

func decoded(t *testing.T, line []byte) map[string]any {
	t.Helper()
	got := map[string]any{}
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return got
}

func TestALogLineNamesItsTraceAtTheTopWhateverGroupIsOpen(t *testing.T) {
	t.Parallel()
	ctx := telemetry.Extract(t.Context(), "00-"+traceID+"-"+spanID+"-00")
	for name, with := range map[string]func(*slog.Logger) *slog.Logger{
		"plain":            func(l *slog.Logger) *slog.Logger { return l },
		"attributes":       func(l *slog.Logger) *slog.Logger { return l.With("a", 1) },
		"a group":          func(l *slog.Logger) *slog.Logger { return l.WithGroup("g") },
		"both, and again":  func(l *slog.Logger) *slog.Logger { return l.With("a", 1).WithGroup("g").With("b", 2).WithGroup("h") },
		"groups of no use": func(l *slog.Logger) *slog.Logger { return l.WithGroup("").With() },
	} {
		var out, bare bytes.Buffer
		with(slog.New(telemetry.Logs(slog.NewJSONHandler(&out, nil)))).InfoContext(ctx, "m", "c", 3)
		got := decoded(t, out.Bytes())
		if got["trace_id"] != traceID || got["span_id"] != spanID {
			t.Errorf("%s: %s", name, &out)
		}
		delete(got, "trace_id")
		delete(got, "span_id")
		with(slog.New(slog.NewJSONHandler(&bare, nil))).InfoContext(ctx, "m", "c", 3)
		want := decoded(t, bare.Bytes())
		got["time"], want["time"] = nil, nil
		if g, w := text(t, got), text(t, want); g != w {
			t.Errorf("%s: the rest is %s, not %s", name, g, w)
		}
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestALineWithoutATraceNamesNone(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	slog.New(telemetry.Logs(slog.NewTextHandler(&out, nil))).InfoContext(context.Background(), "m")
	if strings.Contains(out.String(), "trace_id") {
		t.Error(out.String())
	}
}

func TestOnlyATraceparentIsTakenForOne(t *testing.T) {
	t.Parallel()
	good := "00-" + traceID + "-" + spanID
	for in, want := range map[string]string{
		good + "-01":                           good + "-01",
		good + "-00":                           good + "-00",
		"":                                     "",
		good:                                   "",
		"ff-" + traceID + "-" + spanID + "-01": "",
		"00-00000000000000000000000000000000-" + spanID + "-01": "",
		"00-" + traceID + "-0000000000000000-01":                "",
		"00-" + strings.ToUpper(traceID) + "-" + spanID + "-01": "",
		good + "-01-more":                           "",
		"00-" + traceID[1:] + "-" + spanID + "-01":  "",
		"00-" + traceID + "-" + spanID + "-zz":      "",
		strings.Repeat("0", 1<<16):                  "",
		"00-\x00af7651916cd43dd8448eb211c80319c-\n": "",
	} {
		if got := telemetry.Inject(telemetry.Extract(t.Context(), in)); got != want {
			t.Errorf("%.80q became %q, not %q", in, got, want)
		}
	}
}

func TestWhatIsNoTraceparentLeavesTheTraceAsItIs(t *testing.T) {
	t.Parallel()
	parent := "00-" + traceID + "-" + spanID + "-01"
	if got := telemetry.Inject(telemetry.Extract(telemetry.Extract(t.Context(), parent), "nonsense")); got != parent {
		t.Errorf("%q", got)
	}
}
