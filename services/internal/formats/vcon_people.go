package formats

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// party is who takes part.
type party struct {
	role string // agent, customer or empty
	name string // as it is written; may be empty
	tel  string
}

// people reads the parties. The first with the role of agent and the first with that of customer say whose numbers and
// names the call has.
func (r *vcon) people() {
	for _, p := range r.root.get("parties").elements() {
		r.parties = append(r.parties, party{
			role: roleOf(p), name: strings.TrimSpace(p.get("name").raw()), tel: p.either("tel", "sip").raw(),
		})
	}
	if len(r.parties) == 2 {
		r.guessRoles()
	}
	for _, p := range slices.Backward(r.parties) { // of two of a name the first counts
		if p.role != "" && p.name != "" {
			r.roles[strings.ToLower(p.name)] = p.role
		}
	}
	seen := map[string]bool{}
	for i, p := range r.root.get("parties").elements() {
		who := r.parties[i].role
		switch {
		case who == "":
			r.tagged(p.either("tel", "sip"), "vcon.party."+strconv.Itoa(i))
			p.get("name").understood("utterances[*].speaker")
		case seen[who]:
			for _, name := range []string{"tel", "sip", "name"} {
				p.get(name).ignored(noteSecond)
			}
		default:
			seen[who] = true
			r.person(p, who)
		}
		p.noPlace("sip", "stir", "mailto", "email", "did", "validation", "gmlpos", "civicaddress", "uuid", "type", "org",
			"dept", "id", "jCard", "timezone", "meta", "role")
	}
}

// tagged keeps what no field takes as a label, of the first parties alone: a call has room for 32.
func (r *vcon) tagged(v value, name string) {
	if len(r.b.call.Details.GetLabels()) < maxLabels/2 {
		r.b.labelOf(v, name)
		return
	}
	v.ignored(noteTooManyLabels)
}

// person gives the call an agent's or a customer's number and name. A name that is nothing but a role is none.
func (r *vcon) person(p value, who string) {
	d, number, name := r.b.call.Details, p.either("tel", "sip"), p.get("name")
	if _, isRole := role(name.raw()); isRole {
		name = value{n: p.n}
	}
	if who == "agent" {
		d.AgentNumber = telephone(number, "call.agentNumber")
		d.AgentAccount = name.line("call.agentAccount")
		return
	}
	d.CustomerNumber = telephone(number, "call.customerNumber")
	r.b.labelOf(name, "customer.name")
}

// roleOf is the role that a party has: in meta.role, in the role of the contact centre extension, or for a name, where
// its producer knew none.
func roleOf(p value) string {
	for _, v := range []value{p.get("meta").get("role"), p.get("role"), p.get("name")} {
		if !v.is(text) {
			continue
		}
		if who, ok := role(v.raw()); ok {
			if v.raw() == who {
				v.understood("utterances[*].speaker")
			} else {
				v.mapped("utterances[*].speaker", noteRole)
			}
			return who
		}
	}
	return ""
}

// guessRoles finds the roles of two parties of which at most one has said its own: the other one is the other one; and
// who began an inbound call is the customer, an outbound one the agent.
func (r *vcon) guessRoles() {
	a, b := &r.parties[0], &r.parties[1]
	switch direction := r.directionSaid(); {
	case a.role != "" && b.role == "":
		b.role = otherRole(a.role)
	case b.role != "" && a.role == "":
		a.role = otherRole(b.role)
	case a.role == "" && direction != "":
		first, ok := r.originator()
		if !ok {
			return
		}
		caller := "customer"
		if direction == "outbound" {
			caller = "agent"
		}
		r.parties[first].role, r.parties[1-first].role = caller, otherRole(caller)
	}
}

func otherRole(who string) string {
	if who == "agent" {
		return "customer"
	}
	return "agent"
}

// directionSaid is the direction of the vCon or, where that has none, of its first dialog that has one.
func (r *vcon) directionSaid() string {
	if d := r.b.call.Details.GetDirection(); d != "" {
		return d
	}
	for _, d := range r.root.get("dialog").elements() {
		if said := directionOf(d.get("meta").get("direction").raw()); said != "" {
			return said
		}
	}
	return ""
}

// originator is the party that began the first dialog, of two; without a name for it that is the dialog's first party.
func (r *vcon) originator() (int, bool) {
	for _, d := range r.root.get("dialog").elements() {
		for _, v := range []value{d.get("originator"), d.get("parties")} {
			for _, first := range v.elements() {
				v = first
				break
			}
			if i, err := strconv.Atoi(v.raw()); err == nil && v.is(number) && (i == 0 || i == 1) {
				return i, true
			}
		}
	}
	return 0, false
}

// telephone is a number without the scheme of a tel URL.
func telephone(v value, to string) string {
	if bare, found := strings.CutPrefix(v.raw(), "tel:"); found {
		v.mapped(to, noteScheme)
		bare, _ = oneLine(bare)
		return bare
	}
	return v.line(to)
}

// speaker is how an utterance of a party is labelled: by role, else by name, else by number.
func (r *vcon) speaker(i int) string {
	if i < 0 || i >= len(r.parties) {
		return strconv.Itoa(i)
	}
	for _, s := range []string{r.parties[i].role, r.parties[i].name, r.parties[i].tel} {
		if s != "" {
			return s
		}
	}
	return "party " + strconv.Itoa(i)
}

// speakerNamed is the label for a speaker that is named: a role, a party's name, or what it says.
func (r *vcon) speakerNamed(name string) string {
	if who, ok := role(name); ok {
		return who
	}
	if who := r.roles[strings.ToLower(strings.TrimSpace(name))]; who != "" {
		return who
	}
	return name
}

// partyAt is the party that an index names; false, with a finding, when there is none.
func (r *vcon) partyAt(v value) (int, bool) {
	i, err := strconv.Atoi(v.raw())
	if !v.is(number) || err != nil || i < 0 || i >= len(r.parties) {
		if v.there() {
			v.ignored(noteNoParty)
		}
		return 0, false
	}
	v.understood("utterances[*].speaker")
	return i, true
}

// talk is a dialog while it is read.
type talk struct {
	v        value
	start    time.Time // zero when it does not tell
	parties  []int     // in the order of channels
	author   int       // who wrote a text
	authored bool
}

// dialogs reads when dialogs were and who took part. The call begins with the earliest and ends with the latest. In a
// call of incomplete dialogs alone nothing was said.
func (r *vcon) dialogs() {
	var end time.Time
	unanswered := r.root.get("dialog").size() > 0
	for _, d := range r.root.get("dialog").elements() {
		d.get("type").understood("")
		unanswered = unanswered && d.get("type").raw() == "incomplete"
		t := talk{v: d, start: d.get("start").instant("call.startedAt")}
		length := d.get("duration").amount("call.endedAt", noteDurationAsEnd, 0)
		if length != nil && !t.start.IsZero() {
			if to := t.start.Add(time.Duration(math.Round(*length*1e6)) * time.Microsecond); to.After(end) {
				end = to
			}
		}
		r.partiesOf(&t)
		if said := r.b.direction(d.get("meta").get("direction")); r.b.call.Details.GetDirection() == "" {
			r.b.call.Details.Direction = said
		}
		if q := d.get("skill"); r.b.call.Details.GetQueue() == "" {
			r.b.call.Details.Queue = q.line("call.queue")
		}
		r.b.labelOf(d.get("campaign"), "vcon.campaign")
		r.b.labelOf(d.get("disposition"), "vcon.disposition")
		r.b.labelOf(d.get("meta").get("disposition"), "vcon.disposition")
		r.talks = append(r.talks, t)
	}
	r.b.call.silent = unanswered
	earliest := time.Time{}
	for _, t := range r.talks {
		if !t.start.IsZero() && (earliest.IsZero() || t.start.Before(earliest)) {
			earliest = t.start
		}
	}
	if !earliest.IsZero() {
		r.start = earliest
	}
	r.b.started(r.start)
	r.b.call.EndedAt = usable(end)
}

// partiesOf reads the parties of a dialog: one index, a list, or a list a channel.
func (r *vcon) partiesOf(t *talk) {
	v := t.v.get("parties")
	if v.is(text) || v.is(object) {
		v.ignored(noteWrongKind)
	}
	if v.is(number) {
		if i, ok := r.partyAt(v); ok {
			t.parties = append(t.parties, i)
		}
	}
	for _, p := range v.elements() {
		switch {
		case p.is(list):
			for _, one := range p.elements() {
				if i, ok := r.partyAt(one); ok {
					t.parties = append(t.parties, i)
				}
			}
		default:
			if i, ok := r.partyAt(p); ok {
				t.parties = append(t.parties, i)
			}
		}
	}
	if t.author, t.authored = r.partyAt(t.v.get("originator")); !t.authored && len(t.parties) > 0 {
		t.author, t.authored = t.parties[0], true
	}
}

// offset is how long after the call's start a dialog began, in seconds.
func (r *vcon) offset(t talk) float64 {
	if t.start.IsZero() || r.start.IsZero() {
		return 0
	}
	return t.start.Sub(r.start).Seconds()
}

// micro rounds what was computed to microseconds, so that 1.76-1.2 is 0.56.
func micro(sec float64) float64 { return math.Round(sec*1e6) / 1e6 }
