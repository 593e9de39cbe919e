package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/openai/openai-go/v3/option"

	"github.com/kikigaki/kikigaki/services/internal/outbound"
)

// maxAnswer is how much of an answer is read, in bytes.
const maxAnswer = 8 << 20

// exchange is what really went over the wire: one request and what came back.
type exchange struct {
	secret Secret      // is told to nobody
	wrote  atomic.Bool // a byte of the request may have left
	status int
	header http.Header
	body   []byte
	// cut is why the body could not be read to its end.
	cut error
}

// trace notes whether anything was sent, which decides whether a failed request may have been processed.
func (e *exchange) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { e.wrote.Store(true) },
	})
}

// middleware keeps the answer as it came, and hands the library one that it can read whole.
func (e *exchange) middleware(req *http.Request, next option.MiddlewareNext) (*http.Response, error) {
	res, err := next(req)
	if err != nil {
		return res, err
	}
	e.status, e.header = res.StatusCode, res.Header
	e.body, e.cut = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	_ = res.Body.Close()
	if len(e.body) > maxAnswer {
		e.body, e.cut = nil, errTooLong
	}
	res.Body = io.NopCloser(bytes.NewReader(e.body))
	return res, nil
}

var errTooLong = errors.New("llm: the answer is longer than 8 MiB")

// verdict judges an exchange by what came, not by what the library made of it; nil for a whole answer of status 200.
func (e *exchange) verdict(ctx context.Context, err error) error {
	switch {
	case e.status == 0:
		return e.noAnswer(ctx, err)
	case errors.Is(e.cut, errTooLong):
		return e.broken("the answer is longer than 8 MiB")
	case e.cut != nil:
		return e.noAnswer(ctx, e.cut)
	case e.status >= http.StatusMultipleChoices:
		return refusal(e)
	case !e.isJSON():
		return e.broken("the answer is " + e.header.Get("Content-Type") + " and not JSON")
	case !json.Valid(e.body):
		return e.broken("the answer is no whole JSON value")
	case e.holdsError():
		return refusal(e)
	case err != nil:
		return e.broken("the answer has members of unexpected types")
	}
	return nil
}

// noAnswer is the error when no whole answer came: out of time, or the connection broke or was never made.
func (e *exchange) noAnswer(ctx context.Context, err error) error {
	out := &Error{
		Status: e.status, Class: ClassInterrupted, MaybeProcessed: e.wrote.Load(), RequestID: e.requestID(),
		Message: "no answer came",
	}
	switch {
	case errors.Is(err, outbound.ErrRefused):
		out.Class, out.Message = ClassConfig, redact(short(err), e.secret)
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		out.Class, out.Message = ClassTimeout, "no answer in time"
	case ctx.Err() != nil:
		out.Message = "the request was cancelled"
	case !e.wrote.Load():
		out.Class, out.Message = ClassRetryBackoff, redact("no connection: "+short(err), e.secret)
	case err != nil:
		out.Message = redact("the connection broke: "+short(err), e.secret)
	}
	return out
}

// broken is the error when an answer came that cannot be used. It was processed: asking again would be paid again.
func (e *exchange) broken(why string) error {
	return &Error{
		Status: e.status, Class: ClassUnknown, Message: redact(why, e.secret), RequestID: e.requestID(),
		MaybeProcessed: true,
	}
}

func (e *exchange) isJSON() bool {
	kind, _, err := mime.ParseMediaType(e.header.Get("Content-Type"))
	return err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json"))
}

// holdsError tells whether a server put an error into an answer of status 200.
func (e *exchange) holdsError() bool {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	return json.Unmarshal(e.body, &body) == nil && len(body.Error) > 0 && string(body.Error) != "null"
}

func (e *exchange) requestID() string {
	for _, name := range []string{"x-request-id", "apim-request-id"} {
		if id := e.header.Get(name); id != "" {
			return redact(id, e.secret)
		}
	}
	return ""
}

// short is an error without the URL it happened at, which people need not read twice.
func short(err error) string {
	var op interface{ Unwrap() error }
	for errors.As(err, &op) && strings.Contains(err.Error(), "\": ") {
		err = op.Unwrap()
	}
	return err.Error()
}
