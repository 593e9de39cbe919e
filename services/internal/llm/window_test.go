package llm

import (
	"net/http"
	"testing"
)

func TestAWindowIsReadAsServersSayIt(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]int64{
		`{"error":{"code":"context_length_exceeded","message":"This model's maximum context length is 8192 tokens. However, your messages resulted in 8227 tokens."}}`: 8192,
		`{"object":"error","message":"This model's maximum context length is 4096 tokens and your request has 5000 input tokens","type":"BadRequestError","code":400}`: 4096,
		`{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error","n_ctx":2048}}`:         2048,
		`{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","n_ctx":"2048"}}`:                                          0,
		`{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","n_ctx":-5}}`:                                              0,
		`{"error":{"code":"context_length_exceeded","message":"This model's maximum context length is 99999999999999999999 tokens."}}`:                                 0,
		`{"error":{"code":"context_length_exceeded","message":"too long"}}`:                                                                                            0,
	} {
		e := refusal(&exchange{status: http.StatusBadRequest, body: []byte(body), header: http.Header{}})
		if e.Window != want || e.Class != ClassNeverFits || e.Message == "" {
			t.Errorf("%s: got %+v", body, e)
		}
	}
	for model, want := range map[string]int64{
		`{"id":"m","max_model_len":32768}`: 32768, `{"id":"m"}`: 0, `{"id":"m","max_model_len":"long"}`: 0,
		`{"id":"m","max_model_len":-1}`: 0, `{"id":"m","max_model_len":null}`: 0, ``: 0,
	} {
		if got := windowIn(model); got != want {
			t.Errorf("%s: %d", model, got)
		}
	}
}
