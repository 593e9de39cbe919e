package simulator

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTheLimiterSaysWhatOpenAISays: limit, used and requested of refusals seen in public, and the wait they named.
func TestTheLimiterSaysWhatOpenAISays(t *testing.T) {
	t.Parallel()
	const limit = 30_000
	for _, c := range []struct {
		used, requested int
		wait            string
	}{
		{28039, 3906, "3.89s"}, {18928, 11159, "174ms"}, {22343, 10955, "6.596s"},
		{14567, 24754, "18.642s"}, {29937, 385, "644ms"},
	} {
		s, now, h := New(Config{}), time.Now(), http.Header{}
		m := Model{ID: "m", TokensPerMinute: limit, RequestsPerMinute: 500}
		if no := s.spend(h, Key{Organization: "o"}, m, c.used, now); no != nil {
			t.Fatal(no.message)
		}
		no := s.spend(h, Key{Organization: "o"}, m, c.requested, now)
		if no == nil || no.kind != "tokens" || !strings.HasSuffix(no.message, "Please try again in "+c.wait+".") {
			t.Fatalf("%+v: got %+v", c, no)
		}
		if got := h.Get("X-Ratelimit-Remaining-Requests"); got != "499" {
			t.Errorf("a refused request leaves %s requests", got)
		}
		if early := s.spend(h, Key{Organization: "o"}, m, c.requested, now.Add(no.retry-time.Millisecond)); early == nil {
			t.Errorf("%+v: let through before its time", c)
		}
		if late := s.spend(h, Key{Organization: "o"}, m, c.requested, now.Add(no.retry)); late != nil {
			t.Errorf("%+v: waited as told, and refused: %s", c, late.message)
		}
	}
}

func TestResetIsTheTimeUntilTheBucketIsFull(t *testing.T) {
	t.Parallel()
	s, h := New(Config{}), http.Header{}
	m := Model{ID: "m", TokensPerMinute: 30_000, RequestsPerMinute: 500}
	if no := s.spend(h, Key{}, m, 4, time.Now()); no != nil {
		t.Fatal(no.message)
	}
	for name, want := range map[string]string{
		"Remaining-Tokens": "29996", "Reset-Tokens": "8ms", "Remaining-Requests": "499", "Reset-Requests": "120ms",
	} {
		if got := h.Get("X-Ratelimit-" + name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestARefusalForRequestsTakesNoTokens(t *testing.T) {
	t.Parallel()
	s, now, h := New(Config{}), time.Now(), http.Header{}
	m := Model{ID: "m", TokensPerMinute: 1000, RequestsPerMinute: 1}
	if no := s.spend(h, Key{}, m, 100, now); no != nil {
		t.Fatal(no.message)
	}
	no := s.spend(h, Key{}, m, 100, now)
	if no == nil || no.kind != "requests" || no.retry != time.Minute || !strings.Contains(no.message, "requests per min (RPM)") {
		t.Fatalf("got %+v", no)
	}
	if got := h.Get("X-Ratelimit-Remaining-Tokens"); got != "900" {
		t.Errorf("%s tokens are left", got)
	}
}

func TestUsedIsWhatIsUsedNow(t *testing.T) {
	t.Parallel()
	s, now := New(Config{}), time.Now()
	m := Model{ID: "m", TokensPerMinute: 6000, RequestsPerMinute: 500}
	if no := s.spend(http.Header{}, Key{}, m, 5000, now); no != nil {
		t.Fatal(no.message)
	}
	// 100 come back each second: 4000 are used after ten.
	no := s.spend(http.Header{}, Key{}, m, 5000, now.Add(10*time.Second))
	if no == nil || !strings.Contains(no.message, "Limit 6000, Used 4000, Requested 5000. Please try again in 30s.") {
		t.Fatalf("got %+v", no)
	}
}
