package broker

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/kikigaki/kikigaki/pkg/fault"
	"github.com/kikigaki/kikigaki/proto/subject"
)

func TestAPublisherCannotTakeAllThereIs(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	var in []*outsider
	for range maxPerPublisher {
		in = append(in, d.outside(t, nats.Token("token-north")))
	}
	if _, err := d.knock(nats.Token("token-north")); err == nil || errors.Is(err, nats.ErrAuthorization) {
		t.Fatalf("one connection more: %v", err)
	}
	d.outside(t, nats.Token("token-north-2")) // others are not counted with it
	in[0].Close()
	eventually(t, "a place to be free", func() bool {
		o, err := d.knock(nats.Token("token-north"))
		if err == nil {
			o.Close()
		}
		return err == nil
	})

	o := in[1]
	for i := range 10_001 {
		if _, err := o.SubscribeSync(fmt.Sprintf("_INBOX.flood.%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	o.denied(t, "the 10001st subscription")
}

func TestAMessageHasItsLimit(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	o := d.outside(t, nats.Token("token-north"))
	at := subject.InboxOf("north", "asr")
	if o.MaxPayload() != 1<<20 {
		t.Errorf("up to %d bytes", o.MaxPayload())
	}
	o.publish(t, at, strings.Repeat("x", 1<<20-200))
	var api *jetstream.APIError
	if _, err := o.js.Publish(t.Context(), at, make([]byte, 1<<20)); !errors.As(err, &api) || api.Code != 400 {
		t.Errorf("full, and the publisher's name on top: %v", err)
	}
	if _, err := o.js.Publish(t.Context(), at, make([]byte, 1<<20+1)); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("too large: %v", err)
	}
	if n := len(d.held(t, subject.Inbox)); n != 1 {
		t.Errorf("%d are stored", n)
	}
}

func TestARevokedTokenLosesItsConnections(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	revoked, moved, good := d.outside(t, nats.Token("token-north")), d.outside(t, nats.Token("token-north-2")), d.outside(t, nats.Token("token-south"))
	d.fail(fault.New(fault.Unavailable, "UNAVAILABLE"))
	d.server.port.recheck(t.Context())
	for _, o := range []*outsider{revoked, moved, good} {
		if err := o.Flush(); err != nil || o.Stats().Reconnects != 0 {
			t.Errorf("cut although nobody could say anything: %v", err)
		}
	}
	d.fail(nil)
	d.revoke("token-north")
	d.set("token-north-2", Publisher{Tenant: "south", Account: "dialer"})
	began := time.Now()
	<-revoked.closed // by the port's own watch: the client tries again, is refused and gives up
	t.Logf("closed after %s", time.Since(began).Round(time.Millisecond))
	eventually(t, "the moved account to come again as what it is now", func() bool { return moved.Stats().Reconnects > 0 })
	if err := good.Flush(); err != nil || good.Stats().Reconnects != 0 {
		t.Errorf("a good one was cut: %v", err)
	}
	if log := d.log.String(); !strings.Contains(log, "publisher.north.asr") || strings.Contains(log, "token-") {
		t.Errorf("the log says %s", log)
	}
}

func TestAFullDiskIsToldToThePublisher(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{MinFree: 1 << 62})
	o := d.outside(t, nats.Token("token-north"))
	var api *jetstream.APIError
	_, err := o.js.Publish(t.Context(), subject.InboxOf("north", "asr"), []byte("x"))
	if !errors.As(err, &api) || api.Code != 503 || !strings.Contains(api.Description, "STORAGE_FULL: try again in 5s") {
		t.Errorf("told %v", err)
	}
	if n := len(d.held(t, subject.Inbox)); n != 0 {
		t.Errorf("%d are stored", n)
	}
}

func TestPublishersComeBackAfterARestart(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	o := d.outside(t, nats.Token("token-north"))
	o.publish(t, subject.InboxOf("north", "asr"), "one")
	// Access starts after the log does. A client that were told that it may not come in would give up.
	d.fail(fault.New(fault.Unavailable, "UNAVAILABLE"))
	if err := d.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := d.questions()["token-north"]
	eventually(t, "some tries", func() bool { return d.questions()["token-north"] > before+3 })
	d.fail(nil)
	eventually(t, "another to be stored", func() bool {
		_, err := o.js.Publish(t.Context(), subject.InboxOf("north", "asr"), []byte("two"))
		return err == nil
	})
	if err := o.Publish(subject.InboxOf("south", "asr"), nil); err != nil {
		t.Fatal(err)
	}
	o.denied(t, "another tenant's inbox")
}

func TestAPublisherIsToldThatNobodyListens(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	o := d.outside(t, nats.Token("token-north"))
	if err := d.js.DeleteStream(t.Context(), subject.Inbox); err != nil {
		t.Fatal(err)
	}
	at := subject.InboxOf("north", "asr")
	if _, err := o.js.Publish(t.Context(), at, nil); !errors.Is(err, jetstream.ErrNoStreamResponse) {
		t.Errorf("without a stream: %v", err)
	}
	d.relay.stop() // as in the moments around a restart
	// What it had just taken is lost with it, unanswered: a publisher asks again.
	eventually(t, "the server to say that nobody listens", func() bool {
		_, err := o.Request(at, nil, time.Second)
		return errors.Is(err, nats.ErrNoResponders)
	})
}

// What comes fast is carried in its order, and every answer comes back to who asked.
func TestAStreamOfMessagesKeepsItsOrder(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	const each = 300
	var publishing sync.WaitGroup
	for _, tenant := range []string{"north", "south"} {
		o := d.outside(t, nats.Token("token-"+tenant))
		publishing.Go(func() {
			var futures []jetstream.PubAckFuture
			for i := range each {
				future, err := o.js.PublishAsync(subject.InboxOf(tenant, "asr"), []byte(strconv.Itoa(i)), jetstream.WithStallWait(time.Minute))
				if err != nil {
					t.Error(err)
					return
				}
				futures = append(futures, future)
			}
			for _, future := range futures {
				select {
				case <-future.Ok():
				case err := <-future.Err():
					t.Error(err)
				}
			}
		})
	}
	publishing.Wait()
	next := map[string]int{}
	for _, m := range d.held(t, subject.Inbox) {
		if string(m.Data) != strconv.Itoa(next[m.Subject]) {
			t.Fatalf("%s: %s is in the place of %d", m.Subject, m.Data, next[m.Subject])
		}
		next[m.Subject]++
	}
	if len(next) != 2 || next[subject.InboxOf("north", "asr")] != each || next[subject.InboxOf("south", "asr")] != each {
		t.Errorf("stored %v", next)
	}
}
