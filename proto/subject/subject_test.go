package subject_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/proto/subject"
)

// What is written under these names lies on logs for years: a change here is a change of every log there is.
func TestNamesOnTheLogNeverChange(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"kikigaki.prompt.a.p-1":             subject.Prompt("a", "p-1"),
		"kikigaki.prompt.a._order":          subject.PromptOrder("a"),
		"kikigaki.prompt.a.>":               subject.PromptGuard("a"),
		"kikigaki.key.a.k":                  subject.Key("a", "k"),
		"kikigaki.key.a.>":                  subject.KeyGuard("a"),
		"kikigaki.account.>":                subject.AccountGuard(),
		"kikigaki.account.a.x":              subject.Account("a", "x"),
		"kikigaki.token.a.x":                subject.APIToken("a", "x"),
		"kikigaki.login.a.x":                subject.Login("a", "x"),
		"kikigaki.call.a.c.>":               subject.CallGuard("a", "c"),
		"kikigaki.call.a.c._.opened":        subject.Call("a", "c", subject.KindOpened),
		"kikigaki.call.a.c.x.started":       subject.Analysis("a", "c", "x", subject.KindStarted),
		"kikigaki.live.a.c":                 subject.LiveWords("a", "c"),
		"kikigaki.transcript.a.c.>":         subject.TranscriptGuard("a", "c"),
		"kikigaki.transcript.a.c.000012":    subject.Part("a", "c", 12),
		"kikigaki.transcript.a.c._":         subject.PartsErased("a", "c"),
		"kikigaki.seen.a.x":                 subject.SeenBy("a", "x"),
		"kikigaki.lease.shard-3":            subject.Lease("shard-3"),
		"kikigaki.alert.a.k.key_revoked-7":  subject.Alert("a", "k", "key_revoked-7"),
		"kikigaki.audit.a.key-registry":     subject.AuditBy("a", "key-registry"),
		"kikigaki.setting._.streams":        subject.StreamMarker(),
		"kikigaki.meter.a.202611.requests":  subject.Meter("a", "202611", "requests"),
		"kikigaki.dead.a.inbox.c":           subject.DeadLetter("a", "inbox", "c"),
		"kikigaki.dead.a.inbox._":           subject.DeadLetter("a", "inbox", ""),
		"kikigaki.dead.a.*.c":               subject.DeadLettersOf("a", "c"),
		"kikigaki.hint.a.words.c":           subject.WordsHint("a", "c"),
		"kikigaki.hint.*.words.*":           subject.WordsHints(),
		"kikigaki.inbox.a.asr-1":            subject.InboxOf("a", "asr-1"),
		"kikigaki.inbox.~44OG.~YS9i":        subject.InboxOf("テ", "a/b"),
		"kikigaki.inbox.~44OG.>":            subject.InboxAll("テ"),
		"kikigaki.hint.a.refused.asr-1":     subject.Refused("a", "asr-1"),
		"kikigaki.hint.a.refused.>":         subject.RefusedAll("a"),
		"kikigaki.hint.*.refused.>":         subject.RefusedAnywhere(),
		"kikigaki.relay.~44OG.x.>":          subject.Relayed("テ", "x"),
		"kikigaki.relay.>":                  subject.RelayedAll(),
		"kikigaki.answer.>":                 subject.AnswerAll(),
		"kikigaki.call.~6YCa6Kmx.~YS5i.>":   subject.CallGuard("通話", "a.b"),
		"kikigaki.call.a.~X29yZGVy._.ended": subject.Call("a", "_order", subject.KindEnded),
	} {
		if got != want {
			t.Errorf("%s, was %s", got, want)
		}
	}
}

func TestWhatComesOverAPortNamesItsSource(t *testing.T) {
	t.Parallel()
	at := func(source string) string { return strings.TrimSuffix(subject.Relayed("テ", "a"), ">") + source }
	for token, want := range map[string]string{"asr-1": "asr-1", subject.Token("_a.b"): "_a.b"} {
		tenant, account, source, ok := subject.RelayedFrom(at(token))
		if !ok || tenant != "テ" || account != "a" || source != want {
			t.Errorf("%s: %s %s %s %v", token, tenant, account, source, ok)
		}
	}
	for _, bad := range []string{"", "_a", "a.b", "*", ">", "a b", "~!"} {
		if _, _, source, ok := subject.RelayedFrom(at(bad)); ok {
			t.Errorf("%q is taken for %q", bad, source)
		}
	}
	if _, _, _, ok := subject.RelayedFrom(subject.Analysis("t", "a", "b", "c")); ok {
		t.Error("a call is taken for something published")
	}
	if reply := subject.AnswerTo(subject.Answer("_R_.a.b")); reply != "_R_.a.b" {
		t.Errorf("answers go to %s", reply)
	}
}

func TestAnyIDIsOneTokenAndComesBack(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, id := range []string{
		"a", "A-1_b", "_a", "~a", "a.b", "*", ">", " ", "\x00", "通話 1/2", strings.Repeat("x", 128), strings.Repeat("x", 129), "~",
	} {
		token := subject.Token(id)
		if token == "" || strings.ContainsAny(token, ".*> \t\r\n") || token[0] == '_' {
			t.Errorf("%q becomes %q", id, token)
		}
		if other, taken := seen[token]; taken {
			t.Errorf("%q and %q become %q", id, other, token)
		}
		seen[token] = id
		if back, ok := subject.ID(token); !ok || back != id {
			t.Errorf("%q comes back as %q", id, back)
		}
	}
	for _, bad := range []string{"", "~", "~!", "~YQ", "a.b", "_x"} { // "~YQ" is "a", which stands as it is
		if id, ok := subject.ID(bad); ok && bad != "~" {
			t.Errorf("%q is taken for %q", bad, id)
		}
	}
}

func TestSubjectsAreReadBack(t *testing.T) {
	t.Parallel()
	noun, tenant, rest, ok := subject.Parse(subject.Analysis("テ", "c.1", "x", subject.KindPiece))
	if !ok || noun != subject.NounCall || tenant != "テ" || !slices.Equal(rest, []string{"c.1", "x", "piece"}) {
		t.Errorf("%s %s %q %v", noun, tenant, rest, ok)
	}
	for _, foreign := range []string{"", "kikigaki.call.a", "other.call.a.c", "kikigaki.call..c", "kikigaki.call.a.~!"} {
		if _, _, _, ok := subject.Parse(foreign); ok {
			t.Errorf("%q is taken for ours", foreign)
		}
	}
	if name, ok := subject.LeaseName(subject.Lease("worker-1")); !ok || name != "worker-1" {
		t.Errorf("%s %v", name, ok)
	}
}
