package formats

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/pkg/fault"
)

// How our own export marks the analysis that holds a whole call.
const (
	ownVendor = "kikigaki"
	ownSchema = "kikigaki-call-1"
)

func detectVCon(raw []byte) bool {
	m := members(raw)
	lists := 0
	for _, name := range []string{"parties", "dialog", "analysis"} {
		if m[name] == '[' {
			lists++
		}
	}
	return m["vcon"] != 0 || lists > 1 || m["uuid"] == '"' && lists > 0 ||
		m["payload"] == '"' && m["signatures"] == '[' || m["ciphertext"] == '"' && (m["recipients"] == '[' || m["protected"] == '"')
}

// parseVCon reads a vCon of the core draft (syntax 0.4.0) or of the drafts before it. An encrypted one, or one that names
// as critical an extension that is not known here, is FORMAT_UNSUPPORTED. Of a signed one the payload is read; the
// signature is not checked, and a finding says so.
func parseVCon(raw []byte, n *notes) (*Call, error) {
	root, err := decode(raw, n)
	if err != nil {
		return nil, err
	}
	if root.get("ciphertext").there() {
		return nil, unsupported(root.get("ciphertext"), "encrypted")
	}
	if payload := root.get("payload"); payload.is(text) && root.get("signatures").there() {
		if root, err = unwrapped(root, payload); err != nil {
			return nil, err
		}
	}
	if !root.is(object) {
		root.wrong("object")
		return nil, n.err
	}
	for _, names := range []value{root.get("critical"), root.get("must_support")} {
		if err := critical(names); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"parties", "dialog", "analysis", "attachments", "group"} {
		if list := root.get(name); list.size() > maxUtterances {
			return nil, tooLarge("CALL_TOO_LARGE", list.path(), maxUtterances)
		}
	}
	r := &vcon{b: build(n), root: root, roles: map[string]string{}}
	if own := r.own(); own.there() {
		r.restated(own)
		return r.b.done(), nil
	}
	r.container()
	r.people()
	r.dialogs()
	r.words()
	r.leftovers()
	if len(r.b.call.Utterances) == 0 && !r.b.call.silent {
		n.fail(fault.New(fault.Unprocessable, "FIELD_REQUIRED", fault.Field("analysis")))
	}
	return r.b.done(), nil
}

func unsupported(v value, reason string) error {
	return fault.New(fault.Unprocessable, "FORMAT_UNSUPPORTED", fault.Field(v.path()), fault.Param("reason", reason))
}

// unwrapped is the vCon within a signed one (JWS, general serialisation).
func unwrapped(root, payload value) (value, error) {
	inner, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(payload.raw(), "="))
	switch {
	case err != nil:
		return value{}, fault.New(fault.Unprocessable, "FIELD_INVALID", fault.Field("payload"), fault.Param("allowed", "base64url"))
	case strings.HasPrefix(string(inner), "\x1f\x8b"):
		return value{}, unsupported(payload, "compressed")
	}
	payload.mapped("", noteUnsigned)
	root.get("signatures").ignored(noteUnsigned)
	if !utf8.Valid(inner) {
		return value{}, fault.New(fault.Invalid, "INVALID", fault.Field("payload"), fault.Param("reason", "not UTF-8"))
	}
	doc, err := decodeAt(string(inner), "payload", payload.n)
	if err == nil && (doc.get("ciphertext").there() || doc.get("signatures").there()) {
		return value{}, unsupported(payload, "nested")
	}
	return doc, err
}

// critical refuses a vCon that nobody may read without an extension that is not known here.
func critical(names value) error {
	for _, name := range names.elements() {
		if !slices.Contains(extensions(), name.raw()) {
			return fault.New(fault.Unprocessable, "FORMAT_UNSUPPORTED", fault.Field(name.path()),
				fault.Param("reason", "critical"), fault.Param("extension", name.raw()))
		}
		name.understood("")
	}
	return nil
}

// extensions are those whose members are read.
func extensions() []string { return []string{"wtf_transcription", "contact_center", "CC"} }

// vcon is a container while it is read.
type vcon struct {
	b       *builder
	root    value
	parties []party
	roles   map[string]string // by the parties' names in lower case
	talks   []talk
	start   time.Time // of the call: the earliest dialog; zero when none tells
}

// own is the body of the analysis that our export made.
func (r *vcon) own() value {
	for _, a := range r.root.get("analysis").elements() {
		if a.get("vendor").raw() == ownVendor && a.get("schema").raw() == ownSchema && a.get("body").is(object) {
			return a.get("body")
		}
	}
	return value{}
}

// restated reads a vCon of our own: one analysis says all.
func (r *vcon) restated(body value) {
	dialogue(r.b, body)
	for _, m := range r.root.members() {
		if m.name != "analysis" {
			m.ignored(noteRestated)
		}
	}
	for _, a := range r.root.get("analysis").elements() {
		for name, m := range a.members() {
			if m.node != body.node && name != "body" {
				m.understood("")
			} else if m.node != body.node {
				m.ignored(noteOther)
			}
		}
	}
}

// container reads what the vCon says about itself and about others.
func (r *vcon) container() {
	if v := r.root.get("vcon"); v.there() && slices.Contains([]string{"0.0.1", "0.0.2", "0.3.0", "0.4.0"}, v.raw()) {
		v.understood("")
	} else if v.there() {
		v.mapped("", noteVersion)
	}
	if id := r.root.get("uuid"); strings.TrimSpace(id.raw()) == "" {
		id.ignored(noteEmpty)
	} else {
		r.b.call.ID = strings.TrimSpace(id.line("call.id"))
	}
	for _, name := range []string{"parties", "dialog", "analysis", "attachments", "group", "extensions"} {
		if v := r.root.get(name); v.there() && !v.is(list) {
			v.ignored(noteWrongKind)
		}
	}
	d := r.b.call.Details
	if d.Label = r.root.get("subject").line("call.label"); d.GetLabel() == "" {
		d.Label = r.b.call.ID
	}
	for _, name := range r.root.get("extensions").elements() {
		if slices.Contains(extensions(), name.raw()) {
			name.understood("")
			continue
		}
		name.ignored(noteExtension)
	}
	for _, name := range []string{"redacted", "amended", "appended"} { // appended is the older name of amended
		link, to := r.root.get(name), "vcon."+strings.Replace(name, "appended", "amended", 1)
		r.b.labelOf(link.either("uuid", "url"), to)
		r.b.labelOf(link.get("type"), to+".type")
		link.noPlace("url", "content_hash", "alg", "signature")
	}
	for i, g := range r.root.get("group").elements() {
		if id := g.get("uuid"); id.is(text) {
			r.b.link(id, id.raw(), "leg")
			continue
		}
		r.b.labelOf(g.get("url"), "vcon.group."+strconv.Itoa(i))
	}
	for _, name := range []string{"created_at", "updated_at"} {
		if v := r.root.get(name); v.there() {
			v.ignored(noteContainer)
		}
	}
	meta := r.root.get("meta")
	d.Direction = r.b.direction(meta.get("direction"))
	r.b.labelOf(meta.get("disposition"), "vcon.disposition")
	r.start = meta.get("call_started_on").instant("call.startedAt")
	meta.noPlace("duration", "tenant_id")
}
