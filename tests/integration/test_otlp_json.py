# SPDX-License-Identifier: Apache-2.0
"""OTLP's JSON and protobuf made into each other, against the official classes and their JSON."""

import json
import os
import random
import subprocess

import pytest
from official_classes import official       # noqa: F401  pylint: disable=unused-import

BUILD = os.environ.get("SONDE_BUILD", "build")
TRANSCODE = os.path.join(BUILD, "tests/unit/transcode_otlp")

# Runs under a python that has opentelemetry-proto. Fills messages of every kind at random, by what the classes say of
# themselves, and prints "MESSAGE hex PROTOBUF", "MESSAGE json TEXT" and, as the third, how the text was written.
# Ids are base64 in protobuf's JSON and hex in OTLP's.
MAKE = """
import base64, json, random, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import *
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import *
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import *

chance = random.Random(int(sys.argv[1]))
KINDS = [ExportLogsServiceRequest, ExportTraceServiceRequest, ExportMetricsServiceRequest,
         ExportLogsServiceResponse, ExportTraceServiceResponse, ExportMetricsServiceResponse]
RANGES = {3: (-2**63, 2**63 - 1), 16: (-2**63, 2**63 - 1), 4: (0, 2**64 - 1), 6: (0, 2**64 - 1),
          5: (-2**31, 2**31 - 1), 17: (-2**31, 2**31 - 1), 13: (0, 2**32 - 1), 7: (0, 2**32 - 1), 14: (-2, 30)}
DOUBLES = [0.0, -0.0, 1.5, -1e300, 5e-324, 1e20, 2.0**63, float("inf"), float("-inf"), float("nan"), 0.1]

def text():
    return "".join(chance.choice("ab/\\u00e4\\u20ac\\U0001f600 \\0\\n\\"\\\\\\x7f") for _ in range(chance.randrange(12)))

def scalar(field):
    if field.type == 1: return chance.choice(DOUBLES + [chance.uniform(-1e9, 1e9)])
    if field.type == 8: return chance.random() < 0.5
    if field.type == 9: return text()
    if field.type == 12: return chance.randbytes(chance.choice([0, 1, 7, 8, 16, 16, 40]))
    low, high = RANGES[field.type]
    return chance.choice([0, 1, low, high, high - 1, chance.randint(low, high)])

def fill(message, depth):
    chosen = {oneof.name: chance.choice(oneof.fields) for oneof in message.DESCRIPTOR.oneofs}
    for field in message.DESCRIPTOR.fields:
        if field.containing_oneof and chosen[field.containing_oneof.name] is not field:
            continue
        if chance.random() < 0.2 or (field.message_type and depth > 16):
            continue
        several = isinstance(getattr(message, field.name), (list, tuple)) or hasattr(getattr(message, field.name), "append")
        if field.message_type:
            for _ in range(chance.choice([0, 1, 1, 2]) if several else 1):
                child = getattr(message, field.name)
                child = child.add() if several else child
                child.SetInParent()
                fill(child, depth + 1)
        elif several:
            getattr(message, field.name).extend(scalar(field) for _ in range(chance.randrange(5)))
        else:
            setattr(message, field.name, scalar(field))

IDS = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")

def as_otlp(value, numbers):
    if isinstance(value, list):
        return [as_otlp(item, numbers) for item in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, item in value.items():
        if key in IDS:
            item = base64.b64decode(item).hex()
            item = item.upper() if numbers else item
        elif numbers and isinstance(item, str) and key not in TEXTS and item.lstrip("-").isdigit():
            item = int(item)
        made[key] = as_otlp(item, numbers)
    return made

TEXTS = ("stringValue", "key", "bytesValue", "schemaUrl", "schema_url", "name", "version", "type", "severityText",
         "eventName", "traceState", "description", "unit", "message", "errorMessage", "string_value", "bytes_value",
         "severity_text", "event_name", "trace_state", "error_message")

for turn in range(400):
    place = turn % len(KINDS)
    message = KINDS[place]()
    while True:
        message.Clear()
        fill(message, 1)
        if message.ByteSize() < 60000:
            break
    plain = as_otlp(json_format.MessageToDict(message, use_integers_for_enums=True), False)
    print(place, "hex", message.SerializeToString(deterministic=True).hex())
    print(place, "json", json.dumps(plain))
    other = json_format.MessageToDict(message, preserving_proto_field_name=turn % 2 == 0)
    print(place, "json", json.dumps(as_otlp(other, True), ensure_ascii=turn % 3 == 0))
"""

# What json_format says of a document: "hex PROTOBUF" or "refused".
JUDGE = """
import json, sys
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest as Logs
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest as Metrics

for line in sys.stdin:
    place, text = line.rstrip("\\n").split(" json ", 1)
    try:
        message = json_format.Parse(text, {"0": Logs, "2": Metrics}[place](), ignore_unknown_fields=True)
        print("hex", message.SerializeToString(deterministic=True).hex())
    except json_format.ParseError:
        print("refused")
"""


def transcode(lines):
    text = "".join(line + "\n" for line in lines)
    done = subprocess.run([TRANSCODE], input=text.encode(), stdout=subprocess.PIPE, timeout=60, check=True)
    made = done.stdout.decode().splitlines()
    assert len(made) == len(lines)
    return made


def test_random_messages_of_every_signal_are_those_of_the_official_classes_both_ways(official):
    seed = random.randrange(1 << 30)
    made = subprocess.run([official, "-c", MAKE, str(seed)], stdout=subprocess.PIPE, timeout=240, check=True)
    lines = made.stdout.decode().split("\n")[:-1]
    assert len(lines) == 1200
    ours = transcode(lines)
    for place in range(0, len(lines), 3):
        protobuf, plain, _ = (line.split(" ", 2)[2] for line in lines[place:place + 3])
        kind, _, text = ours[place].partition(" ")
        assert kind == "json", f"seed {seed}: {lines[place]}: {ours[place]}"
        assert json.loads(text) == json.loads(plain), f"seed {seed}: {lines[place]}"
        assert ours[place + 1] == "hex " + protobuf, f"seed {seed}: {lines[place + 1]}"
        assert ours[place + 2] == "hex " + protobuf, f"seed {seed}: {lines[place + 2]}"


def test_what_is_made_goes_back_to_the_same_bytes(official):
    seed = random.randrange(1 << 30)
    made = subprocess.run([official, "-c", MAKE, str(seed)], stdout=subprocess.PIPE, timeout=240, check=True)
    lines = [line for line in made.stdout.decode().split("\n") if " hex " in line]
    texts = transcode(lines)
    again = transcode([line.split(" ", 1)[0] + " " + text for line, text in zip(lines, texts)])
    for line, text in zip(lines, again):
        assert line.split(" ", 1)[1] == text, f"seed {seed}: {line}"


def log(member):
    return '0 json {"resourceLogs":[{"scopeLogs":[{"logRecords":[{' + member + '}]}]}]}'


def point(member):
    return ('2 json {"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{' + member +
            '}]}}]}]}]}')


AGREED = [
    log('"timeUnixNano":"18446744073709551615"'), log('"timeUnixNano":18446744073709551615'),
    log('"timeUnixNano":18446744073709551616'), log('"timeUnixNano":"18446744073709551616"'),
    log('"timeUnixNano":-1'), log('"timeUnixNano":"x"'), log('"timeUnixNano":""'), log('"timeUnixNano":1.5'),
    log('"timeUnixNano":1e3'), log('"timeUnixNano":7.0'), log('"timeUnixNano":true'), log('"timeUnixNano":null'),
    log('"body":{"intValue":"9223372036854775807"}'), log('"body":{"intValue":9223372036854775807}'),
    log('"body":{"intValue":-9223372036854775808}'), log('"body":{"intValue":"-9223372036854775808"}'),
    log('"body":{"intValue":9223372036854775808}'), log('"body":{"intValue":-9223372036854775809}'),
    log('"body":{"intValue":0}'), log('"body":{"boolValue":false}'), log('"body":{"boolValue":"true"}'),
    log('"body":{"boolValue":1}'), log('"body":{"stringValue":""}'), log('"body":{"stringValue":7}'),
    log('"body":{"doubleValue":"NaN"}'), log('"body":{"doubleValue":"Infinity"}'), log('"body":{"doubleValue":"x"}'),
    log('"body":{"doubleValue":"-Infinity"}'), log('"body":{"doubleValue":1e999}'), log('"body":{"doubleValue":"1.5"}'),
    log('"body":{"doubleValue":100000000000000000000}'), log('"body":{"doubleValue":5}'),
    log('"body":{"bytesValue":"_-8="}'), log('"body":{"bytesValue":"/+8="}'), log('"body":{"bytesValue":"/+8"}'),
    log('"body":{"stringValue":"a","intValue":1}'), log('"body":{"stringValue":"a","intValue":null}'),
    log('"body":{}'), log('"body":null'), log('"attributes":{}'), log('"attributes":[null]'),
    log('"attributes":[]'), log('"flags":4294967295'), log('"flags":4294967296'), log('"flags":"7"'),
    log('"severityNumber":9'), log('"severityNumber":"SEVERITY_NUMBER_WARN3"'),
    log('"severityNumber":"SEVERITY_NUMBER_UNSPECIFIED"'), log('"severityNumber":99'), log('"severityNumber":2147483648'),
    log('"severity_number":9'), log('"unknown":{"a":[1,{"b":null}]},"eventName":"x"'), log('"severity_Number":9'),
    point('"sum":0'), point('"sum":null'), point('"bucketCounts":["1",2,"3"]'), point('"bucketCounts":[null]'),
    point('"bucketCounts":["x"]'), point('"explicitBounds":[1,"NaN",2.5]'), point('"bucketCounts":[[1]]'),
    '0 json {"resourceLogs":[{},{}]}', '0 json {}', '0 json {"resourceLogs":7}', "0 json {", "0 json {} x",
    '0 json {"resourceLogs":[{"scopeLogs":[{"scope":{}},{"schemaUrl":"x"}]}]}',
]


def test_every_rule_but_that_of_ids_is_as_in_the_official_json(official):
    text = "".join(line + "\n" for line in AGREED)
    judged = subprocess.run([official, "-c", JUDGE], input=text.encode(), stdout=subprocess.PIPE, timeout=60, check=True)
    theirs = judged.stdout.decode().splitlines()
    for line, our, their in zip(AGREED, transcode(AGREED), theirs, strict=True):
        assert our.split(" ")[0] == their if their == "refused" else our == their, line


@pytest.mark.parametrize("value, wanted", [
    ('"0123456789ABCDEF0123456789abcdef"', "4a100123456789abcdef0123456789abcdef"), ('""', ""), ("null", ""),
])
def test_ids_are_hex_in_either_case(value, wanted):
    made, = transcode([log('"traceId":' + value)])
    assert made.startswith("hex ") and made.endswith(wanted)
