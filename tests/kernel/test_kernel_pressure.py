# SPDX-License-Identifier: Apache-2.0
"""An output that does not answer: the kernel is turned down for it, and up again."""

import http.server
import threading
import time

import pytest

PERIOD_S = 60


class Backend(http.server.ThreadingHTTPServer):
    """Takes OTLP over HTTP, and answers only while `answers` is set."""
    daemon_threads = True

    def __init__(self):
        self.answers = threading.Event()
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                backend.answers.wait()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.answers.set()
    made.shutdown()
    made.server_close()


def around(backend, more="", beside=""):
    """All but the input `calls`: its way to the backend, and that of the input `more0` to a file."""
    return lambda path: f'''
outputs:   {{ backend: {{ plugin = "otlp"; endpoint = "{backend.url}"; timeout = "5m";
                          queue: {{ memory = "256KiB"; {more} }}; }};
              kept: {{ plugin = "file"; path = "{path}"; queue: {{ memory = "1GiB"; }}; }}; }};
pipelines: {{ kernel: {{ from = ["calls"]; to = ["backend"]; }}; {beside} }};
'''


class Load:
    """Calls without end in a cgroup."""

    def __init__(self, cgroup):
        self.cgroup, self.ended = cgroup, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ended.is_set():
            self.cgroup.run("many", 2_000)
            time.sleep(0.05)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def wait_until(daemon, holds):
    deadline = time.monotonic() + PERIOD_S
    while not holds(daemon.status()):
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.2)
    return daemon.status()


def sample_of(status, name):
    """0: its thread had no time to answer."""
    instance = next(each for each in status["instances"] if each["name"] == name)
    return int(instance["knobs"]["sample_one_in"]["value"]) if "knobs" in instance else 0


def test_a_backend_that_does_not_answer_turns_the_kernel_down_and_a_reload_gives_the_knob_back(start, cgroup, backend):
    calls = f'mode = "events"; cgroups = ["{cgroup.path}"];'
    daemon = start(calls, more=[f'{calls} sample_one_in = 3;'],
                   rest=around(backend, beside='other: { from = ["more0"]; to = ["kept"]; };'))
    with Load(cgroup):
        status = wait_until(daemon, lambda at: sample_of(at, "calls") > 1 and sample_of(at, "more0") and at["turned_down"])
        [turned] = status["turned_down"]
        assert (turned["input"], turned["knob"]) == ("calls", "sample_one_in")
        assert (turned["from"], turned["to"]) == ("kernel", "backend") and turned["queue_share"] > 0.5
        assert sample_of(status, "more0") == 3                           # it leads elsewhere
        text = daemon.command("status").stdout
        assert "turned down: calls to one row in " in text and "pressure = " in text
        daemon.wait_for("calls: sample_one_in is set to 2: queue kernel > backend is .* full")
        with open(f"{daemon.directory}/test.conf") as file:
            config = file.read()
        with open(f"{daemon.directory}/test.conf", "w") as file:
            file.write(config.replace('memory = "256KiB";', 'memory = "256KiB"; turn_down = false;'))
        done = daemon.command("reload")
        assert done.returncode == 0, done.stdout
        status = wait_until(daemon, lambda at: sample_of(at, "calls") == 1)
        assert not status["turned_down"]
    backend.answers.set()
    status = wait_until(daemon, lambda at: at["ledger_closes"])
    kernel = next(each for each in status["ledger"] if each["kind"] == "kernel" and each["name"] == "calls")
    assert kernel["reduced"]["sampled"]["events"] > 0


@pytest.mark.long
def test_when_the_backend_answers_again_all_steps_are_taken_back(start, cgroup, backend):
    daemon = start(f'mode = "events"; cgroups = ["{cgroup.path}"];', rest=around(backend))
    with Load(cgroup):
        wait_until(daemon, lambda at: sample_of(at, "calls") >= 4)
        backend.answers.set()
        status = wait_until(daemon, lambda at: sample_of(at, "calls") == 1)
    assert "calls: sample_one_in falls back" in daemon.log()
    status = wait_until(daemon, lambda at: at["ledger_closes"])
    routes = [each for each in status["ledger"] if each["name"] == "kernel > backend"]
    assert routes[0]["lost"]["queue full"]["rows"] > 0 and routes[0]["out"]["rows"] > 0
