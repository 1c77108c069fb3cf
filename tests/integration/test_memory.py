# SPDX-License-Identifier: Apache-2.0
"""The memory of the daemon as a whole: a bound that holds, and what is done where memory is refused."""

import mmap
import os
import re
import signal
import struct
import subprocess
import time

import pytest
from sonde import BUILD, PATIENCE_S, SONDE, Daemon, run, wait_for

pytestmark = pytest.mark.timeout(300)

MIB = 1 << 20
REFUSE = os.path.join(BUILD, "tests/fault/refuse.so")

with open(SONDE, "rb") as program:
    SANITIZED = re.search(rb"__[at]san_init", program.read()) is not None
needs_own_allocator = pytest.mark.skipif(SANITIZED, reason="a sanitizer has an allocator and memory of its own")


def private_bytes(daemon):
    with open(f"/proc/{daemon.process.pid}/statm") as file:
        _, resident, shared = (int(word) for word in file.read().split()[:3])
    return (resident - shared) * os.sysconf("SC_PAGESIZE")


def watch(daemon, seconds):
    """The most private memory that the daemon had within the time."""
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        most = max(most, private_bytes(daemon))
        time.sleep(0.02)
    return most


def assert_bounded(most, limit):
    if not SANITIZED:
        # What is not rows (status replies, the allocator's own) is measured once a second, and may come between.
        assert most <= limit + 4 * MIB, f"{most} bytes of {limit}"


# --- the bound ------------------------------------------------------------------------------------------------------

FLOOD = '''
inputs:    { gen: { plugin = "generate"; waits = false; rate = 1000000; tokens = true; }; };
outputs:   { slow: { plugin = "null"; block = true; }; fast: { plugin = "null"; }; };
pipelines: { main: { from = ["gen"]; to = ["slow", "fast"]; queue: { memory = "64MiB"; }; }; };
'''


@pytest.mark.sanitizers
def test_a_flood_before_a_stuck_output_stays_within_the_bound_and_every_row_is_accounted_for(tmp_path):
    with Daemon(tmp_path, FLOOD, 'memory = "16MiB";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().document["memory"]["shed_rows"] > 1000000, "rows are shed")
        assert_bounded(watch(daemon, 2), 16 * MIB)
        status = daemon.status()
        memory = status.document["memory"]
        assert memory["limit_bytes"] == 16 * MIB
        assert memory["used_bytes"] <= memory["room_bytes"] <= memory["limit_bytes"]
        assert memory["peak_bytes"] <= memory["limit_bytes"]
        assert status.document["ledger_closes"]
        status.assert_closes()
        slow = status.route("main > slow")
        assert slow.lost_rows("memory") > 500000
        assert slow.lost_rows() == slow.lost_rows("memory")       # its own limit is far away
        text = daemon.ask("status").stdout
        assert re.search(r"^memory of 16\.0 MiB: rows .* rows shed", text, re.M), text
        assert "memory is short" in daemon.log()
        daemon.set("slow.block", "false")
        assert daemon.stop() in (0, 5)
        daemon.ledger().assert_closes()


@pytest.mark.sanitizers
def test_who_can_wait_waits_and_nothing_is_lost(tmp_path):
    body = '''
    inputs:    { gen: { plugin = "generate"; waits = true; rows = 3000000; batch = 1000; }; };
    outputs:   { slow: { plugin = "null"; delay = "1ms"; queue: { memory = "1GiB"; when_full = "wait"; }; }; };
    pipelines: { main: { from = ["gen"]; to = ["slow"]; queue: { memory = "1GiB"; when_full = "wait"; }; }; };
    '''
    with Daemon(tmp_path, body, 'memory = "16MiB";') as daemon:
        daemon.start()
        most = watch(daemon, 1)
        wait_for(lambda: daemon.status().route("main > slow").rows("out") == 3000000, "all rows are handed over")
        assert_bounded(most, 16 * MIB)
        assert daemon.status().lost_rows() == 0
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()


@pytest.mark.sanitizers
def test_a_dictionary_that_grows_without_end_is_begun_anew(tmp_path):
    body = '''
    inputs:    { gen: { plugin = "generate"; keys = 16777216; rate = 1000000; }; };
    outputs:   { out: { plugin = "null"; }; };
    pipelines: { main: { from = ["gen"]; to = ["out"]; }; };
    '''
    with Daemon(tmp_path, body, 'memory = "16MiB";') as daemon:
        daemon.start()
        most = [0]

        def enough():
            most.append(watch(daemon, 0.2))
            return daemon.status()["input", "gen"].rows("in") > 3000000
        wait_for(enough, "rows go on when the dictionary is full")
        assert_bounded(max(most), 16 * MIB)
        status = daemon.status()
        status.assert_closes()
        assert status.document["memory"]["refused"] > 0
        assert daemon.stop() in (0, 5)


def test_keys_are_those_of_their_rows_in_each_dictionary(tmp_path):
    body = f'''
    inputs:    {{ gen: {{ plugin = "generate"; keys = 1000000; rows = 250000; rate = 250000; }}; }};
    outputs:   {{ lines: {{ plugin = "file"; path = "{tmp_path}/lines"; }}; }};
    pipelines: {{ main: {{ from = ["gen"]; to = ["lines"]; }}; }};
    '''
    with Daemon(tmp_path, body, 'memory = "8MiB";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status()["input", "gen"].rows("in") == 250000, "all rows are made")
        refused = daemon.status().document["memory"]["refused"]
        assert daemon.stop() == 0
        lost = daemon.ledger().lost_rows()
    assert refused > 0      # so there was more than one
    with open(tmp_path / "lines") as file:
        rows = [re.search(r'"generate.sequence":(\d+),.*"generate.key":"key-(\d+)"', line).groups() for line in file]
    assert len(rows) == 250000 - lost
    assert all(int(sequence) == int(key) for sequence, key in rows)


def test_without_a_bound_of_its_own_the_machine_has_one(tmp_path):
    with Daemon(tmp_path, FLOOD.replace("1000000", "1000")) as daemon:
        memory = daemon.start().status().document["memory"]
        assert 8 * MIB <= memory["limit_bytes"] <= 1 << 62
        assert memory["shed_rows"] == memory["refused"] == memory["failed"] == 0
        assert daemon.stop() in (0, 5)


def test_a_changed_bound_takes_effect_with_a_reload(tmp_path):
    with Daemon(tmp_path, FLOOD.replace("1000000", "1000"), 'memory = "64MiB";') as daemon:
        assert daemon.start().status().document["memory"]["limit_bytes"] == 64 * MIB
        with open(daemon.config) as config:
            text = config.read()
        with open(daemon.config, "w") as config:
            config.write(text.replace("64MiB", "32MiB", 1))
        daemon.send(signal.SIGHUP)
        wait_for(lambda: daemon.status().document["memory"]["limit_bytes"] == 32 * MIB, "the new bound holds")
        assert daemon.stop() in (0, 5)


def test_a_bound_that_nothing_fits_into_is_an_error_in_the_config(tmp_path):
    daemon = Daemon(tmp_path, FLOOD, '\nmemory = "1MiB";')
    result = run("check", daemon.config)
    assert result.returncode == 2
    assert f"{daemon.config}:2: sonde.memory: 1MiB is not enough" in result.stderr


def test_a_queue_larger_than_the_bound_is_noted(tmp_path):
    body = FLOOD.replace("block = true;", 'queue: { memory = "1GiB"; };')
    daemon = Daemon(tmp_path, body, 'memory = "512MiB";')
    result = run("check", daemon.config)
    assert result.returncode == 0
    assert (f"{daemon.config}:4: note: slow: its queue may hold 1GiB, but all memory of the daemon is bounded by 512MiB "
            "here: see sonde.memory") in result.stderr
    assert "fast" not in result.stderr


# --- memory that the system refuses ---------------------------------------------------------------------------------

class Refusals:
    """The file that tests/fault/refuse.c reads and counts in."""

    def __init__(self, directory, at=0):
        self.path = os.path.join(directory, "refusals")
        with open(self.path, "wb") as file:
            file.write(struct.pack("=4Q", at, 0, 0, 0))
        self.environment = {**os.environ, "LD_PRELOAD": REFUSE, "SONDE_REFUSE": self.path}

    def one_in(self, every):
        with open(self.path, "r+b") as file, mmap.mmap(file.fileno(), 32) as memory:
            memory[8:16] = struct.pack("=Q", every)

    def read(self):
        with open(self.path, "rb") as file:
            _, _, seen, refused = struct.unpack("=4Q", file.read())
        return seen, refused


SMALL = '''
inputs:    { gen: { plugin = "generate"; rate = 100000; batch = 100; keys = 1000; tokens = true; }; };
outputs:   { out: { plugin = "null"; }; lines: { plugin = "file"; path = "/dev/null"; }; };
pipelines: { main: { from = ["gen"]; to = ["out", "lines"]; }; };
'''


def run_refused(tmp_path, at, *command):
    """Runs a command that the allocation of that number is refused to; how many there were."""
    refusals = Refusals(tmp_path, at)
    result = subprocess.run([SONDE, *command], env=refusals.environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)
    assert 0 <= result.returncode <= 5, f"allocation {at}: {result.returncode} {result.stderr}"
    assert result.returncode == 0 or result.stderr, f"allocation {at}: {result.returncode} without a word"
    return refusals.read()[0]


@needs_own_allocator
def test_whichever_allocation_a_check_is_refused_it_says_so_or_does_without(tmp_path):
    config = Daemon(tmp_path, SMALL).config
    count = run_refused(tmp_path, 0, "check", config)
    assert count > 100
    for at in range(1, count + 1):
        run_refused(tmp_path, at, "check", config)


@needs_own_allocator
def test_whichever_allocation_a_start_is_refused_it_is_an_error_or_it_runs(tmp_path):
    config = Daemon(tmp_path, SMALL).config
    count = run_refused(tmp_path, 0, "check", config)
    for at in range(count - 20, count + 300, 9):
        run_refused(tmp_path, at, "run", "--for", "20ms", config)


LARGE = '''
inputs:    { gen: { plugin = "generate"; rate = 200000; batch = 100; keys = 100000; tokens = true; };
             flood: { plugin = "generate"; waits = false; rate = 200000; batch = 1000; }; };
outputs:   { out: { plugin = "null"; delay = "5ms"; retry: { longest = "1s"; }; };
             lines: { plugin = "file"; path = "/dev/null"; retry: { longest = "1s"; }; }; };
pipelines: { main: { from = ["gen", "flood"]; to = ["out", "lines"]; };
             second: { from = ["main"]; to = ["out"]; }; };
'''


@needs_own_allocator
@pytest.mark.parametrize("every", [2, 10, 100])
def test_while_allocations_are_refused_it_sheds_rows_and_goes_on_afterwards(tmp_path, every):
    refusals = Refusals(tmp_path)
    with Daemon(tmp_path, LARGE) as daemon:
        daemon.start(env=refusals.environment)
        wait_for(lambda: daemon.status()["input", "flood"].rows("in") > 100000, "rows flow")
        refusals.one_in(every)
        wait_for(lambda: refusals.read()[1] > 500 or daemon.process.poll() is not None, "allocations are refused")
        for _ in range(10):         # it answers, or says that it cannot, or hangs up
            assert daemon.ask("status").returncode in (0, 1, 3)
            assert daemon.ask("status", "--json").returncode in (0, 1, 3)
        refusals.one_in(0)
        assert daemon.process.poll() is None, daemon.log()
        before = daemon.status()
        before.assert_closes()
        for instance in before.instances.values():
            assert instance["state"] in ("running", "degraded", "waiting"), instance
        for name in ("out", "lines"):
            taken = before.route(f"main > {name}").rows("out")
            wait_for(lambda n=name, t=taken: daemon.status().route(f"main > {n}").rows("out") > t + 100000,
                     f"rows flow to {name} again")
        wait_for(lambda: all(i["state"] == "running" for i in daemon.status().instances.values()), "all is well again")
        assert daemon.stop() in (0, 5)
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.lost_rows("crash") == 0
