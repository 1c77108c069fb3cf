// SPDX-License-Identifier: Apache-2.0
package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

type request struct {
	Signal   string `json:"signal"`
	Protobuf []byte `json:"protobuf"` // as JSON: base64
}

type result struct {
	Spans    int       `json:"spans"`
	Logs     int       `json:"logs"`
	Points   int       `json:"points"`
	Failures []string  `json:"failures"`
	Requests []request `json:"requests"`
}

// Requests as they leave.
type recorder struct {
	lock     sync.Mutex
	requests []request
}

func (record *recorder) add(signal string, body []byte) {
	record.lock.Lock()
	defer record.lock.Unlock()
	record.requests = append(record.requests, request{signal, body})
}

// RoundTrip makes a recorder the transport of an HTTP client.
func (record *recorder) RoundTrip(sent *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(sent.Body)
	if err != nil {
		return nil, err
	}
	record.add(strings.TrimPrefix(sent.URL.Path, "/v1/"), body)
	sent.Body = io.NopCloser(bytes.NewReader(body))
	return http.DefaultTransport.RoundTrip(sent)
}

// Method: "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
func (record *recorder) call(ctx context.Context, method string, sent, received any, connection *grpc.ClientConn,
	invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	body, err := proto.Marshal(sent.(proto.Message))
	if err != nil {
		return err
	}
	signal := strings.Split(method, ".")[3]
	if signal == "trace" {
		signal = "traces"
	}
	record.add(signal, body)
	return invoke(ctx, method, sent, received, connection, options...)
}

func exporters(ctx context.Context, protocol, address string, record *recorder) (spans sdktrace.SpanExporter,
	logs sdklog.Exporter, metrics sdkmetric.Exporter) {
	var err [3]error
	if protocol == "grpc" {
		dial := grpc.WithUnaryInterceptor(record.call)
		spans, err[0] = otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(address), otlptracegrpc.WithInsecure(),
			otlptracegrpc.WithDialOption(dial))
		logs, err[1] = otlploggrpc.New(ctx, otlploggrpc.WithEndpoint(address), otlploggrpc.WithInsecure(),
			otlploggrpc.WithDialOption(dial))
		metrics, err[2] = otlpmetricgrpc.New(ctx, otlpmetricgrpc.WithEndpoint(address), otlpmetricgrpc.WithInsecure(),
			otlpmetricgrpc.WithDialOption(dial))
	} else {
		client := &http.Client{Transport: record}
		spans, err[0] = otlptracehttp.New(ctx, otlptracehttp.WithEndpoint(address), otlptracehttp.WithInsecure(),
			otlptracehttp.WithHTTPClient(client))
		logs, err[1] = otlploghttp.New(ctx, otlploghttp.WithEndpoint(address), otlploghttp.WithInsecure(),
			otlploghttp.WithHTTPClient(client))
		metrics, err[2] = otlpmetrichttp.New(ctx, otlpmetrichttp.WithEndpoint(address), otlpmetrichttp.WithInsecure(),
			otlpmetrichttp.WithHTTPClient(client))
	}
	for _, one := range err {
		fail("an exporter", one)
	}
	return
}
