package follow

import "github.com/kikigaki/kikigaki/pkg/view"

// recent knows by their ids the events among the newest messages that a view has applied of a stream, as many as the
// view itself remembers. Every decision asks it; the view would decode all it remembers each time.
type recent struct {
	ids []string // the newest last; a ring once it is full
	old int      // where the oldest is
	at  map[string]uint64
}

func (r *recent) add(id string, sequence uint64) {
	if r.at == nil {
		r.at = map[string]uint64{}
	}
	if len(r.ids) < view.Remembered {
		r.ids = append(r.ids, id)
	} else {
		delete(r.at, r.ids[r.old])
		r.ids[r.old] = id
		r.old = (r.old + 1) % len(r.ids)
	}
	r.at[id] = sequence
}

// sequence is where an event lies; false when it is not among the newest.
func (r *recent) sequence(id string) (uint64, bool) {
	seq, ok := r.at[id]
	return seq, ok
}
