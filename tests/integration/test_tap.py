# SPDX-License-Identifier: Apache-2.0
"""Rows of a running pipeline: which are shown, what is said of the others, and that nothing waits for who looks."""

import json
import os
import re
import signal
import socket
import struct
import subprocess

import pytest

from sonde import PATIENCE_S, SONDE, Daemon, run, wait_for

pytestmark = [pytest.mark.sanitizers, pytest.mark.timeout(120)]
PIPELINE = '''
inputs:     {{ gen: {{ plugin = "generate"; rate = 5000; batch = 100; }}; }};
processors: {{ even: {{ plugin = "filter"; keep = "generate.value % 2 = 0"; }};
              low: {{ plugin = "filter"; keep = "generate.value < 500"; }}; }};
outputs:    {{ out: {{ plugin = "null"; }}; }};
pipelines:  {{ {name}: {{ from = ["gen"]; through = [{through}]; to = ["out"]; }}; }};
'''
BODY = PIPELINE.format(name="main", through='"even", "low"')
ROWS, NOTE, COUNT = 256, 257, 258
LIMIT = 8       # taps at a time


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("tap"), BODY) as daemon:
        started(daemon)
        yield daemon
        assert daemon.stop() == 0


def started(daemon):
    """One that answers may still have to give up privileges."""
    daemon.start()
    wait_for(lambda: "ready after" in daemon.log(), "the daemon is ready")
    return daemon


def tap(daemon, *words):
    """One that ends by itself: its rows, and what it says at the end."""
    result = daemon.ask("tap", *words)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()], result.stderr


def counts(text):
    """Of "… 1,234 rows passed, 5 shown, 6 left out", the last such line; all that passed must be in it."""
    line = [line for line in text.splitlines() if " passed, " in line][-1]
    numbers = {what: int(number.replace(",", "")) for number, what in re.findall(r"([\d,]+) (?:rows? )?([a-z ]+)", line)}
    assert numbers["passed"] == sum(numbers.values()) - numbers["passed"], line
    return numbers


class Tap:
    """One that goes on until it is told to end."""

    def __init__(self, daemon, *words):
        self.process = subprocess.Popen([SONDE, "tap", *words, "--state", daemon.state], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def row(self):
        return json.loads(self.process.stdout.readline())

    def end(self, number=None):
        """Its exit code, and what it says."""
        if number:
            self.process.send_signal(number)
        _, error = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, error


class Client:
    """One that speaks with the control socket itself, and reads when it likes."""

    def __init__(self, daemon, *words):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(os.path.join(daemon.state, "control.sock"))
        payload = b"".join(word.encode() + b"\0" for word in words)
        self.socket.sendall(struct.pack("=8sHHI", b"sonde-c\0", 1, 0, len(payload)) + payload)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def exactly(self, length):
        data = b""
        while len(data) < length:
            piece = self.socket.recv(length - len(data))
            assert piece, "the daemon hung up"
            data += piece
        return data

    def message(self):
        magic, version, code, length = struct.unpack("=8sHHI", self.exactly(16))
        assert (magic, version) == (b"sonde-c\0", 1)
        return code, self.exactly(length).decode()

    def next(self, wanted):
        """The next message of that kind."""
        for _ in range(100):
            code, text = self.message()
            if code == wanted:
                return text
        raise AssertionError(f"no message {wanted} came")

    def last(self):
        """Its last message, and how many rows came before it."""
        rows = 0
        while True:
            code, text = self.message()
            if code < ROWS:
                return code, text, rows
            rows += text.count("\n") if code == ROWS else 0


# --- what is shown --------------------------------------------------------------------------------------------------

def test_rows_that_leave_a_pipeline_are_shown_up_to_the_limit(daemon):
    rows, said = tap(daemon, "main", "--limit", "20")
    assert len(rows) == 20 and all(row["schema"] == "generate" for row in rows)
    assert all(row["generate.value"] % 2 == 0 and row["generate.value"] < 500 for row in rows)
    assert counts(said)["shown"] == 20


def test_rows_that_leave_an_input_or_a_processor_are_shown(daemon):
    rows, _ = tap(daemon, "gen", "--limit", "100", "--rate", "1000")
    assert {row["generate.value"] % 2 for row in rows} == {0, 1}
    rows, _ = tap(daemon, "main", "--after", "even", "--where", "generate.value >= 500", "--limit", "5")
    assert all(row["generate.value"] % 2 == 0 and row["generate.value"] >= 500 for row in rows)


def test_conditions_and_columns_choose(daemon):
    rows, said = tap(daemon, "main", "--where", "generate.word = 'red' and generate.value > 100", "--limit", "10",
                     "--columns", "generate.v*,generate.word")
    assert all(set(row) == {"schema", "generate.value", "generate.word"} for row in rows)
    assert all(row["generate.word"] == "red" and row["generate.value"] > 100 for row in rows)
    assert counts(said)["did not match"] > 0


def test_a_table_is_for_people(daemon):
    result = daemon.ask("tap", "main", "--format", "table", "--limit", "3")
    assert result.returncode == 0 and result.stdout.count("generate.value=") == 3


def test_what_is_wrong_is_said_and_how_to_mend_it(daemon, tmp_path):
    for words, code, message in [(["mian"], 4, 'there is no pipeline and no input "mian" (did you mean "main"?)'),
                                 (["main", "--after", "gen"], 4, 'no pipeline "main" with a processor "gen" in it'),
                                 (["main", "--where", "a + "], 2, "--where, at 5: "),
                                 (["main", "--limit", "0"], 2, '--limit: "0" is not a number'),
                                 (["main", "--rate", "1e9"], 2, '--rate: "1e9" is not a number'),
                                 (["main", "--format", "xml"], 2, 'is neither "table" nor "json"'),
                                 (["main", "--columns", "a,,b"], 2, "has an empty name"),
                                 ([], 2, "name one pipeline or input")]:
        result = daemon.ask("tap", *words)
        assert (result.returncode, result.stdout) == (code, ""), words
        assert message in result.stderr, (words, result.stderr)
    assert run("tap", "main", "--state", tmp_path).returncode == 3


def test_ctrl_c_ends_it_and_all_rows_are_accounted_for(daemon):
    with Tap(daemon, "main", "--rate", "10") as shown:
        assert [shown.row()["schema"] for _ in range(10)] == ["generate"] * 10
        code, said = shown.end(signal.SIGINT)
    assert code == 0 and counts(said)["shown"] >= 10


def test_a_mistyped_column_is_named_while_it_runs(daemon):
    with Tap(daemon, "main", "--where", "generate.valu = 5") as shown:
        line = shown.process.stderr.readline()
        assert 'did you mean "generate.value"?' in line and "in rows of generate" in line
        code, said = shown.end(signal.SIGTERM)
    assert code == 0 and counts(said)["shown"] == 0


def test_a_reader_that_has_seen_enough_ends_it(daemon):
    with Tap(daemon, "main") as shown:
        shown.row()
        shown.process.stdout.close()
        assert shown.process.wait(timeout=PATIENCE_S) == 0


def test_words_are_completed(daemon):
    result = run("complete", "tap", "--state", daemon.state, "")
    assert result.stdout.splitlines() == ["main\tpipeline", "gen\tinput generate"]
    result = run("complete", "tap", "--state", daemon.state, "main", "--after", "")
    assert result.stdout.splitlines() == ["even\tprocessor filter", "low\tprocessor filter"]


# --- several, and slow ones -----------------------------------------------------------------------------------------

def test_several_look_at_once_and_one_too_many_is_refused(daemon):
    clients = [Client(daemon, "tap", "main", "rate=5", "format=json") for _ in range(LIMIT)]
    try:
        for client in clients:
            assert client.message()[0] == COUNT
            assert client.message()[0] == ROWS
        result = daemon.ask("tap", "main")
        assert result.returncode == 4 and f"there are {LIMIT} taps already" in result.stderr
        clients.pop().socket.close()
        wait_for(lambda: daemon.ask("tap", "main", "--limit", "1").returncode == 0, "there is a place again")
    finally:
        for client in clients:
            client.socket.close()


def test_a_client_that_does_not_read_holds_up_nothing(tmp_path):
    rows = 400000
    body = f'''
    inputs:    {{ gen: {{ plugin = "generate"; rows = {rows}; batch = 1000; waits = true; tokens = true; }}; }};
    outputs:   {{ out: {{ plugin = "null"; }}; }};
    pipelines: {{ main: {{ from = ["gen"]; to = ["out"]; }}; }};
    '''
    hold = body.replace(f"rows = {rows};", f"rows = {rows}; rate = 1;")
    with Daemon(tmp_path, hold) as daemon:
        started(daemon)
        with Client(daemon, "tap", "main", "format=json", "rate=100000") as stalled:
            assert stalled.message()[0] == COUNT
            daemon.set("gen.rate", "0")
            wait_for(lambda: daemon.status().route("main > out").rows("out") == rows, "all rows are handed over")
            status = daemon.status()
            status.assert_closes()
            assert status.lost_rows() == 0
            # nor does what waits for the rows' answers: their tokens come back while nobody reads
            wait_for(lambda: daemon.status().counter("gen", "delivered_rows") == rows, "all rows are answered")
            stalled.socket.shutdown(socket.SHUT_WR)
            code, text, shown = stalled.last()
        seen = counts(text)
        assert code == 0 and seen["passed"] <= rows and seen["shown"] == shown < rows
        assert seen["not looked at"] > 0
        assert daemon.stop() == 0


# --- what happens to the daemon -------------------------------------------------------------------------------------

def test_a_reload_is_followed_or_ends_it(tmp_path):
    with Daemon(tmp_path, BODY) as daemon:
        started(daemon)
        with Client(daemon, "tap", "main", "format=json", "rate=10") as client:
            assert [client.message()[0] for _ in range(2)] == [COUNT, ROWS]
            daemon.write(BODY, 'slow = "2s";')
            daemon.reload()         # the pipeline goes on as it is, and so does who looks
            daemon.write(PIPELINE.format(name="main", through='"low"').replace("generate.value < 500",
                                                                              "generate.value >= 500"))
            daemon.reload()
            assert client.next(NOTE) == "a reload put another main in its place: going on there\n"
            assert all(json.loads(line)["generate.value"] >= 500 for line in client.next(ROWS).splitlines())
            daemon.write(PIPELINE.format(name="other", through='"low"'))
            daemon.reload()
            assert client.next(NOTE) == "a reload took main out\n"
            code, text, _ = client.last()
            assert code == 4
            counts(text)
        assert daemon.stop() == 0


def test_the_end_of_the_daemon_ends_it(tmp_path):
    with Daemon(tmp_path, BODY) as daemon:
        started(daemon)
        with Tap(daemon, "main", "--rate", "5") as shown:
            shown.row()
            assert daemon.stop() == 0
            code, said = shown.end()
            assert code == 0 and "the daemon ends" in said
            counts(said)
        started(daemon)
        with Tap(daemon, "main", "--rate", "5") as shown:
            shown.row()
            daemon.send(signal.SIGKILL)
            code, said = shown.end()
            assert code == 3 and "the daemon is gone" in said
        daemon.wait()
