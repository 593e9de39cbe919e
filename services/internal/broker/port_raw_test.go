package broker

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/kikigaki/kikigaki/proto/subject"
)

// wire is a connection that speaks NATS by hand, in ways that no client would.
type wire struct {
	conn  net.Conn
	lines *bufio.Scanner
}

func (d *door) wire(t *testing.T) *wire {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", d.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &wire{conn: conn, lines: bufio.NewScanner(conn)}
}

// say sends lines and returns what comes back until the server answers a ping behind them, or closes.
func (w *wire) say(t *testing.T, lines ...string) (answers []string, open bool) {
	t.Helper()
	for _, line := range append(lines, "PING") {
		if _, err := fmt.Fprint(w.conn, line+"\r\n"); err != nil {
			break // closed already: what it said before is still read
		}
	}
	for w.lines.Scan() {
		switch line := w.lines.Text(); line {
		case "PONG":
			return answers, true
		case "PING":
		default:
			answers = append(answers, line)
		}
	}
	return answers, false
}

func naming(token string) string {
	return fmt.Sprintf(`CONNECT {"verbose":false,"auth_token":%q,"headers":true,"no_responders":true,"protocol":1}`, token)
}

func TestNothingIsObeyedBeforeAName(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	for _, first := range []string{"SUB > 1", "PUB " + subject.InboxOf("north", "asr") + " 0\r\n", "PING"} {
		if answers, open := d.wire(t).say(t, first); open || len(d.held(t, subject.Inbox)) != 0 {
			t.Errorf("%s: %q", first, answers)
		}
	}
}

// A connection may name itself a second time. It must lose all that it was before.
func TestAConnectionIsOnePublisherAtATime(t *testing.T) {
	t.Parallel()
	d := openDoor(t, Config{})
	w := d.wire(t)
	north, south := subject.Refused("north", "asr"), subject.Refused("south", "asr")
	if answers, open := w.say(t, naming("token-north"), "SUB "+north+" 1"); !open {
		t.Fatalf("%q", answers)
	}
	answers, open := w.say(t, naming("token-south"), "SUB "+south+" 2", "SUB "+north+" 3",
		"PUB "+subject.InboxOf("north", "asr")+" 1\r\nx", "PUB "+subject.InboxOf("south", "asr")+" 1\r\ny")
	if !open || strings.Count(strings.Join(answers, "\n"), "Permissions Violation") != 2 {
		t.Errorf("as another: %q", answers)
	}
	for _, at := range []string{north, south} {
		if err := d.nc.Publish(at, []byte("hint")); err != nil {
			t.Fatal(err)
		}
	}
	var heard []string
	eventually(t, "the second's hint", func() bool {
		more, _ := w.say(t)
		heard = append(heard, more...)
		return len(heard) > 1
	})
	if text := strings.Join(heard, " "); text != "MSG "+south+" 2 4 hint" {
		t.Errorf("heard %s", text)
	}
	eventually(t, "the second's event", func() bool { return len(d.held(t, subject.Inbox)) == 1 })
	if m := d.held(t, subject.Inbox)[0]; m.Subject != subject.InboxOf("south", "asr") {
		t.Errorf("the inbox holds %s", m.Subject)
	}
	d.revoke("token-south")
	d.server.port.recheck(t.Context())
	if answers, open := w.say(t); open {
		t.Errorf("stays with the second's token revoked: %q", answers)
	}

	w = d.wire(t)
	if answers, open := w.say(t, naming("token-north"), naming("token-east"), "SUB "+north+" 1"); open {
		t.Errorf("stays without a good token: %q", answers)
	}
}
