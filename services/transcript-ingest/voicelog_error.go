package ingest

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// VoiceLogError is why the compatible API does not answer, as the manual's table of errors has it.
type VoiceLogError struct {
	Name    string `json:"name"`
	Type    string `json:"type"`
	Message string `json:"message"`
}

// ErrorEncoder writes the body of an error of the compatible API, which is JSON. The manual gives the three members and
// not how they are nested, so an installation whose scripts expect something else may bring another one.
type ErrorEncoder func(VoiceLogError) []byte

// NestedError puts the members into one called error.
func NestedError(e VoiceLogError) []byte { return encodeError(map[string]VoiceLogError{"error": e}) }

// FlatError puts the members at the top.
func FlatError(e VoiceLogError) []byte { return encodeError(e) }

func encodeError(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) //nolint:errchkjson // strings cannot fail
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

// refusal is an error of the compatible API with its status.
type refusal struct {
	status int
	VoiceLogError
	// retry is when it may be tried again; 0 where that would change nothing.
	retry time.Duration
}

// The rows of the manual's table. It says nothing of the two kinds of 429, whose words are ours.

// notAuthorized is the answer where nobody says who is calling, and where the tenant has no licence.
func notAuthorized() *refusal {
	return &refusal{http.StatusForbidden, VoiceLogError{"AuthenticationException", "FORBIDDEN", "This action is unauthorized."}, 0}
}

func notAuthenticated() *refusal {
	return &refusal{http.StatusUnauthorized, VoiceLogError{
		"AuthenticationException", "UNAUTHENTICATED", "Unauthenticated: method=personal_token, cause=invalid request.",
	}, 0}
}

// nothingThere is the answer about an id that no call has, a call that was erased, and one in which nothing was said.
func nothingThere() *refusal {
	return &refusal{http.StatusNotFound, VoiceLogError{"EntityNotFoundException", "NOT_FOUND", "対象が存在しません"}, 0}
}

func idTooLong() *refusal {
	return &refusal{http.StatusUnprocessableEntity, VoiceLogError{
		"ValidateException", "VALIDATE_ERROR", "1文字から255文字までにしてください",
	}, 0}
}

// noWay is the answer to whatever is not the caller's doing.
func noWay(retry time.Duration) *refusal {
	return &refusal{http.StatusInternalServerError, VoiceLogError{"InvalidCodeException", "NO_WAY", "NO_WAY"}, retry}
}

func tooFast(retry time.Duration) *refusal {
	return &refusal{http.StatusTooManyRequests, VoiceLogError{
		"TooManyRequestsException", "TOO_MANY_REQUESTS", "バースト上限値を超過しました",
	}, retry}
}

// usedUp is the answer when the month's requests or objects are used up; the next month begins at midnight in Japan.
func usedUp(now time.Time) *refusal {
	local := inJapan(now)
	next := time.Date(local.Year(), local.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	return &refusal{http.StatusTooManyRequests, VoiceLogError{
		"LimitExceededException", "LIMIT_EXCEEDED", "月間のAPIリクエスト数またはAPIレスポンスオブジェクト数の上限に達しました",
	}, next.Sub(local)}
}

// refuse answers with an error.
func (s *Service) refuse(w http.ResponseWriter, e *refusal) {
	body := s.encodeError(e.VoiceLogError)
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if e.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retry.Seconds()))))
	}
	if e.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Token realm="kikigaki"`)
	}
	w.WriteHeader(e.status)
	_, _ = w.Write(body)
}
