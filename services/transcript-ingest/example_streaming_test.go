package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"google.golang.org/grpc"

	"github.com/kikigaki/kikigaki/pkg/serve"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/broker"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// A publisher keeps what it has sent until it is acknowledged. When a stream breaks it sends what is left on the next
// one: what had been stored all the same is a duplicate.
func ExampleService_StreamUtterances() {
	ctx := context.Background()
	client, stop, err := openIngest(ctx) // elsewhere: serve.Connect, and the token in the metadata "authorization"
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	unacknowledged := []*transcriptv1.StreamUtterancesRequest{
		{Append: &transcriptv1.AppendUtterancesRequest{CallId: "call-1", Utterances: []*transcriptv1.NewUtterance{
			{UtteranceId: "1", Order: 1, Speaker: "agent", Text: "Hello, how may I help you?"},
		}}},
		{Append: &transcriptv1.AppendUtterancesRequest{CallId: "call-1", Utterances: []*transcriptv1.NewUtterance{
			{UtteranceId: "2", Order: 2, Speaker: "customer", Text: "My order has not come."},
		}}, End: &transcriptv1.EndCallRequest{}},
	}
	for len(unacknowledged) > 0 {
		flow, err := client.StreamUtterances(ctx)
		if err != nil {
			continue // elsewhere: after a while
		}
		go func(messages []*transcriptv1.StreamUtterancesRequest) {
			for _, m := range messages {
				if flow.Send(m) != nil {
					return // Recv says why
				}
			}
			_ = flow.CloseSend()
		}(unacknowledged)
		acknowledged := uint64(0)
		for res, err := flow.Recv(); ; res, err = flow.Recv() {
			if err != nil {
				fmt.Println("over:", errors.Is(err, io.EOF))
				break
			}
			acknowledged = res.GetAcknowledged()
		}
		unacknowledged = unacknowledged[acknowledged:]
	}
	res, err := client.GetTranscript(ctx, &transcriptv1.GetTranscriptRequest{CallId: "call-1"})
	fmt.Println(res.GetState(), len(res.GetUtterances()), err)
	// Output:
	// over: true
	// finished 2 <nil>
}

// openIngest starts a log and a replica over it, for a caller who may edit calls.
func openIngest(ctx context.Context) (transcriptv1.TranscriptServiceClient, func(), error) {
	nc, stopLog, err := streamtest.Run()
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp("", "views-")
	log, open := stream.Open(nc, stream.Config{})
	if err := errors.Join(err, open, broker.Declare(ctx, log, nil)); err != nil {
		return nil, nil, err
	}
	s := ingest.New(ingest.Config{Views: folder}, ingest.Deps{Log: log, Logger: slog.New(slog.DiscardHandler)})
	if err := s.Start(ctx); err != nil {
		return nil, nil, err
	}
	known := identity.Receiver{Verifier: identity.NewVerifier(identity.GenerateSecrets()), Resolve: editorAlone}
	server := serve.New(serve.Config{
		Unary: []grpc.UnaryServerInterceptor{known.Unary()}, Stream: []grpc.StreamServerInterceptor{known.Stream()},
	})
	s.Register(server.GRPC())
	conn, err := server.Dial("publisher", grpc.WithPerRPCCredentials(bearer("secret")))
	return transcriptv1.NewTranscriptServiceClient(conn), func() {
		s.Drain()
		_ = conn.Close()
		_ = server.Stop(ctx)
		_ = s.Stop(ctx)
		stopLog()
		_ = os.RemoveAll(folder)
	}, err
}

func editorAlone(context.Context, string) (identity.Caller, string, error) {
	return identity.Caller{Tenant: "a", AccountID: "account-2", CallPermission: identity.PermissionEdit}, "", nil
}

// bearer brings a token along with each call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (b bearer) RequireTransportSecurity() bool { return false }
