// Package ingest is transcript-ingest: calls and the words spoken in them.
//
// It owns three streams. KIKIGAKI_CALLS holds what happens to a call (opened, changed, ended) under the call's guard,
// which its analyses share. KIKIGAKI_LIVE holds the words of a call in progress, appended under the exact subject.
// KIKIGAKI_TRANSCRIPTS holds the words of a finished call in parts, under one guard for all parts of a call.
//
// A transcript is a list of entries: an utterance, or a correction of one. Its revision is their number. At the end of
// a call the words are folded: a seal is appended to LIVE, so that nothing can be appended behind it; the entries are
// copied into parts, each built upon the parts before it as they are stored; then LIVE is purged below the seal, which
// stays. Who comes late finishes the fold first and then adds one more part. Numbering is parts in their order, then
// what LIVE has and no part, so every revision reads the same for ever.
//
// Rooms: call.go, details.go, utterance.go, transcript.go, admit.go, receipt.go and search.go hold the rules and know nothing
// of HTTP. arrival.go is what every way in comes to, lanes.go the order in which it is worked on. open.go opens calls,
// append.go takes words in, group.go brings together what waits for the disk, fold.go folds, sweep.go finishes what a
// crash left, idle.go ends calls that nobody ends, links.go links them, filter.go and index.go list and find them, read.go
// reads transcripts, watch.go, sse.go and hint.go tell them while they are spoken, import.go files; streaming.go, acks.go and
// room.go are the stream of a publisher, cloudevents.go and event_data.go say what an event means, events_http.go and
// inbox.go take events, dead.go keeps what is refused; export.go writes files; erase.go erases a call and retention.go the old
// ones, erased.go is what is left of them in the view; http.go and json.go are the API; rpc.go, query.go, commit.go,
// follow.go and view.go are as in every service.
//
// Beside its own API it serves the compatible transcript API that existing customers' scripts call: docs/reference/voice-log.md
// is its contract. voicelog.go, voicelog_encode.go and voicelog_error.go say how it reads, render.go keeps its answers about
// finished calls in the view, burst.go and quota.go limit it, voicelog_http.go answers, and voicelog_setting.go and
// voicelog_rpc.go are its settings, which lie in KIKIGAKI_SETTINGS. KIKIGAKI_METERS counts its answers.
//
// After a crash nothing acknowledged is lost: an answer means that the words are on disk. A request without an answer
// may have been stored, and is recognised when it is sent again. An answer of the compatible API that a crash has cut off may
// have been counted.
package ingest
