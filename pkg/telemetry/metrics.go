package telemetry

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	prometheusexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

const (
	// scrapeTime bounds one scrape.
	scrapeTime = 10 * time.Second
	// scrapesAtOnce bounds what scraping may cost.
	scrapesAtOnce = 4
)

func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// newMeters makes the metrics of one service. Its name is a label of every series: services in one process have metrics
// of equal names.
func newMeters(r *prometheus.Registry, who *resource.Resource) (*sdkmetric.MeterProvider, error) {
	reader, err := prometheusexporter.New(
		prometheusexporter.WithRegisterer(r),
		prometheusexporter.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		prometheusexporter.WithResourceAsConstantLabels(attribute.NewAllowKeysFilter(semconv.ServiceNameKey)),
		prometheusexporter.WithoutScopeInfo(), // names of libraries on every series tell nobody anything
	)
	if err != nil {
		return nil, err
	}
	return sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(reader), sdkmetric.WithResource(who), sdkmetric.WithView(views()...),
		sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter),
	), nil
}

// views keep series few. The libraries' own labels name the peer's address and the Host that a client sent: the first
// changes with every replica, the second is whatever strangers like.
func views() []sdkmetric.View {
	only := func(instrument string, keys ...attribute.Key) sdkmetric.View {
		return sdkmetric.NewView(sdkmetric.Instrument{Name: instrument},
			sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter(keys...)})
	}
	none := func(instrument string) sdkmetric.View {
		return sdkmetric.NewView(sdkmetric.Instrument{Name: instrument},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	}
	return []sdkmetric.View{
		only("rpc.*.call.duration", semconv.RPCMethodKey, semconv.RPCResponseStatusCodeKey),
		only("http.server.request.duration",
			semconv.HTTPRequestMethodKey, semconv.HTTPRouteKey, semconv.HTTPResponseStatusCodeKey),
		none("http.server.*.body.size"),
	}
}

// Handler answers with all metrics of the process, in the text format of Prometheus, its Go runtime and the process
// itself included.
func (t *Telemetry) Handler() http.Handler {
	if t == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{
		ErrorLog:      slog.NewLogLogger(t.log.Handler(), slog.LevelWarn),
		ErrorHandling: promhttp.ContinueOnError, // one broken series must not hide the others
		Timeout:       scrapeTime, MaxRequestsInFlight: scrapesAtOnce,
	})
}
