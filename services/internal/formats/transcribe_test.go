package formats

import (
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestAmazonTranscribeSamplesReadAsTheyShould(t *testing.T) {
	t.Parallel()
	checkSamples(t, AmazonTranscribe)
}

func FuzzTranscribe(f *testing.F) { fuzzFormat(f, AmazonTranscribe) }

func TestAJobThatIsNotCompletedIsRefused(t *testing.T) {
	t.Parallel()
	for file, code := range map[string]string{
		`{"JobStatus":"IN_PROGRESS","JobName":"a"}`:                         "RECOGNITION_UNFINISHED",
		`{"JobStatus":"FAILED","JobName":"a","FailureReason":"no speech"}`:  "RECOGNITION_FAILED",
		`{"JobStatus":"COMPLETED","JobName":"a"}`:                           "FIELD_INVALID",
		`{"JobStatus":"COMPLETED","JobName":"a","Transcript":["x"]}`:        "FIELD_INVALID",
		`{"JobStatus":"COMPLETED","Transcript":[{"Id":"1","Content":[1]}]}`: "FIELD_INVALID",
	} {
		d := readAll(t, file, Options{})[0]
		e, _ := fault.As(d.Err)
		if e == nil || e.Code != code || e.Field == "" || d.Format != AmazonTranscribe {
			t.Errorf("%s: %v (%s)", file, d.Err, d.Format)
		}
	}
}

func TestAJobThatHeardNothingIsACall(t *testing.T) {
	t.Parallel()
	isSilent(t, AmazonTranscribe, `{"JobStatus":"COMPLETED","JobName":"a","Transcript":[]}`)
}
