package ingest_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/kikigaki/kikigaki/pkg/stream"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	ingest "github.com/kikigaki/kikigaki/services/transcript-ingest"
)

const (
	voiceLogPath = "/public/api/v1/monitor/voice_log/"
	reader       = "Token a:account-3:view"
	sampleID     = "21091300000468000050"
)

// answered is an answer of the compatible API.
type answered struct {
	status int
	header http.Header
	body   string
}

// voiceLog asks the compatible API with an Authorization header and perhaps others, as name and value.
func (b *bench) voiceLog(method, address, authorization string, headers ...string) answered {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, http.NoBody)
	if err != nil {
		b.t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answered{res.StatusCode, res.Header, string(body)}
}

// at is a moment of the manual's sample, in Japan's time.
func at(clock string) *timestamppb.Timestamp {
	t, err := time.Parse(time.RFC3339, "2023-02-27T"+clock+"+09:00")
	if err != nil {
		panic(err) //nolint:forbidigo // a mistake in the test
	}
	return timestamppb.New(t)
}

// sample are the words of the manual's sample and of what it does not show.
func sample() []*eventv1.Entry {
	said := func(id, speaker, text string, start, duration *float64, vendor, clock string) *eventv1.Entry {
		return &eventv1.Entry{
			UtteranceId: id, Kind: "utterance", Speaker: speaker, Text: text, StartSec: start, DurationSec: duration,
			Vendor: vendor, ReceivedAt: at(clock),
		}
	}
	return []*eventv1.Entry{
		said("1", "customer", "もしもし", new(1.25), new(1.349), "AmiVoice", "11:29:19"),
		said("2", "agent", "もしもし", new(2.8), new(8.64), "", "11:29:27"),
		said("3", "customer", "お世話になっております。\r\n〇〇です。", new(11.8), new(0.29), "OMNIS", "11:29:30"),
		{UtteranceId: "4", Kind: "recognizer_lost", Speaker: "customer", ReceivedAt: at("11:29:31")},
		{UtteranceId: "5", Kind: "recognizer_lost", Speaker: "agent", ReceivedAt: at("11:29:32")},
		said("6", "speaker_7", "<b>&\"\\\u2028", nil, nil, "Other", "23:59:59"),
	}
}

// speak puts a call with words on the log, as another replica does. It returns what the ids of its words begin behind.
func (b *bench) speak(call string, entries []*eventv1.Entry) int64 {
	b.t.Helper()
	b.tell(call, "", subject.KindOpened, &eventv1.CallEvent{
		Meta: &eventv1.Meta{At: at("11:29:00")},
		Kind: &eventv1.CallEvent_Opened{Opened: &eventv1.CallOpened{Info: &eventv1.CallInfo{}}},
	})
	opened := b.last(subject.Calls)
	b.write(stream.NewGuard(subject.Live, subject.LiveWords("a", call)), subject.LiveWords("a", call), &eventv1.LiveEvent{
		Kind: &eventv1.LiveEvent_Words{Words: &eventv1.Words{Entries: entries}},
	})
	return int64(opened) << 15
}

const sampleSimple = "お客様 : もしもし\nオペレータ : もしもし\nお客様 : お世話になっております。 〇〇です。\nお客様 : <b>&\"\\ \n"

func sampleDetailed(ids int64) string {
	const tail = `"created_at":"2023-02-27 %[1]s","updated_at":"2023-02-27 %[1]s"}`
	var out []string
	for i, one := range []struct{ clock, member string }{
		{"11:29:19", `"speak_start_sec":"1.25","speaker_type":1,"text":"もしもし","voice_duration_sec":"1.34","voice_log_type":"1",`},
		{"11:29:27", `"speak_start_sec":"2.80","speaker_type":2,"text":"もしもし","voice_duration_sec":"8.64","voice_log_type":"1",`},
		{"11:29:30", `"speak_start_sec":"11.80","speaker_type":1,"text":"お世話になっております。\r\n〇〇です。",` +
			`"voice_duration_sec":"0.29","voice_log_type":"2",`},
		{"11:29:31", `"speak_start_sec":"0.00","speaker_type":4,"text":"","voice_duration_sec":"0.00","voice_log_type":"1",`},
		{"11:29:32", `"speak_start_sec":"0.00","speaker_type":5,"text":"","voice_duration_sec":"0.00","voice_log_type":"1",`},
		{"23:59:59", `"speak_start_sec":"0.00","speaker_type":1,"text":"<b>&\"\\\u2028","voice_duration_sec":"0.00","voice_log_type":"1",`},
	} {
		out = append(out, fmt.Sprintf(`{"id":%d,"order":%d,"request_id":%q,`, ids+int64(i)+1, i+1, sampleID)+
			one.member+fmt.Sprintf(tail, one.clock))
	}
	return "[" + strings.Join(out, ",") + "]"
}

func errorBody(name, kind, message string) string {
	return `{"error":{"name":"` + name + `","type":"` + kind + `","message":"` + message + `"}}`
}

// set changes how a tenant's compatible API behaves, whatever the revision.
func set(t testing.TB, s *ingest.Service, tenant string, req *transcriptv1.UpdateVoiceLogSettingsRequest) {
	t.Helper()
	now, err := s.GetVoiceLogSettings(admin(t, tenant), &transcriptv1.GetVoiceLogSettingsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	req.Revision = now.GetSettings().GetRevision()
	if _, err := s.UpdateVoiceLogSettings(admin(t, tenant), req); err != nil {
		t.Fatal(err)
	}
}

// unhurried lets tests ask as fast as they can.
func unhurried() *transcriptv1.UpdateVoiceLogSettingsRequest {
	return &transcriptv1.UpdateVoiceLogSettingsRequest{BurstRate: proto.Uint32(10_000), Burst: proto.Uint32(10_000)}
}

// agree waits until a replica has seen everything that is on the log.
func (b *bench) agree(s *ingest.Service) {
	b.t.Helper()
	for _, name := range []string{subject.Calls, subject.Live, subject.Transcripts, subject.Settings} {
		if err := s.Follower().Wait(b.t.Context(), name, b.last(name)); err != nil {
			b.t.Fatal(err)
		}
	}
}

// row is what the manual says of one request.
type row struct {
	name, path, authorization string
	status                    int
	kind, body                string
}

func rowsOf(ids, lost int64) []row {
	const plain, js = "text/plain; charset=utf-8", "application/json"
	forbidden := errorBody("AuthenticationException", "FORBIDDEN", "This action is unauthorized.")
	unknown := errorBody("AuthenticationException", "UNAUTHENTICATED", "Unauthenticated: method=personal_token, cause=invalid request.")
	nothing := errorBody("EntityNotFoundException", "NOT_FOUND", "対象が存在しません")
	onlyLost := fmt.Sprintf(`[{"id":%d,"order":1,"request_id":"lost","speak_start_sec":"0.00","speaker_type":4,"text":"",`+
		`"voice_duration_sec":"0.00","voice_log_type":"1","created_at":"2023-02-27 11:29:31","updated_at":"2023-02-27 11:29:31"}]`, lost+1)
	return []row{
		{"T3, T4 simple", sampleID, reader, 200, plain, sampleSimple},
		{"T3, T5, T6, T7, T8 detailed", sampleID + "?format=json", reader, 200, js, sampleDetailed(ids)},
		{"T3 another format", sampleID + "?format=xml", reader, 200, plain, sampleSimple},
		{"T3 an empty format", sampleID + "?format=", reader, 200, plain, sampleSimple},
		{"T2 a bearer", sampleID, "Bearer a:account-3:view", 200, plain, sampleSimple},
		{"T6 the recogniser was away", "lost?format=json", reader, 200, js, onlyLost},
		{"T6 nothing to show", "lost", reader, 404, js, nothing},
		{"T12 no header", sampleID, "", 403, js, forbidden},
		{"T12 an empty header", sampleID, " ", 403, js, forbidden},
		{"T12 no token", sampleID, "Token ", 401, js, unknown},
		{"T12 nothing but a scheme", sampleID, "Token", 401, js, unknown},
		{"T12 an unknown token", sampleID, "Token f7e51c7c8b97963e423d7206d75762b7bba2954e", 401, js, unknown},
		{"T12 another scheme", sampleID, "Basic a:account-3:view", 401, js, unknown},
		{"T12 no licence", sampleID, "Token b:account-3:view", 403, js, forbidden},
		{"T11 no id", "", reader, 404, js, nothing},
		{"T10 an unknown id", "unknown", reader, 404, js, nothing},
		{"T10 a foreign id", sampleID, "Token c:account-3:view", 404, js, nothing},
		{"T10 nothing said", "silent", reader, 404, js, nothing},
		{"T10 erased", "erased", reader, 404, js, nothing},
		{"T11 an id of 255", strings.Repeat("%E3%81%82", 255), reader, 404, js, nothing},
		{
			"T11 an id of 256", strings.Repeat("%E3%81%82", 256), reader, 422, js,
			errorBody("ValidateException", "VALIDATE_ERROR", "1文字から255文字までにしてください"),
		},
		{"T14 no UTF-8", "%FF", reader, 404, js, nothing},
		{"T14 a slash in it", "a%2Fb", reader, 404, js, nothing},
	}
}

// The rows of the manual, byte for byte: both forms, during the call and after it, and every error.
func TestTheCompatibleAPIAnswersAsTheManualSays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	writer, s := b.replica(), b.replica()
	rows := rowsOf(b.speak(sampleID, sample()), b.speak("lost", sample()[3:4]))
	b.speak("silent", nil)
	b.speak("erased", sample())
	b.tell("erased", "", subject.KindErased, &eventv1.CallEvent{Kind: &eventv1.CallEvent_Erased{Erased: &eventv1.CallErased{}}})
	set(t, writer, "a", unhurried())
	set(t, writer, "b", &transcriptv1.UpdateVoiceLogSettingsRequest{Enabled: new(false)})
	base := b.serve(s)
	for range 2 {
		b.agree(s)
		for _, row := range rows {
			for _, method := range []string{http.MethodGet, http.MethodHead} {
				got, body := b.voiceLog(method, base+voiceLogPath+row.path, row.authorization), row.body
				if method == http.MethodHead {
					body = ""
				}
				if got.status != row.status || got.header.Get("Content-Type") != row.kind || got.body != body ||
					got.header.Get("Content-Length") != strconv.Itoa(len(row.body)) {
					t.Errorf("%s %s: %d %v\n%s\nwant %d %s\n%s",
						method, row.name, got.status, got.header, got.body, row.status, row.kind, body)
				}
			}
		}
		end(t, writer, sampleID) // T9: it reads the same during the call and after it
		end(t, writer, "lost")
	}
}

// Who asks too fast, or too much in a month, is told when to come again; errors cost nothing.
func TestBurstsAndMonthsAreLimited(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	b.speak("c", sample())
	base := b.serve(s) + voiceLogPath
	b.agree(s)
	req := unhurried()
	req.MonthlyRequests, req.MonthlyObjects = proto.Uint64(9), proto.Uint64(3)
	set(t, s, "a", req)
	etag := ""
	for _, row := range []row{
		{"unknown", "unknown", reader, 404, "", ""},
		{"one", "c", reader, 200, "", ""},
		{"two", "c?format=json", reader, 200, "", ""},
		{"three", "c", "Token a:account-4:edit", 200, "", ""},
		{"over", "c", reader, 429, "", ""},
		{"unknown and over", "unknown", reader, 404, "", ""},
	} {
		got := b.voiceLog(http.MethodGet, base+row.path, row.authorization)
		if got.status != row.status {
			t.Errorf("%s: %d %s", row.name, got.status, got.body)
		}
		if row.name == "one" {
			etag = got.header.Get("ETag")
		}
		if wait, err := strconv.Atoi(got.header.Get("Retry-After")); row.status == 429 && (err != nil || wait < 1 || wait > 31*24*3600 ||
			got.body != errorBody("LimitExceededException", "LIMIT_EXCEEDED", "月間のAPIリクエスト数またはAPIレスポンスオブジェクト数の上限に達しました")) {
			t.Errorf("over the cap: %v %s", got.header, got.body)
		}
	}
	if got := b.voiceLog(http.MethodGet, base+"c", reader, "If-None-Match", etag); got.status != http.StatusNotModified {
		t.Errorf("what is known already costs: %d", got.status)
	}
	res, err := s.GetVoiceLogSettings(admin(t, "a"), &transcriptv1.GetVoiceLogSettingsRequest{})
	if v := res.GetSettings(); err != nil || v.GetUsedRequests() != 3 || v.GetUsedObjects() != 3 {
		t.Errorf("%v, %v", v, err)
	}
	set(t, s, "a", &transcriptv1.UpdateVoiceLogSettingsRequest{
		BurstRate: proto.Uint32(1), Burst: proto.Uint32(2), MonthlyObjects: proto.Uint64(10),
	})
	var got []int
	for range 3 {
		last := b.voiceLog(http.MethodGet, base+"c", "Token a:account-5:view")
		if got = append(got, last.status); last.status == 429 && (last.header.Get("Retry-After") != "1" ||
			last.body != errorBody("TooManyRequestsException", "TOO_MANY_REQUESTS", "バースト上限値を超過しました")) {
			t.Errorf("too fast: %v %s", last.header, last.body)
		}
	}
	if got[0] != 200 || got[1] != 200 || got[2] != 429 && got[2] != 200 { // a slow machine is no burst
		t.Error(got)
	}
}

func TestWhatFailsHereIsNoWay(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	b.speak("c", sample())
	base := b.serve(s) + voiceLogPath
	b.agree(s)
	stop(t, s)
	got := b.voiceLog(http.MethodGet, base+"c", reader)
	if got.status != 500 || got.body != errorBody("InvalidCodeException", "NO_WAY", "NO_WAY") {
		t.Errorf("%d %s", got.status, got.body)
	}
}

// A finished call is answered with what was rendered when its words were written; packed where that is welcome, and not
// at all where it is known.
func TestAFinishedCallIsTaggedAndPacked(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := b.replica()
	ids := b.speak(sampleID, sample())
	set(t, s, "a", unhurried())
	base := b.serve(s) + voiceLogPath + sampleID + "?format=json"
	b.agree(s)
	live := b.voiceLog(http.MethodGet, base, reader, "Accept-Encoding", "gzip")
	end(t, s, sampleID)
	b.agree(s)
	plain := b.voiceLog(http.MethodGet, base, reader)
	packed := b.voiceLog(http.MethodGet, base, reader, "Accept-Encoding", "br;q=1.0, GZIP;q=0.5")
	for name, a := range map[string]answered{"live": live, "plain": plain} {
		if a.body != sampleDetailed(ids) || a.header.Get("Content-Encoding") != "" || a.header.Get("ETag") != live.header.Get("ETag") {
			t.Errorf("%s: %v %s", name, a.header, a.body)
		}
	}
	r, err := gzip.NewReader(strings.NewReader(packed.body))
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(r); err != nil || string(body) != sampleDetailed(ids) || packed.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%v %v %s", err, packed.header, body)
	}
	tag, packedTag := plain.header.Get("ETag"), packed.header.Get("ETag")
	for _, c := range []struct {
		tags, encoding string
		want           int
	}{
		{tag, "", 304}, {`"x", ` + tag, "", 304}, {"W/" + tag, "", 304}, {"*", "", 304}, {`"x"`, "", 200},
		{packedTag, "gzip", 304}, {tag, "gzip", 200}, {packedTag, "gzip;q=0", 200}, {packedTag, "*", 304},
	} {
		got := b.voiceLog(http.MethodGet, base, reader, "If-None-Match", c.tags, "Accept-Encoding", c.encoding)
		if got.status != c.want || c.want == 304 && (got.body != "" || got.header.Get("ETag") == "") || got.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s (%s): %d %v", c.tags, c.encoding, got.status, got.header)
		}
	}
	add(t, s, sampleID, []*transcriptv1.NewUtterance{{UtteranceId: "2", Version: 1, Speaker: "agent", Text: "はい"}})
	corrected := b.voiceLog(http.MethodGet, base, reader, "If-None-Match", tag)
	if corrected.status != 200 || !strings.Contains(corrected.body, fmt.Sprintf(`{"id":%d,"order":2,`, ids+2)) ||
		!strings.Contains(corrected.body, `"text":"はい"`) || !strings.Contains(corrected.body, `"created_at":"2023-02-27 11:29:27"`) {
		t.Errorf("%d %s", corrected.status, corrected.body)
	}
}

func TestAnotherEncoderOfErrorsMayBeBrought(t *testing.T) {
	t.Parallel()
	e := ingest.VoiceLogError{Name: "N", Type: "T", Message: "<M>\""}
	if got := string(ingest.FlatError(e)); got != `{"name":"N","type":"T","message":"<M>\""}` {
		t.Error(got)
	}
	if got := string(ingest.NestedError(e)); got != `{"error":{"name":"N","type":"T","message":"<M>\""}}` {
		t.Error(got)
	}
}
