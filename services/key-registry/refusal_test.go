package keys_test

import (
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// verdicts are what each refusal must come to: a field and a reason, "" for a key that is accepted all the same, and
// "unreachable" where nothing is known of the key.
func verdicts() map[string]string {
	return map[string]string{
		"wrong key": "secret/key", "organization mismatch": "organizationId/organization",
		"no such organization": "organizationId/organization", "no such organization, 400": "organizationId/organization",
		"no organization": "organizationId/organization", "project mismatch": "projectId/project",
		"deactivated": "secret/deactivated", "missing scope": "secret/scope", "missing scope to read": "secret/scope",
		"ip allowlist": "secret/ip", "country": "baseUrl/region",
		"project lacks model": "model/access", "unknown model": "model/model", "too long": "model/too_small",
		"max_tokens": "model/parameter", "temperature": "model/parameter", "output used up": "", "no chat model": "model/parameter",
		"rate": "unreachable", "never fits": "model/too_small", "ramp": "unreachable", "flex busy": "unreachable",
		"no quota": "secret/credit", "no credit": "secret/credit", "organization spent": "secret/credit",
		"project spent": "secret/credit", "organization used up": "secret/credit", "overload": "unreachable",
		"azure deployment": "deployment/deployment", "azure key": "secret/key", "azure key, gateway": "secret/key",
		"azure version": "apiVersion/version", "azure rate": "unreachable", "azure never": "deployment/too_small",
		"azure filter": "",
		"ollama model": "model/model", "vllm model": "model/model", "llamacpp key": "secret/key", "vllm key": "secret/key",
		"no such path": "baseUrl/endpoint", "plain text": "secret/key", "empty": "secret/key", "half": "secret/key",
		"portal": "baseUrl/endpoint", "proxy": "unreachable", "redirect": "baseUrl/endpoint", "error of 200": "secret/key",
		"payment": "secret/credit", "everywhere": "secret/key",
	}
}

// refusing is a draft of the kind that a refusal is said to.
func refusing(name, base string) *keyv1.KeyDraft {
	d := draft("Main")
	d.Secret, d.Model = odd, "sim-large"
	switch {
	case strings.HasPrefix(name, "azure"):
		d.Kind, d.BaseUrl, d.Deployment, d.ApiVersion = "azure_openai", strings.TrimSuffix(base, "/v1"), "sim-echo", "2024-10-21"
	case strings.HasPrefix(name, "vllm"), strings.HasPrefix(name, "ollama"), strings.HasPrefix(name, "llamacpp"):
		d.Kind, d.BaseUrl = "compatible", base
	default:
		d.OrganizationId, d.ProjectId, d.BaseUrl = "org-1", "proj-1", base
	}
	return d
}

// TestEveryRefusalNamesTheFieldAtFault is a fence: for each no that providers have been seen to say, when a model is read
// and when it is asked, the right field and reason, in words of its own in every language, the provider's own words beside
// them, and nothing saved: no key, no event, no record.
func TestEveryRefusalNamesTheFieldAtFault(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sim, base := simulated(t, simConfig{})
	s, w := b.one(), newTeller(t)
	want, quoted := verdicts(), 0
	for _, r := range refusals() {
		verdict, known := want[r.Name]
		if !known {
			t.Errorf("%s: what is it to come to?", r.Name)
			continue
		}
		said := saidBy(r.Status, r.Body)
		quoted += len(said.words)
		sim.Script(simFault{Refusal: r.Name})
		b.judge(s, refusing(r.Name, base), w, r.Name, verdict, said)
		if d := refusing(r.Name, base); d.GetKind() == "openai" && verdict != "" {
			sim.Script(simFault{Refusal: r.Name, Endpoint: "models"})
			b.judge(s, d, w, r.Name+", reading the model", verdict, said)
		}
	}
	if quoted < 35 {
		t.Errorf("only %d words of providers were looked for", quoted)
	}
	if n := len(list(t, s, "a")); n != 0 {
		t.Errorf("%d keys are saved", n)
	}
}

// written is how many messages there ever were of keys, and of records.
func (b *bench) written() (n uint64) {
	b.t.Helper()
	for _, name := range []string{subject.Keys, subject.Audit} {
		info, err := b.log.Info(b.t.Context(), name)
		if err != nil {
			b.t.Fatal(err)
		}
		n += info.Last
	}
	return n
}

// judge tries to save a key and compares what it comes to. A key that is accepted is removed again.
func (b *bench) judge(s *keys.Service, d *keyv1.KeyDraft, w teller, name, verdict string, said refusalSaid) {
	t := b.t
	t.Helper()
	before := b.written()
	res, err := s.CreateKey(admin(t), &keyv1.CreateKeyRequest{Draft: d})
	if verdict == "" {
		if err != nil || res.GetKey().GetVerifiedAt() == nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		if _, err := s.DeleteKey(admin(t), &keyv1.DeleteKeyRequest{Id: res.GetKey().GetId()}); err != nil {
			t.Error(err)
		}
		return
	}
	if after := b.written(); after != before {
		t.Errorf("%s: %d messages were written", name, after-before)
	}
	f, _ := fault.As(err)
	if f == nil || f.Provider == nil || verdict == "unreachable" && (f.Code != "KEY_UNREACHABLE" || f.RetryAfter < 1) ||
		verdict != "unreachable" && (f.Code != "KEY_REFUSED" || f.Field+"/"+f.Params["reason"] != verdict) {
		t.Errorf("%s: %v %v, want %s", name, err, f, verdict)
		return
	}
	w.tells(t, name, err, verdict, said)
}

// What the provider itself could not tell may be saved on purpose, and then says that nothing is known; what it has
// refused may not.
func TestAKeyMayBeSavedUnverifiedButNotRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	sim, base := simulated(t, simConfig{})
	s := b.one()
	save := func(refusal string) (*keyv1.Key, error) {
		sim.Script(simFault{Refusal: refusal, Endpoint: "any"})
		res, err := s.CreateKey(admin(t), &keyv1.CreateKeyRequest{Draft: refusing("", base), SaveUnverified: true})
		return res.GetKey(), err
	}
	for _, refusal := range []string{"wrong key", "missing scope", "no credit", "unknown model", "portal", "organization mismatch"} {
		if k, err := save(refusal); !fault.Is(err, "KEY_REFUSED") || k != nil {
			t.Errorf("%s is saved: %v", refusal, err)
		}
	}
	k, err := save("overload")
	if err != nil || k.GetVerifiedAt() != nil || k.GetLimits().GetTokensPerMinute() != 0 || k.GetSecretHint() != odd[len(odd)-4:] {
		t.Fatalf("got %v, %v", k, err)
	}
	unknown := k.GetLane()
	res, err := s.VerifyKey(admin(t), &keyv1.VerifyKeyRequest{Id: k.GetId()})
	if k = res.GetKey(); err != nil || k.GetVerifiedAt() == nil || k.GetLimits().GetTokensPerMinute() == 0 || k.GetToldOrganization() != "org-1" {
		t.Fatalf("verified later: %v, %v", k, err)
	}
	if k.GetLane() == unknown {
		t.Error("a key that nobody has accepted is in the lane of its organisation")
	}
}
