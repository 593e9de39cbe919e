package telemetry_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/kikigaki/kikigaki/pkg/telemetry"
	"github.com/kikigaki/kikigaki/pkg/telemetry/telemetrytest"
)

// Two services share a process and its page of metrics. Both count under one name, and each series says whose it is.
func Example() {
	ctx := context.Background()
	tel, err := telemetry.New(ctx, telemetry.Config{}) // with an Endpoint spans are sent, too
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = tel.Shutdown(ctx) }()
	for i, service := range []string{"shelf", "till"} {
		instruments := telemetry.NewInstruments(tel.For(service).MeterProvider(), "example")
		instruments.Counter("cups.sold", "{cup}", "Cups that were sold.").Add(ctx, int64(i)+1)
	}

	page := telemetrytest.Scrape(ctx, tel.Handler()) // what GET /metrics answers
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "cups_sold") {
			fmt.Print(line)
		}
	}
	// Output:
	// cups_sold_total{service_name="shelf"} 1
	// cups_sold_total{service_name="till"} 2
}

// The trace of a request goes along as text, for instance with an event, and is taken up again by whoever reads it. A
// line that is logged under it names it.
func ExampleLogs() {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx := telemetry.Extract(context.Background(), parent)
	fmt.Println(telemetry.Inject(ctx) == parent)

	timeless := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(telemetry.Logs(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: timeless})))
	log.InfoContext(ctx, "sold", "cups", 2)
	// Output:
	// true
	// level=INFO msg=sold cups=2 trace_id=0af7651916cd43dd8448eb211c80319c span_id=b7ad6b7169203331
}
