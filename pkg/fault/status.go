package fault

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// domain marks the details that are ours.
const domain = "kikigaki"

// paramPrefix keeps the parameters apart from what else travels in the metadata.
const paramPrefix = "param."

// Bounds of what a status carries: texts in bytes, and the number of parameters.
const (
	maxText   = 2048
	maxParams = 32
)

func (k Kind) code() codes.Code {
	table := map[Kind]codes.Code{
		Invalid: codes.InvalidArgument, Unauthenticated: codes.Unauthenticated, Forbidden: codes.PermissionDenied,
		NotFound: codes.NotFound, Conflict: codes.Aborted, Gone: codes.FailedPrecondition,
		TooLarge: codes.OutOfRange, Unprocessable: codes.FailedPrecondition, TooMany: codes.ResourceExhausted,
		Unavailable: codes.Unavailable, DeadlineExceeded: codes.DeadlineExceeded, Internal: codes.Internal,
		UnsupportedMedia: codes.InvalidArgument,
	}
	if c, ok := table[k]; ok {
		return c
	}
	return codes.Unknown
}

// ToStatus makes a gRPC status of an error; nil for nil. Text that is not meant for callers, such as the wrapped error,
// is lost, also that of a status which somebody else's server sent us.
func ToStatus(err error) *status.Status {
	if err == nil {
		return nil
	}
	e, isFault := As(err)
	if s, ok := status.FromError(err); ok && !isFault {
		if s.Code() == codes.Unimplemented {
			return s // generated code's own answer: the caller is newer than we are, and nothing is wrong here
		}
		e = fromStatus(s, err)
	}
	info := &errdetails.ErrorInfo{Reason: wire(e.Code), Domain: domain, Metadata: metadata(e)}
	s := status.New(e.Kind.code(), info.GetReason())
	detailed, err := s.WithDetails(info)
	if err != nil {
		return s
	}
	return detailed
}

func metadata(e *Error) map[string]string {
	meta := map[string]string{"kind": strconv.Itoa(int(e.Kind)), "op": wire(e.Op), "field": wire(e.Field)}
	for i, name := range slices.Sorted(maps.Keys(e.Params)) {
		if i == maxParams {
			break
		}
		meta[paramPrefix+wire(name)] = wire(e.Params[name])
	}
	if e.RetryAfter > 0 {
		meta["retryAfter"] = e.RetryAfter.String()
	}
	if e.Provider != nil {
		p := *e.Provider
		p.Code, p.Message, p.RequestID = wire(p.Code), wire(p.Message), wire(p.RequestID)
		raw, _ := json.Marshal(p) //nolint:errchkjson // strings and a number cannot fail
		meta["provider"] = string(raw)
	}
	return meta
}

// wire makes a text fit for a status. One stray byte would otherwise cost the whole fault, kind and all, because
// protobuf refuses what is no UTF-8.
func wire(text string) string {
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// FromStatus turns what a gRPC call returned back into a fault; nil, faults, and errors without a status, such as the
// io.EOF of a stream, stay what they are.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if _, isFault := As(err); isFault || !ok {
		return err
	}
	return fromStatus(s, err)
}

func fromStatus(s *status.Status, err error) *Error {
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			return fromInfo(info, s.Code())
		}
	}
	return foreign(s, err)
}

func fromInfo(info *errdetails.ErrorInfo, code codes.Code) *Error {
	meta := info.GetMetadata()
	e := &Error{Code: info.GetReason(), Op: meta["op"], Field: meta["field"]}
	number, err := strconv.ParseUint(meta["kind"], 10, 8)
	if e.Kind = Kind(number); err != nil || !e.Kind.known() {
		e.Kind = foreign(status.New(code, ""), nil).Kind // a later version's: its gRPC code is the nearest we know
	}
	e.RetryAfter, _ = time.ParseDuration(meta["retryAfter"])
	for k, v := range meta {
		if name, ok := strings.CutPrefix(k, paramPrefix); ok {
			Param(name, v)(e)
		}
	}
	if raw := meta["provider"]; raw != "" {
		var p Provider
		if json.Unmarshal([]byte(raw), &p) == nil {
			e.Provider = &p
		}
	}
	return e
}

// foreign sorts a status that did not come from a fault, e.g. of a connection that broke.
func foreign(s *status.Status, err error) *Error {
	switch s.Code() {
	case codes.Unavailable, codes.Canceled:
		return New(Unavailable, "UNAVAILABLE", Wrapping(err), RetryIn(time.Second))
	case codes.DeadlineExceeded:
		return New(DeadlineExceeded, "TIMEOUT", Wrapping(err))
	case codes.ResourceExhausted:
		return New(TooLarge, "BODY_TOO_LARGE", Wrapping(err))
	case codes.Unauthenticated:
		return New(Unauthenticated, "UNAUTHENTICATED", Wrapping(err))
	case codes.PermissionDenied:
		return New(Forbidden, "FORBIDDEN", Wrapping(err))
	case codes.InvalidArgument, codes.OutOfRange:
		return New(Invalid, "INVALID", Wrapping(err))
	case codes.NotFound:
		return New(NotFound, "NOT_FOUND", Wrapping(err))
	default:
		return New(Internal, "INTERNAL", Wrapping(err))
	}
}
