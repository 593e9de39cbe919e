package subject

// Names of the streams that stand beside what is said in calls.
const (
	// Meters holds the monthly counters of the compatible transcript API. Nothing else counts there.
	Meters = "KIKIGAKI_METERS"
	// Dead holds what was given up on, for 30 days.
	Dead = "KIKIGAKI_DEAD"
)

// Nouns of those streams.
const (
	NounMeter = "meter"
	NounDead  = "dead"
	// NounHint is what travels beside the log: in no stream, without an id, and never counted on.
	NounHint = "hint"
)

// Meter is where a tenant's counter of a month, as 202611, lies.
func Meter(tenant, month, what string) string {
	return join(NounMeter, Token(tenant), Token(month), Token(what))
}

// DeadLetter is where a message lies that was given up on; it is its own guard. The call is "" where the message could
// not be read so far.
func DeadLetter(tenant, origin, call string) string {
	if call == "" {
		return join(NounDead, Token(tenant), Token(origin), "_")
	}
	return join(NounDead, Token(tenant), Token(origin), Token(call))
}

// DeadLettersOf is the filter for everything that was given up on of a call, whatever its origin.
func DeadLettersOf(tenant, call string) string {
	return join(NounDead, Token(tenant), "*", Token(call))
}

// WordsHint is where replicas tell each other that words of a call have come: core NATS, in no stream.
func WordsHint(tenant, call string) string {
	return join(NounHint, Token(tenant), "words", Token(call))
}

// WordsHints is the filter for all of them.
func WordsHints() string { return join(NounHint, "*", "words", "*") }
