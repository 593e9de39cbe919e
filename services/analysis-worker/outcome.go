package analysis

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

// Codes of the errors an analysis may end with; titles, causes and remedies are the catalogue's.
const (
	codeTimeout     = "PROVIDER_TIMEOUT"      // no answer within the 10 minutes
	codeInterrupted = "PROVIDER_INTERRUPTED"  // the connection broke; it may have been paid
	codeAuth        = "PROVIDER_AUTH"         // 401
	codeRate        = "PROVIDER_RATE"         // 429, too often
	codeCredit      = "PROVIDER_CREDIT"       // 429, nothing left to spend
	codeServer      = "PROVIDER_SERVER_ERROR" // 500
	codeOverloaded  = "PROVIDER_OVERLOADED"   // 503
	codeOther       = "PROVIDER_OTHER"
	codeTooLong     = "CONTEXT_TOO_LONG"
	codeFiltered    = "CONTENT_FILTERED"
)

// errTimeout is the cause when an analysis has used up its time.
var errTimeout = errors.New("analysis: out of time")

// Error is the code, for logs.
func (e *ProviderError) Error() string { return "analysis: " + e.Code }

// usable refuses an answer without a word in it.
func usable(c llm.Completion) error {
	if strings.TrimSpace(c.Text) != "" {
		return nil
	}
	if c.FinishReason == "content_filter" {
		return &ProviderError{Code: codeFiltered, RequestID: c.ProviderRequestID}
	}
	return &ProviderError{
		Code: codeOther, RequestID: c.ProviderRequestID, Message: "empty answer, finish_reason " + c.FinishReason,
	}
}

// failure is the error that an analysis fails with; an error of ours is passed on, to be tried again.
func failure(err error) error {
	var e *llm.Error
	if !errors.As(err, &e) {
		return err
	}
	return providerError(e)
}

func providerError(e *llm.Error) *ProviderError {
	out := &ProviderError{
		Code: codeOf(e), Status: int32(e.Status), ProviderCode: e.Code, Message: e.Message,
		RequestID: e.RequestID,
	}
	if out.Code == codeTooLong && e.Window > 0 {
		out.Params = map[string]string{"limit": strconv.FormatInt(e.Window, 10)}
	}
	return out
}

// codeOf sorts by what the client made of the answer, then by its status.
func codeOf(e *llm.Error) string {
	switch e.Class { //nolint:exhaustive // the others are told by their status
	case llm.ClassTimeout:
		return codeTimeout
	case llm.ClassInterrupted:
		return codeInterrupted
	case llm.ClassBilling:
		return codeCredit
	case llm.ClassNeverFits:
		return codeTooLong
	case llm.ClassContent:
		return codeFiltered
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return codeAuth
	case http.StatusTooManyRequests:
		return codeRate
	case http.StatusServiceUnavailable:
		return codeOverloaded
	case http.StatusInternalServerError:
		return codeServer
	}
	return codeOther
}

// pieceOf is what came of a request, to be written down.
func pieceOf(sent Sent, c llm.Completion, failed error) *eventv1.PieceAnswered {
	p := &eventv1.PieceAnswered{
		Level: sent.Level, Index: sent.Index, Try: sent.Try,
		ProviderRequestId: c.ProviderRequestID, FinishReason: c.FinishReason, RateLimits: rateLimits(c.Limits),
		Usage: &eventv1.Usage{
			Requests: 1, InputTokens: int64(c.Usage.InputTokens), OutputTokens: int64(c.Usage.OutputTokens),
		},
	}
	var asked *llm.Error
	var ours *ProviderError
	switch {
	case failed == nil:
		p.Text = &c.Text
	case errors.As(failed, &asked):
		p.Error = providerError(asked).proto()
		p.ProviderRequestId = asked.RequestID
		if asked.RetryAfter > 0 {
			p.Error.RetryAfter = durationpb.New(asked.RetryAfter.Round(time.Millisecond))
		}
		if asked.MaybeProcessed {
			p.Usage = &eventv1.Usage{MaybeRequests: 1}
		}
	case errors.As(failed, &ours):
		p.Error = ours.proto()
	default:
		p.Error = (&ProviderError{Code: codeInterrupted, Message: interrupted(failed)}).proto()
		p.Usage = &eventv1.Usage{MaybeRequests: 1}
	}
	return p
}

func interrupted(err error) string {
	if errors.Is(err, context.Canceled) {
		return "the analysis was cancelled"
	}
	return "the connection broke"
}
