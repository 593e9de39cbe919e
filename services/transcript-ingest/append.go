package ingest

import (
	"context"
	"errors"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

var (
	// errSealed says that a call's live words are closed: words now go the late way.
	errSealed = errors.New("ingest: sealed")
	// errUnfolded says that live words are still to be moved into parts. Words that came before them would take their
	// revisions, and what somebody has pinned would read differently.
	errUnfolded = errors.New("ingest: not folded")
)

// take brings words of a call in, and opens it if it is new. The position is that of what was written, or found to be
// written already.
func (s *Service) take(
	ctx context.Context, by identity.Caller, r ref, d *transcriptv1.CallDetails, words []*eventv1.Entry,
) (*transcriptv1.AppendUtterancesResponse, stream.Position, error) {
	ended, opened, err := s.open(ctx, by, r, d)
	if err != nil {
		return nil, nil, err
	}
	out, written, err := s.add(ctx, by, r, words, ended)
	if err == nil {
		s.meters.took(ctx, out)
	}
	return out, furthest(opened, written), err
}

// add appends to the live words of a call or, where it has ended or they are sealed, to its parts.
func (s *Service) add(
	ctx context.Context, by identity.Caller, r ref, words []*eventv1.Entry, ended bool,
) (*transcriptv1.AppendUtterancesResponse, stream.Position, error) {
	if !ended {
		out, pos, err := s.addLive(ctx, by, r, words)
		if !errors.Is(err, errSealed) {
			return out, pos, err
		}
	}
	for {
		if _, err := s.fold(ctx, r); err != nil {
			return nil, nil, err
		}
		out, pos, err := s.addLate(ctx, by, r, words)
		if !errors.Is(err, errUnfolded) {
			return out, pos, err
		}
	}
}

// addLive appends to the live words: one question to the leader and one message.
func (s *Service) addLive(
	ctx context.Context, by identity.Caller, r ref, words []*eventv1.Entry,
) (out *transcriptv1.AppendUtterancesResponse, pos stream.Position, err error) {
	pos, err = s.commit(ctx, r.liveGuard(), func(tx *view.Tx) (*stream.Event, error) {
		if seal(tx, r) > 0 {
			return nil, errSealed
		}
		more, counted, err := admit(tx, r, words)
		if out = counted; err != nil || len(more) == 0 {
			return nil, err
		}
		return encode(subject.LiveWords(r.tenant, r.call), &eventv1.LiveEvent{
			Meta: meta(by), Kind: &eventv1.LiveEvent_Words{Words: &eventv1.Words{Entries: more}},
		})
	})
	return out, pos, err
}

// addLate adds words to a folded call as one more part. Where not an end but an erase has sealed the live words, the
// tombstone of the parts, which lies under the same guard, refuses it: CALL_ERASED.
func (s *Service) addLate(
	ctx context.Context, by identity.Caller, r ref, words []*eventv1.Entry,
) (out *transcriptv1.AppendUtterancesResponse, pos stream.Position, err error) {
	pos, err = s.commit(ctx, r.partGuard(), func(tx *view.Tx) (*stream.Event, error) {
		rec, err := readRecord(tx, r)
		switch {
		case err != nil:
			return nil, err
		case rec.Erased || partsErased(tx, r):
			return nil, callErased()
		case !folded(tx, r):
			return nil, errUnfolded
		}
		more, counted, err := admit(tx, r, words)
		if out = counted; err != nil || len(more) == 0 {
			return nil, err
		}
		return partEvent(tx, r, by, more)
	})
	return out, pos, err
}

// admit decides which words are new to a call, and counts what becomes of all of them. CALL_TOO_LARGE when the call
// would have more than 20,000 entries.
func admit(
	tx *view.Tx, r ref, words []*eventv1.Entry,
) (more []*eventv1.Entry, out *transcriptv1.AppendUtterancesResponse, err error) {
	more, got := fresh(words, func(utterance string) (uint32, bool) { return highest(tx, r, utterance) })
	c, err := readCounts(tx, r)
	if err != nil {
		return nil, nil, err
	}
	revision := c.revision() + uint32(len(more))
	if revision > maxEntries && len(more) > 0 {
		return nil, nil, tooLarge("CALL_TOO_LARGE", "utterances", maxEntries)
	}
	return more, &transcriptv1.AppendUtterancesResponse{
		Accepted: got.accepted, Duplicates: got.duplicates, Corrected: got.corrected, Revision: revision,
	}, nil
}
