package notify

import (
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
)

// Types of outcomes, as they are told to screens.
const (
	typeCompleted  = "analysis.completed"
	typeFailed     = "analysis.failed"
	typeCancelled  = "analysis.cancelled"
	typeCallEnded  = "call.ended"
	typeCallErased = "call.erased"
)

// resumable is how far back a stream may be resumed. Outcomes of calls themselves are dropped when they are older;
// those of analyses stay, for accounts that have not seen them.
const resumable = 7 * 24 * time.Hour

// change is what one event does to the view.
type change struct {
	tx           *view.Tx
	tenant, call string
	sequence     uint64
	at           time.Time
}

// learn keeps what is known of a call in progress: the event of its end does not name it.
func (c change) learn(info *eventv1.CallInfo) error {
	return put(c.tx, callBucket, key(c.tenant, c.call), &eventv1.CallInfo{
		Label: info.GetLabel(), StartedAt: info.GetStartedAt(),
		AgentAccountId: info.GetAgentAccountId(), AgentName: info.GetAgentName(),
	})
}

func (c change) end() error {
	var info eventv1.CallInfo
	if err := proto.Unmarshal(c.tx.Get(callBucket, key(c.tenant, c.call)), &info); err != nil {
		return err
	}
	if err := c.tx.Delete(callBucket, key(c.tenant, c.call)); err != nil {
		return err
	}
	return c.addAging(&notificationv1.Notification{
		Type: typeCallEnded, CallLabel: info.GetLabel(), CallStartedAt: info.GetStartedAt(),
		AgentAccountId: info.GetAgentAccountId(), AgentName: info.GetAgentName(),
	})
}

// erase drops everything that is known of a call; what is left to tell is that it was erased.
func (c change) erase() error {
	var about []string
	under := prefix(c.tenant, c.call)
	for k := range c.tx.Scan(aboutBucket, under, nil) {
		about = append(about, string(k[len(under):]))
	}
	for _, analysis := range about {
		if err := c.drop(analysis); err != nil {
			return err
		}
	}
	if err := c.tx.Delete(callBucket, key(c.tenant, c.call)); err != nil {
		return err
	}
	return c.addAging(&notificationv1.Notification{Type: typeCallErased})
}

// forget has the view's file wiped of what was dropped, unless its age alone was the reason.
func (c change) forget(asked bool) error {
	if !asked {
		return nil
	}
	return c.tx.Forget()
}

// finish adds what became of an analysis. One that ran while its call was erased is cancelled behind that: its event
// still holds what was known of the call, and must not bring it back.
func (c change) finish(o *eventv1.Outcome, n *notificationv1.Notification) error {
	n.AnalysisId, n.PromptId, n.PromptName = o.GetAnalysisId(), o.GetPromptId(), o.GetPromptName()
	n.RequestedById, n.RequestedByName = o.GetRequestedBy().GetAccountId(), o.GetRequestedBy().GetName()
	erased, err := c.erased()
	if err != nil {
		return err
	}
	if !erased {
		n.CallLabel, n.CallStartedAt = o.GetCallLabel(), o.GetCallStartedAt()
		n.AgentAccountId, n.AgentName = o.GetAgentAccountId(), o.GetAgentName()
	}
	if n.GetRequestedById() != "" {
		failed := byte(0)
		if n.GetType() == typeFailed {
			failed = 1
		}
		if err := c.tx.Put(ownBucket, keyAt(c.sequence, c.tenant, n.GetRequestedById()), []byte{failed}); err != nil {
			return err
		}
	}
	return c.add(n)
}

func (c change) erased() (bool, error) {
	n, _, err := c.about("")
	return n.GetType() == typeCallErased, err
}

// about returns the outcome of one of the call's analyses, or of the call itself, and where it lies; nil when there
// is none.
func (c change) about(analysis string) (*notificationv1.Notification, uint64, error) {
	value := c.tx.Get(aboutBucket, key(c.tenant, c.call, analysis))
	if value == nil {
		return nil, 0, nil
	}
	sequence := sequenceIn(value)
	n := &notificationv1.Notification{}
	return n, sequence, proto.Unmarshal(c.tx.Get(outcomeBucket, keyAt(sequence, c.tenant)), n)
}

func (c change) add(n *notificationv1.Notification) error {
	n.Time, n.CallId = timestamppb.New(c.at), c.call
	at := binary.BigEndian.AppendUint64(nil, c.sequence)
	if err := c.tx.Put(aboutBucket, key(c.tenant, c.call, n.GetAnalysisId()), at); err != nil {
		return err
	}
	return put(c.tx, outcomeBucket, keyAt(c.sequence, c.tenant), n)
}

// addAging adds an outcome of the call itself, and drops those of the tenant that nobody can resume from any more.
func (c change) addAging(n *notificationv1.Notification) error {
	when := binary.BigEndian.AppendUint64(nil, uint64(c.at.UnixNano()))
	if err := c.tx.Put(agingBucket, keyAt(c.sequence, c.tenant), when); err != nil {
		return err
	}
	if err := c.add(n); err != nil {
		return err
	}
	return c.dropAged(c.at.Add(-resumable))
}

func (c change) dropAged(before time.Time) error {
	var aged []uint64
	for k, when := range c.tx.Scan(agingBucket, prefix(c.tenant), nil) {
		if int64(sequenceIn(when)) >= before.UnixNano() {
			break
		}
		aged = append(aged, sequenceIn(k))
	}
	for _, sequence := range aged {
		var n notificationv1.Notification
		if err := proto.Unmarshal(c.tx.Get(outcomeBucket, keyAt(sequence, c.tenant)), &n); err != nil {
			return err
		}
		other := change{tx: c.tx, tenant: c.tenant, call: n.GetCallId()}
		if err := other.drop(""); err != nil {
			return err
		}
		floor := binary.BigEndian.AppendUint64(nil, sequence)
		if err := c.tx.Put(floorBucket, []byte(c.tenant), floor); err != nil {
			return err
		}
	}
	return nil
}

// drop removes the outcome of one of the call's analyses, or with "" of the call itself.
func (c change) drop(analysis string) error {
	n, sequence, err := c.about(analysis)
	if err != nil || n == nil {
		return err
	}
	for _, entry := range []struct {
		bucket string
		key    []byte
	}{
		{outcomeBucket, keyAt(sequence, c.tenant)},
		{ownBucket, keyAt(sequence, c.tenant, n.GetRequestedById())},
		{agingBucket, keyAt(sequence, c.tenant)},
		{aboutBucket, key(c.tenant, c.call, analysis)},
	} {
		if err := c.tx.Delete(entry.bucket, entry.key); err != nil {
			return err
		}
	}
	return nil
}
