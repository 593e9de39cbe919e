package ingest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	accessv1 "github.com/kikigaki/kikigaki/proto/kikigaki/access/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// accounts knows one account, as access would tell it.
type accounts struct{ accessv1.AccessServiceClient }

func (accounts) GetAccount(
	_ context.Context, req *accessv1.GetAccountRequest, _ ...grpc.CallOption,
) (*accessv1.GetAccountResponse, error) {
	if req.GetId() == "account-1" || req.GetLogin() == "hanako" {
		return &accessv1.GetAccountResponse{Account: &accessv1.Account{Id: "account-1", Name: "山田 花子"}}, nil
	}
	return nil, fault.New(fault.NotFound, "NOT_FOUND")
}

// bench is a log and replicas over it.
type bench struct {
	t   *testing.T
	log *stream.Log
}

func newBench(t *testing.T) *bench {
	t.Helper()
	l, err := stream.Open(streamtest.Start(t).Conn(t), stream.Config{})
	if err == nil {
		err = broker.Declare(t.Context(), l, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, log: l}
}

func (b *bench) replica() *ingest.Service {
	b.t.Helper()
	s := ingest.New(ingest.Config{Views: filepath.Join(b.t.TempDir(), "views")}, ingest.Deps{
		Log: b.log, Access: accounts{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err := s.Start(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = s.Stop(context.Background()) })
	for end := time.Now().Add(20 * time.Second); s.Ready(b.t.Context()) != nil; {
		if time.Now().After(end) {
			b.t.Fatal(s.Ready(b.t.Context()))
		}
		time.Sleep(time.Millisecond)
	}
	return s
}

func editor(t *testing.T) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Caller{
		Tenant: "a", AccountID: "account-2", Role: identity.RoleUser, CallPermission: identity.PermissionEdit,
	})
}

func say(texts ...string) []*transcriptv1.NewUtterance {
	var out []*transcriptv1.NewUtterance
	for i, text := range texts {
		out = append(out, &transcriptv1.NewUtterance{UtteranceId: fmt.Sprint(i), Speaker: "agent", Text: text})
	}
	return out
}

func add(t *testing.T, s *ingest.Service, call string, words []*transcriptv1.NewUtterance) *transcriptv1.AppendUtterancesResponse {
	t.Helper()
	res, err := s.AppendUtterances(editor(t), &transcriptv1.AppendUtterancesRequest{CallId: call, Utterances: words})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func end(t *testing.T, s *ingest.Service, call string) {
	t.Helper()
	if _, err := s.EndCall(editor(t), &transcriptv1.EndCallRequest{CallId: call}); err != nil {
		t.Fatal(err)
	}
}

// read returns a transcript at a revision (0: the newest) as the leader has it.
func read(t *testing.T, s *ingest.Service, call string, revision uint32) *transcriptv1.GetTranscriptResponse {
	t.Helper()
	res, err := s.GetTranscript(editor(t), &transcriptv1.GetTranscriptRequest{CallId: call, Revision: revision, Newest: true})
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func texts(res *transcriptv1.GetTranscriptResponse) (out []string) {
	for _, u := range res.GetUtterances() {
		out = append(out, u.GetText())
	}
	return out
}

func sums(t *testing.T, s *ingest.Service) string {
	t.Helper()
	all, err := s.Follower().View().Sums()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for name, sum := range all {
		if sum.String() != fmt.Sprintf("%032d", 0) { // a bucket that was emptied and one never used are the same
			out[name] = sum.String()
		}
	}
	return fmt.Sprint(out)
}

// dialogues are the lines of the sets of real dialogues.
func dialogues(t *testing.T) map[string][][]byte {
	t.Helper()
	files, err := filepath.Glob("../story/testdata/dialogues/open-*.jsonl")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d sets, %v", len(files), err)
	}
	out := map[string][][]byte{}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			if line := lines.Bytes(); json.Valid(line) {
				out[filepath.Base(name)] = append(out[filepath.Base(name)], append([]byte(nil), line...))
			}
		}
		_ = file.Close()
	}
	return out
}
