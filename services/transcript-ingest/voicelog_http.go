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

// VoiceLogPath is where the compatible API is; what follows is the id. The service measures it by itself: the usual span
// and measurement of a request cost as much as its answer.
const VoiceLogPath = "/public/api/v1/monitor/voice_log/"

// voiceLogPattern is the compatible API. The id is all that is left of the path, so that none at all, too, is told in
// its own words.
const voiceLogPattern = "GET " + VoiceLogPath + "{requestId...}"

// getVoiceLog answers as the manual of the compatible API says. It shares no error with the rest of the API: who calls
// it was written for another product. Refusals come in the order in which they could be made without asking further: no
// credential, a wrong one, too fast, no licence, an impossible id, an unknown one, and only then the monthly cap, since
// only answers count.
func (s *Service) getVoiceLog(e *edge.Edge) edge.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		begun, status := time.Now(), http.StatusOK
		if err := s.voiceLog(w, r, e); err != nil {
			no := s.refusalOf(r, err)
			status = no.status
			s.refuse(w, no)
		}
		s.meters.spoke(r.Context(), status, time.Since(begun))
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
	buffer, _ := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	ask := asked{ref: ref{caller.Tenant, r.PathValue("requestId")}, token: token, buffer: *buffer}
	set, answer, err := s.spoken(r, ask)
	if err != nil {
		return err
	}
	*buffer = answer.body[:0]
	return s.tellSpoken(w, r, set, caller.Tenant, answer)
}

// asked is what is asked of the compatible API, and into which buffer the answer goes.
type asked struct {
	ref

	token  string
	buffer []byte
}

// admit refuses who asks too fast, who has no licence, and ids that no call can have.
func (s *Service) admit(set *transcriptv1.VoiceLogSettings, a asked) error {
	if wait, ok := s.bursts.admit(a.token, time.Now(), set.GetBurstRate(), set.GetBurst()); !ok {
		return tooFast(wait)
	}
	switch {
	case !set.GetEnabled():
		return notAuthorized()
	case utf8.RuneCountInString(a.call) > maxID:
		return idTooLong()
	case a.call == "" || !utf8.ValidString(a.call):
		return nothingThere()
	}
	return nil
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

// voiceLogSettings are how a tenant's compatible API behaves, for the caller alone.
func (s *Service) voiceLogSettings(tenant string) (out *transcriptv1.VoiceLogSettings, err error) {
	err = s.follower.Read(func(tx *view.Tx) error {
		set, err := readVoiceLogSetting(tx, tenant)
		out = settingsOf(set)
		return err
	})
	return out, err
}

// spoken reads the answer about a call into a buffer: with one look at the view, as a rule. A position is waited for, but
// only once the request is admitted. A call that this replica does not know was perhaps opened on another one a moment
// ago: it is not called missing before the leaders were asked.
func (s *Service) spoken(r *http.Request, a asked) (set *transcriptv1.VoiceLogSettings, out spoken, err error) {
	f := formSimple
	if q := r.URL.RawQuery; q == "format=json" || q != "" && r.URL.Query().Get("format") == "json" {
		f = formDetailed
	}
	packed, position := takesGzip(r.Header.Get("Accept-Encoding")), edge.Position(r)
	look := func(tx *view.Tx) (err error) { out, err = readSpoken(tx, a.ref, f, packed, a.buffer[:0]); return err }
	first := func(tx *view.Tx) (err error) {
		if set, err = s.settings.read(tx, a.tenant); err != nil {
			return err
		}
		if err = s.admit(set, a); err != nil || position != "" {
			return err
		}
		return look(tx)
	}
	if err := s.follower.WaitPosition(r.Context(), ""); err != nil {
		return nil, out, err
	}
	if err := s.follower.Read(first); err != nil || out.tag != "" {
		return set, out, err
	}
	if err := s.follower.WaitPosition(r.Context(), position); fault.KindOf(err) == fault.Unavailable {
		return nil, out, err // one that is no position is none of the manual's, and is passed over
	}
	if err := s.follower.Read(look); err != nil || out.tag != "" {
		return set, out, err
	}
	if err := s.newest(r.Context(), a.ref); err != nil {
		return nil, out, err
	}
	if err := s.follower.Read(look); err != nil {
		return nil, out, err
	}
	if out.tag == "" {
		return nil, out, nothingThere()
	}
	return set, out, nil
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
	if none := r.Header.Get("If-None-Match"); none != "" && matches(none, tag) {
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
	values := describe(h, tag)
	values[0], values[1] = answer.form.contentType(), strconv.Itoa(len(answer.body))
	h["Content-Type"], h["Content-Length"] = values[0:1:1], values[1:2:2]
	if answer.packed {
		h.Set("Content-Encoding", "gzip")
	}
	_, _ = w.Write(answer.body) // an error is the client's going: there is nobody to tell
	return nil
}

// describe lets the answer be kept by whoever asked, and asked about again with its tag. All headers are one allocation;
// it returns room for two more.
func describe(h http.Header, tag string) []string {
	v := []string{tag, "Accept-Encoding", "private, no-cache", "", ""}
	h["Etag"], h["Vary"], h["Cache-Control"] = v[0:1:1], v[1:2:2], v[2:3:3]
	return v[3:]
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
