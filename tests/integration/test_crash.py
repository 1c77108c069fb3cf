# SPDX-License-Identifier: Apache-2.0
"""Kills and ends under load, again and again: what the ledger says at the next start, to the row; and what stays behind
of a daemon that ended."""

import json
import os
import random
import signal
import subprocess
import time

import pytest
from sonde import BUILD, PATIENCE_S, PLUGINS, Daemon, wait_for

CYCLES = os.path.join(BUILD, "tests/integration/plugins/cycles")

# Rows are filtered and folded on their way to an output that lags, one that does not, and a file.
LOADED = f'''
inputs:     {{ gen: {{ plugin = "generate"; batch = 300; }};
               calm: {{ plugin = "generate"; rate = 20000; batch = 7; }}; }};
processors: {{ part: {{ plugin = "{PLUGINS}/sieve.so"; mode = "filter"; of = 3; }};
               fold: {{ plugin = "{PLUGINS}/sieve.so"; mode = "window"; window = 10000; }}; }};
outputs:    {{ slow: {{ plugin = "null"; delay = "2ms"; queue: {{ memory = "1MiB"; }}; }};
               fast: {{ plugin = "null"; queue: {{ memory = "8MiB"; when_full = "drop_newest"; }}; }};
               kept: {{ plugin = "file"; path = "ROWS"; }}; }};
pipelines:  {{ main: {{ from = ["gen", "calm"]; through = ["part", "fold"]; to = ["slow", "fast"]; }};
               side: {{ from = ["calm"]; to = ["kept"]; }}; }};
'''
# From whoever hands rows on to those that take them: ([senders], [receivers that all take every row]).
CHAIN = [
    ([("input", "gen")], [("route", "gen > main")]),
    ([("input", "calm")], [("route", "calm > main"), ("route", "calm > side")]),
    ([("route", "gen > main"), ("route", "calm > main")], [("processor", "main / part")]),
    ([("processor", "main / part")], [("processor", "main / fold")]),
    ([("processor", "main / fold")], [("route", "main > slow"), ("route", "main > fast")]),
    ([("route", "calm > side")], [("route", "side > kept")]),
]

pytestmark = [pytest.mark.timeout(180), pytest.mark.sanitizers]


def loaded(tmp_path, settings="", **options):
    return Daemon(tmp_path, LOADED.replace("ROWS", str(tmp_path / "rows.json")), settings, **options)


def came_in(ledger):
    return ledger["input", "gen"].rows("in") if ("input", "gen") in ledger.accounts else 0


def start_under_load(daemon):
    """Starts it and waits, by the ledger alone, until rows have gone the whole way."""
    before = daemon.ledger() if os.path.exists(f"{daemon.state}/ledger") else None
    handed_over = before.route("main > slow").rows("out") if before else 0
    daemon.start(ready=False)

    def loads():
        assert daemon.process.poll() is None, daemon.log()
        if not os.path.exists(f"{daemon.state}/ledger") or not os.path.getsize(f"{daemon.state}/ledger"):
            return False
        with open(f"{daemon.state}/ledger", "rb") as file:
            if file.read(7) != b"sondeLG":
                return False
        now = daemon.ledger()
        return ("route", "main > slow") in now.accounts and now.route("main > slow").rows("out") > handed_over
    wait_for(loads, "rows are handed over")


def assert_nothing_goes_unseen(ledger):
    """What was handed on has arrived at every receiver; what arrived and was not yet booked as handed on is open, or
    lost, at its sender."""
    for senders, receivers in CHAIN:
        sent = sum(ledger[key].rows("out") for key in senders)
        unsure = sum(max(0, ledger[key].open()[0]) + ledger[key].lost_rows("crash") for key in senders)
        for key in receivers:
            assert sent <= ledger[key].rows("in") <= sent + unsure, (senders, key)


def assert_booked_as_crash(killed, started):
    """Of every account: what the kill left open is lost by crash, or made where more went out than came in."""
    for key, account in killed.accounts.items():
        for which in (0, 1):
            was_open = account.open()[which]
            lost = started[key].lost["crash"][which] - account.lost["crash"][which]
            assert lost == max(0, was_open), key


def lines_of(path):
    with open(path, "rb") as file:
        return file.read().count(b"\n")


def test_after_each_of_twenty_kills_the_next_start_books_what_was_lost_to_the_row(tmp_path):
    moments = random.Random(20)
    runs = 8 if "san" in os.path.basename(BUILD) else 20
    with loaded(tmp_path) as daemon:
        for run in range(1, runs + 1):
            start_under_load(daemon)
            time.sleep(moments.uniform(0, 0.2))
            daemon.stop(signal.SIGKILL)
            killed = daemon.ledger()
            assert killed.epoch == run
            assert_nothing_goes_unseen(killed)
            assert lines_of(tmp_path / "rows.json") >= killed.route("side > kept").rows("out")
            if run > 1:
                assert_booked_as_crash(last_killed, killed)
            last_killed = killed
        daemon.start()
        status = daemon.status()
        status.assert_closes()
        assert status.document["ledger_closes"] is True
        assert status.document["epoch"] == runs + 1
        assert_booked_as_crash(last_killed, status_as_ledger(status))
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert_nothing_goes_unseen(ledger)
        assert ledger.lost_rows("crash") > 0
        assert ledger.lost_rows("shutdown") == 0


def status_as_ledger(status):
    """Reasons that did not happen are missing in a status; in a ledger they are 0."""
    for account in status.accounts.values():
        account.lost.setdefault("crash", (0, 0))
    return status


def test_an_end_under_load_hands_everything_over_again_and_again(tmp_path):
    with loaded(tmp_path, 'drain = "30s";') as daemon:
        for _ in range(4):
            start_under_load(daemon)
            assert daemon.stop(signal.SIGTERM) == 0, daemon.log()
            ledger = daemon.ledger()
            ledger.assert_closes()
            assert ledger.lost_rows("shutdown") == ledger.lost_rows("crash") == 0
            for senders, receivers in CHAIN:
                sent = sum(ledger[key].rows("out") for key in senders)
                assert all(ledger[key].rows("in") == sent for key in receivers)
        assert lines_of(tmp_path / "rows.json") == ledger.route("side > kept").rows("out")


def test_an_end_that_cannot_hand_everything_over_says_so_and_books_the_rest(tmp_path):
    with loaded(tmp_path, 'drain = "200ms";') as daemon:
        start_under_load(daemon)
        daemon.set("slow.block", "true")
        wait_for(lambda: daemon.status().route("main > slow").rows("queued"), "rows wait before it")
        assert daemon.stop(signal.SIGTERM) == 5
        assert "rows were not handed over in time" in daemon.log()
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.route("main > slow").lost_rows("shutdown") > 0
        assert_nothing_goes_unseen(ledger)


def test_a_daemon_beside_one_that_is_killed_loses_nothing(tmp_path):
    with loaded(tmp_path, state="one", name="one") as one, \
            Daemon(tmp_path, LOADED.replace("ROWS", str(tmp_path / "other.json")), state="other", name="other") as other:
        start_under_load(one)
        start_under_load(other)
        assert one.status().document["host_id"] != other.status().document["host_id"]
        one.stop(signal.SIGKILL)
        other.status().assert_closes()
        start_under_load(one)
        assert one.stop() == 0
        assert other.stop() == 0
        assert one.ledger().lost_rows("crash") > 0
        assert other.ledger().lost_rows("crash") == 0
        assert (one.ledger().epoch, other.ledger().epoch) == (2, 1)


# --- what stays behind ----------------------------------------------------------------------------------------------

def cycle(config, runs, milliseconds):
    """What a process holds after each of so many runs of the daemon in it."""
    # Nothing that was freed is kept back, so that what is in use can be counted to the byte.
    environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0:glibc.malloc.arena_max=1"}
    done = subprocess.run([CYCLES, config, str(runs), str(milliseconds), os.path.join(BUILD, "plugins")],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=4 * PATIENCE_S, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    held = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["code"] for each in held] == [0] * runs, done.stderr
    return held


def test_fifty_runs_in_one_process_leave_no_fd_thread_mapping_or_memory(tmp_path):
    with loaded(tmp_path, 'log = "error";') as daemon:
        held = cycle(daemon.config, 50, 20)
        first, last = held[4], held[-1]    # what is made once and stays has been made by then
        # Sanitizers have a heap of their own, and look for leaks by themselves.
        sanitized = "san" in os.path.basename(BUILD)
        for what in ["fds", "threads"] + ([] if sanitized else ["heap_bytes"]):
            assert last[what] <= first[what], (what, held)
        # The C library keeps stacks of threads for the next ones, a few more or fewer; a leak would be one a run.
        assert sanitized or last["maps"] <= first["maps"] + 10, held
        assert daemon.ledger().epoch == 50
