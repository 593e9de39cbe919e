package formats

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kikigaki/kikigaki/services/internal/chars"
)

// Notes of findings. Codes are stable; the catalogue has a text for each.
const (
	noteUnknown       = "UNKNOWN_MEMBER"        // a member that this format has not, or that nothing here takes
	noteEmpty         = "EMPTY"                 // null, {} or []
	noteWrongKind     = "WRONG_KIND"            // a list or an object where a text belongs
	noteAsText        = "NUMBER_AS_TEXT"        // a number or a boolean that became a text
	noteCut           = "CUT"                   // longer than 255 characters, or more than there is room for
	noteControl       = "CONTROL_CHARACTERS"    // control characters became spaces
	noteHalfCharacter = "HALF_CHARACTER"        // half a surrogate pair became U+FFFD
	noteDuplicateID   = "DUPLICATE_ID"          // an id that another utterance has, too, got a number behind it
	notePosition      = "POSITION_AS_ID"        // an unusable id was replaced by the utterance's position
	noteNoTime        = "NO_TIME"               // cannot be a point in time between 1970 and 2200
	noteNoZone        = "ASSUMED_UTC"           // a time without a zone
	noteZoneForm      = "TIME_FORM"             // a time in another form than RFC 3339
	noteEpoch         = "SECONDS_SINCE_1970"    // a time as a number
	noteTooManyLabels = "TOO_MANY_LABELS"       // a call has 32
	noteAccountNamed  = "ACCOUNT_NAMED"         // the name of an agent whose account is named, too
	noteDirection     = "DIRECTION"             // a direction in another spelling
	noteNoPlace       = "NO_PLACE"              // known, but no field here takes it
	noteNoNumber      = "NO_NUMBER"             // cannot be the number that belongs here
	noteTextAsNumber  = "TEXT_AS_NUMBER"        // a number that was written as a text
	noteOther         = "OTHER_TRANSCRIPT"      // another transcript of the same words was better
	noteRestated      = "RESTATED"              // said again, and better, elsewhere in the document
	noteNotText       = "NOT_TEXT"              // sound, pictures, files: only words are kept
	noteUnsigned      = "SIGNATURE_NOT_CHECKED" // taken, but nobody checked who signed it
	notePython        = "PYTHON_LITERAL"        // Python's way of printing data instead of JSON
	noteNested        = "NESTED_JSON"           // JSON within a text
	noteBase64        = "BASE64"                // a text in base64
	noteHTML          = "HTML"                  // kept with its mark-up
	noteNoParty       = "NO_SUCH_PARTY"         // points at a party that is not there
	noteEnd           = "END_AS_DURATION"       // an end became a duration
	noteMoved         = "RELATIVE_TO_CALL"      // a time became seconds since the call's start
	noteJoined        = "JOINED"                // words or sentences that became one utterance
	noteWords         = "FINER_DETAIL"          // words and sentences of an utterance that is kept whole
	noteSplit         = "SPLIT_INTO_LINES"      // a text without turns became an utterance a line
	noteVersion       = "OTHER_VERSION"         // of a version that is not known; read as the newest
	noteExtension     = "UNKNOWN_EXTENSION"     // not known, and not critical
	noteContainer     = "ABOUT_THE_FILE"        // about the file, not about the call
	noteTransfer      = "TRANSFER"              // a transfer: the legs are not joined
	noteSecond        = "SECOND_OF_ROLE"        // a call has one agent and one customer; this is another
	noteScheme        = "SCHEME"                // a URL's scheme was left out
	noteDurationAsEnd = "DURATION_AS_END"       // a duration became the call's end
	noteNoLink        = "NO_LINK"               // cannot be a link: to itself, of no usable id or relation, beyond 32
	noteMore          = "MORE_FINDINGS"         // there are more than a thousand; the rest are only counted
	noteRole          = "ROLE"                  // a role in another spelling
)

// Notes are all codes that a finding may carry beside those of faults; the catalogue has a text for each.
func Notes() []string {
	return append(recogniserNotes(),
		noteUnknown, noteEmpty, noteWrongKind, noteAsText, noteCut, noteControl, noteHalfCharacter, noteDuplicateID,
		notePosition, noteNoTime, noteNoZone, noteZoneForm, noteEpoch, noteTooManyLabels, noteAccountNamed,
		noteDirection, noteRole, noteNoPlace, noteNoNumber, noteTextAsNumber, noteOther, noteRestated, noteNotText, noteUnsigned,
		notePython, noteNested, noteBase64, noteHTML, noteNoParty, noteEnd, noteMoved, noteJoined, noteWords, noteSplit,
		noteVersion, noteExtension, noteContainer, noteTransfer, noteSecond, noteDurationAsEnd, noteScheme, noteMore,
		noteNoLink,
	)
}

// rest tells what nobody claimed of the documents: the highest member below which nothing was taken.
func (n *notes) rest() {
	if n.off {
		return
	}
	for _, root := range n.roots {
		unclaimed(root)
	}
}

func unclaimed(v value) {
	switch {
	case v.node.claimed:
		return
	case v.up != nil && !touched(v.node):
		note := noteUnknown
		if v.is(null) || (v.is(list) || v.is(object)) && v.size() == 0 {
			note = noteEmpty
		}
		v.ignored(note)
		return
	}
	for _, m := range v.elements() {
		unclaimed(m)
	}
	for _, m := range v.members() {
		unclaimed(m)
	}
}

// touched tells whether anything in a value was claimed.
func touched(n *node) bool {
	if n.claimed {
		return true
	}
	for i := range n.items {
		if touched(&n.items[i]) {
			return true
		}
	}
	return false
}

// oneLine makes a short field of a text: no control characters, at most 255 characters (code points after NFC, as the
// checks of an append count them). The note says what was done, the worst of it.
func oneLine(s string) (out, note string) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		s = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return ' '
			}
			return r
		}, s)
		note = noteControl
	}
	if len(s) > maxID && (utf8.RuneCountInString(s) > maxID || chars.Count(s) > maxID) {
		return chars.Cut(chars.Normal(s), maxID), noteCut
	}
	return s, note
}
