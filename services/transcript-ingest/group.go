package ingest

import (
	"context"
	"time"

	"github.com/kikigaki/kikigaki/pkg/follow"
	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/view"
	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	transcriptv1 "github.com/kikigaki/kikigaki/proto/kikigaki/transcript/v1"
	"github.com/kikigaki/kikigaki/proto/subject"
	"github.com/kikigaki/kikigaki/services/internal/identity"
	"github.com/kikigaki/kikigaki/services/internal/ids"
)

const (
	// maxWaiting bounds the words that wait for the disk, in bytes as they are stored. Who brings more waits outside.
	maxWaiting = 64 << 20
	// worthwhile is how many calls a batch must be about to be faster than one write after the other. On one server a
	// batch costs as much as about ten writes.
	worthwhile = 12
	// wordsLinger is how long live words wait to go into the view together, unless somebody asks for them. A transaction a
	// word would take more of the processor than bringing it in.
	wordsLinger = 5 * time.Millisecond
)

// appending is one append on its way into LIVE, and what became of it.
type appending struct {
	ref   ref
	by    identity.Caller
	words []*eventv1.Entry
	size  int

	counts counts // of its call, as newestLive has read them last
	broken error  // why they cannot be read

	out *transcriptv1.AppendUtterancesResponse
	err error
}

// newestLive is the sequence of the newest message among a call's live words: 0 where it cannot be read, which the log
// refuses, and what is decided then fails for the same reason.
func newestLive(tx *view.Tx, a *appending) uint64 {
	a.counts, a.broken = readCounts(tx, a.ref)
	return a.counts.Newest
}

func (s *Service) newGroup(f *follow.Follower) *follow.Group[*appending] {
	return follow.NewGroup(follow.GroupConfig[*appending]{
		Follower: f, Stream: subject.Live,
		Expected: newestLive,
		Decide:   decideLive, NewID: func() string { return ids.New("event") },
		Size: func(a *appending) int { return a.size }, MaxEvent: maxStored, MaxRequests: maxUtterances,
		MaxWaiting: maxWaiting, Worthwhile: worthwhile,
	})
}

// addLive appends to the live words of a call. What others bring at the same moment may go along.
func (s *Service) addLive(
	ctx context.Context, by identity.Caller, r ref, words passage,
) (*transcriptv1.AppendUtterancesResponse, stream.Position, error) {
	a := &appending{ref: r, by: by, words: words.words, size: words.stored}
	pos, err := s.group.Do(ctx, r.liveGuard(), a)
	if err != nil {
		return nil, nil, err
	}
	return a.out, pos, a.err
}

// decideLive makes one event of appends to one call, behind those that are settling.
func decideLive(tx *view.Tx, settling, all []*appending) (*stream.Event, error) {
	r := all[0].ref
	if seal(tx, r) > 0 {
		for _, a := range all {
			a.err = errSealed
		}
		return nil, nil //nolint:nilnil // nothing to write and nothing wrong
	}
	if all[0].broken != nil {
		return nil, all[0].broken
	}
	in := admissionTo(tx, r, all[0].counts)
	for _, a := range settling {
		if a.err == nil {
			in.know(a.words, a.out)
		}
	}
	for _, a := range all {
		a.out, a.err = in.add(a.words)
	}
	if in.nothing() {
		return nil, nil //nolint:nilnil // nothing to write and nothing wrong
	}
	return encode(subject.LiveWords(r.tenant, r.call), &eventv1.LiveEvent{
		Meta: meta(author(all)),
		Kind: &eventv1.LiveEvent_Words{Words: &eventv1.Words{Entries: in.more, Tally: in.counted()}},
	})
}

// author is who brought all appends; of several it is the service that acts for them.
func author(all []*appending) identity.Caller {
	for _, a := range all[1:] {
		if a.by.AccountID != all[0].by.AccountID {
			return self(all[0].ref)
		}
	}
	return all[0].by
}
