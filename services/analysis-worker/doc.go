// Package analysis is analysis-worker: analyses from the request to their one terminal event.
//
// It owns the analyses' part of a call's history in KIKIGAKI_CALLS, written under the call's guard: requested,
// started, sent, piece, and exactly one of completed, failed and cancelled; at last deleted. There is no queue beside
// the log: an analysis that is not terminal is the queue entry, and requested is the wake-up. It follows
// KIKIGAKI_KEYS to pin a key with a request, and asks key-registry for the secret only when it is about to call.
//
// Who runs what: a lane is one limit of one provider. Lanes are spread over 16 shards by hash, and a replica runs the
// lanes of the shards it holds leases on. A lease gives affinity, not safety: what keeps two replicas from paying
// twice is that started and sent are written under the call's guard before anything leaves.
//
// Rooms: analysis.go, request.go and outcome.go hold the rules; pace.go decides who is next, lease.go who owns what,
// run.go leads one analysis to its end; rpc.go, query.go, commit.go, follow.go and view.go as in every service.
//
// After a crash nothing accepted is lost and nothing ends twice. A request to the provider that was in flight may be
// made again; it is counted as maybe paid.
package analysis
