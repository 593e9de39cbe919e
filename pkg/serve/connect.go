package serve

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Bounds of a connection over a network. A replica that vanished without a word (a cut cable, a stopped process) is
// noticed within aliveEvery + aliveWithin. The server allows pings twice as often as they are sent.
const (
	aliveEvery  = 10 * time.Second
	aliveWithin = 5 * time.Second
	// redialMax is the longest pause before a replica that was away is tried again; grpc's own two minutes would leave a
	// replica idle for as long after its restart, and nobody to ask when its neighbour is restarted next.
	redialMax = 500 * time.Millisecond
	// dialWithin is how long a replica may take to answer a connection.
	dialWithin = 2 * time.Second
	// attempts is how often a call without side effects is made when replicas answer Unavailable.
	attempts = 4
)

// ErrNoTarget says that a connection was asked for to nowhere.
var ErrNoTarget = errors.New("serve: no address to connect to")

// Connect opens a connection to the replicas of a service and spreads calls evenly over those that can be reached; it
// does not wait for any. Targets are host:port of each replica, or one name that stands for all of them, such as
// dns:///key-registry:9090. The caller closes it.
//
// A call that has reached nobody goes to another replica by itself. A call that may have been served is repeated only
// where its contract says that this does no harm (idempotency_level in its .proto), at most 4 times and within its
// deadline; any other ends with Unavailable, and whoever asked decides. The same limit of bytes holds as for a server
// with the zero Config.
func Connect(targets []string, opts ...grpc.DialOption) (*grpc.ClientConn, error) {
	if len(targets) == 0 {
		return nil, ErrNoTarget
	}
	config, err := serviceConfig()
	if err != nil {
		return nil, err
	}
	all := append(clientOptions(maxMessage),
		grpc.WithDefaultServiceConfig(config),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: redialMax,
			},
			MinConnectTimeout: dialWithin,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: aliveEvery, Timeout: aliveWithin}),
	)
	target := targets[0]
	if len(targets) > 1 || !strings.Contains(target, "://") {
		replicas := manual.NewBuilderWithScheme("replicas")
		replicas.InitialState(resolver.State{Endpoints: endpoints(targets)})
		all = append(all, grpc.WithResolvers(replicas))
		target = "replicas:///" + targets[0]
	}
	return grpc.NewClient(target, append(all, opts...)...)
}

func endpoints(targets []string) (out []resolver.Endpoint) {
	for _, t := range targets {
		out = append(out, resolver.Endpoint{Addresses: []resolver.Address{{Addr: t}}})
	}
	return out
}

// serviceConfig spreads calls over all replicas and says which of them may be repeated.
func serviceConfig() (string, error) {
	type name struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	}
	var names []name
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		for i := range f.Services().Len() {
			methods := f.Services().Get(i).Methods()
			for j := range methods.Len() {
				if m := methods.Get(j); repeatable(m) {
					names = append(names, name{string(m.Parent().FullName()), string(m.Name())})
				}
			}
		}
		return true
	})
	config := map[string]any{
		"loadBalancingConfig": []any{map[string]any{"round_robin": struct{}{}}},
		// When most calls fail, repeating them would only add to what is too much already.
		"retryThrottling": map[string]any{"maxTokens": 100, "tokenRatio": 0.5},
	}
	if len(names) > 0 {
		slices.SortFunc(names, func(a, b name) int { return strings.Compare(a.Service+a.Method, b.Service+b.Method) })
		config["methodConfig"] = []any{map[string]any{"name": names, "retryPolicy": map[string]any{
			"maxAttempts": attempts, "initialBackoff": "0.1s", "maxBackoff": "1s", "backoffMultiplier": 3,
			"retryableStatusCodes": []string{"UNAVAILABLE"},
		}}}
	}
	text, err := json.Marshal(config)
	return string(text), err
}

// repeatable tells whether a call may be made twice. Streams are not: what they have told already would come again.
func repeatable(m protoreflect.MethodDescriptor) bool {
	options, ok := m.Options().(*descriptorpb.MethodOptions)
	if !ok || m.IsStreamingClient() || m.IsStreamingServer() {
		return false
	}
	return options.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
}
