package broker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestAConnectionStaysAsLongAsItsTokenIsGood(t *testing.T) {
	t.Parallel()
	began := time.Now()
	it, other := Publisher{Tenant: "north", Account: "a"}, Publisher{Tenant: "south", Account: "a"}
	unreachable := fault.New(fault.Unavailable, "UNAVAILABLE")
	for name, tt := range map[string]struct {
		after time.Duration
		says  Publisher
		err   error
		stays bool
	}{
		"good":                        {time.Hour, it, nil, true},
		"revoked":                     {time.Second, Publisher{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED"), false},
		"without edit now":            {time.Second, Publisher{}, fault.New(fault.Forbidden, "FORBIDDEN"), false},
		"deleted":                     {time.Second, Publisher{}, fault.New(fault.NotFound, "NOT_FOUND"), false},
		"another's now":               {time.Second, other, nil, false},
		"nobody's":                    {time.Second, Publisher{}, errNobody, false},
		"unknown for a while":         {trustFor - 1, Publisher{}, unreachable, true},
		"unknown for too long":        {trustFor, Publisher{}, unreachable, false},
		"no answer in time":           {time.Second, Publisher{}, context.DeadlineExceeded, true},
		"a mistake of ours":           {time.Second, Publisher{}, errors.New("broken"), true},
		"a mistake of ours, too long": {trustFor, Publisher{}, errors.New("broken"), false},
	} {
		now := began.Add(tt.after)
		next, stays := session{publisher: it, token: "t", confirmed: began}.recheck(now, tt.says, tt.err)
		if stays != tt.stays {
			t.Errorf("%s: stays %v", name, stays)
		}
		if confirmed := next.confirmed.Equal(now); confirmed != (tt.err == nil) {
			t.Errorf("%s: confirmed %v", name, confirmed)
		}
	}
}
