package formats

import "testing"

func TestWebVTTSamplesReadAsTheyShould(t *testing.T) {
	t.Parallel()
	checkSamples(t, WebVTT)
}

func FuzzWebVTT(f *testing.F) { fuzzFormat(f, WebVTT) }

func TestWhatHasNoSignatureIsNoWebVTT(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"", "WEBVTTX\n", "webvtt\n", "WEBVT", "\nfoo\nWEBVTT"} {
		if d := readAll(t, file, Options{Format: WebVTT})[0]; d.Err == nil {
			t.Errorf("%q is accepted", file)
		}
	}
}

func TestTimesAreReadAsW3CReadsThem(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]float64{
		"00:00.000": 0, "59:59.999": 3599.999, "0:00:01.000": 1, "100:00:00.500": 360000.5, "99:00:00.000": 356400,
		"60:00.000": -1, "00:60.000": -1, "00:00:60.000": -1, "1:2:03.000": -1, "00:00:00:00.000": -1, "00:00.0000": -1,
		"99999999999999999999:00:00.000": -1, "999999999:00:00.000": -1, "0:00.000": -1, "": -1,
	} {
		got, _, ok := timestamp(in)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q is %v, want %v", in, got, want)
		}
	}
}
