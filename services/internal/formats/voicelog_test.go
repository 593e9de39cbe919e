package formats

import (
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestVoiceLogSamplesReadAsTheyShould(t *testing.T) {
	t.Parallel()
	checkSamples(t, VoiceLog)
}

func FuzzVoiceLog(f *testing.F) { fuzzFormat(f, VoiceLog) }

func TestAVoiceLogIsOneCallOfKnownSpeakers(t *testing.T) {
	t.Parallel()
	const one = `{"id":1,"order":1,"request_id":"a","speak_start_sec":"1.25","speaker_type":1,"text":"x"}`
	for file, field := range map[string]string{
		`[` + one + `,{"id":2,"request_id":"b","speak_start_sec":"1","speaker_type":2,"text":"y"}]`: "[1].request_id",
		`[{"id":1,"request_id":"a","speak_start_sec":"1.25","speaker_type":3,"text":"x"}]`:          "[0].speaker_type",
		`[` + one + `,7]`:                "[1]",
		`[` + one + `,{"id":2,"speaker_`: "[1]",
	} {
		d := readAll(t, file, Options{})[0]
		if e, _ := fault.As(d.Err); e == nil || e.Field != field || d.Format != VoiceLog {
			t.Errorf("%s: %v (%s)", file, d.Err, d.Format)
		}
	}
}
