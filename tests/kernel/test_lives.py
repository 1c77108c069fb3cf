# SPDX-License-Identifier: Apache-2.0
"""Several daemons on one kernel, kills, and what a daemon's end leaves in the kernel."""

import json
import os
import signal
import subprocess
import time

from kernel_daemon import SONDE
from test_syscalls import assert_made

BUILD = os.path.dirname(SONDE)
CYCLES = os.path.join(BUILD, "tests/integration/plugins/cycles")


def program_ids(pid):
    """The programs and maps that a process has an fd of: what lives in the kernel as long as it does."""
    ids = set()
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}") as file:
                fields = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        except FileNotFoundError:
            continue
        ids |= {(kind, fields[kind].strip()) for kind in ("prog_id", "map_id", "link_id") if kind in fields}
    return ids


def in_kernel(ids):
    """Those of them that there are, by bpftool."""
    there = set()
    for kind, command in (("prog_id", "prog"), ("map_id", "map"), ("link_id", "link")):
        listed = subprocess.run(["bpftool", "--json", command, "list"], stdout=subprocess.PIPE, check=True, text=True)
        there |= {(kind, str(each["id"])) for each in json.loads(listed.stdout)}
    return ids & there


def test_two_daemons_side_by_side_count_every_call_each(start, cgroup):
    one, other = start('mode = "aggregate";'), start('mode = "both";')
    made = cgroup.run("many", 100_000)
    assert_made(one.stop(), cgroup, made)
    assert_made(other.stop(), cgroup, made)


def test_a_daemon_counts_on_while_the_one_beside_it_is_killed_and_leaves_nothing_in_the_kernel(start, cgroup):
    one, other = start('mode = "aggregate";'), start('mode = "aggregate";')
    ids = program_ids(one.process.pid)
    assert {kind for kind, _ in ids} >= {"prog_id", "map_id"}
    assert in_kernel(ids) == ids
    one.process.send_signal(signal.SIGKILL)
    one.process.wait()
    made = cgroup.run("many", 100_000)
    assert_made(other.stop(), cgroup, made)
    for _ in range(50):
        if not in_kernel(ids):
            break
        time.sleep(0.1)    # the kernel frees them a grace period later
    assert in_kernel(ids) == set()


def test_runs_in_one_process_leave_no_program_map_link_or_fd(tmp_path):
    config = tmp_path / "cycles.conf"
    config.write_text(f'''
sonde:     {{ state = "{tmp_path}/state"; log = "error"; }};
inputs:    {{ calls: {{ plugin = "syscalls"; mode = "both"; interval = "100ms"; }}; }};
outputs:   {{ out: {{ plugin = "null"; }}; }};
pipelines: {{ main: {{ from = ["calls"]; to = ["out"]; }}; }};
''')
    # Nothing that was freed is kept back, so that what is in use can be counted to the byte.
    environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0:glibc.malloc.arena_max=1"}
    done = subprocess.run([CYCLES, config, "20", "150", os.path.join(BUILD, "plugins")], env=environment, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=200)
    assert done.returncode == 0, done.stderr
    held = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["code"] for each in held] == [0] * 20, done.stderr
    for what in ("fds", "bpf", "threads", "heap_bytes"):
        assert held[-1][what] <= held[4][what], (what, held)
    # The C library keeps stacks of threads for the next ones, a few more or fewer; a leak would be one a run.
    assert held[-1]["maps"] <= held[4]["maps"] + 10, held
