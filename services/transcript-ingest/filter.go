package ingest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// filterMark is how many bytes of a filter's hash are in the tokens of its pages.
const filterMark = 8

// filter narrows a list of calls.
type filter struct {
	*transcriptv1.CallFilter

	search search
	mark   []byte // stands for the filter in the tokens of its pages
}

// newFilter checks a filter. FIELD_TOO_LONG, FIELD_INVALID; fields are named as the API's parameters are.
func newFilter(in *transcriptv1.CallFilter) (filter, error) {
	if in == nil {
		in = &transcriptv1.CallFilter{}
	}
	checks := []error{
		checkUTF8("q", in.GetQuery()), chars.Limit("q", in.GetQuery(), 0, maxID),
		chars.OneOf("state", in.GetState(), "", stateLive, stateFinished),
		chars.OneLine("agent", in.GetAgent(), 0, maxID), chars.OneLine("queue", in.GetQueue(), 0, maxID),
		chars.OneOf("direction", in.GetDirection(), "", "inbound", "outbound"),
		chars.OneLine("number", in.GetNumber(), 0, maxID),
		checkTime("startedFrom", in.GetStartedFrom()), checkTime("startedUntil", in.GetStartedUntil()),
	}
	if in.GetNumber() != "" && digitsOf(in.GetNumber()) == "" {
		checks = append(checks, invalid("number"))
	}
	if len(in.GetLabels()) > maxLabels {
		checks = append(checks, invalid("label"))
	}
	for _, k := range slices.Sorted(maps.Keys(in.GetLabels())) {
		checks = append(checks, chars.OneLine("label", k, 1, maxID), chars.OneLine("label", in.GetLabels()[k], 0, maxID))
	}
	if err := first(checks); err != nil {
		return filter{}, err
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(in)
	mark := sha256.Sum256(data)
	return filter{CallFilter: in, search: newSearch(in.GetQuery()), mark: mark[:filterMark]}, err
}

func invalid(field string) error {
	return fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(field))
}

// token is where the next page begins: behind a place in the list, under this filter and no other.
func (f filter) token(place []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(slices.Clone(f.mark), place...))
}

// place is the place that a token stands for, nil for no token. FIELD_INVALID for a token that was never given out under
// this filter: pages of two filters have no common order.
func (f filter) place(token string) ([]byte, error) {
	if token == "" {
		return nil, nil
	}
	data, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(data) <= filterMark+indexStart || string(data[:filterMark]) != string(f.mark) {
		return nil, fault.New(fault.Invalid, "FIELD_INVALID", fault.Field("pageToken"))
	}
	return data[filterMark:], nil
}

// begin is the first place in the list that the filter may let through, given the place that was shown last.
func (f filter) begin(shown []byte) (from []byte) {
	if f.GetStartedUntil() != nil {
		from = startPlace(f.GetStartedUntil().AsTime().Add(-time.Nanosecond))
	}
	if len(shown) > 0 && string(shown) >= string(from) {
		from = append(slices.Clone(shown), 0)
	}
	return from
}

// over tells whether a place in the list, and all behind it, began before the filter's earliest start.
func (f filter) over(place []byte) bool {
	return f.GetStartedFrom() != nil && string(place[:indexStart]) > string(startPlace(f.GetStartedFrom().AsTime()))
}

// startPlace is what places of calls with a start begin with.
func startPlace(started time.Time) []byte {
	return binary.BigEndian.AppendUint64(nil, uint64(math.MaxInt64-started.UnixNano()))
}

// fits tells whether a call passes everything but the search for words.
func (f filter) fits(rec record, info *eventv1.CallInfo) bool {
	state := stateLive
	if rec.ended() {
		state = stateFinished
	}
	for _, p := range [][2]string{
		{f.GetState(), state}, {f.GetQueue(), info.GetQueue()}, {f.GetDirection(), info.GetDirection()},
	} {
		if p[0] != "" && p[0] != p[1] {
			return false
		}
	}
	if f.GetAgent() != "" && f.GetAgent() != info.GetAgentAccountId() &&
		(info.GetAgentAccountId() != "" || f.GetAgent() != info.GetAgentName()) {
		return false
	}
	if f.GetNumber() != "" && !sameNumber(info.GetAgentNumber(), f.GetNumber()) &&
		!sameNumber(info.GetCustomerNumber(), f.GetNumber()) {
		return false
	}
	for k, want := range f.GetLabels() {
		if value, ok := info.GetLabels()[k]; !ok || want != "" && want != value {
			return false
		}
	}
	return true
}

// reach bounds how much of the list one request goes through; what is left is for the next page.
type reach struct {
	// work is counted in calls passed over by the index alone; a call that has to be looked at counts for 10 of them.
	work int
	// time is how long a request looks.
	time time.Duration
}

func usualReach() reach { return reach{work: 200_000, time: 250 * time.Millisecond} }

// lookedAt is how much work a call is that has to be looked at.
const lookedAt = 10

// page fills a page with the calls behind a place in the list. It may hold fewer than asked for, even none, and still
// name a next one: then as many calls have been gone through as one request goes through.
func (f filter) page(
	tx *view.Tx, tenant string, shown []byte, size int, most reach, out *transcriptv1.ListCallsResponse,
) error {
	prefix := []byte(tenant + "\x00")
	from := append(slices.Clone(prefix), f.begin(shown)...)
	end := time.Now().Add(most.time)
	var last []byte
	for k, details := range tx.Scan(indexBucket, prefix, from) {
		place := k[len(prefix):]
		if f.over(place) {
			return nil
		}
		if len(out.GetCalls()) == size || last != nil && (most.work <= 0 || time.Now().After(end)) {
			out.NextPageToken = f.token(last)
			return nil
		}
		last = append(last[:0], place...)
		most.work--
		r := ref{tenant, string(place[indexStart:])}
		if !f.search.mayFind(tx, r, details) {
			continue
		}
		most.work -= lookedAt - 1
		call, err := f.look(tx, r)
		if err != nil {
			return err
		}
		if call != nil {
			out.Calls = append(out.Calls, call)
		}
	}
	return nil
}

// look is a call that passes the filter, nil for one that does not.
func (f filter) look(tx *view.Tx, r ref) (*transcriptv1.Call, error) {
	rec, err := readRecord(tx, r)
	if err != nil {
		return nil, err
	}
	info, err := rec.info()
	if err != nil || !f.fits(rec, info) {
		return nil, err
	}
	if found, err := f.search.finds(tx, r, info); err != nil || !found {
		return nil, err
	}
	return readCall(tx, r)
}

// filterOf reads a filter from the parameters of a request.
func filterOf(q map[string][]string) (*transcriptv1.CallFilter, error) {
	get := func(name string) string {
		if len(q[name]) == 0 {
			return ""
		}
		return q[name][0]
	}
	out := &transcriptv1.CallFilter{
		Query: get("q"), State: get("state"), Agent: get("agent"), Queue: get("queue"), Direction: get("direction"),
		Number: get("number"),
	}
	for name, to := range map[string]**timestamppb.Timestamp{"startedFrom": &out.StartedFrom, "startedUntil": &out.StartedUntil} {
		if get(name) == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, get(name))
		if err != nil {
			return nil, fault.New(fault.Invalid, "FIELD_INVALID", fault.Field(name))
		}
		*to = timestamppb.New(at)
	}
	for _, label := range q["label"] {
		if out.Labels == nil {
			out.Labels = map[string]string{}
		}
		key, value, _ := strings.Cut(label, ":")
		out.Labels[key] = value
	}
	return out, nil
}
