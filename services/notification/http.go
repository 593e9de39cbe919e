package notify

import (
	"cmp"
	"context"
	"net/http"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	notificationv1 "github.com/kikigaki/kikigaki/proto/kikigaki/notification/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// maxSeenBody bounds the body that carries one id, in bytes.
const maxSeenBody = 4 << 10

// Paths are the patterns of [http.ServeMux] that [Service.Mount] serves: what a gateway in front of replicas that run
// apart has to send here. The event stream must not be buffered on its way.
func Paths() []string {
	return []string{listPath, StreamPath, seenPath, acknowledgePath}
}

// StreamPath is the pattern of the event stream, which lasts for hours.
const StreamPath = "GET /api/v1/notifications/stream"

const (
	listPath        = "GET /api/v1/notifications"
	seenPath        = "POST /api/v1/notifications/seen"
	acknowledgePath = "POST /api/v1/notifications/{id}/acknowledge"
)

// Mount serves the notifications over HTTP: the list, the event stream, and the two ways to see. A server that waits
// for its requests to end has to call [Service.Drain] when it begins to stop.
func (s *Service) Mount(mux *http.ServeMux, e *edge.Edge) {
	mux.Handle(listPath, e.Authenticated(s.serveList))
	mux.Handle(StreamPath, e.Authenticated(s.serveStream(e)))
	mux.Handle(seenPath, e.Authenticated(s.serveSeen))
	mux.Handle(acknowledgePath, e.Authenticated(s.serveAcknowledge))
}

// listJSON is the answer to a list.
type listJSON struct {
	Notifications []notificationJSON `json:"notifications"`
	AsOf          string             `json:"asOf"`
}

func (s *Service) serveList(w http.ResponseWriter, r *http.Request) error {
	unseen := r.URL.Query().Get("unseen")
	if unseen != "" && unseen != "true" && unseen != "false" {
		return fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("unseen"), fault.Param("allowed", "true, false"))
	}
	res, position, err := s.list(r.Context(), &notificationv1.ListNotificationsRequest{
		Unseen: unseen == "true", MinPosition: edge.Position(r),
	})
	if err != nil {
		return err
	}
	out := listJSON{Notifications: []notificationJSON{}, AsOf: res.GetAsOf()}
	for _, n := range res.GetNotifications() {
		out.Notifications = append(out.Notifications, toJSON(n))
	}
	edge.SetPosition(w, position.Encode())
	return edge.Encode(w, http.StatusOK, out)
}

func (s *Service) serveSeen(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		UpTo string `json:"upTo"`
	}
	if err := edge.Decode(w, r, maxSeenBody, &body); err != nil {
		return err
	}
	return noContent(w)(s.markSeen(r.Context(), body.UpTo))
}

func (s *Service) serveAcknowledge(w http.ResponseWriter, r *http.Request) error {
	return noContent(w)(s.acknowledge(r.Context(), r.PathValue("id")))
}

// noContent answers a write that succeeded.
func noContent(w http.ResponseWriter) func(stream.Position, error) error {
	return func(p stream.Position, err error) error {
		if err == nil {
			edge.SetPosition(w, p.Encode())
			w.WriteHeader(http.StatusNoContent)
		}
		return err
	}
}

// serveStream is the event stream. It goes on behind the id that the client says it had last: the header that a
// browser sends when it connects again goes before the address, which it keeps from the first time.
func (s *Service) serveStream(e *edge.Edge) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		c, err := identity.From(r.Context())
		if err != nil {
			return err
		}
		credential, _ := edge.CredentialOf(r)
		to := &eventStream{
			w: w, out: http.NewResponseController(w), write: s.pace.write,
			allowed: func(ctx context.Context) error { return e.Recheck(ctx, credential) },
		}
		after := cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after"))
		err = s.live(r.Context(), c.Tenant, after, withoutAlerts(c, to))
		if !to.begun {
			return err
		}
		s.log.DebugContext(r.Context(), "an event stream ended", "tenant", c.Tenant, "reason", err)
		return nil
	}
}
