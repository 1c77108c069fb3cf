# SPDX-License-Identifier: Apache-2.0
"""Pipelines whose head the kernel takes over: the same rows as from the same pipeline in user space."""

import collections
import json
import os
import re
import signal
import subprocess
import time

from kernel_daemon import SONDE, START_S, STOP_S

CALLS, KINDS = 21000, 30    # as load.c makes them
# A condition that no input has words for keeps all that stands behind it in user space.
IN_USER_SPACE = "first"


class Two:
    """Two daemons with the same pipeline; one of them has the kernel do what it can."""

    def __init__(self, directory, processor):
        self.daemons, self.directories = [], []
        for name in ["kernel", "user"]:
            place = os.path.join(directory, name)
            os.mkdir(place)
            through = '"some"' if name == "kernel" else f'"{IN_USER_SPACE}", "some"'
            config = os.path.join(place, "test.conf")
            with open(config, "w") as file:
                file.write(f'''
sonde:      {{ state = "{place}/state"; control = "{place}/control"; }};
inputs:     {{ calls: {{ plugin = "syscalls"; mode = "events"; ring = "64MiB"; }}; }};
processors: {{ some: {{ {processor} }};
               {"" if name == "kernel" else f'{IN_USER_SPACE}: {{ plugin = "filter"; drop = "1 > 2"; }};'} }};
outputs:    {{ kept: {{ plugin = "file"; path = "{place}/rows.json"; queue: {{ memory = "1GiB"; }}; }}; }};
pipelines:  {{ main: {{ from = ["calls"]; through = [{through}]; to = ["kept"]; }}; }};
''')
            log = open(os.path.join(place, "log"), "w")
            self.daemons.append(subprocess.Popen([SONDE, "run", config], stdin=subprocess.DEVNULL, stdout=log,
                                                 stderr=log))
            log.close()
            self.directories.append(place)
            deadline = time.monotonic() + START_S
            while not re.search("ready after", self.read(place, "log")):
                assert time.monotonic() < deadline, self.read(place, "log")
                time.sleep(0.05)

    @staticmethod
    def read(place, name):
        with open(os.path.join(place, name)) as file:
            return file.read()

    def status(self, index):
        done = subprocess.run([SONDE, "status", "--json", "--socket", f"{self.directories[index]}/control"],
                              stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)

    def wait_for_rows(self, name, count):
        deadline = time.monotonic() + START_S
        for place in self.directories:
            path = os.path.join(place, "rows.json")
            while not os.path.exists(path) or self.read(place, "rows.json").count(f'"syscall.name":"{name}"') < count:
                assert time.monotonic() < deadline, f"{place}: fewer than {count} rows of {name}"
                time.sleep(0.05)

    def set(self, knob, value):
        for place in self.directories:
            subprocess.run([SONDE, "set", knob, value, "--socket", f"{place}/control"], check=True,
                           stdout=subprocess.DEVNULL)

    def stop(self):
        """Rows of the kernel's and of the other, without what tells one daemon from another."""
        tables = []
        for process, place in zip(self.daemons, self.directories):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=STOP_S) == 0, self.read(place, "log")
            tables.append([json.loads(line) for line in self.read(place, "rows.json").splitlines()])
        return tables


def table(rows, cgroup):
    return sorted((row["syscall.name"], row["process.pid"], row["syscall.return"], row.get("error.type", ""))
                  for row in rows if row["cgroup.id"] == cgroup.id)


def events(status, kind):
    account, = [each for each in status["ledger"] if each["kind"] == kind]
    return account


def test_a_filter_in_the_kernel_lets_the_same_rows_through(tmp_path, cgroup):
    condition = f"cgroup.id = {cgroup.id} and error.type is not null and syscall.name != 'mkdir'"
    two = Two(str(tmp_path), f'plugin = "filter"; keep = "{condition}";')
    try:
        made = cgroup.run("kinds", CALLS)
        two.wait_for_rows("rmdir", CALLS // KINDS)      # in both, before the condition is another
        time.sleep(0.3)
        first = [two.status(index) for index in (0, 1)]
        assert first[0]["instances"][0]["done_at_source"] == [
            f"cgroup.id = {cgroup.id}", "error.type is not null", "syscall.name != 'mkdir'"]
        assert first[1]["instances"][0]["done_at_source"] == []
        two.set("some.keep", f"cgroup.id = {cgroup.id} and syscall.name = 'openat'")
        cgroup.run("paths", CALLS)
    finally:
        in_kernel, in_user_space = two.stop()
    assert table(in_kernel, cgroup) == table(in_user_space, cgroup)
    names = collections.Counter(row["syscall.name"] for row in in_kernel if row["cgroup.id"] == cgroup.id)
    assert made["all"]["calls"] == CALLS
    assert names["openat"] >= CALLS and names["rmdir"] == CALLS // KINDS
    assert "mkdir" not in names and "getppid" not in names
    # What the kernel kept to itself is booked there, and was never made a row.
    for status in first:
        assert status["ledger_closes"]
    kernel, user = (events(status, "kernel") for status in first)
    assert kernel["reduced"]["filtered"]["events"] > 0
    assert kernel["out"]["events"] < user["out"]["events"]


def totals(rows, cgroup):
    """What windows come to together: calls, errors, and how many were timed, for each call."""
    sums = collections.defaultdict(lambda: [0, 0, 0])
    for row in rows:
        if row.get("cgroup.id") != cgroup.id:
            continue
        each = sums[row["syscall.name"]]
        each[0] += row["calls"]
        each[1] += row["errors"]
        if "took" in row:       # some calls never return, and so take no time
            each[2] += row["took"]["count"]
            assert row["took"]["scale"] == 3 and sum(row["took"]["buckets"]) == row["took"]["count"] > 0
    return {name: tuple(each) for name, each in sums.items()}


def test_an_aggregate_in_the_kernel_comes_to_the_same_table(tmp_path, cgroup):
    two = Two(str(tmp_path), f"""plugin = "aggregate"; window = "500ms"; by = ["cgroup.id", "syscall.name"];
        measures = ["calls = count", "errors = count where error.type is not null", "took = histogram(syscall.duration)"];""")
    try:
        cgroup.run("kinds", CALLS)
        cgroup.run("paths", CALLS)
        time.sleep(1.2)     # a window, and what is read behind its end
        status = [two.status(index) for index in (0, 1)]
    finally:
        in_kernel, in_user_space = two.stop()
    assert len(status[0]["instances"][0]["done_at_source"]) == 1 and status[1]["instances"][0]["done_at_source"] == []
    made = totals(in_kernel, cgroup)
    assert made == totals(in_user_space, cgroup)
    assert made["rmdir"][:2] == (CALLS // KINDS,) * 2 and made["openat"][1] >= CALLS
    # As tables go, they are the same: columns, types, windows.
    assert {key for row in in_kernel for key in row} == {key for row in in_user_space for key in row}
    for row in in_kernel + in_user_space:
        assert row["time"] > row["start_time"] and row["time"][20:23] in ("000", "500")
    assert all(each["ledger_closes"] for each in status)
    kernel, user = (events(each, "input")["out"]["rows"] for each in status)
    assert kernel < user / 10      # rows that had to be made


def test_a_sample_in_the_kernel_is_taken_once(tmp_path, cgroup):
    two = Two(str(tmp_path), 'plugin = "sample"; ratio = "10%";')
    try:
        before = two.status(0)
        cgroup.run("paths", CALLS)
        time.sleep(0.5)
        status = two.status(0)
    finally:
        tables = two.stop()
    assert status["instances"][0]["done_at_source"] == ["1 row in 10"]
    for rows in tables:     # either way a row stands for ten, and the estimate is off by some 2 % at one sigma
        known = [row for row in rows if row["cgroup.id"] == cgroup.id and row["syscall.name"] == "openat"]
        assert {row["weight"] for row in known} == {10}
        assert abs(sum(row["weight"] for row in known) - CALLS) < 0.15 * CALLS
    once, again = (events(each, "processor") for each in (before, status))
    assert again["in"]["rows"] - once["in"]["rows"] > CALLS / 20
    assert again["reduced"] == once["reduced"]      # what it did before the input knew
