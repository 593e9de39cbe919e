package formats

import (
	"strings"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

func TestAmivoiceSamplesReadAsTheyShould(t *testing.T) {
	t.Parallel()
	checkSamples(t, Amivoice)
}

func FuzzAmivoice(f *testing.F) { fuzzFormat(f, Amivoice) }

func TestAnUnfinishedRecognitionIsRefused(t *testing.T) {
	t.Parallel()
	for file, code := range map[string]string{
		`{"status":"queued","session_id":"s"}`:                                    "RECOGNITION_UNFINISHED",
		`{"status":"processing","session_id":"s","audio_size":1}`:                 "RECOGNITION_UNFINISHED",
		`{"sessionid":"s","text":"..."}`:                                          "RECOGNITION_UNFINISHED",
		`{"status":"error","session_id":"s","error_message":"ERROR: no such\nx"}`: "RECOGNITION_FAILED",
		`{"status":"completed","session_id":"s","segments":[{}]}`:                 "FIELD_REQUIRED",
	} {
		d := readAll(t, file, Options{})[0]
		e, _ := fault.As(d.Err)
		if e == nil || e.Code != code || e.Field == "" || d.Format != Amivoice {
			t.Errorf("%s: %v (%s)", file, d.Err, d.Format)
		}
	}
}

func TestARecordingInWhichNothingIsSaidIsACall(t *testing.T) {
	t.Parallel()
	isSilent(t, Amivoice, `{"status":"completed","session_id":"s","segments":[]}`)
}

func TestAFailureOfTheRecogniserIsAMarkInTheTranscript(t *testing.T) {
	t.Parallel()
	const file = `[{"utteranceid":"a","text":"one","code":"","message":""},{"utteranceid":"b","text":"","code":"!","message":"failed to connect to recognizer server"},{"utteranceid":"c","text":"","code":"o","message":"rejected"},{"utteranceid":"a","text":"two","code":"","message":""}]`
	d := readAll(t, file, Options{CallID: "call-1"})[0]
	if d.Err != nil || d.Call.ID != "call-1" {
		t.Fatalf("%+v", d)
	}
	var got []string
	for _, u := range d.Call.Utterances {
		got = append(got, u.GetUtteranceId()+" "+u.GetKind()+" "+u.GetText())
	}
	if s := strings.Join(got, "|"); s != "a  one|b recognizer_lost |c  |a~2  two" {
		t.Error(s)
	}
}

func TestOtherTextIsNoPacketLog(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"Answer: {no}", "A", "see\nyou", "WEBVTT\n", "S1\nS2\n", ""} {
		if detectAmivoice([]byte(file)) {
			t.Errorf("%q is taken for a log of packets", file)
		}
		if d := readAll(t, file, Options{Format: Amivoice})[0]; d.Err == nil {
			t.Errorf("%q is accepted: %+v", file, d.Call)
		}
	}
}
