package formats

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/fault"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
)

const (
	signatureVTT = "WEBVTT"
	arrowVTT     = "-->"
	// spaceVTT is what the format calls white space.
	spaceVTT = " \t\n\f\r"
)

func detectWebVTT(raw []byte) bool {
	rest, ok := bytes.CutPrefix(raw, []byte(signatureVTT))
	return ok && (len(rest) == 0 || strings.IndexByte(" \t\r\n", rest[0]) >= 0)
}

// parseWebVTT reads cues as W3C's parser does: blocks at empty lines or where the next cue's times begin; a cue whose
// times nobody can read is passed over, with a finding. A voice span is an utterance of its own. Mark-up, readings of
// ruby and character references are taken out of the text; line breaks stay.
func parseWebVTT(raw []byte, n *notes) (*Call, error) {
	if !detectWebVTT(raw) {
		return nil, fault.New(fault.Invalid, "INVALID", fault.Field("header"), fault.Param("reason", "no_signature"))
	}
	in := string(raw)
	if strings.Contains(in, "\x00") {
		in = strings.ReplaceAll(in, "\x00", "\ufffd")
		n.mapped("cues", "utterances", noteControl)
	}
	p := &vtt{b: build(n), in: strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(in)}
	p.header()
	for p.at < len(p.in) {
		if p.in[p.at] == '\n' {
			p.at++
			continue
		}
		p.block()
	}
	return p.b.done(), nil
}

// vtt is a WebVTT file that is being read.
type vtt struct {
	b      *builder
	in     string
	at     int
	cues   int // cues so far, broken ones too
	others int // other blocks so far
}

// line is the next line, without its end.
func (p *vtt) line() string {
	line, _, _ := strings.Cut(p.in[p.at:], "\n")
	p.at = min(p.at+len(line)+1, len(p.in))
	return line
}

// header reads what stands before the first empty line or cue; of it only a language concerns the call.
func (p *vtt) header() {
	n := p.b.n
	if title := strings.Trim(strings.TrimPrefix(p.line(), signatureVTT), spaceVTT); title != "" {
		n.ignored("header.title", noteContainer)
	}
	for p.at < len(p.in) {
		before := p.at
		line := p.line()
		if strings.Contains(line, arrowVTT) {
			p.at = before
			return
		}
		if line == "" {
			return
		}
		name, said, ok := strings.Cut(line, ":")
		switch {
		case ok && strings.EqualFold(name, "language"):
			p.b.label("header.language", "lang", strings.Trim(said, spaceVTT))
		default:
			n.ignored("header.text", noteContainer)
		}
	}
}

// cue is one cue as it stands in the file.
type cue struct {
	id, settings string
	from, to     float64
}

// block reads a block: a cue, a note, a style, a region, or something else.
func (p *vtt) block() {
	var text []string
	var found *cue
	arrow, kind := false, ""
	for lines := 1; p.at < len(p.in); lines++ {
		before := p.at
		line := p.line()
		if line == "" {
			break
		}
		if strings.Contains(line, arrowVTT) {
			if lines > 2 || arrow {
				p.at = before // the next cue, without an empty line before it
				break
			}
			arrow = true
			if c, ok := timings(line); ok {
				c.id = strings.Join(text, "\n")
				found, text = &c, nil
			}
			continue
		}
		if lines == 1 {
			kind, _, _ = strings.Cut(strings.TrimRight(line, spaceVTT), " ")
		}
		text = append(text, line)
	}
	switch {
	case found != nil:
		p.cue(found, strings.Join(text, "\n"))
	case arrow:
		p.b.n.ignored("cues["+strconv.Itoa(p.cues)+"]", noteBroken)
		p.cues++
	default:
		p.other(kind)
	}
}

// other tells what became of a block that is no cue.
func (p *vtt) other(kind string) {
	at := "[" + strconv.Itoa(p.others) + "]"
	p.others++
	switch kind {
	case "NOTE", "STYLE", "REGION", "REGION:":
		p.b.n.ignored(strings.ToLower(strings.TrimSuffix(kind, ":"))+at, noteNoPlace)
	default:
		p.b.n.ignored("block"+at, noteUnknown)
	}
}

func (p *vtt) cue(c *cue, payload string) {
	n := p.b.n
	at := "cues[" + strconv.Itoa(p.cues) + "]"
	p.cues++
	if c.settings != "" {
		n.ignored(at+".settings", noteNoPlace)
	}
	lasts := lasting(&c.from, &c.to)
	pieces, plain := voices(payload)
	for _, v := range pieces {
		from := c.from
		u := &transcriptv1.NewUtterance{UtteranceId: c.id, Text: v.text, Speaker: v.speaker, StartSec: &from, DurationSec: lasts}
		if known, ok := role(v.speaker); ok {
			u.Speaker = known
			n.mapped(at+".voice", p.b.to("speaker"), noteRole)
		} else if v.speaker != "" {
			n.understood(at+".voice", p.b.to("speaker"))
		}
		if c.id != "" {
			n.understood(at+".id", p.b.to("utteranceId"))
		}
		n.understood(at+".start", p.b.to("startSec"))
		if lasts == nil {
			n.ignored(at+".end", noteEndsFirst)
		} else {
			n.mapped(at+".end", p.b.to("durationSec"), noteEnd)
		}
		if plain {
			n.understood(at+".text", p.b.to("text"))
		} else {
			n.mapped(at+".text", p.b.to("text"), noteMarkup)
		}
		p.b.say(at, u)
	}
}
