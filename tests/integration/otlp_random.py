# SPDX-License-Identifier: Apache-2.0
"""Random OTLP requests by the official generated classes, and what docs/otlp-mapping.md makes of each. Runs under a
python that has opentelemetry-proto, with SEED and COUNT; prints, a line each, a request ("SIGNAL LIMIT HEX") and behind a
tab what its batch must say, as JSON in the form that test_otlp_decode_official.py makes of ours."""

import json
import random
import struct
import sys

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

chance = random.Random(int(sys.argv[1]))
KEYS = ["http.route", "n", "k8s.deployment.name", "ä", "", "zero\0inside", "long." * 30, "a.key.of.more.than.thirty.bytes.so.there"]


# ---- making ----------------------------------------------------------------------------------------------------------

def text(limit=40):
    return "".join(chance.choice("abcdefgh01234\u00e4\u20ac\U0001f600 \0") for _ in range(chance.randrange(limit)))


def plain(limit=60):
    return "".join(chance.choice("abcdefgh .-/") for _ in range(chance.choice([0, 3, 8, 15, 16, 17, chance.randrange(limit),
                                                                              300])))


def number(bits=64):
    return chance.choice([0, 1, chance.randrange(1 << bits), chance.randrange(1 << bits) >> chance.randrange(bits)])


def signed():
    return number() - (1 << 63) if chance.random() < 0.3 else number(63)


def double():
    return chance.choice([0.0, -0.0, 1e300, float("inf"), -1.5, chance.random()])


def fill_any(value, depth=1, kind=None):
    kind = chance.randrange(8 if depth < 6 else 6) if kind is None else kind
    if kind == 1: value.string_value = text() if chance.random() < 0.3 else plain()
    if kind == 2: value.bool_value = chance.random() < 0.5
    if kind == 3: value.int_value = signed()
    if kind == 4: value.double_value = double()
    if kind == 5: value.bytes_value = chance.randbytes(chance.randrange(200))
    if kind == 6:
        value.array_value.SetInParent()
        for _ in range(chance.randrange(4)): fill_any(value.array_value.values.add(), depth + 1)
    if kind == 7:
        value.kvlist_value.SetInParent()
        for _ in range(chance.randrange(4)): fill_pair(value.kvlist_value.values.add(), depth)


def fill_pair(pair, depth=0, kind=None):
    pair.key = chance.choice(KEYS) if chance.random() < 0.5 else "key%d" % chance.randrange(30)
    if chance.random() < 0.98:
        pair.value.SetInParent()
        fill_any(pair.value, depth + 1, kind)


def fill_attributes(pairs, style):
    """style: keys with their kind, as an SDK repeats them; None: anything."""
    for key, kind in style or []:
        if chance.random() < 0.95:
            pair = pairs.add(key=key)
            pair.value.SetInParent()
            fill_any(pair.value, 1, kind if chance.random() < 0.995 else None)
    if not style:
        for _ in range(chance.choice([0, 1, 3, 8])): fill_pair(pairs.add())


def make_style():
    if chance.random() < 0.3:
        return None
    return [(chance.choice(KEYS) if chance.random() < 0.3 else "key%d" % i, chance.choice([1, 1, 1, 2, 3, 4, 5, 6, 0]))
            for i in range(chance.randrange(1, 9))]


def maybe(setter, probability=0.7):
    if chance.random() < probability:
        setter()


def fill_resource(resource):
    fill_attributes(resource.attributes, make_style())
    if chance.random() < 0.3: resource.dropped_attributes_count = number(32)
    for _ in range(chance.choice([0, 0, 0, 1, 2])):
        entity = resource.entity_refs.add(type=text(10), schema_url=plain())
        entity.id_keys.extend(text(8) for _ in range(chance.randrange(3)))
        entity.description_keys.extend(text(8) for _ in range(chance.randrange(3)))


def fill_scope(scope):
    scope.name, scope.version = plain(), text(6)
    fill_attributes(scope.attributes, make_style())
    if chance.random() < 0.3: scope.dropped_attributes_count = number(32)


def fill_log(record, style):
    if chance.random() < 0.9: record.time_unix_nano = number()
    if chance.random() < 0.5: record.observed_time_unix_nano = number()
    if chance.random() < 0.8: record.severity_number = chance.choice([1, 9, 17, 24, 77, -3, 0])
    if chance.random() < 0.8: record.severity_text = chance.choice(["INFO", "ERROR", text(5)])
    if chance.random() < 0.9:
        record.body.SetInParent()
        fill_any(record.body, 1, None if style is None else 1)
    fill_attributes(record.attributes, style)
    if chance.random() < 0.2: record.dropped_attributes_count = number(32)
    if chance.random() < 0.3: record.flags = number(32)
    if chance.random() < 0.7: record.trace_id = chance.randbytes(16)
    if chance.random() < 0.7: record.span_id = chance.randbytes(8)
    if chance.random() < 0.1: record.event_name = text()


def fill_span(span, style):
    span.trace_id, span.span_id = chance.randbytes(16), chance.randbytes(8)
    if chance.random() < 0.6: span.parent_span_id = chance.randbytes(8)
    if chance.random() < 0.2: span.trace_state = text()
    if chance.random() < 0.5: span.flags = number(32)
    span.name = plain()
    span.kind = chance.choice([0, 1, 2, 3, 4, 5, 99])
    span.start_time_unix_nano, span.end_time_unix_nano = number(), number()
    fill_attributes(span.attributes, style)
    for member in ("dropped_attributes_count", "dropped_events_count", "dropped_links_count"):
        if chance.random() < 0.2: setattr(span, member, number(32))
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        event = span.events.add(time_unix_nano=number(), name=text())
        fill_attributes(event.attributes, None)
        if chance.random() < 0.2: event.dropped_attributes_count = number(32)
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        link = span.links.add(trace_id=chance.randbytes(16), span_id=chance.choice([b"", chance.randbytes(8)]),
                              trace_state=text(), flags=number(32))
        fill_attributes(link.attributes, None)
        if chance.random() < 0.2: link.dropped_attributes_count = number(32)
    if chance.random() < 0.5:
        span.status.SetInParent()
        span.status.code = chance.choice([0, 1, 2, 7])
        if chance.random() < 0.5: span.status.message = text()


def fill_exemplars(exemplars):
    for _ in range(chance.choice([0, 0, 0, 1, 3])):
        exemplar = exemplars.add(time_unix_nano=number())
        kind = chance.randrange(3)
        if kind == 1: exemplar.as_double = double()
        if kind == 2: exemplar.as_int = signed()
        if chance.random() < 0.5: exemplar.trace_id, exemplar.span_id = chance.randbytes(16), chance.randbytes(8)
        fill_attributes(exemplar.filtered_attributes, None)


def fill_point(point, kind, style):
    if chance.random() < 0.5: point.start_time_unix_nano = number()
    point.time_unix_nano = number()
    if chance.random() < 0.1: point.flags = 1
    fill_attributes(point.attributes, style)
    if kind in ("gauge", "sum"):
        if chance.random() < 0.6: point.as_double = double()
        elif chance.random() < 0.9: point.as_int = signed()
    else:
        point.count = number()
    if kind in ("histogram", "exponential_histogram"):
        for member in ("sum", "min", "max"):
            if chance.random() < 0.7: setattr(point, member, double())
    if kind == "histogram" and chance.random() < 0.8:
        bounds = chance.randrange(20)
        point.explicit_bounds.extend(double() for _ in range(bounds))
        point.bucket_counts.extend(number() for _ in range(bounds + 1))
    if kind == "exponential_histogram":
        point.scale, point.zero_count, point.zero_threshold = chance.randrange(-10, 21), number(), double()
        for buckets in (point.positive, point.negative):
            if chance.random() < 0.6:
                buckets.offset = chance.randrange(-2**31, 2**31) >> chance.randrange(32)
                buckets.bucket_counts.extend(number() for _ in range(chance.randrange(50)))
    if kind == "summary":
        point.sum = double()
        for _ in range(chance.randrange(5)): point.quantile_values.add(quantile=double(), value=double())
    else:
        fill_exemplars(point.exemplars)


def fill_metric(metric, style):
    metric.name, metric.description, metric.unit = plain(), text(), text(4)
    kind = chance.choice(["gauge", "sum", "histogram", "exponential_histogram", "summary", ""])
    for _ in range(chance.choice([0, 0, 2])): fill_pair(metric.metadata.add())
    if not kind:
        return
    data = getattr(metric, kind)
    data.SetInParent()
    if kind in ("sum", "histogram", "exponential_histogram"): data.aggregation_temporality = chance.choice([0, 1, 2, 9, -7])
    if kind == "sum": data.is_monotonic = chance.random() < 0.5
    for _ in range(chance.randrange(6)): fill_point(data.data_points.add(), kind, style)


SIGNALS = {
    1: (ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics", fill_metric),
    2: (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records", fill_log),
    3: (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans", fill_span),
}


def make(signal):
    request_class, resources, scopes, items, fill = SIGNALS[signal]
    request = request_class()
    styles = [make_style() for _ in range(2)]
    for _ in range(chance.choice([0, 1, 1, 1, 2, 5])):
        resource = getattr(request, resources).add(schema_url=chance.choice(["", plain()]))
        if chance.random() < 0.9: fill_resource(resource.resource)
        for _ in range(chance.choice([0, 1, 1, 1, 3])):
            scope = getattr(resource, scopes).add(schema_url=chance.choice(["", plain()]))
            if chance.random() < 0.9: fill_scope(scope.scope)
            for _ in range(chance.choice([0, 1, 2, 10, 60])): fill(getattr(scope, items).add(), chance.choice(styles))
    return request


# ---- what a batch must say -------------------------------------------------------------------------------------------

def bits(value):
    return struct.unpack("<q", struct.pack("<d", value))[0]


def unsigned_bits(value):
    return bits(value) & (1 << 64) - 1


def any_form(value):
    kind = value.WhichOneof("value")
    if kind == "double_value": return [kind, bits(value.double_value)]
    if kind == "bytes_value": return [kind, value.bytes_value.hex()]
    if kind == "array_value": return [kind, [any_form(item) for item in value.array_value.values]]
    if kind == "kvlist_value": return [kind, [[pair.key, any_form(pair.value)] for pair in value.kvlist_value.values]]
    return [kind, getattr(value, kind)] if kind else ["empty"]


def attributes_form(pairs):
    return sorted(([pair.key, any_form(pair.value)] for pair in pairs), key=json.dumps)


def wrapped(value):
    """As a signed number of 64 bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def row_form(attributes, **fields):
    row = {"attributes": attributes_form(attributes)}
    row.update({name.replace("_", " "): value for name, value in fields.items() if value not in (None, 0, "", b"", [])})
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}


def texts_form(texts):
    return ["array_value", [["string_value", item] for item in texts]]


def entity_form(entity):
    pairs = [["schema_url", ["string_value", entity.schema_url]], ["type", ["string_value", entity.type]],
             ["id_keys", texts_form(entity.id_keys)], ["description_keys", texts_form(entity.description_keys)]]
    return ["kvlist_value", [pair for pair in pairs if pair[1][1]]]


def origin_form(resource, scope):
    entities = [entity_form(entity) for entity in resource.resource.entity_refs]
    return row_form([], resource_attributes=attributes_form(resource.resource.attributes),
                    resource_dropped=resource.resource.dropped_attributes_count,
                    entities=["array_value", entities] if entities else None, resource_schema=resource.schema_url,
                    scope_attributes=attributes_form(scope.scope.attributes), scope_name=scope.scope.name,
                    scope_version=scope.scope.version, scope_dropped=scope.scope.dropped_attributes_count,
                    scope_schema=scope.schema_url)


def log_form(record):
    return row_form(record.attributes, time=wrapped(record.time_unix_nano),
                    observed=wrapped(record.observed_time_unix_nano), severity=record.severity_number,
                    severity_text=record.severity_text, body=any_form(record.body) if record.HasField("body") else None,
                    dropped=record.dropped_attributes_count, flags=record.flags, trace=record.trace_id,
                    span=record.span_id, event=record.event_name)


def span_form(span):
    row = row_form(span.attributes, trace=span.trace_id, span=span.span_id, parent=span.parent_span_id,
                   trace_state=span.trace_state, flags=span.flags, name=span.name, kind=span.kind,
                   start=wrapped(span.start_time_unix_nano), end=wrapped(span.end_time_unix_nano),
                   dropped=span.dropped_attributes_count, dropped_events=span.dropped_events_count,
                   dropped_links=span.dropped_links_count, status_message=span.status.message)
    if span.HasField("status"):
        row["status"] = span.status.code
    row["events"] = [row_form(event.attributes, time=wrapped(event.time_unix_nano), event=event.name,
                              dropped=event.dropped_attributes_count) for event in span.events]
    row["links"] = [row_form(link.attributes, trace=link.trace_id, span=link.span_id, trace_state=link.trace_state,
                             dropped=link.dropped_attributes_count, flags=link.flags) for link in span.links]
    return row


def number_form(point):
    kind = point.WhichOneof("value")
    return ["double", bits(point.as_double)] if kind == "as_double" else ["integer", point.as_int] if kind else None


def has(point):
    return sum(flag for flag, member in ((1, "sum"), (2, "min"), (4, "max")) if point.HasField(member))


def value_form(point, kind):
    if kind in ("gauge", "sum"):
        return number_form(point)
    if kind == "summary":
        words = [word for pair in point.quantile_values for word in (pair.quantile, pair.value)]
        return ["summary", [point.count, unsigned_bits(point.sum), [unsigned_bits(word) for word in words]]]
    numbers = [unsigned_bits(getattr(point, member)) for member in ("sum", "min", "max")]
    if kind == "histogram":
        return ["histogram", [point.count, has(point), *numbers, list(point.bucket_counts),
                              [unsigned_bits(bound) for bound in point.explicit_bounds]]]
    return ["exponential", [point.count, point.zero_count, point.scale, point.positive.offset, point.negative.offset,
                            has(point), *numbers, unsigned_bits(point.zero_threshold),
                            list(point.positive.bucket_counts), list(point.negative.bucket_counts)]]


def point_form(metric, kind, point):
    data = getattr(metric, kind)
    head = type(metric)(name=metric.name, description=metric.description, unit=metric.unit)
    getattr(head, kind).SetInParent()
    if hasattr(data, "aggregation_temporality"): getattr(head, kind).aggregation_temporality = data.aggregation_temporality
    if hasattr(data, "is_monotonic"): getattr(head, kind).is_monotonic = data.is_monotonic
    head.metadata.extend(metric.metadata)
    row = row_form(point.attributes, metric=head.SerializeToString(deterministic=True),
                   start=wrapped(point.start_time_unix_nano), time=wrapped(point.time_unix_nano), flags=point.flags)
    value = value_form(point, kind)
    if value:
        row["value"] = value
    row["exemplars"] = []
    for exemplar in point.exemplars if kind != "summary" else []:
        form = row_form(exemplar.filtered_attributes, time=wrapped(exemplar.time_unix_nano), span=exemplar.span_id,
                        trace=exemplar.trace_id)
        if number_form(exemplar):
            form["value"] = number_form(exemplar)
        row["exemplars"].append(form)
    return row


def rows_of(signal, item):
    if signal == 2: return [log_form(item)]
    if signal == 3: return [span_form(item)]
    kind = item.WhichOneof("data")
    return [point_form(item, kind, point) for point in getattr(item, kind).data_points] if kind else []


def form(signal, request):
    _, resources, scopes, items, _ = SIGNALS[signal]
    rows = []
    for resource in getattr(request, resources):
        for scope in getattr(resource, scopes):
            origin = origin_form(resource, scope)
            del origin["attributes"]
            for item in getattr(scope, items):
                rows.extend(origin | row for row in rows_of(signal, item))
    return rows


def main():
    for _ in range(int(sys.argv[2])):
        signal = chance.choice([1, 2, 3])
        request = make(signal)
        limit = chance.choice([0, 1, 3, 8, 128, 5000])
        print(f"{signal} {limit} {request.SerializeToString().hex()}\t{json.dumps(form(signal, request))}")


main()
