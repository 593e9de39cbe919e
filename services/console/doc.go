// Package console is the HTTP edge of everything that people and their programs do but bring words in and listen: it
// turns JSON into RPCs and back, and serves the web screen. It holds no state, follows nothing and writes nothing.
//
// Calls, utterances and imports are served by transcript-ingest, notifications by notification: there the data is.
package console
