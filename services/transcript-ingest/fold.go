package ingest

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	// maxPart is how large a part of a fold is, in bytes. Only a late append, which must stay whole, may be larger.
	maxPart = 512 << 10
	// partHeader is what a part needs besides its entries, in bytes, amply: who wrote it and where it belongs.
	partHeader = 1 << 10
)

// fold closes a call's live words and moves them into parts. Any number of replicas may do it at once, and any may
// die in between: every step looks at what is stored and does what is left. The position is that of the parts; where
// the view knew them already it is nil.
func (s *Service) fold(ctx context.Context, r ref) (pos stream.Position, err error) {
	done := false
	err = s.follower.Read(func(tx *view.Tx) error {
		if erased(tx, r) {
			return callErased() // a purge would leave the words' bytes where nothing overwrites them any more
		}
		done = folded(tx, r)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if !done {
		if err := s.seal(ctx, r); err != nil {
			return nil, err
		}
		for left := true; left; {
			if pos, left, err = s.foldPart(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	return pos, s.purge(ctx, r)
}

// seal appends the seal to the live words, unless it is there. It says how many entries LIVE then holds.
func (s *Service) seal(ctx context.Context, r ref) error {
	_, err := s.commit(ctx, r.liveGuard(), func(tx *view.Tx) (*stream.Event, error) {
		if seal(tx, r) > 0 {
			return nil, nil //nolint:nilnil // nothing to write and nothing wrong
		}
		c, err := readCounts(tx, r)
		if err != nil {
			return nil, err
		}
		return encode(subject.LiveWords(r.tenant, r.call), &eventv1.LiveEvent{
			Meta: meta(self(r)), Kind: &eventv1.LiveEvent_Sealed{Sealed: &eventv1.Sealed{Entries: c.Live, Tally: c.LiveTally.event()}},
		})
	})
	return err
}

// foldPart writes the next part of a sealed call, and tells whether live words are left. The view has the seal, and
// with it all that was ever live; what is in parts it reads under the guard, so a part is built upon those before it as
// they are stored, whoever wrote them.
func (s *Service) foldPart(ctx context.Context, r ref) (pos stream.Position, left bool, err error) {
	pos, err = s.commit(ctx, r.partGuard(), func(tx *view.Tx) (*stream.Event, error) {
		if partsErased(tx, r) {
			return nil, callErased()
		}
		chunk, more, err := nextChunk(tx, r, s.maxPart)
		if left = more; err != nil || len(chunk) == 0 {
			return nil, err
		}
		return partEvent(tx, r, self(r), &eventv1.Part{Entries: chunk})
	})
	return pos, left, err
}

// nextChunk are the first live entries, as many as fit into a part of most bytes, at least one; more tells whether any
// are left.
func nextChunk(tx *view.Tx, r ref, most int) (chunk []*eventv1.Entry, more bool, err error) {
	size := partHeader
	err = liveEntries(tx, r, func(e *eventv1.Entry) bool {
		size += storedSize(e)
		more = size > most && len(chunk) > 0
		if !more {
			chunk = append(chunk, e)
		}
		return more
	})
	return chunk, more, err
}

// partEvent is the part behind those that the view has.
func partEvent(tx *view.Tx, r ref, by identity.Caller, part *eventv1.Part) (*stream.Event, error) {
	c, err := readCounts(tx, r)
	if err != nil {
		return nil, err
	}
	part.Number, part.First = c.Last+1, c.Parts+1
	return encode(subject.Part(r.tenant, r.call, part.GetNumber()), &eventv1.TranscriptEvent{
		Meta: meta(by), Kind: &eventv1.TranscriptEvent_Part{Part: part},
	})
}

// purge removes the words of a folded call from LIVE, below the seal: the seal stays, so that the guard never reads 0
// again and nobody who decided long ago can open the words anew.
func (s *Service) purge(ctx context.Context, r ref) error {
	var below uint64
	err := s.follower.Read(func(tx *view.Tx) error {
		if folded(tx, r) && !erased(tx, r) {
			below = seal(tx, r)
		}
		return nil
	})
	if err != nil || below == 0 {
		return err
	}
	oldest, ok, err := s.facts.After(ctx, r.liveGuard(), 0)
	if err != nil || !ok || oldest.Sequence >= below {
		return err
	}
	return s.facts.Purge(ctx, subject.Live, subject.LiveWords(r.tenant, r.call), below)
}
