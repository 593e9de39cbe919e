package serve

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
)

// panicked is the answer of a handler that panicked before it had begun one.
const panicked = `{"type":"about:blank","title":"Internal Server Error","status":500,"code":"INTERNAL"}` + "\n"

// recovering answers 500 where a handler panics; the process lives on. An answer that has begun is cut off instead:
// ended in the ordinary way, half of it would look like all of it.
func (h *HTTP) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tracked := &answer{ResponseWriter: w}
		defer func() { //nolint:contextcheck // the request carries its context
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) //nolint:forbidigo // net/http's own way to cut a connection
			}
			h.log.ErrorContext(r.Context(), "a handler panicked", "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			if tracked.begun {
				panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's own way to cut a connection
			}
			clear(w.Header()) // they described another answer
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, panicked)
		}()
		next.ServeHTTP(tracked, r)
	})
}

// answer knows whether it has begun. [http.ResponseController] reaches what else the connection can do.
type answer struct {
	http.ResponseWriter

	begun bool
}

// WriteHeader begins the answer; an informational status does not.
func (a *answer) WriteHeader(status int) {
	a.begun = a.begun || status >= http.StatusOK || status == http.StatusSwitchingProtocols
	a.ResponseWriter.WriteHeader(status)
}

// Write begins the answer.
func (a *answer) Write(data []byte) (int, error) {
	a.begun = true
	return a.ResponseWriter.Write(data)
}

// Flush sends what was written, for handlers that look for an [http.Flusher]. It begins the answer.
func (a *answer) Flush() {
	a.begun = true
	_ = http.NewResponseController(a.ResponseWriter).Flush()
}

// Hijack hands the connection over, for WebSockets. From then on there is no answer to begin.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	a.begun = true
	return http.NewResponseController(a.ResponseWriter).Hijack()
}

// Unwrap gives the writer beneath to [http.ResponseController].
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
