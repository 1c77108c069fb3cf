# SPDX-License-Identifier: Apache-2.0
"""Compares OTLP that was sent with OTLP that arrived, item by item and field by field, by the official classes.

compare.py SENT… -- RECEIVED…: a SENT is what a client printed; a RECEIVED is as the Collector's file exporter writes it:
NAME.json with a line of OTLP/JSON a request, or traces.proto, logs.proto or metrics.proto with the length of each
request before it (the JSON does not know -0.0 from 0.0). Prints JSON: of spans, logs and points how many were sent and
received, the first of those that are missing on either side, and what is in those that were sent. What OTLP leaves open
is put into one form first: the order of attributes, how items are spread over requests, resources and scopes, and
messages that are there but empty.
"""

import base64
import collections
import json
import os
import struct
import sys

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

REQUESTS = {"traces": ExportTraceServiceRequest, "logs": ExportLogsServiceRequest,
            "metrics": ExportMetricsServiceRequest}
SIGNAL_OF = {"resourceSpans": "traces", "resourceLogs": "logs", "resourceMetrics": "metrics"}
NAMES = {"traces": "spans", "logs": "logs", "metrics": "points"}
IDS = ("traceId", "spanId", "parentSpanId")
SHOWN = 5


def ids_recode(node):
    """OTLP/JSON has ids in hex where protobuf's own JSON has base64. Attributes never stand as members of a node."""
    if isinstance(node, list):
        return [ids_recode(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {name: base64.b64encode(bytes.fromhex(value)).decode() if name in IDS else ids_recode(value)
            for name, value in node.items()}


def request_of_json(line):
    document = json.loads(line)
    found = [SIGNAL_OF[name] for name in document if name in SIGNAL_OF]
    if len(found) != 1:
        raise SystemExit(f"not a request of one signal: {line[:200]}")
    request = REQUESTS[found[0]]()
    json_format.ParseDict(ids_recode(document), request)
    return found[0], request


def requests_of(path):
    """(signal, request) of each in a file."""
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".json"):
        yield from map(request_of_json, data.decode().splitlines())
        return
    kind = os.path.basename(path).removesuffix(".proto")
    at = 0
    while at < len(data):
        length, = struct.unpack_from(">I", data, at)
        request = REQUESTS[kind]()
        request.ParseFromString(data[at + 4:at + 4 + length])
        yield kind, request
        at += 4 + length


def plain(message):
    """A message as nested dicts and lists in one form. Whether a field was set counts only where OTLP says so."""
    fields = {}
    for field, value in message.ListFields():
        if field.message_type is None:
            fields[field.name] = [exact(one) for one in value] if is_repeated(field) else exact(value)
        elif is_repeated(field):
            fields[field.name] = [plain(one) for one in value]
        else:
            fields[field.name] = plain(value)
    for name in ("attributes", "filtered_attributes", "metadata"):
        if name in fields:
            fields[name].sort(key=canonical)
    if message.DESCRIPTOR.name == "KeyValueList" and "values" in fields:
        fields["values"].sort(key=canonical)
    for name in ("resource", "scope", "positive", "negative", "value", "body"):
        if fields.get(name) == {}:      # the Collector has a body for every record
            del fields[name]
    return fields


def is_repeated(field):
    return field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED


def exact(value):
    """Doubles by their digits, as otherwise -0.0 equals 0.0 and NaN not itself; bytes in hex."""
    return float.hex(value) if isinstance(value, float) else value.hex() if isinstance(value, bytes) else value


def canonical(node):
    return json.dumps(node, sort_keys=True, ensure_ascii=True)


def without(message, *names):
    return {name: value for name, value in plain(message).items() if name not in names}


def points_of(metric):
    """Each data point with all that the metric says about itself."""
    kind = metric.WhichOneof("data")
    if not kind:
        return
    data = getattr(metric, kind)
    head = {**without(metric, kind), "kind": kind, **without(data, "data_points")}
    for point in data.data_points:
        yield {"metric": head, "point": plain(point)}


def items_of(kind, request):
    """Each item with its resource and scope, as one text."""
    for resource in getattr(request, f"resource_{'spans' if kind == 'traces' else kind}"):
        for scope in getattr(resource, f"scope_{'spans' if kind == 'traces' else kind}"):
            around = {"resource": plain(resource.resource), "resource_schema": resource.schema_url,
                      "scope": plain(scope.scope), "scope_schema": scope.schema_url}
            if kind == "metrics":
                found = [point for metric in scope.metrics for point in points_of(metric)]
            else:
                found = [{"item": plain(item)} for item in (scope.spans if kind == "traces" else scope.log_records)]
            for item in found:
                yield canonical({**item, **around})


def contents_of(name, items):
    """What the items hold, for who wants to be sure that there was something to compare."""
    nodes = [json.loads(item) for item in items]
    if name == "spans":
        return {member: sum(len(node["item"].get(member, [])) for node in nodes) for member in ("events", "links")}
    if name == "points":
        return {"exemplars": sum(len(node["point"].get("exemplars", [])) for node in nodes),
                "kinds": sorted({node["metric"]["kind"] for node in nodes})}
    return {}


def main():
    split = sys.argv.index("--")
    items = {side: collections.defaultdict(collections.Counter) for side in ("sent", "received")}
    for path in sys.argv[1:split]:
        with open(path) as file:
            sent = json.loads(file.read().splitlines()[-1])
        for request in sent["requests"]:
            message = REQUESTS[request["signal"]]()
            message.ParseFromString(base64.b64decode(request["protobuf"]))
            items["sent"][NAMES[request["signal"]]].update(items_of(request["signal"], message))
    for path in sys.argv[split + 1:]:
        for kind, message in requests_of(path):
            items["received"][NAMES[kind]].update(items_of(kind, message))
    result = {}
    for name in NAMES.values():
        sent, received = items["sent"][name], items["received"][name]
        result[name] = {"sent": sent.total(), "received": received.total(),
                        "missing": list((sent - received).elements())[:SHOWN],
                        "unexpected": list((received - sent).elements())[:SHOWN], **contents_of(name, sent)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
