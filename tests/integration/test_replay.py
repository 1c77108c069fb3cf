# SPDX-License-Identifier: Apache-2.0
"""The input `replay` and files of frames: what was recorded comes again, as it was and when it should."""

import glob
import json
import subprocess

import pytest

from sonde import PATIENCE_S, SONDE, Daemon, run, wait_for

DAMAGE = 40     # bytes from the end of a frame, within its payload


@pytest.fixture(name="place")
def place_make(tmp_path):
    """A directory that a daemon may write to after it has become another user."""
    tmp_path.chmod(0o777)
    return tmp_path


def finish(place, body):
    """Runs a config until it ends by itself; returns what it logged."""
    daemon = Daemon(str(place), body)
    with daemon.start(ready=False):
        assert daemon.wait() == 0, daemon.log()
    return daemon.log()


def record(place, name="rows.frame", rows=1000, options="", batch=100):
    """Rows of `generate` as frames and as JSON."""
    with Daemon(str(place), f'''
    inputs:    {{ gen: {{ plugin = "generate"; rows = {rows}; batch = {batch}; }}; }};
    outputs:   {{ out: {{ plugin = "file"; path = "{place}/{name}"; format = "frame"; {options} }};
                 text: {{ plugin = "file"; path = "{place}/rows.json"; mode = "truncate"; }}; }};
    pipelines: {{ main: {{ from = ["gen"]; to = ["out", "text"]; }}; }};
    ''') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("text", "lines") == rows, "all rows are written")
        assert daemon.stop() == 0
    return place / name


def replaying(place, path, options="", at_end="end"):
    return f'''
    inputs:    {{ rep: {{ plugin = "replay"; path = "{path}"; at_end = "{at_end}"; {options} }}; }};
    outputs:   {{ text: {{ plugin = "file"; path = "{place}/played.json"; mode = "truncate";
                         queue: {{ when_full = "wait"; }}; }}; }};
    pipelines: {{ main: {{ from = ["rep"]; to = ["text"]; }}; }};
    '''


def play(place, path, options=""):
    """The rows that come of a recording, played as fast as can be."""
    finish(place, replaying(place, path, 'pace = "full"; ' + options))
    return (place / "played.json").read_text()


def numbers(text):
    return [json.loads(line)["generate.sequence"] for line in text.splitlines()]


# --- what comes again -----------------------------------------------------------------------------------------------

def test_rows_come_again_column_by_column_and_the_daemon_ends_with_the_recording(place):
    record(place)
    assert play(place, place / "rows.frame") == (place / "rows.json").read_text()


LINES = [
    {"resourceLogs": [{"resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}, "scopeLogs": [{
        "scope": {"name": "lib"}, "logRecords": [
            {"timeUnixNano": "1700000000000000000", "severityNumber": 9, "body": {"kvlistValue": {"values": [
                {"key": "a", "value": {"arrayValue": {"values": [{"intValue": "1"}, {"doubleValue": 0.5}]}}}]}}},
            {"timeUnixNano": "1700000000000000001", "body": {"bytesValue": "AAEC"}}]}]}]},
    {"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": "0123456789abcdef0123456789abcdef", "spanId": "0123456789abcdef", "name": "GET /", "kind": 2,
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000000000009",
        "events": [{"timeUnixNano": "1700000000000000001", "name": "retry"}],
        "links": [{"traceId": "fedcba9876543210fedcba9876543210", "spanId": "fedcba9876543210"}]}]}]}]},
    {"resourceMetrics": [{"scopeMetrics": [{"metrics": [
        {"name": "hits", "unit": "1", "sum": {"aggregationTemporality": 2, "isMonotonic": True, "dataPoints": [
            {"startTimeUnixNano": "1700000000000000000", "timeUnixNano": "1700000000000000009", "asInt": "7",
             "exemplars": [{"timeUnixNano": "1700000000000000003", "asDouble": 2.5}]}]}},
        {"name": "took", "exponentialHistogram": {"aggregationTemporality": 1, "dataPoints": [
            {"timeUnixNano": "1700000000000000009", "count": "3", "sum": 4.5, "scale": 2, "zeroCount": "1",
             "positive": {"offset": -3, "bucketCounts": ["1", "1"]}}]}}]}]}]},
]


def test_all_signals_of_otlp_come_again_with_their_child_tables_and_histograms(place):
    (place / "in.json").write_text("".join(json.dumps(line) + "\n" for line in LINES))
    with Daemon(str(place), f'''
    inputs:    {{ in: {{ plugin = "file"; path = "{place}/in.json"; }}; }};
    outputs:   {{ out: {{ plugin = "file"; path = "{place}/rows.frame"; format = "frame"; }};
                 otlp: {{ plugin = "file"; path = "{place}/was-%{{signal}}.json"; format = "otlp_json"; }};
                 text: {{ plugin = "file"; path = "{place}/rows.json"; }}; }};
    pipelines: {{ main: {{ from = ["in"]; to = ["out", "otlp", "text"]; }}; }};
    ''') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("text", "lines") == 5, "all rows are written")
        assert daemon.stop() == 0
    finish(place, f'''
    inputs:    {{ rep: {{ plugin = "replay"; path = "{place}/rows.frame"; pace = "full"; at_end = "end"; }}; }};
    outputs:   {{ otlp: {{ plugin = "file"; path = "{place}/is-%{{signal}}.json"; format = "otlp_json"; }};
                 text: {{ plugin = "file"; path = "{place}/played.json"; }}; }};
    pipelines: {{ main: {{ from = ["rep"]; to = ["otlp", "text"]; }}; }};
    ''')
    assert (place / "played.json").read_text() == (place / "rows.json").read_text()
    for signal in ("logs", "traces", "metrics"):
        was, is_ = ([json.loads(line) for line in (place / f"{when}-{signal}.json").read_text().splitlines()]
                    for when in ("was", "is"))
        assert was == is_


def test_closed_files_are_played_in_the_order_of_their_names(place):
    record(place, rows=3000, options='rotate_size = "600B"; level = 1;')
    files = sorted(glob.glob(str(place / "rows*.frame")))
    assert len(files) > 2
    assert numbers(play(place, place / "rows~*.frame") + play(place, place / "rows.frame")) == list(range(3000))


def test_frames_go_to_standard_output_too(place):
    config = place / "out.conf"
    config.write_text(f'''
    sonde:     {{ state = "{place}/state"; }};
    inputs:    {{ gen: {{ plugin = "generate"; rows = 500; }}; }};
    outputs:   {{ out: {{ plugin = "file"; path = "-"; format = "frame"; }}; }};
    pipelines: {{ main: {{ from = ["gen"]; to = ["out"]; }}; }};
    ''')
    done = subprocess.run([SONDE, "run", config, "--for", "1s"], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE_S, check=False)
    assert done.returncode == 0, done.stderr
    (place / "rows.frame").write_bytes(done.stdout)
    assert numbers(play(place, place / "rows.frame")) == list(range(500))


# --- when and how often ---------------------------------------------------------------------------------------------

def test_rounds_play_it_again(place):
    record(place)
    assert numbers(play(place, place / "rows.frame", "rounds = 3;")) == list(range(1000)) * 3


def timed(place):
    """Ten log records, a second apart."""
    lines = [{"resourceLogs": [{"scopeLogs": [{"logRecords": [{
        "timeUnixNano": str(1700000000000000000 + second * 1000000000), "body": {"stringValue": str(second)},
        "observedTimeUnixNano": str(1700000000500000000 + second * 1000000000)}]}]}]} for second in range(10)]
    (place / "in.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Daemon(str(place), f'''
    inputs:    {{ in: {{ plugin = "file"; path = "{place}/in.json"; }}; }};
    outputs:   {{ out: {{ plugin = "file"; path = "{place}/rows.frame"; format = "frame"; }}; }};
    pipelines: {{ main: {{ from = ["in"]; to = ["out"]; }}; }};
    ''') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("out", "lines") == 10, "all rows are written")
        assert daemon.stop() == 0
    return place / "rows.frame"


def bodies(text):
    return [json.loads(line)["body"] for line in text.splitlines()]


def test_a_part_can_be_played(place):
    path = timed(place)
    assert bodies(play(place, path, 'from = "2s"; until = "5s";')) == ["2", "3", "4"]
    assert bodies(play(place, path, 'from = "7500ms";')) == ["8", "9"]


def test_times_are_moved_together_so_that_it_begins_now(place):
    path = timed(place)
    rows = [json.loads(line) for line in play(place, path, "shift_time = true;").splitlines()]
    assert [row["body"] for row in rows] == [str(second) for second in range(10)]
    assert all(row["time"] > "2026" for row in rows)
    fractions = {row["time"].split(".")[1] for row in rows}
    assert len(fractions) == 1      # still a second apart
    assert all(row["time"] < row["observed_time"] for row in rows if "observed_time" in row)


def test_rows_wait_for_their_time_and_the_pace_is_a_knob(place):
    path = timed(place)
    with Daemon(str(place), replaying(place, path, 'pace = "0.001x";')) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("rep", "rows") == 1, "the first row comes at once")
        refused = daemon.ask("set", "rep.pace", "fast")
        assert refused.returncode == 4
        assert "try \"recorded\", \"10x\" or \"full\"" in refused.stderr
        assert daemon.status().counter("rep", "rows") == 1
        daemon.ask("set", "rep.pace", "full")
        assert daemon.wait() == 0, daemon.log()
    assert len(bodies((place / "played.json").read_text())) == 10


def test_by_default_the_daemon_stays(place):
    path = timed(place)
    with Daemon(str(place), replaying(place, path, 'pace = "full";', at_end="stay")) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("rep", "rounds") == 1, "it is played")
        wait_for(lambda: daemon.status().counter("text", "lines") == 10, "all rows are written")
        assert daemon.process.poll() is None
        assert daemon.stop() == 0


# --- damage ---------------------------------------------------------------------------------------------------------

def test_damaged_frames_are_left_out_counted_and_named(place):
    path = record(place, rows=3000, options="level = 1;")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data[:-DAMAGE])
    with Daemon(str(place), replaying(place, path, 'pace = "full";', at_end="stay")) as daemon:
        daemon.start()
        status = wait_for(lambda: (found := daemon.status()).counter("rep", "rounds") == 1 and found,
                          "it is played")
        counters = status.instance("rep")["counters"]
        wait_for(lambda: daemon.status().counter("text", "lines") == counters["rows"], "rows are written")
        assert daemon.stop() == 0
    assert counters["damaged"] == 2
    assert 0 < counters["rows"] < 3000
    assert f"{path}: {counters['damaged_bytes']}" in daemon.log() or "are left out: a damaged frame" in daemon.log()
    assert "are left out: the file ends within a frame" in daemon.log()
    came = numbers((place / "played.json").read_text())
    assert came == sorted(came) and len(came) == counters["rows"]


def test_a_torn_end_is_cut_off_before_more_is_recorded(place):
    path = record(place, options="level = 1;", batch=10)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    record(place, rows=20)
    assert path.read_bytes().startswith(whole)
    assert numbers(play(place, path)) == list(range(1000)) + list(range(20))


def test_another_file_is_left_alone(place):
    (place / "rows.frame").write_text("precious\n")
    (place / "rows.frame").chmod(0o666)
    with Daemon(str(place), f'''
    inputs:    {{ gen: {{ plugin = "generate"; rows = 10; }}; }};
    outputs:   {{ out: {{ plugin = "file"; path = "{place}/rows.frame"; format = "frame"; }}; }};
    pipelines: {{ main: {{ from = ["gen"]; to = ["out"]; }}; }};
    ''', settings='drain = "100ms";') as daemon:
        daemon.start()
        wait_for(lambda: "does not hold rows of this format" in daemon.log(), "it is said")
        daemon.stop()
    assert (place / "rows.frame").read_text() == "precious\n"


# --- what check says ------------------------------------------------------------------------------------------------

def test_check_finds_what_is_wrong_with_options(place):
    config = place / "bad.conf"
    config.write_text(f'''
    inputs:    {{ rep: {{ plugin = "replay"; path = "{place}/x.frame"; pace = "fast"; from = "5s"; until = "3s"; }}; }};
    outputs:   {{ zip: {{ plugin = "file"; path = "{place}/x.zst"; format = "frame"; compression = "zstd"; }};
                 end: {{ plugin = "file"; path = "{place}/x.zst"; format = "frame"; }}; }};
    pipelines: {{ main: {{ from = ["rep"]; to = ["zip", "end"]; }}; }};
    ''')
    said = run("check", config)
    assert said.returncode == 2
    assert 'inputs.rep.pace: "fast" is no pace: try "recorded", "10x" or "full"' in said.stderr
    assert "inputs.rep.until: is not behind `from`, so nothing would be played" in said.stderr
    assert "outputs.zip.compression: frames are compressed already" in said.stderr
    assert "outputs.end.path" in said.stderr and 'end it in ".frame"' in said.stderr
