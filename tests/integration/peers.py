# SPDX-License-Identifier: Apache-2.0
"""Real peers for tests of OTLP: SDKs that send, Collectors that receive and pass on, and what both sides hold compared.

A test that uses them also takes the mark `timeout(PEERS_S)`: what is not there yet is built or installed first.
"""

import functools
import json
import os
import signal
import subprocess
import sys

import pytest

from sonde import PROGRAMS, TREE, wait_for

sys.path.insert(0, os.path.join(TREE, "tests/peers"))
import obtain                                  # noqa: E402
from ports import free_port, is_taken          # noqa: E402

PEERS_S = 1500    # a bound for a test that may have to build the Collector
SIGNALS = ["traces", "logs", "metrics"]
# What each SDK can speak; that of Go has no JSON.
CLIENTS = [(name, protocol) for name in obtain.CLIENTS for protocol in ("grpc", "http", "http_json")
           if (name, protocol) != ("go", "http_json")]


@functools.lru_cache
def attempt(what):
    try:
        return what(), None
    except obtain.Absent as reason:
        return None, str(reason)


def needed(what):
    """What obtain's function gives, or the test is skipped with the reason."""
    found, reason = attempt(what)
    if reason:
        pytest.skip(reason)
    return found


def needed_plugin(kind):
    """Skips where this build has no otlp of that kind."""
    if not any(os.path.exists(os.path.join(PROGRAMS, "plugins", name)) for name in (f"otlp-{kind}.so", "otlp.so")):
        pytest.skip(f"there is no {kind} otlp in this build")


class Collector:
    """An OpenTelemetry Collector that keeps what it receives in files, or passes it on; ends with its context.

    `to`: (protocol, port) to pass on to."""

    def __init__(self, directory, to=None, name="collector"):
        self.program = needed(obtain.collector)
        self.ports = {"grpc": free_port(), "http": free_port()}
        self.ports["http_json"] = self.ports["http"]
        self.directory = os.path.join(directory, name)
        os.mkdir(self.directory)
        self.files = [] if to else [os.path.join(self.directory, f"{kind}.proto") for kind in SIGNALS]
        self.log_path = os.path.join(self.directory, "log")
        self.config = os.path.join(self.directory, "config.json")      # which is YAML too
        with open(self.config, "w") as file:
            json.dump(self.settings(to), file)
        self.process = None

    def settings(self, to):
        if not to:
            exporters = {f"file/{kind}": {"path": path, "format": "proto", "flush_interval": "50ms"}
                         for kind, path in zip(SIGNALS, self.files)}
        else:
            protocol, port = to
            of_grpc = {"otlp_grpc": {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True}}}
            of_http = {"otlp_http": {"endpoint": f"http://127.0.0.1:{port}",
                                     "encoding": "json" if protocol == "http_json" else "proto"}}
            exporters = of_grpc if protocol == "grpc" else of_http
        return {
            "receivers": {"otlp": {"protocols": {name: {"endpoint": f"127.0.0.1:{self.ports[name]}"}
                                                 for name in ("grpc", "http")}}},
            "exporters": exporters,
            "service": {"telemetry": {"metrics": {"level": "none"}},
                        "pipelines": {kind: {"receivers": ["otlp"],
                                             "exporters": [f"file/{kind}"] if not to else list(exporters)}
                                      for kind in SIGNALS}},
        }

    def __enter__(self):
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([self.program, "--config", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        wait_for(lambda: self.process.poll() is not None or all(map(is_taken, self.ports.values())),
                 "the Collector listens")
        assert self.process.poll() is None, self.log()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """Ends when all that it took is handed on."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0, self.log()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()


class Sent:
    """What a client of an SDK has sent: how many of each, and the path of the whole."""

    def __init__(self, path):
        self.path = path
        with open(path) as file:
            self.document = json.loads(file.read().splitlines()[-1])
        self.counts = {name: self.document[name] for name in ("spans", "logs", "points")}


def client_run(directory, name, protocol, port, count=24):
    """Runs the client of an SDK to its end, which is well only if all was acknowledged."""
    command = needed(obtain.CLIENTS[name])
    path = os.path.join(directory, f"sent-{name}-{protocol}.json")
    with open(path, "w") as sent:
        ended = subprocess.run([*command, "--endpoint", f"http://127.0.0.1:{port}", "--protocol", protocol, "--count",
                                str(count)], stdin=subprocess.DEVNULL, stdout=sent, stderr=subprocess.PIPE, text=True,
                               timeout=120, check=False,
                               env={name: value for name, value in os.environ.items() if not name.startswith("OTEL_")})
    assert ended.returncode == 0, ended.stderr[-4000:]
    return Sent(path)


def compare(sent_paths, received_paths):
    """{"spans"|"logs"|"points": {"sent", "received", "missing", "unexpected", …}}"""
    received_paths = [path for path in received_paths if os.path.exists(path)]
    program = os.path.join(TREE, "tests/peers/python/compare.py")
    ended = subprocess.run([needed(obtain.python), program, *sent_paths, "--", *received_paths],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    return json.loads(ended.stdout)


def difference(name, those):
    """The first item that is missing beside the one that stands in its place, from where they part."""
    pairs = list(zip(sorted(those["missing"]), sorted(those["unexpected"])))
    if not pairs:
        return f"{name}: missing {those['missing'][:1]}, unexpected {those['unexpected'][:1]}"
    sent, received = pairs[0]
    at = max(0, len(os.path.commonprefix(pairs[0])) - 100)
    return f"{name}:\n sent     … {sent[at:at + 300]}\n received … {received[at:at + 300]}"


def assert_same(sents, received_paths):
    """Each item that the clients made, and counted, is there with every field, and no other."""
    found = compare([sent.path for sent in sents], received_paths)
    for name, those in found.items():
        made = sum(sent.counts[name] for sent in sents)
        assert not those["missing"] and not those["unexpected"], difference(name, those)
        assert those["sent"] == those["received"] == made > 0, name
    return found
