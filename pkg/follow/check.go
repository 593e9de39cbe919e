package follow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
)

// seenOf is what is remembered of a message.
func seenOf(m stream.Message) view.Seen {
	h := sha256.New()
	h.Write([]byte(m.Subject))
	h.Write([]byte{0})
	h.Write(m.Data)
	return view.Seen{Sequence: m.Sequence, Time: m.Time.UTC(), Hash: h.Sum(nil), Subject: m.Subject, EventID: m.EventID}
}

// checkPause is how long a start waits before it asks a log again that could not answer.
const checkPause = 250 * time.Millisecond

// insist asks until the log has answered, or the context ends: a replica that starts while a leader is being elected
// waits for it, instead of failing and being started again.
func (f *Follower) insist(ctx context.Context, ask func() error) error {
	for told := false; ; told = true {
		err := ask()
		if fault.KindOf(err) != fault.Unavailable {
			return err
		}
		if !told {
			f.log.WarnContext(ctx, "waiting for the log", "error", err)
		}
		select {
		case <-time.After(checkPause):
		case <-ctx.Done():
			return err
		}
	}
}

// check compares the view with the streams. A reason that is not empty says why the view does not fit; an error says
// that the comparison could not be made.
func (f *Follower) check(ctx context.Context) (infos map[string]stream.Info, reason string, err error) {
	infos = map[string]stream.Info{}
	for _, name := range f.cfg.Streams {
		info, err := f.cfg.Log.Info(ctx, name)
		if err != nil {
			return nil, "", fmt.Errorf("follow: %w", err)
		}
		infos[name] = info
		why, err := f.checkStream(ctx, name, info)
		if err != nil {
			return nil, "", err
		}
		if why != "" && reason == "" {
			reason = name + ": " + why
		}
	}
	return infos, reason, nil
}

func (f *Follower) checkStream(ctx context.Context, name string, info stream.Info) (reason string, err error) {
	var mark view.Mark
	var seen []view.Seen
	err = f.view.Read(func(tx *view.Tx) error {
		if mark, _, err = tx.Mark(name); err != nil {
			return err
		}
		seen, err = tx.Seen(name)
		return err
	})
	switch {
	case err != nil:
		return "", err
	case mark.Sequence == 0:
		return "", nil
	case mark.Incarnation != info.Incarnation:
		return fmt.Sprintf("incarnation %q, was %q", info.Incarnation, mark.Incarnation), nil
	case !mark.Created.Equal(info.Created):
		return fmt.Sprintf("created %s, was %s", info.Created, mark.Created), nil
	case mark.Sequence > info.Last:
		return fmt.Sprintf("ends at %d, had read %d", info.Last, mark.Sequence), nil
	}
	return f.checkSeen(ctx, name, seen)
}

// checkSeen looks for every remembered message on the log.
func (f *Follower) checkSeen(ctx context.Context, name string, seen []view.Seen) (reason string, err error) {
	there := 0
	for _, s := range seen {
		m, ok, err := f.cfg.Log.At(ctx, name, s.Sequence)
		if err != nil {
			return "", err
		}
		if !ok {
			explained, err := f.explained(ctx, name, s)
			if err != nil {
				return "", err
			}
			if !explained {
				return fmt.Sprintf("message %d is missing", s.Sequence), nil
			}
			continue
		}
		there++
		// The time counts too: after a rollback the same event may lie at the same place once more.
		if now := seenOf(m); !now.Time.Equal(s.Time) || !bytes.Equal(now.Hash, s.Hash) {
			return fmt.Sprintf("message %d is another one", s.Sequence), nil
		}
	}
	if len(seen) > 0 && there == 0 {
		return "none of the remembered messages is left", nil
	}
	return "", nil
}

// explained tells whether a message may be missing: a newer one of the same subject took its place, a tombstone says
// so, or the view knows. The tombstone is looked for on the log: the view may have been away when it was written.
func (f *Follower) explained(ctx context.Context, name string, s view.Seen) (known bool, err error) {
	m, ok, err := f.cfg.Log.Last(ctx, stream.NewGuard(name, s.Subject))
	if err != nil {
		return false, err
	}
	if ok && m.Sequence > s.Sequence {
		return true, nil
	}
	if known, err := f.buried(ctx, name, s); known || err != nil {
		return known, err
	}
	if f.cfg.Explains == nil {
		return false, nil
	}
	err = f.view.Read(func(tx *view.Tx) error { known = f.cfg.Explains(tx, name, s); return nil })
	return known, err
}

// buried tells whether a tombstone says why a message is missing.
func (f *Follower) buried(ctx context.Context, name string, s view.Seen) (bool, error) {
	if f.cfg.Tombstones == nil {
		return false, nil
	}
	for _, g := range f.cfg.Tombstones(name, s.Subject) {
		m, ok, err := f.cfg.Log.Last(ctx, g)
		if err != nil || ok && (g.Stream() != name || m.Sequence > s.Sequence) {
			return ok, err
		}
	}
	return false, nil
}
