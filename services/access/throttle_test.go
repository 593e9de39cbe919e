package access

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestThrottleLetsTenFailuresAMinuteThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		for n := range failures {
			if _, err := th.begin("tanaka"); err != nil {
				t.Fatalf("attempt %d: %v", n+1, err)
			}
			time.Sleep(time.Second)
		}
		_, err := th.begin("tanaka")
		e, _ := fault.As(err)
		if !fault.Is(err, "TOO_MANY_REQUESTS") || e.RetryAfter != window-failures*time.Second {
			t.Fatalf("the eleventh: %v, retry in %v", err, e.RetryAfter)
		}
		if _, err := th.begin("suzuki"); err != nil {
			t.Errorf("another name: %v", err)
		}
		time.Sleep(e.RetryAfter)
		if _, err := th.begin("tanaka"); err != nil {
			t.Errorf("after the time to wait: %v", err)
		}
		if _, err := th.begin("tanaka"); !fault.Is(err, "TOO_MANY_REQUESTS") {
			t.Errorf("only one of the ten is a minute old, but: %v", err)
		}
	})
}

func TestThrottleCountsNoSuccess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		for range 10 * failures {
			takeBack, err := th.begin("tanaka")
			if err != nil {
				t.Fatal(err)
			}
			takeBack()
		}
	})
}

func TestThrottleCountsAttemptsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		th := newThrottle()
		var last func()
		for range failures {
			last, _ = th.begin("tanaka")
		}
		if _, err := th.begin("tanaka"); err == nil {
			t.Fatal("an eleventh guess was begun before any had failed")
		}
		last()
		if _, err := th.begin("tanaka"); err != nil {
			t.Errorf("one succeeded, so there is room: %v", err)
		}
	})
}

func TestThrottleIsBounded(t *testing.T) {
	t.Parallel()
	th := newThrottle()
	for n := range maxNames + 500 {
		_, _ = th.begin(strconv.Itoa(n))
		_, _ = th.begin("victim") // tried all the time, so never the one that is forgotten
	}
	if len(th.names) != maxNames || th.order.Len() != maxNames {
		t.Errorf("%d names, %d in order", len(th.names), th.order.Len())
	}
	if _, err := th.begin("victim"); err == nil {
		t.Error("other names pushed a name out that is being guessed at")
	}
}
