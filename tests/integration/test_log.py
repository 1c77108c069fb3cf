# SPDX-License-Identifier: Apache-2.0
"""The daemon's log: as text and JSON, limited where a plugin logs in a loop, without secrets, and read by nobody."""

import fcntl
import json
import os
import re
import subprocess

import pytest
from sonde import PLUGINS, SONDE, Daemon, wait_for

pytestmark = pytest.mark.timeout(120)

LIMIT = 10              # lines alike, and of one instance, in a window of 10 s
INSTANCE_LIMIT = 100

CHATTER = f'''
inputs:    {{ loud: {{ plugin = "{PLUGINS}/chatter.so"; OPTIONS }}; }};
outputs:   {{ out: {{ plugin = "null"; }}; }};
pipelines: {{ main: {{ from = ["loud"]; to = ["out"]; }}; }};
'''


def chatter(tmp_path, options="", settings=""):
    return Daemon(tmp_path, CHATTER.replace("OPTIONS", options), settings)


def chattered(daemon):
    """Waits for the first tick of the plugin's timer: a daemon is ready before it, and may be stopped before it."""
    wait_for(lambda: "chatters" in daemon.log(), "the plugin chatters")


def windows(daemon):
    """How many windows of 10 s the daemon may have lived in: by the log's own summaries, and the last one."""
    return len(re.findall("… [0-9]+ more", daemon.log())) + 1


def test_text_has_time_level_and_instance(tmp_path):
    with chatter(tmp_path).start() as daemon:
        chattered(daemon)
        assert daemon.stop() == 0
        lines = daemon.log().splitlines()
        assert all(re.match(r"\d\d:\d\d:\d\d (error|warning|info) ", line) for line in lines)
        assert any(re.match(r'\S+ warning loud: chatters "a" 0$', line) for line in lines)


@pytest.mark.sanitizers
def test_json_is_one_object_a_line(tmp_path):
    with chatter(tmp_path, settings='log_format = "json"; log = "debug";').start() as daemon:
        chattered(daemon)
        assert daemon.stop() == 0
        lines = [json.loads(line) for line in daemon.log().splitlines()]
        assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$", line["time"]) for line in lines)
        assert {line["level"] for line in lines} <= {"error", "warning", "info", "debug"}
        assert any(line.get("instance") == "loud" and line["message"] == 'chatters "a" 0' for line in lines)
        assert any("instance" not in line and line["message"].startswith("running ") for line in lines)


def test_a_plugin_that_logs_in_a_loop_is_limited_and_counted(tmp_path):
    with chatter(tmp_path).start() as daemon:
        wait_for(lambda: daemon.status().document["log"]["held_back"] >= 500, "lines are held back")
        assert "lines held back as repeats" in daemon.ask("status").stdout
        assert daemon.status().document["log"]["lost"] == 0
        assert daemon.stop() == 0
        written = [line for line in daemon.log().splitlines() if "chatters" in line and "more like this" not in line]
        assert len(written) <= LIMIT * windows(daemon)
        assert sum(map(int, re.findall(r"… (\d+) more like this in", daemon.log()))) >= 500


def test_a_plugin_that_never_says_the_same_is_limited_too(tmp_path):
    with chatter(tmp_path, "alike = false; lines = 50;").start() as daemon:
        wait_for(lambda: daemon.status().document["log"]["held_back"] >= 500, "lines are held back")
        assert daemon.stop() == 0
        written = [line for line in daemon.log().splitlines() if "chatters" in line and "…" not in line]
        assert LIMIT < len(written) <= INSTANCE_LIMIT * windows(daemon)
        assert re.search(r"loud: … \d+ more messages in", daemon.log())


@pytest.mark.sanitizers
def test_a_secret_is_in_no_log_and_no_status(tmp_path):
    with open(tmp_path / "token", "w") as file:
        file.write("swordfish-4711\n")
    with chatter(tmp_path, 'token = "${file:token}"; fail = true;', 'log = "debug";').start() as daemon:
        problem = wait_for(lambda: daemon.status().instance("loud").get("problem"), "the failure shows")
        assert "the door does not take ***" in problem
        texts = daemon.ask("status").stdout + daemon.ask("status", "--json").stdout
        assert daemon.stop() == 0
        assert 'knocks with "***"' in daemon.log()
        assert "swordfish" not in daemon.log() + texts


def fill(pipe):
    """Fills a pipe through a description of its own, so that the writer's stays blocking."""
    fd = os.open(f"/proc/self/fd/{pipe}", os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(fd, b"x")
    except BlockingIOError:
        pass
    finally:
        os.close(fd)


@pytest.mark.sanitizers
def test_a_stderr_that_nobody_reads_does_not_stop_the_flow(tmp_path):
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    with chatter(tmp_path, "alike = false;", 'log = "debug";') as daemon:
        daemon.process = subprocess.Popen([SONDE, "run", daemon.config], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=writer)
        wait_for(lambda: daemon.ask("status", "--json").returncode == 0, "the daemon answers")
        fill(writer)
        before = daemon.status()
        more = before.route("main > out").rows("out") + 50
        wait_for(lambda: daemon.status().route("main > out").rows("out") > more, "rows flow")
        assert daemon.status().document["log"]["written"] - before.document["log"]["written"] <= 1
        daemon.set("loud.lines", 11)    # which logs, on the main thread
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.lost_rows() == 0
    os.close(writer)
    os.close(reader)


def test_a_reader_that_left_stops_nothing(tmp_path):
    reader, writer = os.pipe()
    with chatter(tmp_path) as daemon:
        daemon.process = subprocess.Popen([SONDE, "run", daemon.config], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=writer)
        os.close(writer)
        wait_for(lambda: daemon.ask("status", "--json").returncode == 0, "the daemon answers")
        os.close(reader)
        wait_for(lambda: daemon.status().document["log"]["lost"] > 0, "the loss is counted", 60)
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()


@pytest.mark.parametrize("setting", ['log_format = "xml"', 'log_to = "syslog"', 'log = "loud"'])
def test_what_there_is_not_is_refused_with_what_there_is(tmp_path, setting):
    with chatter(tmp_path, settings=f"{setting};") as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 2
        assert f'sonde.{setting.split(" ")[0]}: {setting.split(" ")[2]} is none of' in daemon.log()
