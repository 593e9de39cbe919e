package story_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/serve"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
	"github.com/kikigaki/kikigaki/services/access"
	analysis "github.com/kikigaki/kikigaki/services/analysis-worker"
	"github.com/kikigaki/kikigaki/services/console"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
	notify "github.com/kikigaki/kikigaki/services/notification"
	prompts "github.com/kikigaki/kikigaki/services/prompt-registry"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

// Who comes over the network to key-registry is who it can prove to be: the analysis-worker gets a secret, and nobody
// else, whatever is claimed.
func TestNobodyButTheWorkerGetsASecret(t *testing.T) {
	t.Parallel()
	w := apart.newWorld(t)
	w.start()
	admin := w.logIn("admin", adminPassword)
	key := admin.key(w.base)
	conn, err := serve.Connect(w.at[keys.Name])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	release := func(pairs ...string) (string, error) {
		ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(t.Context(), pairs...), 20*time.Second)
		defer cancel()
		res, err := keyv1.NewKeyServiceClient(conn).ReleaseSecret(ctx, &keyv1.ReleaseSecretRequest{Id: key})
		return res.GetSecret(), err
	}
	now := time.Now()
	worker := w.signer(analysis.Name)
	good := w.statement(worker, now)
	if got, err := release("kikigaki-statement", good); err != nil || got != secret {
		t.Fatalf("the worker itself: %q, %v", got, err)
	}
	for _, other := range []string{access.Name, keys.Name, prompts.Name, ingest.Name, notify.Name, console.Name} {
		if got, err := release("kikigaki-statement", w.statement(w.signer(other), now)); err == nil || got != "" {
			t.Errorf("%s: %q, %v", other, got, err)
		}
	}
	stranger, err := identity.NewSigner(identity.GenerateSecrets(analysis.Name), analysis.Name)
	if err != nil {
		t.Fatal(err)
	}
	body, sum, _ := strings.Cut(good, ".")
	for what, pairs := range map[string][]string{
		"nobody":                  nil,
		"a statement unsigned":    {"kikigaki-statement", body},
		"a statement altered":     {"kikigaki-statement", body[:20] + flipped(body[20:]) + "." + sum},
		"a signature altered":     {"kikigaki-statement", body + "." + flipped(sum)},
		"a statement expired":     {"kikigaki-statement", w.statement(worker, now.Add(-identity.Lifetime-time.Minute))},
		"a statement to come":     {"kikigaki-statement", w.statement(worker, now.Add(time.Minute))},
		"two statements":          {"kikigaki-statement", good, "kikigaki-statement", good},
		"another's secret":        {"kikigaki-statement", w.statement(stranger, now)},
		"an administrator":        {"authorization", "Bearer " + admin.token},
		"a name in the metadata":  {"kikigaki-service", analysis.Name, "service", analysis.Name},
		"a statement of nothing":  {"kikigaki-statement", "."},
		"an empty statement":      {"kikigaki-statement", ""},
		"another tenant's worker": {"kikigaki-statement", w.statementFor("other", worker, now)},
	} {
		got, err := release(pairs...)
		if err == nil || got != "" {
			t.Errorf("%s got %q", what, got)
			continue
		}
		switch kind := fault.KindOf(err); kind {
		case fault.Unauthenticated, fault.Forbidden, fault.NotFound:
		default:
			t.Errorf("%s: %v", what, err)
		}
	}
	w.stop()
	sweep(t, w)
}

// flipped changes one character.
func flipped(s string) string {
	if s[0] == 'A' {
		return "B" + s[1:]
	}
	return "A" + s[1:]
}

// signer signs with the secret of a service, from the file that the service itself has.
func (w *world) signer(name string) *identity.Signer {
	w.t.Helper()
	secrets, err := identity.LoadSecrets(filepath.Join(w.data, "secrets", name+".secret"))
	if err != nil {
		w.t.Fatal(err)
	}
	signer, err := identity.NewSigner(secrets, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return signer
}

func (w *world) statement(s *identity.Signer, at time.Time) string {
	w.t.Helper()
	return w.statementFor("default", s, at)
}

func (w *world) statementFor(tenant string, s *identity.Signer, at time.Time) string {
	w.t.Helper()
	statement, err := s.SignSelf(tenant, at)
	if err != nil {
		w.t.Fatal(err)
	}
	return statement
}

// A service whose file does not hold a secret cannot speak in its owner's name: each file has its own line and those of
// the services that call it.
func TestAFileOfSecretsHoldsNoMoreThanItsServiceNeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := filepath.Join(w.data, "secrets")
	if out, err := w.command("", "secrets", dir); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for name, foreign := range map[string][]string{
		notify.Name:   {analysis.Name, console.Name, keys.Name, prompts.Name, ingest.Name},
		console.Name:  {analysis.Name, notify.Name, keys.Name, prompts.Name, ingest.Name},
		prompts.Name:  {notify.Name, keys.Name, ingest.Name},
		analysis.Name: {notify.Name, keys.Name, ingest.Name, prompts.Name},
	} {
		secrets, err := identity.LoadSecrets(filepath.Join(dir, name+".secret"))
		if err != nil {
			t.Fatal(err)
		}
		for _, other := range foreign {
			if _, err := identity.NewSigner(secrets, other); err == nil {
				t.Errorf("%s could speak for %s", name, other)
			}
		}
	}
	if out, err := w.command("", "secrets", dir); err == nil {
		t.Errorf("secrets were made anew: %s", out)
	}
}
