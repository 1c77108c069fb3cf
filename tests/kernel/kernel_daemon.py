# SPDX-License-Identifier: Apache-2.0
"""A daemon whose rows can be read, and a cgroup in which a program makes known calls."""

import json
import os
import re
import signal
import subprocess
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
SONDE = os.path.join(os.environ.get("SONDE_PROGRAMS") or os.environ.get("SONDE_BUILD", os.path.join(TREE, "build")),
                     "sonde")
START_S, STOP_S = 30, 30


def cgroup_root():
    """Where the v2 hierarchy is mounted."""
    with open("/proc/self/mounts") as mounts:
        for line in mounts:
            fields = line.split()
            if fields[2] == "cgroup2":
                return fields[1]
    pytest.skip("no v2 cgroups are mounted")


class Cgroup:
    def __init__(self, name, program):
        self.name = name
        self.path = f"/{name}"
        self.directory = f"{cgroup_root()}/{name}"
        self.program = program
        os.mkdir(self.directory)
        self.id = os.stat(self.directory).st_ino

    def run(self, kind, count):
        """Makes the calls in the cgroup; returns what was made."""
        done = subprocess.run([self.program, f"{self.directory}/cgroup.procs", kind, str(count)],
                              stdout=subprocess.PIPE, check=True, text=True)
        return json.loads(done.stdout)

    def remove(self):
        for _ in range(50):
            try:
                os.rmdir(self.directory)
                return
            except OSError:   # its last process is not gone yet
                time.sleep(0.1)


class Daemon:
    """A running sonde whose input `calls` writes JSON lines."""

    def __init__(self, directory, options, prefix=(), more=(), rest=None, rules="", plugin="syscalls"):
        """more: options of further instances of the same input, called more0, more1 ..; rest: all but the inputs, in the
        place of a pipeline and an output that keep the rows as they come, as a function of the path for those; rules: of a
        processor `control` over the first."""
        self.directory = directory
        self.rows_path = f"{directory}/rows.json"
        self.log_path = f"{directory}/log"
        config = f"{directory}/test.conf"
        inputs = " ".join(f'more{i}: {{ plugin = "{plugin}"; {each} }};' for i, each in enumerate(more))
        pipelines = " ".join(
            f'p{i}: {{ from = ["more{i}"]; to = ["kept{i}"]; }};' for i in range(len(more)))
        outputs = " ".join(
            f'kept{i}: {{ plugin = "file"; path = "{self.rows_path}.{i}"; }};' for i in range(len(more)))
        control = f'processors: {{ rules: {{ plugin = "control"; rules = ( {rules} ); }}; }};' if rules else ""
        through = 'through = ["rules"];' if rules else ""
        with open(config, "w") as file:
            file.write(f'''
sonde:     {{ state = "{directory}/state"; control = "{directory}/control"; }};
inputs:    {{ calls: {{ plugin = "{plugin}"; {options} }}; {inputs} }};
''' + (rest(self.rows_path) if rest else f'''
outputs:   {{ kept: {{ plugin = "file"; path = "{self.rows_path}"; queue: {{ memory = "1GiB"; }}; }}; {outputs} }};
{control}
pipelines: {{ kernel: {{ from = ["calls"]; {through} to = ["kept"]; }}; {pipelines} }};
'''))
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([*prefix, SONDE, "run", config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.wait_for(r"running .*ready after")

    def log(self):
        with open(self.log_path) as log:
            return log.read()

    def wait_for(self, pattern, bound_s=START_S):
        deadline = time.monotonic() + bound_s
        while not re.search(pattern, self.log()):
            assert self.process.poll() is None, f"it ended:\n{self.log()}"
            assert time.monotonic() < deadline, f"no line {pattern!r}:\n{self.log()}"
            time.sleep(0.05)

    def command(self, *arguments):
        return subprocess.run([SONDE, *arguments, "--socket", f"{self.directory}/control"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)

    def set(self, knob, value, instance="calls"):
        done = self.command("set", f"{instance}.{knob}", value)
        assert done.returncode == 0, done.stdout

    def status(self):
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stdout
        return json.loads(done.stdout)

    def stop(self):
        """Ends it by SIGTERM and returns its rows."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=STOP_S) == 0, self.log()
        return self.rows()

    def rows(self, suffix=""):
        """Of the input `calls`, or with ".0" of `more0`."""
        if not os.path.exists(self.rows_path + suffix):
            return []
        with open(self.rows_path + suffix) as rows:
            return [json.loads(line) for line in rows if line.endswith("\n")]
