package catalogue

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/services/internal/formats"
)

// problemCodes are all codes that a problem document may carry.
func problemCodes() []string {
	return []string{
		"UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND", "INVALID", "FIELD_REQUIRED", "FIELD_TOO_LONG", "FIELD_INVALID",
		"NAME_TAKEN", "LOGIN_TAKEN", "LIMIT_REACHED", "REVISION_REQUIRED", "REVISION_STALE", "BODY_TOO_LARGE",
		"FORMAT_UNKNOWN", "FORMAT_UNSUPPORTED", "RECOGNITION_UNFINISHED", "RECOGNITION_FAILED",
		"UTTERANCE_TOO_LARGE", "CALL_TOO_LARGE", "UNAVAILABLE", "UNKNOWN_OUTCOME", "TIMEOUT", "INTERNAL", "KEY_REFUSED",
		"KEY_IN_USE", "KEY_UNREACHABLE", "KEY_NOT_FOUND", "ANALYSIS_IN_PROGRESS", "ANALYSIS_RUNNING", "ANALYSIS_DELETED",
		"PROMPT_BROKEN",
		"NO_TRANSCRIPT", "CALL_ERASED", "IDEMPOTENCY_MISMATCH", "SPLIT_UNSUPPORTED", "TOO_MANY_REQUESTS",
		"METHOD_NOT_ALLOWED", "UNSUPPORTED_MEDIA_TYPE", "LAST_ADMIN", "TENANT_EXISTS", "STORAGE_FULL",
	}
}

// analysisCodes are all codes that a failed analysis may carry; those of a provider name it in their title.
func analysisCodes() (provider, own []string) {
	provider = []string{
		"PROVIDER_TIMEOUT", "PROVIDER_INTERRUPTED", "PROVIDER_AUTH", "PROVIDER_RATE", "PROVIDER_CREDIT",
		"PROVIDER_SERVER_ERROR", "PROVIDER_OVERLOADED", "PROVIDER_OTHER",
	}
	return provider, []string{"CONTEXT_TOO_LONG", "CONTENT_FILTERED", "KEY_GONE", "INTERNAL"}
}

// refusalReasons are the reasons for which a provider refuses a key, as key-registry's source has them.
func refusalReasons() (out []string) {
	source, err := os.ReadFile("../../key-registry/refusal.go")
	if err != nil {
		return nil
	}
	for _, m := range regexp.MustCompile(`\breason\w+ += "([a-z_]+)"`).FindAllSubmatch(source, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

func TestEveryReasonForARefusedKeyHasWordsOfItsOwn(t *testing.T) {
	t.Parallel()
	c := load(t)
	reasons := refusalReasons()
	if len(reasons) < 16 {
		t.Fatalf("only %d reasons were found", len(reasons))
	}
	for _, locale := range Locales() {
		seen := map[string]bool{}
		for _, reason := range reasons {
			title, detail := c.Problem(locale, "KEY_REFUSED", map[string]string{"reason": reason})
			if seen[title] || seen[detail] || title == c.Text(locale, "problem.KEY_REFUSED.title", nil) {
				t.Errorf("%s %s: %q, %q", locale, reason, title, detail)
			}
			seen[title], seen[detail] = true, true
		}
		if title, _ := c.Problem(locale, "KEY_REFUSED", map[string]string{"reason": "new"}); title != c.Text(locale, "problem.KEY_REFUSED.title", nil) {
			t.Errorf("%s: a reason without words has %q", locale, title)
		}
	}
}

// codeKeys are the keys that codes stand for.
func codeKeys() []string {
	var keys []string
	for _, code := range problemCodes() {
		keys = append(keys, "problem."+code+".title", "problem."+code+".detail")
	}
	for _, reason := range refusalReasons() {
		keys = append(keys, "problem.KEY_REFUSED."+reason+".title", "problem.KEY_REFUSED."+reason+".detail")
	}
	provider, own := analysisCodes()
	for _, code := range provider {
		keys = append(keys, "analysis.error."+code+".title.azure_openai")
	}
	for _, code := range slices.Concat(provider, own) {
		for _, part := range []string{"title", "cause", "remedy"} {
			keys = append(keys, "analysis.error."+code+"."+part)
		}
	}
	return append(keys, caseKeys()...)
}

// caseKeys are the texts that are told instead of a code's own where the case is known.
func caseKeys() []string {
	const order = "problem.FIELD_INVALID.unknown_or_repeated"
	const room = "problem.LIMIT_REACHED.no_room_for_all"
	keys := []string{"problem.REVISION_STALE.detail.by", order + ".title", order + ".detail", room + ".title", room + ".detail"}
	for _, reason := range []string{"KEY_NOT_FOUND", "MODEL_SHUT_DOWN", "KEY_REVOKED", "MODEL_NOT_FOUND"} {
		keys = append(keys, "problem.PROMPT_BROKEN."+reason+".title", "problem.PROMPT_BROKEN."+reason+".detail", "prompt.broken."+reason)
	}
	return keys
}

// findingKeys are what a check of a file says: the outcomes, and why.
func findingKeys() []string {
	keys := []string{"finding.understood", "finding.mapped", "finding.ignored", "finding.refused"}
	for _, note := range formats.Notes() {
		keys = append(keys, "finding."+note)
	}
	return keys
}

func TestEveryCodeIsExplained(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, key := range append(codeKeys(), findingKeys()...) {
		for _, locale := range Locales() {
			if _, ok := c.texts[locale][key]; !ok {
				t.Errorf("%s: no text for %s", locale, key)
			}
		}
	}
}

// TestEveryCodeThatIsThrownIsOnTheList keeps a new code from reaching a screen as an unexpected error.
func TestEveryCodeThatIsThrownIsOnTheList(t *testing.T) {
	t.Parallel()
	thrown := regexp.MustCompile(`fault\.New\(\s*[\w.]+,\s*"([A-Z_]+)"`)
	found := map[string]bool{}
	for _, root := range []string{"../..", "../../../pkg"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
				return err
			}
			code, err := os.ReadFile(path)
			for _, match := range thrown.FindAllSubmatch(code, -1) {
				found[string(match[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 20 {
		t.Fatalf("only %d codes were found", len(found))
	}
	for code := range found {
		if !slices.Contains(problemCodes(), code) {
			t.Errorf("%s has no texts", code)
		}
	}
}

// The words of the product's manual are kept to the character: customers' handbooks and trainings quote them.
func TestExactWords(t *testing.T) {
	t.Parallel()
	c := load(t)
	for key, want := range map[string]string{
		"action.new": "新規", "action.edit": "編集", "action.delete": "削除", "action.save": "保存", "action.ok": "OK",
		"prompt.order": "表示順変更", "confirm.save": "保存しますか?",
		"key.name": "名称", "key.secret": "OpenAI APIキー", "key.organizationId": "Organization ID", "key.model": "モデル名",
		"key.memo": "メモ", "prompt.name": "名称", "prompt.keyKind": "APIキー種別", "key.kind.openai": "OpenAI",
		"key.kind.azure_openai": "Azure OpenAI", "prompt.keyId": "OpenAI APIキー名", "prompt.text": "プロンプト",
		"prompt.advanced": "詳細設定", "prompt.advanced.on": "設定する", "prompt.mapText": "マッププロンプト", "prompt.memo": "メモ",
		"role.system_admin": "システム管理者", "role.supervisor": "スーパバイザ", "role.user": "ユーザ",
		"nav.calls": "発着信履歴", "nav.keys": "OpenAI APIキー登録", "nav.prompts": "プロンプト設定",
		"analysis.area": "AI解析エリア", "analysis.prompt": "プロンプト", "analysis.results": "AI解析結果",
		"analysis.run": "AI解析", "analysis.running": "解析中", "confirm.run": "AI解析を実行しますか?",
		"notify.analysis.completed.title": "解析が完了しました", "notify.analysis.failed.title": "解析が失敗しました",
		"speaker.customer": "お客様", "speaker.agent": "オペレータ", "problem.NOT_FOUND.title": "対象が存在しません",
		"problem.ANALYSIS_IN_PROGRESS.title": "解析の開始に失敗しました(現在、解析処理中です)",
	} {
		if got := c.Text("ja", key, nil); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestAnalysisErrorTitles(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, tt := range []struct{ code, kind, want string }{
		{"PROVIDER_TIMEOUT", "openai", "OpenAI サーバー リクエストタイムアウトエラー"},
		{"PROVIDER_INTERRUPTED", "openai", "OpenAI サーバー リクエスト中断エラー"},
		{"PROVIDER_AUTH", "openai", "OpenAI 認証エラー"},
		{"PROVIDER_RATE", "compatible", "OpenAI レート制限エラー"},
		{"PROVIDER_CREDIT", "", "OpenAI レート制限エラー"},
		{"PROVIDER_SERVER_ERROR", "openai", "OpenAI サーバーエラー"},
		{"PROVIDER_OVERLOADED", "openai", "OpenAI サーバー過負荷エラー しばらく待ってから操作を再試行してください"},
		{"PROVIDER_OTHER", "openai", "OpenAI エラー"},
		{"PROVIDER_OTHER", "azure_openai", "Azure OpenAI エラー"},
		{"PROVIDER_RATE", "azure_openai", "Azure OpenAI レート制限エラー"},
		{"SOMETHING_NEW", "azure_openai", "Azure OpenAI エラー"},
		{"KEY_GONE", "azure_openai", "APIキーが見つかりません"},
	} {
		got := c.AnalysisError("ja", tt.code, tt.kind)
		if got.Title != tt.want || got.Cause == "" || got.Remedy == "" {
			t.Errorf("AnalysisError(%s, %s) = %+v, want title %q", tt.code, tt.kind, got, tt.want)
		}
	}
	rate, credit := c.AnalysisError("ja", "PROVIDER_RATE", "openai"), c.AnalysisError("ja", "PROVIDER_CREDIT", "openai")
	if rate.Title != credit.Title || rate.Remedy == credit.Remedy {
		t.Error("429 must have one title and two remedies: waiting does not refill an empty credit")
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	c := load(t)
	for _, tt := range []struct {
		code          string
		params        map[string]string
		title, detail string
	}{
		{"NAME_TAKEN", nil, "This name is already taken", "Choose another name."},
		{"FIELD_TOO_LONG", map[string]string{"limit": "255", "length": "256"}, "The text is too long", "Use at most 255 characters."},
		{"FIELD_TOO_LONG", map[string]string{"min": "1"}, "The text is too long", ""},
		{"KEY_IN_USE", map[string]string{"prompts": "{limit}"}, "An API key that prompts use cannot be deleted", "Prompts that use it: {limit}"},
		{"REVISION_STALE", map[string]string{"by": "Ann", "revision": "3"}, "Somebody else has changed this",
			"Ann has changed it meanwhile. Load the newest version and make your change again."},
		{"REVISION_STALE", nil, "Somebody else has changed this", "Load the newest version and make your change again."},
		{"PROMPT_BROKEN", map[string]string{"reason": "MODEL_SHUT_DOWN", "prompt": "Summary", "model": "m-1", "date": "2026-11-30"},
			"This prompt cannot be used: its model was shut down", "The AI service shut down the model m-1 on 2026-11-30. " +
				"Ask a system administrator to choose another API key or model for the prompt “Summary”."},
		{"PROMPT_BROKEN", map[string]string{"reason": "MODEL_SHUT_DOWN"}, "This prompt cannot be used: its model was shut down", ""},
		{"PROMPT_BROKEN", map[string]string{"reason": "NEW"}, "This prompt cannot be used",
			c.Text("en", "problem.PROMPT_BROKEN.detail", nil)},
		{"NEVER_SEEN", nil, "An unexpected error occurred", c.Text("en", "problem.INTERNAL.detail", nil)},
	} {
		title, detail := c.Problem("en", tt.code, tt.params)
		if title != tt.title || detail != tt.detail {
			t.Errorf("Problem(%s, %v) = %q, %q", tt.code, tt.params, title, detail)
		}
	}
}
