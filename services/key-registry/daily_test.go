package keys_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	eventv1 "github.com/kikigaki/kikigaki/proto/kikigaki/event/v1"
	keyv1 "github.com/kikigaki/kikigaki/proto/kikigaki/key/v1"
)

// overdue makes keys, each of a model of its own, that nobody has asked about since yesterday; in the order in which a
// replica looks at them.
func (b *bench) overdue(count int) (list []*keyv1.Key) {
	b.t.Helper()
	s := b.one()
	for n := range count {
		d := draft(fmt.Sprint("Key ", n))
		d.Model = fmt.Sprint("gpt-", n)
		list = append(list, create(b.t, s, d))
	}
	if err := s.Stop(context.Background()); err != nil {
		b.t.Fatal(err)
	}
	for _, k := range list {
		b.rewrite(k.GetId(), yesterday)
	}
	slices.SortFunc(list, func(a, b *keyv1.Key) int { return cmp.Compare(a.GetId(), b.GetId()) })
	return list
}

// looked is how often the provider was asked for the model of a key.
func (b *bench) looked(k *keyv1.Key) (times int) {
	for _, asked := range b.asked() {
		if asked == "GET /v1/models/"+k.GetModel() {
			times++
		}
	}
	return times
}

// TestOneReplicaAsksForAll is a fence: while one replica waits for the provider's word on a key, no other asks about it,
// too, though the key is due in everybody's view. That the second has come to it and passed on is seen by its asking about
// the key behind it.
func TestOneReplicaAsksForAll(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	due := b.overdue(2)
	before := []int{b.looked(due[0]), b.looked(due[1])}
	release := b.hold("/v1/models/" + due[0].GetModel())
	defer release()
	b.one()
	eventually(t, "the first replica to ask", func() bool { return b.looked(due[0]) > before[0] })
	b.one()
	eventually(t, "the second replica to come to the other key", func() bool { return b.looked(due[1]) > before[1] })
	release()
	eventually(t, "both keys to be checked", func() bool {
		return !slices.ContainsFunc(due, func(k *keyv1.Key) bool { return stale(b.stored("a", k.GetId())) })
	})
	eventually(t, "the records", func() bool { return len(b.records()) == 4 })
	for n, k := range due {
		if got := b.looked(k) - before[n]; got != 1 {
			t.Errorf("the provider was asked %d times about key %d", got, n)
		}
	}
}

func stale(k *eventv1.KeySaved) bool { return k.GetCheckedAt() == nil }
