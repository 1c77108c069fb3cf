# SPDX-License-Identifier: Apache-2.0
"""The tools that judge others: OTLP load, sink and relay tell every loss, repetition and refusal, to the row."""

import gzip
import http.client
import importlib.machinery
import importlib.util
import os
import sys

import pytest

from otlp_receiver import field, varint
from sonde import BUILD, TREE, wait_for

sys.path.insert(0, os.path.join(TREE, "tests/bench"))
from otlp_tools import Relay, Sink, load_end, load_start     # noqa: E402

if not os.access(os.path.join(BUILD, "tests/bench/otlp_sink"), os.X_OK):
    pytest.skip("the benchmarks are not built here", allow_module_level=True)

SIGNALS = ["logs", "metrics", "spans"]
ROWS = 40 * 500
PATHS = {"logs": "/v1/logs", "metrics": "/v1/metrics", "spans": "/v1/traces"}
UNSENT, UNANSWERED, TAKEN, REFUSED, PARTLY = range(5)


def send(port, signal="logs", requests=40, *options):
    return load_end(load_start(BUILD, port, signal, "--requests", requests, "--seconds", 60, *options))


def numbered(number, value_first=False):
    """A log record whose number is an attribute."""
    value = field(2, b"\x18" + varint((1 << 28) + number))
    return field(6, value + field(1, b"seq") if value_first else field(1, b"seq") + value)


def request(*records):
    return field(1, field(2, b"".join(field(2, record) for record in records)))


def post(port, body, path="/v1/logs", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


# --- what arrives ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("options", [[], ["--gzip"], ["--depth", 4, "--connections", 2]])
def test_every_row_arrives_once_and_is_known_by_its_number(signal, options):
    with Sink(BUILD, verify=ROWS) as sink:
        report = send(sink.port, signal, 40, *options)
        counts = sink.counts()
        assert sink.missing(ROWS)["missing"] == 0
    assert report["rows"] == report["taken"] == ROWS
    assert report["refused"] == report["rejected"] == report["unanswered"] == 0
    assert report["status"] == {"200": 40}
    assert counts["rows"] == counts["distinct"] == ROWS
    assert counts["repeated"] == counts["unnumbered"] == counts["beyond"] == counts["malformed"] == 0
    assert counts["body_bytes"] == report["body_bytes"]
    assert (counts["wire_bytes"] < counts["body_bytes"]) == ("--gzip" in options)


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_relay_hands_on_every_row(signal):
    with Sink(BUILD, verify=ROWS) as sink, Relay(BUILD, sink.port) as relay:
        assert send(relay.port, signal)["taken"] == ROWS
        assert sink.counts()["distinct"] == ROWS


def test_a_relay_whose_target_is_gone_closes_and_nothing_counts_as_taken():
    with Sink(BUILD) as sink:
        port = sink.port
    with Relay(BUILD, port) as relay:
        report = send(relay.port, "logs", 4, "--grace", 1)
    assert report["taken"] == 0
    assert report["lost_connections"] > 0


def test_rows_begin_at_the_number_that_is_asked_for():
    with Sink(BUILD, verify=ROWS) as sink:
        send(sink.port, "metrics", 1, "--first", 1000)
        assert sink.missing(2000) == {"missing": 1500, "ranges": [[0, 999], [1500, 1999]]}


def test_a_rate_is_kept_and_not_exceeded():
    with Sink(BUILD) as sink:
        report = send(sink.port, "logs", 1000000, "--rate", 20000, "--seconds", 1)
    assert 0 < report["requests"] <= 41


# --- what the sink tells apart --------------------------------------------------------------------------------------

def test_a_row_that_is_missing_or_comes_twice_is_named(tmp_path):
    with Sink(BUILD, verify=8) as sink:
        assert post(sink.port, request(numbered(0), numbered(2), numbered(2), numbered(7)))[0] == 200
        assert post(sink.port, request(numbered(3, value_first=True), numbered(9), b""))[0] == 200
        counts = sink.counts()
        assert sink.missing(8) == {"missing": 4, "ranges": [[1, 1], [4, 6]]}
        assert sink.ask(f"seen {tmp_path}/seen") == {"error": None}
        sink.forget()
        assert sink.missing(8)["missing"] == 8
        assert sink.counts()["rows"] == 0
    assert (tmp_path / "seen").read_bytes() == bytes([1, 0, 2, 1, 0, 0, 0, 1])
    assert [counts[name] for name in ("rows", "distinct", "repeated", "beyond", "unnumbered")] == [7, 4, 1, 1, 1]


@pytest.mark.parametrize("body, headers, status", [
    (b"\x0a\x05ab", {}, 400),                                       # cut off
    (b"no protobuf", {}, 400),
    (gzip.compress(b"")[:-3], {"Content_Encoding": "gzip"}, 400),
    (gzip.compress(request(numbered(0))), {"Content_Encoding": "gzip"}, 200),
    (request(numbered(0)), {"Content_Encoding": "br"}, 415)])
def test_a_body_that_cannot_be_read_is_refused_and_counted_as_malformed(body, headers, status):
    with Sink(BUILD, verify=1) as sink:
        assert post(sink.port, body, **headers)[0] == status
        counts = sink.counts()
    assert (counts["malformed"], counts["rows"]) == ((0, 1) if status == 200 else (1, 0))


def test_other_paths_are_refused():
    with Sink(BUILD) as sink:
        assert post(sink.port, b"", path="/v1/profiles")[0] == 404


def test_a_command_or_mode_that_is_not_known_is_an_error():
    with Sink(BUILD) as sink:
        for command in ("mode speed=1", "mode hang", "mode hang=x", "dance", "seen /nowhere/at/all"):
            assert sink.ask(command)["error"], command
        assert send(sink.port)["taken"] == ROWS


# --- what goes wrong ------------------------------------------------------------------------------------------------

def test_refused_requests_count_as_refused_rows(tmp_path):
    with Sink(BUILD, verify=ROWS, mode="status=503&retry_after_s=1") as sink:
        report = send(sink.port, "logs", 40, "--answers", tmp_path / "answers")
        assert sink.counts()["turned_away"] == 40
        assert sink.missing(ROWS)["missing"] == ROWS
    assert report["refused"] == ROWS and report["taken"] == 0
    assert report["status"] == {"503": 40}
    assert report["retry_after"] == 40
    assert (tmp_path / "answers").read_bytes() == bytes([REFUSED]) * 40


def test_refused_requests_are_sent_again_until_they_are_taken():
    with Sink(BUILD, verify=ROWS, mode="status=429") as sink:
        load = load_start(BUILD, sink.port, "spans", "--requests", 40, "--seconds", 60, "--grace", 60, "--retry",
                          "--backoff", 0.05)
        wait_for(lambda: sink.counts()["turned_away"] > 40, "requests are sent again")
        sink.behave("status=0")
        report = load_end(load)
        assert sink.counts()["distinct"] == ROWS
        assert sink.counts()["repeated"] == 0
    assert report["taken"] == ROWS and report["refused"] == 0 and report["resent"] > 0


@pytest.mark.parametrize("mode, counted", [("reset=1", False), ("reset_after=1", True)])
def test_a_connection_that_is_reset_leaves_its_requests_unanswered(mode, counted, tmp_path):
    with Sink(BUILD, verify=ROWS, mode=mode) as sink:
        report = send(sink.port, "logs", 40, "--answers", tmp_path / "answers")
        assert sink.counts()["distinct"] == (ROWS if counted else 0)
    assert report["unanswered"] == ROWS and report["taken"] == 0
    assert report["lost_connections"] == 40
    assert (tmp_path / "answers").read_bytes() == bytes([UNANSWERED]) * 40


def test_a_request_that_was_counted_before_the_reset_is_a_repetition_when_it_comes_again():
    with Sink(BUILD, verify=500, mode="reset_after=1") as sink:
        load = load_start(BUILD, sink.port, "logs", "--requests", 1, "--seconds", 60, "--grace", 60, "--retry")
        wait_for(lambda: sink.counts()["rows"] >= 1000, "the request comes again")
        sink.behave("reset_after=0")
        assert load_end(load)["taken"] == 500
        counts = sink.counts()
    assert counts["distinct"] == 500
    assert counts["repeated"] == counts["rows"] - 500 >= 500


def test_a_sink_that_hangs_is_given_up_after_the_timeout():
    with Sink(BUILD, mode="hang=1") as sink:
        report = send(sink.port, "logs", 4, "--timeout", 0.3, "--grace", 5)
        assert sink.counts()["turned_away"] == 4
    assert report["unanswered"] == 2000


def test_rows_that_a_partial_success_rejects_are_neither_taken_nor_counted(tmp_path):
    with Sink(BUILD, verify=ROWS, mode="rejected=300") as sink:
        report = send(sink.port, "metrics", 40, "--answers", tmp_path / "answers")
        counts = sink.counts()
        missing = sink.missing(1000)
    assert report["rejected"] == counts["rejected"] == 300 * 40
    assert report["taken"] == counts["rows"] == 200 * 40
    assert missing == {"missing": 600, "ranges": [[0, 299], [500, 799]]}
    assert (tmp_path / "answers").read_bytes() == bytes([PARTLY]) * 40


@pytest.mark.parametrize("mode", ["delay_ms=20", "rows_per_s=100000"])
def test_a_slow_sink_answers_late_and_loses_nothing(mode):
    with Sink(BUILD, verify=ROWS, mode=mode) as sink:
        report = send(sink.port, "logs")
        assert sink.counts()["distinct"] == ROWS
    assert report["taken"] == ROWS
    assert report["us"]["p50"] >= 15000


def test_a_request_that_waits_for_its_turn_at_a_rate_counts_from_when_it_was_due():
    with Sink(BUILD, mode="delay_ms=100") as sink:
        report = send(sink.port, "logs", 20, "--rate", 500 * 100, "--connections", 1)
    assert report["taken"] == 20 * 500
    assert report["us"]["max"] >= 19 * (100 - 10) * 1000       # each waits for all before it


def test_nobody_at_the_port_is_told_as_refused_connections():
    with Sink(BUILD) as sink:
        port = sink.port
    report = send(port, "logs", 4, "--seconds", 0.2, "--grace", 0)
    assert report["taken"] == report["requests"] == 0
    assert report["refused_connections"] > 0


def test_options_that_make_no_sense_are_refused():
    for options in (["--rows", 0], ["--signal", "profiles"], ["--connections", "many"], ["more"]):
        load = load_start(BUILD, 1, "logs", *options)
        load.communicate(timeout=30)
        assert load.returncode == 2, options


# --- the benchmark --------------------------------------------------------------------------------------------------

@pytest.fixture
def bench(monkeypatch):
    """The benchmark as a module, with short runs."""
    path = os.path.join(BUILD, "tests/bench/bench_otlp")
    loader = importlib.machinery.SourceFileLoader("bench_otlp", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_otlp", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "LOAD_S", 0.2)
    monkeypatch.setattr(module, "PATIENCE_S", 1)
    return module


@pytest.mark.parametrize("signal", SIGNALS)
def test_the_benchmark_measures_a_middle_that_loses_nothing(bench, signal):
    core = min(os.sched_getaffinity(0))
    assert bench.measure(lambda target, prefix: Relay(BUILD, target, prefix=prefix), signal, core, core) > 0


def test_the_benchmark_fails_where_rows_do_not_arrive(bench):
    core = min(os.sched_getaffinity(0))
    with Sink(BUILD) as elsewhere:
        with pytest.raises(bench.Failed, match=r"rows \d+ were taken and \d+ did not arrive"):
            bench.measure(lambda target, prefix: Relay(BUILD, elsewhere.port, prefix=prefix), "logs", core, core)
