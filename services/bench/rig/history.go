package rig

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

const (
	tenant = "default" // an installation's first
	// eventsPerCall is how many there are of a finished call that was analysed once: seven of the call's history, the seal
	// of its live words, and the part that holds them.
	eventsPerCall = 9
	// oldest and newest are how long ago the first call and the last took place.
	oldest, newest = 30 * 24 * time.Hour, 3 * 24 * time.Hour
)

func callID(n int) string { return fmt.Sprintf("bench-%06d", n) }

// call is one call of a history.
type call struct {
	id, analysis string
	at           time.Time
	words        []*eventv1.Entry
}

// callOf is the n-th of so many calls. They are spread evenly over a month.
func callOf(n, calls int) call {
	c := call{id: callID(n), analysis: fmt.Sprintf("analysis-%016d", n)}
	c.at = time.Now().Add(-oldest + time.Duration(n)*((oldest-newest)/time.Duration(calls)))
	for i, u := range dialogueOf(c.id).Utterances {
		c.words = append(c.words, &eventv1.Entry{
			UtteranceId: fmt.Sprint(i), Kind: "utterance", Speaker: u.Speaker, Text: u.Text, ReceivedAt: timestamppb.New(c.at),
		})
	}
	return c
}

// writeCall writes everything that is on the log of the n-th of so many calls.
func writeCall(ctx context.Context, log *stream.Log, n, calls int) error {
	c := callOf(n, calls)
	sealed := &eventv1.LiveEvent{Meta: c.meta(), Kind: &eventv1.LiveEvent_Sealed{
		Sealed: &eventv1.Sealed{Entries: uint32(len(c.words))},
	}}
	part := &eventv1.TranscriptEvent{Meta: c.meta(), Kind: &eventv1.TranscriptEvent_Part{
		Part: &eventv1.Part{Number: 1, First: 1, Entries: c.words},
	}}
	live, parts := subject.LiveWords(tenant, c.id), subject.Part(tenant, c.id, 1)
	if _, err := write(ctx, log, stream.NewGuard(subject.Live, live), 0, live, sealed); err != nil {
		return err
	}
	guard := stream.NewGuard(subject.Transcripts, subject.TranscriptGuard(tenant, c.id))
	if _, err := write(ctx, log, guard, 0, parts, part); err != nil {
		return err
	}
	guard, last := stream.NewGuard(subject.Calls, subject.CallGuard(tenant, c.id)), uint64(0)
	for _, s := range c.steps() {
		at := subject.Call(tenant, c.id, s.kind)
		if s.kind != subject.KindOpened && s.kind != subject.KindEnded {
			at = subject.Analysis(tenant, c.id, c.analysis, s.kind)
		}
		s.event.Meta, s.event.CallId = c.meta(), c.id
		var err error
		if last, err = write(ctx, log, guard, last, at, s.event); err != nil {
			return err
		}
	}
	return nil
}

func write(ctx context.Context, log *stream.Log, g stream.Guard, last uint64, at string, m proto.Message) (uint64, error) {
	data, err := proto.Marshal(m)
	if err != nil {
		return 0, err
	}
	return log.Append(ctx, g, last, stream.Event{ID: ids.New("event"), Subject: at, Data: data})
}

func (c call) meta() *eventv1.Meta { return &eventv1.Meta{At: timestamppb.New(c.at), Service: "bench"} }

type step struct {
	kind  string
	event *eventv1.CallEvent
}

// steps are the call's history, in its order.
func (c call) steps() []step {
	by := &eventv1.Actor{AccountId: "account-0000000000000000", Name: "佐藤"}
	outcome := &eventv1.Outcome{
		AnalysisId: c.analysis, CallLabel: c.id, CallStartedAt: timestamppb.New(c.at), PromptId: "prompt-0000000000000000",
		PromptName: "要約", RequestedBy: by, Usage: &eventv1.Usage{Requests: 1, InputTokens: 300, OutputTokens: 80}, Attempts: 1,
	}
	answer := "配送先の変更を希望。会社へ、明日の午前中に届ける。対応は完了している。"
	return []step{
		{subject.KindOpened, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Opened{Opened: &eventv1.CallOpened{
			Info: &eventv1.CallInfo{Label: c.id, StartedAt: timestamppb.New(c.at), CustomerNumber: "0312345678"},
		}}}},
		{subject.KindEnded, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Ended{Ended: &eventv1.CallEnded{
			EndedAt: timestamppb.New(c.at.Add(5 * time.Minute)), Cause: "event",
		}}}},
		{subject.KindRequested, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Requested{Requested: &eventv1.AnalysesRequested{
			Analyses: []*eventv1.RequestedAnalysis{{
				Id:     c.analysis,
				Prompt: &eventv1.PinnedPrompt{Id: outcome.GetPromptId(), Name: "要約", Revision: 1, Text: "この通話を三行で要約してください。"},
				Key:    &eventv1.PinnedKey{Id: "key-0000000000000000", Name: "OpenAI", Kind: "openai", Model: "sim-large", Lane: "lane"},
			}},
			Priority: "interactive", RequestedBy: by, TranscriptRevision: uint32(len(c.words)), LastUtterance: fmt.Sprint(len(c.words) - 1),
		}}}},
		{subject.KindStarted, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Started{Started: &eventv1.AnalysisStarted{
			AnalysisId: c.analysis, Attempt: 1, Deadline: timestamppb.New(c.at.Add(15 * time.Minute)), Worker: "bench", Pieces: 1,
		}}}},
		{subject.KindSent, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Sent{Sent: &eventv1.RequestSent{
			AnalysisId: c.analysis, Try: 1, OurRequestId: "run-" + c.analysis,
		}}}},
		{subject.KindPiece, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Piece{Piece: &eventv1.PieceAnswered{
			AnalysisId: c.analysis, Try: 1, Text: &answer, Usage: outcome.GetUsage(), FinishReason: "stop",
		}}}},
		{subject.KindCompleted, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Completed{
			Completed: &eventv1.AnalysisCompleted{Outcome: outcome},
		}}},
	}
}
