# SPDX-License-Identifier: Apache-2.0
"""Queues on disk: rows outlive the daemon, and whatever they become counts once, wherever a kill comes."""

import json
import random
import time

import pytest
from sonde import PLUGINS, Daemon, run, wait_for

# Rows lie on disk before a pipeline that adds them up, and what that makes lies on disk before its output.
SUMS = '''
inputs:     { gen: { plugin = "generate"; rate = 3000; batch = 50; }; };
processors: { sums: { plugin = "aggregate"; window = "1s"; by = ["generate.word"]; measures = ["count"]; }; };
outputs:    { out: { plugin = "file"; path = "ROWS"; format = "json"; queue: { disk = "64MiB"; }; }; };
pipelines:  { main: { from = ["gen"]; through = ["sums"]; to = ["out"]; queue: { disk = "64MiB"; }; }; };
'''

REPLAYED = 4     # among the reductions, in the ledger's file

pytestmark = [pytest.mark.timeout(180), pytest.mark.sanitizers]


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


def check(tmp_path, body):
    config = tmp_path / "checked.conf"
    config.write_text(body)
    result = run("check", config)
    return result.returncode, result.stdout + result.stderr


DURABLE = '''
inputs:     {{ apps: {{ plugin = "otlp"; http = "127.0.0.1:1"; ack = "durable"; }}; }};
processors: {{ sums: {{ plugin = "aggregate"; window = "1s"; measures = ["count"]; }};
               more: {{ plugin = "aggregate"; window = "1m"; measures = ["count"]; }}; }};
outputs:    {{ out: {{ plugin = "null"; {output} }}; far: {{ plugin = "null"; queue: {{ disk = "1GiB"; }}; }}; }};
pipelines:  {{ main: {{ from = ["apps"]; through = [{through}]; to = [{to}]; {queue} }}; }};
'''
WAITING = 'queue: { disk = "1GiB"; when_full = "wait"; };'


@pytest.mark.parametrize("parts, code, says", [
    ({"to": '"far"', "queue": WAITING, "through": '"sums"'}, 0, None),
    ({"to": '"far"'}, 2, 'inputs.apps.ack: "durable" wants a queue on disk before the pipeline "main" '
                         '(give that queue: { disk = "1GiB"; when_full = "wait"; })'),
    ({"to": '"far"', "queue": 'queue: { disk = "1GiB"; };'}, 0,
     'pipelines.main.queue.when_full: rows that "apps" has said yes to are refused when the disk queue is full'),
    ({"to": '"out"', "queue": WAITING}, 0, None),
    ({"to": '"out"', "queue": WAITING, "through": '"sums"'}, 2,
     'pipelines.main.to: "out" has no queue on disk, so after a crash what "sums" had sent there would be counted again'),
    ({"to": '"far", "out"', "queue": WAITING}, 0,
     'pipelines.main.to: rows that wait for "out" are lost by a crash, those for "far" are not'),
    ({"to": '"far"', "queue": WAITING, "through": '"sums", "more"'}, 2,
     'pipelines.main.through: behind a queue on disk only one processor may hold rows back, and "sums" does before "more"'),
])
def test_what_durable_needs_is_demanded(tmp_path, parts, code, says):
    result, told = check(tmp_path, DURABLE.format(**{"output": "", "through": "", "queue": "", **parts}))
    assert result == code, told
    if says:
        assert says in told
    else:
        assert not [line for line in told.splitlines() if "warning" in line and "names it" not in line], told


def test_a_queue_whose_route_is_gone_is_named_and_kept(tmp_path):
    body = '''inputs: {{ gen: {{ plugin = "generate"; rows = 500; }}; }};
              outputs: {{ out: {{ plugin = "{plugin}"; queue: {{ disk = "16MiB"; }}; }}; }};
              pipelines: {{ {name}: {{ from = ["gen"]; to = ["out"]; }}; }};'''
    stuck = body.format(plugin=f"{PLUGINS}/stuck.so", name="main")
    with Daemon(tmp_path, stuck, 'drain = "100ms";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("in") == 500, "rows come")
        daemon.process.kill()
        daemon.process.wait()
        daemon.write(body.format(plugin="null", name="other"))
        daemon.start()
        assert "500 rows wait on disk for main > out, which the config does not have" in daemon.log()
        assert daemon.stop() == 0
        daemon.write(body.format(plugin="null", name="main").replace("rows = 500", "rows = 1"))
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out") == 501, "what was kept goes out")
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()
        assert daemon.ledger().lost_rows("crash") == 0
