package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kikigaki/kikigaki/services/bench/measure"
	"github.com/kikigaki/kikigaki/services/bench/rig"
)

// lab is what rows share: where they work, and what is made for the first of them that needs it.
type lab struct {
	options

	root, dir string
	progress  io.Writer
	system    string // the program, once it is built
	server    string // the bare server, once it is built
	store     *rig.Store
}

func newLab(o options, progress io.Writer) (*lab, error) {
	l := &lab{options: o, progress: progress}
	var err error
	if l.root, err = rig.Root(); err != nil {
		return nil, err
	}
	l.dir, err = os.MkdirTemp(o.dir, "kikigaki-bench-")
	return l, err
}

// rows is the table of what is measured.
func (l *lab) rows() []measure.Row {
	return []measure.Row{
		{
			Name: "append, durable", Unit: measure.Time, Open: l.openAppend,
			Subject: "an event of 300 bytes, by compare-and-set onto the embedded log, synced; one caller",
			Limit:   "write and fsync of 300 bytes to a plain file on the same disk",
		}, {
			Name: "utterance, in process", Unit: measure.Time, Open: l.openAlone,
			Subject: "one utterance at a time, by transcript-ingest without a network in between; one caller",
			Limit:   "an event onto the same kind of log, synced; one caller in the same process",
		}, {
			Name: "utterance, alone", Unit: measure.Time, Open: l.openWords(sending{callers: 1, utterances: 1}),
			Subject: "one utterance a request, by gRPC, one caller who waits for each answer",
			Limit:   "as above",
		}, {
			Name: "utterance, 4 callers", Unit: measure.Time, Open: l.openWords(sending{callers: 4, utterances: 1}),
			Subject: "the same, four callers at once",
			Limit:   "as above: one event, one caller",
		}, {
			Name: "utterance, grouped", Unit: measure.Time, Open: l.openWords(sending{callers: 32, utterances: 50}),
			Subject: "50 utterances a request, by gRPC, 32 callers",
			Limit:   "as above: one event, one caller",
		}, {
			Name: "utterance, streamed", Unit: measure.Time, Open: l.openWords(sending{callers: 1, calls: 20}),
			Subject: "one utterance a message, on one gRPC stream that speaks of 20 calls, as many on their way as are taken",
			Limit:   "as above: one event, one caller",
		}, {
			Name: "voice_log", Unit: measure.Time, Open: l.openReaders,
			Subject: "200 utterances of a finished call by the compatible API, each answer counted; 16 clients, CPU of the whole program",
			Limit:   "a static handler of the same bytes and headers, in a process of its own; the same clients",
		}, {
			Name: "request -> worker", Unit: measure.Time, Open: l.openAnalyses(toWorker),
			Subject: "from when a POST of an analysis is due until the provider has the request",
			Limit:   "three durable appends in a row under one guard",
		}, {
			Name: "outcome -> screen", Unit: measure.Time, Open: l.openAnalyses(toScreen),
			Subject: "from when the provider's answer leaves until an open event stream has read analysis.completed",
			Limit:   "two durable appends in a row under one guard",
		}, {
			Name: "analysis, all of it", Unit: measure.Time, Open: l.openAnalyses(whole),
			Subject: "both, without the provider's own time; CPU of the whole program, idle work included",
			Limit:   "the five durable appends of an analysis, CPU of the embedded log that takes them",
		}, {
			Name: "start, empty", Unit: measure.Time, Open: l.openStart(empty),
			Subject: "from exec to the first 200 of /readyz, in an empty directory",
			Limit:   "the embedded log by itself",
		}, {
			Name: "start, kept views", Unit: measure.Time, Open: l.openStart(kept),
			Subject: "the same over " + l.thousands() + ", with views as a stop in order left them",
			Limit:   "the embedded log by itself, over an equal copy",
		}, {
			Name: "start, views anew", Unit: measure.Time, Open: l.openStart(rebuilt),
			Subject: "the same over " + l.thousands() + ", all of which are read again since every view was deleted",
			Limit:   "the embedded log by itself, over an equal copy",
		}, {
			Name: "memory, idle", Unit: measure.Size, Open: l.openMemory,
			Subject: fmt.Sprintf("resident memory over %s, %s after ready", l.thousands(), settle),
			Limit:   "the embedded log by itself, over an equal copy",
		}, {
			Name: "binary, stripped", Unit: measure.Size, Exact: true, Open: l.openSize,
			Subject: "the one program", Limit: "a nats-server, built the same way",
		},
	}
}

func (l *lab) thousands() string {
	if l.events%1000 == 0 {
		return fmt.Sprintf("%d,000 events", l.events/1000)
	}
	return fmt.Sprintf("%d events", l.events)
}

// mostRounds is how many rounds a row may have while its limit moves.
func (l *lab) mostRounds() int { return 2 * l.rounds }

// moreTime is how old a run may be for a row to get more rounds than planned.
const moreTime = 5 * time.Minute

// sayf tells whoever waits what is going on.
func (l *lab) sayf(format string, args ...any) { _, _ = fmt.Fprintf(l.progress, format+"\n", args...) }

// binary is the program, built the first time.
func (l *lab) binary(ctx context.Context) (string, error) {
	if l.system != "" {
		return l.system, nil
	}
	l.sayf("  building kikigaki")
	to := filepath.Join(l.dir, "kikigaki")
	if err := rig.BuildSystem(ctx, l.root, to); err != nil {
		return "", err
	}
	l.system = to
	return to, nil
}

// bareServer is a nats-server, built the first time.
func (l *lab) bareServer(ctx context.Context) (string, error) {
	if l.server != "" {
		return l.server, nil
	}
	l.sayf("  building nats-server")
	to := filepath.Join(l.dir, "nats-server")
	if err := rig.BuildServer(ctx, l.root, to); err != nil {
		return "", err
	}
	l.server = to
	return to, nil
}

// history is a store with many events, made the first time.
func (l *lab) history(ctx context.Context) (*rig.Store, error) {
	if l.store != nil {
		return l.store, nil
	}
	binary, err := l.binary(ctx)
	if err != nil {
		return nil, err
	}
	l.sayf("  making a log of %s", l.thousands())
	l.store, err = rig.MakeStore(ctx, binary, l.dir, l.events)
	if err != nil {
		l.store = nil
	}
	return l.store, err
}
