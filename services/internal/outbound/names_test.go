package outbound_test

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// names is a name server of the test's own: names resolve as it says, and no question leaves the machine.
type names struct {
	conn net.PacketConn
	done chan struct{}

	mu    sync.Mutex
	known map[string][]string // a name -> the addresses of each answer in turn, separated by spaces; the last one stays
	asked map[string]int
}

func newNames(t *testing.T, known map[string][]string) *names {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{conn: conn, done: make(chan struct{}), known: known, asked: map[string]int{}}
	go n.serve()
	t.Cleanup(func() { _ = conn.Close(); <-n.done })
	return n
}

// resolver asks this server alone.
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

func (n *names) serve() {
	defer close(n.done)
	buffer := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		if answer := n.answer(buffer[:size]); answer != nil {
			_, _ = n.conn.WriteTo(answer, from)
		}
	}
}

const (
	typeA    = 1
	typeAAAA = 28
)

// answer is the answer to a question, in the form of RFC 1035; a name that is not known does not exist.
func (n *names) answer(question []byte) []byte {
	const header = 12
	at, labels := header, []string{}
	for at < len(question) && question[at] != 0 {
		size := int(question[at])
		if at+1+size >= len(question) {
			return nil
		}
		labels = append(labels, string(question[at+1:at+1+size]))
		at += 1 + size
	}
	end := at + 5 // the root's label, the type, the class
	if end > len(question) {
		return nil
	}
	kind := binary.BigEndian.Uint16(question[at+1:])
	addresses, known := n.next(strings.ToLower(strings.Join(labels, ".")), kind)
	out := append([]byte{}, question[:end]...)
	binary.BigEndian.PutUint16(out[2:], 0x8180)
	if !known {
		binary.BigEndian.PutUint16(out[2:], 0x8183)
	}
	binary.BigEndian.PutUint16(out[4:], 1)
	binary.BigEndian.PutUint16(out[6:], uint16(len(addresses)))
	binary.BigEndian.PutUint32(out[8:], 0)
	for _, a := range addresses {
		out = append(out, 0xc0, header, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(a)))
		out = append(out, a...)
	}
	return out
}

// next are the addresses of a name's next answer that are of a kind.
func (n *names) next(name string, kind uint16) (out [][]byte, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	answers, known := n.known[name]
	if !known {
		return nil, false
	}
	turn := min(n.asked[name], len(answers)-1)
	if kind == typeA {
		n.asked[name]++
	}
	for text := range strings.FieldsSeq(answers[turn]) {
		a := netip.MustParseAddr(text)
		if a.Is4() && kind == typeA || a.Is6() && kind == typeAAAA {
			out = append(out, a.AsSlice())
		}
	}
	return out, true
}
