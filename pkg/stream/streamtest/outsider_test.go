package streamtest

import (
	"strings"
	"testing"
)

func TestAnOutsiderPublishesAndHears(t *testing.T) {
	t.Parallel()
	s := Start(t, Listening())
	declare(t, jetStream(t, s.Conn(t)), "TRIAL", 1)
	o, err := Outside(t, strings.TrimPrefix(s.URL(), "nats://"), "any")
	if err != nil {
		t.Fatal(err)
	}
	heard, err := o.Hear("trial.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Publish(t.Context(), "trial.a", []byte("said")); err != nil {
		t.Error(err)
	}
	if got := string(<-heard); got != "said" {
		t.Errorf("heard %q", got)
	}
	if _, err := Outside(t, "127.0.0.1:1", "any"); err == nil {
		t.Error("a server that is not there lets it in")
	}
}
