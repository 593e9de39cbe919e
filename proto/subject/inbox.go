package subject

import "strings"

// Inbox holds what publishers that speak NATS have published, until ingest has taken it in. It is a queue: what was taken
// in is gone from it.
const Inbox = "KIKIGAKI_INBOX"

// NounInbox is what publishers publish to.
const NounInbox = "inbox"

// refused is the token of hints about what was refused.
const refused = "refused"

// InboxOf is where a tenant's publisher publishes what comes from one source; the name of the source is its own choice.
// Publishing there has no guard: the same event any number of times is one event.
func InboxOf(tenant, source string) string { return join(NounInbox, Token(tenant), Token(source)) }

// InboxAll is the filter for everything that a tenant's publishers publish.
func InboxAll(tenant string) string { return join(NounInbox, Token(tenant), ">") }

// Refused is where a tenant's publishers are told which events of a source were refused, and why.
func Refused(tenant, source string) string {
	return join(NounHint, Token(tenant), refused, Token(source))
}

// RefusedAll is the filter for everything that a tenant's publishers are told was refused.
func RefusedAll(tenant string) string { return join(NounHint, Token(tenant), refused, ">") }

// RefusedAnywhere is the filter for what publishers of all tenants are told was refused.
func RefusedAnywhere() string { return join(NounHint, "*", refused, ">") }

const (
	// nounRelay is where what comes in over a broker's port waits to be carried into the inbox.
	nounRelay = "relay"
	// nounAnswer is where the inbox's answers to that come back.
	nounAnswer = "answer"
)

// Relayed is the filter for what one account publishes over the port of an embedded broker. Behind it stands the source.
func Relayed(tenant, account string) string {
	return join(nounRelay, Token(tenant), Token(account), ">")
}

// RelayedAll is the filter for what everybody publishes over the port of an embedded broker.
func RelayedAll() string { return All(nounRelay) }

// RelayedFrom reads a subject below [RelayedAll]; false for one that names no source, or more than one token.
func RelayedFrom(subject string) (tenant, account, source string, ok bool) {
	noun, tenant, rest, ok := Parse(subject)
	last := subject[strings.LastIndexByte(subject, '.')+1:]
	if !ok || noun != nounRelay || len(rest) != 2 || strings.HasPrefix(last, "_") {
		return "", "", "", false
	}
	return tenant, rest[0], rest[1], true
}

// Answer is where the inbox answers, when the answer is to be carried on to the subject of a reply.
func Answer(reply string) string { return join(nounAnswer, reply) }

// AnswerAll is the filter for all such answers.
func AnswerAll() string { return All(nounAnswer) }

// AnswerTo is the subject that an answer is to be carried on to.
func AnswerTo(subject string) string { return strings.TrimPrefix(subject, join(nounAnswer, "")) }
