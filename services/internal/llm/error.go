package llm

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Class is what can be done about an error.
type Class string

// Classes of errors.
const (
	ClassRetryAfter   Class = "retry_after"   // too often: wait as told
	ClassRetryBackoff Class = "retry_backoff" // the provider's trouble, or no connection: wait and ask again
	ClassRampDown     Class = "ramp_down"     // growing too fast: slow down
	ClassNeverFits    Class = "never_fits"    // too long for the model or the limit: asking again is useless
	ClassAuth         Class = "auth"          // the key, organisation or project is not accepted
	ClassConfig       Class = "config"        // the model or a parameter is wrong
	ClassBilling      Class = "billing"       // nothing left to spend
	ClassContent      Class = "content"       // refused for what it says
	ClassTimeout      Class = "timeout"       // no answer in time
	ClassInterrupted  Class = "interrupted"   // the connection broke
	ClassUnknown      Class = "unknown"
)

// Error is a request that failed.
type Error struct {
	// Status is the HTTP status, 0 when none came.
	Status int
	// Code, Type, Param and Message are the provider's words, without any part of the key.
	Code, Type, Param, Message string
	// RequestID names the request to the provider's support.
	RequestID string
	// RetryAfter is how long the provider asks to wait; 0 when it does not say.
	RetryAfter time.Duration
	Class      Class
	// Window is what the provider said that the model can read, when it refused a question for its length; 0 when it did not.
	Window int64
	// Limits are what it said of its limits beside the refusal.
	Limits Limits
	// MaybeProcessed is set when the provider may have done the work, and may charge for it.
	MaybeProcessed bool
}

// Error is for logs; it holds nothing of the key.
func (e *Error) Error() string {
	return fmt.Sprintf("llm: %s: status %d, code %q: %s", e.Class, e.Status, e.Code, e.Message)
}

func asError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return nil
}

// refusesLimit tells whether a server does not know max_completion_tokens.
func (e *Error) refusesLimit() bool {
	said := strings.ToLower(e.Message + " " + e.Param)
	return (e.Status == http.StatusBadRequest || e.Status == http.StatusUnprocessableEntity) &&
		strings.Contains(said, "max_completion_tokens") && !strings.Contains(said, "use 'max_completion_tokens'")
}

// refusal is the error of an answer that says no. Every shape that servers are known to use is read; what cannot be
// read keeps at least its status.
func refusal(seen *exchange) *Error {
	e := &Error{Status: seen.status, RequestID: seen.requestID(), Limits: limitsOf(seen.header, seen.secret)}
	e.read(seen.body)
	e.RetryAfter = retryAfter(seen.header, e.Message)
	e.Class = classify(e)
	if e.Window == 0 && e.Class == ClassNeverFits {
		e.Window = windowOf(e.Message)
	}
	e.Message, e.Param = redact(e.Message, seen.secret), redact(e.Param, seen.secret)
	e.Code, e.Type = redact(e.Code, seen.secret), redact(e.Type, seen.secret)
	return e
}

// read takes the provider's words from a body: {"error":{…}}, {"error":"text"}, {"message":…}, {"detail":…}.
func (e *Error) read(body []byte) {
	var outer struct {
		Error   json.RawMessage `json:"error"`
		Message any             `json:"message"`
		Detail  any             `json:"detail"`
	}
	if json.Unmarshal(body, &outer) != nil {
		e.Message = plain(body)
		return
	}
	var inner struct {
		Code    any    `json:"code"`
		Type    string `json:"type"`
		Param   any    `json:"param"`
		Message string `json:"message"`
		Window  any    `json:"n_ctx"` // llama.cpp's word for it
	}
	var text string
	switch {
	case json.Unmarshal(outer.Error, &text) == nil && text != "":
		e.Message = text
	case json.Unmarshal(outer.Error, &inner) == nil && len(outer.Error) > 0:
		e.Code, e.Type, e.Param, e.Message = said(inner.Code), inner.Type, said(inner.Param), inner.Message
		window, _ := inner.Window.(float64)
		e.Window = believed(int64(window))
	case outer.Message != nil:
		e.Message = said(outer.Message)
	case outer.Detail != nil:
		e.Message = said(outer.Detail)
	default:
		e.Message = plain(body)
	}
}

// said writes a member that some servers send as a number, others as text, as text.
func said(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return fmt.Sprintf("%.0f", v)
	default:
		text, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return string(text)
	}
}

// plain is the beginning of a body that is no JSON.
func plain(body []byte) string {
	const most = 300
	text := strings.ToValidUTF8(strings.TrimSpace(string(body)), "\uFFFD")
	if r := []rune(text); len(r) > most {
		text = string(r[:most]) + "…"
	}
	return text
}
