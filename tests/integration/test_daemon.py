# SPDX-License-Identifier: Apache-2.0
"""The life of a daemon: start, status, set, drain and end; and what it says when something is wrong."""

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest
from sonde import PLUGINS, SIMPLE, SONDE, Daemon, run, wait_for

pytestmark = pytest.mark.timeout(120)

SLEEPER = f'''
inputs:    {{ nap: {{ plugin = "{PLUGINS}/sleeper.so"; in = "IN"; sleep = "SLEEP"; threads = 1; }};
              gen: {{ plugin = "generate"; rate = 2000; batch = 100; }}; }};
outputs:   {{ out: {{ plugin = "null"; }}; }};
pipelines: {{ main: {{ from = ["nap", "gen"]; to = ["out"]; }}; }};
'''


def sleeper(tmp_path, where, duration, settings=""):
    return Daemon(tmp_path, SLEEPER.replace("IN", where).replace("SLEEP", duration), settings)


# --- exit codes -----------------------------------------------------------------------------------------------------

def test_it_runs_for_a_time_and_ends_well(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start("--for", "500ms", ready=False)
        assert daemon.wait() == 0
        assert "running" in daemon.log()
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger["input", "gen"].rows("out") > 0
        assert ledger.lost_rows() == 0


@pytest.mark.parametrize("arguments", [["run"], ["run", "a", "b"], ["run", "/nowhere/at/all.conf"], ["dance"], [],
                                       ["status", "word"], ["set", "a.b"], ["status", "--nonsense"]], ids=" ".join)
def test_what_is_said_wrongly_ends_with_2(arguments):
    result = run(*arguments)
    assert result.returncode == 2
    assert result.stderr


def test_a_config_with_an_error_ends_with_2_and_starts_nothing(tmp_path):
    with Daemon(tmp_path, SIMPLE.replace("rate =", "rat =")) as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 2
        assert 'did you mean "rate"' in daemon.log()
        assert not os.path.exists(daemon.state)


def test_a_time_that_is_none_ends_with_2(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        for duration in ("soon", "0s", "-1s"):
            daemon.start("--for", duration, ready=False)
            assert daemon.wait() == 2


def test_asking_where_no_daemon_runs_ends_with_3(tmp_path):
    for arguments in (["status"], ["status", "--json"], ["set", "gen.rate", "1"]):
        result = run(*arguments, "--state", tmp_path)
        assert result.returncode == 3
        assert "no sonde is running there" in result.stderr
    result = run("status", "--socket", tmp_path / ("x" * 200))
    assert result.returncode == 3


def test_a_socket_that_does_not_speak_our_way_ends_with_3(tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        with subprocess.Popen([SONDE, "status", "--socket", str(tmp_path / "s")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as asking:
            client, _ = server.accept()
            client.sendall(b"220 mail.example ESMTP\r\n")
            client.close()
            _, error = asking.communicate(timeout=30)
    assert asking.returncode == 3
    assert "not a sonde" in error


def test_a_state_directory_that_cannot_be_made_ends_with_1(tmp_path):
    (tmp_path / "state").write_text("a file")
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 1
        assert "sonde.state" in daemon.log()


def test_a_ledger_that_is_none_ends_with_1_and_is_left_as_it_is(tmp_path):
    (tmp_path / "state").mkdir()
    (tmp_path / "state/ledger").write_text("precious")
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 1
        assert "ledger" in daemon.log()
    assert (tmp_path / "state/ledger").read_text() == "precious"


# --- the end --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_drains_what_is_queued(tmp_path, number):
    body = SIMPLE.replace('plugin = "null";', 'plugin = "null"; delay = "300ms";').replace("2000", "200000")
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("held"), "rows in flight")
        assert daemon.stop(number) == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.lost_rows() == 0
        assert ledger.route("main > out").rows("out") == ledger["input", "gen"].rows("out") > 0


def test_a_blocked_output_holds_the_end_up_to_the_bound_and_its_rows_are_lost_by_shutdown(tmp_path):
    body = SIMPLE.replace('plugin = "null";', 'plugin = "null"; block = true;')
    with Daemon(tmp_path, body, 'drain = "300ms";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("queued"), "queued rows")
        assert daemon.stop() == 5
        assert re.search(r"\d+ rows were not handed over in time", daemon.log())
        ledger = daemon.ledger()
        ledger.assert_closes()
        route = ledger.route("main > out")
        assert route.lost_rows("shutdown") == route.rows("in") == ledger["input", "gen"].rows("out")


@pytest.mark.sanitizers
def test_an_output_that_never_returns_does_not_hold_the_end_up_beyond_the_bound(tmp_path):
    body = SIMPLE.replace('plugin = "null";', f'plugin = "{PLUGINS}/stuck.so";')
    with Daemon(tmp_path, body, 'drain = "300ms";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("queued"), "queued rows")
        assert daemon.stop() == 5
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.route("main > out").lost_rows("shutdown") == ledger["input", "gen"].rows("out")


def test_a_second_signal_ends_it_at_once(tmp_path):
    body = SIMPLE.replace('plugin = "null";', 'plugin = "null"; block = true;')
    with Daemon(tmp_path, body, 'drain = "600s";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("queued"), "queued rows")
        daemon.send(signal.SIGTERM)
        wait_for(lambda: daemon.ask("status").returncode == 3, "the drain")
        assert daemon.stop() == -signal.SIGTERM
        daemon.start()
        assert daemon.status().route("main > out").lost_rows("crash") > 0
        daemon.send(signal.SIGKILL)


def test_a_hang_up_is_no_end_and_none_amid_a_drain(tmp_path):
    body = SIMPLE.replace('plugin = "null";', 'plugin = "null"; block = true;')
    with Daemon(tmp_path, body, 'drain = "1s";') as daemon:
        daemon.start()
        daemon.send(signal.SIGHUP)
        wait_for(lambda: "reload: reloaded" in daemon.log(), "the answer to SIGHUP")
        wait_for(lambda: daemon.status().route("main > out").rows("queued"), "queued rows")
        daemon.send(signal.SIGTERM)
        wait_for(lambda: daemon.ask("status").returncode == 3, "the drain")
        daemon.send(signal.SIGHUP)
        assert daemon.wait() == 5


def test_no_settlement_is_lost_with_the_end(tmp_path):
    """Whoever sent rows hears of those that are handed over while the daemon drains."""
    body = f'''
    inputs:    {{ asks: {{ plugin = "{PLUGINS}/sleeper.so"; tokens = true; }}; }};
    outputs:   {{ out: {{ plugin = "null"; delay = "300ms"; }}; }};
    pipelines: {{ main: {{ from = ["asks"]; to = ["out"]; }}; }};
    '''
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out"), "rows")
        assert daemon.stop() == 0
        heard = re.search(r"asks: has heard of (\d+) rows of (\d+)", daemon.log())
        assert heard and heard[1] == heard[2] == str(daemon.ledger()["input", "asks"].rows("out"))


# --- callbacks that sleep -------------------------------------------------------------------------------------------

def test_a_callback_that_sleeps_for_seconds_is_named(tmp_path):
    with sleeper(tmp_path, "timer", "3500ms", 'slow = "1s";') as daemon:
        daemon.start()
        busy = wait_for(lambda: next((i for i in [daemon.status().instance("nap")] if i["state"] == "busy"), None),
                        "status names it")
        assert busy["callback"] == "timer"
        assert busy["callback_seconds"] > 0
        assert "nap: timer has been running for" in wait_for(
            lambda: daemon.log() if "holds its thread" in daemon.log() else "", "the log names it")
        assert re.search(r"nap +input +sleeper +busy +in timer for \d+ s", daemon.ask("status").stdout)
        assert daemon.status().instance("gen")["state"] == "running"
        daemon.status().assert_closes()
        wait_for(lambda: "timer has returned after" in daemon.log(), "the log says that it is over")


@pytest.mark.sanitizers
def test_a_start_that_sleeps_holds_up_neither_status_nor_others(tmp_path):
    with sleeper(tmp_path, "start", "60s", 'slow = "1s"; drain = "500ms";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status()["input", "gen"].rows("out"), "rows of the other input")
        busy = wait_for(lambda: next((i for i in [daemon.status().instance("nap")] if i["state"] == "busy"), None),
                        "status names it")
        assert busy["callback"] == "start"
        assert daemon.stop() == 5


@pytest.mark.parametrize("where", ["drain", "stop"])
def test_an_input_that_sleeps_at_the_end_is_left_behind(tmp_path, where):
    with sleeper(tmp_path, where, "60s", 'drain = "500ms";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status()["input", "nap"].rows("out"), "rows")
        assert daemon.stop() == 5
        assert "leaving it behind" in daemon.log()
        daemon.ledger().assert_closes()


def test_a_knob_whose_setting_sleeps_is_set_all_the_same(tmp_path):
    with sleeper(tmp_path, "none", "1s") as daemon:
        daemon.start()
        daemon.set("nap.in", "set")
        assert daemon.status().instance("nap")["knobs"]["in"]["value"] == "set"


def test_a_setting_that_does_not_return_holds_up_nobody_else(tmp_path):
    with sleeper(tmp_path, "none", "60s", 'slow = "1s"; drain = "500ms";') as daemon:
        daemon.start()
        result = daemon.ask("set", "nap.in", "set")
        assert result.returncode == 4
        assert "the thread of nap is held up" in result.stderr
        daemon.set("gen.rate", "1000")
        wait_for(lambda: daemon.status().instance("nap").get("callback") == "set", "status names it")
        assert daemon.stop() == 5


# --- set and status -------------------------------------------------------------------------------------------------

@pytest.mark.sanitizers
def test_a_knob_that_is_set_for_a_time_falls_back(tmp_path):
    def rate():
        return daemon.status().instance("gen")["knobs"]["rate"]
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        assert rate() == {"value": "2000"}
        assert "gen.rate = 5000 for 1s" in daemon.set("gen.rate", "5000", "1s")
        assert rate()["value"] == "5000"
        assert 0 < rate()["falls_back_in_s"] <= 1
        assert "gen.rate = 5000" in daemon.ask("status").stdout
        wait_for(lambda: rate() == {"value": "2000"}, "the knob falls back")
        daemon.set("gen.rate", "3000")
        assert rate() == {"value": "3000"}


@pytest.mark.parametrize("knob, value, message", [
    ("get.rate", "1", 'did you mean "gen"'), ("gen.rat", "1", 'did you mean "rate"'), ("gen.rate", "fast", '"fast"'),
    ("gen.batch", "1", "cannot change while running"), ("gen", "1", "INSTANCE.KNOB"), ("main.rate", "1", '"main"')])
def test_a_knob_that_cannot_be_set_so_is_refused_with_4(tmp_path, knob, value, message):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        result = daemon.ask("set", knob, value)
        assert result.returncode == 4
        assert message in result.stderr


def test_a_time_to_fall_back_that_is_none_is_refused_with_2(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        for duration in ("soon", "0s", "-5s"):
            result = daemon.ask("set", "gen.rate", "1", "--for", duration)
            assert result.returncode == 2
        assert daemon.status().instance("gen")["knobs"]["rate"]["value"] == "2000"


def test_status_is_read_at_a_glance(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out"), "rows")
        text = daemon.ask("status").stdout
        for expected in (r"^gen +input +generate +running", r"^out +output +null +running", r"^gen > main .* yes$",
                         r"^main > out .* yes$", rf"pid {daemon.process.pid}"):
            assert re.search(expected, text, re.M), text
        assert "\033" not in text
        assert max(len(line) for line in text.splitlines() if not line.startswith("config ")) <= 80


def test_status_for_programs_is_one_object(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        document = daemon.status().document
        assert document["pid"] == daemon.process.pid
        assert document["format"] == 1
        assert document["config"] == daemon.config
        assert document["state_directory"] == daemon.state
        assert document["ledger_closes"] is True
        assert document["epoch"] == 1
        assert daemon.status().instance("gen")["counters"]["emitted_rows"] >= 0
        assert json.dumps(document)


def test_a_word_that_the_daemon_does_not_know_is_refused(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(os.path.join(daemon.state, "control.sock"))
            client.sendall(b"sonde-c\0" + b"\1\0\0\0\6\0\0\0" + b"dance\0")
            reply = b"".join(iter(lambda: client.recv(4096), b""))
        assert reply[10] == 4
        assert b'does not know "dance"' in reply


# --- several, and whose they are ------------------------------------------------------------------------------------

def test_two_daemons_run_side_by_side_and_each_answers_for_itself(tmp_path):
    with Daemon(tmp_path, SIMPLE, state="one", name="one") as one, \
            Daemon(tmp_path, SIMPLE, state="other", name="other") as other:
        one.start()
        other.start()
        one.set("gen.rate", "77")
        assert one.status().instance("gen")["knobs"]["rate"]["value"] == "77"
        assert other.status().instance("gen")["knobs"]["rate"]["value"] == "2000"
        assert one.stop() == 0
        assert other.status().document["pid"] == other.process.pid
        assert other.stop() == 0


def test_a_state_directory_that_another_daemon_has_is_refused_with_1(tmp_path):
    with Daemon(tmp_path, SIMPLE, name="one") as one, Daemon(tmp_path, SIMPLE, name="other") as other:
        one.start()
        other.start(ready=False)
        assert other.wait() == 1
        assert "another sonde uses the state directory" in other.log()
        assert one.status().document["pid"] == one.process.pid
        assert one.stop() == 0


def test_a_control_socket_that_another_daemon_has_is_refused_with_1(tmp_path):
    settings = f'control = "{tmp_path}/shared.sock";'
    with Daemon(tmp_path, SIMPLE, settings, state="one", name="one") as one, \
            Daemon(tmp_path, SIMPLE, settings, state="other", name="other") as other:
        one.start(ready=False)
        wait_for(lambda: run("status", "--socket", tmp_path / "shared.sock").returncode == 0, "the first answers")
        other.start(ready=False)
        assert other.wait() == 1
        assert "sonde.control" in other.log()
        assert one.stop() == 0


def test_what_it_makes_is_for_its_owner_and_group(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        def mode(path):
            return stat.S_IMODE(os.lstat(path).st_mode)
        assert mode(daemon.state) == 0o750
        assert mode(f"{daemon.state}/control.sock") == 0o660
        for name in ("ledger", "lock"):
            assert mode(f"{daemon.state}/{name}") & 0o027 == 0
        assert daemon.stop() == 0
        assert not os.path.exists(f"{daemon.state}/control.sock")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_whoever_is_not_of_the_group_gets_3_and_the_hint():
    # The tree may lie where others may not enter: what they are to meet is the socket.
    with tempfile.TemporaryDirectory(dir="/tmp") as directory, Daemon(directory, SIMPLE) as daemon:
        program = shutil.copy(SONDE, directory)
        daemon.start()
        for entered in (directory, daemon.state):
            os.chmod(entered, 0o755)
        result = subprocess.run([program, "status", "--state", daemon.state], user=65534, group=65534,
                                extra_groups=[], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        assert result.returncode == 3
        assert "owner's group" in result.stderr


def test_after_a_kill_asking_ends_with_3_and_a_restart_takes_over(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        daemon.stop(signal.SIGKILL)
        assert daemon.ask("status").returncode == 3
        daemon.start()
        assert daemon.status().document["epoch"] == 2
        assert daemon.stop() == 0


# --- shapes ---------------------------------------------------------------------------------------------------------

def numbers_of(path):
    with open(path) as file:
        return [json.loads(line)["generate.sequence"] for line in file]


def test_every_row_arrives_once_over_every_path(tmp_path):
    """Fan-in, fan-out, and pipelines that feed pipelines."""
    body = f'''
    inputs:    {{ one: {{ plugin = "generate"; rows = 3000; batch = 70; }};
                  two: {{ plugin = "generate"; rows = 2000; batch = 1000; }}; }};
    outputs:   {{ all: {{ plugin = "file"; path = "{tmp_path}/all"; }};
                  early: {{ plugin = "file"; path = "{tmp_path}/early"; }};
                  late: {{ plugin = "file"; path = "{tmp_path}/late"; }}; }};
    pipelines: {{ first: {{ from = ["one", "two"]; to = ["all"]; }};
                  second: {{ from = ["one"]; to = ["early"]; }};
                  third: {{ from = ["first", "second"]; to = ["late", "all"]; }}; }};
    '''
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("third > late").rows("out") == 8000, "all rows")
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.lost_rows() == 0
        one, two = list(range(3000)), list(range(2000))
        assert sorted(numbers_of(tmp_path / "early")) == one
        assert sorted(numbers_of(tmp_path / "late")) == sorted(one + two + one)
        assert sorted(numbers_of(tmp_path / "all")) == sorted(one + two + one + two + one)


@pytest.mark.sanitizers
@pytest.mark.parametrize("threads", [1, 3])
def test_replicas_share_the_rows_and_lose_none(tmp_path, threads):
    body = f'''
    inputs:     {{ gen: {{ plugin = "generate"; rows = 50000; batch = 100; threads = {threads}; }}; }};
    processors: {{ sift: {{ plugin = "{PLUGINS}/sieve.so"; mode = "filter"; of = 4; }}; }};
    outputs:    {{ out: {{ plugin = "null"; threads = {threads}; }}; }};
    pipelines:  {{ main: {{ from = ["gen"]; through = ["sift"]; to = ["out"]; threads = {threads}; }}; }};
    '''
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        # Each replica makes its part of the rows in batches of 100, of which a quarter is kept.
        parts = [50000 // threads + (i < 50000 % threads) for i in range(threads)]
        kept = sum(part // 100 * 25 + -(-(part % 100) // 4) for part in parts)
        wait_for(lambda: daemon.status().counter("out", "rows") == kept, "all rows")
        status = daemon.status()
        status.assert_closes()
        assert len([name for name, _ in status.instances if name == "gen"]) == threads
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert sum(a.reduced_rows() for a in ledger.accounts.values()) == 50000 - kept
        used = [a for (kind, name), a in ledger.accounts.items() if kind == "route" and a.rows("in")]
        assert len(used) == 2 * threads * threads


def test_small_batches_that_wait_are_handed_over_together(tmp_path):
    body = SIMPLE.replace("rate = 2000; batch = 100;", "rate = 20000; batch = 1;").replace(
        'plugin = "null";', 'plugin = "null"; delay = "20ms";')
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        time.sleep(1)
        daemon.status().assert_closes()
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.lost_rows() == 0


def test_a_daemon_that_has_a_row_a_second_sleeps_in_between(tmp_path):
    """Seen from outside: asking it would wake it."""
    with Daemon(tmp_path, SIMPLE.replace("rate = 2000; batch = 100;", "rate = 1; batch = 1;")) as daemon:
        daemon.start()

        def sleeps():
            count = 0
            for task in os.listdir(f"/proc/{daemon.process.pid}/task"):
                with open(f"/proc/{daemon.process.pid}/task/{task}/status") as file:
                    count += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", file.read(), re.M)[1])
            return count

        def rows():
            return daemon.ledger()["input", "gen"].rows("out")
        wait_for(lambda: rows() >= 2, "it has settled")
        rows_before, sleeps_before = rows(), sleeps()
        wait_for(lambda: rows() >= rows_before + 4, "four rows more")
        # A row wakes three threads, the watch over callbacks one a second; twice that is allowed for.
        assert sleeps() - sleeps_before <= 8 * (rows() - rows_before + 1)
        assert daemon.stop() == 0
