package broker

import (
	"log/slog"
	"testing"

	"github.com/kikigaki/kikigaki/pkg/stream"
	"github.com/kikigaki/kikigaki/pkg/stream/streamtest"
)

// A server counts the limits of all streams against its own and refuses the stream that does not fit.
func TestAllStreamsFitIntoTheDefaults(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"embedded": {DataDir: t.TempDir()},
		"cluster":  {URL: streamtest.StartCluster(t).URL()},
	} {
		b := start(t, cfg)
		log, err := stream.Open(b.Conn(), stream.Config{Replicas: b.Replicas(), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range Declarations() {
			if _, _, err := log.Declare(t.Context(), d); err != nil {
				t.Errorf("%s: %s: %v", name, d.Name, err)
			}
		}
	}
}
