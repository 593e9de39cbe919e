package fault_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// kinds are all there are, so that a new one is tested by being added.
func kinds() []fault.Kind {
	var all []fault.Kind
	for k := fault.Other; k <= fault.UnsupportedMedia; k++ {
		all = append(all, k)
	}
	return all
}

// there sends an error through the bytes of a status, as gRPC does.
func there(t *testing.T, err error) error {
	t.Helper()
	raw, marshalErr := proto.Marshal(fault.ToStatus(err).Proto())
	if marshalErr != nil {
		t.Fatal(marshalErr)
	}
	p := status.New(codes.OK, "").Proto()
	if err := proto.Unmarshal(raw, p); err != nil {
		t.Fatal(err)
	}
	return fault.FromStatus(status.FromProto(p).Err())
}

func TestAFaultComesBackEqual(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		sent := fault.New(kind, "SOME_CODE", fault.Field("utterances[3].text"), fault.Param("limit", "1\u4e07"),
			fault.Param("kind", "not the kind"), fault.RetryIn(1500*time.Millisecond),
			fault.FromProvider(fault.Provider{Status: 429, Code: "rate_limit", Message: "slow down", RequestID: "req_1"}))
		sent.Op = "prompts.create: stream.append"
		if diff := cmp.Diff(error(sent), there(t, sent)); diff != "" {
			t.Errorf("%v: (-sent +got)\n%s", kind, diff)
		}
	}
}

func TestNoCauseLeavesTheProcess(t *testing.T) {
	t.Parallel()
	secret := errors.New("open /srv/data/master.key: permission denied")
	for _, err := range []error{
		secret, fmt.Errorf("seal: %w", secret), fault.Op("keys.open", secret),
		status.Error(codes.Internal, secret.Error()), status.Error(codes.Unknown, secret.Error()),
		fault.New(fault.Internal, "INTERNAL", fault.Wrapping(secret)),
		fault.New(fault.Other, "OTHER", fault.Wrapping(secret)),
		fault.New(fault.Invalid, "INVALID", fault.Wrapping(secret)),
	} {
		raw, _ := proto.Marshal(fault.ToStatus(err).Proto())
		if strings.Contains(string(raw), "master.key") {
			t.Errorf("%T %v: its text is in %q", err, err, raw)
		}
	}
}

func TestStrayBytesAndLongTextsCostOnlyThemselves(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("\u805e", 5000)
	sent := fault.New(fault.Forbidden, "NOPE", fault.Param("name", "a\xffb"), fault.Field("f\xff"),
		fault.FromProvider(fault.Provider{Status: 400, Message: long}))
	for i := range 100 {
		fault.Param(fmt.Sprintf("p%03d", i), "x")(sent)
	}
	f, _ := fault.As(there(t, sent))
	if f.Kind != fault.Forbidden || f.Code != "NOPE" || f.Params["name"] != "a\ufffdb" {
		t.Fatalf("got %#v", f)
	}
	if n := len(f.Provider.Message); n > 2048 || n < 2040 || !utf8.ValidString(f.Provider.Message) {
		t.Fatalf("the provider's message came back with %d bytes", n)
	}
	if len(f.Params) != 32 {
		t.Fatalf("%d parameters came back", len(f.Params))
	}
}

func TestAStatusThatIsNotOursIsReadByItsCode(t *testing.T) {
	t.Parallel()
	for code, kind := range map[codes.Code]fault.Kind{
		codes.Unavailable: fault.Unavailable, codes.Canceled: fault.Unavailable,
		codes.DeadlineExceeded: fault.DeadlineExceeded, codes.ResourceExhausted: fault.TooLarge,
		codes.Unauthenticated: fault.Unauthenticated, codes.PermissionDenied: fault.Forbidden,
		codes.InvalidArgument: fault.Invalid, codes.NotFound: fault.NotFound,
		codes.Internal: fault.Internal, codes.DataLoss: fault.Internal,
	} {
		if got := fault.KindOf(fault.FromStatus(status.Error(code, "whatever"))); got != kind {
			t.Errorf("%v: got %v, want %v", code, got, kind)
		}
	}
}

func TestAKindOfALaterVersionIsReadByItsCode(t *testing.T) {
	t.Parallel()
	s, err := status.New(codes.Unavailable, "").WithDetails(&errdetails.ErrorInfo{
		Domain: "kikigaki", Reason: "NEW_CODE", Metadata: map[string]string{"kind": "250"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := fault.FromStatus(s.Err())
	if fault.KindOf(got) != fault.Unavailable || fault.CodeOf(got) != "NEW_CODE" {
		t.Fatalf("got %v %v", fault.KindOf(got), got)
	}
}

func TestFromStatusLeavesAlone(t *testing.T) {
	t.Parallel()
	if fault.FromStatus(nil) != nil || fault.ToStatus(nil) != nil {
		t.Fatal("nil did not stay nil")
	}
	if !errors.Is(fault.FromStatus(io.EOF), io.EOF) {
		t.Fatal("the end of a stream became something else")
	}
	ours := fault.New(fault.Conflict, "STALE", fault.Wrapping(status.Error(codes.Unavailable, "down")))
	if !fault.Is(fault.FromStatus(ours), "STALE") {
		t.Fatal("a fault was read again by what lies beneath it")
	}
}

func TestAMissingMethodStaysUnimplemented(t *testing.T) {
	t.Parallel()
	if c := fault.ToStatus(status.Error(codes.Unimplemented, "method X not implemented")).Code(); c != codes.Unimplemented {
		t.Fatalf("got %v", c)
	}
}
