package llm

import (
	"encoding/json"
	"regexp"
	"strconv"
)

// maxWindow bounds what is believed of a window.
const maxWindow = 1_000_000_000

// windowSaid reads "maximum context length is 8192 tokens", as OpenAI and vLLM say it.
var windowSaid = regexp.MustCompile(`(?i)maximum context length is (\d{1,10}) tokens`)

// windowOf is what a refusal says that the model can read, in tokens; 0 when it does not.
func windowOf(message string) int64 {
	m := windowSaid.FindStringSubmatch(message)
	if m == nil {
		return 0
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0
	}
	return believed(n)
}

// windowIn reads max_model_len, by which vLLM says with a model how long a question and its answer may be together.
func windowIn(model string) int64 {
	var said struct {
		Window int64 `json:"max_model_len"`
	}
	if json.Unmarshal([]byte(model), &said) != nil {
		return 0
	}
	return believed(said.Window)
}

func believed(n int64) int64 {
	if n < 0 || n > maxWindow {
		return 0
	}
	return n
}
