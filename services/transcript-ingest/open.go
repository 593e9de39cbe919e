package ingest

import (
	"cmp"
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// open makes sure that a call exists, is not erased, is the caller's to write to, and has the details that came. It
// tells whether the call has ended. Where no details came and the view knows the call, nobody else is asked: what the
// view may not yet know, an end or an erase, has sealed the live words, and the append notices the seal.
func (s *Service) open(
	ctx context.Context, by identity.Caller, r ref, d *transcriptv1.CallDetails,
) (ended bool, pos stream.Position, err error) {
	if proto.Size(d) == 0 {
		rec, err := s.record(r)
		if err != nil || rec.opened() {
			return rec.ended(), nil, first([]error{err, mayWrite(by, r, rec)})
		}
	}
	who, err := s.agent(ctx, r.tenant, d.GetAgentAccount())
	if err != nil {
		return false, nil, err
	}
	pos, err = s.commitCall(ctx, by, r, func(rec record) (string, *eventv1.CallEvent, error) {
		ended = rec.ended()
		return openOrChange(by, r, rec, d, who)
	})
	return ended, pos, err
}

// openOrChange decides what a publisher's words about a call come to: opened, changed, or nothing new. Who opens a call
// needs what writing to it will need.
func openOrChange(
	by identity.Caller, r ref, rec record, d *transcriptv1.CallDetails, who agent,
) (kind string, e *eventv1.CallEvent, err error) {
	if rec.Erased {
		return "", nil, callErased()
	}
	old, err := rec.info()
	if err != nil {
		return "", nil, err
	}
	info := merge(old, d, who)
	if err := cmp.Or(checkLabels(info.GetLabels()), checkOwnLinks(r.call, info.GetLinks())); err != nil {
		return "", nil, err
	}
	if !rec.opened() {
		if !by.MayEditCall(info.GetAgentAccountId()) {
			return "", nil, fault.New(fault.Forbidden, "FORBIDDEN")
		}
		opened := &eventv1.CallOpened{Info: info}
		return subject.KindOpened, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Opened{Opened: opened}}, nil
	}
	if err := mayWrite(by, r, rec); err != nil || proto.Equal(old, info) {
		return "", nil, err
	}
	changed := &eventv1.CallChanged{Info: info}
	return subject.KindChanged, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Changed{Changed: changed}}, nil
}

// agent finds the account that a publisher named by its id or its login. A name that is no account's is kept as text
// and gives nobody rights.
func (s *Service) agent(ctx context.Context, tenant, named string) (agent, error) {
	named = strings.TrimSpace(named)
	if named == "" {
		return agent{}, nil
	}
	ctx = identity.AsService(ctx, tenant)
	for _, req := range []*accessv1.GetAccountRequest{{Id: named}, {Login: named}} {
		res, err := s.accounts.GetAccount(ctx, req)
		if err == nil {
			return agent{res.GetAccount().GetId(), res.GetAccount().GetName()}, nil
		}
		if fault.KindOf(err) != fault.NotFound {
			return agent{}, err // nobody knows; as text it would never again be looked up
		}
	}
	return agent{name: named}, nil
}
