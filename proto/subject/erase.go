package subject

// CallOwn is the filter for what happens to a call itself, its analyses left out.
func CallOwn(tenant, call string) string {
	return join(NounCall, Token(tenant), Token(call), CallScope, ">")
}

// AnalysisOwn is the filter for what happens to one of a call's analyses.
func AnalysisOwn(tenant, call, analysis string) string {
	return join(NounCall, Token(tenant), Token(call), Token(analysis), ">")
}

// KindOfAnalyses is the filter for one kind of event of all of a call's analyses.
func KindOfAnalyses(tenant, call, kind string) string {
	return join(NounCall, Token(tenant), Token(call), "*", kind)
}

// LiveFiller is where fillers lie that have the server write the files of live words anew. They say nothing, and nobody
// keeps them. Their tenant token is none that an id can have.
func LiveFiller() string { return join(NounLive, "_", "filler") }

// InboxFiller is where such fillers lie in the inbox, whose files keep what was taken out of it.
func InboxFiller() string { return join(NounInbox, "_", "filler") }

// Tombstone is where a stream would say why messages of a subject are gone.
type Tombstone struct {
	// Stream it would lie in, and its Subject.
	Stream, Subject string
}

// Tombstones are where it would be said that messages of a subject were removed for good: an erased call takes all with
// it that was about it, a deleted analysis its own history. Live words need none: their seal is newer.
func Tombstones(subject string) []Tombstone {
	noun, tenant, rest, ok := Parse(subject)
	if !ok {
		return nil
	}
	switch {
	case noun == NounCall && len(rest) == 3 && rest[1] == CallScope:
		return []Tombstone{{Calls, Call(tenant, rest[0], KindErased)}}
	case noun == NounCall && len(rest) == 3:
		return []Tombstone{
			{Calls, Call(tenant, rest[0], KindErased)}, {Calls, Analysis(tenant, rest[0], rest[1], KindDeleted)},
		}
	case noun == NounTranscript && len(rest) == 2:
		return []Tombstone{{Transcripts, PartsErased(tenant, rest[0])}}
	case noun == NounDead && len(rest) == 2 && rest[1] != CallScope:
		return []Tombstone{{Calls, Call(tenant, rest[1], KindErased)}}
	}
	return nil
}
