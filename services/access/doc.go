// Package access is who may do what: accounts, their API tokens and their logins, of every tenant.
//
// It owns the stream KIKIGAKI_ACCESS, which nobody else follows: accounts under account.<tenant>.<account>, tokens
// under token.<tenant>.<token>, logins under login.<tenant>.<login>. All accounts of all tenants are written under one
// guard, because a login name is unique over the whole installation; a token or a login is its own guard. A tenant
// exists when it has an account, and it always keeps one system_admin who can log in.
//
// Passwords are kept as argon2id, tokens and the values of cookies as SHA-256: neither the log nor a view holds
// anything that lets somebody in. None of these hashes leaves the package.
//
// Rooms: account.go, draft.go, token.go and credential.go hold the rules and know nothing of logs or RPC; rpc.go,
// tokens.go, session.go and resolve.go turn requests into decisions, query.go answers; password.go, throttle.go and
// catchup.go are what stands between a guesser and an answer; follow.go and view.go turn events into the view; sweep.go
// ends what has outlived its time or its account; tenant.go makes the first account of a tenant.
//
// After a crash nothing that was answered is lost. What a replica counts in memory alone, failed logins of the last
// minute, starts at nothing again, and every replica counts for itself.
package access
