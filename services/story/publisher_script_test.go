package story_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
)

// script is what the publishers of one call will send, made up before anything is sent: what comes of it is computed from
// the script alone.
type script struct {
	call string
	legs []leg
	link string // another call that its first words name; empty: none
}

// leg is one publisher of a call. Its letters go out one after another, each when the one before was acknowledged.
type leg struct {
	way     string // how it sends; mixed: each letter another way
	letters []letter
}

// Ways of sending.
const (
	byHTTP   = "HTTP"
	byUnary  = "unary gRPC"
	byStream = "streaming gRPC"
	byInbox  = "NATS"
	mixed    = "mixed"
)

// letter is what is sent at once.
type letter struct {
	way  string
	said []said
	ends bool // the call, behind the words
	link string
}

// said is an utterance or a correction of one, as it is sent.
type said struct {
	id      string
	version uint32
	order   int64
	speaker string
	text    string
	other   bool // says something else than was said under this id and version before
}

// entryID is what an entry is known by.
type entryID struct {
	id      string
	version uint32
}

func (s said) entry() entryID { return entryID{s.id, s.version} }

// placed is what is said and when: a place among all that the leg says.
type placed struct {
	said

	at float64
}

// newScript makes up a call: up to 24 utterances over one or two legs, with numbers left out, words that come late or
// overtake each other, corrections (also such as come before what they correct), repetitions with the same and with
// other words, ends in the midst and ends again.
func newScript(r *rand.Rand, call string, inbox bool) script {
	s := script{call: call, legs: make([]leg, 1+r.IntN(2))}
	ways := []string{byHTTP, byUnary, byStream, mixed}
	for i := range s.legs {
		s.legs[i].way = ways[r.IntN(len(ways))]
	}
	if inbox && len(s.legs) > 1 && r.IntN(2) == 0 {
		s.legs[1].way = byInbox
	}
	numbered := r.IntN(5) > 0
	all := make([][]placed, len(s.legs))
	for i, order := 0, int64(0); i < 6+r.IntN(18); i++ {
		if order++; r.IntN(8) == 0 {
			order += 1 + r.Int64N(3)
		}
		u := said{id: fmt.Sprintf("%s/%d", call, i), order: order, speaker: []string{"agent", "customer"}[r.IntN(2)]}
		if !numbered && r.IntN(2) == 0 {
			u.order = 0
		}
		at := r.IntN(len(s.legs))
		versions := 1
		if s.legs[at].way != byInbox {
			versions += max(0, r.IntN(6)-3)
		}
		told, turned := tell(r, u, float64(i)+r.Float64()*float64(r.IntN(7)), versions)
		all[at] = append(all[at], told...)
		all[at] = append(all[at], repeat(r, told, s.legs[at].way != byInbox && !turned)...)
		if !turned && r.IntN(6) == 0 { // the other leg has heard it, too
			all[len(all)-1-at] = append(all[len(all)-1-at], placed{told[0].said, float64(i) + r.Float64()*6})
		}
	}
	for i := range s.legs {
		s.legs[i].letters = letters(r, all[i], s.legs[i].way)
	}
	if first := &s.legs[0]; len(first.letters) == 0 {
		first.letters = []letter{{way: byHTTP, said: []said{{id: call + "/first", speaker: "agent", text: "もしもし"}}}}
	}
	last := &s.legs[0].letters[len(s.legs[0].letters)-1]
	last.ends = true
	return s
}

// tell says an utterance and its corrections; turned tells that the correction comes first.
func tell(r *rand.Rand, u said, at float64, versions int) (out []placed, turned bool) {
	for v := range versions {
		u.version, u.text = uint32(v), fmt.Sprintf("%s を %d 回目に言い直します。", u.id, v)
		if v > 0 && r.IntN(3) == 0 {
			u.order = 0 // who corrects the text alone does not move it
		}
		out = append(out, placed{u, at})
		at += 0.01 + r.Float64()*8
	}
	if versions == 2 && out[1].order == out[0].order && r.IntN(3) == 0 {
		out[0].at, out[1].at = out[1].at, out[0].at
		return []placed{out[1], out[0]}, true
	}
	return out, false
}

// repeat says again what was said, in the same words or, where that is allowed, in others.
func repeat(r *rand.Rand, told []placed, others bool) (out []placed) {
	for _, p := range told {
		for r.IntN(4) == 0 {
			p.at += 0.01 + r.Float64()*10
			out = append(out, p)
		}
		if others && r.IntN(8) == 0 {
			p.at += 0.01 + r.Float64()*10
			p.text, p.other = p.text+" いいえ。", true
			out = append(out, p)
		}
	}
	return out
}

// letters puts what a leg says into letters of up to four, and ends the call in some of them.
func letters(r *rand.Rand, all []placed, way string) (out []letter) {
	slices.SortStableFunc(all, func(a, b placed) int { return cmp.Compare(a.at, b.at) })
	for len(all) > 0 {
		l := letter{way: way}
		if way == mixed {
			l.way = []string{byHTTP, byUnary, byStream}[r.IntN(3)]
		}
		n := min(len(all), 1+r.IntN(4))
		for _, p := range all[:n] {
			l.said = append(l.said, p.said)
		}
		all = all[n:]
		l.ends = len(out) > 2 && r.IntN(8) == 0
		out = append(out, l)
	}
	return out
}
