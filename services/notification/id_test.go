package notify

import "testing"

func TestPlacesReadBackAsWritten(t *testing.T) {
	t.Parallel()
	for _, p := range []place{{"ABC", 0}, {"A-B", 17}, {"X", 1<<64 - 1}} {
		if got, ok := parsePlace(p.String()); !ok || got != p {
			t.Errorf("%s reads as %+v, %v", p, got, ok)
		}
	}
	for _, id := range []string{"", "-", "-1", "ABC", "ABC-", "ABC-01", "ABC-1x", "ABC-18446744073709551616"} {
		if p, ok := parsePlace(id); ok {
			t.Errorf("%q reads as %+v", id, p)
		}
	}
}
