package edge

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/kikigaki/kikigaki/pkg/fault"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

const (
	// goodFor is how long an answer of access is used again: so long a revoked token still works at most.
	goodFor = 5 * time.Second
	// refusedFor is how long a refusal is used again; short, because a login made elsewhere must soon work here.
	refusedFor = time.Second
	// maxResolved bounds the answers that are kept.
	maxResolved = 10_000
	// maxCredential is longer than any that access gives out, in bytes: with the bound above it is what strangers can
	// make us remember.
	maxCredential = 256
)

// known is an answer of access.
type known struct {
	caller    identity.Caller
	statement string
	err       error
	until     time.Time
}

// resolver asks access who is calling and keeps the answers for a moment.
type resolver struct {
	access   accessv1.AccessServiceClient
	verifier *identity.Verifier
	group    singleflight.Group

	mu      sync.Mutex
	answers map[Credential]known
}

func newResolver(access accessv1.AccessServiceClient, verifier *identity.Verifier) *resolver {
	return &resolver{access: access, verifier: verifier, answers: map[Credential]known{}}
}

func (r *resolver) resolve(ctx context.Context, c Credential) (known, error) {
	if len(c.Token) > maxCredential || len(c.Login) > maxCredential {
		return known{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED")
	}
	if k, ok := r.kept(c, time.Now()); ok {
		return k, k.err
	}
	answer := r.group.DoChan(c.Token+"\x00"+c.Login, func() (any, error) {
		return r.ask(context.WithoutCancel(ctx), c), nil // it is asked for others too, who are still there
	})
	select {
	case a := <-answer:
		k, _ := a.Val.(known)
		return k, k.err
	case <-ctx.Done():
		return known{}, ctx.Err()
	}
}

func (r *resolver) kept(c Credential, now time.Time) (known, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.answers[c]
	return k, ok && now.Before(k.until)
}

func (r *resolver) ask(ctx context.Context, c Credential) known {
	ctx, cancel := context.WithTimeout(identity.AsService(ctx, ""), goodFor)
	defer cancel()
	res, err := r.access.ResolveCredential(ctx, c.request())
	if err != nil {
		k := known{err: err, until: time.Now().Add(refusedFor)}
		if fault.KindOf(err) == fault.Unauthenticated {
			r.keep(c, k)
		}
		return k
	}
	caller, err := r.verifier.Verify(res.GetStatement(), time.Now())
	if err != nil {
		// Clocks or secrets differ. As a refusal it would log everybody out.
		return known{err: fault.New(fault.Internal, "INTERNAL", fault.Wrapping(err))}
	}
	k := known{caller: caller, statement: res.GetStatement(), until: time.Now().Add(goodFor)}
	r.keep(c, k)
	return k
}

func (r *resolver) keep(c Credential, k known) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.answers) >= maxResolved {
		r.drop(time.Now())
	}
	r.answers[c] = k
}

// drop makes room: what is over and all refusals go first, so that somebody who tries many tokens does not make us ask
// again about everybody else.
func (r *resolver) drop(now time.Time) {
	maps.DeleteFunc(r.answers, func(_ Credential, k known) bool { return k.err != nil || !now.Before(k.until) })
	if len(r.answers) >= maxResolved {
		clear(r.answers) // they live for seconds; asking again is cheap
	}
}

// Forget drops the kept answer about a credential, for the edge that has just ended it.
func (e *Edge) Forget(c Credential) {
	e.resolver.mu.Lock()
	defer e.resolver.mu.Unlock()
	delete(e.resolver.answers, c)
}
