# SPDX-License-Identifier: Apache-2.0
"""What the kernel was seen to do, sent over OTLP and read by the official classes; and the sidecar that is shipped."""

import collections
import http.client
import json
import os
import re
import signal
import subprocess
import sys

import pytest
from kernel_daemon import SONDE, STOP_S, TREE

sys.path.insert(0, os.path.join(TREE, "tests/integration"))
import peers                                    # noqa: E402
from otlp_receiver import Receiver              # noqa: E402
from sonde import wait_for                      # noqa: E402

pytestmark = pytest.mark.timeout(300)
CALLS = 20_000

# Runs under a python that has the official classes: lines of "PATH HEX" become lines of JSON, one a point or record.
READ = """
import json, sys
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

def plain(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs
            if pair.value.WhichOneof("value") in ("string_value", "int_value", "bool_value", "double_value")}

def tell(**what):
    print(json.dumps(what))

for line in sys.stdin:
    path, body = line.split()
    body = bytes.fromhex(body)
    if path == "/v1/logs":
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    assert record.time_unix_nano
                    tell(kind="log", resource=plain(resource.resource.attributes), attributes=plain(record.attributes),
                         body=record.body.string_value)
        continue
    assert path == "/v1/metrics", path
    for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                data = getattr(metric, kind)
                for point in data.data_points:
                    assert point.time_unix_nano
                    assert kind == "gauge" or 0 < point.start_time_unix_nano <= point.time_unix_nano
                    value = point.count if kind.endswith("histogram") else point.as_int or point.as_double
                    if kind == "exponential_histogram":
                        buckets = [*point.positive.bucket_counts, *point.negative.bucket_counts]
                        assert sum(buckets) + point.zero_count == point.count
                    tell(kind=kind, name=metric.name, unit=metric.unit, value=value, attributes=plain(point.attributes),
                         temporality=getattr(data, "aggregation_temporality", 0),
                         resource=plain(resource.resource.attributes))
"""


@pytest.fixture(scope="module")
def official():
    return peers.needed(peers.obtain.python)


def read(python, receiver):
    lines = "".join(f"{request.path} {request.body.hex()}\n" for request in receiver.taken())
    done = subprocess.run([python, "-c", READ], input=lines, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


class Running:
    """A daemon with that config; ends by SIGTERM, and well."""

    def __init__(self, directory, config, **environment):
        path, self.log_path = os.path.join(directory, "test.conf"), os.path.join(directory, "log")
        with open(path, "w") as file:
            file.write(config)
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([SONDE, "run", path], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **environment})
        wait_for(lambda: self.process.poll() is not None or "ready after" in self.log(), "it is ready")
        assert self.process.poll() is None, self.log()

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=STOP_S) == 0, self.log()


def sums(points, name, cgroup, *keys):
    """Values of a metric in the cgroup, added up by the attributes named."""
    total = collections.Counter()
    for point in points:
        if point.get("name") == name and point["attributes"].get("cgroup.id") == cgroup.id:
            total[tuple(point["attributes"].get(key) for key in keys)] += point["value"]
    return total


def test_every_kind_of_row_is_what_the_official_classes_read(tmp_path, cgroup, official):
    with Receiver() as receiver:
        daemon = Running(tmp_path, f'''
sonde:     {{ state = "{tmp_path}/state"; resource = ["host.name=probe"]; }};
inputs:    {{ calls: {{ plugin = "syscalls"; mode = "both"; interval = "300ms"; ring = "64MiB"; arguments = "decoded";
                        cgroups = ["{cgroup.path}"]; }};
              rows:  {{ plugin = "generate"; rows = 500; batch = 100; }};
              own:   {{ plugin = "self"; interval = "300ms"; }}; }};
outputs:   {{ out: {{ plugin = "otlp"; endpoint = "{receiver.url}"; queue: {{ memory = "1GiB"; }}; }}; }};
pipelines: {{ all: {{ from = ["calls", "rows", "own"]; to = ["out"]; }}; }};
''')
        made = cgroup.run("many", CALLS)
        daemon.stop()
        points = read(official, receiver)
    calls, errors = sums(points, "syscall.calls", cgroup, "syscall.name"), sums(points, "syscall.errors", cgroup,
                                                                               "syscall.name")
    timed = sums(points, "syscall.duration", cgroup, "syscall.name")
    failures = sums(points, "syscall.failures", cgroup, "syscall.name", "error.type")
    events = collections.Counter((p["attributes"]["syscall.name"], p["attributes"].get("error.type")) for p in points
                                 if p["kind"] == "log" and p["attributes"].get("cgroup.id") == cgroup.id)
    for name, counts in made.items():
        assert calls[name,] == timed[name,] == counts["calls"], name
        wanted = {(name, error): count for error, count in counts.items() if error != "calls"}
        assert errors[name,] == sum(wanted.values())
        for key, count in wanted.items():
            assert failures[key] == events[key] == count, key
        assert events[name, None] == counts["calls"] - sum(wanted.values())
    assert {p["unit"] for p in points if p.get("name") == "syscall.duration"} == {"ns"}
    assert {p["temporality"] for p in points if p.get("name") == "syscall.calls"} == {1}
    assert {p["resource"].get("host.name") for p in points} == {"probe"}
    assert len([p for p in points if "generate.sequence" in p["attributes"]]) >= 500
    assert [p for p in points if p.get("name", "").startswith("sonde.") and p["temporality"] == 2]


def test_the_sidecar_sees_its_application_and_nobody_else(tmp_path, make_cgroup, official):
    application, neighbour = make_cgroup(), make_cgroup()
    with open(os.path.join(TREE, "conf/sidecar.conf")) as file:
        text = file.read()
    grpc, port = peers.free_port(), peers.free_port()
    text = text.replace("sonde:\n{", f'sonde:\n{{\n\tstate = "{tmp_path}/state";')     # of the test's own daemon
    text = text.replace('application: { plugin = "otlp"; }',
                        f'application: {{ plugin = "otlp"; grpc = "127.0.0.1:{grpc}"; http = "127.0.0.1:{port}"; }}')
    text = re.sub(r'interval = "\d+s"', 'interval = "300ms"', text)
    with Receiver() as receiver:
        daemon = Running(tmp_path, text, SONDE_CGROUP=application.path, SONDE_BACKEND=receiver.url,
                         OTEL_SERVICE_NAME="shop")
        made = application.run("many", CALLS)
        neighbour.run("many", CALLS)
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        client.request("POST", "/v1/logs", json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [
            {"timeUnixNano": "1760000000000000000", "body": {"stringValue": "hello"}}]}]}]}),
            {"Content-Type": "application/json"})
        assert client.getresponse().status == 200
        daemon.stop()
        points = read(official, receiver)
    assert sums(points, "syscall.calls", application, "syscall.name") >= collections.Counter(
        {(name,): counts["calls"] for name, counts in made.items()})
    strange = [p for p in points if p["kind"] != "log" and p["attributes"].get("cgroup.id") != application.id]
    assert not strange, strange[:8]
    assert [p["body"] for p in points if p["kind"] == "log"] == ["hello"]
    assert "shop" in {p["resource"].get("service.name") for p in points}
