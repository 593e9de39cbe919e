package ingest

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	// streamRoom is how much of one stream may be unacknowledged, in bytes; beyond it nothing is read, and the transport
	// holds the publisher back. A message takes its own size and messageCost, so that there are at most 4096 of them.
	streamRoom  = 8 << 20
	messageCost = 2 << 10
	// allStreamsRoom bounds the same over all streams of a replica.
	allStreamsRoom = 64 << 20
	// recheckEvery is how often it is asked whether a stream's caller may still come in.
	recheckEvery = 5 * time.Second
	// lastWords is how long the last acknowledgement of a stream may take to be sent.
	lastWords = 2 * time.Second
)

// StreamUtterances takes words message by message; see the contract. It ends with nil when the publisher has closed its
// side and everything is acknowledged. It ends with Unavailable when the log cannot be written to, and when the replica
// stops, after everything that is sure has been acknowledged; with UNAUTHENTICATED within 10 s of a token being revoked.
func (s *Service) StreamUtterances(
	conn grpc.BidiStreamingServer[transcriptv1.StreamUtterancesRequest, transcriptv1.StreamUtterancesResponse],
) error {
	caller, err := callerOf(conn.Context())
	if err != nil {
		return err
	}
	in := &inflow{
		s: s, conn: conn, lanes: newLanes(s, nil), acks: newAcks(), room: newRoom(s.room), allowed: time.Now(),
		sent: make(chan struct{}),
	}
	in.caller.Store(&caller)
	return fault.Op("ingest.stream", in.run())
}

// inflow is one stream of a publisher.
type inflow struct {
	s       *Service
	conn    grpc.BidiStreamingServer[transcriptv1.StreamUtterancesRequest, transcriptv1.StreamUtterancesResponse]
	caller  atomic.Pointer[identity.Caller]
	allowed time.Time // when the caller was last known to be allowed
	lanes   *lanes
	acks    *acks
	room    *room

	sent   chan struct{} // closed when nothing is sent any more
	broken error         // why, before finish; set before sent is closed
}

func (f *inflow) run() error {
	defer f.room.close()
	ctx, stop := context.WithCancel(f.conn.Context())
	defer stop()
	read, finish := make(chan error, 1), make(chan struct{})
	go func() { read <- f.read(ctx) }() // a Recv that is under way ends with the stream
	go func() {
		defer close(f.sent)
		f.broken = f.acknowledge(finish)
	}()
	err := f.watch(ctx, read)
	if err != nil {
		f.lanes.end(notNow("ended"))
	}
	f.lanes.wait()
	close(finish)
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select {
	case <-f.sent:
		return cmp.Or(err, f.acks.trouble(), f.broken)
	case <-late.C: // the publisher does not read; what it was not told it sends again
		return cmp.Or(err, f.acks.trouble(), notNow("too_slow"))
	}
}

// watch waits for the end of a stream: nil when everything has been read.
func (f *inflow) watch(ctx context.Context, read <-chan error) error {
	tick := time.NewTicker(f.s.recheck)
	defer tick.Stop()
	for {
		select {
		case err := <-read:
			return err
		case <-f.acks.broken:
			return f.acks.trouble()
		case <-f.sent:
			return f.broken
		case <-f.s.stopping:
			return notNow("stopping")
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			if err := f.recheck(ctx, now); err != nil {
				return err
			}
		}
	}
}

// read takes messages from the connection while there is room for them.
func (f *inflow) read(ctx context.Context) error {
	for n := uint64(1); ; n++ {
		m, err := f.conn.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		size := min(int64(proto.Size(m))+messageCost, streamRoom)
		if err := f.room.take(ctx, size); err != nil {
			return err
		}
		caller := *f.caller.Load()
		a, err := arrivalOf(m.GetAppend(), m.GetEnd(), timestamppb.New(time.Now()))
		done := func(got taken) { f.acks.finish(n, message{call: a.call, size: size, taken: got}) }
		if err != nil {
			done(taken{err: err})
			continue
		}
		f.lanes.put(ctx, &errand{by: caller, ref: ref{caller.Tenant, a.call}, arrival: a, done: done})
	}
}

// acknowledge sends what is sure: 64 messages together, or what there is 5 ms after the first. It ends when finish is
// closed and everything was sent, or with the connection's error. Room is given back when it is sent, so that a publisher
// that does not read is not read from either.
func (f *inflow) acknowledge(finish <-chan struct{}) error {
	for over := false; !over; {
		select {
		case <-f.acks.moved:
			over = f.gather(finish)
		case <-finish:
			over = true
		}
		res, room := f.acks.collect()
		if res == nil {
			continue
		}
		pos := f.acks.position()
		res.Position = f.s.including(pos)
		if err := f.conn.Send(res); err != nil {
			return err
		}
		f.room.give(room)
	}
	return nil
}

// gather waits until there is enough to be told, or for as long as it may wait.
func (f *inflow) gather(finish <-chan struct{}) (over bool) {
	late := time.NewTimer(ackWithin)
	defer late.Stop()
	for !f.acks.enough() {
		select {
		case <-f.acks.moved:
		case <-late.C:
			return false
		case <-finish:
			return true
		}
	}
	return false
}

// recheck asks again who the caller is, and whether it still may be here. A call permission that has changed holds for
// the messages that follow. A caller that came with a statement is good for as long as that. Where nobody can say, the
// last answer holds for as long as any statement: a restart of access must not end every stream.
func (f *inflow) recheck(ctx context.Context, now time.Time) error {
	if f.caller.Load().IsService() {
		return nil
	}
	md, _ := metadata.FromIncomingContext(ctx)
	header := md.Get("authorization")
	err := notNow("statement")
	if len(header) == 1 && f.s.resolve != nil {
		var caller identity.Caller
		token, _ := identity.Token(header[0])
		if caller, _, err = f.s.resolve(ctx, token); err == nil {
			f.caller.Store(&caller)
			f.allowed = now
			return nil
		}
	}
	kind := fault.KindOf(err)
	if kind == fault.Unauthenticated || kind == fault.Forbidden || now.Sub(f.allowed) >= identity.Lifetime {
		return err
	}
	return nil
}

// notNow ends a stream through no fault of the publisher, who comes again with what was not acknowledged.
func notNow(reason string) error {
	return fault.New(fault.Unavailable, "UNAVAILABLE", fault.Param("reason", reason), fault.RetryIn(time.Second))
}
