# SPDX-License-Identifier: Apache-2.0
"""The processor enrich behind the input syscalls: each process named, against lists that the processes' makers keep."""

import collections
import json
import os
import sys

import pytest
from kernel_daemon import TREE, Cgroup
from test_processes import spawn, spawn_program   # noqa: F401

sys.path.insert(0, os.path.join(TREE, "tests/integration"))
from sonde import Daemon, wait_for   # noqa: E402

SHORT = 300
AGAIN = 100


@pytest.fixture
def cgroup(spawn_program):   # noqa: F811
    made = Cgroup(f"sonde-enrich-{os.getpid()}", str(spawn_program))
    yield made
    made.remove()


@pytest.fixture
def named(tmp_path, cgroup):
    """Makes processes of a kind, whose rows it returns with what their maker says."""
    def run(kind, count, options, enrich, unstamped="role[clock_offset] is null"):
        os.chmod(tmp_path, 0o777)
        path = tmp_path / "rows.json"
        with Daemon(str(tmp_path), f'''
inputs:     {{ calls: {{ plugin = "syscalls"; cgroups = ["{cgroup.path}"]; ring = "64MiB"; {options} }}; }};
processors: {{ who:   {{ plugin = "enrich"; {enrich} }};
               by:    {{ plugin = "filter"; drop = "{unstamped}"; keep = "time is not null"; }}; }};
outputs:    {{ kept:  {{ plugin = "file"; path = "{path}"; queue: {{ memory = "1GiB"; }}; }}; }};
pipelines:  {{ main:  {{ from = ["calls"]; through = ["by", "who"]; to = ["kept"]; }}; }};
''').start() as daemon:
            wait_for(lambda: "ready after" in daemon.log(), "its probes are attached")
            made = spawn(cgroup, kind, count)
            assert daemon.stop() == 0, daemon.log()
        with open(path) as file:
            return made, [json.loads(line) for line in file]
    return run


def line(each):
    return f'spawn child {each["kind"]} {each["number"]}'


EVENTS = 'mode = "events";'
WHO = '''add = ["process", "user", "container"];
         columns = ["process.command_line", "process.executable.name", "process.parent_pid", "process.real_user.name",
                    "process.parent.executable.name", "cgroup.path"];'''


def test_processes_that_live_shortly_are_all_named(named, cgroup):
    made, rows = named("short", SHORT, EVENTS, WHO)
    lines = collections.defaultdict(set)
    for row in rows:
        assert row["process.executable.name"] == "spawn" and row["process.real_user.name"] == "root"
        assert row["cgroup.path"] == cgroup.path
        assert row["process.parent.executable.name"]
        assert "clock.offset" not in row
        lines[row["process.pid"]].add(row["process.command_line"])
    for each in made:   # as what its maker was until the exec, then as itself
        assert line(each) in lines[each["pid"]]
        assert {name for name in lines[each["pid"]] if name.startswith("spawn child")} == {line(each)}


def test_a_pid_that_is_given_again_and_again_misnames_nobody(named):
    made, rows = named("again", AGAIN, EVENTS, WHO)
    pid, = {each["pid"] for each in made}
    by_start = collections.defaultdict(list)
    for row in rows:
        if row["process.pid"] == pid:
            by_start[row["process.start_time"]].append(row)
    names = []
    for start in sorted(by_start):
        own = {row["process.command_line"] for row in by_start[start]
               if row["process.command_line"].startswith("spawn child")}
        assert len(own) == 1
        names += own
        ended = max(by_start[start], key=lambda row: row["time"])
        assert ended["process.command_line"] in own
    assert names == [line(each) for each in made]


def test_counts_by_process_are_named_by_who_has_the_pid(named):
    _, rows = named("short", 50, 'mode = "aggregate"; group_by = "process"; interval = "100ms";', WHO, unstamped="")
    for row in rows:
        if row["schema"] == "syscalls" and "process.executable.name" in row:
            assert row["process.executable.name"] == "spawn"
            assert "process.start_time" not in row   # which was not among the columns
