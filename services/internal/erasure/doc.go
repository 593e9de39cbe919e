// Package erasure is what services share about erasing calls: how the remains of one are removed from the log, how far
// that has come, and what of it still lies in the files of an installation.
//
// An erased call leaves tombstones, which hold no personal data: `erased` and the `deleted` of its analyses in
// KIKIGAKI_CALLS, one in KIKIGAKI_TRANSCRIPTS, and its seal in KIKIGAKI_LIVE. Once they are there, nothing can be added
// under their guards. Then every service removes what it wrote itself: of a call that a person has erased, every message
// is overwritten; of one that has only grown too old, messages are purged, which is a hundred times cheaper and leaves the
// bytes to the server's own cleaning up.
//
// Nothing says on the log that the removing is done. A replica looks for what is left of every call that was erased in
// the last 48 hours until it has found nothing ([Sweeper]), so that a crash between any two steps is survived.
package erasure
