package formats

import "testing"

func TestTwilioSamplesReadAsTheyShould(t *testing.T) {
	t.Parallel()
	checkSamples(t, Twilio)
}

func FuzzTwilio(f *testing.F) { fuzzFormat(f, Twilio) }
