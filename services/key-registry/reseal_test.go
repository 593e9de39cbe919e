package keys_test

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	keys "github.com/kikigaki/kikigaki/services/key-registry"
)

// under is a replica with a master key, and others that only open.
func (b *bench) under(master string, others ...string) *keys.Service {
	b.t.Helper()
	return b.with(keys.Config{MasterKeyFile: master, OtherMasterKeyFiles: others})
}

// stored is a key as it lies on the log.
func (b *bench) stored(tenant, id string) *eventv1.KeySaved {
	b.t.Helper()
	m, ok, err := b.log.Last(b.t.Context(), stream.NewGuard(subject.Keys, subject.Key(tenant, id)))
	var event eventv1.KeyEvent
	if err == nil && ok {
		err = proto.Unmarshal(m.Data, &event)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return event.GetSaved()
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-t.Context().Done():
		}
	}
}

// A master key takes the place of another in three steps: all replicas know both, all seal with the new one, the old one
// is taken away. Secrets can be had at every step.
func TestAMasterKeyIsReplacedWhileSecretsAreAskedFor(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, second := b.master, filepath.Join(t.TempDir(), "second.key")
	k := create(t, b.under(first), draft("Main"))
	b.under(second) // makes the file, and says that it cannot open what is there
	eventually(t, "the lost secret to be told of", func() bool {
		return strings.Contains(b.said.String(), "a secret opens under no master key")
	})
	before := b.stored("a", k.GetId())

	may := b.under(first, second)
	seals := b.under(second, first)
	eventually(t, "the secret to be sealed anew", func() bool {
		return !bytes.Equal(b.stored("a", k.GetId()).GetSealedSecret(), before.GetSealedSecret())
	})
	after := b.stored("a", k.GetId())
	if after.GetRevision() != before.GetRevision() || after.GetSecretVersion() != before.GetSecretVersion() {
		t.Errorf("sealed anew, it is %v", after)
	}
	may.ResealAll(t.Context()) // it must not seal back what gave way to the new one, or the two would go on for ever
	if again := b.stored("a", k.GetId()); !bytes.Equal(again.GetSealedSecret(), after.GetSealedSecret()) {
		t.Error("it is sealed under the old key again")
	}
	eventually(t, "its record", func() bool { return slices.Equal(b.actions(), []string{"key.created", "key.resealed"}) })
	for name, s := range map[string]*keys.Service{
		"one that knows both": may, "one that seals with the new": seals, "one that knows the new alone": b.under(second),
	} {
		if res, err := release(service(t, "a", worker), s, k.GetId()); err != nil || res.GetSecret() != secret {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := release(service(t, "a", worker), b.under(first), k.GetId()); err == nil {
		t.Error("the old key opens what was sealed anew")
	}
	for name, c := range map[string]struct {
		s    *keys.Service
		want map[string]int64
	}{
		"one that seals with the old":  {may, map[string]int64{"this": 0, "another": 1, "none": 0}},
		"one that seals with the new":  {seals, map[string]int64{"this": 1, "another": 0, "none": 0}},
		"one that knows the old alone": {b.under(first), map[string]int64{"this": 0, "another": 0, "none": 1}},
	} {
		eventually(t, name+" to count it where it lies", func() bool { return maps.Equal(c.s.SealedUnder(), c.want) })
	}
	if !strings.Contains(b.said.String(), "all secrets are sealed under the newest master key") {
		t.Error("nobody says that the old key may be taken away")
	}
}

// TestOnlyAReplicaThatHasAllKeysSaysWhereTheyLie is a fence: an operator who reads that nothing lies under the old master
// key takes it away.
func TestOnlyAReplicaThatHasAllKeysSaysWhereTheyLie(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	_, base := simulated(t, simConfig{})
	w.keep(base)
	eventually(t, "it to count the secret", func() bool {
		text := w.scrape()
		return regexp.MustCompile(`(?m)^kikigaki_keys_secrets\{.*under="this".*\} 1$`).MatchString(text) &&
			regexp.MustCompile(`(?m)^kikigaki_keys_secrets\{.*under="another".*\} 0$`).MatchString(text)
	})
	at := subject.Key("a", "key-unreadable") // from here on it cannot follow
	_, err := w.log.Append(t.Context(), stream.NewGuard(subject.Keys, at), 0, stream.Event{ID: "x", Subject: at, Data: []byte("\xff")})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it to say nothing", func() bool { return !strings.Contains(w.scrape(), "kikigaki_keys_secrets{") })
}

// TestASealedSecretOpensInItsPlaceAlone is a fence: who can write to the log puts a sealed secret where it does not
// belong.
func TestASealedSecretOpensInItsPlaceAlone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.one()
	k := create(t, s, draft("Main"))
	here := b.stored("a", k.GetId())
	for name, move := range map[string]func(*eventv1.KeySaved) (tenant string){
		"another tenant": func(*eventv1.KeySaved) string { return "b" },
		"another key":    func(k *eventv1.KeySaved) string { k.Id = "key-other"; return "a" },
		"another host": func(k *eventv1.KeySaved) string {
			k.Id, k.BaseUrl = here.GetId(), "https://evil.example.com/v1"
			return "a"
		},
		"another port": func(k *eventv1.KeySaved) string { k.BaseUrl = "http://127.0.0.1:1/v1"; return "a" },
		"another scheme": func(k *eventv1.KeySaved) string {
			k.BaseUrl = strings.Replace(k.GetBaseUrl(), "http:", "https:", 1)
			return "a"
		},
		"an older secret": func(k *eventv1.KeySaved) string { k.SecretVersion++; return "a" },
	} {
		moved := proto.CloneOf(here)
		tenant := move(moved)
		data, err := proto.Marshal(&eventv1.KeyEvent{Kind: &eventv1.KeyEvent_Saved{Saved: moved}})
		if err != nil {
			t.Fatal(err)
		}
		g := stream.NewGuard(subject.Keys, subject.KeyGuard(tenant))
		if _, err := b.log.Commit(t.Context(), g, name, func(context.Context, uint64) (*stream.Event, error) {
			return &stream.Event{Subject: subject.Key(tenant, moved.GetId()), Data: data}, nil
		}); err != nil {
			t.Fatal(err)
		}
		if res, err := release(service(t, tenant, worker), s, moved.GetId()); err == nil || res != nil {
			t.Errorf("moved to %s, it opens", name)
		}
	}
}
