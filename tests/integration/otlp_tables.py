# SPDX-License-Identifier: Apache-2.0
"""Random tables, and what docs/otlp-mapping.md makes of them, built from the official classes of OTLP.

Runs under a python that has opentelemetry-proto: otlp_tables.py ENCODE_TABLES SEED COUNT."""

import math
import random
import struct
import subprocess
import sys
from fractions import Fraction

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar, Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

(BOOL, I8, I16, I32, I64, U8, U16, U32, U64, DOUBLE, TEXT, BYTES, ID8, ID16, TIME, DURATION, EXPONENTIAL, EXPLICIT,
 QUANTILES, ANY) = range(1, 21)
RANGES = {BOOL: (0, 1), I8: (-2**7, 2**7 - 1), I16: (-2**15, 2**15 - 1), I32: (-2**31, 2**31 - 1),
          I64: (-2**63, 2**63 - 1), U8: (0, 2**8 - 1), U16: (0, 2**16 - 1), U32: (0, 2**32 - 1), U64: (0, 2**64 - 1),
          TIME: (0, 2**63 - 1), DURATION: (-2**63, 2**63 - 1)}
INTEGERS = (I8, I16, I32, I64, U8, U16, U32, U64)
ATTRIBUTE_TYPES = (BOOL, *INTEGERS, DOUBLE, TEXT, BYTES, ID8, ID16, TIME, DURATION, ANY)
HISTOGRAMS = (EXPONENTIAL, EXPLICIT, QUANTILES)

ATTRIBUTE = 0
(R_TIME, R_START_TIME, R_END_TIME, R_OBSERVED_TIME, R_DURATION, R_WEIGHT, R_EVENTS, R_CLOCK_OFFSET, R_ATTRIBUTES,
 R_DROPPED, R_FLAGS, R_PARENT_ROW, R_SCOPE_NAME, R_SCOPE_VERSION, R_SCHEMA_URL, R_ENTITIES) = range(1, 17)
R_SUM, R_GAUGE, R_HISTOGRAM, R_METRIC, R_VALUE = range(32, 37)
R_SEVERITY, R_SEVERITY_TEXT, R_BODY, R_EVENT_NAME = range(48, 52)
(R_TRACE_ID, R_SPAN_ID, R_PARENT_SPAN_ID, R_TRACE_STATE, R_SPAN_NAME, R_SPAN_KIND, R_STATUS_CODE, R_STATUS_MESSAGE,
 R_DROPPED_EVENTS, R_DROPPED_LINKS) = range(64, 74)
METRIC, LOG, SPAN, SPAN_EVENT, SPAN_LINK, EXEMPLAR = range(1, 7)
ROW, SCOPE, RESOURCE = range(3)


# ---- random values --------------------------------------------------------------------------

class Chance(random.Random):
    def yes(self, share):
        return self.random() < share

    def text(self, limit=40):
        if self.yes(0.03):
            limit = 400
        return "".join(self.choice("ab.ä€😀 ,;=:") for _ in range(self.randrange(limit)))

    def integer(self, low, high):
        if self.yes(0.2):
            return self.choice([low, high, 0 if low <= 0 else low, min(high, 127), min(high, 128)])
        return max(low, min(high, self.randrange(low, high + 1) >> self.randrange(64)))

    def double(self):
        return self.choice([0.0, -0.0, 1.5, -2.25, 1e300, float("inf"), self.random()])

    def any(self, depth=0):
        value = AnyValue()
        kind = self.randrange(8 if depth < 3 else 6)
        if kind == 1:
            value.string_value = self.text()
        elif kind == 2:
            value.bool_value = self.yes(0.5)
        elif kind == 3:
            value.int_value = self.integer(-2**63, 2**63 - 1)
        elif kind == 4:
            value.double_value = self.double()
        elif kind == 5:
            value.bytes_value = self.randbytes(self.randrange(200))
        elif kind == 6:
            value.array_value.SetInParent()
            for _ in range(self.randrange(4)):
                value.array_value.values.append(self.any(depth + 1))
        elif kind == 7:
            value.CopyFrom(self.map(depth + 1))
        return value

    def map(self, depth=0):
        value = AnyValue()
        value.kvlist_value.SetInParent()
        for _ in range(self.randrange(4)):
            value.kvlist_value.values.append(KeyValue(key=self.text(8), value=self.any(depth + 1)))
        return value

    def entities(self):
        value = AnyValue()
        value.array_value.SetInParent()
        for _ in range(self.randrange(3)):
            pairs = value.array_value.values.add().kvlist_value
            pairs.SetInParent()
            for key in ("schema_url", "type"):
                if self.yes(0.7):
                    pairs.values.append(KeyValue(key=key, value=AnyValue(string_value="x" + self.text(5))))
            for key in ("id_keys", "description_keys"):
                if self.yes(0.7):
                    texts = AnyValue()
                    texts.array_value.SetInParent()
                    for _ in range(self.randrange(4)):
                        texts.array_value.values.append(AnyValue(string_value=self.text(5)))
                    pairs.values.append(KeyValue(key=key, value=texts))
        return value

    def words(self, count):
        return [self.choice([0, 1, 127, 128, self.integer(0, 2**64 - 1)]) for _ in range(count)]

    def value(self, kind, bounds=None):
        if kind in (EXPLICIT, EXPONENTIAL, QUANTILES):
            return self.histogram(kind)
        if kind == TEXT:
            return self.text()
        if kind == BYTES:
            return self.randbytes(self.randrange(200) if self.yes(0.2) else self.randrange(20))
        if kind == ID8:
            return self.randbytes(8)
        if kind == ID16:
            return self.randbytes(16)
        if kind == DOUBLE:
            return self.double()
        if kind == ANY:
            return self.any()
        low, high = RANGES[kind]
        if bounds:
            low, high = max(low, bounds[0]), min(high, bounds[1])
        return self.integer(low, high)

    def histogram(self, kind):
        head = {"count": self.integer(0, 2**64 - 1), "sum": self.double(), "min": self.double(), "max": self.double(),
                "flags": self.randrange(8)}
        if kind == EXPLICIT:
            length = self.choice([0, 1, 2, 16])
            head["counts"] = self.words(length)
            head["bounds"] = [self.double() for _ in range(max(0, length - 1))]
        elif kind == EXPONENTIAL:
            head["zero_count"] = self.integer(0, 2**64 - 1)
            head["zero_threshold"] = self.choice([0.0, 1e-9])
            head["scale"] = self.integer(-10, 20)
            for sign in ("positive", "negative"):
                head[sign] = (self.integer(-2**31, 2**31 - 1), self.words(self.choice([0, 0, 1, 40])))
        else:
            head["pairs"] = [(self.double(), self.double()) for _ in range(self.randrange(4))]
        return head


# ---- tables ---------------------------------------------------------------------------------

class Column:
    def __init__(self, name, kind, role, scope, values, **rest):
        self.name, self.kind, self.role, self.scope, self.values = name, kind, role, scope, values
        self.constant = rest.get("constant", False)
        self.temporality, self.monotonic = rest.get("temporality", 0), rest.get("monotonic", False)
        self.unit, self.help = rest.get("unit", ""), rest.get("help", "")
        self.distinct = rest.get("distinct", True)

    def at(self, row):
        return self.values[0 if self.constant else row]


class Table:
    def __init__(self, signal, row_count):
        self.signal, self.row_count = signal, row_count
        self.columns, self.children = [], []
        self.selected = [True] * row_count

    def of(self, role, scope=ROW):
        return next((column for column in self.columns if column.role == role and column.scope == scope), None)

    def at(self, role, row, scope=ROW):
        column = self.of(role, scope)
        return column.at(row) if column else None

    def describe(self):
        lines = [f"table {self.signal} {self.row_count}"]
        lines += [describe_column(column) for column in self.columns]
        for child in self.children:
            lines += child.describe()
        if not all(self.selected):
            lines.append("select " + "".join("01"[bit] for bit in self.selected))
        return lines + ["end"]


def bits(number):
    return struct.unpack("<Q", struct.pack("<d", number))[0]


def hexadecimal(data):
    return "x" + (data.encode() if isinstance(data, str) else data).hex()


def describe_histogram(kind, head):
    common = f"{bits(head['sum'])}:{bits(head['min'])}:{bits(head['max'])}"
    if kind == EXPLICIT:
        return (f"{head['count']}:{common}:{head['flags']}:" + ",".join(map(str, head["counts"])) + ":" +
                ",".join(str(bits(bound)) for bound in head["bounds"]))
    if kind == EXPONENTIAL:
        buckets = ":".join(f"{offset}:" + ",".join(map(str, counts))
                           for offset, counts in (head["positive"], head["negative"]))
        return (f"{head['count']}:{head['zero_count']}:{common}:{bits(head['zero_threshold'])}:{head['scale']}:"
                f"{head['flags']}:{buckets}")
    return (f"{head['count']}:{bits(head['sum'])}:" +
            ",".join(f"{bits(quantile)},{bits(value)}" for quantile, value in head["pairs"]))


def describe_value(kind, value):
    if value is None:
        return "-"
    if kind in HISTOGRAMS:
        return describe_histogram(kind, value)
    if kind == ANY:
        return hexadecimal(value.SerializeToString())
    if kind in (TEXT, BYTES, ID8, ID16):
        return hexadecimal(value)
    return str(bits(value) if kind == DOUBLE else int(value) % 2**64)


def describe_column(column):
    values = " ".join(describe_value(column.kind, value) for value in column.values)
    return (f"column {hexadecimal(column.name)} {column.kind} {column.role} {column.scope} {column.temporality} "
            f"{int(column.monotonic)} {hexadecimal(column.unit)} {hexadecimal(column.help)} {int(column.distinct)} "
            f"{int(column.constant)} {values}")


# ---- what OTLP makes of them ----------------------------------------------------------------

def any_value(kind, value):
    """An AnyValue, or None."""
    if value is None:
        return None
    if kind == ANY:
        return value
    if kind == TEXT:
        return AnyValue(string_value=value)
    if kind == BYTES:
        return AnyValue(bytes_value=value)
    if kind in (ID8, ID16):
        return AnyValue(string_value=value.hex())
    if kind == DOUBLE:
        return AnyValue(double_value=value)
    if kind == BOOL:
        return AnyValue(bool_value=bool(value))
    return AnyValue(int_value=value - 2**64 if value >= 2**63 else value)


def add_attributes(to, table, row, scope, known):
    """Appends what the row's columns of a scope say that are not `known` by their roles."""
    for column in table.columns:
        value = column.at(row)
        if column.scope != scope or value is None or column.role in known:
            continue
        if column.role == R_ATTRIBUTES:
            to.extend(value.kvlist_value.values)
        elif column.role not in (R_EVENTS, R_CLOCK_OFFSET, R_PARENT_ROW) and column.kind not in HISTOGRAMS:
            to.append(KeyValue(key=column.name, value=any_value(column.kind, value)))


def set_fields(message, table, row, roles, scope=ROW):
    for role, field in roles.items():
        value = table.at(role, row, scope)
        if value is not None:
            setattr(message, field, value)


def threshold(weight, before):
    """None: what is there says as much already."""
    kept = 2**56
    if 0 < len(before) <= 14 and not before.strip("0123456789abcdefABCDEF"):
        kept -= int(before.ljust(14, "0"), 16)
    if weight is None or not weight > 2**56 / kept * (1 + 1e-12):
        return None
    kept = max(1, math.floor(Fraction(1 / weight) * 2**56 + Fraction(1, 2)))
    return f"{2**56 - kept:014x}".rstrip("0") or "0"


def trace_state(weight, before):
    members = [member.strip(" \t") for member in before.split(",")]
    own = next((member[3:] for member in members if member.startswith("ot=")), "")
    parts = own.split(";")
    known = next((part[3:] for part in reversed(parts) if part.startswith("th:")), "")
    digits = threshold(weight, known)
    if digits is None:
        return before
    mine = ["th:" + digits] + [part for part in parts if part and not part.startswith("th:")]
    others = [member for member in members if member and not member.startswith("ot=")]
    return ",".join((["ot=" + ";".join(mine)] + others)[:32])


def make_resource(table, row):
    resource = Resource()
    add_attributes(resource.attributes, table, row, RESOURCE, (R_DROPPED, R_ENTITIES, R_SCHEMA_URL))
    set_fields(resource, table, row, {R_DROPPED: "dropped_attributes_count"}, RESOURCE)
    entities = table.at(R_ENTITIES, row, RESOURCE)
    for entity in entities.array_value.values if entities else ():
        reference = resource.entity_refs.add()
        for pair in entity.kvlist_value.values:
            if pair.value.HasField("string_value"):
                setattr(reference, pair.key, pair.value.string_value)
            else:
                getattr(reference, pair.key).extend(text.string_value for text in pair.value.array_value.values)
    return resource


def make_scope(table, row):
    scope = InstrumentationScope()
    add_attributes(scope.attributes, table, row, SCOPE,
                   (R_DROPPED, R_SCOPE_NAME, R_SCOPE_VERSION, R_SCHEMA_URL))
    set_fields(scope, table, row, {R_DROPPED: "dropped_attributes_count", R_SCOPE_NAME: "name",
                                   R_SCOPE_VERSION: "version"}, SCOPE)
    return scope


LOG_FIELDS = {R_TIME: "time_unix_nano", R_OBSERVED_TIME: "observed_time_unix_nano", R_SEVERITY: "severity_number",
              R_SEVERITY_TEXT: "severity_text", R_DROPPED: "dropped_attributes_count", R_FLAGS: "flags",
              R_TRACE_ID: "trace_id", R_SPAN_ID: "span_id", R_EVENT_NAME: "event_name"}


def make_log(table, row):
    record = LogRecord()
    set_fields(record, table, row, LOG_FIELDS)
    body = table.of(R_BODY)
    if body and body.at(row) is not None:
        record.body.CopyFrom(any_value(body.kind, body.at(row)))
    weight = table.at(R_WEIGHT, row)
    before = next((column for column in table.columns if column.name == "sampling.threshold" and column.kind == TEXT and
                   column.role == ATTRIBUTE and column.scope == ROW), None)
    known = tuple(LOG_FIELDS) + (R_BODY, R_WEIGHT)
    add_attributes(record.attributes, table, row, ROW, known)
    if before and table.of(R_WEIGHT):           # it comes last then
        kept = [pair for pair in record.attributes if pair.key != before.name]
        del record.attributes[:]
        record.attributes.extend(kept)
        digits = threshold(weight, before.at(row) or "")
        if before.at(row) is not None and digits is None:
            record.attributes.add(key=before.name).value.string_value = before.at(row)
    else:
        digits = threshold(weight, "")
    if digits is not None:
        record.attributes.add(key="sampling.threshold").value.string_value = digits
    return record


SPAN_FIELDS = {R_TRACE_ID: "trace_id", R_SPAN_ID: "span_id", R_PARENT_SPAN_ID: "parent_span_id", R_FLAGS: "flags",
               R_SPAN_NAME: "name", R_SPAN_KIND: "kind", R_DROPPED: "dropped_attributes_count",
               R_DROPPED_EVENTS: "dropped_events_count", R_DROPPED_LINKS: "dropped_links_count"}
EVENT_FIELDS = {R_TIME: "time_unix_nano", R_EVENT_NAME: "name", R_DROPPED: "dropped_attributes_count"}
LINK_FIELDS = {R_TRACE_ID: "trace_id", R_SPAN_ID: "span_id", R_TRACE_STATE: "trace_state", R_FLAGS: "flags",
               R_DROPPED: "dropped_attributes_count"}


def set_times(span, table, row):
    start, end = table.at(R_START_TIME, row), table.at(R_END_TIME, row)
    duration, time = table.at(R_DURATION, row), table.at(R_TIME, row)
    if end is None and start is not None and duration is not None:
        end = start + duration
    if end is None:
        end = time
    if start is None and end is not None and duration is not None:
        start = end - duration
    if start is None:
        start = time
    span.start_time_unix_nano = (start or 0) % 2**64
    span.end_time_unix_nano = (end or 0) % 2**64


def make_span(table, row):
    span = Span()
    set_fields(span, table, row, SPAN_FIELDS)
    set_times(span, table, row)
    span.trace_state = trace_state(table.at(R_WEIGHT, row), table.at(R_TRACE_STATE, row) or "")
    code, message = table.at(R_STATUS_CODE, row), table.at(R_STATUS_MESSAGE, row)
    if code is not None or message is not None:
        span.status.SetInParent()
        span.status.code = code or 0
        span.status.message = message or ""
    known = tuple(SPAN_FIELDS) + (R_TRACE_STATE, R_STATUS_CODE, R_STATUS_MESSAGE, R_START_TIME, R_END_TIME, R_TIME,
                                  R_DURATION, R_WEIGHT)
    add_attributes(span.attributes, table, row, ROW, known)
    for child in table.children:
        for child_row in range(child.row_count):
            if child.at(R_PARENT_ROW, child_row) != row:
                continue
            fields = EVENT_FIELDS if child.signal == SPAN_EVENT else LINK_FIELDS
            message = (span.events if child.signal == SPAN_EVENT else span.links).add()
            set_fields(message, child, child_row, fields)
            add_attributes(message.attributes, child, child_row, ROW, fields)
    return span


def scaled(count, weight):
    return count if weight == 1 else min(int(float(count) * weight + 0.5), 2**64 - 1)


def set_number(point, kind, value, weight):
    if kind == DOUBLE:
        point.as_double = value if weight == 1 else value * weight
        return
    if weight != 1:
        wide = float(value) * weight
        value = math.ceil(wide - 0.5) if wide < 0 else math.floor(wide + 0.5)
    if -2**63 <= value < 2**63:
        point.as_int = value
    else:
        point.as_double = float(value)


def set_histogram(point, kind, head, weight):
    point.count = scaled(head["count"], weight)
    total = head["sum"] if weight == 1 else head["sum"] * weight
    if kind == QUANTILES:
        point.sum = total
        for quantile, value in head["pairs"]:
            point.quantile_values.add(quantile=quantile, value=value)
        return
    if head["flags"] & 1:
        point.sum = total
    if head["flags"] & 2:
        point.min = head["min"]
    if head["flags"] & 4:
        point.max = head["max"]
    if kind == EXPLICIT:
        point.bucket_counts.extend(scaled(count, weight) for count in head["counts"])
        point.explicit_bounds.extend(head["bounds"])
        return
    point.zero_count, point.scale = scaled(head["zero_count"], weight), head["scale"]
    point.zero_threshold = head["zero_threshold"]
    for sign in ("positive", "negative"):
        offset, counts = head[sign]
        if offset or counts:
            buckets = getattr(point, sign)
            buckets.offset = offset
            buckets.bucket_counts.extend(scaled(count, weight) for count in counts)


POINT_FIELDS = {R_TIME: "time_unix_nano", R_START_TIME: "start_time_unix_nano", R_FLAGS: "flags"}
EXEMPLAR_FIELDS = {R_TIME: "time_unix_nano", R_SPAN_ID: "span_id", R_TRACE_ID: "trace_id"}
MEASURES = (R_SUM, R_GAUGE, R_HISTOGRAM, R_METRIC, R_VALUE)


def add_exemplars(point, table, row, measure):
    for child in table.children:
        for child_row in range(child.row_count):
            named = child.at(R_METRIC, child_row)
            first = next(column for column in table.columns if column.role in MEASURES)
            if child.at(R_PARENT_ROW, child_row) != row or (measure and (named or first.name) != measure.name):
                continue
            exemplar = point.exemplars.add()
            set_fields(exemplar, child, child_row, EXEMPLAR_FIELDS)
            for column in child.columns:
                if column.role == R_VALUE and column.at(child_row) is not None:
                    setattr(exemplar, "as_double" if column.kind == DOUBLE else "as_int", column.at(child_row))
            add_attributes(exemplar.filtered_attributes, child, child_row, ROW,
                           tuple(EXEMPLAR_FIELDS) + (R_VALUE, R_METRIC))


def add_point(points, table, row, column, measure, is_scaled):
    """`measure` is the column of a wide row, whose name its exemplars say."""
    point = points.add()
    weight = table.at(R_WEIGHT, row)
    weight = 1 if weight is None or not is_scaled else weight
    set_fields(point, table, row, POINT_FIELDS)
    add_attributes(point.attributes, table, row, ROW, tuple(POINT_FIELDS) + MEASURES + (R_WEIGHT,))
    if column and column.kind in HISTOGRAMS:
        set_histogram(point, column.kind, column.at(row), weight)
    elif column:
        set_number(point, column.kind, column.at(row), weight)
    if hasattr(point, "exemplars"):
        add_exemplars(point, table, row, measure)


DATA = {EXPONENTIAL: "exponential_histogram", EXPLICIT: "histogram", QUANTILES: "summary"}


def make_wide_metrics(table, rows):
    metrics = []
    for column in table.columns:
        if column.role not in MEASURES:
            continue
        metric = Metric(name=column.name, unit=column.unit, description=column.help)
        name = DATA.get(column.kind, "sum" if column.role == R_SUM else "gauge")
        data = getattr(metric, name)
        if name in ("sum", "histogram", "exponential_histogram"):
            data.aggregation_temporality = column.temporality
        if name == "sum":
            data.is_monotonic = column.monotonic
        for row in rows:
            if column.at(row) is not None:
                add_point(data.data_points, table, row, column, column, name != "gauge")
        if data.data_points:
            metrics.append(metric)
    order = ["sum", "gauge", "histogram", "exponential_histogram", "summary"]   # numbers come first
    return sorted(metrics, key=lambda metric: max(1, order.index(metric.WhichOneof("data"))))


def make_long_metrics(table, rows):
    metrics = {}
    for row in rows:
        encoded = table.at(R_METRIC, row)
        metric = metrics.setdefault(encoded, Metric.FromString(encoded))
        name = metric.WhichOneof("data")
        columns = [column for column in table.columns if column.role == R_VALUE and column.at(row) is not None]
        column = columns[0] if columns else None
        add_point(getattr(metric, name).data_points, table, row, column, None, name != "gauge")
    return list(metrics.values())


REQUESTS = {LOG: (ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
            SPAN: (ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
            METRIC: (ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics")}


def make_items(table, rows):
    if table.signal == METRIC:
        return (make_long_metrics if table.of(R_METRIC) else make_wide_metrics)(table, rows)
    return [(make_log if table.signal == LOG else make_span)(table, row) for row in rows]


def make_request(table, first, end):
    kind, resources, scopes, items = REQUESTS[table.signal]
    groups = {}
    for row in range(first, min(end, table.row_count)):
        if table.selected[row]:
            resource = tuple(describe_value(c.kind, c.at(row)) for c in table.columns if c.scope == RESOURCE)
            scope = tuple(describe_value(c.kind, c.at(row)) for c in table.columns if c.scope == SCOPE)
            groups.setdefault(resource, {}).setdefault(scope, []).append(row)
    request = kind()
    for by_scope in groups.values():
        resource_items = getattr(request, resources).add()
        for rows in by_scope.values():
            made = make_items(table, rows)
            if not made:
                continue
            if not getattr(resource_items, scopes):
                resource = make_resource(table, rows[0])
                if resource.ByteSize():
                    resource_items.resource.CopyFrom(resource)
                resource_items.schema_url = table.at(R_SCHEMA_URL, rows[0], RESOURCE) or ""
            scope_items = getattr(resource_items, scopes).add()
            scope = make_scope(table, rows[0])
            if scope.ByteSize():
                scope_items.scope.CopyFrom(scope)
            scope_items.schema_url = table.at(R_SCHEMA_URL, rows[0], SCOPE) or ""
            getattr(scope_items, items).extend(made)
        if not getattr(resource_items, scopes):
            del getattr(request, resources)[-1]
    return request


# ---- random tables --------------------------------------------------------------------------

class Maker:
    def __init__(self, chance):
        self.chance = chance

    def column(self, table, name, kind, role, scope=ROW, **rest):
        """A column of random values, some null, some alike; `bounds` of integers, `make` for others."""
        chance, rest = self.chance, dict(rest)
        bounds, make = rest.pop("bounds", None), rest.pop("make", lambda: chance.value(kind, bounds))
        nulls = rest.pop("nulls", chance.choice([0, 0, 0.3]))
        few = [make() for _ in range(chance.choice([1, 3]))] if scope != ROW or chance.yes(0.3) else None
        constant = chance.yes(0.25) and rest.pop("can_be_constant", True)
        rest.pop("can_be_constant", None)
        values = [None if chance.yes(nulls) else chance.choice(few) if few else make()
                  for _ in range(1 if constant else table.row_count)]
        if constant and values[0] is None:
            values = [make()]
        table.columns.append(Column(name, kind, role, scope, values, constant=constant, distinct=chance.yes(0.6),
                                    **rest))

    def maybe(self, table, share, *arguments, **rest):
        if self.chance.yes(share):
            self.column(table, *arguments, **rest)

    def attributes(self, table, scope=ROW):
        chance = self.chance
        for number in range(chance.randrange(7)):
            name = chance.choice([f"key.{number}", f"a.much.longer.key.of.an.attribute.{number}", f"k{number}" * 30,
                                  f"{number}" * chance.randrange(40, 64)])
            self.column(table, name, chance.choice(ATTRIBUTE_TYPES), ATTRIBUTE, scope)
        self.maybe(table, 0.05, "", TEXT, ATTRIBUTE, scope)
        self.maybe(table, 0.3, "rest", ANY, R_ATTRIBUTES, scope, make=chance.map)

    def count(self, table, share, name, role, scope=ROW):
        self.maybe(table, share, name, self.chance.choice(INTEGERS), role, scope, bounds=(0, 2**32 - 1))

    def origin(self, table):
        for scope in (RESOURCE, SCOPE):
            if self.chance.yes(0.6):
                self.attributes(table, scope)
            self.count(table, 0.2, "dropped", R_DROPPED, scope)
            self.maybe(table, 0.2, "schema", TEXT, R_SCHEMA_URL, scope)
        self.maybe(table, 0.2, "entities", ANY, R_ENTITIES, RESOURCE, make=self.chance.entities)
        self.maybe(table, 0.5, "scope", TEXT, R_SCOPE_NAME, SCOPE)
        self.maybe(table, 0.3, "version", TEXT, R_SCOPE_VERSION, SCOPE)

    def weight(self, table):
        self.maybe(table, 0.3, "weight", self.chance.choice([U32, U64, DOUBLE]), R_WEIGHT,
                   make=lambda: self.chance.choice([0, 1, 2, 3, 10, 16, 100]))

    def state(self):
        chance = self.chance
        members = ["ot=" + chance.choice(["th:8", "rv:abcdefabcdefab", "th:c;rv:1", "x:1;th:fff8", "th:zz", ""]),
                   "vendor=1", "other@x=a b"] + [f"k{number}=v" for number in range(chance.choice([0, 0, 40]))]
        return ",".join(chance.sample(members, chance.randrange(len(members) + 1)))

    def child(self, table, signal):
        child = Table(signal, self.chance.randrange(2 * table.row_count + 1))
        parents = sorted(self.chance.randrange(table.row_count) for _ in range(child.row_count))
        child.columns.append(Column("parent", U32, R_PARENT_ROW, ROW, parents))
        self.attributes(child)
        table.children.append(child)
        return child

    def logs(self, table):
        self.maybe(table, 0.8, "time", TIME, R_TIME)
        self.maybe(table, 0.5, "observed", TIME, R_OBSERVED_TIME)
        self.maybe(table, 0.5, "severity", self.chance.choice(INTEGERS), R_SEVERITY, bounds=(-2**31, 2**31 - 1))
        self.maybe(table, 0.5, "severity", TEXT, R_SEVERITY_TEXT)
        self.maybe(table, 0.7, "body", self.chance.choice([TEXT, ANY]), R_BODY)
        self.maybe(table, 0.3, "trace", ID16, R_TRACE_ID)
        self.maybe(table, 0.3, "span", ID8, R_SPAN_ID)
        self.maybe(table, 0.3, "event", TEXT, R_EVENT_NAME)
        self.maybe(table, 0.2, "took", self.chance.choice([DURATION, U64]), R_DURATION)
        self.maybe(table, 0.2, "path", TEXT, R_SPAN_NAME)           # of no field of logs: an attribute
        self.maybe(table, 0.1, "events", U64, R_EVENTS)
        self.maybe(table, 0.1, "offset", DURATION, R_CLOCK_OFFSET)
        self.maybe(table, 0.2, "sampling.threshold", TEXT, ATTRIBUTE,
                   make=lambda: self.chance.choice(["8", "fff", "x", ""]))
        self.count(table, 0.3, "dropped", R_DROPPED)
        self.count(table, 0.3, "flags", R_FLAGS)
        self.weight(table)

    def spans(self, table):
        self.maybe(table, 0.8, "trace", ID16, R_TRACE_ID)
        self.maybe(table, 0.8, "span", ID8, R_SPAN_ID)
        self.maybe(table, 0.6, "parent", ID8, R_PARENT_SPAN_ID)
        self.maybe(table, 0.5, "state", TEXT, R_TRACE_STATE, make=self.state)
        self.maybe(table, 0.9, "name", TEXT, R_SPAN_NAME)
        self.maybe(table, 0.7, "kind", self.chance.choice(INTEGERS), R_SPAN_KIND, bounds=(-2**31, 2**31 - 1))
        for share, name, role in ((0.8, "start", R_START_TIME), (0.8, "end", R_END_TIME), (0.2, "time", R_TIME)):
            self.maybe(table, share, name, TIME, role)
        self.maybe(table, 0.3, "took", DURATION, R_DURATION)
        self.maybe(table, 0.5, "code", self.chance.choice(INTEGERS), R_STATUS_CODE, bounds=(-2**31, 2**31 - 1))
        self.maybe(table, 0.5, "message", TEXT, R_STATUS_MESSAGE)
        for name, role in (("dropped", R_DROPPED), ("events", R_DROPPED_EVENTS), ("links", R_DROPPED_LINKS),
                           ("flags", R_FLAGS)):
            self.count(table, 0.3, name, role)
        self.weight(table)
        if self.chance.yes(0.5):
            events = self.child(table, SPAN_EVENT)
            self.maybe(events, 0.8, "time", TIME, R_TIME)
            self.maybe(events, 0.8, "name", TEXT, R_EVENT_NAME)
            self.count(events, 0.3, "dropped", R_DROPPED)
        if self.chance.yes(0.5):
            links = self.child(table, SPAN_LINK)
            self.maybe(links, 0.9, "trace", ID16, R_TRACE_ID)
            self.maybe(links, 0.9, "span", ID8, R_SPAN_ID)
            self.maybe(links, 0.5, "state", TEXT, R_TRACE_STATE)
            self.count(links, 0.3, "dropped", R_DROPPED)
            self.count(links, 0.3, "flags", R_FLAGS)

    def exemplars(self, table, names):
        exemplars = self.child(table, EXEMPLAR)
        self.maybe(exemplars, 0.8, "time", TIME, R_TIME)
        self.maybe(exemplars, 0.5, "trace", ID16, R_TRACE_ID)
        self.maybe(exemplars, 0.5, "span", ID8, R_SPAN_ID)
        integers = [self.chance.integer(-2**63, 2**63 - 1) for _ in range(exemplars.row_count)]
        doubles = [self.chance.double() if self.chance.yes(0.5) else None for _ in range(exemplars.row_count)]
        exemplars.columns.append(Column("double", DOUBLE, R_VALUE, ROW, doubles))
        exemplars.columns.append(Column("integer", I64, R_VALUE, ROW,
                                        [None if double is not None else integer
                                         for double, integer in zip(doubles, integers)]))
        if names:
            self.maybe(exemplars, 0.9, "measure", TEXT, R_METRIC, make=lambda: self.chance.choice(names))

    def points(self, table):
        self.maybe(table, 0.8, "time", TIME, R_TIME)
        self.maybe(table, 0.8, "start", TIME, R_START_TIME)
        self.count(table, 0.3, "flags", R_FLAGS)
        self.weight(table)

    def wide(self, table):
        chance = self.chance
        self.points(table)
        for number in range(chance.randrange(1, 6)):
            role = chance.choice([R_SUM, R_GAUGE, R_HISTOGRAM])
            kind = chance.choice(HISTOGRAMS if role == R_HISTOGRAM else INTEGERS + (DOUBLE, DURATION))
            self.column(table, f"measure.{number}", kind, role, temporality=chance.randrange(1, 3),
                        monotonic=role == R_SUM and chance.yes(0.5), unit=chance.choice(["", "By", "{call}"]),
                        help=chance.choice(["", "how much"]), can_be_constant=kind not in HISTOGRAMS)
        names = [column.name for column in table.columns if column.role in MEASURES] + ["no such measure"]
        if chance.yes(0.5):
            self.exemplars(table, names)

    def metric(self, number):
        chance = self.chance
        metric = Metric(name=f"metric.{number}", unit=chance.choice(["", "s"]), description=chance.text(10))
        name = chance.choice(["gauge", "sum", "histogram", "exponential_histogram", "summary"])
        data = getattr(metric, name)
        data.SetInParent()
        if name in ("sum", "histogram", "exponential_histogram"):
            data.aggregation_temporality = chance.choice([0, 1, 2, 9, -7])
        if name == "sum":
            data.is_monotonic = chance.yes(0.5)
        for _ in range(chance.choice([0, 0, 2])):
            metric.metadata.add(key=chance.text(5)).value.CopyFrom(chance.any(1))
        return metric

    def long(self, table):
        chance = self.chance
        self.points(table)
        metrics = [self.metric(number) for number in range(chance.randrange(1, 6))]
        which = [chance.choice(metrics) for _ in range(table.row_count)]
        table.columns.append(Column("metric", BYTES, R_METRIC, ROW, [metric.SerializeToString() for metric in which],
                                    distinct=chance.yes(0.5)))
        kinds = {"histogram": [EXPLICIT], "exponential_histogram": [EXPONENTIAL], "summary": [QUANTILES]}
        takes = [chance.choice(kinds.get(metric.WhichOneof("data"), [I64, DOUBLE, None])) for metric in which]
        for kind in (I64, DOUBLE, *HISTOGRAMS):
            values = [chance.value(kind) if taken == kind else None for taken in takes]
            if any(value is not None for value in values):
                table.columns.append(Column(f"value.{kind}", kind, R_VALUE, ROW, values))
        if chance.yes(0.5):
            self.exemplars(table, None)

    def table(self):
        chance = self.chance
        signal, fill = chance.choice([(LOG, self.logs), (SPAN, self.spans), (METRIC, self.wide), (METRIC, self.long)])
        table = Table(signal, chance.choice([1, 2, 7, 40, 40, 150]))
        self.origin(table)
        fill(table)
        self.attributes(table)
        chance.shuffle(table.columns)
        if chance.yes(0.3):
            table.selected = [chance.yes(0.7) for _ in range(table.row_count)]
        return table


# ---- comparing ------------------------------------------------------------------------------

def forget_random_ids(request, wanted):
    """Spans without ids of their own must have got some."""
    spans = [[span for resource in message.resource_spans for scope in resource.scope_spans for span in scope.spans]
             for message in (request, wanted)]
    for span, model in zip(*spans):
        for name, length in (("trace_id", 16), ("span_id", 8)):
            if not getattr(model, name):
                assert len(getattr(span, name)) == length and any(getattr(span, name)), f"{name} is not valid"
                setattr(span, name, b"")


def sort_attributes(message):
    """Their order is not kept."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.name in ("attributes", "filtered_attributes"):
            pairs = sorted(value, key=lambda pair: pair.SerializeToString(deterministic=True))
            message.ClearField(field.name)
            getattr(message, field.name).extend(pairs)
        elif field.message_type.name not in ("AnyValue", "KeyValue"):
            for item in value if hasattr(value, "extend") else [value]:
                sort_attributes(item)


def count_items(request):
    count = 0
    for resource in getattr(request, request.DESCRIPTOR.fields[0].name):
        for scope in getattr(resource, resource.DESCRIPTOR.fields[1].name):
            for item in getattr(scope, scope.DESCRIPTOR.fields[1].name):
                count += len(getattr(item, item.WhichOneof("data")).data_points) if isinstance(item, Metric) else 1
    return count


def check(table, first, end, answer):
    data, item_count, left_out_count = answer.split() if answer[0] != " " else ["", *answer.split()]
    kind = REQUESTS[table.signal][0]
    data = bytes.fromhex(data)
    request, wanted = kind.FromString(data), make_request(table, first, end)
    assert len(request.SerializeToString()) == len(data), "some number takes more bytes than it needs"
    assert int(item_count) == count_items(wanted), f"{item_count} items instead of {count_items(wanted)}"
    assert int(left_out_count) == 0, "rows are left out"
    if table.signal == SPAN:
        forget_random_ids(request, wanted)
    sort_attributes(request)
    sort_attributes(wanted)
    if request.SerializeToString(deterministic=True) != wanted.SerializeToString(deterministic=True):
        ours, model = str(request).splitlines(), str(wanted).splitlines()
        at = next((i for i, (left, right) in enumerate(zip(ours, model)) if left != right), min(len(ours), len(model)))
        raise AssertionError("\n".join(["ours:", *ours[max(0, at - 8):at + 4], "wanted:",
                                        *model[max(0, at - 8):at + 4]]))


def main(program, seed, count):
    tables = [Maker(Chance(seed + number)).table() for number in range(count)]
    ranges = [(0, table.row_count) if number % 3 else (table.row_count // 3, table.row_count + 5)
              for number, table in enumerate(tables)]
    lines = [line for table, (first, end) in zip(tables, ranges)
             for line in table.describe() + [f"encode {first} {end}", "print"]]
    made = subprocess.run([program], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True, check=True)
    answers = made.stdout.splitlines()
    assert len(answers) == count
    for number, (table, (first, end), answer) in enumerate(zip(tables, ranges, answers)):
        try:
            check(table, first, end, answer)
        except AssertionError as problem:
            sys.exit(f"seed {seed + number}, signal {table.signal}: {problem}")
    print(f"{count} tables")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
