package ingest

import (
	"context"
	"errors"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
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
// written already. While the log's disk runs full nothing comes in: STORAGE_FULL, before the log itself can write no more.
func (s *Service) take(
	ctx context.Context, by identity.Caller, r ref, d *transcriptv1.CallDetails, words passage,
) (*transcriptv1.AppendUtterancesResponse, stream.Position, error) {
	if err := s.space(); err != nil {
		return nil, nil, err
	}
	ended, opened, err := s.open(ctx, by, r, d)
	if err != nil {
		return nil, nil, err
	}
	out, written, err := s.add(ctx, by, r, words, ended)
	if err == nil {
		s.meters.took(ctx, out)
		if out.GetAccepted()+out.GetCorrected() > 0 {
			s.hinting.add(r, out.GetRevision(), written)
		}
	}
	return out, furthest(opened, written), err
}

// add appends to the live words of a call or, where it has ended or they are sealed, to its parts.
func (s *Service) add(
	ctx context.Context, by identity.Caller, r ref, words passage, ended bool,
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
		out, pos, err := s.addLate(ctx, by, r, words.words)
		if !errors.Is(err, errUnfolded) {
			return out, pos, err
		}
	}
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
		in, err := newAdmission(tx, r)
		if err != nil {
			return nil, err
		}
		if out, err = in.add(words); err != nil || in.nothing() {
			return nil, err
		}
		return partEvent(tx, r, by, &eventv1.Part{Entries: in.more, Tally: in.counted(), Late: true})
	})
	return out, pos, err
}
