package notify

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// maxRecent is how many of an account's outcomes are listed, seen or not, when not only unseen ones are asked for.
const maxRecent = 200

// ListNotifications returns what the caller's account has not seen of what it asked for: whatever its age, since the
// list begins where the account does, with the first thing it asked for. At most the newest 200 failures, which stay
// until acknowledged, and the newest 1000 others. With unseen unset it returns the newest 200, seen or not. The oldest
// is first. as_of is the place the list was made at: a stream that begins behind it misses nothing.
func (s *Service) ListNotifications(
	ctx context.Context, req *notificationv1.ListNotificationsRequest,
) (*notificationv1.ListNotificationsResponse, error) {
	out, _, err := s.list(ctx, req)
	return out, err
}

func (s *Service) list(
	ctx context.Context, req *notificationv1.ListNotificationsRequest,
) (*notificationv1.ListNotificationsResponse, stream.Position, error) {
	c, err := account(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := s.follower.WaitPosition(ctx, req.GetMinPosition()); err != nil {
		return nil, nil, err
	}
	position := s.follower.Position()
	out := &notificationv1.ListNotificationsResponse{}
	err = s.read(func(r reader) error {
		end, err := r.end()
		if err != nil {
			return err
		}
		out.AsOf = place{r.incarnation, end}.String()
		out.Notifications, err = listed(r, c, req.GetUnseen())
		return err
	})
	return out, position, err
}

func listed(r reader, c identity.Caller, unseen bool) (notes []*notificationv1.Notification, err error) {
	sequences := r.newestOwnOf(c, maxRecent)
	if unseen {
		now, err := r.seen(c.Tenant, c.AccountID)
		if err != nil {
			return nil, err
		}
		sequences = now.unseen(r.ownOf(c, now.upTo))
	}
	for _, sequence := range sequences {
		o, err := r.outcome(c.Tenant, sequence)
		if err != nil {
			return nil, err
		}
		notes = append(notes, o.note)
	}
	return notes, nil
}

// MarkSeen moves the caller's position forward, never back: completions and cancellations at or below it are seen,
// failures stay until acknowledged. FIELD_INVALID for what is no id, or of another incarnation than the history has.
func (s *Service) MarkSeen(
	ctx context.Context, req *notificationv1.MarkSeenRequest,
) (*notificationv1.MarkSeenResponse, error) {
	_, err := s.markSeen(ctx, req.GetUpTo())
	return &notificationv1.MarkSeenResponse{}, fault.Op("notify.markSeen", err)
}

func (s *Service) markSeen(ctx context.Context, upTo string) (stream.Position, error) {
	c, err := account(ctx)
	if err != nil {
		return nil, err
	}
	p, err := placeOf("upTo", upTo, s.incarnation())
	if err != nil {
		return nil, err
	}
	// Below the position must be known which failures lie there, and beyond the end nothing can have been seen.
	there, err := s.reached(ctx, p.sequence)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("upTo"),
			fault.Param("reason", "beyond_end"))
	}
	return s.commit(ctx, c, func(_ reader, now seen, above []own) (seen, bool, error) {
		next, moved := now.mark(p.sequence, above)
		return next, moved, nil
	})
}

// Acknowledge marks one outcome as seen in every tab of the caller's account: a failure, or a completion before its
// turn. One that somebody else asked for needs no acknowledging, and it is no error; NOT_FOUND for one that is another
// tenant's, is deleted or never was.
func (s *Service) Acknowledge(
	ctx context.Context, req *notificationv1.AcknowledgeRequest,
) (*notificationv1.AcknowledgeResponse, error) {
	_, err := s.acknowledge(ctx, req.GetId())
	return &notificationv1.AcknowledgeResponse{}, fault.Op("notify.acknowledge", err)
}

func (s *Service) acknowledge(ctx context.Context, id string) (stream.Position, error) {
	c, err := account(ctx)
	if err != nil {
		return nil, err
	}
	p, ok := parsePlace(id)
	if ok = ok && p.incarnation == s.incarnation(); ok {
		if ok, err = s.reached(ctx, p.sequence); err != nil {
			return nil, err
		}
	}
	unknown := fault.New(fault.NotFound, "NOT_FOUND", fault.Param("notification", id))
	if !ok {
		return nil, unknown
	}
	return s.commit(ctx, c, func(r reader, now seen, above []own) (seen, bool, error) {
		if r.isAlert(c.Tenant, p.sequence) && !hearsAlerts(c) {
			return now, false, unknown
		}
		if o, mine := r.ownAt(c.Tenant, c.AccountID, p.sequence); mine {
			next, moved := now.acknowledge(o, above)
			return next, moved, nil
		}
		o, err := r.outcome(c.Tenant, p.sequence)
		if err == nil && o == nil {
			err = unknown
		}
		return now, false, err
	})
}

// account returns who is calling, who must be an account: a service has nothing of its own to see.
func account(ctx context.Context) (identity.Caller, error) {
	c, err := identity.From(ctx)
	if err != nil {
		return c, err
	}
	if c.IsService() {
		return c, fault.New(fault.Forbidden, "FORBIDDEN")
	}
	return c, nil
}
