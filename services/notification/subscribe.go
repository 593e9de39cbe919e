package notify

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/kikigaki/kikigaki/pkg/fault"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// Subscribe streams every outcome of the caller's tenant behind an id, or from now on. The answer's header comes once
// nothing can be missed any more. A reset comes first when the id cannot be resumed from. The stream ends with
// Unavailable when the replica stops or the client does not read for 10 s: it is resumed elsewhere, behind the last id.
func (s *Service) Subscribe(
	req *notificationv1.SubscribeRequest, out grpc.ServerStreamingServer[notificationv1.SubscribeResponse],
) error {
	c, err := identity.From(out.Context())
	if err != nil {
		return err
	}
	to := &subscription{out: out, write: s.pace.write, resolve: s.resolve}
	err = s.live(out.Context(), c.Tenant, req.GetAfter(), withoutAlerts(c, to))
	if errors.Is(err, errOver) {
		return notNow(err)
	}
	return err
}

// subscription is a screen that listens over gRPC.
type subscription struct {
	out     grpc.ServerStreamingServer[notificationv1.SubscribeResponse]
	write   time.Duration
	resolve identity.Resolve
}

func (u *subscription) opened(place) error { return u.out.SendHeader(nil) }

func (u *subscription) reset(to place) error {
	return u.within(func() error {
		return u.out.Send(&notificationv1.SubscribeResponse{
			Message: &notificationv1.SubscribeResponse_Reset_{Reset_: to.String()},
		})
	})
}

func (u *subscription) tell(list []*outcome) error {
	return u.within(func() error {
		for _, o := range list {
			err := u.out.Send(&notificationv1.SubscribeResponse{
				Message: &notificationv1.SubscribeResponse_Notification{Notification: o.note},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// beat does nothing: HTTP/2 has its own signs of life.
func (u *subscription) beat() error { return nil }

// check resolves the token that came with the call once more. A call that came with a statement has none: it is good
// for as long as the statement.
func (u *subscription) check(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	header := md.Get("authorization")
	if len(header) != 1 || u.resolve == nil {
		return fault.New(fault.Unavailable, "UNAVAILABLE", fault.RetryIn(time.Second))
	}
	token, _ := identity.Token(header[0])
	_, _, err := u.resolve(ctx, token)
	return err
}

// within bounds a send. One that is stuck in a client's flow control cannot be called back; it comes to its end when
// the stream does, which is what returning makes it do.
func (u *subscription) within(send func() error) error {
	sent := make(chan error, 1)
	go func() { sent <- send() }()
	late := time.NewTimer(u.write)
	defer late.Stop()
	select {
	case err := <-sent:
		return err
	case <-late.C:
		return tooSlow()
	}
}
