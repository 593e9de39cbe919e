package broker

import (
	"errors"
	"slices"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// Publisher is who brings events in over the port of the embedded server: an account of a tenant, proved by an API
// token.
type Publisher struct {
	// Tenant whose inbox it may publish to.
	Tenant string
	// Account that the token belongs to.
	Account string
}

// name is what the server calls the publisher, in its log too, and the account inside the server that it lives in. The
// token itself must not get there.
func (p Publisher) name() string {
	return "publisher." + subject.Token(p.Tenant) + "." + subject.Token(p.Account)
}

// errNobody is what a resolver gets to answer that names no account.
var errNobody = errors.New("broker: the resolver named no tenant or no account")

const (
	// recheckEvery is how often a connection's token is asked about again. With the 5 seconds for which an edge keeps an
	// answer, a revoked token has lost its connections after about 10.
	recheckEvery = 5 * time.Second
	// trustFor is how long a connection lives on while nobody can say whether its token is still good.
	trustFor = time.Minute
	// resolveTimeout bounds one question who a token is.
	resolveTimeout = 3 * time.Second
	// maxToken is longer than any token that access gives out, in bytes.
	maxToken = 256
	// maxPerPublisher is how many connections one account may have at once.
	maxPerPublisher = 16
)

// session is a connection that was let in.
type session struct {
	publisher Publisher
	token     string
	confirmed time.Time // when the token was last known to be good
}

// recheck decides about a connection after its token was asked about again, at now: whether it stays, and since when it
// is confirmed. A token that was refused, or that belongs to somebody else now, ends it at once. An answer that failed to
// come says nothing about the token: everybody would be thrown out whenever access restarts.
func (s session) recheck(now time.Time, p Publisher, err error) (session, bool) {
	switch {
	case err == nil:
		s.confirmed = now
		return s, p == s.publisher
	case refuses(err):
		return s, false
	default:
		return s, now.Sub(s.confirmed) < trustFor
	}
}

// refuses tells whether an error is a verdict on the token and not a failure to reach one.
func refuses(err error) bool {
	return errors.Is(err, errNobody) || slices.Contains([]fault.Kind{
		fault.Invalid, fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.Gone, fault.Unprocessable,
	}, fault.KindOf(err))
}
