package ingest

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/pkg/view"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/services/internal/edge"
	"github.com/kikigaki/kikigaki/services/internal/identity"
)

// voiceLogPattern is the compatible API. The id is all that is left of the path, so that none at all, too, is told in
// its own words.
const voiceLogPattern = "GET /public/api/v1/monitor/voice_log/{requestId...}"

// getVoiceLog answers as the manual of the compatible API says. It shares no error with the rest of the API: who calls
// it was written for another product. Refusals come in the order in which they could be made without asking further: no
// credential, a wrong one, too fast, no licence, an impossible id, an unknown one, and only then the monthly cap, since
// only answers count.
func (s *Service) getVoiceLog(e *edge.Edge) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.voiceLog(w, r, e); err != nil {
			s.refuse(w, s.refusalOf(r, err))
		}
		return nil
	}
}

// Error makes a refusal an error.
func (e *refusal) Error() string { return e.Name + ": " + e.Message }

// refusalOf is what to answer with an error. What is none of the manual's is a failure of ours; one that may pass says
// when to try again.
func (s *Service) refusalOf(r *http.Request, err error) *refusal {
	if out, ok := errors.AsType[*refusal](err); ok {
		return out
	}
	if fault.KindOf(err) == fault.Unauthenticated {
		return notAuthenticated()
	}
	retry := time.Duration(0)
	switch f, _ := fault.As(err); {
	case f != nil && f.Kind == fault.Unavailable:
		retry = max(f.RetryAfter, time.Second)
		s.log.WarnContext(r.Context(), "the compatible API could not answer", "error", err)
	case r.Context().Err() == nil:
		s.log.ErrorContext(r.Context(), "the compatible API failed", slog.Any("error", err))
	}
	return noWay(retry)
}

func (s *Service) voiceLog(w http.ResponseWriter, r *http.Request, e *edge.Edge) error {
	caller, token, err := voiceLogCaller(r, e)
	if err != nil {
		return err
	}
	set, err := s.voiceLogSettings(caller.Tenant)
	if err != nil {
		return err
	}
	if wait, ok := s.bursts.admit(token, time.Now(), set.GetBurstRate(), set.GetBurst()); !ok {
		return tooFast(wait)
	}
	if !set.GetEnabled() {
		return notAuthorized()
	}
	id := r.PathValue("requestId")
	if utf8.RuneCountInString(id) > maxID {
		return idTooLong()
	}
	buffer, _ := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	answer, err := s.spoken(r, ref{caller.Tenant, id}, *buffer)
	if err != nil {
		return err
	}
	*buffer = answer.body[:0]
	return s.tellSpoken(w, r, set, caller.Tenant, answer)
}

// voiceLogCaller finds out who is calling, by an API token alone: cookies are for people.
func voiceLogCaller(r *http.Request, e *edge.Edge) (identity.Caller, string, error) {
	header := strings.TrimSpace(r.Header.Get("Authorization"))
	if header == "" {
		return identity.Caller{}, "", notAuthorized()
	}
	token, ok := identity.Token(header)
	if !ok || token == "" {
		return identity.Caller{}, "", notAuthenticated()
	}
	caller, _, err := e.Resolve(r.Context(), token)
	return caller, token, err
}

// voiceLogSettings are how a tenant's compatible API behaves.
func (s *Service) voiceLogSettings(tenant string) (out *transcriptv1.VoiceLogSettings, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		set, err := readVoiceLogSetting(tx, tenant)
		out = settingsOf(set)
		return err
	})
	return out, err
}

// spoken reads the answer about a call into a buffer. A call that this replica does not know was perhaps opened on
// another one a moment ago: it is not called missing before the leaders were asked.
func (s *Service) spoken(r *http.Request, call ref, buffer []byte) (out spoken, err error) {
	if call.call == "" || !utf8.ValidString(call.call) {
		return out, nothingThere()
	}
	if err := s.follower.WaitPosition(r.Context(), edge.Position(r)); fault.KindOf(err) == fault.Unavailable {
		return out, err // one that is no position is none of the manual's, and is passed over
	}
	f := formSimple
	if r.URL.RawQuery != "" && r.URL.Query().Get("format") == "json" {
		f = formDetailed
	}
	packed := takesGzip(r.Header.Get("Accept-Encoding"))
	look := func(tx *view.Tx) error { out, err = readSpoken(tx, call, f, packed, buffer[:0]); return err }
	if err := s.follower.Read(look); err != nil || out.tag != "" {
		return out, err
	}
	if err := s.newest(r.Context(), call); err != nil {
		return out, err
	}
	if err := s.follower.Read(look); err != nil {
		return out, err
	}
	if out.tag == "" {
		return out, nothingThere()
	}
	return out, nil
}

// tellSpoken answers, once the answer is counted. Who has the same answer already is told so, which is no answer and
// costs nothing.
func (s *Service) tellSpoken(
	w http.ResponseWriter, r *http.Request, set *transcriptv1.VoiceLogSettings, tenant string, answer spoken,
) error {
	tag := `"` + answer.tag + `"`
	if answer.packed {
		tag = `"` + answer.tag + `-gzip"`
	}
	h := w.Header()
	if matches(r.Header.Get("If-None-Match"), tag) {
		describe(h, tag)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	now := time.Now()
	err := s.quota.count(r.Context(), meterOf(tenant, now), int64(min(set.GetMonthlyRequests(), set.GetMonthlyObjects())))
	if errors.Is(err, errOverCap) {
		return usedUp(now)
	}
	if err != nil {
		return err
	}
	describe(h, tag)
	h.Set("Content-Type", answer.form.contentType())
	h.Set("Content-Length", strconv.Itoa(len(answer.body)))
	if answer.packed {
		h.Set("Content-Encoding", "gzip")
	}
	_, _ = w.Write(answer.body) // an error is the client's going: there is nobody to tell
	return nil
}

// describe lets the answer be kept by whoever asked, and asked about again with its tag.
func describe(h http.Header, tag string) {
	h.Set("ETag", tag)
	h.Set("Vary", "Accept-Encoding")
	h.Set("Cache-Control", "private, no-cache")
}

// matches tells whether a tag is among those of an If-None-Match.
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// takesGzip tells whether an Accept-Encoding welcomes gzip.
func takesGzip(header string) bool {
	for one := range strings.SplitSeq(header, ",") {
		coding, weight, weighed := strings.Cut(one, ";")
		if coding = strings.TrimSpace(coding); !strings.EqualFold(coding, "gzip") && coding != "*" {
			continue
		}
		q, isQ := strings.CutPrefix(strings.ToLower(strings.TrimSpace(weight)), "q=")
		v, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !weighed || isQ && err == nil && v > 0
	}
	return false
}
