# SPDX-License-Identifier: Apache-2.0
"""Our encoders and decoders of OTLP values and metric heads against the official generated classes."""

import os
import random
import subprocess

BUILD = os.environ.get("SONDE_BUILD", "build")
RECODE = os.path.join(BUILD, "tests/unit/recode_value")

# Runs under a python that has opentelemetry-proto; prints "KIND HEX" a line.
MAKE = """
import random, sys
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric

chance = random.Random(int(sys.argv[1]))

def text(limit):
    return "".join(chance.choice("ab\\u00e4\\u20ac\\U0001f600 \\0") for _ in range(chance.randrange(limit)))

def fill(value, depth):
    kind = chance.randrange(8 if depth < 7 else 6)
    if kind == 1: value.string_value = text(200)
    if kind == 2: value.bool_value = chance.random() < 0.5
    if kind == 3: value.int_value = chance.randrange(-2**63, 2**63) >> chance.randrange(64)
    if kind == 4: value.double_value = chance.choice([0.0, -0.0, 1e300, float("inf"), chance.random()])
    if kind == 5: value.bytes_value = chance.randbytes(chance.randrange(300))
    if kind == 6:
        value.array_value.SetInParent()
        for _ in range(chance.randrange(5)): fill(value.array_value.values.add(), depth + 1)
    if kind == 7:
        value.kvlist_value.SetInParent()
        for _ in range(chance.randrange(5)): pair(value.kvlist_value.values.add(), depth)

def pair(pair, depth):
    pair.key = text(10)
    pair.value.SetInParent()
    fill(pair.value, depth + 1)

for _ in range(3000):
    value = AnyValue()
    fill(value, 1)
    print("any", value.SerializeToString().hex())
    metric = Metric(name=text(20), description=text(20), unit=text(5))
    data = chance.choice(["gauge", "sum", "histogram", "exponential_histogram", "summary", ""])
    if data:
        getattr(metric, data).SetInParent()
    if data in ("sum", "histogram", "exponential_histogram"):
        getattr(metric, data).aggregation_temporality = chance.choice([0, 1, 2, 9, -7])
    if data == "sum":
        metric.sum.is_monotonic = chance.random() < 0.5
    for _ in range(chance.choice([0, 0, 1, 3])): pair(metric.metadata.add(), 1)
    print("metric", metric.SerializeToString().hex())
"""


def test_values_and_metrics_are_byte_for_byte_those_of_the_official_classes(official):
    seed = random.randrange(1 << 30)
    made = subprocess.run([official, "-c", MAKE, str(seed)], stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    wanted = made.stdout.splitlines()
    assert len(wanted) == 6000
    recoded = subprocess.run([RECODE], input=made.stdout, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    ours = recoded.stdout.splitlines()
    assert len(ours) == len(wanted)
    for line, hexadecimal in zip(wanted, ours):
        assert line.split(" ", 1)[1] == hexadecimal, f"seed {seed}: {line}"
