package formats

// Notes of findings that only files of recognisers have.
const (
	noteMillis    = "MILLISECONDS"       // milliseconds became seconds
	noteEndsFirst = "ENDS_BEFORE_START"  // an end before its start says nothing about the duration
	noteInterim   = "INTERIM_RESULT"     // what the recogniser thought before it had heard all
	noteFailed    = "RECOGNIZER_LOST"    // a failure of the recogniser became a mark in the transcript
	noteRejected  = "NOTHING_RECOGNIZED" // something was heard, and no words in it: an empty utterance
	noteNotJSON   = "NOT_JSON"           // a result that nobody can read became a mark in the transcript
	noteChannel   = "CHANNEL_AS_SPEAKER" // all that is known of a speaker is the channel
	noteMerged    = "CHANNELS_MERGED"    // channels one after the other became one conversation, by their times
	noteMorePages = "MORE_PAGES"         // the call goes on in another file
	noteFromOne   = "COUNTED_FROM_ONE"   // a place in an order that begins at 0
	noteTrimmed   = "TRIMMED"            // white space around a text
	noteRepaired  = "REPAIRED_END"       // a list without an end, or with a comma before it
	noteBroken    = "BROKEN_CUE"         // a cue whose times nobody can read
	noteMarkup    = "MARKUP_REMOVED"     // a text without its mark-up
)

// recogniserNotes are all of them.
func recogniserNotes() []string {
	return []string{
		noteMillis, noteEndsFirst, noteInterim, noteFailed, noteRejected, noteNotJSON, noteChannel, noteMerged,
		noteMorePages, noteFromOne, noteTrimmed, noteRepaired, noteBroken, noteMarkup,
	}
}
