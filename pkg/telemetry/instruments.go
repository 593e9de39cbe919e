package telemetry

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// Instruments makes the metrics of one part of a service. What cannot be made measures nothing; Err tells of it.
type Instruments struct {
	meter metric.Meter
	errs  []error
}

// NewInstruments makes the metrics of a part, which is named as its package is.
func NewInstruments(p metric.MeterProvider, part string) *Instruments {
	return &Instruments{meter: p.Meter(part)}
}

// Err is what could not be made: two instruments of one name that do not agree, or a name that is none.
func (i *Instruments) Err() error { return errors.Join(i.errs...) }

func (i *Instruments) note(err error) bool {
	if err != nil {
		i.errs = append(i.errs, err)
	}
	return err == nil
}

// Counter counts what happens. A unit in braces, such as {message}, names what is counted.
func (i *Instruments) Counter(name, unit, about string) metric.Int64Counter {
	c, err := i.meter.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(about))
	if !i.note(err) {
		return noop.Int64Counter{}
	}
	return c
}

// Level counts what there is at the moment, up and down.
func (i *Instruments) Level(name, unit, about string) metric.Int64UpDownCounter {
	c, err := i.meter.Int64UpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(about))
	if !i.note(err) {
		return noop.Int64UpDownCounter{}
	}
	return c
}

// Seconds measures durations, in buckets that end at the given seconds.
func (i *Instruments) Seconds(name, about string, bounds ...float64) metric.Float64Histogram {
	h, err := i.meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(about),
		metric.WithExplicitBucketBoundaries(bounds...))
	if !i.note(err) {
		return noop.Float64Histogram{}
	}
	return h
}

// Observe tells a gauge's value, of one series for each set of labels.
type Observe func(value int64, labels ...attribute.KeyValue)

// Gauge asks what a value is whenever metrics are read, until stop is called. read must be quick, safe for concurrent
// use, and not ask anybody else: a page of metrics has to come also when everything else hangs.
func (i *Instruments) Gauge(name, unit, about string, read func(Observe)) (stop func()) {
	g, err := i.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(about))
	if !i.note(err) {
		return func() {}
	}
	r, err := i.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		read(func(value int64, labels ...attribute.KeyValue) {
			o.ObserveInt64(g, value, metric.WithAttributes(labels...))
		})
		return nil
	}, g)
	if !i.note(err) {
		return func() {}
	}
	return func() { _ = r.Unregister() }
}
