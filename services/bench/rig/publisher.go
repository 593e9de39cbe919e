package rig

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// Publisher sends words by gRPC, and remembers how many of each call were acknowledged.
type Publisher struct {
	conn   *grpc.ClientConn
	client transcriptv1.TranscriptServiceClient
	token  string
	text   string
	round  int

	mu           sync.Mutex
	acknowledged map[string]int
}

// NewPublisher connects to a system with the token of a client.
func NewPublisher(s *System, c *Client) (*Publisher, error) {
	conn, err := grpc.NewClient(s.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	return &Publisher{
		conn: conn, client: transcriptv1.NewTranscriptServiceClient(conn), token: c.token,
		text: strings.Repeat("お電話ありがとうございます。", 7), acknowledged: map[string]int{},
	}, err
}

// Close closes the connection.
func (p *Publisher) Close() error { return p.conn.Close() }

func (p *Publisher) context(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+p.token)
}

// Round begins a leg: its calls are others than those before.
func (p *Publisher) Round() { p.round++ }

// Append sends some utterances, by a caller of that number, for the n-th time, and waits for the answer.
func (p *Publisher) Append(ctx context.Context, caller, n, utterances int) error {
	const perCall = 5000
	call := fmt.Sprintf("r%d-%d-%d", p.round, caller, n*utterances/perCall)
	req := &transcriptv1.AppendUtterancesRequest{CallId: call}
	for i := range utterances {
		req.Utterances = append(req.Utterances, &transcriptv1.NewUtterance{
			UtteranceId: strconv.Itoa(n*utterances + i), Speaker: "agent", Text: p.text,
		})
	}
	res, err := p.client.AppendUtterances(p.context(ctx), req)
	if err != nil {
		return err
	}
	if int(res.GetAccepted()) != utterances {
		return fmt.Errorf("of %d utterances %d were accepted", utterances, res.GetAccepted())
	}
	p.note(call, utterances)
	return nil
}

// Stream sends utterances, one a message, on a stream of their own, over some calls in turn, until the time; it returns how
// many were acknowledged. Nothing but the service itself holds it back: as many are on their way as that takes.
func (p *Publisher) Stream(ctx context.Context, caller, calls int, end time.Time) (int, error) {
	ctx, cancel := context.WithCancel(p.context(ctx))
	defer cancel()
	stream, err := p.client.StreamUtterances(ctx)
	if err != nil {
		return 0, err
	}
	sent := make(chan error, 1)
	count := 0
	go func() {
		err := p.speak(caller, calls, end, func(req *transcriptv1.AppendUtterancesRequest) error {
			count++
			return stream.Send(&transcriptv1.StreamUtterancesRequest{Append: req})
		})
		sent <- errors.Join(err, stream.CloseSend())
	}()
	acknowledged, accepted := 0, 0
	for {
		res, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, err
		}
		if len(res.GetRefused()) > 0 {
			return 0, fmt.Errorf("refused: %v", res.GetRefused()[0])
		}
		accepted += int(res.GetAccepted())
		acknowledged = int(res.GetAcknowledged())
	}
	if err := <-sent; err != nil || accepted != count || acknowledged != count {
		return 0, fmt.Errorf("%d sent, %d acknowledged, %d accepted: %w", count, acknowledged, accepted, err)
	}
	return count, nil
}

// speak hands utterances of some calls to send until the time, and notes how many of each there were. A call has 5,000 at
// the most.
func (p *Publisher) speak(
	caller, calls int, end time.Time, send func(*transcriptv1.AppendUtterancesRequest) error,
) error {
	const perCall = 5000
	names := make([]string, calls)
	for n := 0; time.Now().Before(end); n++ {
		if n%(calls*perCall) == 0 {
			for c := range names {
				names[c] = fmt.Sprintf("s%d-%d-%d-%d", p.round, caller, c, n/calls/perCall)
			}
		}
		err := send(&transcriptv1.AppendUtterancesRequest{
			CallId:     names[n%calls],
			Utterances: []*transcriptv1.NewUtterance{{UtteranceId: strconv.Itoa(n), Speaker: "agent", Text: p.text}},
		})
		if err != nil {
			return err
		}
		p.note(names[n%calls], 1)
	}
	return nil
}

func (p *Publisher) note(call string, utterances int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acknowledged[call] += utterances
}

// Check asks for the receipt of every call: it must have what was acknowledged, each once.
func (p *Publisher) Check(ctx context.Context) error {
	var wrong []error
	for call, n := range p.acknowledged {
		res, err := p.client.GetReceipt(p.context(ctx), &transcriptv1.GetReceiptRequest{CallId: call})
		if err != nil {
			return err
		}
		if r := res.GetReceipt(); int(r.GetAccepted()) != n || r.GetDuplicates() != 0 {
			wrong = append(wrong, fmt.Errorf("%s: %d utterances were acknowledged, the receipt says %v", call, n, r))
		}
	}
	return errors.Join(wrong...)
}
