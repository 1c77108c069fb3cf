// SPDX-License-Identifier: Apache-2.0

// Sends spans, log records and data points by the OpenTelemetry SDK for Go, and prints what it sent.
//
//	client --endpoint http://HOST:PORT --protocol grpc|http [--count N]
//
// The last line printed is JSON, as tests/peers/python/client.py prints it; the requests are those that left.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const flushes = 2

func fail(what string, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "client: %s: %v\n", what, err)
		os.Exit(1)
	}
}

// A reader whose collections are asked for one by one.
func collect(ctx context.Context, reader *sdkmetric.ManualReader, exporter sdkmetric.Exporter) {
	var metrics metricdata.ResourceMetrics
	fail("collecting", reader.Collect(ctx, &metrics))
	fail("metrics", exporter.Export(ctx, &metrics))
}

func main() {
	endpoint := flag.String("endpoint", "", "http://HOST:PORT")
	protocol := flag.String("protocol", "", "grpc or http")
	count := flag.Int("count", 8, "of each")
	flag.Parse()
	if *endpoint == "" || (*protocol != "grpc" && *protocol != "http") {
		flag.Usage()
		os.Exit(2)
	}

	ctx := context.Background()
	record := &recorder{requests: []request{}}
	spans, logs, metrics := exporters(ctx, *protocol, strings.TrimPrefix(*endpoint, "http://"), record)
	tracers := sdktrace.NewTracerProvider(sdktrace.WithResource(about()), sdktrace.WithBatcher(spans))
	loggers := sdklog.NewLoggerProvider(sdklog.WithResource(about()),
		sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)))
	reader := sdkmetric.NewManualReader()
	meters := sdkmetric.NewMeterProvider(sdkmetric.WithResource(about()), sdkmetric.WithReader(reader),
		sdkmetric.WithView(view("peer.exponential", sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 40, MaxScale: 20}),
			view("peer.bounded", sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{2}})))
	silent := sdktrace.NewTracerProvider() // its spans are only the context of logs and measurements

	made := result{
		Spans:  makeSpans(ctx, tracers, *count),
		Logs:   makeLogs(ctx, loggers, silent, *count),
		Points: flushes * makePoints(ctx, meters, silent, *count),
	}
	for flush := 0; flush < flushes; flush++ {
		collect(ctx, reader, metrics)
	}
	fail("spans", tracers.ForceFlush(ctx))
	fail("logs", loggers.ForceFlush(ctx))
	fail("spans", tracers.Shutdown(ctx))
	fail("logs", loggers.Shutdown(ctx))
	fail("metrics", metrics.Shutdown(ctx))
	made.Failures = []string{}
	made.Requests = record.requests
	fail("printing", json.NewEncoder(os.Stdout).Encode(made))
}
