# SPDX-License-Identifier: Apache-2.0
"""The input processes, and the table behind it, against lists that the processes' makers keep."""

import collections
import json
import os
import signal
import subprocess

import pytest
from kernel_daemon import HERE, SONDE, TREE, Cgroup
from test_kernel_bpf import Bpf

SHORT = 5000
AGAIN = 300
SELF = "life"


@pytest.fixture(scope="session")
def spawn_program(tmp_path_factory):
    path = tmp_path_factory.mktemp("spawn") / "spawn"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-D_GNU_SOURCE", "-static", "-o", path, f"{HERE}/spawn.c",
                    "-lpthread"], check=True)
    return path


@pytest.fixture
def cgroup(spawn_program):
    made = Cgroup(f"sonde-spawn-{os.getpid()}", str(spawn_program))
    yield made
    made.remove()


@pytest.fixture
def watch(tmp_path, cgroup):
    started = []

    def start(options):
        os.chmod(tmp_path, 0o777)
        started.append(Bpf(tmp_path, {SELF: f'plugin = "processes"; cgroups = ["{cgroup.path}"]; {options}'}))
        return started[-1]
    yield start
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()


def spawn(cgroup, kind, count=0):
    """What its maker says of each process."""
    done = subprocess.run([cgroup.program, f"{cgroup.directory}/cgroup.procs", kind, str(count)],
                          cwd=os.path.dirname(cgroup.program), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if "clone3: Operation not permitted" in done.stderr:
        pytest.skip("may not choose pids here")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def close_ledger(daemon):
    """What became of all events, once all are read."""
    daemon.set("mode", "off", SELF)
    status = daemon.status()
    assert status["ledger_closes"]
    account, = [each for each in status["ledger"] if each["kind"] == "kernel"]
    lost = {name: each["events"] for name, each in account["lost"].items()}
    reduced = {name: each["events"] for name, each in account["reduced"].items()}
    assert account["in"]["events"] == account["out"]["events"] + sum(reduced.values()) + sum(lost.values())
    return account["out"]["events"], reduced, lost


def of(rows, change):
    return [row for row in rows if row.get("event.name") == f"process.{change}"]


def arguments(each):
    return ["spawn", "child", each["kind"], each["number"]]


def assert_ended_so(row, status):
    if os.WIFSIGNALED(status):
        assert row["process.exit.signal"] == signal.Signals(os.WTERMSIG(status)).name
        assert "process.exit.code" not in row
    else:
        assert row["process.exit.code"] == os.WEXITSTATUS(status)
        assert "process.exit.signal" not in row
    assert row["process.exit.core_dumped"] == os.WCOREDUMP(status)


def test_five_thousand_short_lived_processes_are_each_seen_and_named(watch, cgroup, spawn_program):
    daemon = watch('mode = "both"; interval = "500ms";')
    made = spawn(cgroup, "short", SHORT)
    emitted, _, lost = close_ledger(daemon)
    rows = daemon.stop()
    assert not any(lost.values())
    forks = {row["process.pid"]: row for row in of(rows, "fork")}
    execs = {row["process.pid"]: row for row in of(rows, "exec")}
    exits = {row["process.pid"]: row for row in of(rows, "exit") if row["process.pid"] in execs}
    assert len(of(rows, "exec")) == len(made) == len(forks)   # and none twice
    for each in made:
        fork, began, ended = forks[each["pid"]], execs[each["pid"]], exits[each["pid"]]
        assert began["process.command_args"] == ended["process.command_args"] == arguments(each)
        assert began["process.command_line"] == " ".join(arguments(each))
        assert began["process.executable.path"] == os.path.realpath(spawn_program)
        assert fork["process.start_time"] == began["process.start_time"] == ended["process.start_time"]
        assert fork["time"] < began["time"] < ended["time"]
        assert began["process.real_user.name"] == "root" and began["process.command"] == "spawn"
        assert began["cgroup.path"] == cgroup.path
        assert_ended_so(ended, each["status"])
    counts = collections.Counter()
    for row in rows:
        if row["schema"] == "processes":
            for name in "forks", "execs", "exits", "kills", "failures":
                counts[name] += row[f"process.{name}"]
            counts["lifetimes"] += sum(row["process.lifetime"]["buckets"])
    ends = counts["exits"]
    assert (counts["forks"], counts["execs"], counts["lifetimes"]) == (SHORT, SHORT, ends)
    assert ends in (SHORT, SHORT + 1)   # their maker too, which was in the cgroup when it ended
    assert counts["kills"] == SHORT // 10 and counts["failures"] == SHORT // 10 * 9
    assert emitted == 2 * (2 * SHORT + ends)


def test_a_pid_given_again_and_again_is_never_misnamed(watch, cgroup):
    daemon = watch("")
    made = spawn(cgroup, "again", AGAIN)
    rows = daemon.stop()
    pid, = {each["pid"] for each in made}
    execs = [row for row in of(rows, "exec") if row["process.pid"] == pid]
    exits = [row for row in of(rows, "exit") if row["process.pid"] == pid]
    assert len(execs) == len(exits) == AGAIN == len({row["process.start_time"] for row in exits})
    for each, began, ended in zip(made, execs, exits):
        assert began["process.command_args"] == ended["process.command_args"] == arguments(each)
        assert_ended_so(ended, each["status"])


def test_the_table_names_a_process_at_any_time_of_its_life_and_after_losses(tmp_path):
    build = os.environ.get("SONDE_BUILD", f"{TREE}/build")
    program = tmp_path / "ask"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-D_GNU_SOURCE", "-o", program, f"{HERE}/ask.c",
                    f"-I{TREE}/lib/kernel/include", f"-I{TREE}/bpf/include", f"{build}/lib/kernel/libsonde-kernel.so.0",
                    f"-Wl,-rpath,{build}/lib/kernel"], check=True)
    done = subprocess.run([program, "own"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 77:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout


def test_processes_unlike_most_are_told_exactly(watch, cgroup):
    daemon = watch("")
    made = spawn(cgroup, "shapes")
    rows = daemon.stop()
    ends = {row["process.pid"]: row for row in of(rows, "exit")}
    by_kind = {each["kind"]: each for each in made}
    for each in made:
        assert_ended_so(ends[each["pid"]], each["status"])
        if each["kind"] != "none":
            assert ends[each["pid"]]["process.command_args"] == arguments(each)
    replaced = by_kind["replaced"]["pid"]           # by a thread that took its leader's id
    assert [row["process.command_args"][2] for row in of(rows, "exec") if row["process.pid"] == replaced] \
        == ["replacing", "replaced"]
    assert len([row for row in of(rows, "fork") if row["process.pid"] == replaced]) == 1
    orphan = by_kind["orphan"]["pid"]
    fork, = [row for row in of(rows, "fork") if row["process.pid"] == orphan]
    assert fork["process.parent_pid"] != ends[orphan]["process.parent_pid"]
    assert ends[orphan]["process.parent_pid"] == ends[replaced]["process.parent_pid"]
    pids = {each["pid"] for each in made}
    assert {row["process.pid"] for row in of(rows, "fork")} == pids   # threads are none


def test_what_a_process_used_is_what_wait4_says(watch, cgroup):
    daemon = watch("")
    made, = spawn(cgroup, "work")
    ended, = [row for row in of(daemon.stop(), "exit") if row["process.pid"] == made["pid"]]
    used = ended["process.cpu.user"] + ended["process.cpu.system"]
    # What comes behind the last look at a process is the end of its memory, some milliseconds.
    assert 200e6 < used <= made["user_ns"] + made["system_ns"] + 1e6
    assert used > 0.8 * (made["user_ns"] + made["system_ns"])
    assert ended["process.memory.maximum"] == made["resident"]
    assert ended["process.faults.major"] == made["major"]
    assert made["minor"] - 5 <= ended["process.faults.minor"] <= made["minor"]
    assert made["voluntary"] - 5 <= ended["process.switches.voluntary"] <= made["voluntary"]
    assert ended["process.switches.voluntary"] >= 20
    written = ended["process.disk.written"]   # with what the file system keeps of a file; 0: it is in memory
    assert written == 0 or 8 << 20 <= written < 9 << 20
    assert ended["process.duration"] > used - 1e6


def test_what_is_not_asked_for_is_booked_as_such(watch, cgroup):
    daemon = watch('events = ["exit"]; failures_only = true; sample_one_in = 4; rate_limit = 20; arguments = false;')
    made = spawn(cgroup, "short", 400)
    emitted, reduced, lost = close_ledger(daemon)
    rows = daemon.stop()
    failed = sum(each["status"] != 0 for each in made)
    assert not any(lost.values()) and len(rows) == emitted
    assert reduced["filtered"] >= 3 * 400 - failed
    assert emitted + reduced["sampled"] + reduced.get("limited", 0) == failed
    assert reduced["sampled"] > failed / 2
    assert all(row["event.name"] == "process.exit" and row["weight"] == 4 for row in rows)
    assert all("process.command_line" not in row and "process.command_args" not in row for row in rows)


def test_a_live_change_holds_for_what_happens_after_it(watch, cgroup):
    daemon = watch('mode = "off";')
    spawn(cgroup, "short", 5)
    daemon.set("mode", "events", SELF)
    made = spawn(cgroup, "short", 10)
    daemon.set("events", "exec", SELF)
    more = spawn(cgroup, "short", 10)
    rows = daemon.stop()
    pids = {each["pid"] for each in made}
    assert sorted(row["process.pid"] for row in of(rows, "exec")) == sorted(each["pid"] for each in made + more)
    assert len([row for row in of(rows, "exit") if row["process.pid"] in pids]) == 10
    assert not [row for row in of(rows, "exit") if row["process.pid"] in {each["pid"] for each in more}]


def test_what_lists_name_wrongly_is_said_before_anything_runs(tmp_path):
    config = tmp_path / "bad.conf"
    config.write_text("""
inputs:    { life: { plugin = "processes"; events = ["exec", "exits"]; users = ["root", "no-such-user"];
                     cgroups = ["/no/such/group"]; }; };
outputs:   { kept: { plugin = "null"; }; };
pipelines: { main: { from = ["life"]; to = ["kept"]; }; };
""")
    done = subprocess.run([SONDE, "check", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode
    for said in (r'events: "exits": not an event (try "exec", "exit" or "fork")', r'users: "no-such-user": no such user',
                 r'cgroups: "/no/such/group": No such file or directory'):
        assert f"inputs.life.{said}" in done.stdout
