package access

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

const (
	// failures is how many failed logins a login name may have within the window.
	failures = 10
	window   = time.Minute
	// maxNames bounds the login names that are remembered; the one tried least recently is forgotten first. Hashing
	// is too slow for anybody to push a name out within its window.
	maxNames = 20_000
)

// throttle lets a login name be tried until it has failed 10 times within a minute. An attempt counts from its
// beginning, or else any number of guesses could be begun before the first has failed. Names are kept as hashes, since
// people type passwords into the wrong field.
type throttle struct {
	mu    sync.Mutex
	names map[[sha256.Size]byte]*list.Element
	order *list.List // of *attempts, the one tried least recently first
}

// attempts are the failed attempts of one name and those under way, oldest first; at most 10.
type attempts struct {
	name [sha256.Size]byte
	at   []time.Time
}

func newThrottle() *throttle {
	return &throttle{names: map[[sha256.Size]byte]*list.Element{}, order: list.New()}
}

// begin counts an attempt as failed until takeBack is called. TOO_MANY_REQUESTS, with the time to wait, when the name
// has had its failures.
func (t *throttle) begin(login string) (takeBack func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	a := t.of(sha256.Sum256([]byte(login)))
	for len(a.at) > 0 && now.Sub(a.at[0]) >= window {
		a.at = a.at[1:]
	}
	if len(a.at) >= failures {
		return nil, fault.New(fault.TooMany, "TOO_MANY_REQUESTS", fault.RetryIn(a.at[0].Add(window).Sub(now)))
	}
	a.at = append(a.at, now)
	return func() { t.takeBack(a, now) }, nil
}

// of finds or makes the entry of a name and makes it the one tried most recently.
func (t *throttle) of(name [sha256.Size]byte) *attempts {
	if e, ok := t.names[name]; ok {
		t.order.MoveToBack(e)
		return e.Value.(*attempts) //nolint:forcetypeassert // nothing else is put in
	}
	if t.order.Len() >= maxNames {
		oldest := t.order.Remove(t.order.Front()).(*attempts) //nolint:forcetypeassert // nothing else is put in
		delete(t.names, oldest.name)
	}
	a := &attempts{name: name}
	t.names[name] = t.order.PushBack(a)
	return a
}

func (t *throttle) takeBack(a *attempts, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, other := range a.at {
		if other.Equal(at) {
			a.at = append(a.at[:i:i], a.at[i+1:]...)
			return
		}
	}
}
