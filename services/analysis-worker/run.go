package analysis

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/codes"

	"github.com/kikigaki/kikigaki/pkg/view"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

// lastWords is how long writing down an outcome may take when the analysis itself has no time left.
const lastWords = 20 * time.Second

// run leads an analysis to its terminal event, or as far as it can be led. nil means that nothing is left to do here:
// it has ended, or belongs to another replica. After an error it is put back and tried again.
func (s *Service) run(ctx context.Context, j job, t *turn) error {
	ctx, span := s.meters.analyse(ctx, j)
	defer span.End()
	err := s.lead(ctx, j, t)
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	return err
}

func (s *Service) lead(ctx context.Context, j job, t *turn) error {
	r, err := s.begin(ctx, j, t)
	if err != nil {
		return lenient(err)
	}
	attempt(ctx, r)
	s.meters.began(ctx, r)
	work, cancel := context.WithDeadlineCause(ctx, r.Deadline, errTimeout)
	defer cancel()
	err = s.work(work, r, t)
	var failed *ProviderError
	switch {
	case err == nil:
		return s.finish(ctx, r, nil)
	case errors.As(err, &failed):
		return s.finish(ctx, r, failed)
	case errors.Is(context.Cause(work), errTimeout):
		return s.finish(ctx, r, &ProviderError{Code: codeTimeout})
	case context.Cause(ctx) != nil:
		return nil // ended by somebody else, or the replica stops: the log has what there is to say
	}
	return lenient(err)
}

// lenient makes the ends that are none of this replica's business no error.
func lenient(err error) error {
	if errors.Is(err, errEnded) || errors.Is(err, errLost) || errors.Is(err, errStopping) {
		return nil
	}
	return err
}

// begin writes `started` and returns the record as it is then. The first start fixes the deadline.
func (s *Service) begin(ctx context.Context, j job, t *turn) (r Record, err error) {
	_, err = s.commit(ctx, j.tenant, j.call, self(j.tenant), ids.New("event"), func(tx *view.Tx) (*fact, error) {
		if r, err = s.due(tx, j, t); err != nil {
			return nil, err
		}
		attempt, deadline := r.start(time.Now())
		r.Attempts, r.Deadline = attempt, deadline
		return startedFact(r, attempt, deadline, s.worker), nil
	})
	return r, err
}

// due returns the record of a job that this replica may go on with: it has not ended, it is its turn within its
// request, and the lane is still ours.
func (s *Service) due(tx *view.Tx, j job, t *turn) (Record, error) {
	call, _, err := readCall(tx, j.tenant, j.call)
	if err != nil {
		return Record{}, err
	}
	r, ok, err := readRecord(tx, j.tenant, j.id)
	switch {
	case err != nil:
		return r, err
	case !ok || r.Terminal() || !call.turn(j.id):
		return r, errEnded
	case !t.owns():
		return r, errLost
	}
	return r, nil
}

// finish writes the one terminal event, if nobody else has: failed where there is an error, else completed.
func (s *Service) finish(ctx context.Context, r Record, failed *ProviderError) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	_, err := s.commit(ctx, r.Tenant, r.Call, self(r.Tenant), ids.New("event"), func(tx *view.Tx) (*fact, error) {
		now, ok, err := readRecord(tx, r.Tenant, r.ID)
		if err != nil {
			return nil, err
		}
		if !ok || now.Terminal() || erased(tx, r) {
			return nil, errEnded
		}
		return terminalFact(now, failed), nil
	})
	switch {
	case err != nil:
		return lenient(err)
	case failed != nil:
		s.meters.end(ctx, r, StateFailed, failed.Code)
		s.doubt(ctx, r, failed)
	default:
		s.meters.end(ctx, r, StateCompleted, "")
	}
	return nil
}

// terminalFact is how an analysis ends that nobody has cancelled.
func terminalFact(r Record, failed *ProviderError) *fact {
	if failed == nil {
		return completedFact(r)
	}
	return failedFact(r, *failed)
}

// self is the service acting by itself.
func self(tenant string) identity.Caller { return identity.Caller{Tenant: tenant, Service: Name} }
