package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	maxHeader  = 64 << 10
)

// HTTP is an HTTP server with limits on what a client may send and how long it may idle. Writing has no limit, since
// event streams last for hours: handlers that write to slow clients set their own.
type HTTP struct {
	server *http.Server
	log    *slog.Logger
	done   sync.WaitGroup
	around func(http.Handler) http.Handler // nil: nothing
}

// NewHTTP makes a server that does not listen yet.
func NewHTTP(handler http.Handler, log *slog.Logger, opts ...HTTPOption) *HTTP {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &HTTP{log: log}
	for _, opt := range opts {
		opt(h)
	}
	handler = h.recovering(handler)
	if h.around != nil {
		handler = h.around(handler) // outside, so that a panic is measured as the answer that is made of it
	}
	h.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return h
}

// OnShutdown registers what must end when Stop begins, such as event streams, which would never end by themselves. It is
// called once, however often Stop is.
func (h *HTTP) OnShutdown(fn func()) { h.server.RegisterOnShutdown(sync.OnceFunc(fn)) }

// Listen answers on a network address until Stop and returns the address it really has.
func (h *HTTP) Listen(ctx context.Context, address string) (net.Addr, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	h.done.Go(func() {
		if err := h.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			h.log.Error("the HTTP listener ended", "error", err)
		}
	})
	return l.Addr(), nil
}

// Stop takes no more requests and waits for those under way until the context is done, then cuts them off. It may be
// called again, and without Listen.
func (h *HTTP) Stop(ctx context.Context) error {
	err := h.server.Shutdown(ctx)
	if err != nil {
		err = h.server.Close()
	}
	h.done.Wait()
	return err
}

// Health answers 200 while check returns nil and 503 with the reason otherwise.
func Health(check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if err := check(r.Context()); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(err.Error() + "\n"))
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
}
