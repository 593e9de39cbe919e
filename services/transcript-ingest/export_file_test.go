package ingest_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/story/testdata/dialogues"
)

// file gets an answer that is no JSON of ours.
func (c client) file(path string) []byte {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.url+path, http.NoBody)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Token "+c.token)
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		c.t.Fatalf("%s: %d %s, %v", path, res.StatusCode, body, err)
	}
	return body
}

// Every raw container comes in, and every call goes out as a file that another tenant takes in as the same call.
func TestWhatIsExportedIsImportedAsItWas(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	here := client{t: t, url: b.serve(s), token: "a:account-2:edit"}
	there := client{t: t, url: here.url, token: "b:account-9:edit"}
	containers, err := dialogues.Files.ReadFile("open-vcon-containers.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var got imported
	here.post("/api/v1/calls/import", containers, http.StatusOK, &got)
	if want := bytes.Count(bytes.TrimSpace(containers), []byte("\n")) + 1; len(got.Calls) != want || len(got.Refused) != 0 {
		t.Fatalf("%d calls of %d containers, refused %v", len(got.Calls), want, got.Refused)
	}
	add(t, s, "corrected", numbered(2, 1, 3))
	add(t, s, "corrected", changed(numbered(2)[0], 7, "改めて\nもう一度 <b>"))
	end(t, s, "corrected")
	ids := []string{"corrected"}
	for _, c := range got.Calls {
		ids = append(ids, c.CallID)
	}
	for i, id := range ids {
		format := []string{"vcon", "jsonl"}[i%2]
		file := here.file("/api/v1/calls/" + url.PathEscape(id) + "/export?format=" + format)
		var again imported
		there.post("/api/v1/calls/import", file, http.StatusOK, &again)
		if len(again.Calls) != 1 || again.Calls[0].CallID != id || len(again.Refused) != 0 {
			t.Fatalf("%s as %s: %+v", id, format, again)
		}
		one := read(t, s, id, 0)
		two, err := s.GetTranscript(as(t, "b", "account-9", identity.PermissionEdit), &transcriptv1.GetTranscriptRequest{CallId: id})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain(one), plain(two), protocmp.Transform()); diff != "" {
			t.Errorf("%s as %s:\n%s", id, format, diff)
		}
	}
}

// plain is a transcript without what is of one installation: when its words came, and how often they were corrected.
func plain(res *transcriptv1.GetTranscriptResponse) *transcriptv1.GetTranscriptResponse {
	out := proto.CloneOf(res)
	out.Position, out.Revision, out.LastUtterance, out.Call.Revision = "", 0, "", 0
	for _, u := range out.GetUtterances() {
		u.CreatedAt, u.UpdatedAt = nil, nil
	}
	return out
}
