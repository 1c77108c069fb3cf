#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""What OTLP in and OTLP out cost together: rows per CPU-second of the process in the middle.

A load sends requests of 500 rows over HTTP as fast as they are answered; a sink takes what comes out and must have each
row that was taken, once. In the middle, in turns: sonde; an OpenTelemetry Collector as it comes, compression off; and
a relay that reads and writes the bytes and nothing else, the floor. The middle has a core of its own, load and sink
share another. CPU time is that of all threads from the first request until the last row is in the sink.

process.transform.collector: the same with logs, of whose bodies both hide what stands behind "id=", by the same pattern:
sonde with the processor `transform`, a Collector with its own of that name.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TREE, BUILD = "@tree@", "@build@"
sys.path[:0] = [os.path.join(TREE, "tests/bench"), os.path.join(TREE, "tests/peers")]
import obtain                                                    # noqa: E402
from otlp_tools import Relay, Sink, load_end, load_start         # noqa: E402
from ports import free_port, is_taken                            # noqa: E402

SIGNALS = ["logs", "metrics", "spans"]
MASKED = "process.transform.collector"
RUNS = 5
LOAD_S = 3
ROWS_LIMIT = 64 << 20       # of a run: what the sink can tell apart
PATIENCE_S = 60
SONDE = '''
sonde:     {{ state = "{directory}/state"; }};
inputs:    {{ apps: {{ plugin = "otlp"; grpc = ""; http = "127.0.0.1:{port}"; }}; }};
outputs:   {{ backend: {{ plugin = "otlp"; endpoint = "http://127.0.0.1:{target}"; protocol = "http";
                          compression = "none"; queue: {{ when_full = "wait"; }}; }}; }};
pipelines: {{ main: {{ from = ["apps"]; to = ["backend"]; queue: {{ when_full = "wait"; }}; }}; }};
'''
COLLECTOR = '''
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "127.0.0.1:{port}" }} }} }} }}
exporters: {{ otlp_http: {{ endpoint: "http://127.0.0.1:{target}", compression: none }} }}
service:
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    logs: {{ receivers: [otlp], exporters: [otlp_http] }}
    metrics: {{ receivers: [otlp], exporters: [otlp_http] }}
    traces: {{ receivers: [otlp], exporters: [otlp_http] }}
'''


SONDE_MASKED = SONDE.replace("pipelines:", """processors: {{ clean: {{ plugin = "transform";
               steps = ( {{ mask = "body"; pattern = "(?i)(id|token)=\\\\d+"; with = "$1=***"; }} ); }}; }};
pipelines:""").replace('to = ["backend"]', 'through = ["clean"]; to = ["backend"]')
COLLECTOR_MASKED = '''
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "127.0.0.1:{port}" }} }} }} }}
exporters: {{ otlp_http: {{ endpoint: "http://127.0.0.1:{target}", compression: none }} }}
processors:
  transform:
    error_mode: propagate
    log_statements:
      - 'replace_pattern(log.body, "(?i)(id|token)=\\\\d+", "$$1=***")'
service:
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    logs: {{ receivers: [otlp], processors: [transform], exporters: [otlp_http] }}
'''


class Failed(Exception):
    """A run that measured nothing; says why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def cpu_s(pid):
    """CPU time of all threads of a process, to the nanosecond: the kernel's clock id of another process."""
    return time.clock_gettime(~pid << 3 | 2)


class Program:
    """A program with a config, ready when its port is taken; a context that leaves none running."""

    def __init__(self, command, config, target, prefix):
        self.directory = tempfile.mkdtemp(prefix="sonde-bench-")
        self.port = free_port()
        path = os.path.join(self.directory, "bench.conf")
        with open(path, "w") as file:
            file.write(config.format(directory=self.directory, port=self.port, target=target))
        self.log_path = os.path.join(self.directory, "log")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([*prefix, *command, path], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        deadline = time.monotonic() + PATIENCE_S
        while not is_taken(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.log_path, errors="replace") as log:
                    words = log.read()[-2000:]
                self.__exit__()
                raise Failed(f"{' '.join(self.process.args)} does not listen: {words}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def measure(middle_start, kind, middle_core, other_core):
    """Rows per CPU-second of one run."""
    there = ["taskset", "--cpu-list", str(other_core)]
    with Sink(BUILD, verify=ROWS_LIMIT, prefix=there) as sink, \
            middle_start(sink.port, ["taskset", "--cpu-list", str(middle_core)]) as middle:
        load = load_start(BUILD, middle.port, kind, "--seconds", LOAD_S, "--grace", PATIENCE_S, "--retry", prefix=there)
        load.stdout.readline()
        before_s = cpu_s(middle.process.pid)
        report = load_end(load)
        deadline = time.monotonic() + PATIENCE_S
        while (counts := sink.counts())["distinct"] < report["taken"] and time.monotonic() < deadline:
            time.sleep(0.01)
        used_s = cpu_s(middle.process.pid) - before_s
        missing = sink.missing(report["rows"])["missing"]
    told = {name: counts[name] for name in ("repeated", "unnumbered", "beyond", "malformed")}
    if missing or any(told.values()) or report["taken"] != report["rows"] or not report["rows"]:
        raise Failed(f"of {report['rows']} rows {report['taken']} were taken and {missing} did not arrive; {told}")
    return report["rows"] / used_s


def spread(values):
    quarters = statistics.quantiles(values, method="inclusive")
    return (quarters[2] - quarters[0]) / statistics.median(values)


def subjects(with_sonde, masked=False):
    """{name: what starts it}"""
    known, config, theirs = {}, SONDE_MASKED if masked else SONDE, COLLECTOR_MASKED if masked else COLLECTOR
    if with_sonde:
        known["sonde"] = lambda target, prefix: Program([os.path.join(BUILD, "sonde"), "run"], config, target, prefix)
    if not masked:
        known["relay"] = lambda target, prefix: Relay(BUILD, target, prefix=prefix)
    try:
        collector = obtain.collector("collector_transform" if masked else "collector")
        known["collector"] = lambda target, prefix: Program([collector, "--config"], theirs, target, prefix)
    except obtain.Absent as reason:
        say(f"{'transform' if masked else 'otlp'}: not beside the OpenTelemetry Collector: {reason}")
    return known


def bench(title, kind, known, cores):
    figures = {name: [] for name in known}
    for _ in range(RUNS):
        for name, start in known.items():
            figures[name].append(measure(start, kind, *cores))
    for name, values in figures.items():
        say(f"{title}: {name}: {statistics.median(values):,.0f} rows/CPU-s, spread {spread(values):.0%}")
    return figures


def ratio(figures, name):
    if name not in figures:
        return None
    return round(statistics.median(ours / theirs for ours, theirs in zip(figures["sonde"], figures[name])), 4)


def result(title, figures):
    def middle(name):
        return round(statistics.median(figures[name])) if name in figures else None
    peer = "collector" in figures
    return {"name": title, "unit": "rows/CPU-s", "sonde": middle("sonde"), "floor": middle("relay"),
            "peer": middle("collector"), "peer_name": "Collector" if peer else None,
            "vs_floor": ratio(figures, "relay"), "vs_peer": ratio(figures, "collector"), "better": "more",
            "spread": round(max(map(spread, figures.values())), 3), "runs": RUNS}


def lacking(kind):
    """The name of a plugin that this build does not have, or nothing."""
    plugins = os.path.join(BUILD, "plugins")
    return not any(os.path.exists(os.path.join(plugins, name)) for name in (f"otlp-{kind}.so", "otlp.so"))


def main():
    parser = argparse.ArgumentParser(prog="bench_otlp")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--without-sonde", action="store_true", help="only the others, told on stderr")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    titles = {**{f"otlp.{kind}": kind for kind in SIGNALS}, MASKED: "logs"}
    if arguments.list:
        print("\n".join(titles))
        return 0

    cores = sorted(os.sched_getaffinity(0))[:2]
    why = ""
    if len(cores) < 2:
        why = "it takes two cores: one for what is measured, one for load and sink"
    for kind in ("input", "output"):
        if not why and not arguments.without_sonde and lacking(kind):
            why = f"there is no {kind} otlp in this build"
    failed, known = False, {}
    for title, kind in titles.items():
        if arguments.names and title not in arguments.names:
            continue
        try:
            line = {"name": title, "skipped": why} if why else None
            if not why:
                if (title == MASKED) not in known:
                    known[title == MASKED] = subjects(not arguments.without_sonde, title == MASKED)
                figures = bench(title, kind, known[title == MASKED], cores)
                line = None if arguments.without_sonde else result(title, figures)
        except Failed as reason:
            say(f"{title}: {reason}")
            failed, line = True, None
        if line:
            print(json.dumps(line), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    sys.exit(main())
