package ingest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	// retentionSetting is the setting's name.
	retentionSetting = "retention"
	// maxDays is how long calls may be kept, in days; 0 keeps them for ever.
	maxDays = 36_500
	// retainEvery is how often a replica looks for calls that have grown too old, and retainAtOnce how many of a tenant it
	// erases then. Where there were more, it goes on after retainSoon.
	retainEvery  = time.Hour
	retainSoon   = 10 * time.Second
	retainAtOnce = 200
)

// GetRetention returns how long the tenant keeps finished calls; see the contract.
func (s *Service) GetRetention(
	ctx context.Context, _ *transcriptv1.GetRetentionRequest,
) (*transcriptv1.GetRetentionResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.follower.Newest(ctx, retentionGuard(caller.Tenant)); err != nil {
		return nil, err
	}
	var now *eventv1.RetentionSetting
	err = s.follower.Read(func(tx *view.Tx) error { now, err = readRetention(tx, caller.Tenant); return err })
	return &transcriptv1.GetRetentionResponse{
		Retention: &transcriptv1.Retention{Revision: now.GetRevision(), Days: now.GetDays()},
	}, err
}

// UpdateRetention changes it; see the contract.
func (s *Service) UpdateRetention(
	ctx context.Context, req *transcriptv1.UpdateRetentionRequest,
) (*transcriptv1.UpdateRetentionResponse, error) {
	caller, err := identity.RequireAdmin(ctx)
	if err != nil {
		return nil, err
	}
	if req.GetDays() > maxDays {
		return nil, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("days"), fault.Param("max", fmt.Sprint(maxDays)))
	}
	next := &eventv1.RetentionSetting{Revision: req.GetRevision() + 1, Days: req.GetDays()}
	_, err = s.commit(ctx, retentionGuard(caller.Tenant), func(tx *view.Tx) (*stream.Event, error) {
		now, err := readRetention(tx, caller.Tenant)
		if err != nil {
			return nil, err
		}
		if now.GetRevision() != req.GetRevision() {
			return nil, fault.New(fault.Conflict, "REVISION_STALE", fault.Field("revision"),
				fault.Param("revision", fmt.Sprint(now.GetRevision())))
		}
		return encode(subject.Setting(caller.Tenant, retentionSetting), &eventv1.SettingEvent{
			Meta: meta(caller), Kind: &eventv1.SettingEvent_Retention{Retention: next},
		})
	})
	if err != nil {
		return nil, fault.Op("ingest.retention", err)
	}
	return &transcriptv1.UpdateRetentionResponse{
		Retention: &transcriptv1.Retention{Revision: next.GetRevision(), Days: next.GetDays()},
	}, nil
}

func retentionGuard(tenant string) stream.Guard {
	return stream.NewGuard(subject.Settings, subject.Setting(tenant, retentionSetting))
}

// readRetention is a tenant's setting as it was set last, empty when it never was.
func readRetention(tx *view.Tx, tenant string) (*eventv1.RetentionSetting, error) {
	return retentionIn(tx.Get(settingBucket, settingKey(tenant, retentionSetting)))
}

func retentionIn(value []byte) (*eventv1.RetentionSetting, error) {
	var event eventv1.SettingEvent
	if err := proto.Unmarshal(value, &event); err != nil {
		return nil, fmt.Errorf("ingest: view: %s: %w", settingBucket, err)
	}
	if event.GetRetention() == nil {
		return &eventv1.RetentionSetting{}, nil
	}
	return event.GetRetention(), nil
}

// keeps tells whether a call is still to be kept: it has not ended, or not so long ago. What counts is when the system was
// told of the end: a publisher's clock that is wrong must not erase anything, nor a file that is imported years later.
func keeps(rec record, days uint32, now time.Time) bool {
	return !rec.ended() || now.Sub(rec.Closed) <= time.Duration(days)*24*time.Hour
}

// outlived are calls of tenants that have grown too old, the oldest first, at most 200 a tenant; more tells whether there
// are others.
func outlived(tx *view.Tx, now time.Time) (calls []ref, more bool, err error) {
	for k, value := range tx.Scan(settingBucket, nil, nil) {
		tenant, name, _ := strings.Cut(string(k), "\x00")
		if name != retentionSetting {
			continue
		}
		set, err := retentionIn(value)
		if err != nil {
			return nil, false, err
		}
		if set.GetDays() == 0 {
			continue
		}
		found, rest, err := outlivedOf(tx, tenant, set.GetDays(), now)
		if err != nil {
			return nil, false, err
		}
		calls, more = append(calls, found...), more || rest
	}
	return calls, more, nil
}

func outlivedOf(tx *view.Tx, tenant string, days uint32, now time.Time) (calls []ref, more bool, err error) {
	prefix := []byte(tenant + "\x00")
	for k := range tx.ScanBack(indexBucket, prefix, nil) {
		r := ref{tenant, string(k[len(prefix)+indexStart:])}
		rec, err := readRecord(tx, r)
		if err != nil {
			return nil, false, err
		}
		if now.Sub(rec.Started) <= time.Duration(days)*24*time.Hour {
			break // it began later than any that is too old has ended
		}
		if keeps(rec, days, now) {
			continue
		}
		if len(calls) == retainAtOnce {
			return calls, true, nil
		}
		calls = append(calls, r)
	}
	return calls, false, nil
}

// retain erases what has grown too old, every hour, until the context ends.
func (s *Service) retain(ctx context.Context) {
	timer := time.NewTimer(retainSoon)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		next := retainEvery
		if s.follower.Ready(ctx) != nil || s.retainOnce(ctx, time.Now()) {
			next = retainSoon
		}
		timer.Reset(next)
	}
}

// retainOnce erases what is too old at a time, and tells whether something is left to be done. The tombstones are those
// of any erase, and the sweeper removes what they stand for.
func (s *Service) retainOnce(ctx context.Context, now time.Time) (more bool) {
	var calls []ref
	err := s.follower.Read(func(tx *view.Tx) (err error) { calls, more, err = outlived(tx, now); return err })
	if err != nil {
		s.log.ErrorContext(ctx, "calls that are too old cannot be looked for", "error", err)
	}
	for _, r := range calls {
		if _, err := s.erase(ctx, self(r), r); err != nil {
			if ctx.Err() != nil {
				return false
			}
			s.log.WarnContext(ctx, "a call that is too old could not be erased and is tried again",
				"tenant", r.tenant, "call", r.call, "error", err)
			more = true
		}
	}
	return more
}
