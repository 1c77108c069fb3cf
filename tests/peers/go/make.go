// SPDX-License-Identifier: Apache-2.0
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var attributes = []attribute.KeyValue{
	attribute.String("text", "ä€😀"), attribute.String("empty", ""), attribute.Bool("yes", true),
	attribute.Bool("no", false), attribute.Int64("zero", 0), attribute.Int64("least", math.MinInt64),
	attribute.Int64("most", math.MaxInt64), attribute.Float64("half", 0.5), attribute.Float64("huge", 1e300),
	attribute.Float64("endless", math.Inf(-1)), attribute.StringSlice("texts", []string{"a", "", "b"}),
	attribute.Int64Slice("integers", []int64{1, -1, 1 << 40}),
	attribute.Float64Slice("doubles", []float64{0.5, math.Copysign(0, -1)}),
	attribute.BoolSlice("truths", []bool{true, false}), attribute.StringSlice("nothing", []string{}),
}

var nested = []log.KeyValue{
	log.Map("map", log.Map("inner", log.Slice("deep", log.IntValue(1), log.StringValue("two"), log.Float64Value(3.5),
		log.Value{}, log.MapValue(log.Bytes("three", []byte{0, 255})))), log.Map("empty")),
	log.Slice("mixed", log.IntValue(1), log.StringValue("a"), log.BoolValue(true)),
	log.Bytes("bytes", []byte{0, 1, 254, 255}), {Key: "null"}, log.String("text", "ä€😀"), log.String("empty", ""),
	log.Int64("least", math.MinInt64), log.Float64("huge", 1e300), log.Bool("no", false),
}

func about() *resource.Resource {
	return resource.NewWithAttributes("https://example.org/resource/1.0", attribute.String("service.name", "peer"),
		attribute.String("service.instance.id", "go-1"), attribute.Bool("peer.ready", true),
		attribute.Int("peer.cores", 2), attribute.Float64("peer.load", 0.25),
		attribute.StringSlice("peer.tags", []string{"a", "ä€😀", ""}))
}

func with(more ...attribute.KeyValue) []attribute.KeyValue {
	return append(more, attributes...)
}

// Trees of four spans: a root with a child, which has two.
func makeSpans(ctx context.Context, provider *sdktrace.TracerProvider, count int) int {
	tracer := provider.Tracer("peer.spans", trace.WithInstrumentationVersion("1.2.3"),
		trace.WithSchemaURL("https://example.org/scope/1.0"),
		trace.WithInstrumentationAttributes(attribute.String("scope.kind", "tracer")))
	state, err := trace.ParseTraceState("vendor=value,other=x")
	fail("a trace state", err)
	remote := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1, 35, 69, 103, 137, 171, 205, 239}, SpanID: trace.SpanID{1, 35, 69, 103},
		TraceFlags: trace.FlagsSampled, TraceState: state, Remote: true})
	made := 0
	for ; made < count; made += 4 {
		around := ctx
		if made%8 == 0 {
			around = trace.ContextWithRemoteSpanContext(ctx, remote)
		}
		inRoot, root := tracer.Start(around, fmt.Sprintf("root %d", made), trace.WithSpanKind(trace.SpanKind(1+made/4%5)),
			trace.WithAttributes(with(attribute.Int("number", made))...),
			trace.WithLinks(trace.Link{SpanContext: remote, Attributes: with(attribute.Int("link", made))}))
		root.AddEvent("begun", trace.WithAttributes(with(attribute.Int("event", made))...),
			trace.WithTimestamp(time.Now().Add(-time.Microsecond)))
		root.AddEvent("bare")
		root.SetStatus(codes.Ok, "")
		inChild, child := tracer.Start(inRoot, fmt.Sprintf("child %d", made),
			trace.WithAttributes(attribute.Int("number", made+1)))
		child.SetStatus(codes.Error, "it did not work")
		child.RecordError(errors.New("no such thing"))
		for leaf := 0; leaf < 2; leaf++ {
			_, span := tracer.Start(inChild, fmt.Sprintf("leaf %d", leaf), trace.WithSpanKind(trace.SpanKindClient),
				trace.WithAttributes(attribute.Int("number", made+2+leaf)))
			span.End()
		}
		child.End()
		root.End()
	}
	return made
}

func makeLogs(ctx context.Context, provider *sdklog.LoggerProvider, silent *sdktrace.TracerProvider, count int) int {
	logger := provider.Logger("peer.logs", log.WithInstrumentationVersion("2.0"),
		log.WithSchemaURL("https://example.org/scope/2.0"),
		log.WithInstrumentationAttributes(attribute.String("scope.kind", "logger")))
	bodies := []log.Value{log.StringValue("a text"), log.StringValue(""), log.IntValue(42), log.Float64Value(-1.5),
		log.BoolValue(true), log.MapValue(nested...), log.SliceValue(log.IntValue(1), log.StringValue("a")),
		log.BytesValue([]byte{0, 255}), {}}
	for number := 0; number < count; number++ {
		var record log.Record
		around := ctx
		if number%2 == 1 {
			around, _ = silent.Tracer("peer.context").Start(ctx, "around")
		}
		severity := log.Severity(1 + number%24)
		record.SetTimestamp(time.Now())
		record.SetObservedTimestamp(time.Now().Add(5))
		record.SetSeverity(severity)
		record.SetSeverityText(severity.String())
		record.SetBody(bodies[number%len(bodies)])
		record.AddAttributes(append([]log.KeyValue{log.Int("number", number)}, nested...)...)
		if number%3 == 0 {
			record.SetEventName("thing.happened")
		}
		logger.Emit(around, record)
	}
	return count
}

func view(name string, aggregation sdkmetric.Aggregation) sdkmetric.View {
	return sdkmetric.NewView(sdkmetric.Instrument{Name: name}, sdkmetric.Stream{Aggregation: aggregation})
}

// The attributes of one series.
func series(number int) metric.MeasurementOption {
	return metric.WithAttributes(attribute.Int("number", number), attribute.String("text", "ä€😀"),
		attribute.Bool("yes", true), attribute.Float64("half", 0.5), attribute.StringSlice("texts", []string{"a", "b"}))
}

func observed(meter metric.Meter, count int) {
	counter, _ := meter.Int64ObservableCounter("peer.observed.counter")
	upDown, _ := meter.Int64ObservableUpDownCounter("peer.observed.updown")
	gauge, err := meter.Float64ObservableGauge("peer.observed.gauge", metric.WithUnit("%"),
		metric.WithDescription("share"))
	fail("an instrument", err)
	_, err = meter.RegisterCallback(func(_ context.Context, observer metric.Observer) error {
		for number := 0; number < count; number++ {
			observer.ObserveInt64(counter, int64(7+number), series(number))
			observer.ObserveInt64(upDown, -3, series(number))
			observer.ObserveFloat64(gauge, 0.25, series(number))
		}
		return nil
	}, counter, upDown, gauge)
	fail("a callback", err)
}

// As many series of every instrument; the data points of one collection.
func makePoints(ctx context.Context, provider *sdkmetric.MeterProvider, silent *sdktrace.TracerProvider, count int) int {
	meter := provider.Meter("peer.metrics", metric.WithInstrumentationVersion("3.0"),
		metric.WithSchemaURL("https://example.org/scope/3.0"),
		metric.WithInstrumentationAttributes(attribute.String("scope.kind", "meter")))
	counter, _ := meter.Int64Counter("peer.counter", metric.WithUnit("{call}"), metric.WithDescription("calls"))
	doubles, _ := meter.Float64Counter("peer.counter.double", metric.WithUnit("s"))
	upDown, _ := meter.Int64UpDownCounter("peer.updown", metric.WithUnit("By"))
	gauge, _ := meter.Float64Gauge("peer.gauge", metric.WithUnit("Cel"))
	explicit, _ := meter.Float64Histogram("peer.explicit", metric.WithUnit("ms"))
	bounded, _ := meter.Int64Histogram("peer.bounded", metric.WithUnit("1"))
	exponential, err := meter.Float64Histogram("peer.exponential", metric.WithUnit("s"))
	fail("an instrument", err)
	observed(meter, count)
	around, span := silent.Tracer("peer.context").Start(ctx, "around") // exemplars name it
	defer span.End()
	for number := 0; number < count; number++ {
		with := series(number)
		counter.Add(around, 1<<40+int64(number), with)
		doubles.Add(around, 0.125, with)
		upDown.Add(around, -int64(number), with)
		gauge.Record(around, -1.5*float64(number), with)
		bounded.Record(around, int64(number), with)
		for step := 0; step < 20; step++ {
			explicit.Record(around, float64(step)*97.5, with)
			exponential.Record(around, math.Pow(1.7, float64(step))/1000, with)
		}
		exponential.Record(around, 0, with)
		exponential.Record(around, -2.5, with)
	}
	return 10 * count
}
