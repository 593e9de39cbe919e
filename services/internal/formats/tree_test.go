package formats

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// names are members that the readers of vCons and dialogues know.
func names() []string {
	return []string{
		"vcon", "uuid", "id", "subject", "extensions", "redacted", "amended", "appended", "group", "parties", "dialog",
		"analysis", "attachments", "meta", "created_at", "tel", "sip", "name", "role", "type", "purpose", "start", "end",
		"duration", "originator", "mediatype", "body", "encoding", "url", "disposition", "direction", "party", "vendor",
		"schema", "text", "message", "transcript", "segments", "speakers", "speaker", "label", "words", "word",
		"punctuated_word", "paragraphs", "sentences", "results", "channels", "alternatives", "utterances", "language",
		"labels", "version", "order", "kind", "start_sec", "duration_sec", "started_at", "ended_at", "skill", "odd name",
	}
}

// scalars are values that one of the readers looks at closely.
func scalars() *rapid.Generator[any] {
	return rapid.OneOf(
		rapid.SampledFrom([]any{
			nil, true, "", "agent", "Customer", "transcript", "wtf_transcription", "text", "recording", "transfer", "none",
			"json", "base64url", "aGk", "kikigaki", "kikigaki-call-1", "inbound", "in", "text/plain", "2024-01-02T03:04:05Z",
			"2024-01-02 03:04:05", `[{"speaker":"Agent","message":"hi"}]`, `{'a': [1, None], 'text': "it's"}`, "tel:+1", "0", 0, 1, 2,
			-1, 1.5, json.Number("1e999"), json.Number("12345678901234567890"),
		}),
		rapid.Map(rapid.String(), func(s string) any { return s }),
	)
}

// trees are documents of known members in unknown places.
func trees(depth int) *rapid.Generator[any] {
	if depth == 0 {
		return scalars()
	}
	return rapid.OneOf(
		scalars(),
		rapid.Map(rapid.SliceOfN(rapid.Deferred(func() *rapid.Generator[any] { return trees(depth - 1) }), 0, 4), func(l []any) any { return l }),
		objects(depth), objects(depth),
	)
}

func objects(depth int) *rapid.Generator[any] {
	return rapid.Map(rapid.MapOfN(rapid.SampledFrom(names()), rapid.Deferred(func() *rapid.Generator[any] { return trees(depth - 1) }), 0, 8),
		func(m map[string]any) any { return m })
}

// likely is a tree in which lists and objects are where a vCon has them.
func likely() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		v := rapid.MapOfN(rapid.SampledFrom(names()), trees(2), 0, 5).Draw(t, "rest")
		lists := func(name string, with map[string]*rapid.Generator[any]) {
			var l []any
			for range rapid.IntRange(0, 3).Draw(t, "n") {
				m, _ := objects(3).Draw(t, name).(map[string]any)
				for k, g := range with {
					m[k] = g.Draw(t, k)
				}
				l = append(l, m)
			}
			v[name] = l
		}
		kinds := rapid.Just[any]("transcript")
		lists("parties", nil)
		lists("dialog", map[string]*rapid.Generator[any]{"type": rapid.SampledFrom([]any{"text", "recording", "transfer"}), "parties": trees(2)})
		lists("analysis", map[string]*rapid.Generator[any]{"type": kinds, "body": trees(4), "dialog": rapid.SampledFrom([]any{0, 1, nil, []any{0, 1}})})
		return v
	})
}

// told are the paths of findings, with a star for each place in a list.
func told(all []Finding) map[string]bool {
	out := map[string]bool{}
	for _, f := range all {
		out[folded(f.Path)] = true
	}
	return out
}

// untold is a leaf of a document that no finding has, nor one above or below it.
func untold(v any, path string, findings map[string]bool) string {
	for f := range findings {
		if f == path && path != "" || strings.HasPrefix(f, path+".") && path != "" && isLeaf(v) {
			return ""
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for k, m := range v {
			if leaf := untold(m, strings.TrimPrefix(path+step(k), "."), findings); leaf != "" {
				return leaf
			}
		}
		if len(v) > 0 {
			return ""
		}
	case []any:
		for i, m := range v {
			if leaf := untold(m, folded(path+"["+strconv.Itoa(i)+"]"), findings); leaf != "" {
				return leaf
			}
		}
		if len(v) > 0 {
			return ""
		}
	}
	if path == "" {
		return ""
	}
	return path
}

func isLeaf(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return false
	default:
		return true
	}
}

// Whatever members are where, each of them ends up in a finding, and what is accepted is sound.
func TestEveryMemberOfAnyTreeIsInAFinding(t *testing.T) {
	t.Parallel()
	accepted := 0
	rapid.Check(t, func(rt *rapid.T) {
		tree := likely().Draw(rt, "vcon")
		file, err := json.Marshal(tree)
		if err != nil {
			rt.Skip("no JSON")
		}
		readSoundly(rt, file, Options{Format: VCon})
		docs := readAll(rt, string(file), Options{Format: VCon})
		if docs[0].Call != nil {
			accepted++
		}
		if f := docs[0].Findings; len(f) == 0 || f[len(f)-1].Note == "FORMAT_UNSUPPORTED" || f[len(f)-1].Note == "INVALID" {
			return
		}
		if leaf := untold(tree, "", told(docs[0].Findings)); leaf != "" {
			rt.Fatalf("%s is in no finding of %s\n%v", leaf, file, docs[0].Findings)
		}
	})
	if accepted < 5 {
		t.Errorf("only %d trees were calls: the generator shows little", accepted)
	}
}
