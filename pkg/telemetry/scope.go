package telemetry

import (
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Scope is what one service is observed with. The zero value works and observes nothing.
type Scope struct {
	// Tracer makes the service's spans; nil: none.
	Tracer trace.TracerProvider
	// Meter makes the service's metrics; nil: none.
	Meter metric.MeterProvider
}

// TracerProvider is the scope's Tracer, or one whose spans go nowhere.
func (s Scope) TracerProvider() trace.TracerProvider {
	if s.Tracer == nil {
		return tracenoop.NewTracerProvider()
	}
	return s.Tracer
}

// MeterProvider is the scope's Meter, or one that counts nothing.
func (s Scope) MeterProvider() metric.MeterProvider {
	if s.Meter == nil {
		return metricnoop.NewMeterProvider()
	}
	return s.Meter
}
