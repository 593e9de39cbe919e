package formats

import (
	"strings"
	"testing"
	"time"
)

// TestNoFileKeepsAParserBusy gives each parser megabytes in which something grows: a parser that goes back to the
// beginning for every part of it takes minutes here.
func TestNoFileKeepsAParserBusy(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("megabytes")
	}
	const many = 20_000
	for name, file := range map[Format]string{
		Amivoice:         `{"code":"","message":"","text":"","results":[{"tokens":[` + strings.Repeat(`{"written":"`+strings.Repeat("a", 64)+`"},`, 2*many) + `{}]}]}`,
		AmazonTranscribe: `{"JobStatus":"COMPLETED","Transcript":[` + strings.Repeat(`{"Id":"a","Content":"","Items":[[[]]]},`, many) + `{}]}`,
		Deepgram:         `{"metadata":{},"results":{"channels":[{"alternatives":[{"transcript":"` + strings.Repeat("a ", many) + `","words":[` + strings.Repeat(`{"word":"a"},`, many) + `{}]}]},{}]}}`,
		Twilio:           `{"meta":{"url":"` + strings.Repeat("/Transcripts/GT", many) + `"},"sentences":[` + strings.Repeat(`{"transcript":""},`, many) + `{}]}`,
		OpenAI:           `{"task":"","duration":1,"text":"` + strings.Repeat("a,", many) + `","words":[` + strings.Repeat(`{"word":"b"},`, many) + `{}]}`,
		VoiceLog:         `[` + strings.Repeat(`{"id":1,"request_id":"a","speak_start_sec":"1","speaker_type":4,"text":""},`, many),
		WebVTT:           "WEBVTT\n\n00:00.000 --> 00:01.000\n" + strings.Repeat("a<b>", 40*many) + "\n\n" + strings.Repeat("-->\n", many),
	} {
		begun := time.Now()
		for d, err := range Read(strings.NewReader(file), Options{Format: name}) {
			if err != nil {
				t.Fatal(err)
			}
			sound(t, d)
			t.Logf("%s: %d bytes, %s, %v", name, len(file), time.Since(begun), d.Err)
		}
	}
}
