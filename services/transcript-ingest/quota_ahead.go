package ingest

import (
	"context"
	"time"

	"github.com/kikigaki/kikigaki/services/internal/ids"
)

const (
	// aheadTime is for how long to come requests are counted ahead: as many as came in such a time before. Who asks less
	// than 20 times a second has nothing counted ahead. An increment takes about a millisecond, many where the disk has
	// other work, and as much of the processor as several answers.
	aheadTime = 50 * time.Millisecond
	// mostAhead bounds how many a replica has counted ahead. A replica that is killed has counted so many in vain, and
	// those that an increment was adding at that moment.
	mostAhead = 1024
	// heldTime is how long what was counted ahead waits for requests before it is taken back.
	heldTime = 100 * time.Millisecond
	// nearCap is how far from the cap counting ahead ends. What one replica holds there would make another refuse what
	// could still be answered. All replicas together would have to answer so many within heldTime for that to happen.
	nearCap = 2000
)

// ahead is what a replica has counted before it was asked for.
type ahead struct {
	left  int64 // so many may be used
	top   int64 // the total with the last of them
	level int64 // how many were wanted when it was counted the last time
	most  int64 // the cap that was asked for last
	asked int64 // requests since it was counted the last time
	since time.Time

	held time.Time // when the last of them were counted
	back bool      // all of it is to be taken back at once
	wake chan struct{}
	idle chan struct{} // closed when nobody waits and nothing is left
}

// use counts a request with what is left, if the cap allows.
func (a *ahead) use(most int64) bool {
	if a.left == 0 || a.back || a.top-a.left >= most {
		return false
	}
	a.left--
	a.most = most
	return true
}

// low tells that it is time to count more, before there is none left.
func (a *ahead) low() bool { return 4*a.left <= a.level }

func (a *ahead) rouse() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// more is how many to count ahead now, besides those who wait: nothing for somebody who asks
// now and then, and nothing near the cap.
func (a *ahead) more(waiting int64, now time.Time, closing bool) int64 {
	if waiting == 0 && !a.low() {
		return 0
	}
	want := target(a.asked, now.Sub(a.since))
	if closing || a.back || a.top+waiting+want > a.most-nearCap {
		want = 0
	}
	if want = max(0, want-a.left); want > 0 || waiting > 0 {
		a.level, a.asked, a.since = want+a.left, 0, now
	}
	return want
}

// target is how many will be asked for within aheadTime if as many come as came.
func target(asked int64, within time.Duration) int64 {
	return min(mostAhead, int64(float64(asked)*float64(aheadTime)/float64(max(within, aheadTime/2))))
}

// keep adds what was counted ahead to what is left; what is too near the cap is not kept, and is to be taken back.
func (q *quota) keep(l *lane, total, more int64) (over int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.top = total
	if total > l.most-nearCap || l.back {
		over, l.left = l.left+more, 0
		l.top -= over
		l.back = false
		return over
	}
	l.left += more
	l.held = time.Now()
	return 0
}

// spoil has the total forgotten after an increment that failed: nothing is counted ahead until one has come.
func (q *quota) spoil(l *lane) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l.asked, l.level = 0, 0
}

// hold waits until more is to be counted, or until what was counted ahead has waited for long enough, and takes that
// back.
func (q *quota) hold(l *lane) {
	q.mu.Lock()
	back, until := l.back || q.closed, l.held.Add(heldTime)
	q.mu.Unlock()
	if !back {
		late := time.NewTimer(time.Until(until))
		defer late.Stop()
		select {
		case <-l.wake:
			return
		case <-late.C:
		case <-q.quit:
		}
	}
	q.mu.Lock()
	n := l.left
	l.left, l.level, l.asked = 0, 0, 0
	l.top -= n
	q.mu.Unlock()
	q.takeBack(l, n, ids.New("count"))
}

// settle has what this replica has counted ahead taken back, so that the counter is what was answered. While requests
// keep coming it gives up after a moment.
func (q *quota) settle(ctx context.Context, meter string) {
	q.mu.Lock()
	l := q.lanes[meter]
	if l == nil || !l.busy {
		q.mu.Unlock()
		return
	}
	l.back = true
	idle := l.idle
	l.rouse()
	q.mu.Unlock()
	late := time.NewTimer(heldTime)
	defer late.Stop()
	select {
	case <-idle:
	case <-late.C:
	case <-ctx.Done():
	}
}
