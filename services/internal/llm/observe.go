package llm

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
)

// Names of the conventions for generative AI. They are still being worked on and have moved before, so that no other
// file spells them out.
const (
	operationKey     = attribute.Key("gen_ai.operation.name")
	providerKey      = attribute.Key("gen_ai.provider.name")
	requestModelKey  = attribute.Key("gen_ai.request.model")
	maxTokensKey     = attribute.Key("gen_ai.request.max_tokens")
	responseModelKey = attribute.Key("gen_ai.response.model")
	responseIDKey    = attribute.Key("gen_ai.response.id")
	finishReasonsKey = attribute.Key("gen_ai.response.finish_reasons")
	inputTokensKey   = attribute.Key("gen_ai.usage.input_tokens")
	outputTokensKey  = attribute.Key("gen_ai.usage.output_tokens")
	promptNameKey    = attribute.Key("gen_ai.prompt.name")
	promptVersionKey = attribute.Key("gen_ai.prompt.version")

	operationChat = "chat"
)

// About says of a question what may be told of it: never what it says.
type About struct {
	// Provider is the kind of its key: openai, azure_openai or compatible.
	Provider string
	// Prompt is the name of the prompt, and Version which of its revisions.
	Prompt, Version string
}

// Observer makes each request to a provider a span and measures it. It tells models, ids, numbers and the class of an
// error; never words that were sent or answered, and never a key. Use one for many clients.
type Observer struct {
	tracer        trace.Tracer
	took          metric.Float64Histogram
	input, output metric.Int64Counter
}

// NewObserver makes an observer of a service. The error says what cannot be measured; the rest is all the same.
func NewObserver(scope telemetry.Scope) (*Observer, error) {
	const library = "github.com/kikigaki/kikigaki/services/internal/llm"
	m := telemetry.NewInstruments(scope.MeterProvider(), library)
	return &Observer{
		tracer: scope.TracerProvider().Tracer(library),
		took: m.Seconds("gen_ai.client.inference.duration", "How long a provider took to answer, or not to.",
			.1, .2, .5, 1, 2, 5, 10, 20, 50, 100, 200, 400, 600),
		input: m.Counter("gen_ai.client.inference.usage.input_tokens", "{token}",
			"Tokens of questions, as the provider counted them."),
		output: m.Counter("gen_ai.client.inference.usage.output_tokens", "{token}",
			"Tokens of answers, as the provider counted them."),
	}, m.Err()
}

// Complete asks a client once, as [Client.Complete] does, and observes it. The provider is not told of the trace: it is a
// stranger.
func (o *Observer) Complete(ctx context.Context, c *Client, req Request, about About) (Completion, error) {
	labels := []attribute.KeyValue{
		operationKey.String(operationChat), providerKey.String(providerName(about.Provider)),
		requestModelKey.String(req.Model),
	}
	ctx, span := o.tracer.Start(ctx, operationChat+" "+req.Model, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(labels...), trace.WithAttributes(
			maxTokensKey.Int(req.MaxOutputTokens), promptNameKey.String(about.Prompt),
			promptVersionKey.String(about.Version)))
	defer span.End()
	began := time.Now()
	done, err := c.Complete(ctx, req)
	used := metric.WithAttributes(labels...)
	o.input.Add(ctx, int64(done.Usage.InputTokens), used)
	o.output.Add(ctx, int64(done.Usage.OutputTokens), used)
	span.SetAttributes(answered(done)...)
	if err != nil {
		why := semconv.ErrorTypeKey.String(whyNot(err))
		labels = append(labels, why)
		span.SetAttributes(why)
		span.SetStatus(codes.Error, "") // the provider's own words may repeat ours
	}
	o.took.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(labels...))
	return done, err
}

// answered is what may be told of an answer; nothing of one that did not come.
func answered(c Completion) []attribute.KeyValue {
	if c.FinishReason == "" {
		return nil
	}
	return []attribute.KeyValue{
		responseModelKey.String(c.ServedModel), responseIDKey.String(c.ID),
		finishReasonsKey.StringSlice([]string{c.FinishReason}),
		inputTokensKey.Int(c.Usage.InputTokens), outputTokensKey.Int(c.Usage.OutputTokens),
	}
}

// providerName is the convention's name of a kind of key.
func providerName(kind string) string {
	if kind == "azure_openai" {
		return "azure.ai.openai"
	}
	return cmp.Or(kind, "openai")
}

// whyNot is the class of an error: one of a few words, whatever a provider says.
func whyNot(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return string(e.Class)
	}
	return string(ClassUnknown)
}
