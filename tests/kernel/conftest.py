# SPDX-License-Identifier: Apache-2.0
"""What the tests of kernel inputs share: daemons, cgroups, and the program that makes known calls."""

import os
import subprocess

import pytest
from kernel_daemon import HERE, Cgroup, Daemon


@pytest.fixture(scope="session")
def load_program(tmp_path_factory):
    path = tmp_path_factory.mktemp("load") / "load"
    subprocess.run(["gcc", "-O2", "-Wall", "-D_GNU_SOURCE", "-o", path, f"{HERE}/load.c", "-lpthread"], check=True)
    return path


@pytest.fixture
def make_cgroup(load_program):
    made = []

    def make():
        made.append(Cgroup(f"sonde-test-{os.getpid()}-{len(made)}", load_program))
        return made[-1]
    yield make
    for each in made:
        each.remove()


@pytest.fixture
def cgroup(make_cgroup):
    return make_cgroup()


@pytest.fixture
def start(tmp_path):
    started = []

    def start_one(options, prefix=(), more=(), rest=None, rules="", plugin="syscalls"):
        directory = tmp_path / str(len(started))
        directory.mkdir()
        os.chown(directory, tmp_path.stat().st_uid, tmp_path.stat().st_gid)   # as tests/conftest.py has it
        started.append(Daemon(str(directory), options, prefix, more, rest, rules, plugin))
        return started[-1]
    yield start_one
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()
