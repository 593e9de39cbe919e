package ingest

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

const (
	// maxLinks is how many other calls a call may name.
	maxLinks = 32
	// maxIncoming is how many calls that name it are shown with a call: any number may.
	maxIncoming = 100
)

// Relations of a call to another.
const (
	relationLeg          = "leg"
	relationTransfer     = "transfer"
	relationConsultation = "consultation"
)

// checkLinks checks the links that a publisher sends. Faults name the field, as call.links[3].callId.
func checkLinks(links []*transcriptv1.CallLink) error {
	if err := checkLinkCount(len(links)); err != nil {
		return err
	}
	for i, l := range links {
		at := fmt.Sprintf("call.links[%d].", i)
		err := cmp.Or(
			checkID(at+"callId", l.GetCallId()),
			chars.OneOf(at+"relation", l.GetRelation(), "", relationLeg, relationTransfer, relationConsultation),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

func checkLinkCount(n int) error {
	if n <= maxLinks {
		return nil
	}
	return fault.New(fault.Unprocessable, "FIELD_TOO_LONG", fault.Field("call.links"),
		fault.Param("limit", strconv.Itoa(maxLinks)), fault.Param("length", strconv.Itoa(n)))
}

// checkOwnLinks checks what only the call itself can say: that it does not name itself, and how many it names in all.
func checkOwnLinks(call string, links []*eventv1.CallLink) error {
	if slices.ContainsFunc(links, func(l *eventv1.CallLink) bool { return l.GetCallId() == call }) {
		return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("call.links"), fault.Param("reason", "names itself"))
	}
	return checkLinkCount(len(links))
}

// mergeLinks lays links over those known: a call that is named again has the relation said last, others stay. They are
// sorted by the other call's id, so that saying the same again changes nothing.
func mergeLinks(old []*eventv1.CallLink, said []*transcriptv1.CallLink) []*eventv1.CallLink {
	out := slices.Clone(old)
	for _, l := range said {
		link := &eventv1.CallLink{CallId: l.GetCallId(), Relation: cmp.Or(l.GetRelation(), relationLeg)}
		i, known := slices.BinarySearchFunc(out, link, func(a, b *eventv1.CallLink) int {
			return strings.Compare(a.GetCallId(), b.GetCallId())
		})
		if known {
			out[i] = link
		} else {
			out = slices.Insert(out, i, link)
		}
	}
	return out
}

// relink keeps the index of who names whom in step with what a call says of itself: tenant, 0, call that is named, 0,
// call that names it -> relation. A call that is erased names nobody.
func relink(tx *view.Tx, r ref, old, now record) error {
	before, err := old.info()
	if err != nil {
		return err
	}
	after, err := now.info()
	if err != nil {
		return err
	}
	if slices.EqualFunc(before.GetLinks(), after.GetLinks(), func(a, b *eventv1.CallLink) bool { return proto.Equal(a, b) }) {
		return nil
	}
	for _, l := range before.GetLinks() {
		if err := tx.Delete(linkBucket, r.linkKey(l)); err != nil {
			return err
		}
	}
	for _, l := range after.GetLinks() {
		if err := tx.Put(linkBucket, r.linkKey(l), []byte(l.GetRelation())); err != nil {
			return err
		}
	}
	return nil
}

func (r ref) linkKey(l *eventv1.CallLink) []byte {
	return append(ref{r.tenant, l.GetCallId()}.prefix(), r.call...)
}

// linksOf are a call's links as people see them: those it names, then at most 100 of the calls that name it.
func linksOf(tx *view.Tx, r ref, info *eventv1.CallInfo) (out []*transcriptv1.CallLink) {
	for _, l := range info.GetLinks() {
		out = append(out, &transcriptv1.CallLink{CallId: l.GetCallId(), Relation: l.GetRelation()})
	}
	prefix, incoming := r.prefix(), 0
	for k, relation := range tx.Scan(linkBucket, prefix, nil) {
		if incoming++; incoming > maxIncoming {
			break
		}
		out = append(out, &transcriptv1.CallLink{
			CallId: string(k[len(prefix):]), Relation: string(relation), Incoming: true,
		})
	}
	return out
}
