package keys_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/ids"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

func TestAlertsAreNamedByWhatTheyTell(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ends := func(after time.Duration) *eventv1.KeySaved {
		return &eventv1.KeySaved{Id: "k", Model: "m", ShutdownDate: timestamppb.New(now.Add(after))}
	}
	refused := func(field, reason string, status int32) *eventv1.KeySaved {
		return &eventv1.KeySaved{Refused: &eventv1.KeyRefusal{At: timestamppb.New(now), Field: field, Reason: reason, Status: status}}
	}
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		key  *eventv1.KeySaved
		want string
	}{
		"nothing":           {&eventv1.KeySaved{}, ""},
		"more than 90 days": {ends(90*day + time.Second), ""},
		"90 days":           {ends(90 * day), "model_shutdown-90-2027-02-19"},
		"31 days":           {ends(31 * day), "model_shutdown-90-2026-12-22"},
		"30 days":           {ends(30 * day), "model_shutdown-30-2026-12-21"},
		"7 days":            {ends(7 * day), "model_shutdown-7-2026-11-28"},
		"an hour":           {ends(time.Hour), "model_shutdown-7-2026-11-21"},
		"over":              {ends(0), ""},
		"a wrong key":       {refused("secret", "", 401), "key_revoked-1795262400"},
		"no credit":         {refused("secret", "credit", 403), "key_out_of_credit-1795262400"},
		"another model":     {refused("model", "model", 404), "key_refused-1795262400"},
	} {
		if got := strings.Join(keys.Alerts(c.key, now), ","); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Three replicas and twenty keys, for ten days.
func TestEachKeyIsAskedAboutOnceADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		verified, asked, leases := map[string]time.Time{}, map[string][]time.Time{}, map[string]time.Time{}
		for n := range 20 {
			verified[fmt.Sprint("key-", n)] = time.Now()
		}
		all := func() (list []*eventv1.KeySaved) {
			mu.Lock()
			defer mu.Unlock()
			for id, at := range verified {
				list = append(list, &eventv1.KeySaved{Id: id, VerifiedAt: timestamppb.New(at)})
			}
			return list
		}
		take := func(id string) bool {
			mu.Lock()
			defer mu.Unlock()
			if time.Now().Before(leases[id]) {
				return false
			}
			leases[id] = time.Now().Add(10 * time.Minute)
			return true
		}
		check := func(id string) {
			time.Sleep(20 * time.Second)
			mu.Lock()
			defer mu.Unlock()
			asked[id] = append(asked[id], time.Now())
			if id != "key-7" { // its provider cannot be reached
				verified[id] = time.Now()
			}
		}
		for range 3 {
			defer keys.DailyChecks(t.Context(), all, take, check)()
		}
		time.Sleep(10*24*time.Hour - time.Minute)
		mu.Lock()
		defer mu.Unlock()
		minutes := map[int]bool{}
		for id, times := range asked {
			if n := len(times); id != "key-7" && n != 9 {
				t.Errorf("%s was asked about %d times in 10 days", id, n)
			}
			if n := len(times); id == "key-7" && (n < 9*24*4 || n > 9*24*6) {
				t.Errorf("one whose provider is away was asked about %d times", n)
			}
			minutes[times[0].Minute()] = true
		}
		if len(asked) != 20 || len(minutes) < 8 {
			t.Errorf("%d keys were asked about, within %d different minutes", len(asked), len(minutes))
		}
	})
}

// rewrite writes a key anew as change makes it.
func (b *bench) rewrite(id string, change func(*eventv1.KeySaved)) {
	b.t.Helper()
	k := b.stored("a", id)
	change(k)
	data, err := proto.Marshal(&eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: k}})
	if err != nil {
		b.t.Fatal(err)
	}
	g := stream.NewGuard(subject.Keys, subject.KeyGuard("a"))
	if _, err := b.log.Commit(b.t.Context(), g, ids.New("event"), func(context.Context, uint64) (*stream.Event, error) {
		return &stream.Event{Subject: subject.Key("a", id), Data: data}, nil
	}); err != nil {
		b.t.Fatal(err)
	}
}

// told are the alerts on the log, as their types.
func (b *bench) told() (types []string) {
	b.t.Helper()
	g := stream.NewGuard(subject.Calls, subject.All(subject.NounAlert))
	for after := uint64(0); ; {
		m, ok, err := b.log.After(b.t.Context(), g, after)
		if err != nil {
			b.t.Fatal(err)
		}
		if !ok {
			return types
		}
		var event eventv1.AlertEvent
		if err := proto.Unmarshal(m.Data, &event); err != nil || event.GetKeyName() != "Main" {
			b.t.Fatalf("%v, %v", &event, err)
		}
		types, after = append(types, event.GetType()), m.Sequence
	}
}

func yesterday(k *eventv1.KeySaved) {
	k.VerifiedAt, k.CheckedAt = timestamppb.New(time.Now().Add(-26*time.Hour)), nil
}

// A key is revoked at the provider: the next day's question finds it, and administrators are told once, by whichever of
// two replicas and however often they start anew. When it works again that is found out, too.
func TestAKeyThatTheProviderRefusesIsToldOfOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.one()
	k := create(t, first, draft("Main"))
	if err := first.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	before := len(b.asked())
	b.close(401)
	b.rewrite(k.GetId(), yesterday)
	b.one()
	b.one()
	eventually(t, "the alert", func() bool { return len(b.told()) > 0 })
	b.one()
	eventually(t, "the record", func() bool { return slices.Contains(b.actions(), "key.verified") })
	if got := b.told(); !slices.Equal(got, []string{"key_revoked"}) {
		t.Errorf("told is %q", got)
	}
	if n := len(b.asked()) - before; n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
	now := b.stored("a", k.GetId())
	if r := now.GetRefused(); r.GetField() != "secret" || r.GetStatus() != 401 || r.GetMessage() != "No more." || now.GetRevision() != 1 {
		t.Errorf("stored is %v", now)
	}
	b.close(0)
	lease := subject.Lease("check-a-" + k.GetId())
	if m, ok, err := b.log.Last(t.Context(), stream.NewGuard(subject.Leases, lease)); err != nil || !ok {
		t.Fatalf("there is no lease: %v", err)
	} else if err := b.log.Purge(t.Context(), subject.Leases, lease, m.Sequence+1); err != nil {
		t.Fatal(err)
	}
	b.rewrite(k.GetId(), func(k *eventv1.KeySaved) {
		yesterday(k)
		k.Refused.At = k.GetVerifiedAt()
	})
	b.one()
	eventually(t, "the key to be accepted again", func() bool { return b.stored("a", k.GetId()).GetRefused() == nil })
}

func TestTheEndOfAModelAndOfCreditAreToldOf(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first := b.one()
	k := create(t, first, draft("Main"))
	if err := first.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	b.rewrite(k.GetId(), func(k *eventv1.KeySaved) {
		k.ShutdownDate = timestamppb.New(time.Now().Add(20 * 24 * time.Hour))
		k.Refused = &eventv1.KeyRefusal{At: timestamppb.Now(), Field: "secret", Reason: "credit"}
	})
	b.one()
	b.one()
	eventually(t, "both alerts", func() bool { return len(b.told()) == 2 })
	b.one()
	if got := b.told(); !slices.Equal(got, []string{"key_out_of_credit", "model_shutdown"}) {
		t.Errorf("told is %q", got)
	}
}

// A worker meets a key without credit: the provider is asked at once, and administrators are told, once however often it
// is met.
func TestAKeyThatMakesTroubleIsCheckedAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	here, there := b.one(), b.one()
	k := create(t, here, draft("Main"))
	before := len(b.asked())
	b.close(429)
	if err := there.Follower().Newest(t.Context(), stream.NewGuard(subject.Keys, subject.KeyGuard("a"))); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, s := range []*keys.Service{here, there} {
			if _, err := s.RecheckKey(service(t, "a", worker), &keyv1.RecheckKeyRequest{Id: k.GetId()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "the alert", func() bool { return slices.Equal(b.told(), []string{"key_out_of_credit"}) })
	if n := len(b.asked()) - before; n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
	if _, err := here.RecheckKey(admin(t), &keyv1.RecheckKeyRequest{Id: k.GetId()}); !fault.Is(err, "FORBIDDEN") {
		t.Errorf("an administrator: %v", err)
	}
	if _, err := here.RecheckKey(service(t, "b", worker), &keyv1.RecheckKeyRequest{Id: k.GetId()}); !fault.Is(err, "NOT_FOUND") {
		t.Errorf("of another tenant: %v", err)
	}
}
