package simulator

import (
	"net/http"
	"slices"
	"strings"
)

// Refusal is a no as providers have said it, to the letter where it was seen. {key} in it is the key as OpenAI repeats
// it, with its middle starred out, and {secret} is the whole of it, as careless servers repeat it.
type Refusal struct {
	Name   string
	Status int
	Header map[string]string
	Body   string
}

// Refusals are those that [Fault.Refusal] can name.
func Refusals() []Refusal {
	return slices.Concat(refusalsOfKeys(), refusalsOfModels(), refusalsOfLimits(), refusalsOfAzure(), refusalsOfOthers())
}

// spelled is a fault with the refusal that it names, and the key, in it.
func spelled(f Fault, secret string) Fault {
	i := slices.IndexFunc(Refusals(), func(r Refusal) bool { return r.Name == f.Refusal })
	if f.Refusal == "" || i < 0 {
		return f
	}
	r := Refusals()[i]
	spell := strings.NewReplacer("{key}", masked(secret), "{secret}", secret)
	f.Status, f.Header, f.Body = r.Status, map[string]string{}, spell.Replace(r.Body)
	for name, value := range r.Header {
		f.Header[name] = spell.Replace(value)
	}
	return f
}

// said is OpenAI's form of a no; an empty code is null.
func said(kind, code, message string) string {
	if code = `"` + code + `"`; code == `""` {
		code = "null"
	}
	return `{"error":{"message":"` + message + `","type":"` + kind + `","param":null,"code":` + code + `}}`
}

func refusalsOfKeys() []Refusal {
	return []Refusal{
		{Name: "wrong key", Status: http.StatusUnauthorized, Body: said(invalidRequest, "invalid_api_key",
			"Incorrect API key provided: {key}. You can find your API key at https://platform.openai.com/account/api-keys.")},
		{Name: "organization mismatch", Status: http.StatusUnauthorized, Body: said(invalidRequest, "mismatched_organization",
			"OpenAI-Organization header should match organization for API key")},
		{Name: "no such organization", Status: http.StatusUnauthorized, Body: said(invalidRequest, "invalid_organization",
			"No such organization: org-x.")},
		{Name: "no such organization, 400", Status: http.StatusBadRequest, Body: said(invalidRequest, "",
			"no such organization : null")},
		{Name: "no organization", Status: http.StatusUnauthorized, Body: said(invalidRequest, "no_organization",
			"You must be a member of an organization to use the API. Please contact us.")},
		{Name: "project mismatch", Status: http.StatusUnauthorized, Body: said(invalidRequest, "mismatched_project",
			"OpenAI-Project header should match project for API key")},
		{Name: "deactivated", Status: http.StatusUnauthorized, Body: said(invalidRequest, "account_deactivated",
			"The OpenAI account associated with this API key has been deactivated. Contact us through our help center.")},
		{Name: "missing scope", Status: http.StatusUnauthorized, Body: said(invalidRequest, "",
			"You have insufficient permissions for this operation. Missing scopes: model.request. Check that you have the "+
				"correct role in your organization (Reader, Writer, Owner) and project (Member, Owner), and if you're using a "+
				"restricted API key, that it has the necessary scopes.")},
		{Name: "missing scope to read", Status: http.StatusForbidden, Body: said(invalidRequest, "",
			"You have insufficient permissions for this operation. Missing scopes: api.model.read.")},
		{Name: "ip allowlist", Status: http.StatusUnauthorized, Body: said(invalidRequest, "",
			"Your request IP does not match the configured IP allowlist for your project or organization.")},
		{Name: "country", Status: http.StatusForbidden, Body: said("request_forbidden", "unsupported_country_region_territory",
			"Country, region, or territory not supported")},
	}
}

func refusalsOfModels() []Refusal {
	return []Refusal{
		{Name: "project lacks model", Status: http.StatusForbidden, Body: said(invalidRequest, "model_not_found",
			"Project `proj_1` does not have access to model `gpt-4o-mini`")},
		{Name: "unknown model", Status: http.StatusNotFound, Body: said(invalidRequest, "model_not_found",
			"The model `x` does not exist or you do not have access to it.")},
		{Name: "too long", Status: http.StatusBadRequest, Body: said(invalidRequest, "context_length_exceeded",
			"This model's maximum context length is 8192 tokens. However, your messages resulted in 8227 tokens. Please reduce "+
				"the length of the messages.")},
		{Name: "max_tokens", Status: http.StatusBadRequest, Body: said(invalidRequest, "unsupported_parameter",
			"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")},
		{Name: "temperature", Status: http.StatusBadRequest, Body: said(invalidRequest, "unsupported_value",
			"Unsupported value: 'temperature' does not support 0.16 with this model. Only the default (1) value is supported.")},
		{Name: "output used up", Status: http.StatusBadRequest, Body: said(invalidRequest, "",
			"Could not finish the message because max_tokens or model output limit was reached. Please try again with higher "+
				"max_tokens.")},
		{Name: "no chat model", Status: http.StatusNotFound, Body: said(invalidRequest, "",
			"This is not a chat model and thus not supported in the v1/chat/completions endpoint.")},
	}
}

func refusalsOfLimits() []Refusal {
	limited := func(name, kind, code, message string) Refusal {
		return Refusal{Name: name, Status: http.StatusTooManyRequests, Body: said(kind, code, message)}
	}
	return []Refusal{
		limited("rate", "tokens", "rate_limit_exceeded", "Rate limit reached for gpt-4.1 in organization org-1 on tokens per min "+
			"(TPM): Limit 30000, Used 28039, Requested 3906. Please try again in 3.89s. Visit "+
			"https://platform.openai.com/account/rate-limits to learn more."),
		limited("never fits", "tokens", "rate_limit_exceeded", "Request too large for gpt-4o in organization org-1 on tokens per "+
			"min (TPM): Limit 30000, Requested 61337. The input or output tokens must be reduced in order to run successfully."),
		limited("ramp", "rate_limit_error", "slow_down", "Please slow down."),
		limited("no quota", "insufficient_quota", "insufficient_quota",
			"You exceeded your current quota, please check your plan and billing details."),
		limited("no credit", "insufficient_quota", "credit_balance_exhausted", "Your credit balance is exhausted."),
		limited("organization spent", "insufficient_quota", "organization_spend_limit_exceeded", "The spend limit is reached."),
		limited("project spent", "insufficient_quota", "project_spend_limit_exceeded", "The spend limit is reached."),
		limited("organization used up", "insufficient_quota", "organization_usage_limit_exceeded", "The usage limit is reached."),
		limited("flex busy", "", "", "Resource Unavailable"),
		{
			Name: "overload", Status: http.StatusServiceUnavailable, Header: map[string]string{"Retry-After": "7"},
			Body: said("service_unavailable_error", "server_is_overloaded", "The server is overloaded."),
		},
	}
}

func refusalsOfAzure() []Refusal {
	return []Refusal{
		{Name: "azure deployment", Status: http.StatusNotFound, Body: `{"error":{"code":"DeploymentNotFound","message":"The API ` +
			`deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait ` +
			`a moment and try again."}}`},
		{Name: "azure key", Status: http.StatusUnauthorized, Body: `{"error":{"code":"401","message":"Access denied due to ` +
			`invalid subscription key or wrong API endpoint."}}`},
		{Name: "azure key, gateway", Status: http.StatusUnauthorized, Body: `{"statusCode":401,"message":"Access denied due to ` +
			`invalid subscription key {secret}."}`},
		{Name: "azure version", Status: http.StatusBadRequest, Body: `{"error":{"code":"BadRequest","message":"API version not supported"}}`},
		{Name: "azure rate", Status: http.StatusTooManyRequests, Body: `{"error":{"code":"429","message":"Requests to the ` +
			`ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded token rate limit of your ` +
			`current OpenAI S0 pricing tier. Please retry after 26 seconds."}}`, Header: map[string]string{"Retry-After": "26"}},
		{Name: "azure never", Status: http.StatusTooManyRequests, Header: map[string]string{"Retry-After": "86400"}, Body: `{"error":` +
			`{"code":"429","message":"Your requests have exceeded token rate limit. Please retry after 86400 seconds."}}`},
		{Name: "azure filter", Status: http.StatusBadRequest, Body: `{"error":{"message":"The response was filtered due to the ` +
			`prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter",` +
			`"status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"jailbreak":` +
			`{"filtered":true,"detected":true}}}}}`},
	}
}

// refusalsOfOthers are forms that the client library loses the status or the words of, and pages of other servers.
func refusalsOfOthers() []Refusal {
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	return []Refusal{
		{Name: "ollama model", Status: http.StatusNotFound, Body: `{"error":"model 'x' not found, try pulling it first"}`},
		{Name: "vllm model", Status: http.StatusNotFound, Body: `{"object":"error","message":"The model x does not exist.",` +
			`"type":"NotFoundError","param":null,"code":404}`},
		{Name: "llamacpp key", Status: http.StatusUnauthorized, Body: `{"error":{"code":401,"message":"Invalid API Key",` +
			`"type":"authentication_error"}}`},
		{Name: "vllm key", Status: http.StatusUnauthorized, Body: `{"error":"Unauthorized"}`},
		{Name: "no such path", Status: http.StatusNotFound, Body: `{"detail":"Not Found"}`},
		{Name: "plain text", Status: http.StatusUnauthorized, Body: `no such key: {secret}`},
		{Name: "empty", Status: http.StatusUnauthorized},
		{Name: "half", Status: http.StatusUnauthorized, Body: `{"error":{"message":"bad key {secret}`},
		{Name: "portal", Status: http.StatusOK, Header: html, Body: "<html>Sign in to the network</html>"},
		{Name: "proxy", Status: http.StatusBadGateway, Header: html, Body: "<html>502 {secret}</html>"},
		{Name: "redirect", Status: http.StatusFound, Header: map[string]string{"Location": "http://127.0.0.1:1/{secret}"}},
		{Name: "error of 200", Status: http.StatusOK, Body: said(invalidRequest, "invalid_api_key", "bad key {secret}")},
		{Name: "payment", Status: http.StatusPaymentRequired, Body: said("", "", "Insufficient credits")},
		{
			Name: "everywhere", Status: http.StatusUnauthorized,
			Header: map[string]string{"Retry-After": "1", "X-Request-Id": "req-{secret}", "Openai-Organization": "org-{secret}"},
			Body:   `{"error":{"message":"{secret}","type":"{secret}","param":"{secret}","code":"{secret}"}}`,
		},
	}
}
