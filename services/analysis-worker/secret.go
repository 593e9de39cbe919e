package analysis

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/llm"
)

// secretTime is how long a secret is kept after it was released: long enough for what waits on a lane to share one
// release, too short to be found in a memory that somebody looks at later.
const secretTime = 30 * time.Second

// keyRef names a key.
type keyRef struct{ tenant, id string }

// secrets are those that were released lately. Each is dropped when its time is over or its key has changed.
type secrets struct {
	mu   sync.Mutex
	kept map[keyRef]*keptSecret
}

type keptSecret struct {
	release *keyv1.ReleaseSecretResponse
	expire  *time.Timer
}

func newSecrets() *secrets { return &secrets{kept: map[keyRef]*keptSecret{}} }

// get returns the secret of a key as it is now, nil when none is kept.
func (s *secrets) get(ref keyRef, now *eventv1.KeySaved) *keyv1.ReleaseSecretResponse {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.kept[ref]
	if kept == nil || !current(kept.release, now) {
		return nil
	}
	return kept.release
}

func (s *secrets) put(ref keyRef, release *keyv1.ReleaseSecretResponse) {
	s.drop(ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := &keptSecret{release: release}
	kept.expire = time.AfterFunc(secretTime, func() { s.forget(ref, kept) })
	s.kept[ref] = kept
}

// drop lets go of a key's secret, because the key has changed or is gone.
func (s *secrets) drop(ref keyRef) {
	s.mu.Lock()
	kept := s.kept[ref]
	s.mu.Unlock()
	if kept != nil {
		s.forget(ref, kept)
	}
}

func (s *secrets) forget(ref keyRef, kept *keptSecret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept.expire.Stop()
	if s.kept[ref] == kept {
		delete(s.kept, ref)
	}
}

// dropAll lets go of everything; nothing may be put any more.
func (s *secrets) dropAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, kept := range s.kept {
		kept.expire.Stop()
	}
	clear(s.kept)
}

// applied drops the secrets of keys that have changed.
func (s *secrets) applied(m stream.Message) {
	if _, tenant, rest, ok := subject.Parse(m.Subject); ok && m.Stream == subject.Keys && len(rest) == 1 {
		s.drop(keyRef{tenant, rest[0]})
	}
}

// current tells whether a released secret is that of a key as it is now.
func current(release *keyv1.ReleaseSecretResponse, now *eventv1.KeySaved) bool {
	return release.GetSecretVersion() == now.GetSecretVersion() && release.GetKey().GetRevision() == now.GetRevision()
}

// release returns the secret of an analysis's key, from key-registry or kept from the last time. KEY_GONE when there is no
// such key any more: the log's leader is asked each time, so that what was deleted or changed a moment ago is not used.
func (s *Service) release(ctx context.Context, r Record) (*keyv1.ReleaseSecretResponse, error) {
	now, err := s.keyNow(ctx, r)
	if err != nil {
		return nil, err
	}
	ref := keyRef{r.Tenant, r.Key.ID}
	if kept := s.secrets.get(ref, now); kept != nil {
		return kept, nil
	}
	released, err := s.deps.Keys.ReleaseSecret(ctx, &keyv1.ReleaseSecretRequest{Id: r.Key.ID})
	if fault.KindOf(err) == fault.NotFound {
		return nil, keyGone(r)
	}
	if err != nil {
		return nil, err
	}
	s.secrets.put(ref, released)
	return released, nil
}

// keyNow returns the key of an analysis as the log's leader has it; KEY_GONE when it was deleted.
func (s *Service) keyNow(ctx context.Context, r Record) (k *eventv1.KeySaved, err error) {
	if err := s.follower.Newest(ctx, stream.NewGuard(subject.Keys, subject.KeyGuard(r.Tenant))); err != nil {
		return nil, err
	}
	there := false
	err = s.follower.Read(func(tx *view.Tx) (err error) { k, there, err = readKey(tx, r.Tenant, r.Key.ID); return err })
	if err == nil && !there {
		err = keyGone(r)
	}
	return k, err
}

func keyGone(r Record) error {
	return &ProviderError{Code: "KEY_GONE", Params: map[string]string{"key": r.Key.Name}}
}

// replaced tells whether the provider may have refused a request only because the key's secret was replaced while it was
// on its way: then it is asked again, with the new one.
func (s *Service) replaced(ctx context.Context, r Record, q question, refused error) bool {
	var e *llm.Error
	if !errors.As(refused, &e) || e.Class != llm.ClassAuth && e.Status != http.StatusUnauthorized {
		return false
	}
	now, err := s.keyNow(ctx, r)
	return err == nil && now.GetSecretVersion() > q.release.GetSecretVersion()
}

// doubtTime bounds saying that a key has made trouble.
const doubtTime = 5 * time.Second

// doubt says that a key was refused or has nothing left to spend, so that administrators hear of it today. When it cannot be
// said the daily check finds out.
func (s *Service) doubt(ctx context.Context, r Record, failed *ProviderError) {
	if failed.Code != codeAuth && failed.Code != codeCredit {
		return
	}
	ctx, cancel := context.WithTimeout(identity.AsService(ctx, r.Tenant), doubtTime)
	defer cancel()
	if _, err := s.deps.Keys.RecheckKey(ctx, &keyv1.RecheckKeyRequest{Id: r.Key.ID}); err != nil {
		s.log.DebugContext(ctx, "a key that makes trouble was not told of", "key", r.Key.ID, "error", err)
	}
}
