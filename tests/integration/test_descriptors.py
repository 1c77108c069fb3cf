# SPDX-License-Identifier: Apache-2.0
"""File descriptors: as many as there may be, and what is done when there are none left."""

import fcntl
import os
import re
import resource

import pytest
from sonde import Daemon, wait_for

pytestmark = pytest.mark.timeout(300)

BODY = '''
inputs:    { gen: { plugin = "generate"; rate = 10000; batch = 100; }; };
outputs:   { out: { plugin = "null"; }; lines: { plugin = "file"; path = "PATH"; retry: { longest = "1s"; }; }; };
pipelines: { main: { from = ["gen"]; to = ["out", "lines"]; }; };
'''


# Whose limits may be set: a process of one's own user.
ROOT = 'privileges: { user = "root"; };' if os.geteuid() == 0 else ""


@pytest.fixture
def own_path(tmp_path):
    """For that user: without its capabilities, root cannot write what is another's."""
    os.chown(tmp_path, os.geteuid(), os.getegid())
    return tmp_path


def body(tmp_path):
    return BODY.replace("PATH", str(tmp_path / "lines"))


def limit(daemon, soft):
    _, hard = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (soft, hard))


def test_the_soft_limit_is_raised_to_the_hard_one(tmp_path):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Daemon(tmp_path, body(tmp_path)) as daemon:
        daemon.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard)))
        descriptors = daemon.status().document["descriptors"]
        assert descriptors["limit"] == min(hard, 65536)
        assert 10 < descriptors["used"] < 64
        assert descriptors["refused"] == 0
        assert re.search(rf"^descriptors \d+ of {min(hard, 65536)}$", daemon.ask("status").stdout, re.M)
        assert daemon.stop() == 0


def test_with_all_in_use_it_goes_on_and_still_answers(own_path):
    with Daemon(own_path, body(own_path), ROOT) as daemon:
        daemon.start()
        before, _ = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
        used = wait_for(lambda: daemon.status().document["descriptors"]["used"], "it counts them") - 1  # its answer's
        limit(daemon, used)
        for _ in range(5):
            status = daemon.status()
        descriptors = status.document["descriptors"]
        assert descriptors["limit"] == used
        assert descriptors["used"] <= used
        assert descriptors["refused"] >= 5
        assert status.document["rss_bytes"] > 0
        assert "refused" in daemon.ask("status").stdout
        rows = status.route("main > out").rows("out")
        wait_for(lambda: daemon.status().route("main > out").rows("out") > rows, "rows flow")
        wait_for(lambda: "file descriptors have run out" in daemon.log(), "the log says so")
        limit(daemon, before)
        refused = daemon.status().document["descriptors"]["refused"]
        status = daemon.status()
        assert status.document["descriptors"]["refused"] == refused
        assert status.document["ledger_closes"]
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()


def test_what_could_not_be_opened_is_tried_again_until_it_can(own_path):
    with Daemon(own_path, body(own_path), ROOT) as daemon, open(own_path / "lines", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        daemon.start()
        wait_for(lambda: daemon.status().instance("lines")["state"] == "waiting", "somebody else writes the file")
        before, _ = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
        limit(daemon, daemon.status().document["descriptors"]["used"] - 1)
        fcntl.flock(lock, fcntl.LOCK_UN)
        wait_for(lambda: "Too many open files" in daemon.status().instance("lines").get("problem", ""),
                 "there is no descriptor for it")
        assert daemon.status().document["descriptors"]["refused"] > 0
        limit(daemon, before)
        wait_for(lambda: daemon.status().route("main > lines").rows("out") > 0, "the file is written")
        assert daemon.status().instance("lines")["state"] == "running"
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()


def test_however_few_there_are_it_is_an_error_or_it_runs(tmp_path):
    outcomes = set()
    for most in range(4, 40):
        with Daemon(tmp_path, body(tmp_path), state=f"state-{most}", name=f"test-{most}") as daemon:
            daemon.start(preexec_fn=lambda m=most: resource.setrlimit(resource.RLIMIT_NOFILE, (m, m)), ready=False)
            wait_for(lambda d=daemon: d.process.poll() is not None or d.ask("status").returncode == 0,
                     f"it ends or answers with {most} descriptors: {daemon.log()}")
            if daemon.process.poll() is not None:
                assert daemon.process.returncode in (1, 2), daemon.log()
                assert "Too many open files" in daemon.log(), daemon.log()
                outcomes.add("error")
                continue
            lines = daemon.status().instance("lines")
            outcomes.add(lines["state"])
            assert lines["state"] == "running" or "Too many open files" in lines["problem"]
            daemon.stop()
            daemon.ledger().assert_closes()
            if lines["state"] == "running":
                break
    assert {"error", "running"} <= outcomes <= {"error", "waiting", "running"}
