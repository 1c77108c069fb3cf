#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""What a row costs from an edge to its region, both daemons together, and how many bytes it takes there.

tiers.hop.HOW.ACK.ROWS: recorded system calls from an input that has them in memory, by output and input `nng` over loopback
to an output that forgets them, over plain TCP or TLS, acknowledged when received or when durable; rows per CPU-second.
floor: zstd -1 by itself over the rows as the kernel made them, over plain TCP; "peer": plain TCP alone. Batches have
50, 250 or 1,000 rows; those that wait together go as one frame, so that small ones cost a frame little. The floors
send each by itself. tiers.bytes.ROWS: bytes of frames, a row.

tiers.hop.logs, tiers.bytes.logs: OTLP logs as otlp_load sends them, 500 a request, to an edge, and from there to a region.
Beside it two OpenTelemetry Collectors with OTLP over gRPC between them, in batches, which take less than requests as they
come; whichever takes less of plain and zstd; bytes are beside those with zstd.

Edge and region have a core each; the load shares that of the region.
"""

import argparse
import json
import os
import re
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
from otlp_tools import load_end, load_start                      # noqa: E402
from ports import free_port, is_taken                            # noqa: E402

ROWS = [50, 250, 1000]
HOWS, ACKS = ["tcp", "tls"], ["received", "durable"]
RUNS = 5
WARM_S, STEADY_S = 0.7, 2
LOAD_S = 3
PATIENCE_S = 60
RECORDING = os.path.join(TREE, "tests/bench/recorded_syscalls.zst")
SONDE = os.path.join(BUILD, "sonde")

REGION = '''
sonde:     {{ state = "{directory}/region"; }};
inputs:    {{ edges: {{ plugin = "nng"; url = "{url}"; ack = "{ack}"; {tls} }}; }};
outputs:   {{ out: {{ plugin = "null"; queue: {{ when_full = "wait"; }}; }}; }};
pipelines: {{ main: {{ from = ["edges"]; to = ["out"]; queue: {{ when_full = "wait"; {disk} }}; }}; }};
'''
EDGE = '''
sonde:     {{ state = "{directory}/edge"; }};
inputs:    {{ source: {{ {source} }}; }};
outputs:   {{ up: {{ plugin = "nng"; url = ["{url}"]; {tls} queue: {{ when_full = "wait"; }}; }}; }};
pipelines: {{ main: {{ from = ["source"]; to = ["up"]; queue: {{ when_full = "wait"; }}; }}; }};
'''
TAPE = f'plugin = "{BUILD}/tests/bench/tape.so"; path = "{RECORDING}"; batch = {{rows}};'
OTLP = 'plugin = "otlp"; grpc = ""; http = "127.0.0.1:{port}";'
DISK = 'disk = "1GiB";'
CERTIFICATES = 'certificate_file = "{0}/{1}.pem"; key_file = "{0}/{1}.key"; ca_file = "{0}/authority.pem";'

COLLECTOR_REGION = '''
receivers: {{ otlp: {{ protocols: {{ grpc: {{ endpoint: "127.0.0.1:{hop}" }} }} }} }}
exporters: {{ debug: {{ verbosity: basic }} }}
service:
  telemetry: {{ metrics: {{ level: none }}, logs: {{ sampling: {{ enabled: false }} }} }}
  pipelines: {{ logs: {{ receivers: [otlp], exporters: [debug] }} }}
'''
COLLECTOR_EDGE = '''
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "127.0.0.1:{port}" }} }} }} }}
exporters: {{ otlp_grpc: {{ endpoint: "127.0.0.1:{hop}", compression: {compression}, tls: {{ insecure: true }},
                       sending_queue: {{ block_on_overflow: true }} }} }}
processors: {{ batch: {{}} }}
service:
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines: {{ logs: {{ receivers: [otlp], processors: [batch], exporters: [otlp_grpc] }} }}
'''


class Failed(Exception):
    """A run that measured nothing; says why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def wait_for(condition, what, *programs):
    """What the programs have said goes with the complaint."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            words = "".join(f"\n{program.name}: {program.log()[-2000:]}" for program in programs)
            raise Failed(f"not within {PATIENCE_S} s: {what}{words}")
        time.sleep(0.05)


class Program:
    """A program with a config, on a core; a context that leaves none running."""

    def __init__(self, directory, name, command, config, core):
        self.name = name
        path = os.path.join(directory, f"{name}.conf")
        with open(path, "w") as file:
            file.write(config)
        self.log_path = os.path.join(directory, f"{name}.log")
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen(["taskset", "--cpu-list", str(core), *command, path],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def check(self):
        if self.process.poll() is not None:
            raise Failed(f"{self.name} has ended: {self.log()[-2000:]}")

    def listens(self, port):
        """Until somebody does."""
        def ask():
            self.check()
            return is_taken(port)
        wait_for(ask, f"{self.name} listens", self)

    def cpu_s(self):
        """CPU time of all of its threads, to the nanosecond: the kernel's clock id of another process."""
        self.check()
        return time.clock_gettime(~self.process.pid << 3 | 2)


class Daemon(Program):
    def __init__(self, directory, name, config, core):
        super().__init__(directory, name, [SONDE, "run"], config, core)
        self.state = os.path.join(directory, name)

    def instance(self, name):
        """What `status` says of it; nothing as long as the daemon does not answer."""
        told = subprocess.run([SONDE, "status", "--json", "--state", self.state], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        self.check()
        if told.returncode:
            return {}
        return next((i for i in json.loads(told.stdout)["instances"] if i["name"] == name), {})

    def counters(self, name):
        return self.instance(name).get("counters", {})


# --- sonde ------------------------------------------------------------------------------------------------------------

class Hop:
    """An edge with a source, and its region; a context."""

    def __init__(self, source, how, ack, cores):
        self.directory = tempfile.mkdtemp(prefix="sonde-bench-")
        try:
            self.port = free_port()
            url = f"{'tls+tcp' if how == 'tls' else 'tcp'}://127.0.0.1:{self.port}"
            tls = {"region": "", "edge": ""}
            if how == "tls":
                subprocess.run([os.path.join(TREE, "scripts/test-authority"), self.directory, "region=127.0.0.1", "edge"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
                tls = {name: CERTIFICATES.format(self.directory, name) for name in tls}
            words = {"directory": self.directory, "url": url, "ack": ack, "source": source,
                     "disk": DISK if ack == "durable" else ""}
            self.region = Daemon(self.directory, "region", REGION.format(tls=tls["region"], **words), cores[1])
        except BaseException:
            shutil.rmtree(self.directory, ignore_errors=True)
            raise
        self.edge_config, self.core = EDGE.format(tls=tls["edge"], **words), cores[0]
        self.edge = None

    def __enter__(self):
        try:
            wait_for(lambda: self.region.counters("out"), "the region answers", self.region)
            self.edge = Daemon(self.directory, "edge", self.edge_config, self.core)
            wait_for(lambda: self.edge.counters("up"), "the edge answers", self.edge)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in (self.edge, self.region):
            if daemon:
                daemon.__exit__()
        shutil.rmtree(self.directory, ignore_errors=True)

    def cpu_s(self):
        return self.edge.cpu_s() + self.region.cpu_s()

    def check_source(self):
        source = self.edge.instance("source")
        if source["state"] == "waiting":
            raise Failed(f"the edge has no rows: {source['problem']}")

    def rows(self):
        return self.region.counters("out")["rows"]

    def bytes_a_row(self):
        """All that the region has taken so far."""
        taken = self.region.counters("edges")
        lost = self.edge.counters("up")["rejected"] + taken["refused"] + taken["repeats"]
        if lost:
            raise Failed(f"{lost} rows or frames were refused or came again")
        return taken["bytes"] / taken["rows"]


def measure_rows(rows, how, ack, cores):
    """(rows per CPU-second, bytes a row) of an interval in which rows flow steadily."""
    with Hop(TAPE.format(rows=rows), how, ack, cores) as hop:
        hop.check_source()
        wait_for(hop.rows, "rows arrive", hop.edge, hop.region)
        time.sleep(WARM_S)
        before, used_s = hop.rows(), hop.cpu_s()
        time.sleep(STEADY_S)
        after, used_s = hop.rows(), hop.cpu_s() - used_s
        return (after - before) / used_s, hop.bytes_a_row()


def measure_logs(cores):
    """The same of OTLP logs, from the first request until the last row has arrived."""
    port = free_port()
    with Hop(OTLP.format(port=port), "tcp", "received", cores) as hop:
        hop.edge.listens(port)
        return load_measure(port, cores, hop.cpu_s, hop.rows, hop.bytes_a_row)


def load_measure(port, cores, cpu_s, rows, bytes_a_row):
    load = load_start(BUILD, port, "logs", "--seconds", LOAD_S, "--grace", PATIENCE_S, "--retry",
                      prefix=["taskset", "--cpu-list", str(cores[1])])
    load.stdout.readline()
    before_s = cpu_s()
    report = load_end(load)
    if not report["rows"] or report["taken"] != report["rows"]:
        raise Failed(f"of {report['rows']} rows {report['taken']} were taken")
    wait_for(lambda: rows() >= report["rows"], f"{report['rows']} rows arrive")
    used_s = cpu_s() - before_s
    if rows() != report["rows"]:
        raise Failed(f"{rows()} rows arrived of {report['rows']}")
    return report["rows"] / used_s, bytes_a_row()


# --- what stands beside it --------------------------------------------------------------------------------------------

def measure_floor(rows, level):
    told = subprocess.run([os.path.join(BUILD, "tests/bench/tiers_floor"), RECORDING, str(rows), str(level), str(STEADY_S)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)
    if told.returncode:
        raise Failed(f"tiers_floor: exit status {told.returncode}")
    figures = json.loads(told.stdout)
    return figures["rows"] / figures["cpu_s"], figures["bytes"] / figures["rows"]


def bytes_sent(port):
    """What the kernel has sent to a port of loopback over the connections that there are; None: nobody tells."""
    try:
        told = subprocess.run(["ss", "--tcp", "--info", "--numeric", "--no-header", "dst", f"127.0.0.1:{port}"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False).stdout
    except OSError:
        return None
    counts = re.findall(r"\bbytes_acked:(\d+)", told)
    return sum(map(int, counts)) if counts else None


def measure_collectors(collector, compression, cores):
    """Bytes are None where they cannot be had."""
    with tempfile.TemporaryDirectory(prefix="sonde-bench-") as directory:
        words = {"port": free_port(), "hop": free_port(), "compression": compression}
        command = [collector, "--config"]
        with Program(directory, "Collector as region", command, COLLECTOR_REGION.format(**words), cores[1]) as region:
            region.listens(words["hop"])
            with Program(directory, "Collector as edge", command, COLLECTOR_EDGE.format(**words), cores[0]) as edge:
                edge.listens(words["port"])

                def arrived():
                    return sum(map(int, re.findall(r'"log records": (\d+)', region.log())))

                def bytes_a_row():
                    sent = bytes_sent(words["hop"])
                    return sent and sent / arrived()
                return load_measure(words["port"], cores, lambda: edge.cpu_s() + region.cpu_s(), arrived, bytes_a_row)


# --- results ----------------------------------------------------------------------------------------------------------

def spread(values):
    quarters = statistics.quantiles(values, method="inclusive")
    return (quarters[2] - quarters[0]) / statistics.median(values)


def result(title, unit, sonde, floor=None, peer=None, peer_name=None):
    """Each a list of a value a run."""
    def ratio(others):
        return round(statistics.median(ours / theirs for ours, theirs in zip(sonde, others)), 4) if others else None

    def middle(values):
        return float(f"{statistics.median(values):.5g}") if values else None
    return {"name": title, "unit": unit, "sonde": middle(sonde), "floor": middle(floor), "peer": middle(peer),
            "peer_name": peer_name if peer else None, "vs_floor": ratio(floor), "vs_peer": ratio(peer),
            "better": "more" if unit == "rows/CPU-s" else "less",
            "spread": round(max(map(spread, filter(None, [sonde, floor, peer]))), 3), "runs": RUNS}


def bench(subjects):
    """{name: [(rows per CPU-second, bytes a row) of each run]} of {name: what measures it}, in turns."""
    figures = {name: [] for name in subjects}
    for _ in range(RUNS):
        for name, measure in subjects.items():
            figures[name].append(measure())
    for name, values in figures.items():
        rates, sizes = [value[0] for value in values], [value[1] for value in values]
        size = f", {statistics.median(sizes):.2f} bytes a row" if None not in sizes else ""
        say(f"tiers: {name}: {statistics.median(rates):,.0f} rows/CPU-s{size}, spread {spread(rates):.0%}")
    return figures


def column(figures, name, index):
    """None where a figure is missing."""
    values = [value[index] for value in figures.get(name, [])]
    return values if values and None not in values else None


def hop_titles(rows):
    """{title: (how, ack)}"""
    return {f"tiers.hop.{how}.{ack}.{rows}": (how, ack) for how in HOWS for ack in ACKS}


def bench_rows(rows, wants, cores):
    """Yields the results that are wanted of batches of so many rows."""
    bytes_title, titles = f"tiers.bytes.{rows}", {t: what for t, what in hop_titles(rows).items() if wants(t)}
    if not titles and not wants(bytes_title):
        return
    subjects = {f"zstd -1 over TCP, {rows}": lambda: measure_floor(rows, 1), f"TCP, {rows}": lambda: measure_floor(rows, 0)}
    zstd, tcp = subjects
    for title, (how, ack) in (titles or {bytes_title: ("tcp", "received")}).items():
        subjects[title] = lambda how=how, ack=ack: measure_rows(rows, how, ack, cores)
    figures = bench(subjects)
    for title in titles:
        yield result(title, "rows/CPU-s", column(figures, title, 0), column(figures, zstd, 0), column(figures, tcp, 0),
                     "plain TCP")
    if wants(bytes_title):
        first = list(subjects)[2]
        yield result(bytes_title, "bytes/row", column(figures, first, 1), column(figures, zstd, 1),
                     column(figures, tcp, 1), "plain TCP")


def bench_logs(wants, cores):
    titles = [title for title in ("tiers.hop.logs", "tiers.bytes.logs") if wants(title)]
    if not titles:
        return
    subjects = {"logs": lambda: measure_logs(cores)}
    try:
        collector = obtain.collector()
        for compression in ("none", "zstd"):
            subjects[f"logs, Collectors, {compression}"] = lambda c=compression: measure_collectors(collector, c, cores)
    except obtain.Absent as reason:
        say(f"tiers: not beside the OpenTelemetry Collector: {reason}")
    figures = bench(subjects)
    plain, zstd = (column(figures, f"logs, Collectors, {c}", 0) for c in ("none", "zstd"))
    if "tiers.hop.logs" in titles:
        best = max(plain, zstd, key=statistics.median) if plain else None
        yield result("tiers.hop.logs", "rows/CPU-s", column(figures, "logs", 0), None, best, "Collector")
    if "tiers.bytes.logs" in titles:
        yield result("tiers.bytes.logs", "bytes/row", column(figures, "logs", 1), None,
                     column(figures, "logs, Collectors, zstd", 1), "Collector, zstd")


def all_titles():
    return [*(t for rows in ROWS for t in [*hop_titles(rows), f"tiers.bytes.{rows}"]), "tiers.hop.logs", "tiers.bytes.logs"]


def main():
    parser = argparse.ArgumentParser(prog="bench_tiers")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(all_titles()))
        return 0

    def wants(title):
        return not arguments.names or title in arguments.names
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        for title in filter(wants, all_titles()):
            print(json.dumps({"name": title, "skipped": "it takes two cores: one for the edge, one for the region"}))
        return 0
    failed = False
    for part in [*(lambda rows=rows: bench_rows(rows, wants, cores) for rows in ROWS), lambda: bench_logs(wants, cores)]:
        try:
            for line in part():
                print(json.dumps(line), flush=True)
        except Failed as reason:
            say(f"tiers: {reason}")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    sys.exit(main())
