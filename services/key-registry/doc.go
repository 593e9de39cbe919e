// Package keys is key-registry: the provider keys of a tenant.
//
// It owns the stream KIKIGAKI_KEYS: the newest state of every key under key.<tenant>.<key>, with its secret sealed so
// that this service alone can open it, for this tenant, key, version and host alone. Everything of a tenant is
// written under one guard, because names are unique. It follows KIKIGAKI_PROMPTS to refuse the deletion of a key that
// prompts use.
//
// A key is saved when the provider has accepted it: the model was read and one tiny answer given. What is learned on
// the way, limits and organisation, makes the lane, the one limit that several keys may share.
//
// A key that was accepted once may be refused later: it then says so, and why, until it is accepted again. What the
// data file about models knows beside the provider is put in when a key is read, and never stored.
//
// Each change leaves one record in KIKIGAKI_AUDIT, whose writer it is for keys.
//
// Rooms: draft.go, key.go, url.go and lane.go hold the rules; verify.go asks the provider and refusal.go finds the field
// at fault in its no; save.go makes a key of what was entered and learned; update.go, reverify.go and form.go are RPCs of
// their own; rotate.go and reseal.go put another secret or another master key in the place of one, audit.go says what is
// recorded, upkeep.go is what a replica does by itself, metrics.go what is
// measured of it; rpc.go, query.go, commit.go, follow.go and view.go as in every service.
//
// After a crash nothing is lost: a request that was answered is on the log. A verification may be repeated; it costs
// a fraction of a cent.
package keys
