package prompts

import (
	"context"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// examples are the example prompts in a language (summary, keywords, customer voice, FAQ, QA check), for a key that
// must exist.
func (s *Service) examples(ctx context.Context, tenant, keyID, language string) ([]Draft, error) {
	if err := chars.OneOf("language", language, "ja", "en", "pt-BR"); err != nil {
		return nil, err
	}
	if err := s.newestKeys(ctx, tenant); err != nil {
		return nil, err
	}
	var k *Key
	if err := s.follower.Read(func(tx *view.Tx) error { k = readKey(tx, tenant, keyID); return nil }); err != nil {
		return nil, err
	}
	if k == nil {
		return nil, fault.New(fault.Unprocessable, "KEY_NOT_FOUND", fault.Field("keyId"))
	}
	var drafts []Draft
	for _, e := range s.texts.Examples(language) {
		drafts = append(drafts, Draft{Name: e.Name, KeyKind: k.Kind, KeyID: keyID, Text: e.Text})
	}
	return drafts, nil
}
