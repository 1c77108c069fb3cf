# SPDX-License-Identifier: Apache-2.0
"""The input `file` under a daemon: what it reads, how it follows files, and what it remembers over restarts."""

import glob
import json
import os
import re
import signal

import pytest

from sonde import Daemon, run, wait_for


def body(path, out, options="", queue='memory = "64MiB"; when_full = "wait";'):
    """Lines of files as lines of other files."""
    return f'''
    inputs:    {{ in: {{ plugin = "file"; path = ["{path}"]; interval = "20ms"; {options} }}; }};
    outputs:   {{ out: {{ plugin = "file"; format = "otlp_json"; path = "{out}/%{{signal}}.json"; queue: {{ {queue} }}; }}; }};
    pipelines: {{ main: {{ from = ["in"]; to = ["out"]; }}; }};
    '''


@pytest.fixture(name="place")
def place_make(tmp_path):
    """A directory that a daemon may write to after it has become another user."""
    for name in ("in", "out", "keep"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o777)
    return tmp_path


def record(number):
    return {"timeUnixNano": str(1700000000000000000 + number), "severityNumber": 9,
            "body": {"stringValue": f"record {number}"}, "attributes": [{"key": "number", "value": {"intValue": str(number)}}]}


def logs(*numbers):
    """A line of so many records."""
    return json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record(n) for n in numbers]}]}]}) + "\n"


def numbers_in(place):
    """Of all records that came out, in their order."""
    numbers = []
    for path in sorted(glob.glob(str(place / "out" / "logs*.json"))):
        with open(path) as file:
            for line in file:
                for resource in json.loads(line)["resourceLogs"]:
                    for scope in resource["scopeLogs"]:
                        numbers += [int(entry["attributes"][0]["value"]["intValue"]) for entry in scope["logRecords"]]
    return numbers


def wait_for_numbers(place, wanted):
    wait_for(lambda: sorted(numbers_in(place)) == sorted(wanted), f"{len(wanted)} records")


def append(path, text):
    with open(path, "a") as file:
        file.write(text)


# --- what is read ---------------------------------------------------------------------------------------------------

SPANS = {"resourceSpans": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
    "scopeSpans": [{"scope": {"name": "lib", "version": "1"}, "spans": [{
        "traceId": "0123456789abcdef0123456789abcdef", "spanId": "0123456789abcdef", "name": "GET /", "kind": 2,
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000000000009",
        "events": [{"timeUnixNano": "1700000000000000001", "name": "retry"}],
        "links": [{"traceId": "fedcba9876543210fedcba9876543210", "spanId": "fedcba9876543210"}],
        "status": {"message": "no", "code": 2}}]}]}]}
METRICS = {"resourceMetrics": [{"scopeMetrics": [{"metrics": [
    {"name": "hits", "unit": "1", "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [
        {"startTimeUnixNano": "1700000000000000000", "timeUnixNano": "1700000000000000009", "asInt": "7",
         "attributes": [{"key": "a", "value": {"stringValue": "b"}}]}]}},
    {"name": "took", "unit": "s", "histogram": {"aggregationTemporality": 1, "dataPoints": [
        {"startTimeUnixNano": "1700000000000000000", "timeUnixNano": "1700000000000000009", "count": "3", "sum": 4.5,
         "bucketCounts": ["1", "2"], "explicitBounds": [0.5], "min": 0.25, "max": 3}]}}]}]}]}


def lines_of(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def test_what_was_written_is_read_and_written_alike(place):
    first = place / "in" / "all.json"
    first.write_text("".join(json.dumps(document) + "\n" for document in (SPANS, METRICS)) + logs(1, 2, 3))
    with Daemon(place, body(place / "in" / "*.json", place / "out")) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out") == 6, "all rows")
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()
    assert lines_of(place / "out" / "traces.json") == [SPANS]
    assert lines_of(place / "out" / "metrics.json") == [METRICS]
    assert lines_of(place / "out" / "logs.json") == [json.loads(logs(1, 2, 3))]

    again = place / "again"
    again.mkdir()
    again.chmod(0o777)
    with Daemon(place, body(place / "out" / "*.json", again), state="state2", name="again") as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out") == 6, "all rows")
        assert daemon.stop() == 0
    for name in ("traces", "metrics", "logs"):
        assert (again / f"{name}.json").read_text() == (place / "out" / f"{name}.json").read_text()


@pytest.mark.asan
def test_a_bad_line_is_named_and_left_out(place):
    path = place / "in" / "a.json"
    path.write_text(logs(1) + '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"012"}]}]}]}\n' + "no\n" +
                    '{"a":1}\n' + "x" * 5000 + "\n" + logs(2))
    with Daemon(place, body(path, place / "out", 'line_limit = "4KiB";')) as daemon:
        daemon.start()
        wait_for_numbers(place, [1, 2])
        wait_for(lambda: daemon.status().counter("in", "bad_lines") == 4, "four bad lines")
        log = daemon.log()
        assert daemon.stop() == 0
    assert f"{path}:2:59: left out: resourceLogs[0].scopeLogs[0].logRecords[0].traceId: 3 hex digits, 32 are needed" in log
    assert f"{path}:3:1: left out: " in log
    assert f"{path}:4:1: left out: neither resourceLogs, resourceSpans nor resourceMetrics is in it" in log
    assert f"{path}:5: left out: it is longer than line_limit" in log


# --- following ------------------------------------------------------------------------------------------------------

def test_files_are_followed_and_half_a_line_waits(place):
    path = place / "in" / "a.json"
    line = logs(2)
    path.write_text(logs(1) + line[:30])
    with Daemon(place, body(place / "in" / "*.json", place / "out")) as daemon:
        daemon.start()
        wait_for_numbers(place, [1])
        append(path, line[30:])
        wait_for_numbers(place, [1, 2])
        (place / "in" / "b.json").write_text(logs(3))
        append(path, logs(4))
        wait_for_numbers(place, [1, 2, 3, 4])
        assert daemon.status().counter("in", "bad_lines") == 0
        assert daemon.stop() == 0


def test_from_the_end_is_the_next_whole_line_of_what_is_there_and_all_of_what_comes(place):
    path = place / "in" / "a.json"
    path.write_text(logs(1) + logs(2)[:20])
    with Daemon(place, body(place / "in" / "*.json", place / "out", 'from = "end";')) as daemon:
        daemon.start()
        wait_for(lambda: str(path) in json.dumps(daemon.status().document), "the file is known")
        append(path, logs(2)[20:] + logs(3))
        (place / "in" / "b.json").write_text(logs(4))
        wait_for_numbers(place, [3, 4])
        assert daemon.status().counter("in", "bad_lines") == 0
        assert daemon.stop() == 0


@pytest.mark.parametrize("how", ["rename", "rename within", "truncate", "replace"])
def test_nothing_is_lost_or_twice_when_files_are_rotated(place, how):
    path = place / "in" / "a.json"
    path.write_text("")
    wanted = []
    with Daemon(place, body(place / "in" / "*.json", place / "out")) as daemon:
        daemon.start()
        for turn in range(5):
            numbers = range(turn * 10, turn * 10 + 10)
            append(path, "".join(logs(number) for number in numbers))
            wanted += numbers
            if how == "truncate":       # what is cut off before it was read cannot be read
                wait_for_numbers(place, wanted)
                os.truncate(path, 0)
            elif how == "replace":
                wait_for_numbers(place, wanted)
                os.unlink(path)
                path.write_text("")
            else:
                wait_for(lambda: daemon.status().counter("in", "lines") > turn * 10, "it is being read")
                os.rename(path, place / "in" / (f"a-{turn}.json" if "within" in how else f"a.json.{turn}"))
                path.write_text("")
        wait_for_numbers(place, wanted)
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()


# --- what is remembered ---------------------------------------------------------------------------------------------

def test_a_restart_goes_on_where_the_last_run_was_done(place):
    path = place / "in" / "a.json"
    path.write_text("".join(logs(n) for n in range(100)))
    config = body(place / "in" / "*.json", place / "out", f'position = "{place}/keep/positions"; from = "end";')
    with Daemon(place, config.replace('from = "end";', "")) as daemon:
        daemon.start()
        wait_for_numbers(place, range(100))
        assert daemon.stop() == 0
    os.rename(path, place / "in" / "old.json")
    append(place / "in" / "old.json", "".join(logs(n) for n in range(100, 150)))
    path.write_text(logs(900))          # new to the second run, which begins it at its end
    with Daemon(place, config) as daemon:
        daemon.start()
        wait_for_numbers(place, range(150))
        append(place / "in" / "old.json", "bad\n")
        wait_for(lambda: f"{place}/in/old.json:151:" in daemon.log(), "the number of a line is known")
        assert daemon.stop() == 0
    assert sorted(numbers_in(place)) == list(range(150))


def test_a_killed_daemon_leaves_nothing_out(place):
    path = place / "in" / "a.json"
    rows = 4000
    path.write_text("".join(logs(n) for n in range(rows)))
    config = body(path, place / "out", f'position = "{place}/keep/positions";')
    with Daemon(place, config) as daemon:
        for _ in range(3):
            before = len(numbers_in_whole_lines(place))
            daemon.start()
            wait_for(lambda: len(numbers_in_whole_lines(place)) > before or before >= rows, "some rows")
            daemon.stop(signal.SIGKILL)
        daemon.start()
        wait_for(lambda: set(numbers_in_whole_lines(place)) == set(range(rows)), "all rows")
        assert daemon.stop() == 0
    assert set(numbers_in(place)) == set(range(rows))


def numbers_in_whole_lines(place):
    """While it is being written: without the half line that may be at the end."""
    path = place / "out" / "logs.json"
    text = path.read_text() if path.exists() else ""
    return [int(n) for n in re.findall(r'"number","value":\{"intValue":"(\d+)"', text[:text.rfind("\n") + 1])]


def test_what_is_no_position_file_is_refused_and_left_alone(place):
    positions = place / "keep" / "positions"
    positions.write_text("mine\n")
    positions.chmod(0o666)
    with Daemon(place, body(place / "in" / "*", place / "out", f'position = "{positions}";')) as daemon:
        daemon.start()
        wait_for(lambda: f"{positions}:1: not what this input has written" in daemon.log(), "it is refused")
        assert daemon.stop() == 0
    assert positions.read_text() == "mine\n"


# --- no room --------------------------------------------------------------------------------------------------------

def test_nothing_is_lost_where_the_output_waits(place):
    rows = 3000
    (place / "in" / "a.json").write_text("".join(logs(n) for n in range(rows)))
    fifo = place / "keep" / "fifo"
    os.mkfifo(fifo, 0o666)
    fifo.chmod(0o666)
    config = body(place / "in" / "*", place / "out", queue='memory = "256KiB"; when_full = "wait";')
    config = config.replace("out/%{signal}.json", "keep/fifo").replace('format = "otlp_json"', 'format = "json"')
    seen = []
    with Daemon(place, config) as daemon:
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        daemon.start()
        wait_for(lambda: daemon.status().counter("in", "rows") > 0, "rows come")
        assert daemon.status().counter("in", "rows") < rows     # it waits: the pipe is full, and so is the queue
        os.set_blocking(reader, True)
        with os.fdopen(reader) as file:
            while len(seen) < rows:
                seen.append(json.loads(file.readline())["number"])
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()
        assert daemon.ledger().lost_rows() == 0
    assert seen == list(range(rows))


def test_check_and_the_manual_know_it(place):
    config = place / "wrong.conf"
    config.write_text(body(place / "in" / "*", place / "out", 'from = "middle";'))
    result = run("check", config)
    assert result.returncode != 0 and "inputs.in.from" in result.stdout + result.stderr
    manual = " ".join(run("plugins", "file-input").stdout.split())
    assert "followed as they grow" in manual and "line_limit" in manual
