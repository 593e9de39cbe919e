package formats

import "testing"

func TestOpenAISamplesReadAsTheyShould(t *testing.T) {
	t.Parallel()
	checkSamples(t, OpenAI)
}

func FuzzOpenAI(f *testing.F) { fuzzFormat(f, OpenAI) }
