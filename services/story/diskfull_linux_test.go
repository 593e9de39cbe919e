package story_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kikigaki/kikigaki/services/story/disk"
	"github.com/kikigaki/kikigaki/services/story/history"
)

const (
	smallDisk = 256 << 20
	// refusedWithin is from the moment the disk has too little room to the first refusal, acceptsWithin from the moment it
	// has room again to the first word that is taken, without anybody doing anything.
	refusedWithin = 100 * time.Millisecond
	acceptsWithin = 10 * time.Second
)

// Publishers send until the disk is full: they are told to come again, nothing that was acknowledged is lost, and when
// there is room again they are heard without anybody's help.
func TestAFullDiskRefusesAndHealsByItself(t *testing.T) {
	t.Parallel()
	if err := disk.AvailableLimited(); err != nil {
		t.Skipf("no disk can be filled here: %v", err)
	}
	d, err := disk.NewLimited(t.Context(), t.TempDir(), smallDisk)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	w := together.newWorldIn(t, filepath.Join(d.Path(), "data"))
	w.start()
	f := &filling{t: t, w: w, admin: w.logIn("admin", adminPassword), filler: filepath.Join(d.Path(), "filler")}
	f.dir = historyDir(t)
	if f.h, err = history.Open(f.dir); err != nil {
		t.Fatal(err)
	}
	f.leave(f.low() + 12<<20)
	ctx, stop := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	defer publishers.Wait()
	defer stop()
	for n := range 3 {
		publishers.Go(func() { f.publish(ctx, fmt.Sprint("filler-", n)) })
	}
	until(t, "the publishers have filled the disk", 2*time.Minute, func() bool { return f.refused.Load() > 0 })
	f.heals()
	best := time.Hour
	for range 5 {
		best = min(best, f.refuses())
		f.heals()
	}
	if best > refusedWithin {
		t.Errorf("the first refusal came %s after the disk was full, at best", best)
	}
	t.Logf("the first refusal came %s after the disk was full, at best", best)
	stop()
	publishers.Wait()
	f.judge()
}

// filling is the story while it is told.
type filling struct {
	t      *testing.T
	w      *world
	admin  *person
	h      *history.Recorder
	dir    string // of the history
	filler string

	refused, taken atomic.Int64
	first          atomic.Int64 // when the first was refused of late, in nanoseconds of Unix time
	texts          sync.Map     // calls -> how many utterances were sent
}

func (f *filling) room() unix.Statfs_t {
	f.t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(f.filler), &st); err != nil {
		f.t.Fatal(err)
	}
	return st
}

// low is how much room must be free: a tenth of so small a disk, and a twentieth while the ballast may be gone.
func (f *filling) low() int64 {
	st := f.room()
	return int64(st.Blocks) * st.Bsize * 3 / 20
}

// leave takes so much of the disk that an amount is left.
func (f *filling) leave(left int64) {
	f.t.Helper()
	st := f.room()
	take := int64(st.Bavail)*st.Bsize - left
	if take <= 0 {
		f.t.Fatalf("only %d bytes are free", int64(st.Bavail)*st.Bsize)
	}
	file, err := os.OpenFile(f.filler, os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = unix.Fallocate(int(file.Fd()), 0, 0, take)
		_ = file.Close()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// refuses fills the disk at once and tells how long it took until a publisher was refused.
func (f *filling) refuses() time.Duration {
	f.t.Helper()
	f.first.Store(0)
	f.leave(f.low() / 4)
	full := time.Now()
	until(f.t, "publishers are refused", time.Minute, func() bool { return f.first.Load() > 0 })
	return time.Unix(0, f.first.Load()).Sub(full)
}

// heals makes room and waits until words are taken again.
func (f *filling) heals() {
	f.t.Helper()
	if err := os.Remove(f.filler); err != nil {
		f.t.Fatal(err)
	}
	before, roomy := f.taken.Load(), time.Now()
	until(f.t, "words are taken again", acceptsWithin, func() bool { return f.taken.Load() > before })
	f.t.Logf("words were taken %s after there was room", time.Since(roomy).Round(time.Millisecond))
}

// publish sends large utterances, each until it is acknowledged, and slowly once the disk was full.
func (f *filling) publish(ctx context.Context, call string) {
	for u := 0; ctx.Err() == nil; u++ {
		text := fmt.Sprintf("%s %d %s", call, u, strings.Repeat("満杯になるまで話し続けます。", 300))
		body := words(u, text)
		for ctx.Err() == nil {
			try := history.Try{Client: call, Started: f.h.Now()}
			a, err := f.admin.tryWith("POST", "/api/v1/calls/"+call+"/utterances", body, nil)
			if try.Ended = f.h.Now(); err == nil {
				try.Status = a.status
			}
			f.h.Add(history.Record{Say: &history.Say{Try: try, Call: call, UtteranceID: fmt.Sprint(u), Text: text}})
			if f.answered(a, err) {
				break
			}
		}
		f.texts.Store(call, u)
		if f.refused.Load() > 0 {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// answered tells whether words were taken; a refusal says when to come again.
func (f *filling) answered(a answer, err error) bool {
	switch {
	case err != nil:
		f.t.Errorf("no answer: %v", err)
	case a.status == http.StatusOK:
		f.taken.Add(1)
		return true
	case a.status != http.StatusServiceUnavailable:
		f.t.Errorf("%d %s", a.status, a.body)
	default:
		if after, err := strconv.Atoi(a.header.Get("Retry-After")); err != nil || after < 1 {
			f.t.Errorf("Retry-After is %q: %s", a.header.Get("Retry-After"), a.body)
		}
		f.first.CompareAndSwap(0, time.Now().UnixNano())
		f.refused.Add(1)
	}
	time.Sleep(5 * time.Millisecond)
	return false
}

// judge reads all calls and holds them against what was acknowledged.
func (f *filling) judge() {
	f.t.Helper()
	f.texts.Range(func(call, _ any) bool {
		var got struct {
			Utterances []struct{ UtteranceID, Text string }
		}
		f.admin.must(http.StatusOK, "GET", fmt.Sprintf("/api/v1/calls/%v/transcript", call), nil).into(f.t, &got)
		r := &history.Read{Call: call.(string)}
		for _, u := range got.Utterances {
			r.Utterances = append(r.Utterances, history.Utterance{ID: u.UtteranceID, Text: u.Text})
		}
		f.h.Add(history.Record{Read: r})
		return true
	})
	f.w.stop()
	if err := f.h.Close(); err != nil {
		f.t.Fatal(err)
	}
	h, err := history.Load(f.dir)
	if err != nil {
		f.t.Fatal(err)
	}
	report := history.Check(h)
	if !report.OK() || report.Counts.SaidAcknowledged < 10 || report.Counts.Refused == 0 {
		f.t.Errorf("%v", report)
	}
	f.t.Logf("%d taken, %d refused", report.Counts.SaidAcknowledged, report.Counts.Refused)
}
