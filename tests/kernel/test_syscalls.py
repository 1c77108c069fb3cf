# SPDX-License-Identifier: Apache-2.0
"""The input syscalls against programs that know exactly what they called."""

import collections
import math
import os
import re
import signal
import time

import pytest

CALLS_10M = 10_000_000
HOOKS = ["tp_btf", "raw_tp"]
BUCKET_RATIO = 2 ** (1 / 8)                    # of the bounds of a bucket at scale 3


def select(rows, schema, cgroup=None):
    return [row for row in rows if row["schema"] == schema and (cgroup is None or row.get("cgroup.id") == cgroup.id)]


def count_calls(rows, cgroup=None):
    """{name: calls}, with "32 " before the name of a compat call."""
    counts = collections.Counter()
    for row in select(rows, "syscalls", cgroup):
        counts[("32 " if row["syscall.compat"] else "") + row["syscall.name"]] += row["syscall.calls"]
    return counts


def count_errors(rows, cgroup=None):
    """{(name, error): calls}"""
    counts = collections.Counter()
    for row in select(rows, "syscalls.errors", cgroup):
        name = ("32 " if row["syscall.compat"] else "") + row["syscall.name"]
        counts[name, row["error.type"]] += row["syscall.failures"]
    return counts


def merge_histogram(rows, cgroup, name):
    """{bucket index: count}"""
    buckets = collections.Counter()
    for row in select(rows, "syscalls", cgroup):
        histogram = row["syscall.duration"]
        if row["syscall.name"] != name or row["syscall.compat"] or not histogram["count"]:
            continue
        assert histogram["scale"] == 3
        assert sum(histogram["buckets"]) == histogram["count"]
        for index, count in enumerate(histogram["buckets"], histogram["offset"]):
            buckets[index] += count
    return buckets


def assert_made(rows, cgroup, made):
    calls, errors = count_calls(rows, cgroup), count_errors(rows, cgroup)
    for name, expected in made.items():
        assert calls[name] == expected["calls"], name
        for error, count in expected.items():
            if error != "calls":
                assert errors[name, error] == count, (name, error)
        known = sum(count for error, count in expected.items() if error != "calls")
        assert sum(count for (each, _), count in errors.items() if each == name) == known, name


def filtered(cgroup):
    return f'cgroups = ["{cgroup.path}"];'


def kernel_ledger(daemon):
    """The kernel side's account, in events, once the programs are detached and all is read."""
    daemon.set("mode", "off")
    status = daemon.status()
    assert status["ledger_closes"]
    account, = [each for each in status["ledger"] if each["kind"] == "kernel"]
    reduced = {name: each["events"] for name, each in account["reduced"].items()}
    lost = {name: each["events"] for name, each in account["lost"].items()}
    produced, emitted = account["in"]["events"], account["out"]["events"]
    assert produced == emitted + sum(reduced.values()) + sum(lost.values())
    return produced, emitted, reduced, lost


@pytest.mark.parametrize("hooks", HOOKS)
def test_ten_million_calls_on_both_cores_are_counted_exactly_by_name_and_error(start, cgroup, hooks):
    daemon = start(f'mode = "aggregate"; interval = "500ms"; hooks = "{hooks}"; {filtered(cgroup)}')
    made = cgroup.run("many", CALLS_10M if hooks == HOOKS[0] else CALLS_10M // 10)
    rows = daemon.stop()
    assert sum(each["calls"] for each in made.values()) == (CALLS_10M if hooks == HOOKS[0] else CALLS_10M // 10)
    assert_made(rows, cgroup, made)


@pytest.mark.parametrize("hooks", HOOKS)
def test_each_call_is_its_own_caller_s_however_short_its_life(start, cgroup, hooks):
    daemon = start(f'mode = "events"; ring = "64MiB"; hooks = "{hooks}"; {filtered(cgroup)}')
    made = cgroup.run("children", 20_000)
    rows = [row for row in select(daemon.stop(), "syscalls.event", cgroup) if row["syscall.name"] == "getppid"]
    assert len(rows) == made["getppid"]["calls"]
    assert len({row["thread.id"] for row in rows}) == len(rows)
    assert all(row["process.pid"] == row["thread.id"] for row in rows)


def test_classic_tracepoints_serve_where_nothing_else_does(start, cgroup):
    if os.path.exists("/sys/kernel/tracing/events"):
        prefix = []
    else:   # only what is below /sys is cut off from other namespaces: in a chroot, / is no mount point
        mount = 'mount --make-rprivate /sys && mount -t tracefs tracefs /sys/kernel/tracing && exec "$@"'
        prefix = ["unshare", "--mount", "--propagation", "unchanged", "sh", "-c", mount, "-"]
    daemon = start(f'mode = "aggregate"; interval = "500ms"; hooks = "tracepoint"; {filtered(cgroup)}', prefix)
    made = cgroup.run("many", 200_000)
    assert "by tracepoint" in daemon.log()
    assert_made(daemon.stop(), cgroup, made)


def test_without_filters_the_cgroup_of_the_caller_is_told_apart(start, cgroup):
    daemon = start('mode = "aggregate"; interval = "500ms";')
    made = cgroup.run("many", 100_000)
    rows = daemon.stop()
    assert_made(rows, cgroup, made)
    assert {row["cgroup.path"] for row in select(rows, "syscalls", cgroup)} == {cgroup.path}


def test_quantiles_lie_within_the_error_that_the_histogram_states(start, cgroup):
    daemon = start(f'mode = "both"; interval = "500ms"; ring = "64MiB"; {filtered(cgroup)}')
    cgroup.run("slow", 1000)
    rows = daemon.stop()
    for name in "clock_nanosleep", "getppid":
        exact = sorted(row["syscall.duration"] for row in select(rows, "syscalls.event", cgroup)
                       if row["syscall.name"] == name)
        buckets = merge_histogram(rows, cgroup, name)
        assert len(exact) == sum(buckets.values()) == 1000
        for quantile in 0.01, 0.1, 0.5, 0.9, 0.99, 0.999:
            rank, seen = math.ceil(quantile * len(exact)), 0
            for index in sorted(buckets):
                seen += buckets[index]
                if seen >= rank:
                    break
            value = exact[rank - 1]
            assert BUCKET_RATIO ** index * (1 - 1e-9) < value <= BUCKET_RATIO ** (index + 1) * (1 + 1e-9), (name, quantile)
            estimate = BUCKET_RATIO ** (index + 0.5)
            assert abs(estimate / value - 1) <= 2 ** (1 / 16) - 1 + 1e-9
        total = sum(row["syscall.duration"]["sum"] for row in select(rows, "syscalls", cgroup)
                    if row["syscall.name"] == name)
        assert total == sum(exact)


def test_every_call_is_one_event_with_its_error_and_duration(start, cgroup):
    daemon = start(f'mode = "events"; ring = "64MiB"; {filtered(cgroup)}')
    made = cgroup.run("many", 200_000)
    rows = select(daemon.stop(), "syscalls.event", cgroup)
    calls, errors = collections.Counter(), collections.Counter()
    for row in rows:
        calls[row["syscall.name"]] += 1
        errors[row["syscall.name"], row.get("error.type")] += 1
        assert row["weight"] == 1
    for name, expected in made.items():
        assert calls[name] == expected["calls"]
        for error, count in expected.items():
            if error != "calls":
                assert errors[name, error] == count
    assert all(row["syscall.duration"] > 0 for row in rows if row["syscall.name"] == "getppid")


def within(value, expected, deviation):
    return abs(value - expected) <= 5 * deviation + 1


@pytest.mark.parametrize("time_one_in", [1, 0])     # drawn when calls begin, and when they end
def test_sampled_events_stand_for_all_by_their_weight(start, cgroup, time_one_in):
    one_in, count = 10, 400_000
    daemon = start(f'mode = "events"; sample_one_in = {one_in}; time_one_in = {time_one_in}; ring = "64MiB"; '
                   f'{filtered(cgroup)}')
    made = cgroup.run("many", count)
    produced, emitted, reduced, lost = kernel_ledger(daemon)
    rows = select(daemon.stop(), "syscalls.event", cgroup)
    assert not lost and produced >= emitted + reduced["sampled"] >= sum(each["calls"] for each in made.values())
    assert all(("syscall.duration" in row) == (time_one_in == 1) for row in rows if row["syscall.name"] in made)
    weights = collections.Counter()
    for row in rows:
        assert row["weight"] == one_in
        weights[row["syscall.name"]] += row["weight"]
    assert len(rows) < 1.1 * count / one_in
    for name, expected in made.items():
        deviation = math.sqrt(expected["calls"] * one_in)   # of a weighted count of independent choices
        assert within(weights[name], expected["calls"], deviation), name


def test_one_call_in_sixteen_is_timed_and_all_are_counted(start, cgroup):
    count = 800_000
    daemon = start(f'mode = "aggregate"; time_one_in = 16; interval = "500ms"; {filtered(cgroup)}')
    made = cgroup.run("rhythm", count)
    rows = daemon.stop()
    assert_made(rows, cgroup, made)
    for name in "getppid", "getsid":   # getsid comes every 16th call: a sampler in step would see none or all
        timed = sum(merge_histogram(rows, cgroup, name).values())
        calls = made[name]["calls"]
        assert within(timed, calls / 16, math.sqrt(calls / 16)), (name, timed, calls)


def test_calls_of_the_32_bit_interface_are_told_apart(start, cgroup):
    daemon = start(f'mode = "aggregate"; interval = "500ms"; {filtered(cgroup)}')
    made = cgroup.run("compat", 50_000)
    assert_made(daemon.stop(), cgroup, made)


def test_forks_count_once_and_execs_under_their_own_name(start, cgroup):
    daemon = start(f'mode = "aggregate"; interval = "500ms"; {filtered(cgroup)}')
    made = cgroup.run("processes", 300)
    rows = daemon.stop()
    assert_made(rows, cgroup, {name: made[name] for name in ("fork", "execve", "tgkill", "rt_sigreturn")})
    assert count_calls(rows, cgroup)["exit_group"] == 301   # never comes back, and is counted all the same


def test_without_timing_only_the_exit_is_hooked_and_all_is_counted(start, cgroup):
    daemon = start(f'mode = "aggregate"; time_one_in = 0; interval = "500ms"; {filtered(cgroup)}')
    made = cgroup.run("many", 100_000)
    programs = daemon.status()["instances"][0]["report"]["programs"]
    assert programs["sys_enter"]["attached"] == "no" and programs["sys_exit"]["attached"] == "yes"
    rows = daemon.stop()
    assert_made(rows, cgroup, made)
    assert not merge_histogram(rows, cgroup, "getppid")


def test_calls_that_find_no_slot_count_as_other(start, cgroup):
    daemon = start(f'mode = "aggregate"; interval = "500ms"; memory = "64KiB"; groups = 4; {filtered(cgroup)}')
    before = 60_000
    cgroup.run("kinds", before)
    rows = daemon.stop()
    counts = count_calls(rows)
    assert counts["other"] > 0
    assert len(counts) <= 32
    assert sum(counts.values()) >= before


def test_groups_that_find_no_room_count_as_other_group(start, make_cgroup):
    first, second = make_cgroup(), make_cgroup()
    both = f'cgroups = ["{first.path}", "{second.path}"];'
    daemon = start(f'mode = "aggregate"; interval = "1h"; groups = 2; {both}')
    made = [each.run("many", 50_000) for each in (first, second)]
    rows = daemon.stop()
    assert_made(rows, first, made[0])
    other = collections.Counter()
    for row in select(rows, "syscalls"):
        if row.get("cgroup.id") is None:
            other[row["syscall.name"]] += row["syscall.calls"]
    for name, expected in made[1].items():
        assert other[name] == expected["calls"]


def test_silent_groups_make_room_for_others(start, make_cgroup):
    daemon = start('mode = "aggregate"; interval = "100ms"; groups = 4; calls = ["getsid"];')
    for _ in range(6):   # more than there is room for, one after the other
        each = make_cgroup()
        made = each.run("rhythm", 16_000)
        deadline = time.monotonic() + 10   # rows that come thick are gathered for up to a second
        while count_calls(daemon.rows(), each)["getsid"] < made["getsid"]["calls"] and time.monotonic() < deadline:
            time.sleep(0.2)
        assert count_calls(daemon.rows(), each)["getsid"] == made["getsid"]["calls"]
        time.sleep(1)                      # silent for more readings than a group is kept
    daemon.stop()


def test_processes_are_told_apart_on_request(start, cgroup):
    daemon = start(f'mode = "aggregate"; group_by = "process"; interval = "500ms"; {filtered(cgroup)}')
    cgroup.run("many", 20_000)
    cgroup.run("many", 20_000)
    rows = select(daemon.stop(), "syscalls", cgroup)
    per_process = collections.Counter()
    for row in rows:
        if row["syscall.name"] == "getppid":
            assert row["process.command"] == "load"
            per_process[row["process.pid"]] += row["syscall.calls"]
    assert len(per_process) == 2


def test_filters_by_name_and_error_hold(start, cgroup):
    daemon = start(f'mode = "events"; calls = ["dup", "getppid"]; errors_only = true; {filtered(cgroup)}')
    made = cgroup.run("many", 50_000)
    rows = select(daemon.stop(), "syscalls.event", cgroup)
    assert {row["syscall.name"] for row in rows} == {"dup"}
    assert len(rows) == made["dup"]["EBADF"]


def test_a_minimum_duration_keeps_short_calls_out(start, cgroup):
    daemon = start(f'mode = "both"; minimum_duration = "1ms"; interval = "500ms"; {filtered(cgroup)}')
    cgroup.run("slow", 300)
    rows = daemon.stop()
    events = select(rows, "syscalls.event", cgroup)
    assert events and all(row["syscall.duration"] >= 1_000_000 for row in events)
    assert count_calls(rows, cgroup)["getppid"] == 300


def test_decoded_arguments_show_paths(start, cgroup):
    daemon = start(f'mode = "events"; arguments = "decoded"; calls = ["openat"]; errors_only = true; {filtered(cgroup)}')
    cgroup.run("paths", 1000)
    rows = [row for row in select(daemon.stop(), "syscalls.event.arguments", cgroup)
            if row.get("syscall.text") == "/no/such/place/at/all"]
    assert len(rows) == 1000
    assert all(row["error.type"] == "ENOENT" and row["syscall.argument.0"] & 0xffffffff == 0xffffff9c for row in rows)


def test_knobs_hold_from_the_next_call_on(start, cgroup):
    daemon = start(f'mode = "aggregate"; interval = "200ms"; {filtered(cgroup)}')
    first = cgroup.run("many", 20_000)
    daemon.set("mode", "off")
    programs = daemon.status()["instances"][0]["report"]["programs"]
    assert programs["sys_exit"]["attached"] == programs["sys_enter"]["attached"] == "no"
    cgroup.run("many", 20_000)
    daemon.set("mode", "events")
    daemon.set("errors_only", "true")
    third = cgroup.run("many", 20_000)
    daemon.set("errors_only", "false")
    daemon.set("mode", "aggregate")
    daemon.set("time_one_in", "4")
    fourth = cgroup.run("many", 20_000)
    rows = daemon.stop()
    for name in first:
        assert count_calls(rows, cgroup)[name] == first[name]["calls"] + fourth[name]["calls"], name
    events = collections.Counter(row["syscall.name"] for row in select(rows, "syscalls.event", cgroup))
    assert events["dup"] == third["dup"]["EBADF"] and events["getppid"] == 0


def readings_of(rows):
    """Rows of counts by the moment at which they were read, in order."""
    readings = collections.defaultdict(list)
    for row in rows:
        if row["schema"] in ("syscalls", "syscalls.errors"):
            readings[row["time"]].append(row)
    return [readings[time] for time in sorted(readings)]


def test_coarser_histograms_the_largest_alone_and_processes_are_asked_for_while_it_runs(start, cgroup):
    daemon = start(f'mode = "aggregate"; interval = "1h"; {filtered(cgroup)}')
    first = cgroup.run("many", 50_000)
    daemon.set("histogram_scale", "1")       # each of these reads what was counted until then
    second = cgroup.run("many", 50_000)
    daemon.set("top", "1")
    daemon.set("group_by", "process")
    daemon.set("top", "0")
    third = cgroup.run("many", 50_000)
    produced, emitted, reduced, lost = kernel_ledger(daemon)
    rows = daemon.stop()
    coarse, largest, processes = readings_of(rows)
    assert_made(coarse, cgroup, first)
    histograms = [row["syscall.duration"] for row in select(coarse, "syscalls") if row["syscall.duration"]["count"]]
    assert histograms and all(each["scale"] == 1 and sum(each["buckets"]) == each["count"] for each in histograms)
    alone, others = sorted(select(largest, "syscalls"), key=lambda row: row["syscall.name"] == "other")
    name = max(second, key=lambda each: second[each]["calls"])
    assert (alone["syscall.name"], alone["syscall.calls"], alone["cgroup.id"]) == (name, second[name]["calls"], cgroup.id)
    assert others["syscall.name"] == "other" and others.get("cgroup.id") is None
    assert others["events"] == others["syscall.calls"] >= sum(each["calls"] for each in second.values()) - second[name]["calls"]
    assert others["syscall.duration"]["count"] == sum(others["syscall.duration"]["buckets"])
    assert others["syscall.errors"] == sum(row["syscall.failures"] for row in select(largest, "syscalls.errors")
                                           if row["syscall.name"] == "other")
    assert_made(processes, cgroup, third)
    assert all(row["process.pid"] for row in select(processes, "syscalls", cgroup))
    assert not lost and emitted == sum(row["events"] for row in select(rows, "syscalls"))


@pytest.mark.parametrize("mode", ["aggregate", "events", "both"])
def test_the_kernels_ledger_closes_to_the_call(start, cgroup, mode):
    daemon = start(f'mode = "{mode}"; interval = "200ms"; sample_one_in = 3; errors_only = true; {filtered(cgroup)}')
    made = cgroup.run("many", 200_000)
    produced, emitted, reduced, lost = kernel_ledger(daemon)
    rows = daemon.stop()
    assert not lost and reduced["filtered"] > 0
    assert produced >= sum(each["calls"] for each in made.values()) * (2 if mode == "both" else 1)
    assert emitted == (sum(row["events"] for row in select(rows, "syscalls")) +
                       len(select(rows, "syscalls.event")))


def test_a_ring_that_is_too_small_loses_by_name_and_to_the_event(start, cgroup):
    daemon = start(f'mode = "events"; ring = "64KiB"; latency = "10s"; calls = ["getsid"]; {filtered(cgroup)}')
    os.kill(daemon.process.pid, signal.SIGSTOP)   # a reader that does not read
    made = cgroup.run("rhythm", 16_000 * 5)
    os.kill(daemon.process.pid, signal.SIGCONT)
    produced, emitted, reduced, lost = kernel_ledger(daemon)
    events = len(select(daemon.stop(), "syscalls.event", cgroup))
    assert 0 < events == emitted < made["getsid"]["calls"]
    assert lost == {"ring full": made["getsid"]["calls"] - events}


def test_inputs_share_the_hooks_and_each_counts_all(start, cgroup):
    """Three members of the hub on each hook; one leaves in the middle, another comes back."""
    options = f'mode = "aggregate"; interval = "200ms"; {filtered(cgroup)}'
    daemon = start(options, more=[options, options])
    first = cgroup.run("many", 100_000)
    daemon.set("mode", "off", "more0")
    second = cgroup.run("many", 100_000)
    daemon.set("mode", "off")
    third = cgroup.run("many", 100_000)
    daemon.set("mode", "aggregate")
    fourth = cgroup.run("many", 100_000)
    daemon.stop()
    seen = {"": (first, second, fourth), ".0": (first,), ".1": (first, second, third, fourth)}
    for suffix, runs in seen.items():
        counts = count_calls(daemon.rows(suffix), cgroup)
        for name in first:
            assert counts[name] == sum(each[name]["calls"] for each in runs), (suffix, name)


def test_a_refused_hook_is_named(start):
    if os.path.exists("/sys/kernel/tracing/events"):
        pytest.skip("tracefs is mounted here")
    daemon = start('hooks = "tracepoint";')
    daemon.wait_for("sys_enter by tracepoint: tracefs is not mounted at /sys/kernel/tracing")
