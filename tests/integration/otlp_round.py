# SPDX-License-Identifier: Apache-2.0
"""Compares requests before and after they were batches, over the official classes of OTLP, but for what
docs/otlp-mapping.md says is not kept.

Runs under a python that has opentelemetry-proto; reads "SIGNAL HEX HEX" a line."""

import sys

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS = {1: (ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics"),
            2: (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
            3: (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans")}


def plain(message):
    """Takes out what may differ: the order of attributes, and empty messages that mean what none means."""
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.name == "AnyValue":
            continue
        items = value if hasattr(value, "extend") else [value]
        if field.message_type.name == "KeyValue" and field.name != "metadata":
            for pair in items:
                pair.value.SetInParent()
            pairs = sorted(items, key=lambda pair: pair.SerializeToString(deterministic=True))
            message.ClearField(field.name)
            getattr(message, field.name).extend(pairs)
        elif field.message_type.name == "Buckets" and not value.ByteSize():
            message.ClearField(field.name)
        else:
            for item in items:
                plain(item)
    return message.SerializeToString(deterministic=True)


def points(metric):
    """(the metric without points, the point)"""
    kind = metric.WhichOneof("data")
    data = list(getattr(metric, kind).data_points) if kind else []
    if kind:
        getattr(metric, kind).ClearField("data_points")
    return [(metric.SerializeToString(deterministic=True), plain(point)) for point in data]


def rows(signal, data):
    request_class, resources, scopes, items = REQUESTS[signal]
    found = []
    for resource in getattr(request_class.FromString(data), resources):
        for scope in getattr(resource, scopes):
            origin = (plain(resource.resource), resource.schema_url, plain(scope.scope), scope.schema_url)
            for item in getattr(scope, items):
                found += [origin + row for row in (points(item) if signal == 1 else [(plain(item),)])]
    return sorted(found)


def difference(wanted, have):
    """The parts of the first row that differ."""
    for left, right in zip(wanted, have):
        if left != right:
            return "\n".join(f"part {part}: {a}\n     is {b}" for part, (a, b) in enumerate(zip(left, right)) if a != b)
    return "those that both have are the same"


def main():
    count = 0
    for number, line in enumerate(sys.stdin):
        signal, before, after = line.rstrip("\n").split(" ")
        wanted, have = rows(int(signal), bytes.fromhex(before)), rows(int(signal), bytes.fromhex(after))
        if wanted != have:
            sys.exit(f"request {number} of signal {signal}: {len(wanted)} rows became {len(have)}; "
                     f"{difference(wanted, have)}\n{before}")
        count += len(wanted)
    print(count)


main()
