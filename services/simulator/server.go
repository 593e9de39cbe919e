package simulator

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// DefaultLatency is how long the demo's answers take.
const DefaultLatency = 400 * time.Millisecond

const headerTime = 5 * time.Second

// Config of a provider. The zero value knows no keys and answers at once.
type Config struct {
	// Keys that are accepted.
	Keys []Key
	// Models besides sim-large and sim-echo.
	Models []Model
	// Latency of an answer.
	Latency time.Duration
	// Flavour is whose manners the server has; "" is OpenAI.
	Flavour Flavour
	// OldLimit refuses max_completion_tokens, as servers do that know max_tokens alone.
	OldLimit bool
	// Admin serves /admin/faults and /admin/ledger to anybody.
	Admin bool
}

// Server is a simulated provider.
type Server struct {
	cfg    Config
	keys   map[string]Key
	models map[string]Model
	http   *http.Server
	done   chan struct{}
	quit   chan struct{}
	once   sync.Once

	mu      sync.Mutex
	ledger  []Entry
	faults  []Fault
	buckets map[string]*bucket
}

// New makes a provider that does not listen yet.
func New(cfg Config) *Server {
	s := &Server{
		cfg: cfg, keys: map[string]Key{}, models: map[string]Model{}, buckets: map[string]*bucket{},
		done: make(chan struct{}), quit: make(chan struct{}),
	}
	for _, k := range cfg.Keys {
		s.keys[k.Secret] = k
	}
	for _, m := range append(ownModels(), cfg.Models...) {
		s.models[m.ID] = m
	}
	return s
}

// Start answers on an address and returns the base URL, which ends in /v1.
func (s *Server) Start(ctx context.Context, address string) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		close(s.done)
		return "", err
	}
	s.http = &http.Server{Handler: s.Handler(), ReadHeaderTimeout: headerTime}
	go func() {
		defer close(s.done)
		_ = s.http.Serve(l)
	}()
	return "http://" + l.Addr().String() + "/v1", nil
}

// Stop ends everything at once, answers that hang included.
func (s *Server) Stop(context.Context) error {
	s.once.Do(func() { close(s.quit) })
	if s.http == nil {
		return nil
	}
	err := s.http.Close()
	<-s.done
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Handler is the provider as a handler.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", s.complete)
	mux.HandleFunc("POST /openai/v1/chat/completions", s.complete)
	mux.HandleFunc("POST /openai/deployments/{deployment}/chat/completions", s.completeDeployment)
	mux.HandleFunc("GET /v1/models", s.listModels)
	mux.HandleFunc("GET /v1/models/{model}", s.getModel)
	if s.cfg.Admin {
		mux.HandleFunc("POST /admin/faults", s.postFaults)
		mux.HandleFunc("GET /admin/ledger", s.getLedger)
	}
	return mux
}
