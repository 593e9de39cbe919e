package prompts

import "time"

// Reasons why a prompt cannot be used.
const (
	reasonKeyGone   = "KEY_NOT_FOUND"   // the key was deleted, or is of another kind now
	reasonModelGone = "MODEL_SHUT_DOWN" // the provider has shut the key's model down
	reasonRevoked   = "KEY_REVOKED"     // the provider no longer knows the key, or has closed its account
	reasonNoModel   = "MODEL_NOT_FOUND" // the provider no longer has the key's model, or not for this key
)

// Key is what prompts need to know of a provider key.
type Key struct {
	Kind, Model string
	// Shutdown is when the provider shuts the model down, if it said so; zero else.
	Shutdown time.Time
	// Refused is why the provider refused the key when it was last verified, in key-registry's words; "" when it did not.
	Refused string
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
	switch k.Refused { // others pass, as a lack of credit does, or are not known to be for good
	case "key", "deactivated":
		return Broken{Reason: reasonRevoked}
	case "model", "access", "deployment":
		return Broken{Reason: reasonNoModel, Params: map[string]string{"model": k.Model}}
	}
	return Broken{}
}
