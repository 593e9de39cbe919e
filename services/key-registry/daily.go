package keys

import (
	"context"
	"hash/fnv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	// checkEvery is how long the provider's word on a key is good for.
	checkEvery = 24 * time.Hour
	// checkSpread is over how long the checks of many keys that were saved at once are spread.
	checkSpread = time.Hour
	// checkLease is how long nobody else checks a key of which somebody has begun to; so long, too, one is left alone whose
	// provider could not be reached.
	checkLease = 10 * time.Minute
)

// checkDue tells whether the provider is to be asked whether it still accepts a key: a day after it last said so, or said
// no, and a little later that is another for each key. One that was never asked about is due.
func checkDue(k *eventv1.KeySaved, now time.Time) bool {
	last := time.Time{}
	for _, at := range []*timestamppb.Timestamp{k.GetVerifiedAt(), k.GetCheckedAt(), k.GetRefused().GetAt()} {
		if at != nil && at.AsTime().After(last) {
			last = at.AsTime()
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(k.GetId()))
	spread := time.Duration(h.Sum32()%uint32(checkSpread/time.Second)) * time.Second
	return now.Sub(last) >= checkEvery+spread
}

// checks asks every day about every key. It only decides who is asked about and when.
type checks struct {
	keys func() ([]owned, error)
	// take gets the lease on a key; false when another has it.
	take  func(context.Context, owned) bool
	check func(context.Context, owned) error
	fail  func(context.Context, owned, error)
}

// round asks about the keys that are due, one after the other.
func (c checks) round(ctx context.Context) {
	all, err := c.keys()
	if err != nil {
		c.fail(ctx, owned{}, err)
		return
	}
	for _, o := range all {
		if ctx.Err() != nil {
			return
		}
		if !checkDue(o.key, time.Now()) || !c.take(ctx, o) {
			continue
		}
		if err := c.check(ctx, o); err != nil && ctx.Err() == nil {
			c.fail(ctx, o, err)
		}
	}
}

func (s *Service) checks() checks {
	return checks{
		keys: func() (all []owned, err error) {
			err = s.follower.Read(func(tx *view.Tx) (err error) { all, err = readAll(tx); return err })
			return all, err
		},
		take: s.takeCheck, check: s.check,
		fail: func(ctx context.Context, o owned, err error) {
			s.log.WarnContext(ctx, "a key could not be checked and is tried again later",
				"tenant", o.tenant, "key", o.key.GetId(), "error", err)
		},
	}
}

// check asks about a key, if that is still due once the lease is there: another may just have done it. That it was refused
// is written down, and no error; nor is it one that somebody changed or deleted it meanwhile.
func (s *Service) check(ctx context.Context, o owned) error {
	k, err := s.newest(ctx, o.tenant, o.key.GetId())
	if err == nil && checkDue(k, time.Now()) {
		err = s.checkNow(ctx, o.tenant, k.GetId())
	}
	return harmless(err)
}

func harmless(err error) error {
	for _, code := range []string{"KEY_REFUSED", "NOT_FOUND", "REVISION_STALE"} {
		if fault.Is(err, code) {
			return nil
		}
	}
	return err
}

// checkNow asks, and tells at once of what administrators have to see to.
func (s *Service) checkNow(ctx context.Context, tenant, id string) error {
	k, _, err := s.reverify(ctx, identity.Caller{Tenant: tenant, Service: Name}, id)
	if k == nil {
		return err
	}
	for _, a := range alertsOf(k, time.Now()) {
		if err := s.raise(ctx, owned{tenant, k}, a); err != nil {
			s.log.WarnContext(ctx, "an alert could not be told and is tried again", "tenant", tenant, "key", id, "error", err)
		}
	}
	return err
}

// RecheckKey has a key checked soon; see the contract. Nobody waits for it: the provider may take its time.
func (s *Service) RecheckKey(ctx context.Context, req *keyv1.RecheckKeyRequest) (*keyv1.RecheckKeyResponse, error) {
	caller, err := identity.RequireService(ctx, worker)
	if err != nil {
		return nil, err
	}
	k, err := s.get(caller.Tenant, req.GetId())
	if err != nil {
		return nil, err
	}
	select {
	case s.recheck <- owned{caller.Tenant, k}:
	default: // so many wait that the daily check has to do
	}
	return &keyv1.RecheckKeyResponse{}, nil
}

// maxRecheck is how many keys may wait to be checked soon.
const maxRecheck = 64

// recheckAll checks the keys that somebody has had trouble with, until the replica stops.
func (s *Service) recheckAll(ctx context.Context) {
	for {
		select {
		case o := <-s.recheck:
			if !s.takeCheck(ctx, o) {
				continue
			}
			if err := harmless(s.checkNow(ctx, o.tenant, o.key.GetId())); err != nil && ctx.Err() == nil {
				s.log.WarnContext(ctx, "a key could not be checked", "tenant", o.tenant, "key", o.key.GetId(), "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
