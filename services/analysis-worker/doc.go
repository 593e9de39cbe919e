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
// How fast: a lane has a bucket of requests and one of tokens a minute. What a request may cost is taken when it starts and
// settled by what the provider counted; what the provider says is left is never exceeded, and an administrator's share of
// an account goes before the account's own limits where it is smaller. Whoever takes a lane over begins with empty buckets.
//
// Rooms: analysis.go, request.go and outcome.go hold the rules; pace.go decides who is next, robin.go in which order and
// lane.go when, by bucket.go and listen.go; limits.go knows what limits go, window.go how long a question may be, turn.go
// stands between a run and its lane; lease.go says who owns what, run.go leads one analysis to its end; rpc.go, query.go,
// commit.go, follow.go and view.go as in every service.
//
// After a crash nothing accepted is lost and nothing ends twice. A request to the provider that was in flight may be
// made again; it is counted as maybe paid.
package analysis
