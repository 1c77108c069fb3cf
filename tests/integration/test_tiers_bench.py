# SPDX-License-Identifier: Apache-2.0
"""The benchmark of an edge and its region measures what it says, or fails."""

import importlib.machinery
import importlib.util
import json
import os

import pytest
from sonde import BUILD, TREE

RECORDING = os.path.join(TREE, "tests/bench/recorded_syscalls.zst")


@pytest.fixture
def bench(monkeypatch):
    """The benchmark as a module, with short runs."""
    path = os.path.join(BUILD, "tests/bench/bench_tiers")
    loader = importlib.machinery.SourceFileLoader("bench_tiers", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_tiers", loader))
    loader.exec_module(module)
    for name, value in (("WARM_S", 0.1), ("STEADY_S", 0.2), ("LOAD_S", 0.2)):
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def cores():
    return [min(os.sched_getaffinity(0))] * 2


@pytest.mark.parametrize("how, ack", [("tcp", "received"), ("tls", "durable")])
def test_rows_of_a_recording_are_measured_from_an_edge_to_its_region(bench, cores, how, ack):
    rate, size = bench.measure_rows(250, how, ack, cores)
    assert rate > 0
    assert 1 < size < 64        # of a row in a frame; 64 bytes of one as the kernel made it


def test_logs_are_measured_until_the_last_one_has_arrived(bench, cores):
    rate, size = bench.measure_logs(cores)
    assert rate > 0
    assert 24 < size < 391      # of which 24 are random; as OTLP


def test_the_floors_carry_the_same_rows(bench):
    raw, packed = (bench.measure_floor(250, level) for level in (0, 1))
    assert raw[0] > 0 and packed[0] > 0
    assert raw[1] == 64 + 8 / 250       # a row, and its share of a message's head
    assert 1 < packed[1] < 64


def test_where_no_rows_come_the_benchmark_fails_and_says_why(bench, cores, monkeypatch):
    monkeypatch.setattr(bench, "RECORDING", "/nowhere")
    monkeypatch.setattr(bench, "TAPE", bench.TAPE.replace(RECORDING, "/nowhere"))
    with pytest.raises(bench.Failed, match="the edge has no rows: cannot read /nowhere"):
        bench.measure_rows(250, "tcp", "received", cores)
    with pytest.raises(bench.Failed, match="tiers_floor: exit status 1"):
        bench.measure_floor(250, 0)


def test_where_rows_are_lost_nothing_is_measured(bench):
    counts = {"up": {"rejected": 0}, "edges": {"refused": 0, "repeats": 3, "bytes": 9, "rows": 9}}

    class Side:
        def counters(self, instance):
            return counts[instance]
    hop = bench.Hop.__new__(bench.Hop)
    hop.edge = hop.region = Side()
    with pytest.raises(bench.Failed, match="3 rows or frames were refused or came again"):
        hop.bytes_a_row()
    counts["edges"]["repeats"] = 0
    assert hop.bytes_a_row() == 1


def test_results_are_ratios_of_each_run(bench):
    told = bench.result("tiers.hop.tcp.received.50", "rows/CPU-s", [10, 20, 30], [20, 20, 20], [100, 100, 200], "plain TCP")
    assert (told["sonde"], told["vs_floor"], told["vs_peer"], told["better"]) == (20, 1, 0.15, "more")
    told = bench.result("tiers.bytes.logs", "bytes/row", [1, 2, 3])
    assert (told["floor"], told["peer"], told["vs_peer"], told["peer_name"], told["better"]) == (None, None, None, None, "less")
    json.dumps(told)
