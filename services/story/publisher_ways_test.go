package story_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// post brings letters to an installation, in every way there is.
type post struct {
	admin   *person
	token   string
	clients []transcriptv1.TranscriptServiceClient // one a replica
	nats    []string                               // addresses; the first that answers is good
}

// newPost connects to every replica.
func newPost(t *testing.T, w *world, admin *person, nats string) *post {
	t.Helper()
	p := &post{admin: admin, token: admin.token, nats: []string{nats}}
	addresses := []string{w.grpc}
	if w.servers != nil {
		addresses, p.nats = w.at[ingest.Name], nil
		for _, n := range w.servers.nodes {
			p.nats = append(p.nats, n.address)
		}
	}
	for _, address := range addresses {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		p.clients = append(p.clients, transcriptv1.NewTranscriptServiceClient(conn))
	}
	return p
}

// reply is what an answer told of repetitions.
type reply struct{ duplicates, conflicting uint32 }

// errTryAgain is an answer that says to come again.
var errTryAgain = errors.New("try again")

// calling is the context of one try.
func (p *post) calling(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+p.token), cancel
}

// byHTTP posts words, an end, or one after the other.
func (p *post) byHTTP(call string, l letter) (got reply, err error) {
	path := "/api/v1/calls/" + url.PathEscape(call)
	if len(l.said) > 0 {
		list := []map[string]any{}
		for _, u := range l.said {
			list = append(list, map[string]any{
				"utteranceId": u.id, "version": u.version, "order": u.order, "speaker": u.speaker, "text": u.text,
			})
		}
		body := map[string]any{"utterances": list}
		if l.link != "" {
			body["call"] = map[string]any{"links": []map[string]any{{"callId": l.link, "relation": "transfer"}}}
		}
		a, err := p.once("POST", path+"/utterances", body)
		if err != nil {
			return got, err
		}
		var told struct{ Duplicates, Conflicting uint32 }
		if err := json.Unmarshal(a.body, &told); err != nil {
			return got, err
		}
		got = reply{told.Duplicates, told.Conflicting}
	}
	if l.ends {
		_, err = p.once("POST", path+"/end", map[string]any{})
	}
	return got, err
}

func (p *post) once(method, path string, body any) (answer, error) {
	a, err := p.admin.try(method, path, body)
	switch {
	case err != nil:
		return a, fmt.Errorf("%w: %w", errTryAgain, err)
	case a.status >= http.StatusInternalServerError || a.status == http.StatusTooManyRequests:
		return a, fmt.Errorf("%w: %d %s", errTryAgain, a.status, a.body)
	case a.status != http.StatusOK:
		return a, fmt.Errorf("%s %s: %d %s", method, path, a.status, a.body)
	}
	return a, nil
}

func (l letter) request(call string) *transcriptv1.AppendUtterancesRequest {
	out := &transcriptv1.AppendUtterancesRequest{CallId: call}
	if l.link != "" {
		out.Call = &transcriptv1.CallDetails{Links: []*transcriptv1.CallLink{{CallId: l.link, Relation: "transfer"}}}
	}
	for _, u := range l.said {
		out.Utterances = append(out.Utterances, &transcriptv1.NewUtterance{
			UtteranceId: u.id, Version: u.version, Order: u.order, Speaker: u.speaker, Text: u.text,
		})
	}
	return out
}

func (p *post) byUnary(ctx context.Context, c transcriptv1.TranscriptServiceClient, call string, l letter) (got reply, err error) {
	ctx, cancel := p.calling(ctx)
	defer cancel()
	if len(l.said) > 0 {
		res, err := c.AppendUtterances(ctx, l.request(call))
		if err != nil {
			return got, fmt.Errorf("%w: %w", errTryAgain, err)
		}
		got = reply{res.GetDuplicates(), res.GetConflicting()}
	}
	if l.ends {
		if _, err = c.EndCall(ctx, &transcriptv1.EndCallRequest{CallId: call}); err != nil {
			err = fmt.Errorf("%w: %w", errTryAgain, err)
		}
	}
	return got, err
}

// byStream sends letters on one stream without waiting in between, and tells how many were acknowledged.
func (p *post) byStream(ctx context.Context, c transcriptv1.TranscriptServiceClient, call string, all []letter) (acknowledged int, got reply, err error) {
	ctx, cancel := p.calling(ctx)
	defer cancel()
	flow, err := c.StreamUtterances(ctx)
	if err != nil {
		return 0, got, fmt.Errorf("%w: %w", errTryAgain, err)
	}
	for _, l := range all {
		m := &transcriptv1.StreamUtterancesRequest{Append: l.request(call)}
		if l.ends {
			m.End = &transcriptv1.EndCallRequest{}
		}
		if flow.Send(m) != nil {
			break // Recv says why
		}
	}
	_ = flow.CloseSend()
	for {
		res, err := flow.Recv()
		if errors.Is(err, io.EOF) {
			return acknowledged, got, nil
		}
		if err != nil {
			return acknowledged, got, fmt.Errorf("%w: %w", errTryAgain, err)
		}
		if len(res.GetRefused()) > 0 {
			return acknowledged, got, fmt.Errorf("refused: %v", res.GetRefused())
		}
		acknowledged = int(res.GetAcknowledged())
		got.duplicates += res.GetDuplicates()
		got.conflicting += res.GetConflicting()
	}
}

// byInbox publishes events for words, an end, or both, as a program without a client library would: acknowledged is what
// lies in the inbox.
func (p *post) byInbox(ctx context.Context, call string, l letter) error {
	data := map[string]any{"callId": call}
	list := []map[string]any{}
	for _, u := range l.said {
		list = append(list, map[string]any{
			"utteranceId": u.id, "version": u.version, "order": u.order, "speaker": u.speaker, "text": u.text,
		})
	}
	data["utterances"] = list
	err := p.anywhere(ctx, "kikigaki.utterance.v1", call, data)
	if err == nil && l.ends {
		err = p.anywhere(ctx, "kikigaki.call.ended.v1", call, map[string]any{"callId": call})
	}
	return err
}

// anywhere publishes to the first server that takes it.
func (p *post) anywhere(ctx context.Context, kind, call string, data any) (err error) {
	for _, address := range p.nats {
		if err = p.publish(ctx, address, kind, call, data); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", errTryAgain, err)
}

// publish speaks NATS by hand: name, listen for the answer, publish, wait for it.
func (p *post) publish(ctx context.Context, address, kind, call string, data any) error {
	event, err := json.Marshal(map[string]any{
		"specversion": "1.0", "id": fmt.Sprint(time.Now().UnixNano()), "source": "/story", "type": kind, "subject": call, "data": data,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	until, _ := ctx.Deadline()
	if err := conn.SetDeadline(until); err != nil {
		return err
	}
	at := subject.InboxOf("default", "story")
	if _, err := fmt.Fprintf(conn, "CONNECT {\"verbose\":false,\"auth_token\":%q,\"headers\":true,\"no_responders\":true,\"protocol\":1}\r\n"+
		"SUB _INBOX.story 1\r\nPUB %s _INBOX.story %d\r\n%s\r\n", p.token, at, len(event), event); err != nil {
		return err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "PING":
			_, _ = fmt.Fprint(conn, "PONG\r\n")
		case strings.HasPrefix(line, "-ERR"), strings.HasPrefix(line, "HMSG"): // the server's word that nobody listens
			return errors.New(line)
		case strings.HasPrefix(line, "MSG "):
			if lines.Scan() && strings.Contains(lines.Text(), `"seq"`) {
				return nil
			}
			return errors.New(lines.Text())
		}
	}
	return fmt.Errorf("no answer: %w", lines.Err())
}
