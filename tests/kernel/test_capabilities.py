# SPDX-License-Identifier: Apache-2.0
"""What the input syscalls needs, thread by thread: to start, and for everything that it does afterwards."""

import glob
import os
import shutil
import time

import pytest

BPF, PERFMON, DAC_READ_SEARCH = 1 << 39, 1 << 38, 1 << 2
STATUS_S = 30


def threads(daemon):
    """What the kernel says of each thread."""
    found = []
    for path in glob.glob(f"/proc/{daemon.process.pid}/task/*/status"):
        with open(path) as file:
            found.append(dict(line.rstrip("\n").split(":", 1) for line in file))
    return found


def wait_dropped(daemon):
    deadline = time.monotonic() + STATUS_S
    while not daemon.status()["privileges_dropped"]:
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.05)


def assert_hold(daemon, capabilities, uid=None):
    for thread in threads(daemon):
        needed = 0 if thread["Name"].strip() == "log" else capabilities
        assert int(thread["CapEff"], 16) == int(thread["CapPrm"], 16) == needed
        assert int(thread["CapInh"], 16) == int(thread["CapAmb"], 16) == 0
        assert thread["NoNewPrivs"].split() == ["1"]
        assert "0" not in thread["Uid"].split() and "0" not in thread["Gid"].split()
        if uid is not None:
            assert thread["Uid"].split() == [str(uid)] * 4


def rows_of(daemon, cgroup):
    return [row for row in daemon.rows() if row["schema"] == "syscalls" and row["cgroup.id"] == cgroup.id]


def wait_rows(daemon, cgroup, more_than):
    deadline = time.monotonic() + STATUS_S
    while len(rows_of(daemon, cgroup)) <= more_than:
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.05)
    return len(rows_of(daemon, cgroup))


def as_user(*names):
    """Before a command: a user that has these capabilities and no others."""
    if not shutil.which("setpriv"):
        pytest.skip("there is no setpriv: apt install util-linux")
    plus = "".join(f",+{name}" for name in names)
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps=-all{plus}",
            f"--ambient-caps=-all{plus}"]


@pytest.mark.parametrize("hooks", ["tp_btf", "raw_tp"])
def test_all_that_it_does_goes_on_with_two_capabilities_and_no_root(start, cgroup, hooks):
    filtered = f'cgroups = ["{cgroup.path}"]; hooks = "{hooks}";'
    daemon = start(f'interval = "100ms"; {filtered}', more=[f'mode = "aggregate"; interval = "1h"; {filtered}'])
    wait_dropped(daemon)
    assert_hold(daemon, BPF | PERFMON)
    assert daemon.status()["capabilities"] == ["perfmon", "bpf"]
    seen = 0
    for mode in ("aggregate", "both", "off", "aggregate"):
        daemon.set("mode", mode)
        if mode != "off":
            cgroup.run("many", 1000)
            seen = wait_rows(daemon, cgroup, seen)
    # In the hub the place of a member that leaves is filled by a program that has to be loaded.
    for mode in ("off", "aggregate", "off", "aggregate"):
        daemon.set("mode", mode, instance="more0")
    daemon.set("mode", "off")
    daemon.set("mode", "aggregate")
    for knob, value in (("calls", "getppid"), ("processes", str(os.getpid())), ("time_one_in", "16")):
        daemon.set(knob, value)
    assert_hold(daemon, BPF | PERFMON)
    assert all(each["state"] == "running" for each in daemon.status()["instances"])
    daemon.stop()
    assert "error" not in daemon.log()


def test_a_cgroup_that_comes_after_the_drop_has_its_path(start, make_cgroup):
    daemon = start('mode = "aggregate"; interval = "200ms";')
    wait_dropped(daemon)
    for _ in range(3):
        cgroup = make_cgroup()
        cgroup.run("many", 20_000)
        wait_rows(daemon, cgroup, 0)
        cgroup.run("many", 20_000)
        wait_rows(daemon, cgroup, len(rows_of(daemon, cgroup)))
        assert {row.get("cgroup.path") for row in rows_of(daemon, cgroup)} - {None} == {cgroup.path}


def test_a_user_with_these_two_needs_no_root(start, cgroup, tmp_path):
    os.chown(tmp_path, 65534, 65534)
    daemon = start('mode = "aggregate"; interval = "200ms";', as_user("bpf", "perfmon"))
    wait_dropped(daemon)
    assert_hold(daemon, BPF | PERFMON, 65534)
    cgroup.run("many", 1000)
    wait_rows(daemon, cgroup, 0)
    assert {row["cgroup.path"] for row in rows_of(daemon, cgroup)} == {cgroup.path}
    assert "may not" not in daemon.log() and "error" not in daemon.log()


@pytest.mark.parametrize("has, lacks", [((), "CAP_BPF and CAP_PERFMON"), (("bpf",), "CAP_PERFMON"),
                                        (("perfmon",), "CAP_BPF")])
def test_who_lacks_one_is_told_once_and_by_its_name(start, tmp_path, has, lacks):
    os.chown(tmp_path, 65534, 65534)
    daemon = start("", as_user(*has))
    wait_dropped(daemon)
    deadline = time.monotonic() + STATUS_S
    while daemon.status()["instances"][0]["failures"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    errors = [line for line in daemon.log().splitlines() if " error " in line]
    assert len(errors) == 1, errors
    assert f"calls: {lacks} missing" in errors[0]


def test_classic_tracepoints_take_one_more_which_stays(start, cgroup):
    prefix = []
    if not os.path.exists("/sys/kernel/tracing/events"):
        prefix = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c",
                  'mount --make-rprivate /sys && mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"', "-"]
    daemon = start(f'interval = "100ms"; hooks = "tracepoint"; cgroups = ["{cgroup.path}"];', prefix)
    wait_dropped(daemon)
    assert_hold(daemon, BPF | PERFMON | DAC_READ_SEARCH)
    daemon.set("mode", "off")
    daemon.set("mode", "aggregate")
    cgroup.run("many", 1000)
    wait_rows(daemon, cgroup, 0)
