package access

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

const (
	// startedLife is when the server forgets the start of a login. It is a day more than a login lasts, so that the
	// sweep has long written its end: then every view, new or old, says the same of it.
	startedLife = loginLife + 24*time.Hour
	// endedLife is when the server forgets the end of a login. A view that was away for longer still has the login,
	// as one whose time is over, and the next sweep ends it again.
	endedLife = 30 * 24 * time.Hour
)

// accountGuard is the one guard of all accounts of all tenants: a login name is unique over the installation.
func accountGuard() stream.Guard { return stream.NewGuard(subject.Access, subject.AccountGuard()) }

// fact is an event on its way to the log.
type fact struct {
	subject string
	event   *eventv1.AccessEvent
	ttl     time.Duration
}

// guard of a token or a login, which is its own.
func (f fact) guard() stream.Guard { return stream.NewGuard(subject.Access, f.subject) }

func accountSaved(a Account) *fact {
	return &fact{subject: subject.Account(a.Tenant, a.ID), event: &eventv1.AccessEvent{
		Kind: &eventv1.AccessEvent_AccountSaved{AccountSaved: a.saved()},
	}}
}

func accountDeleted(a Account) *fact {
	return &fact{subject: subject.Account(a.Tenant, a.ID), event: &eventv1.AccessEvent{
		Kind: &eventv1.AccessEvent_AccountDeleted{AccountDeleted: &eventv1.AccountDeleted{Id: a.ID}},
	}}
}

func tokenSaved(tenant string, t Token) *fact {
	return &fact{subject: subject.APIToken(tenant, t.ID), event: &eventv1.AccessEvent{
		Kind: &eventv1.AccessEvent_TokenSaved{TokenSaved: t.saved()},
	}}
}

func tokenDeleted(tenant, id string) *fact {
	return &fact{subject: subject.APIToken(tenant, id), event: &eventv1.AccessEvent{
		Kind: &eventv1.AccessEvent_TokenDeleted{TokenDeleted: &eventv1.TokenDeleted{Id: id}},
	}}
}

func loginStarted(tenant, id, account string, hash []byte, expires time.Time) *fact {
	return &fact{subject: subject.Login(tenant, id), ttl: startedLife, event: &eventv1.AccessEvent{
		Kind: &eventv1.AccessEvent_LoginStarted{LoginStarted: &eventv1.LoginStarted{
			Id: id, AccountId: account, Hash: hash, ExpiresAt: timestamppb.New(expires),
		}},
	}}
}

func loginEnded(tenant, id string) *fact {
	return &fact{subject: subject.Login(tenant, id), ttl: endedLife, event: &eventv1.AccessEvent{
		Kind: &eventv1.AccessEvent_LoginEnded{LoginEnded: &eventv1.LoginEnded{Id: id}},
	}}
}

// credentialEnded is the end of a token or a login.
func credentialEnded(c credential) *fact {
	if c.noun == subject.NounToken {
		return tokenDeleted(c.tenant, c.id)
	}
	return loginEnded(c.tenant, c.id)
}

// commit takes a decision under a guard and writes what it decides, in the name of an actor (nil: of the service). A
// decision for no fact writes nothing.
func (s *Service) commit(
	ctx context.Context, g stream.Guard, by *eventv1.Actor, decide func(*view.Tx) (*fact, error),
) (stream.Position, error) {
	return s.follower.Commit(ctx, g, ids.New("event"), func(tx *view.Tx) (*stream.Event, error) {
		f, err := decide(tx)
		if err != nil || f == nil {
			return nil, err
		}
		f.event.Meta = &eventv1.Meta{At: timestamppb.Now(), By: by, Service: Name}
		data, err := proto.Marshal(f.event)
		if err != nil {
			return nil, err
		}
		return &stream.Event{Subject: f.subject, Data: data, TTL: f.ttl}, nil
	})
}

// commitAccounts is commit for decisions about a tenant's accounts.
func (s *Service) commitAccounts(
	ctx context.Context, tenant string, by *eventv1.Actor, decide func(state) (*fact, error),
) (stream.Position, error) {
	return s.commit(ctx, accountGuard(), by, func(tx *view.Tx) (*fact, error) {
		st, err := readState(tx, tenant)
		if err != nil {
			return nil, err
		}
		return decide(st)
	})
}
