package ingest

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/erasure"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// EraseCall erases a call; see the contract. When it answers, the three tombstones are on the log: from then on no replica
// accepts anything for the call, since every one of them decides under a guard that has one, and whoever reads with the
// answer's position finds the call erased. Who reads elsewhere without it finds it erased once that replica's view has
// heard of it, a few milliseconds later. Removing what is left goes on by itself.
func (s *Service) EraseCall(
	ctx context.Context, req *transcriptv1.EraseCallRequest,
) (*transcriptv1.EraseCallResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkID("callId", req.GetCallId()); err != nil {
		return nil, err
	}
	pos, err := s.erase(ctx, caller, ref{caller.Tenant, req.GetCallId()})
	if err != nil {
		return nil, fault.Op("ingest.erase", err)
	}
	s.eraser.Rouse()
	return &transcriptv1.EraseCallResponse{Position: s.including(pos)}, nil
}

// erase writes a call's tombstones. NOT_FOUND for a call that never was; erasing it again goes on with what is left.
func (s *Service) erase(ctx context.Context, by identity.Caller, r ref) (stream.Position, error) {
	pos, err := s.commitCall(ctx, nameless(by), r, func(rec record) (string, *eventv1.CallEvent, error) {
		switch {
		case rec.Erased:
			return "", nil, nil
		case !rec.opened():
			return "", nil, callNotFound(r.call)
		}
		return subject.KindErased, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}}}, nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.follower.WaitPosition(ctx, pos.Encode()); err != nil { // who reads here next finds it erased
		return nil, err
	}
	parts, err := s.close(ctx, r)
	return furthest(pos, parts), err
}

// nameless is who erases, by an id alone: a tombstone stays for ever and must not hold a name.
func nameless(by identity.Caller) identity.Caller {
	by.Name = ""
	return by
}

// close ends the words of an erased call: the tombstone of its parts, behind which no part can come, and the seal of
// its live words, also where there never were any.
func (s *Service) close(ctx context.Context, r ref) (stream.Position, error) {
	pos, err := s.entomb(ctx, r)
	if err != nil {
		return nil, err
	}
	return pos, s.seal(ctx, r)
}

func (s *Service) entomb(ctx context.Context, r ref) (stream.Position, error) {
	return s.commit(ctx, r.partGuard(), func(tx *view.Tx) (*stream.Event, error) {
		if partsErased(tx, r) { // nothing to write and nothing wrong
			return nil, nil
		}
		return encode(subject.PartsErased(r.tenant, r.call), &eventv1.TranscriptEvent{
			Meta: meta(self(r)), Kind: &eventv1.TranscriptEvent_Erased{Erased: &eventv1.TranscriptErased{}},
		})
	})
}

// applied learns from the log that a call was erased, here or by another replica.
func (s *Service) applied(batch []stream.Message) {
	for _, m := range batch {
		_, _, rest, ok := subject.Parse(m.Subject)
		if ok && m.Stream == subject.Calls && len(rest) == 3 && rest[2] == subject.KindErased {
			s.eraser.Rouse()
			return
		}
	}
}

func (s *Service) newEraser() *erasure.Sweeper {
	return erasure.NewSweeper(erasure.Config{
		Ready: s.follower.Ready,
		Erased: func(since time.Time) (calls []erasure.Call, err error) {
			err = s.follower.Read(func(tx *view.Tx) error { calls, err = erasedSince(tx, since); return err })
			return calls, err
		},
		Finish: s.remove, Finished: s.wipe, Logger: s.log,
	})
}

// wipe has the files written anew in which words lie that are no messages any more: in LIVE what a fold has purged, in the
// inbox what was taken in.
func (s *Service) wipe(ctx context.Context) error {
	return errors.Join(
		s.facts.Wipe(ctx, subject.Live, subject.LiveFiller()),
		s.facts.Wipe(ctx, subject.Inbox, subject.InboxFiller()),
	)
}

// remove finishes the erasing of a call, wherever it has come to: the tombstones that are missing, then everything that
// they stand for and this service has written, and what was given up on.
func (s *Service) remove(ctx context.Context, c erasure.Call) error {
	r := ref{c.Tenant, c.ID}
	if _, err := s.close(ctx, r); err != nil {
		return err
	}
	for _, part := range remainsOf(r) {
		if err := s.removePart(ctx, part, c.Aged); err != nil {
			return err
		}
	}
	return erasure.RemoveDead(ctx, s.facts, r.tenant, r.call)
}

// removePart removes what lies below a tombstone, which the view has seen.
func (s *Service) removePart(ctx context.Context, p part, aged bool) error {
	last, ok, err := s.facts.Last(ctx, stream.NewGuard(p.Stream, p.tombstone))
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Internal, "INTERNAL", fault.Param("missing", p.tombstone))
	}
	return erasure.Remove(ctx, s.facts, p.Remains, last.Sequence, aged)
}

// part is what is left of a call below a tombstone.
type part struct {
	erasure.Remains

	tombstone string
}

func remainsOf(r ref) []part {
	own := func(kind string) string { return subject.Call(r.tenant, r.call, kind) }
	live, all := subject.LiveWords(r.tenant, r.call), subject.TranscriptGuard(r.tenant, r.call)
	return []part{
		{erasure.Remains{
			Stream: subject.Calls, Filter: subject.CallOwn(r.tenant, r.call), Keep: tombstone,
			Purge: []string{own(subject.KindOpened), own(subject.KindChanged), own(subject.KindEnded)},
		}, own(subject.KindErased)},
		{erasure.Remains{
			Stream: subject.Transcripts, Filter: all, Keep: tombstone, Purge: []string{all},
		}, subject.PartsErased(r.tenant, r.call)},
		{erasure.Remains{Stream: subject.Live, Filter: live, Keep: sealed, Purge: []string{live}}, live},
	}
}

// tombstone tells whether a message is one, wherever it lies.
func tombstone(m stream.Message) bool {
	_, tenant, rest, ok := subject.Parse(m.Subject)
	return ok && (m.Subject == subject.Call(tenant, rest[0], subject.KindErased) ||
		m.Subject == subject.PartsErased(tenant, rest[0]))
}

func sealed(m stream.Message) bool {
	e := &eventv1.LiveEvent{}
	return proto.Unmarshal(m.Data, e) == nil && e.GetSealed() != nil
}
