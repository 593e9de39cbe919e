package access

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
)

const (
	// sweepEvery is how often what has outlived its time or its account is ended.
	sweepEvery = time.Hour
	// endTime bounds ending what an account had, in a request that changed it.
	endTime = 20 * time.Second
	// readyPoll is how often it is asked whether the view has caught up.
	readyPoll = 50 * time.Millisecond
)

// sweepForever ends what is left over, now and every hour. Every replica does it: whoever comes second finds nothing
// to do.
func (s *Service) sweepForever(ctx context.Context) {
	for s.caughtUp(ctx) == nil {
		if err := s.sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "logins and tokens could not be swept; they let nobody in", "error", err)
		}
		if pause(ctx, sweepEvery) != nil {
			return
		}
	}
}

// caughtUp waits until the view holds what was on the log when following began; its error is the context's.
func (s *Service) caughtUp(ctx context.Context) error {
	for s.follower.Ready(ctx) != nil {
		if err := pause(ctx, readyPoll); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// sweep writes the end of logins whose time is over, and of logins and tokens whose account is gone. The first is what
// keeps views equal: the server forgets a login by the clock, a view only by an event.
func (s *Service) sweep(ctx context.Context) error {
	now := time.Now()
	left, err := s.collect("", func(tx *view.Tx, c credential) bool {
		return c.over(now) || tx.Get(accountBucket, key(c.tenant, c.account)) == nil
	})
	for _, c := range left {
		if !c.over(now) {
			gone, err := s.accountGone(ctx, c)
			if err != nil {
				return err
			}
			if !gone {
				continue
			}
		}
		if err := s.end(ctx, c); err != nil {
			return err
		}
	}
	return err
}

// accountGone asks the leader for the tombstone of a credential's account. The view alone must not decide: while it is
// made anew it may have a token and not yet its account, whose newest event lies further behind.
func (s *Service) accountGone(ctx context.Context, c credential) (bool, error) {
	g := stream.NewGuard(subject.Access, subject.Account(c.tenant, c.account))
	m, ok, err := s.facts.Last(ctx, g)
	if err != nil || !ok {
		return false, err
	}
	var event eventv1.AccessEvent
	if err := proto.Unmarshal(m.Data, &event); err != nil {
		return false, err
	}
	return event.GetAccountDeleted() != nil, nil
}

// endAll ends the logins of an account, and its tokens too when it is gone. What fails is left to the sweep, or, after
// a change of password, to the login's own end; the log says so.
func (s *Service) endAll(ctx context.Context, a Account, gone bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime) // whoever asked may have hung up
	defer cancel()
	behind := s.upTo(ctx, subject.NounLogin) // one may have been started on another replica just now
	left, err := s.collect(a.Tenant, func(_ *view.Tx, c credential) bool {
		return c.account == a.ID && (gone || c.noun == subject.NounLogin)
	})
	err = errors.Join(behind, err)
	for _, c := range left {
		err = errors.Join(err, s.end(ctx, c))
	}
	if err != nil {
		s.log.WarnContext(ctx, "an account's logins could not all be ended at once", "account", a.ID, "error", err)
	}
}

// collect gathers the tokens and logins of a tenant, of all tenants when it is empty, that a rule names.
func (s *Service) collect(tenant string, named func(*view.Tx, credential) bool) (out []credential, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		take := func(c credential) {
			if named(tx, c) {
				out = append(out, c)
			}
		}
		if err := eachLogin(tx, tenant, take); err != nil {
			return err
		}
		return eachToken(tx, tenant, func(of string, t Token) { take(t.credential(of)) })
	})
	return out, err
}

// end writes the end of a token or a login that the view has.
func (s *Service) end(ctx context.Context, c credential) error {
	ended := credentialEnded(c)
	_, err := s.commit(ctx, ended.guard(), nil, func(tx *view.Tx) (*fact, error) {
		if tx.Get(bucketOf(c.noun), key(c.tenant, c.id)) == nil {
			return nil, nil //nolint:nilnil // nothing to write and nothing wrong: it has ended
		}
		return ended, nil
	})
	return err
}
