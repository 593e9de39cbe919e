// Package subject names everything on the log: streams, subjects and the guards that writers share. No other place
// spells a subject out, so that what one service writes and another follows cannot drift apart.
//
// A subject is kikigaki.<noun>.<tenant>.<id>...; ids are made one token by [Token]. A guard is the filter whose last
// sequence a compare-and-set names. Every writer under one invariant must send the same guard string: the leader of a
// replicated stream compares the guards of writes in flight letter by letter, so two different guards over one call
// would let both writers win.
package subject

import "strings"

// Names of the streams.
const (
	// Live holds the words of calls in progress.
	Live = "KIKIGAKI_LIVE"
	// Transcripts holds the words of finished calls.
	Transcripts = "KIKIGAKI_TRANSCRIPTS"
	// Calls holds the ordered history of every call, its analyses included.
	Calls = "KIKIGAKI_CALLS"
	// Keys holds the newest state of provider keys, secrets sealed.
	Keys = "KIKIGAKI_KEYS"
	// Prompts holds the last 50 revisions of prompts and of their order.
	Prompts = "KIKIGAKI_PROMPTS"
	// Access holds accounts, tokens and logins. Only access follows it.
	Access = "KIKIGAKI_ACCESS"
	// Settings holds settings, and what must be known about the log itself.
	Settings = "KIKIGAKI_SETTINGS"
	// Leases holds who may be the only one, in memory.
	Leases = "KIKIGAKI_LEASES"
	// Audit holds one record of each change that somebody may have to answer for. Nothing of it is ever removed.
	Audit = "KIKIGAKI_AUDIT"
	// Seen holds how far each account has read.
	Seen = "KIKIGAKI_SEEN"
)

const root = "kikigaki"

func join(noun string, tokens ...string) string {
	return root + "." + noun + "." + strings.Join(tokens, ".")
}

// All returns the filter for every subject of a noun, as streams declare it.
func All(noun string) string { return join(noun, ">") }

// Nouns that streams are made of.
const (
	NounLive       = "live"
	NounTranscript = "transcript"
	NounCall       = "call"
	NounAlert      = "alert"
	NounKey        = "key"
	NounPrompt     = "prompt"
	NounAccount    = "account"
	NounToken      = "token"
	NounLogin      = "login"
	NounSetting    = "setting"
	NounLease      = "lease"
	NounSeen       = "seen"
	NounAudit      = "audit"
)

// PromptGuard guards all prompts of a tenant: their number, their names and their order are one invariant.
func PromptGuard(tenant string) string { return join(NounPrompt, Token(tenant), ">") }

// Prompt is where a prompt's revisions lie.
func Prompt(tenant, prompt string) string { return join(NounPrompt, Token(tenant), Token(prompt)) }

// PromptOrder is where a tenant's display order lies.
func PromptOrder(tenant string) string { return join(NounPrompt, Token(tenant), "_order") }

// KeyGuard guards all keys of a tenant: their names are one invariant.
func KeyGuard(tenant string) string { return join(NounKey, Token(tenant), ">") }

// Key is where the newest state of a key lies.
func Key(tenant, key string) string { return join(NounKey, Token(tenant), Token(key)) }

// AccountGuard guards all accounts of all tenants, because a login name is unique over the installation.
func AccountGuard() string { return All(NounAccount) }

// Account is where the newest state of an account lies.
func Account(tenant, account string) string { return join(NounAccount, Token(tenant), Token(account)) }

// APIToken is where an API token lies; it is its own guard.
func APIToken(tenant, token string) string { return join(NounToken, Token(tenant), Token(token)) }

// Login is where a login lies; it is its own guard.
func Login(tenant, login string) string { return join(NounLogin, Token(tenant), Token(login)) }

// SeenBy is where an account's read position lies; it is its own guard.
func SeenBy(tenant, account string) string { return join(NounSeen, Token(tenant), Token(account)) }

// AuditBy is where a service's records of a tenant's changes lie; it is its own guard.
func AuditBy(tenant, service string) string { return join(NounAudit, Token(tenant), Token(service)) }

// Alert is where an alert about something lies; it is its own guard, so that what is named alike is told once.
func Alert(tenant, about, what string) string {
	return join(NounAlert, Token(tenant), Token(about), Token(what))
}

// Lease is where a lease on what lies; it is its own guard.
func Lease(what string) string { return join(NounLease, Token(what)) }

// LeaseName is what a lease's subject is about; false for another subject.
func LeaseName(subject string) (string, bool) {
	token, found := strings.CutPrefix(subject, join(NounLease, ""))
	if !found {
		return "", false
	}
	return ID(token)
}

// Setting is where a tenant's setting lies; it is its own guard.
func Setting(tenant, name string) string { return join(NounSetting, Token(tenant), Token(name)) }

// StreamMarker is where a log remembers which streams it is made of. Its tenant token is none that an id can have.
func StreamMarker() string { return join(NounSetting, "_", "streams") }

// Parse splits a subject into its noun, tenant and the tokens behind, ids decoded where they are ids; false for a
// subject that is none of ours. Reserved tokens, which begin with "_", are returned as they are.
func Parse(subject string) (noun, tenant string, rest []string, ok bool) {
	tokens := strings.Split(subject, ".")
	if len(tokens) < 4 || tokens[0] != root {
		return "", "", nil, false
	}
	tenant, ok = ID(tokens[2])
	for _, token := range tokens[3:] {
		id, good := ID(token)
		if strings.HasPrefix(token, "_") {
			id, good = token, true
		}
		ok = ok && good
		rest = append(rest, id)
	}
	return tokens[1], tenant, rest, ok
}
