package streamtest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

const loopback = "127.0.0.1"

// freePorts finds n ports on the loopback interface that nobody listens on.
//
// They lie below the range that the kernel hands out for outgoing connections: a port asked of the kernel (":0") and let
// go again may be given to any connection while the server that owned it is stopped, and its restart would then fail.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	ports := make([]int, 0, n)
	for range 1000 {
		//nolint:gosec // a port that nobody else tries is wanted, not one that nobody can guess
		port := 15000 + rand.IntN(15000)
		listener, err := net.Listen("tcp", addr(port)) //nolint:noctx // answers at once
		if err != nil {
			continue
		}
		// Held until all are found, so that no port comes twice.
		defer func() { _ = listener.Close() }()
		if ports = append(ports, port); len(ports) == n {
			return ports
		}
	}
	t.Fatalf("streamtest: no %d free ports", n)
	return nil
}

func addr(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

func natsURL(port int) string { return fmt.Sprintf("nats://%s", addr(port)) }
