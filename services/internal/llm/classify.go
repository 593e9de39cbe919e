package llm

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// byCode are codes that say what an error is by themselves.
func byCode(code string) Class {
	switch code {
	case "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
		"project_spend_limit_exceeded", "organization_usage_limit_exceeded":
		return ClassBilling
	case "slow_down":
		return ClassRampDown
	case "context_length_exceeded", "string_above_max_length":
		return ClassNeverFits
	case "invalid_api_key", "mismatched_organization", "invalid_organization", "no_organization", "account_deactivated":
		return ClassAuth
	case "model_not_found", "unsupported_parameter", "unsupported_value", "DeploymentNotFound":
		return ClassConfig
	case "content_filter", "ResponsibleAIPolicyViolation":
		return ClassContent
	case "server_is_overloaded":
		return ClassRetryBackoff
	}
	return ""
}

// classify goes by code, then type, then message, then status.
func classify(e *Error) Class {
	if c := byCode(e.Code); c != "" {
		return c
	}
	if e.Type == "insufficient_quota" {
		return ClassBilling
	}
	message := strings.ToLower(e.Message)
	switch {
	case strings.Contains(message, "request too large"), strings.Contains(message, "maximum context length"),
		strings.Contains(message, "available context size"),
		e.Status == http.StatusTooManyRequests && e.RetryAfter >= 24*time.Hour: // Azure's word for "never"
		return ClassNeverFits
	case strings.Contains(message, "content management policy"):
		return ClassContent
	}
	return byStatus(e)
}

func byStatus(e *Error) Class {
	switch {
	case e.Status == http.StatusTooManyRequests:
		return ClassRetryAfter
	case e.Status == http.StatusPaymentRequired:
		return ClassBilling
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return ClassAuth
	case e.Status == http.StatusBadRequest, e.Status == http.StatusNotFound,
		e.Status == http.StatusMethodNotAllowed, e.Status == http.StatusUnprocessableEntity:
		return ClassConfig
	case slices.Contains([]int{http.StatusRequestTimeout, http.StatusConflict}, e.Status),
		e.Status >= http.StatusInternalServerError:
		return ClassRetryBackoff
	}
	return ClassUnknown
}

// maxWait bounds what a provider may ask us to wait; beyond it the word is kept as it is, for classify to read.
const maxWait = 48 * time.Hour

// tryAgain reads "Please try again in 3.89s", for answers without any header.
var tryAgain = regexp.MustCompile(`(?i)try again in ([0-9hms.]+s)`)

// retryAfter is how long a provider asks to wait, from the most exact to the vaguest of its words.
func retryAfter(h http.Header, message string) time.Duration {
	if ms, err := strconv.ParseFloat(h.Get("Retry-After-Ms"), 64); err == nil && ms >= 0 {
		return bounded(time.Duration(ms * float64(time.Millisecond)))
	}
	if text := h.Get("Retry-After"); text != "" {
		if s, err := strconv.ParseFloat(text, 64); err == nil && s >= 0 {
			return bounded(time.Duration(min(s, maxWait.Seconds()) * float64(time.Second)))
		}
		if at, err := http.ParseTime(text); err == nil {
			return bounded(time.Until(at))
		}
	}
	if m := tryAgain.FindStringSubmatch(message); m != nil {
		if d, err := time.ParseDuration(m[1]); err == nil {
			return bounded(d)
		}
	}
	return 0
}

func bounded(d time.Duration) time.Duration { return min(max(d, 0), maxWait) }

// limitsOf reads what a provider says of its limits. Numbers that are not positive are no limits: some send -1. Names are
// kept, so that a server which repeats the key in them would have it kept, too, if it were not taken out.
func limitsOf(h http.Header, secret Secret) Limits {
	read := func(name string) int64 {
		n, err := strconv.ParseInt(h.Get(name), 10, 64)
		if err != nil || n <= 0 {
			return 0
		}
		return n
	}
	return Limits{
		RequestsPerMinute: read("X-Ratelimit-Limit-Requests"), TokensPerMinute: read("X-Ratelimit-Limit-Tokens"),
		RequestsLeft: left(h, "Requests"), TokensLeft: left(h, "Tokens"),
		RequestsFullIn: fullIn(h, "Requests"), TokensFullIn: fullIn(h, "Tokens"),
		Organization: redact(h.Get("Openai-Organization"), secret), Project: redact(h.Get("Openai-Project"), secret),
	}
}

// left is what is left of a limit, -1 where it is not said.
func left(h http.Header, what string) int64 {
	n, err := strconv.ParseInt(h.Get("X-Ratelimit-Remaining-"+what), 10, 64)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// fullIn is how long it takes until nothing of a limit is used any more: as 6m0s or 12ms, or in seconds as Azure says it.
func fullIn(h http.Header, what string) time.Duration {
	text := h.Get("X-Ratelimit-Reset-" + what)
	if d, err := time.ParseDuration(text); err == nil {
		return bounded(d)
	}
	if s, err := strconv.ParseFloat(text, 64); err == nil && s >= 0 {
		return bounded(time.Duration(min(s, maxWait.Seconds()) * float64(time.Second)))
	}
	return 0
}
