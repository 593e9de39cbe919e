package formats

import (
	"bytes"
	"math"
	"strconv"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

// detectVoiceLog knows the detailed answer of the compatible transcript API.
func detectVoiceLog(raw []byte) bool {
	if len(raw) == 0 || raw[0] != '[' {
		return false
	}
	m := members(firstObject(raw))
	return m["speak_start_sec"] != 0 && m["speaker_type"] != 0
}

// parseVoiceLog reads the detailed answer: a list of utterances without anything around it. A list that ends in a comma
// and lacks its bracket, as the API's manual prints it, is taken for whole. The stamps are when words were stored in
// the other system, which nothing here tells about utterances from elsewhere.
func parseVoiceLog(raw []byte, n *notes) (*Call, error) {
	whole, repaired := ended(raw)
	root, err := decode(whole, n)
	if err != nil {
		return nil, err
	}
	if !root.is(list) {
		root.wrong("list")
		return nil, n.err
	}
	b := build(n)
	if repaired {
		n.mapped("["+strconv.Itoa(root.size()-1)+"]", "", noteRepaired)
	}
	for _, v := range root.elements() {
		if !v.is(object) {
			v.wrong("object")
			continue
		}
		voiceLogEntry(b, v)
	}
	return b.done(), nil
}

// ended gives a list its bracket, and takes away a comma before it.
func ended(raw []byte) (whole []byte, repaired bool) {
	body, closed := bytes.CutSuffix(bytes.TrimSpace(raw), []byte("]"))
	body = bytes.TrimSpace(body)
	rest, comma := bytes.CutSuffix(body, []byte(","))
	if !bytes.HasSuffix(bytes.TrimSpace(rest), []byte("}")) || closed && !comma {
		return raw, false
	}
	return append(bytes.Clone(rest), ']'), true
}

func voiceLogEntry(b *builder, v value) {
	request := v.get("request_id")
	switch id := request.line("call.id"); {
	case b.call.ID == "":
		b.call.ID = id
	case id != "" && id != b.call.ID:
		request.fail("FIELD_INVALID", fault.Param("allowed", b.call.ID))
	}
	u := &transcriptv1.NewUtterance{
		UtteranceId: v.get("id").line(b.to("utteranceId")),
		Order:       v.get("order").integer(b.to("order"), math.MinInt64, math.MaxInt64),
		Text:        v.get("text").str(b.to("text")),
		StartSec:    voiceLogSeconds(v.get("speak_start_sec"), b.to("startSec")),
		DurationSec: voiceLogSeconds(v.get("voice_duration_sec"), b.to("durationSec")),
	}
	side := v.get("speaker_type")
	switch side.raw() {
	case "1", "4":
		u.Speaker = "customer"
	case "2", "5":
		u.Speaker = "agent"
	default:
		side.wrong("1, 2, 4, 5")
	}
	side.mapped(b.to("speaker"), noteRole)
	if s := side.raw(); s == "4" || s == "5" {
		u.Kind = kindLost
		side.mapped(b.to("kind"), noteFailed)
	}
	u.Vendor = voiceLogVendor(b, v.get("voice_log_type"))
	v.noPlace("created_at", "updated_at")
	b.say(v.path(), u)
}

// voiceLogSeconds is a number of seconds, which this format writes as a text.
func voiceLogSeconds(v value, to string) *float64 {
	f := seconds(v, 1)
	switch {
	case !v.there():
	case f == nil:
		v.ignored(noteNoNumber)
	default:
		v.understood(to)
	}
	return f
}

func voiceLogVendor(b *builder, v value) string {
	to := b.to("vendor")
	switch v.raw() {
	case "":
		return ""
	case "1":
		v.understood(to)
		return vendorAmivoice
	case "2":
		v.understood(to)
		return "OMNIS"
	}
	return v.line(to)
}
