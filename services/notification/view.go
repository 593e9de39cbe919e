package notify

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Buckets of the view. Ids hold no control characters, so a zero byte parts them.
const (
	// tenant, 0, sequence -> Notification without its id: every outcome until it is deleted or its call erased.
	outcomeBucket = "outcomes"
	// tenant, 0, account, 0, sequence -> 1 for a failure, else 0: the outcomes of what an account asked for.
	ownBucket = "own"
	// tenant, 0, call, 0, analysis -> sequence of its outcome; the analysis is empty for the call's own.
	aboutBucket = "about"
	// tenant, 0, call -> CallInfo, while the call is in progress.
	callBucket = "calls"
	// tenant, 0, sequence -> nothing: outcomes of calls themselves, which are dropped by age.
	agingBucket = "aging"
	// tenant -> sequence of the last outcome that was dropped by age.
	floorBucket = "floors"
	// tenant, 0, account -> SeenEvent.
	seenBucket = "seen"

	// tenant, 0, sequence -> 1: alerts, which lie among the outcomes.
	alertBucket = "alerts"

	viewFormat = "2"
)

func buckets() []string {
	return []string{outcomeBucket, ownBucket, aboutBucket, callBucket, agingBucket, floorBucket, seenBucket, alertBucket}
}

// key parts ids by zero bytes.
func key(ids ...string) []byte {
	var k []byte
	for i, id := range ids {
		if i > 0 {
			k = append(k, 0)
		}
		k = append(k, id...)
	}
	return k
}

// keyAt is the key of a sequence under ids: keys under the same ids ascend with it.
func keyAt(sequence uint64, ids ...string) []byte {
	return binary.BigEndian.AppendUint64(prefix(ids...), sequence)
}

// prefix is what all keys under ids begin with.
func prefix(ids ...string) []byte { return append(key(ids...), 0) }

// sequenceIn is the sequence at the end of a key or a value.
func sequenceIn(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b[len(b)-8:])
}

// reader looks at the view within one transaction, of one incarnation of the history.
type reader struct {
	tx          *view.Tx
	incarnation string
}

// end is how far the view has come in the history of calls.
func (r reader) end() (uint64, error) {
	mark, _, err := r.tx.Mark(subject.Calls)
	return mark.Sequence, err
}

// outcome returns one outcome of a tenant; nil when there is none.
func (r reader) outcome(tenant string, sequence uint64) (*outcome, error) {
	value := r.tx.Get(outcomeBucket, keyAt(sequence, tenant))
	if value == nil {
		return nil, nil //nolint:nilnil // none is no error: outcomes are deleted
	}
	return r.decode(tenant, sequence, value)
}

func (r reader) decode(tenant string, sequence uint64, value []byte) (*outcome, error) {
	note := &notificationv1.Notification{}
	if err := proto.Unmarshal(value, note); err != nil {
		return nil, fmt.Errorf("notify: view: %w", err)
	}
	note.Id = place{r.incarnation, sequence}.String()
	return newOutcome(tenant, sequence, note), nil
}

// after returns a tenant's outcomes above a sequence, ascending, limited to most.
func (r reader) after(tenant string, sequence uint64, most int) (list []*outcome, err error) {
	for k, value := range r.tx.Scan(outcomeBucket, prefix(tenant), keyAt(sequence+1, tenant)) {
		o, err := r.decode(tenant, sequenceIn(k), value)
		if err != nil {
			return nil, err
		}
		if list = append(list, o); len(list) == most {
			break
		}
	}
	return list, nil
}

// tooOld tells whether resuming behind a sequence would go back too far: something was dropped by age since, or what
// comes next is from before the given time.
func (r reader) tooOld(tenant string, sequence uint64, before time.Time) (bool, error) {
	if sequenceIn(r.tx.Get(floorBucket, []byte(tenant))) > sequence {
		return true, nil
	}
	next, err := r.after(tenant, sequence, 1)
	if err != nil || len(next) == 0 {
		return false, err
	}
	return next[0].note.GetTime().AsTime().Before(before), nil
}

// ownOf is own, and for whom alerts are also these.
func (r reader) ownOf(c identity.Caller, sequence uint64) []own {
	list := r.own(c.Tenant, c.AccountID, sequence)
	if !hearsAlerts(c) {
		return list
	}
	list = append(list, r.alerts(c.Tenant, sequence)...)
	slices.SortFunc(list, func(a, b own) int { return cmp.Compare(a.sequence, b.sequence) })
	return list
}

// newestOwnOf is newestOwn, and for whom alerts are also these.
func (r reader) newestOwnOf(c identity.Caller, most int) []uint64 {
	list := r.newestOwn(c.Tenant, c.AccountID, most)
	if !hearsAlerts(c) {
		return list
	}
	for _, a := range r.alerts(c.Tenant, 0) {
		list = append(list, a.sequence)
	}
	slices.Sort(list)
	return newest(list, most)
}

// own returns what an account asked for and became something, above a sequence, ascending.
func (r reader) own(tenant, account string, sequence uint64) (list []own) {
	for k, value := range r.tx.Scan(ownBucket, prefix(tenant, account), keyAt(sequence+1, tenant, account)) {
		list = append(list, own{sequence: sequenceIn(k), failed: value[0] == 1})
	}
	return list
}

// newestOwn returns the newest of what an account asked for, limited to most, ascending.
func (r reader) newestOwn(tenant, account string, most int) []uint64 {
	list := make([]uint64, most)
	at := most
	for k := range r.tx.ScanBack(ownBucket, prefix(tenant, account), nil) {
		if at == 0 {
			break
		}
		at--
		list[at] = sequenceIn(k)
	}
	return list[at:]
}

// ownAt returns one of an account's own outcomes; ok is false when it is none.
func (r reader) ownAt(tenant, account string, sequence uint64) (o own, ok bool) {
	value := r.tx.Get(ownBucket, keyAt(sequence, tenant, account))
	if value == nil {
		// Only whom alerts are for has one among what is open.
		return own{sequence: sequence, failed: true}, r.isAlert(tenant, sequence)
	}
	return own{sequence: sequence, failed: value[0] == 1}, true
}

// seen returns how far an account has read. What it has seen of another incarnation says nothing about this one, and
// outcomes that are gone count no longer.
func (r reader) seen(tenant, account string) (seen, error) {
	var e eventv1.SeenEvent
	if err := proto.Unmarshal(r.tx.Get(seenBucket, key(tenant, account)), &e); err != nil {
		return seen{}, fmt.Errorf("notify: view: %w", err)
	}
	if e.GetIncarnation() != r.incarnation {
		return seen{}, nil
	}
	s := seen{upTo: e.GetUpTo()}
	for _, sequence := range e.GetOpenFailures() {
		if _, ok := r.ownAt(tenant, account, sequence); ok {
			s.open = append(s.open, sequence)
		}
	}
	for _, sequence := range e.GetAcknowledged() {
		if _, ok := r.ownAt(tenant, account, sequence); ok {
			s.acked = append(s.acked, sequence)
		}
	}
	return s, nil
}
