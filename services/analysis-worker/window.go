package analysis

import (
	"cmp"
	"errors"
	"sync"
	"time"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

// windowTime is how long a server is taken at its word about its window: it may be started anew with another model.
const windowTime = time.Hour

// windows are what servers said their models can read when they refused a question for its length, by lane. Until then what
// was learned with the key, or is known of the model, counts. It is kept in memory alone: a replica that does not know asks
// once, and is told.
type windows struct {
	mu    sync.Mutex
	lanes map[string]window
}

type window struct {
	tokens int64
	at     time.Time
}

func newWindows() *windows { return &windows{lanes: map[string]window{}} }

// learn takes what a refusal says of the window, if it does.
func (w *windows) learn(lane string, refused error, now time.Time) {
	var e *llm.Error
	if !errors.As(refused, &e) || e.Window <= 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lanes[lane] = window{e.Window, now}
}

func (w *windows) said(lane string, now time.Time) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	said, ok := w.lanes[lane]
	if ok && now.Sub(said.at) >= windowTime {
		delete(w.lanes, lane)
		return 0
	}
	return said.tokens
}

// of is the window that goes: what an administrator has set, else what was learned with the key; and never more than the
// server said when it refused more. 0: nobody has said any.
func (w *windows) of(lane string, learned, set *eventv1.ProviderLimits, now time.Time) int64 {
	return smaller(cmp.Or(set.GetContextWindow(), learned.GetContextWindow()), w.said(lane, now))
}

// window is what a question and its answer may have together on a lane: the model's window, and nine tenths of what the
// provider takes in a minute. A share of the account that was set does not count: what is larger waits for a full bucket.
func (s *Service) window(lane string, k *keyv1.Key) int64 {
	most := cmp.Or(s.windows.of(lane, k.GetLimits(), k.GetLimitOverrides(), time.Now()), defaultWindow)
	if tpm := provided(k.GetLimits(), s.usage.last(lane)).GetTokensPerMinute(); tpm > 0 {
		most = min(most, tpm*9/10)
	}
	return most
}
