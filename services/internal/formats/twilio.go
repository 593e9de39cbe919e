package formats

import (
	"math"
	"strconv"
	"strings"

	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// vendorTwilio is what utterances from Twilio name.
const vendorTwilio = "Twilio"

// detectTwilio knows a page of a transcript's sentences.
func detectTwilio(raw []byte) bool {
	m := members(raw)
	return m["sentences"] == '[' && m["meta"] == '{'
}

// parseTwilio reads a page of sentences. The transcript's id is in the page's own URL, so that pages of one call come
// together; places in the order (from 1) show in the receipt what is missing between them. Times may be null. What is
// known of a speaker is the channel, which is channel1 or channel2.
func parseTwilio(raw []byte, n *notes) (*Call, error) {
	root, err := decode(raw, n)
	if err != nil {
		return nil, err
	}
	b := build(n)
	meta := root.get("meta")
	for _, name := range []string{"url", "first_page_url"} {
		if id := transcriptSID(meta.get(name).raw()); id != "" && b.call.ID == "" {
			b.call.ID = id
			meta.get(name).understood("call.id")
		}
	}
	if next := meta.get("next_page_url"); next.there() {
		next.ignored(noteMorePages)
	}
	said := root.get("sentences")
	if !said.is(list) {
		said.wrong("list")
	}
	for _, s := range said.elements() {
		twilioSentence(b, s)
	}
	aboutFile(meta)
	return b.done(), nil
}

// transcriptSID is the transcript's id (GT and 32 hexadecimal digits) in the path of a URL; empty when there is none.
func transcriptSID(url string) string {
	const digits = 32
	_, rest, ok := strings.Cut(url, "/Transcripts/GT")
	if !ok || len(rest) < digits || strings.Trim(rest[:digits], "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return "GT" + rest[:digits]
}

func twilioSentence(b *builder, s value) {
	if !s.is(object) {
		s.wrong("object")
		return
	}
	u := &transcriptv1.NewUtterance{
		UtteranceId: s.get("sid").line(b.to("utteranceId")),
		Text:        s.get("transcript").str(b.to("text")),
		Vendor:      vendorTwilio,
	}
	if at, err := strconv.ParseInt(s.get("sentence_index").raw(), 10, 32); err == nil && at >= 0 && at < math.MaxInt32 {
		u.Order = at + 1
		s.get("sentence_index").mapped(b.to("order"), noteFromOne)
	}
	if c := s.get("media_channel"); c.raw() != "" {
		u.Speaker = "channel" + c.raw()
		c.mapped(b.to("speaker"), noteChannel)
	}
	u.StartSec, u.DurationSec = b.span(s.get("start_time"), s.get("end_time"), 1)
	finer(s.get("words"))
	s.noPlace("confidence")
	b.say(s.path(), u)
}
