# SPDX-License-Identifier: Apache-2.0
"""The input `generate` and the output `null`: what other tests and benchmarks rely on."""

import collections
import json
import os
import pathlib
import subprocess
import time

import pytest

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
SONDE = pathlib.Path(os.environ.get("SONDE_BUILD", TREE / "build")) / "sonde"

pytestmark = pytest.mark.sanitizers


class Daemon:
    """A daemon with one input `rows`, one output `sink`, and a pipeline from the one to the other."""

    def __init__(self, directory, rows, sink):
        self.state = directory / "state"
        config = directory / "daemon.conf"
        config.write_text(f'''
sonde: {{ state = "{self.state}"; }};
inputs: {{ rows: {{ {rows} }}; }};
outputs: {{ sink: {{ {sink} }}; }};
pipelines: {{ main: {{ from = ["rows"]; to = ["sink"]; }}; }};
''')
        self.log = open(directory / "log", "w")
        self.process = subprocess.Popen([SONDE, "run", config], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log)

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def status(self):
        result = subprocess.run([SONDE, "status", "--json", "--state", self.state], capture_output=True, text=True,
                                timeout=30)
        return json.loads(result.stdout) if result.returncode == 0 else None

    def counters(self, name):
        """The counters of an instance, added up over its replicas; all 0 before it runs."""
        total = collections.Counter()
        for instance in (self.status() or {"instances": []})["instances"]:
            if instance["name"] == name:
                total.update(instance["counters"])
        return total

    def set(self, knob, value):
        subprocess.run([SONDE, "set", "--state", self.state, knob, value], check=True, capture_output=True, timeout=30)

    def wait_for(self, condition, what):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.1)
        pytest.fail(f"{what}: not within 30 s; {self.status()}")


def test_rows_are_as_many_as_asked_for_and_numbered_without_a_gap(tmp_path):
    path = tmp_path / "rows.json"
    with Daemon(tmp_path, 'plugin = "generate"; rows = 12345; threads = 3; keys = 100;',
                f'plugin = "file"; path = "{path}";') as daemon:
        daemon.wait_for(lambda: daemon.counters("rows")["emitted_rows"] == 12345, "12,345 rows")
    assert daemon.process.returncode == 0
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted(row["generate.sequence"] for row in rows) == list(range(12345))
    for row in rows:
        assert row["generate.value"] == row["generate.sequence"] % 1000
    words = collections.Counter(row["generate.word"] for row in rows)
    assert len(words) == 8 and max(words.values()) - min(words.values()) <= 1
    assert {row["generate.key"] for row in rows} == {f"key-{key:08}" for key in range(100)}


def test_a_rate_holds_and_may_change(tmp_path):
    with Daemon(tmp_path, 'plugin = "generate"; rate = 20000;', 'plugin = "null";') as daemon:
        daemon.wait_for(lambda: daemon.counters("sink")["rows"] > 1000, "rows")
        for rate in (20000, 2000):
            daemon.set("rows.rate", str(rate))
            begin, before = time.monotonic(), daemon.counters("rows")["emitted_rows"]
            time.sleep(2)
            seen = daemon.counters("rows")["emitted_rows"] - before
            assert seen == pytest.approx(rate * (time.monotonic() - begin), rel=0.2)


def test_who_waits_stops_at_a_stuck_output_and_loses_nothing(tmp_path):
    with Daemon(tmp_path, 'plugin = "generate"; rows = 2000000; tokens = true;',
                'plugin = "null"; block = true; queue: { memory = "1MiB"; when_full = "wait"; };') as daemon:
        emitted = lambda: daemon.counters("rows")["emitted_rows"]
        daemon.wait_for(lambda: emitted() > 0, "the first row")
        time.sleep(1)
        stuck = emitted()
        time.sleep(1)
        assert emitted() == stuck < 2000000
        assert daemon.counters("sink")["rows"] == 0
        daemon.set("sink.block", "false")
        daemon.wait_for(lambda: daemon.counters("rows")["settled_rows"] == 2000000, "all rows settled")
        assert daemon.counters("sink")["rows"] == 2000000
        assert daemon.counters("rows")["delivered_rows"] == 2000000
        assert daemon.counters("rows")["lost_rows"] == 0
        assert daemon.status()["ledger_closes"]


def test_who_does_not_wait_loses_and_is_told(tmp_path):
    with Daemon(tmp_path, 'plugin = "generate"; rows = 500000; tokens = true; waits = false;',
                'plugin = "null"; block = true; queue: { memory = "1MiB"; };') as daemon:
        daemon.wait_for(lambda: daemon.counters("rows")["emitted_rows"] == 500000, "500,000 rows")
        daemon.set("sink.block", "false")
        daemon.wait_for(lambda: daemon.counters("rows")["settled_rows"] == 500000, "all rows settled")
        told, taken = daemon.counters("rows"), daemon.counters("sink")["rows"]
        assert told["delivered_rows"] == taken < 500000
        assert told["delivered_rows"] + told["lost_rows"] == 500000
        assert daemon.status()["ledger_closes"]


def test_what_is_rejected_is_lost_and_what_is_put_off_comes_again(tmp_path):
    with Daemon(tmp_path, 'plugin = "generate"; rows = 3000; tokens = true;',
                'plugin = "null"; fail = "reject";') as daemon:
        daemon.wait_for(lambda: daemon.counters("rows")["lost_rows"] == 3000, "3,000 lost rows")
        assert daemon.counters("sink") == {"rows": 0, "batches": 0, "refused_rows": 3000}
    directory = tmp_path / "again"
    directory.mkdir()
    with Daemon(directory, 'plugin = "generate"; rows = 3000; tokens = true;',
                'plugin = "null"; fail = "retry"; retry: { first = "100ms"; longest = "200ms"; };') as daemon:
        daemon.wait_for(lambda: daemon.counters("sink")["refused_rows"] >= 6000, "a second attempt")
        assert daemon.counters("rows")["settled_rows"] == 0
        daemon.set("sink.fail", "none")
        daemon.wait_for(lambda: daemon.counters("rows")["delivered_rows"] == 3000, "3,000 delivered rows")
        assert daemon.counters("sink")["rows"] == 3000


def test_a_slow_output_takes_its_time_for_each_of_its_deliveries(tmp_path):
    with Daemon(tmp_path, 'plugin = "generate"; rate = 100000; batch = 1000; tokens = true;',
                'plugin = "null"; delay = "500ms";') as daemon:
        daemon.wait_for(lambda: daemon.counters("rows")["emitted_rows"] > 0, "the first row")
        begin = time.monotonic()
        daemon.wait_for(lambda: daemon.counters("sink")["rows"] > 0, "the first delivery")
        assert time.monotonic() - begin > 0.2
        daemon.wait_for(lambda: daemon.counters("sink")["rows"] > 100000, "a second's worth")
        assert daemon.counters("rows")["lost_rows"] == 0
