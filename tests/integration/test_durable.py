# SPDX-License-Identifier: Apache-2.0
"""Queues on disk: rows outlive the daemon, and whatever they become counts once, wherever a kill comes."""

import json
import random
import time

import pytest
from sonde import Daemon, wait_for

# Rows lie on disk before a pipeline that adds them up, and what that makes lies on disk before its output.
SUMS = '''
inputs:     { gen: { plugin = "generate"; rate = 3000; batch = 50; }; };
processors: { sums: { plugin = "aggregate"; window = "1s"; by = ["generate.word"]; measures = ["count"]; }; };
outputs:    { out: { plugin = "file"; path = "ROWS"; format = "json"; queue: { disk = "64MiB"; }; }; };
pipelines:  { main: { from = ["gen"]; through = ["sums"]; to = ["out"]; queue: { disk = "64MiB"; }; }; };
'''

REPLAYED = 4     # among the reductions, in the ledger's file

pytestmark = [pytest.mark.timeout(180)]


def counted(path):
    """What the rows of a file come to; a kill may have torn the last line of a run."""
    total = 0
    with open(path) as file:
        for line in file:
            try:
                total += json.loads(line)["count"]
            except ValueError:
                pass
    return total


def kill_rounds(daemon, rounds, seed):
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(rounds):
        daemon.start(ready=False)
        time.sleep(chance.uniform(0.15, 1.6))
        assert daemon.process.poll() is None, daemon.log()
        daemon.process.kill()
        daemon.process.wait()


def assert_counts_once(tmp_path, rounds, seed):
    rows = tmp_path / "rows.json"
    with Daemon(tmp_path, SUMS.replace("ROWS", str(rows))) as daemon:
        kill_rounds(daemon, rounds, seed)
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out") > 0, "rows arrive")
        assert daemon.stop() == 0, daemon.log()
        ledger = daemon.ledger()
    ledger.assert_closes()
    source, sums, sink = (ledger[key] for key in (("route", "gen > main"), ("processor", "main / sums"),
                                                  ("route", "main > out")))
    produced, delivered, again = source.counts["in"][1], sink.counts["out"][1], source.counts["made"][1]
    assert produced and not ledger.lost_rows("failed") and not source.lost_rows(), ledger.accounts
    assert sums.counts["in"][1] == produced + again
    # What was given up to be read again was read again, but for the windows that are open at the end.
    left = sums.reduced[REPLAYED][1] + sink.reduced[REPLAYED][1] - again
    # The file cannot tell a row that comes twice: those are counted as possibly repeated.
    repeated = sink.counts["made"][1]
    assert delivered - repeated + left == produced
    assert delivered - repeated <= counted(rows) <= delivered


def test_rows_count_once_wherever_a_kill_comes(tmp_path):
    assert_counts_once(tmp_path, 6, random.randrange(1 << 32))
