package analysis

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	analysisv1 "github.com/kikigaki/kikigaki/proto/kikigaki/analysis/v1"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	promptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/prompt/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/chars"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

const (
	maxPrompts = 10
	maxID      = 255
	maxRepeat  = 255
	splitFixed = "fixed_1000"
)

// wish is a request as a person makes it, checked by itself.
type wish struct {
	call            string
	prompts         []string
	priority        string
	repeatKey, body []byte
}

func wishOf(c identity.Caller, req *analysisv1.RequestAnalysesRequest) (wish, error) {
	w := wish{call: req.GetCallId(), prompts: req.GetPromptIds(), priority: req.GetPriority()}
	if w.priority == "" {
		w.priority = PriorityInteractive
	}
	checks := []error{
		chars.OneLine("callId", w.call, 1, maxID),
		chars.OneOf("priority", w.priority, PriorityInteractive, PriorityBulk),
		chars.OneLine("Idempotency-Key", req.GetIdempotencyKey(), 0, maxRepeat),
	}
	if len(w.prompts) == 0 {
		checks = append(checks, fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("promptIds"),
			fault.Param("min", "1")))
	}
	if len(w.prompts) > maxPrompts {
		checks = append(checks, fault.New(fault.Unprocessable, "FIELD_TOO_LONG", fault.Field("promptIds"),
			fault.Param("limit", strconv.Itoa(maxPrompts)), fault.Param("length", strconv.Itoa(len(w.prompts)))))
	}
	for _, err := range checks {
		if err != nil {
			return w, err
		}
	}
	if k := req.GetIdempotencyKey(); k != "" {
		w.repeatKey = digest(c.AccountID, k)
		w.body = digest(append([]string{w.priority}, w.prompts...)...)
	}
	return w, nil
}

// digest hashes parts so that no two lists of parts hash the same by accident of their borders.
func digest(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return h.Sum(nil)
}

// pin fixes what the analyses will work with as of now: the prompts' text, the keys, the transcript's revision.
func (s *Service) pin(ctx context.Context, c identity.Caller, w wish) (*eventv1.AnalysesRequested, error) {
	event := &eventv1.AnalysesRequested{
		Priority: w.priority, RequestedBy: c.Actor(), Idempotency: w.repeatKey, BodyHash: w.body,
	}
	ctx = identity.AsService(ctx, c.Tenant)
	if err := s.pinTranscript(ctx, w.call, event); err != nil {
		return nil, err
	}
	for i, id := range w.prompts {
		a, err := s.pinPrompt(ctx, c.Tenant, id)
		if fault.Is(err, "NOT_FOUND") {
			return nil, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field(fmt.Sprintf("promptIds[%d]", i)),
				fault.Param("reason", "unknown"))
		}
		if err != nil {
			return nil, err
		}
		event.Analyses = append(event.Analyses, a)
	}
	return event, nil
}

// pinTranscript reads up to the moment of the request. A call without words has nothing to analyse: NO_TRANSCRIPT.
func (s *Service) pinTranscript(ctx context.Context, call string, event *eventv1.AnalysesRequested) error {
	t, err := s.deps.Transcripts.GetTranscript(ctx, &transcriptv1.GetTranscriptRequest{CallId: call, Newest: true})
	if err != nil {
		return err
	}
	if !hasWords(t.GetUtterances()) {
		return fault.New(fault.Unprocessable, "NO_TRANSCRIPT")
	}
	event.TranscriptRevision, event.LastUtterance = t.GetRevision(), t.GetLastUtterance()
	for _, u := range t.GetUtterances() {
		event.TranscriptTokens += int64(guess(u.GetText()) + guessUtterance)
	}
	return nil
}

func hasWords(utterances []*transcriptv1.Utterance) bool {
	for _, u := range utterances {
		if strings.TrimSpace(u.GetText()) != "" {
			return true
		}
	}
	return false
}

func (s *Service) pinPrompt(ctx context.Context, tenant, id string) (*eventv1.RequestedAnalysis, error) {
	res, err := s.deps.Prompts.GetPrompt(ctx, &promptv1.GetPromptRequest{Id: id, Newest: true})
	if err != nil {
		return nil, err
	}
	p := res.GetPrompt()
	if p.GetBrokenCode() != "" {
		return nil, broken(p, p.GetBrokenCode())
	}
	if p.GetSplit() == splitFixed {
		return nil, fault.New(fault.Unprocessable, "SPLIT_UNSUPPORTED", fault.Param("prompt", p.GetName()))
	}
	k, err := s.key(ctx, tenant, p.GetKeyId())
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, broken(p, "KEY_NOT_FOUND") // deleted since the prompt was read
	}
	return &eventv1.RequestedAnalysis{
		Id: ids.New("analysis"), Prompt: pinned(p),
		Key: &eventv1.PinnedKey{
			Id: k.GetId(), Name: k.GetName(), Kind: k.GetKind(), Model: k.GetModel(), Lane: k.GetLane(),
		},
	}, nil
}

// pinned is a prompt as it will be used, whatever becomes of it while the analysis waits. The map text goes along only where
// the advanced settings are on: it is kept while they are off, and ignored.
func pinned(p *promptv1.Prompt) *eventv1.PinnedPrompt {
	out := &eventv1.PinnedPrompt{
		Id: p.GetId(), Name: p.GetName(), Revision: p.GetRevision(), Text: p.GetText(), Split: p.GetSplit(),
	}
	if p.GetAdvanced() {
		out.MapText = p.GetMapText()
	}
	return out
}

// broken refuses a prompt that cannot be used, and says why: whoever asked can then tell the administrator what to mend.
func broken(p *promptv1.Prompt, reason string) error {
	options := []fault.Option{fault.Param("prompt", p.GetName()), fault.Param("reason", reason)}
	for name, value := range p.GetBrokenParams() {
		options = append(options, fault.Param(name, value))
	}
	return fault.New(fault.Conflict, "PROMPT_BROKEN", options...)
}

// key returns a key, nil when there is none. One made a moment ago may not be in the view yet, so an unknown one is
// asked of the leader first.
func (s *Service) key(ctx context.Context, tenant, id string) (k *eventv1.KeySaved, err error) {
	look := func() error {
		return s.follower.Read(func(tx *view.Tx) (err error) { k, _, err = readKey(tx, tenant, id); return err })
	}
	if err := look(); err != nil || k != nil {
		return k, err
	}
	if err := s.follower.Newest(ctx, stream.NewGuard(subject.Keys, subject.KeyGuard(tenant))); err != nil {
		return nil, err
	}
	err = look()
	return k, err
}
