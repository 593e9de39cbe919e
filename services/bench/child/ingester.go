package child

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/stream"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// perCall is how many utterances a call gets before the next one begins.
const perCall = 5000

// ingester is transcript-ingest with a log and a view of its own. It is called without a network in between.
type ingester struct {
	broker  *broker.Broker
	service *ingest.Service
	caller  identity.Caller
	text    string
	said    int
}

func openIngester(ctx context.Context, dir string) (w *ingester, err error) {
	w = &ingester{
		caller: identity.Caller{Tenant: "bench", AccountID: "bench", CallPermission: identity.PermissionEdit},
		text:   strings.Repeat("お電話ありがとうございます。", 7),
	}
	if w.broker, err = broker.Start(ctx, broker.Config{DataDir: dir}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.broker.Stop(context.WithoutCancel(ctx)))
		}
	}()
	log, err := stream.Open(w.broker.Conn(), stream.Config{})
	if err != nil {
		return nil, err
	}
	if err := broker.Declare(ctx, log, nil); err != nil {
		return nil, err
	}
	w.service = ingest.New(ingest.Config{Views: filepath.Join(dir, "views")}, ingest.Deps{Log: log, Logger: slog.New(slog.DiscardHandler)})
	return w, w.service.Start(ctx)
}

// operation appends utterances, one a call, and waits for each.
func (w *ingester) operation(ctx context.Context, each int) error {
	ctx = identity.With(ctx, w.caller)
	for range each {
		res, err := w.service.AppendUtterances(ctx, &transcriptv1.AppendUtterancesRequest{
			CallId: "call-" + strconv.Itoa(w.said/perCall),
			Utterances: []*transcriptv1.NewUtterance{{
				UtteranceId: strconv.Itoa(w.said), Speaker: "agent", Text: w.text,
			}},
		})
		if err != nil {
			return err
		}
		if res.GetAccepted() != 1 {
			return fmt.Errorf("an utterance was not accepted: %v", res)
		}
		w.said++
	}
	return nil
}

func (w *ingester) close(ctx context.Context) error {
	return errors.Join(w.service.Stop(ctx), w.broker.Stop(ctx))
}

// VerifyWords opens the log that a child has brought utterances into, and tells whether there are as many as were
// acknowledged. Each was brought alone and is a message of its own.
func VerifyWords(ctx context.Context, dir string, utterances uint64) (err error) {
	b, err := broker.Start(ctx, broker.Config{DataDir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Stop(context.WithoutCancel(ctx))) }()
	log, err := stream.Open(b.Conn(), stream.Config{})
	if err != nil {
		return err
	}
	info, err := log.Info(ctx, subject.Live)
	if err == nil && info.Messages != utterances {
		err = fmt.Errorf("%d utterances are on disk, and %d were acknowledged", info.Messages, utterances)
	}
	return err
}
