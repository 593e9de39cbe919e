package ingest

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// maxPart is how large a part may be, in bytes.
const maxPart = 512 << 10

// fold closes a call's live words and moves them into parts. Any number of replicas may do it at once, and any may
// die in between: every step looks at what is stored and does what is left.
func (s *Service) fold(ctx context.Context, r ref) error {
	if err := s.seal(ctx, r); err != nil {
		return err
	}
	if err := s.foldParts(ctx, r); err != nil {
		return err
	}
	return s.purge(ctx, r)
}

func (s *Service) seal(ctx context.Context, r ref) error {
	_, err := s.commit(ctx, r.liveGuard(), func(tx *view.Tx) (*stream.Event, error) {
		if seal(tx, r) > 0 {
			return nil, nil //nolint:nilnil // sealed before
		}
		c, err := readCounts(tx, r)
		if err != nil {
			return nil, err
		}
		return event(subject.LiveWords(r.tenant, r.call), &eventv1.LiveEvent{
			Meta: meta(self(r)), Kind: &eventv1.LiveEvent_Sealed{Sealed: &eventv1.Sealed{Entries: c.Live}},
		})
	})
	return err
}

// self is the service acting by itself.
func self(r ref) identity.Caller { return identity.Caller{Tenant: r.tenant, Service: Name} }

// foldParts writes part after part until no live entry is left. The view has the seal, and with it all that was ever
// live; what is in parts it reads under the guard, so a part is built upon those before it as they are stored.
func (s *Service) foldParts(ctx context.Context, r ref) error {
	for left := true; left; {
		_, err := s.commit(ctx, r.partGuard(), func(tx *view.Tx) (*stream.Event, error) {
			chunk, err := nextChunk(tx, r)
			if left = len(chunk) > 0; err != nil || !left {
				return nil, err
			}
			return partEvent(tx, r, self(r), chunk)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nextChunk are the first live entries, as many as fit into a part.
func nextChunk(tx *view.Tx, r ref) (chunk []*eventv1.Entry, err error) {
	size := 0
	err = liveEntries(tx, r, func(e *eventv1.Entry) bool {
		if size += proto.Size(e); size > maxPart && len(chunk) > 0 {
			return true
		}
		chunk = append(chunk, e)
		return false
	})
	return chunk, err
}

func partEvent(tx *view.Tx, r ref, by identity.Caller, chunk []*eventv1.Entry) (*stream.Event, error) {
	c, err := readCounts(tx, r)
	if err != nil {
		return nil, err
	}
	part := &eventv1.Part{Number: c.Last + 1, First: c.Parts + 1, Entries: chunk}
	return event(subject.Part(r.tenant, r.call, part.GetNumber()), &eventv1.TranscriptEvent{
		Meta: meta(by), Kind: &eventv1.TranscriptEvent_Part{Part: part},
	})
}

// purge removes the words from LIVE, below the seal: the seal stays, so that the guard never reads 0 again and nobody
// who decided long ago can open the words anew.
func (s *Service) purge(ctx context.Context, r ref) error {
	var at uint64
	err := s.follower.Read(func(tx *view.Tx) error { at = seal(tx, r); return nil })
	if err != nil || at == 0 {
		return err
	}
	first, ok, err := s.facts.After(ctx, r.liveGuard(), 0)
	if err != nil || !ok || first.Sequence >= at {
		return err
	}
	return s.facts.Purge(ctx, subject.Live, subject.LiveWords(r.tenant, r.call), at)
}

// addLate adds words to a folded call as one more part.
func (s *Service) addLate(
	ctx context.Context, by identity.Caller, r ref, words []*eventv1.Entry,
) (out *transcriptv1.AppendUtterancesResponse, pos stream.Position, err error) {
	if err := s.follower.Newest(ctx, r.callGuard()); err != nil { // an erase may have sealed it
		return nil, nil, err
	}
	pos, err = s.commit(ctx, r.partGuard(), func(tx *view.Tx) (*stream.Event, error) {
		rec, _, err := readRecord(tx, r)
		if err != nil {
			return nil, err
		}
		if rec.Erased {
			return nil, fault.New(fault.Gone, "CALL_ERASED")
		}
		if chunk, err := nextChunk(tx, r); err != nil || len(chunk) > 0 {
			return nil, errors.Join(err, errSealed) // the fold is not finished: its entries come first
		}
		var more []*eventv1.Entry
		if out, more, err = admit(tx, r, words); err != nil || len(more) == 0 {
			return nil, err
		}
		return partEvent(tx, r, by, more)
	})
	return out, pos, err
}
