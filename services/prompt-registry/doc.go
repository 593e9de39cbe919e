// Package prompts is prompt-registry: the prompts of a tenant and the order they are shown in.
//
// It owns the stream KIKIGAKI_PROMPTS: every revision of a prompt under prompt.<tenant>.<prompt>, the display order
// as a whole under prompt.<tenant>._order. Everything of a tenant is written under one guard, because three rules
// speak of all its prompts at once: at most 1000, names unique, one order. It follows KIKIGAKI_KEYS to know which
// keys a prompt may use.
//
// Rooms: prompt.go and order.go hold the rules and know nothing of logs or RPC; rpc.go turns requests into decisions;
// follow.go and view.go turn events into the view.
//
// After a crash nothing is lost: a request that was answered is on the log, one that was not may have been stored and
// is found by its id when it is sent again.
package prompts
