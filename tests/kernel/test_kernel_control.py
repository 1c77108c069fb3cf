# SPDX-License-Identifier: Apache-2.0
"""Rules of the processor `control` over what the kernel counts: detail where it is called for, and back again."""

import re
import threading
import time

from test_syscalls import count_calls, filtered, select

RULE = '''{ name = "failing"; by = ["cgroup.id", "cgroup.path"]; value = "sum(syscall.errors) / sum(syscall.calls)";
            rises = 3; baseline = 4; minimum = 2000; over = "1s"; for = "2s"; again = "1m";
            set = ["more0.cgroups=[%{cgroup.id}]", "more0.errors_only=true", "more0.arguments=decoded", "more0.mode=both"]; }'''


def test_when_failing_calls_of_a_cgroup_triple_they_come_one_by_one_with_arguments_for_a_while(start, make_cgroup):
    failing, quiet = make_cgroup(), make_cgroup()
    both = f'cgroups = ["{failing.path}", "{quiet.path}"];'
    daemon = start(f'mode = "aggregate"; interval = "200ms"; {both}', more=['mode = "off"; ring = "64MiB";'], rules=RULE)
    ended = threading.Event()

    def load(cgroup, kind):
        while not ended.is_set():
            cgroup.run(kind, 20_000)
            time.sleep(0.05)
    beside = threading.Thread(target=load, args=(quiet, "rhythm"))
    beside.start()
    try:
        begun = time.monotonic()
        while time.monotonic() < begun + 5:         # what is usual
            failing.run("rhythm", 20_000)
            time.sleep(0.05)
        assert "more0: mode" not in daemon.log()
        while "more0: mode is set to both" not in daemon.log():
            failing.run("many", 20_000)
            assert time.monotonic() < begun + 60, daemon.log()
        failing.run("many", 20_000)
        knobs = daemon.status()["instances"][1]["knobs"]
        assert knobs["cgroups"]["value"] == f'["{failing.id}"]' and knobs["mode"]["value"] == "both"
        daemon.wait_for("more0: cgroups falls back")
    finally:
        ended.set()
        beside.join()
    instance = daemon.status()["instances"][1]
    assert instance["knobs"]["mode"] == {"value": "off"} and instance["knobs"]["cgroups"] == {"value": "[]"}
    assert instance["report"]["programs"]["sys_exit"]["attached"] == "no"
    rows = daemon.stop()
    assert count_calls(rows, failing) and count_calls(rows, quiet)
    detail = daemon.rows(".0")
    calls = select(detail, "syscalls.event.arguments")
    assert {row["cgroup.id"] for row in calls} == {failing.id} and all(row["error.type"] for row in calls)
    assert any(row["syscall.name"] == "mkdir" and row["syscall.text"] == "/" for row in calls)
    assert set(count_calls(detail)) and {row.get("cgroup.id") for row in select(detail, "syscalls")} <= {failing.id, None}
    log = daemon.log()
    order = [re.search(f"more0: {each}", log).start() for each in (
        "cgroups is set to .*: rule failing .*, over 3 times ", "mode is set to both", "mode falls back", "cgroups falls back")]
    assert order == sorted(order)


def test_a_rule_can_turn_up_the_very_input_that_it_looks_at(start, cgroup):
    rule = '''{ name = "any"; value = "sum(syscall.errors)"; above = "100"; over = "1s"; for = "1s";
                set = ["calls.errors_only=true", "calls.arguments=decoded", "calls.mode=both"]; }'''
    daemon = start(f'mode = "aggregate"; interval = "100ms"; ring = "64MiB"; {filtered(cgroup)}', rules=rule)
    cgroup.run("rhythm", 20_000)
    cgroup.run("many", 20_000)
    daemon.wait_for("calls: mode is set to both: rule any: ")
    made = cgroup.run("many", 20_000)
    daemon.wait_for("calls: errors_only falls back")
    cgroup.run("many", 20_000)
    rows = daemon.stop()
    calls = select(rows, "syscalls.event.arguments", cgroup)
    assert sum(row["syscall.name"] == "dup" for row in calls) >= made["dup"]["EBADF"]
    assert all(row["error.type"] for row in calls)
    assert count_calls(rows, cgroup)["getsid"] >= 20_000 / 16 + made["getsid"]["calls"]
