package ingest

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// foldText brings text into the form that is searched: width, case and the shape of dashes and quotation marks do not
// matter, white space is one blank, and none within a script that is written without blanks, where a line break may stand
// anywhere.
func foldText(s string) string {
	if out, ok := foldASCII(s); ok {
		return out
	}
	var b strings.Builder
	b.Grow(len(s))
	last, blank := ' ', false
	for _, r := range norm.NFKC.String(s) {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			blank = true
			continue
		}
		if r = foldRune(r); r < 0 {
			continue
		}
		if blank && b.Len() > 0 && (!dense(last) || !dense(r)) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		last, blank = r, false
	}
	return b.String()
}

// foldASCII is foldText for text of ASCII alone.
func foldASCII(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	blank := false
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= utf8.RuneSelf:
			return "", false
		case c <= ' ' || c == 0x7F:
			blank = true
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		if blank && len(out) > 0 {
			out = append(out, ' ')
		}
		out, blank = append(out, c), false
	}
	return string(out), true
}

// foldRune folds one code point; -1 for what nobody sees.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	switch {
	case dense(r):
		return r
	case r == 0x00AD || 0x200B <= r && r <= 0x200F || r == 0xFEFF: // soft hyphen, blanks of no width, joiners
		return -1
	case r == 0x2018 || r == 0x2019:
		return '\''
	case r == 0x201C || r == 0x201D:
		return '"'
	case 0x2010 <= r && r <= 0x2015 || r == 0x2212:
		return '-'
	case r == 0x301C:
		return '~'
	}
	return unicode.ToLower(unicode.ToUpper(r)) // up first: two small letters may share a capital
}

// dense tells whether a letter is of a script that is written without blanks between words.
func dense(r rune) bool {
	switch {
	case r < 0x0E00:
		return false
	case r < 0x1800:
		return r < 0x0F00 || 0x1000 <= r && r < 0x10A0 || 0x1780 <= r // Thai, Lao; Burmese; Khmer
	case r < 0x3041:
		return 0x3005 <= r && r <= 0x3007
	case r < 0xA000:
		return r <= 0x30FF && r != 0x30FB || 0x3400 <= r // kana but the middle dot; Han
	}
	return 0xF900 <= r && r < 0xFB00 || 0x20000 <= r && r < 0x40000
}

// wordly tells whether a code point belongs to a word of a script with blanks between words.
func wordly(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z'
	}
	return !dense(r) && (unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r))
}

// termsOf are what a query asks for, folded, each once: all of them must be found.
func termsOf(query string) (out []string) {
	for field := range strings.FieldsSeq(query) {
		for term := range strings.FieldsSeq(foldText(field)) {
			if !slices.Contains(out, term) {
				out = append(out, term)
			}
		}
	}
	return out
}

// has tells whether folded text has a term: anywhere, but where the term begins like a word, only where one begins.
func has(text, term string) bool {
	first, _ := utf8.DecodeRuneInString(term)
	for at := 0; ; {
		i := strings.Index(text[at:], term)
		if i < 0 {
			return false
		}
		at += i
		if before, _ := utf8.DecodeLastRuneInString(text[:at]); at == 0 || !wordly(first) || !wordly(before) {
			return true
		}
		_, size := utf8.DecodeRuneInString(text[at:])
		at += size
	}
}

// longestPrefix is how much of a word is in an index, in code points.
const longestPrefix = 8

// Kinds of grams, so that a letter of one kind is not another's.
const (
	gramOne = iota + 1
	gramTwo
	gramPrefix
)

// gramsOf yields what an index keeps of folded text: letters and pairs of letters of dense scripts, and of each other
// word its beginnings. A gram is a hash, the same for ever and on every machine.
func gramsOf(text string, yield func(uint64)) {
	var before rune // the dense letter before, 0 without one
	var word uint64 // the hash of the word so far
	length := 0     // of the word so far
	for _, r := range text {
		switch {
		case dense(r):
			yield(mix(gramOne, r))
			if before != 0 {
				yield(mix(mix(gramTwo, before), r))
			}
			before, length = r, 0
		case wordly(r):
			if length == 0 {
				word = gramPrefix
			}
			if word, length = mix(word, r), length+1; length <= longestPrefix {
				yield(word)
			}
			before = 0
		default:
			before, length = 0, 0
		}
	}
}

// gramsFor are the grams that any text has which has the term: pairs of dense letters, or the one there is, and of each
// word the longest beginning.
func gramsFor(term string) (out []uint64) {
	var before rune
	var word uint64
	length, pairs := 0, 0
	end := func() {
		switch {
		case before != 0 && pairs == 0:
			out = append(out, mix(gramOne, before))
		case length > 0:
			out = append(out, word)
		}
		before, length, pairs = 0, 0, 0
	}
	for _, r := range term {
		switch {
		case dense(r):
			if length > 0 {
				end()
			}
			if before != 0 {
				out, pairs = append(out, mix(mix(gramTwo, before), r)), pairs+1
			}
			before = r
		case wordly(r):
			if before != 0 {
				end()
			}
			if length == 0 {
				word = gramPrefix
			}
			if length < longestPrefix {
				word = mix(word, r)
			}
			length++
		default:
			end()
		}
	}
	end()
	return out
}

// mix hashes one more code point into a hash (the finish of splitmix64).
func mix(h uint64, r rune) uint64 {
	h = h*0x9E3779B97F4A7C15 + uint64(r) + 1
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}

// A signature stands for a set of grams in about a byte a gram (a Bloom filter): what it says is not there is not
// there; of what is not there it takes 2 in 100 to be there. Texts of equal grams have equal signatures.
const (
	signatureBits   = 8 // of a gram
	signatureProbes = 4
	signatureWord   = 8 // bytes that it is a multiple of
)

// signatureOf is the signature of folded texts.
func signatureOf(texts []string) []byte {
	size := 0
	for _, text := range texts {
		size += len(text)
	}
	set := newGrams(size)
	for _, text := range texts {
		gramsOf(text, set.add)
	}
	if set.n == 0 {
		return []byte{}
	}
	words := (set.n*signatureBits/8 + signatureWord - 1) / signatureWord
	out := make([]byte, words*signatureWord)
	for _, gram := range set.slots {
		if gram == 0 {
			continue
		}
		for i := range uint64(signatureProbes) {
			bit := probe(out, gram, i)
			out[bit/8] |= 1 << (bit % 8)
		}
	}
	return out
}

// grams is a set of hashes, in a table of open places that is at least twice as large: a map took four times as long.
// 0 is an open place, and a gram of that hash is kept as 1.
type grams struct {
	slots []uint64
	n     int
}

// newGrams makes a set for texts of so many bytes, which have no more grams than that.
func newGrams(bytes int) *grams {
	size := 64
	for size < bytes && size < 1<<12 {
		size *= 2
	}
	return &grams{slots: make([]uint64, size)}
}

func (g *grams) add(gram uint64) {
	gram = max(gram, 1)
	if !g.put(gram) {
		return
	}
	if g.n++; 2*g.n > len(g.slots) {
		old := g.slots
		g.slots = make([]uint64, 4*len(old))
		for _, gram := range old {
			if gram != 0 {
				g.put(gram)
			}
		}
	}
}

// put finds a place for a gram; false when it has one.
func (g *grams) put(gram uint64) bool {
	last := uint64(len(g.slots) - 1)
	for i := gram & last; ; i = (i + 1) & last {
		switch g.slots[i] {
		case gram:
			return false
		case 0:
			g.slots[i] = gram
			return true
		}
	}
}

func probe(signature []byte, gram, i uint64) uint64 {
	return (gram>>32 + i*(gram&0xFFFFFFFF|1)) % uint64(len(signature)*8)
}

// mayHave tells whether a text of the signature may have all of some grams.
func mayHave(signature []byte, grams []uint64) bool {
	if len(grams) > 0 && len(signature) == 0 {
		return false
	}
	for _, gram := range grams {
		for i := range uint64(signatureProbes) {
			if bit := probe(signature, gram, i); signature[bit/8]&(1<<(bit%8)) == 0 {
				return false
			}
		}
	}
	return true
}

// digitsOf are the digits of a number, whatever stands between them.
func digitsOf(number string) string {
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, norm.NFKC.String(number))
}

// leastDigits is how many digits a number needs to be compared with a longer one as a whole.
const leastDigits = 7

// sameNumber compares numbers by their digits, from the end: what one has before, a country or a trunk prefix, does not
// matter.
func sameNumber(has, want string) bool {
	has, want = digitsOf(has), digitsOf(want)
	if short := strings.TrimLeft(want, "0"); short != "" {
		want = short
	}
	if want == "" || has == "" {
		return false
	}
	short := strings.TrimLeft(has, "0")
	return strings.HasSuffix(has, want) || len(short) >= leastDigits && strings.HasSuffix(want, short)
}
