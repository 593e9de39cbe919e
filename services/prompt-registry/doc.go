// Package prompts is prompt-registry: the prompts of a tenant and the order they are shown in.
//
// It owns the stream KIKIGAKI_PROMPTS: every revision of a prompt under prompt.<tenant>.<prompt>, the display order
// as a whole under prompt.<tenant>._order. Everything of a tenant is written under one guard, because three rules
// speak of all its prompts at once: at most 1000, names unique, one order. It follows KIKIGAKI_KEYS to know which
// keys a prompt may use, and which prompts are broken because their key is gone or its model was shut down.
//
// The last 50 revisions of a prompt can be read and compared, on the log and in every view the same ones; with the
// prompt they go. What was asked with it keeps its own copy, in the request.
//
// Rooms: prompt.go, order.go, compare.go and broken.go hold the rules and know nothing of logs or RPC; rpc.go and
// revision.go turn requests into decisions and answers; follow.go and view.go turn events into the view.
//
// After a crash nothing is lost: a request that was answered is on the log, one that was not may have been stored and
// is found by its id when it is sent again.
package prompts
