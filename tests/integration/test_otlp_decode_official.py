# SPDX-License-Identifier: Apache-2.0
"""What the OTLP decoder makes of requests against an independent reading of docs/otlp-mapping.md, over the official
generated classes."""

import json
import os
import random
import subprocess

BUILD = os.environ.get("SONDE_BUILD", "build")
DECODE = os.path.join(BUILD, "tests/unit/decode_otlp")
HERE = os.path.dirname(os.path.abspath(__file__))

ROW, SCOPE, RESOURCE = range(3)
ATTRIBUTE, ATTRIBUTES, METRIC, VALUE, PARENT_ROW, BODY, ENTITIES = 0, 9, 35, 36, 12, 50, 16
BOOL, I64, DOUBLE, TEXT, BYTES, EXPONENTIAL, EXPLICIT, QUANTILES, ANY = 1, 5, 10, 11, 12, 17, 18, 19, 20
FIELDS = {
    (ROW, 1): "time", (ROW, 2): "start", (ROW, 3): "end", (ROW, 4): "observed", (ROW, 10): "dropped", (ROW, 11): "flags",
    (ROW, 48): "severity", (ROW, 49): "severity text", (ROW, 50): "body", (ROW, 51): "event", (ROW, 64): "trace",
    (ROW, 65): "span", (ROW, 66): "parent", (ROW, 67): "trace state", (ROW, 68): "name", (ROW, 69): "kind",
    (ROW, 70): "status", (ROW, 71): "status message", (ROW, 72): "dropped events", (ROW, 73): "dropped links",
    (ROW, METRIC): "metric", (SCOPE, 13): "scope name", (SCOPE, 14): "scope version", (SCOPE, 15): "scope schema",
    (SCOPE, 10): "scope dropped", (RESOURCE, 15): "resource schema", (RESOURCE, 10): "resource dropped",
    (RESOURCE, ENTITIES): "entities",
}
LEVELS = {ROW: "attributes", SCOPE: "scope attributes", RESOURCE: "resource attributes"}
CHILDREN = {4: "events", 5: "links", 6: "exemplars"}
VALUES = {DOUBLE: "double", I64: "integer", EXPLICIT: "histogram", EXPONENTIAL: "exponential", QUANTILES: "summary"}


# ---- encoded values, read by hand ------------------------------------------------------------------------------------

def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(number, value) of each field; the value of a fixed one as its bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            length = 8
            if tag & 7 == 2:
                length, at = varint(data, at)
            assert tag & 7 in (1, 2) and at + length <= len(data)
            value, at = data[at:at + length], at + length
        yield tag >> 3, value


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def pairs_form(data):
    pairs = []
    for number, pair in fields(data):
        assert number == 1
        members = dict(fields(pair))
        pairs.append([members.get(1, b"").decode(), any_form(members.get(2, b""))])
    return pairs


def any_form(data):
    form = ["empty"]
    for number, value in fields(data):
        form = {1: lambda v: ["string_value", v.decode()], 2: lambda v: ["bool_value", v != 0],
                3: lambda v: ["int_value", signed(v)],
                4: lambda v: ["double_value", int.from_bytes(v, "little", signed=True)],
                5: lambda v: ["array_value", [any_form(item) for _, item in fields(v)]],
                6: lambda v: ["kvlist_value", pairs_form(v)], 7: lambda v: ["bytes_value", v.hex()]}[number](value)
    return form


def value_form(cell_type, value):
    if cell_type == TEXT: return ["string_value", bytes.fromhex(value).decode()]
    if cell_type == BYTES: return ["bytes_value", value]
    if cell_type == BOOL: return ["bool_value", value != 0]
    if cell_type == I64: return ["int_value", value]
    if cell_type == DOUBLE: return ["double_value", value]
    assert cell_type == ANY
    return any_form(bytes.fromhex(value))


# ---- batches ---------------------------------------------------------------------------------------------------------

def row_form(cells, child):
    """A row in the form that otlp_random.py prints; and the parent of a child's."""
    row = {"attributes": []} if child else {name: [] for name in LEVELS.values()}
    parent = None
    for scope, role, name, cell_type, value in cells:
        if role == ATTRIBUTE:
            row[LEVELS[scope]].append([bytes.fromhex(name).decode(), value_form(cell_type, value)])
        elif role == ATTRIBUTES:
            form = any_form(bytes.fromhex(value))
            assert form[0] == "kvlist_value" and form[1]
            row[LEVELS[scope]].extend(form[1])
        elif role == PARENT_ROW:
            parent = value
        elif role == VALUE:
            assert "value" not in row
            row["value"] = [VALUES[cell_type], value]
        elif role in (BODY, ENTITIES):
            row[FIELDS[scope, role]] = value_form(cell_type, value)
        elif cell_type == TEXT:
            row[FIELDS[scope, role]] = bytes.fromhex(value).decode()
        else:
            row[FIELDS[scope, role]] = value
    for name in LEVELS.values():
        if name in row:
            row[name].sort(key=json.dumps)
    # a field that has its default value may be absent or not
    kept = {name: value for name, value in row.items() if name in ("attributes", "status") or value not in (0, "", [])}
    return kept, parent


def batch_rows(batch):
    rows = [row_form(cells, False)[0] for cells in batch["rows"]]
    names = {1: ["exemplars"], 2: [], 3: ["events", "links"]}[batch["signal"]]
    for row in rows:
        row.update({name: [] for name in names})
    for child in batch["children"]:
        last = 0
        for cells in child["rows"]:
            form, parent = row_form(cells, True)
            assert parent >= last
            last = parent
            rows[parent][CHILDREN[child["signal"]]].append(form)
    return rows


def test_batches_say_what_the_official_classes_say(official):
    seed = random.randrange(1 << 30)
    made = subprocess.run([official, os.path.join(HERE, "otlp_random.py"), str(seed), "600"], stdout=subprocess.PIPE,
                          text=True, timeout=300, check=True).stdout.splitlines()
    assert len(made) == 600
    requests = "".join(line.split("\t")[0] + "\n" for line in made)
    lines = subprocess.run([DECODE], input=requests, stdout=subprocess.PIPE, text=True, timeout=120,
                           check=True).stdout.splitlines()
    assert len(lines) == len(made)
    row_count = 0
    for line, ours in zip(made, lines):
        wanted, decoded = json.loads(line.split("\t")[1]), json.loads(ours)
        assert decoded.get("refused") == 0 and decoded["repaired"] == 0, (seed, ours[:300])
        assert decoded["row_count"] == len(wanted), (seed, line[:300])
        found = batch_rows(decoded["batch"]) if decoded["batch"] else []
        for want, have in zip(wanted, found, strict=True):
            assert have == want, (seed, line[:300])
        row_count += len(wanted)
    assert row_count > 1000
