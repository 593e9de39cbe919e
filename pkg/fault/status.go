package fault

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// domain marks the details that are ours.
const domain = "kikigaki"

// paramPrefix keeps the parameters apart from what else travels in the metadata.
const paramPrefix = "param."

func (k Kind) code() codes.Code {
	table := map[Kind]codes.Code{
		Invalid: codes.InvalidArgument, Unauthenticated: codes.Unauthenticated, Forbidden: codes.PermissionDenied,
		NotFound: codes.NotFound, Conflict: codes.Aborted, Gone: codes.FailedPrecondition,
		TooLarge: codes.OutOfRange, Unprocessable: codes.FailedPrecondition, TooMany: codes.ResourceExhausted,
		Unavailable: codes.Unavailable, DeadlineExceeded: codes.DeadlineExceeded, Internal: codes.Internal,
	}
	if c, ok := table[k]; ok {
		return c
	}
	return codes.Unknown
}

// ToStatus makes a gRPC status of an error. Text that is not meant for callers, such as the wrapped error, is lost.
func ToStatus(err error) *status.Status {
	if err == nil {
		return nil
	}
	if s, ok := status.FromError(err); ok {
		if _, isFault := As(err); !isFault {
			return s
		}
	}
	e, _ := As(err)
	meta := map[string]string{"kind": strconv.Itoa(int(e.Kind)), "op": e.Op, "field": e.Field}
	for k, v := range e.Params {
		meta[paramPrefix+k] = v
	}
	if e.RetryAfter > 0 {
		meta["retryAfter"] = e.RetryAfter.String()
	}
	if e.Provider != nil {
		raw, _ := json.Marshal(e.Provider)
		meta["provider"] = string(raw)
	}
	s := status.New(e.Kind.code(), e.Code)
	detailed, err := s.WithDetails(&errdetails.ErrorInfo{Reason: e.Code, Domain: domain, Metadata: meta})
	if err != nil {
		return s
	}
	return detailed
}

// FromStatus turns what a gRPC call returned back into a fault; nil stays nil.
func FromStatus(err error) error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			return fromInfo(info)
		}
	}
	return foreign(s, err)
}

func fromInfo(info *errdetails.ErrorInfo) *Error {
	meta := info.GetMetadata()
	kind, _ := strconv.ParseUint(meta["kind"], 10, 8)
	e := &Error{Kind: Kind(kind), Code: info.GetReason(), Op: meta["op"], Field: meta["field"]}
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
	case codes.InvalidArgument:
		return New(Invalid, "INVALID", Wrapping(err))
	default:
		return New(Internal, "INTERNAL", Wrapping(err))
	}
}
