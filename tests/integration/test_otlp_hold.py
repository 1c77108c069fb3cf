# SPDX-License-Identifier: Apache-2.0
"""The input `otlp` when its queues are full: requests wait for room, unread, and are refused only when that lasts."""

import concurrent.futures
import contextlib
import socket
import threading

import pytest
from http_mirror import DATA, END_HEADERS, HEADERS, Http2, frame, head
from otlp_receiver import OK, Receiver, field
from sonde import wait_for
from test_otlp_input import PROTOBUF, Sonde, backend_output, file_output, log, logs, numbers, pair, rows

pytestmark = [pytest.mark.timeout(180), pytest.mark.asan]

ROWS = 40
SMALL, LARGE = 'memory = "4MiB"; when_full = "wait";', 'memory = "64MiB"; when_full = "wait";'


def rows_of(number):
    """A request of 40 rows, of some 43 kB, that are numbered."""
    return logs(*[log(ROWS * number + i, field(6, pair("pad", "x" * 1000))) for i in range(ROWS)])


class Blocked(Sonde):
    """A daemon whose output waits until it is let go, and whose queues are full."""

    def __init__(self, directory, hold, options=""):
        self.gate = threading.Event()
        self.receiver = Receiver(decide=self.decide)
        self.pool = concurrent.futures.ThreadPoolExecutor(16)
        self.answers = []
        self.taken = 0      # requests, at first
        super().__init__(directory, backend_output(self.receiver), f'hold = "{hold}"; {options}', SMALL,
                         more=f"queue: {{ {SMALL} }};")
        self.path = directory / "rows.jsonl"    # what the pipeline lets pass, in order
        with open(self.config) as file:
            config = file.read()
        config = config.replace("outputs:   {", f'outputs:   {{ beside: {{ {file_output(self.path)} }};')
        with open(self.config, "w") as file:
            file.write(config.replace('to = ["out"]', 'to = ["out", "beside"]'))

    def decide(self, _):
        self.gate.wait(60)
        return OK

    def __enter__(self):
        self.receiver.__enter__()
        super().__enter__()
        self.start()
        return self

    def __exit__(self, *details):
        self.gate.set()
        self.pool.shutdown()
        super().__exit__(*details)
        self.receiver.__exit__(*details)

    def fill(self):
        """Sends until there is no room, and leaves the option as it was."""
        with open(self.config) as file:
            hold = file.read().split('hold = "')[1].split('"')[0]
        self.set("apps.hold", "0s")
        while self.post(rows_of(self.taken))[0] == 200:
            self.taken += 1
        assert self.taken > 10
        self.set("apps.hold", hold)

    def counter(self, name):
        return self.status().counter("apps", name)

    def submit(self, number, send=None):
        """Sends a request and waits until it is held."""
        held = self.counter("held")
        self.answers.append(self.pool.submit(send or self.post, rows_of(number)))
        wait_for(lambda: self.counter("held") == held + 1, "it is held")

    def codes(self):
        """What the senders heard: over HTTP the status, over gRPC its own."""
        heard = [answer.result() for answer in self.answers]
        return [answer[0] if len(answer) == 3 else int(answer[1]["grpc-status"]) for answer in heard]

    def end(self, count):
        """Ends it: so many requests of ours, and no other, must have been taken and arrived once."""
        assert self.stop() == 0
        ledger = self.ledger()
        ledger.assert_closes()
        assert ledger["input", "apps"].rows("in") == count * ROWS
        assert ledger.lost_rows() == 0
        return [n for request in self.receiver.taken() for n in numbers(request.body)]


def test_requests_wait_for_room_and_none_is_refused(tmp_path):
    with Blocked(tmp_path, "10s") as sonde:
        def send(number):
            return sonde.post(rows_of(number)) if number % 2 else sonde.call(rows_of(number))
        sonde.answers = [sonde.pool.submit(send, number) for number in range(400)]
        wait_for(lambda: sonde.counter("held") >= 16, "all senders wait")
        assert sonde.counter("full") == 0
        sonde.gate.set()
        assert set(sonde.codes()) == {200, 0}
        assert sonde.counter("full") == 0
        arrived = sonde.end(400)
    assert sorted(arrived) == [*range(400 * ROWS)]


def test_requests_are_let_in_in_the_order_in_which_they_came(tmp_path):
    with Blocked(tmp_path, "10s") as sonde:
        sonde.fill()
        first = sonde.taken
        for number in range(first, first + 12):
            sonde.submit(number, sonde.call if number % 3 == 0 else None)
        sonde.gate.set()
        assert set(sonde.codes()) == {200, 0}
        sonde.end(first + 12)
        order = [row["n"] // ROWS for row in rows(sonde.path) if row["n"] % ROWS == 0]
    assert sorted(order) == [*range(first + 12)]
    for kind in (lambda number: number % 3 == 0, lambda number: number % 3):    # each takes its way from the line on
        assert [n for n in order[first:] if kind(n)] == [n for n in range(first, first + 12) if kind(n)]


def test_what_waits_for_too_long_is_told_when_to_come_again(tmp_path):
    with Blocked(tmp_path, "100ms", 'retry_after = "7s";') as sonde:
        sonde.fill()
        full = sonde.counter("full")
        for _ in range(3):
            code, headers, _ = sonde.post(rows_of(0))
            assert (code, headers.get("retry-after")) == (503, "7")
            _, trailers = sonde.call(rows_of(0))
            assert trailers["grpc-status"] == "14"
            assert "grpc-status-details-bin" in trailers
        assert sonde.counter("held") == 6
        assert sonde.counter("full") == full + 6
        sonde.gate.set()
        wait_for(lambda: sonde.post(rows_of(sonde.taken))[0] == 200, "there is room again")
        sonde.end(sonde.taken + 1)


def test_without_hold_a_request_is_refused_at_once(tmp_path):
    with Blocked(tmp_path, "0s") as sonde:
        sonde.fill()
        assert sonde.post(rows_of(0))[0] == 503
        assert sonde.counter("held") == 0


def test_a_request_that_never_fits_holds_up_nobody(tmp_path):
    with Blocked(tmp_path, "10s") as sonde:
        sonde.fill()
        sonde.submit(sonde.taken)
        large = logs(log(0, field(6, pair("pad", "x" * (5 << 20)))))
        sonde.answers.append(sonde.pool.submit(sonde.post, large))
        wait_for(lambda: sonde.counter("held") == 2, "it is held")
        sonde.submit(sonde.taken + 1)
        sonde.gate.set()
        assert sonde.codes() == [200, 413, 200]
        sonde.end(sonde.taken + 2)


def test_who_leaves_while_waiting_holds_up_nobody(tmp_path):
    with Blocked(tmp_path, "10s") as sonde, contextlib.ExitStack() as stack:
        sonde.fill()
        head = (f"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n"
                f"Content-Length: 1000000\r\n\r\n").encode()
        gone = [stack.enter_context(socket.create_connection(("127.0.0.1", sonde.http))) for _ in range(8)]
        for connection in gone:
            connection.sendall(head)
        wait_for(lambda: sonde.counter("held") == 8, "they wait")
        sonde.submit(sonde.taken)
        for i, connection in enumerate(gone):
            if i % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
        sonde.gate.set()
        assert sonde.codes() == [200]
        sonde.end(sonde.taken + 1)


def test_too_much_that_comes_while_it_is_to_wait_is_refused(tmp_path):
    path, headers = "/opentelemetry.proto.collector.logs.v1.LogsService/Export", {"content_type": "application/grpc"}
    with Blocked(tmp_path, "10s") as sonde, contextlib.ExitStack() as stack:
        sonde.fill()
        full = sonde.counter("full")
        for _ in range(9):
            connection = socket.create_connection(("127.0.0.1", sonde.grpc), timeout=30)
            stack.enter_context(Http2(None, connection=connection)).send(
                frame(HEADERS, END_HEADERS, 1, head(path, **headers)), *(frame(DATA, 0, 1, bytes(16384)) for _ in range(240)))
        wait_for(lambda: sonde.counter("full") > full, "one is refused")
        assert (sonde.counter("full"), sonde.counter("held")) == (full + 1, 9)
        [crowded] = [row["crowded out"] for address, row in sonde.status().instance("apps")["report"]["listens"].items()
                     if address.endswith(str(sonde.grpc))]
        assert crowded == 1


def test_what_waits_is_sent_elsewhere_at_the_end(tmp_path):
    with Blocked(tmp_path, "10s") as sonde:
        sonde.fill()
        for number in range(4):
            sonde.submit(number)
        sonde.send(15)
        assert sonde.codes() == [503] * 4
        sonde.gate.set()
        assert sonde.wait() == 0
        ledger = sonde.ledger()
        ledger.assert_closes()
        assert ledger["input", "apps"].rows("in") == sonde.taken * ROWS


def test_what_waits_is_refused_when_the_knob_says_so(tmp_path):
    with Blocked(tmp_path, "10s") as sonde:
        sonde.fill()
        for number in range(4):
            sonde.submit(number)
        sonde.set("apps.hold", "0s")
        assert sonde.codes() == [503] * 4


def test_a_reload_that_makes_room_lets_in_what_waits(tmp_path):
    with Blocked(tmp_path, "10s") as sonde:
        sonde.fill()
        for number in range(4):
            sonde.submit(sonde.taken + number)
        with open(sonde.config) as file:
            config = file.read()
        with open(sonde.config, "w") as file:
            file.write(config.replace(SMALL, LARGE))
        sonde.reload()
        assert sonde.codes() == [200] * 4
        sonde.gate.set()
        sonde.end(sonde.taken + 4)
