# SPDX-License-Identifier: Apache-2.0
"""Sends spans, log records and data points by the OpenTelemetry SDK for Python, and prints what it sent.

client.py --endpoint http://HOST:PORT --protocol grpc|http|http_json [--count N]

The last line printed is JSON: how many "spans", "logs" and "points" were made, and the "requests" that were sent: each
with its "signal" and its "protobuf", in base64. Every type of attribute, and all that the API of the SDK can say.
"""

import argparse
import base64
import json
import sys
import time

from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.metrics import Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import (ExplicitBucketHistogramAggregation,
                                            ExponentialBucketHistogramAggregation, View)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

RESOURCE = Resource({"service.name": "peer", "service.instance.id": "python-1", "peer.ready": True,
                     "peer.cores": 2, "peer.load": 0.25, "peer.tags": ["a", "ä€😀", ""]},
                    schema_url="https://example.org/resource/1.0")
ATTRIBUTES = {"text": "ä€😀", "empty": "", "yes": True, "no": False, "zero": 0, "least": -2**63, "most": 2**63 - 1,
              "half": 0.5, "huge": 1e300, "texts": ["a", "", "b"], "integers": [1, -1, 2**40], "doubles": [0.5, -0.0],
              "truths": [True, False], "nothing": []}
NESTED = {"map": {"inner": {"deep": [1, "two", 3.5, None, {"three": b"\x00\xff"}]}, "empty": {}},
          "mixed": [1, "a", True], "bytes": b"\x00\x01\xfe\xff", "null": None}
FLUSHES = 2


class Recorder:
    """What the exporters are given to send, as encoded requests."""

    def __init__(self):
        self.requests = []
        self.failures = []

    def watch(self, exporter, name, encode):
        export = exporter.export

        def watched(data, *arguments, **options):
            self.requests.append({"signal": name,
                                  "protobuf": base64.b64encode(encode(data).SerializeToString()).decode()})
            result = export(data, *arguments, **options)
            if result.name != "SUCCESS":
                self.failures.append(name)
            return result
        exporter.export = watched
        return exporter


def exporters(protocol, endpoint):
    """Of spans, logs and metrics."""
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
        return [one(endpoint=endpoint, insecure=True)
                for one in (OTLPSpanExporter, OTLPLogExporter, OTLPMetricExporter)]
    if protocol == "http":
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
    return [OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"), OTLPLogExporter(endpoint=f"{endpoint}/v1/logs"),
            OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics")]


def spans_make(provider, count):
    """Trees of four spans: a root with a child, which has two."""
    tracer = provider.get_tracer("peer.spans", "1.2.3", schema_url="https://example.org/scope/1.0",
                                 attributes={"scope.kind": "tracer"})
    kinds = list(SpanKind)
    remote = SpanContext(0x0123456789abcdef0123456789abcdef, 0x0123456789abcdef, is_remote=True,
                         trace_flags=TraceFlags(1), trace_state=TraceState([("vendor", "value"), ("other", "x")]))
    context = trace.set_span_in_context(trace.NonRecordingSpan(remote))
    made = 0
    while made < count:
        parent = context if made % 8 == 0 else None
        with tracer.start_as_current_span(f"root {made}", context=parent, kind=kinds[made % len(kinds)],
                                          attributes={"number": made, **ATTRIBUTES},
                                          links=[Link(remote, {"link": made, "texts": ["l"]})]) as root:
            root.add_event("begun", {"event": made, **ATTRIBUTES}, timestamp=time.time_ns() - 1000)
            root.add_event("bare")
            root.set_status(Status(StatusCode.OK))
            with tracer.start_as_current_span(f"child {made}", attributes={"number": made + 1}) as child:
                child.set_status(Status(StatusCode.ERROR, "it did not work"))
                child.record_exception(ValueError("no such thing"))
                for leaf in range(2):
                    with tracer.start_as_current_span(f"leaf {leaf}", kind=kinds[leaf],
                                                      attributes={"number": made + 2 + leaf}):
                        pass
        made += 4
    return made


def logs_make(provider, tracer_provider, count):
    logger = provider.get_logger("peer.logs", "2.0", schema_url="https://example.org/scope/2.0",
                                 attributes={"scope.kind": "logger"})
    tracer = tracer_provider.get_tracer("peer.context")
    severities = list(SeverityNumber)
    bodies = ["a text", "", 42, -1.5, True, {"map": NESTED}, [1, "a", {"b": [2]}], b"\x00\xff", None]
    for number in range(count):
        span = tracer.start_span("around")
        context = trace.set_span_in_context(span) if number % 2 else None
        severity = severities[number % len(severities)]
        logger.emit(LogRecord(timestamp=time.time_ns(), observed_timestamp=time.time_ns() + 5, context=context,
                              severity_number=severity, severity_text=severity.name, body=bodies[number % len(bodies)],
                              event_name="thing.happened" if number % 3 == 0 else None,
                              attributes={"number": number, **ATTRIBUTES, **NESTED}))
    return count


def points_make(provider, tracer_provider, count):
    """`count` series of every instrument; the data points of one collection."""
    meter = provider.get_meter("peer.metrics", "3.0", schema_url="https://example.org/scope/3.0",
                               attributes={"scope.kind": "meter"})
    series = [{"number": number, "text": "ä€😀", "yes": True, "half": 0.5, "texts": ["a", "b"]}
              for number in range(count)]
    counter = meter.create_counter("peer.counter", "{call}", "calls")
    doubles = meter.create_counter("peer.counter.double", "s", "time spent")
    up_down = meter.create_up_down_counter("peer.updown", "By", "bytes held")
    gauge = meter.create_gauge("peer.gauge", "Cel", "temperature")
    explicit = meter.create_histogram("peer.explicit", "ms", "durations")
    bounded = meter.create_histogram("peer.bounded", "1", "with one bound")
    exponential = meter.create_histogram("peer.exponential", "s", "durations")
    meter.create_observable_counter("peer.observed.counter",
                                    [lambda _: [Observation(7 + i, s) for i, s in enumerate(series)]])
    meter.create_observable_up_down_counter("peer.observed.updown", [lambda _: [Observation(-3, s) for s in series]])
    meter.create_observable_gauge("peer.observed.gauge", [lambda _: [Observation(0.25, s) for s in series]],
                                  "%", "share")
    with tracer_provider.get_tracer("peer.context").start_as_current_span("around"):       # exemplars name it
        for number, attributes in enumerate(series):
            counter.add(2**40 + number, attributes)
            doubles.add(0.125, attributes)
            up_down.add(-number, attributes)
            gauge.set(-1.5 * number, attributes)
            bounded.record(number, attributes)
            for step in range(20):
                explicit.record(step * 97.5, attributes)
                exponential.record(1.7 ** step / 1000, attributes)
            exponential.record(0, attributes)
    return 10 * count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--protocol", choices=["grpc", "http", "http_json"], required=True)
    parser.add_argument("--count", type=int, default=8)
    arguments = parser.parse_args()

    recorder = Recorder()
    of_spans, of_logs, of_metrics = exporters(arguments.protocol, arguments.endpoint)
    spans = TracerProvider(resource=RESOURCE)
    spans.add_span_processor(BatchSpanProcessor(recorder.watch(of_spans, "traces", encode_spans)))
    silent = TracerProvider()        # its spans are only the context of logs and measurements
    logs = LoggerProvider(resource=RESOURCE)
    logs.add_log_record_processor(BatchLogRecordProcessor(recorder.watch(of_logs, "logs", encode_logs)))
    reader = PeriodicExportingMetricReader(recorder.watch(of_metrics, "metrics", encode_metrics), 3600e3)
    metrics = MeterProvider([reader], RESOURCE, views=[
        View(instrument_name="peer.exponential", aggregation=ExponentialBucketHistogramAggregation(max_size=40)),
        View(instrument_name="peer.bounded", aggregation=ExplicitBucketHistogramAggregation([2.0]))])

    made = {"spans": spans_make(spans, arguments.count), "logs": logs_make(logs, silent, arguments.count),
            "points": FLUSHES * points_make(metrics, silent, arguments.count)}
    for _ in range(FLUSHES):
        metrics.force_flush()
    spans.shutdown()
    logs.shutdown()
    of_metrics.export = lambda *_, **__: None      # a shutdown would collect once more
    print(json.dumps({**made, "failures": recorder.failures, "requests": recorder.requests}))
    sys.stdout.flush()
    return 1 if recorder.failures else 0


if __name__ == "__main__":
    sys.exit(main())
