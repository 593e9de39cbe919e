package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestOpAddsToTheChainAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	cause := errors.New("disk")
	err := fault.Op("prompts.create", fault.Op("stream.append", fault.New(fault.Conflict, "REVISION_STALE",
		fault.Field("revision"), fault.Wrapping(cause))))
	f, ok := fault.As(err)
	if !ok || f.Op != "prompts.create: stream.append" || f.Field != "revision" {
		t.Fatalf("got %#v", f)
	}
	if fault.KindOf(err) != fault.Conflict || !fault.Is(err, "REVISION_STALE") || !errors.Is(err, cause) {
		t.Fatalf("lost something on the way: %v", err)
	}
	if want := "prompts.create: stream.append: REVISION_STALE (revision): disk"; err.Error() != want {
		t.Fatalf("got %q, want %q", err.Error(), want)
	}
}

func TestOpKeepsWhatWasWrappedAroundAFault(t *testing.T) {
	t.Parallel()
	unknown := errors.New("outcome unknown")
	err := fault.Op("calls.append", fmt.Errorf("%w: %w", unknown, fault.New(fault.Unavailable, "UNAVAILABLE")))
	if !errors.Is(err, unknown) || fault.KindOf(err) != fault.Unavailable {
		t.Fatalf("got %v", err)
	}
}

func TestOpLeavesTheOriginalAlone(t *testing.T) {
	t.Parallel()
	shared := fault.New(fault.NotFound, "NOT_FOUND")
	_ = fault.Op("a", shared)
	if shared.Op != "" {
		t.Fatalf("a fault that others may hold was changed: %q", shared.Op)
	}
	if fault.Op("a", nil) != nil {
		t.Fatal("nil did not stay nil")
	}
}

func TestWhatIsNoFaultIsReadAsOne(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		kind fault.Kind
		code string
	}{
		{nil, fault.Other, ""},
		{io.ErrUnexpectedEOF, fault.Internal, "INTERNAL"},
		{fmt.Errorf("read: %w", context.DeadlineExceeded), fault.DeadlineExceeded, "TIMEOUT"},
		{fmt.Errorf("read: %w", context.Canceled), fault.Unavailable, "UNAVAILABLE"},
		{fmt.Errorf("read: %w", fault.New(fault.Gone, "CALL_ERASED")), fault.Gone, "CALL_ERASED"},
	} {
		if kind, code := fault.KindOf(c.err), fault.CodeOf(c.err); kind != c.kind || code != c.code {
			t.Errorf("%v: got %v %q, want %v %q", c.err, kind, code, c.kind, c.code)
		}
	}
}

func TestEveryKindHasItsHTTPStatus(t *testing.T) {
	t.Parallel()
	want := map[fault.Kind]int{
		fault.Other: 500, fault.Invalid: 400, fault.Unauthenticated: 401, fault.Forbidden: 403, fault.NotFound: 404,
		fault.Conflict: 409, fault.Gone: 410, fault.TooLarge: 413, fault.UnsupportedMedia: 415,
		fault.Unprocessable: 422, fault.TooMany: 429, fault.Unavailable: 503, fault.DeadlineExceeded: 504,
		fault.Internal: 500, fault.Kind(200): 500,
	}
	for kind, status := range want {
		if kind.HTTPStatus() != status {
			t.Errorf("%v: got %d, want %d", kind, kind.HTTPStatus(), status)
		}
	}
}
