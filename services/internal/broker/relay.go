package broker

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/proto/subject"
)

// PublisherHeader names the account that published a message over the embedded server's port, as subject.Token makes it.
// The broker sets it and nobody else can there; on a message from an external system it means nothing.
const PublisherHeader = "Kikigaki-Publisher"

// relay carries what comes over the port into the inbox, and its acknowledgements back. It stands between because the
// inbox is one stream for all: the headers that JetStream obeys would let one tenant look at another's sequences, or have
// its message swallowed as a repetition of theirs, acknowledged and not stored. It also is where a disk that is running
// full says no. It keeps nothing: a message that it loses was never acknowledged.
type relay struct {
	nc   *nats.Conn
	log  *slog.Logger
	room func() error
}

// startRelay begins to carry. The connection is its own: a flood over the port must not hold up the services.
func startRelay(e *embedded, log *slog.Logger, room func() error) (*relay, error) {
	nc, err := nats.Connect("", nats.InProcessServer(e), nats.Name("kikigaki publishers"),
		nats.MaxReconnects(-1), nats.ReconnectWait(retryWait),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("publishers' port", slog.Any("error", err))
		}))
	if err != nil {
		return nil, fmt.Errorf("broker: port: %w", err)
	}
	r := &relay{nc: nc, log: log, room: room}
	_, err = nc.Subscribe(subject.AnswerAll(), r.answer)
	if err == nil {
		_, err = nc.Subscribe(subject.RelayedAll(), r.carry)
	}
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("broker: port: %w", err)
	}
	return r, nil
}

func (r *relay) stop() { r.nc.Close() }

// carry publishes a message to the inbox, or answers why not.
func (r *relay) carry(m *nats.Msg) {
	out, err := inboxMessage(m)
	if err == nil {
		err = r.room()
	}
	if err == nil {
		if m.Reply != "" {
			out.Reply = subject.Answer(m.Reply)
		}
		err = r.nc.PublishMsg(out)
	}
	if err == nil || m.Reply == "" {
		return
	}
	answer, err := json.Marshal(map[string]any{"error": refusal(err)})
	if err == nil {
		err = r.nc.Publish(m.Reply, answer)
	}
	if err != nil {
		r.log.Warn("publishers' port: a refusal was not told", slog.Any("error", err))
	}
}

// answer hands the stream's own answer to the publisher. When there was no stream to answer, what comes is the server's
// empty message that says so, with its status among the headers.
func (r *relay) answer(m *nats.Msg) {
	answer := &nats.Msg{Subject: subject.AnswerTo(m.Subject), Header: m.Header, Data: m.Data}
	if err := r.nc.PublishMsg(answer); err != nil {
		r.log.Warn("publishers' port: an answer was not handed on", slog.Any("error", err))
	}
}

// errSource and errHeader are mistakes of the publisher.
var (
	errSource = errors.New("the subject is to end in the tenant and the name of the source, one token each")
	errHeader = errors.New("a header that means something to JetStream is not taken here")
)

// inboxMessage is a message as it goes into the inbox. Header names that begin with Nats- are orders to the server and are
// refused, so that nobody believes that they were followed; but for two that clients add by themselves, and the server's
// own note of where the message came from. The message id is left out: events have an id of their own, by which the same
// one is known for as long as its call exists, and the server's would be shared by all tenants.
func inboxMessage(m *nats.Msg) (*nats.Msg, error) {
	tenant, account, source, ok := subject.RelayedFrom(m.Subject)
	if !ok {
		return nil, errSource
	}
	out := nats.NewMsg(subject.InboxOf(tenant, source))
	out.Data = m.Data
	for name, values := range m.Header {
		switch {
		case strings.EqualFold(name, PublisherHeader), name == jetstream.MsgIDHeader, name == server.ClientInfoHdr:
		case name == jetstream.ExpectedStreamHeader:
			out.Header[name] = values
		case strings.HasPrefix(strings.ToLower(name), "nats-"):
			return nil, fmt.Errorf("%w: %s", errHeader, name)
		default:
			out.Header[name] = values
		}
	}
	out.Header.Set(PublisherHeader, subject.Token(account))
	return out, nil
}

// refusal is an error in JetStream's own form, which every client of it understands.
func refusal(err error) jetstream.APIError {
	const tooLarge, noRoom = 10054, 10047 // they have no name in the client
	switch {
	case errors.Is(err, errSource), errors.Is(err, errHeader):
		return jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeBadRequest, Description: err.Error()}
	case errors.Is(err, nats.ErrMaxPayload):
		return jetstream.APIError{Code: 400, ErrorCode: tooLarge, Description: err.Error()}
	case fault.Is(err, "STORAGE_FULL"):
		f, _ := fault.As(err)
		return jetstream.APIError{
			Code: 503, ErrorCode: noRoom, Description: fmt.Sprintf("%s: try again in %s", f.Code, f.RetryAfter),
		}
	default:
		return jetstream.APIError{Code: 503, ErrorCode: jetstream.JSErrCodeJetStreamNotEnabled, Description: "try again"}
	}
}
