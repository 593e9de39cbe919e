package broker

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/kikigaki/kikigaki/proto/subject"
)

// home is the account of the server in which a publisher's connections live. Subjects mean something within an account
// only: nobody else hears what is said in it, replies included, and whoever is in it reaches what it imports and no more.
func (p *port) home(publisher Publisher) (*server.Account, error) {
	name := publisher.name()
	if home := p.homes[name]; home != nil {
		return home, nil
	}
	home, _ := p.run.LookupOrRegisterAccount(name)
	tenant, global := publisher.Tenant, p.run.GlobalAccount()
	if err := home.AddServiceImport(global, subject.InboxAll(tenant), subject.Relayed(tenant, publisher.Account)); err != nil {
		return nil, fmt.Errorf("broker: %s: inbox: %w", name, err)
	}
	if err := home.AddStreamImport(global, subject.RefusedAll(tenant), ""); err != nil {
		return nil, fmt.Errorf("broker: %s: refused: %w", name, err)
	}
	p.homes[name] = home
	return home, nil
}

// permissions are those of a publisher inside its account. They say again what the account's imports say, and close the
// server's own subjects, which every account has.
func permissions(tenant string) *server.Permissions {
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: []string{subject.InboxAll(tenant)}},
		Subscribe: &server.SubjectPermission{Allow: []string{replies, subject.RefusedAll(tenant)}},
	}
}

// replies is where clients listen for answers, unless they are told another place.
const replies = "_INBOX.>"

func nothing() *server.Permissions {
	all := &server.SubjectPermission{Deny: []string{">"}}
	return &server.Permissions{Publish: all, Subscribe: all}
}
