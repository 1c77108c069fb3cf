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

    def __init__(self, directory, keep, options=""):
        self.daemons, self.directories = [], []
        for name in ["kernel", "user"]:
            place = os.path.join(directory, name)
            os.mkdir(place)
            through = '"some"' if name == "kernel" else f'"{IN_USER_SPACE}", "some"'
            config = os.path.join(place, "test.conf")
            with open(config, "w") as file:
                file.write(f'''
sonde:      {{ state = "{place}/state"; control = "{place}/control"; }};
inputs:     {{ calls: {{ plugin = "syscalls"; mode = "events"; {options} }}; }};
processors: {{ some: {{ plugin = "filter"; keep = "{keep}"; }};
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
    two = Two(str(tmp_path), f"cgroup.id = {cgroup.id} and error.type is not null and syscall.name != 'mkdir'")
    try:
        made = cgroup.run("kinds", CALLS)
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
