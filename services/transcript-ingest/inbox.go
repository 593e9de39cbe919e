package ingest

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/proto/subject"
)

const (
	// inboxPending is how many messages of the inbox all replicas may have in hand: at 1 MiB for the largest, 128 MiB.
	inboxPending = 128
	// inboxAck is how long a message in hand is left to a replica that gives no sign of life: so late come the words that
	// a killed one had taken.
	inboxAck = 10 * time.Second
	// An event that cannot be taken through no fault of its own is tried again after inboxPause, doubled each time up to
	// inboxMaxPause. As long as the log is away that goes on; after maxTries other troubles it is given up on.
	inboxPause, inboxMaxPause = 100 * time.Millisecond, 5 * time.Second
	// fillerTime is how long a wipe of the inbox may take: then its fillers are gone, or it was cut short.
	fillerTime  = 30 * time.Second
	maxTries    = 10
	originInbox = "inbox"
)

// parcel is a message of the inbox.
type parcel struct {
	stream.Delivery

	// tenant and source are from the subject, the only thing that a publisher cannot choose: it may publish to its own
	// tenant's alone.
	tenant, source string
	event          cloudEvent // as far as it could be read
}

func parcelOf(d stream.Delivery) parcel {
	_, tenant, rest, ok := subject.Parse(d.Message.Subject)
	if !ok {
		tenant = "" // a subject that our names never make: nobody's
	}
	return parcel{Delivery: d, tenant: tenant, source: strings.Join(rest, ".")}
}

// consume takes in what publishers put into the inbox, until the context is done. A message leaves the inbox once
// what it says is on disk, or once it lies among the dead letters. Killed at any point, it comes again, and what was in
// is recognised. Messages of one call are taken in the order they came in; only what a killed replica had in hand may
// come behind others.
func (s *Service) consume(ctx context.Context) {
	if !s.caughtUp(ctx) {
		return
	}
	lanes := newLanes(s, s.persist)
	cfg := stream.ConsumeConfig{Stream: subject.Inbox, Durable: Name, MaxPending: inboxPending, AckWait: inboxAck}
	err := s.facts.Consume(ctx, cfg, func(_ context.Context, d stream.Delivery) {
		if d.Message.Subject == subject.InboxFiller() {
			lanes.working.Go(func() { s.passOver(ctx, d) })
			return
		}
		s.receive(ctx, lanes, parcelOf(d))
	})
	lanes.wait()
	s.log.DebugContext(ctx, "the inbox is left to others", "reason", err)
}

// caughtUp waits until the views have what is on the log.
func (s *Service) caughtUp(ctx context.Context) bool {
	tick := time.NewTicker(sweepWait)
	defer tick.Stop()
	for s.Ready(ctx) != nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// passOver leaves a filler of a wipe to it: taken out too early, it would leave the file as it was. The empty one, which a
// wipe leaves behind, and one that comes again have had their time.
func (s *Service) passOver(ctx context.Context, d stream.Delivery) {
	if len(d.Message.Data) > 0 && d.NumDelivered == 1 {
		d.Retry(fillerTime)
		return
	}
	s.done(ctx, parcel{Delivery: d})
}

// receive sends one message on its way. It does not wait for anything.
func (s *Service) receive(ctx context.Context, lanes *lanes, p parcel) {
	var a arrival
	var err error
	if p.event, err = eventOf(p.Header, p.Message.Data); err == nil {
		a, err = p.event.arrival(timestamppb.New(p.Message.Time))
	}
	if err == nil && p.tenant == "" {
		err = fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("subject"))
	}
	if err != nil {
		lanes.working.Go(func() { s.giveUp(ctx, p, a.call, err) })
		return
	}
	r := ref{p.tenant, a.call}
	lanes.put(ctx, &errand{by: self(r), ref: r, arrival: a, done: func(got taken) {
		lanes.working.Go(func() { // the next words of the call need not wait for it
			if got.err != nil {
				s.giveUp(ctx, p, a.call, got.err)
				return
			}
			s.done(ctx, p)
		})
	}})
}

// done removes a message from the inbox, also while the replica stops: nobody is to wait for what is done. Should the
// server not hear of it, the message comes again.
func (s *Service) done(ctx context.Context, p parcel) {
	if err := p.Ack(context.WithoutCancel(ctx)); err != nil && ctx.Err() == nil {
		s.log.WarnContext(ctx, "a message of the inbox will come again", "sequence", p.Message.Sequence, "error", err)
	}
}

// giveUp gives up on a message: it lies among the dead letters, its publisher is told if it listens, and it is gone from
// the inbox. A replica that stops gives it back instead.
func (s *Service) giveUp(ctx context.Context, p parcel, call string, cause error) {
	for tries := 1; ctx.Err() == nil; tries++ {
		err := s.bury(ctx, p, call, cause)
		if err == nil {
			s.log.InfoContext(ctx, "an event of the inbox was refused",
				"tenant", p.tenant, "source", p.source, "call", call, "error", cause)
			s.tellRefusal(ctx, p, cause)
			s.done(ctx, p)
			return
		}
		if !s.persist(ctx, 1, err) {
			break
		}
	}
	p.Retry(0)
}

// persist tells whether something is to be tried again, and waits until then.
func (s *Service) persist(ctx context.Context, tries int, err error) bool {
	kind := fault.KindOf(err)
	ours := kind == fault.Unavailable || kind == fault.DeadlineExceeded || kind == fault.TooMany
	if refused(err) || !ours && tries >= maxTries {
		return false
	}
	if tries == 1 {
		s.log.WarnContext(ctx, "what came into the inbox cannot be taken now and is tried again", "error", err)
	}
	pause := time.NewTimer(min(inboxPause<<min(tries-1, 10), inboxMaxPause))
	defer pause.Stop()
	select {
	case <-pause.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// refusalJSON is what publishers are told about an event that was refused.
type refusalJSON struct {
	ID     string            `json:"id"`
	Source string            `json:"source"`
	Code   string            `json:"code"`
	Field  string            `json:"field"`
	Params map[string]string `json:"params,omitempty"`
	Time   string            `json:"time"`
}

// tellRefusal tells whoever of the publishers listens. It is no promise: what was refused lies among the dead letters.
func (s *Service) tellRefusal(ctx context.Context, p parcel, cause error) {
	f, _ := fault.As(cause)
	data, err := json.Marshal(refusalJSON{
		ID: p.event.id, Source: p.event.source, Code: f.Code, Field: f.Field, Params: f.Params,
		Time: time.Now().UTC().Format(time.RFC3339Nano),
	})
	if err == nil {
		err = s.facts.Hint(ctx, subject.Refused(p.tenant, p.source), data)
	}
	if err != nil {
		s.log.WarnContext(ctx, "a publisher could not be told of a refusal", "tenant", p.tenant, "error", err)
	}
}
