package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Error is a failure with a kind and a code.
type Error struct {
	// Kind of failure.
	Kind Kind
	// Code is stable and names one cause, e.g. NAME_TAKEN.
	Code string
	// Op is the chain of operations that it passed, outermost first, e.g. "prompts.create: stream.append".
	Op string
	// Field of the request at fault, as utterances[3].text.
	Field string
	// Params fill the sentence that the catalogue has for the code.
	Params map[string]string
	// RetryAfter is how long to wait before trying again; 0 says nothing.
	RetryAfter time.Duration
	// Provider is what a provider outside said.
	Provider *Provider
	// Err is what lies beneath. It never crosses a process.
	Err error
}

// Provider is a provider's own answer, with nothing of a key left in it.
type Provider struct {
	// Status is the HTTP status.
	Status int `json:"Status"`
	// Code and Message are the provider's words.
	Code    string `json:"Code"`
	Message string `json:"Message"`
	// RequestID names the request to the provider's support.
	RequestID string `json:"RequestID"`
}

// Error is for logs.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	b.WriteString(e.Code)
	if e.Field != "" {
		fmt.Fprintf(&b, " (%s)", e.Field)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns what lies beneath.
func (e *Error) Unwrap() error { return e.Err }

// Option adds to a new fault.
type Option func(*Error)

// Field names the field at fault.
func Field(path string) Option { return func(e *Error) { e.Field = path } }

// Param adds a parameter.
func Param(key, value string) Option {
	return func(e *Error) {
		if e.Params == nil {
			e.Params = map[string]string{}
		}
		e.Params[key] = value
	}
}

// Wrapping keeps what lies beneath, for the log of this process.
func Wrapping(err error) Option { return func(e *Error) { e.Err = err } }

// RetryIn says how long to wait before trying again.
func RetryIn(d time.Duration) Option { return func(e *Error) { e.RetryAfter = d } }

// FromProvider adds what a provider said.
func FromProvider(p Provider) Option { return func(e *Error) { e.Provider = &p } }

// New makes a fault.
func New(kind Kind, code string, opts ...Option) *Error {
	e := &Error{Kind: kind, Code: code}
	for _, opt := range opts {
		opt(e)
	}
	return e
}

// Op adds an operation to an error's chain; nil stays nil. What is no fault becomes one. What was wrapped around a fault,
// such as a sentinel error, is still found beneath the result.
func Op(op string, err error) error {
	if err == nil {
		return nil
	}
	e, _ := As(err)
	out := *e
	if direct, ok := err.(*Error); !ok || direct != e { //nolint:errorlint // only a bare fault has nothing around it
		out.Err = err
	}
	out.Op = op
	if e.Op != "" {
		out.Op += ": " + e.Op
	}
	return &out
}

// As returns an error as a fault; ok tells whether it was one. The ends of contexts become DeadlineExceeded and
// Unavailable, everything else Internal.
func As(err error) (e *Error, ok bool) {
	switch {
	case err == nil:
		return nil, false
	case errors.As(err, &e):
		return e, true
	case errors.Is(err, context.DeadlineExceeded):
		return New(DeadlineExceeded, "TIMEOUT", Wrapping(err)), false
	case errors.Is(err, context.Canceled):
		return New(Unavailable, "UNAVAILABLE", Wrapping(err)), false
	default:
		return New(Internal, "INTERNAL", Wrapping(err)), false
	}
}

// KindOf is the kind of an error; Other for nil.
func KindOf(err error) Kind {
	if e, _ := As(err); e != nil {
		return e.Kind
	}
	return Other
}

// CodeOf is the code of an error; "" for nil.
func CodeOf(err error) string {
	if e, _ := As(err); e != nil {
		return e.Code
	}
	return ""
}

// Is tells whether an error has a code.
func Is(err error, code string) bool { return err != nil && CodeOf(err) == code }
