// Package dialogues holds real dialogues, each file with the licence that SOURCES.md names. The demo and the tests run
// on these and not on invented lines. Files under a share-alike licence stay data files of their own.
package dialogues

import "embed"

// Files are the dialogues, one JSON Lines file a set, and SOURCES.md.
//
//go:embed *.jsonl SOURCES.md
var Files embed.FS
