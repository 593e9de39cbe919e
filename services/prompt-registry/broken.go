package prompts

import "time"

// Reasons why a prompt cannot be used.
const (
	reasonKeyGone   = "KEY_NOT_FOUND"   // the key was deleted, or is of another kind now
	reasonModelGone = "MODEL_SHUT_DOWN" // the provider has shut the key's model down
)

// Key is what prompts need to know of a provider key.
type Key struct {
	Kind, Model string
	// Shutdown is when the provider shuts the model down, if it said so; zero else.
	Shutdown time.Time
}

// Broken says why a prompt cannot be used. The zero value is that of a prompt that can.
type Broken struct {
	Reason string
	// Params are what there is to say about it.
	Params map[string]string
}

// broken judges a prompt by its key, nil when there is none, and by the time: a model's end is known before it comes. Who
// runs a broken prompt would wait for its turn and be refused by the provider, in words that nobody here can act upon.
func broken(p Prompt, k *Key, now time.Time) Broken {
	switch {
	case k == nil || k.Kind != p.KeyKind:
		return Broken{Reason: reasonKeyGone}
	case !k.Shutdown.IsZero() && !now.Before(k.Shutdown):
		return Broken{Reason: reasonModelGone, Params: map[string]string{
			"model": k.Model, "date": k.Shutdown.UTC().Format(time.DateOnly),
		}}
	}
	return Broken{}
}
