# SPDX-License-Identifier: Apache-2.0
"""The input `self`: what it says of the daemon agrees with what the daemon says, over restarts and kills; and saying it
brings about no more of it."""

import json
import os
import re
import signal
import struct

import pytest
from sonde import PLUGINS, Daemon, wait_for

# `work` is what is watched; `self` is how.
BODY = '''
inputs:    { gen: { plugin = "generate"; INPUT };
             me: { plugin = "self"; interval = "100ms"; SELF }; };
outputs:   { out: { plugin = "null"; OUTPUT };
             rows: { plugin = "file"; path = "ROWS"; }; };
pipelines: { work: { from = ["gen"]; to = ["out"]; };
             own: { from = ["me"]; to = ["rows"]; }; };
'''
WATCHED = [("input", "gen"), ("route", "gen > work"), ("route", "work > out")]

pytestmark = [pytest.mark.timeout(180), pytest.mark.sanitizers]


def daemon_of(tmp_path, source="rows = 500; rate = 5000; batch = 50;", output="", self="", settings=""):
    body = BODY.replace("INPUT", source).replace("OUTPUT", output).replace("SELF", self)
    return Daemon(tmp_path, body.replace("ROWS", str(tmp_path / "rows.json")), settings)


def rows_of(tmp_path, schema=None):
    """All rows so far, the last one only if it is whole."""
    try:
        with open(tmp_path / "rows.json", errors="strict") as file:
            lines = file.read().split("\n")[:-1]
    except FileNotFoundError:
        return []
    rows = [json.loads(line) for line in lines]
    return [row for row in rows if schema in (None, row["schema"])]


def readings_of(tmp_path, schema):
    """The rows by the time at which they were read, in order."""
    readings = {}
    for row in rows_of(tmp_path, schema):
        readings.setdefault(row["time"], []).append(row)
    return [readings[time] for time in sorted(readings)]


def ledger_of(rows):
    """(kind, name) to {(outcome, reason): (rows, events)} of one reading; in flight is the outcome None."""
    accounts = {}
    for row in rows:
        entry = accounts.setdefault((row["sonde.account.kind"], row["sonde.account.name"]), {})
        key = row.get("sonde.outcome"), row.get("sonde.reason")
        assert key not in entry, row
        entry[key] = ((row["sonde.rows"], row["sonde.events"]) if key[0] else
                      (row["sonde.in_flight.rows"], row["sonde.in_flight.events"]))
    return accounts


def entry_of_status(account):
    """The same of an account of `sonde status --json`."""
    entry = {("in", None): account.counts["in"], ("out", None): account.counts["out"]}
    if any(account.counts["made"]):
        entry["made", None] = account.counts["made"]
    entry.update({("reduced", reason): pair for reason, pair in account.reduced.items()})
    entry.update({("lost", reason): pair for reason, pair in account.lost.items()})
    entry[None, None] = tuple(account.counts["queued"][i] + account.counts["held"][i] for i in (0, 1))
    return entry


def assert_closes(entry):
    for which in (0, 1):
        plus = sum(pair[which] for (outcome, _), pair in entry.items() if outcome in ("in", "made"))
        minus = sum(pair[which] for (outcome, _), pair in entry.items() if outcome in ("out", "reduced", "lost", None))
        assert plus == minus, entry


def wait_for_agreement(daemon, tmp_path, accounts=WATCHED):
    """Until the last reading says of these accounts what status says; then it returns that reading."""
    def agreed():
        readings = readings_of(tmp_path, "sonde.ledger")
        if not readings:
            return None
        now, status = ledger_of(readings[-1]), daemon.status()
        return now if all(now.get(key) == entry_of_status(status[key]) for key in accounts) else None
    return wait_for(agreed, "the rows say what status says")


def assert_every_reading_closes(tmp_path):
    """Queues and inputs at every moment; of the processor that there is not, nothing is said."""
    readings = readings_of(tmp_path, "sonde.ledger")
    assert readings
    for reading in readings:
        for entry in ledger_of(reading).values():
            assert_closes(entry)


def assert_never_falls(tmp_path):
    """Sums only rise, and the start of a series is always the same: so repeats are harmless."""
    last, starts = {}, {}
    for row in sorted(rows_of(tmp_path, "sonde.ledger"), key=lambda row: row["time"]):
        series = (row["sonde.account.kind"], row["sonde.account.name"], row.get("sonde.outcome"),
                  row.get("sonde.reason"))
        assert starts.setdefault(series[:2], row["start_time"]) == row["start_time"]
        assert row["start_time"] <= row["time"]
        if series[2]:
            assert row["sonde.rows"] >= last.get(series, 0)
            last[series] = row["sonde.rows"]


# --- the ledger -------------------------------------------------------------------------------------------------------

def test_the_ledger_in_rows_is_that_of_status(tmp_path):
    with daemon_of(tmp_path).start() as daemon:
        wait_for(lambda: daemon.status()["input", "gen"].rows("out") == 500, "all rows are made")
        said = wait_for_agreement(daemon, tmp_path)
        assert said["route", "work > out"]["out", None] == (500, 500)
        assert daemon.stop() == 0
    assert_every_reading_closes(tmp_path)
    assert_never_falls(tmp_path)


def test_losses_and_what_is_in_flight_are_said_with_their_reasons(tmp_path):
    source = 'batch = 100; waits = false;'
    with daemon_of(tmp_path, source, 'block = true; queue: { memory = "64KiB"; };').start() as daemon:
        wait_for(lambda: any(row.get("sonde.reason") == "queue full" and row["sonde.rows"] > 0
                             for row in rows_of(tmp_path, "sonde.ledger")), "the loss is said")
        wait_for(lambda: any(row.get("sonde.in_flight.rows", 0) > 0 for row in rows_of(tmp_path, "sonde.ledger")
                             if row["sonde.account.name"] == "work > out"), "what is in flight is said")
        wait_for(lambda: any(row["sonde.queue.rows"] > 0 and row["sonde.queue.limit"] == 65536
                             for row in rows_of(tmp_path, "sonde.health.queue")
                             if row["sonde.account.name"] == "work > out"), "what is queued is said")
        daemon.set("gen.rate", "1")
        daemon.set("out.block", "false")
        assert daemon.stop() == 0
    for reading in readings_of(tmp_path, "sonde.ledger"):
        for (kind, _), entry in ledger_of(reading).items():
            if kind == "route":
                assert_closes(entry)    # in the storm too


def test_counts_and_their_start_go_on_over_a_restart(tmp_path):
    with daemon_of(tmp_path) as daemon:
        for run in (1, 2):
            daemon.start()
            wait_for(lambda: daemon.status()["input", "gen"].rows("out") == 500 * run, "all rows are made")
            said = wait_for_agreement(daemon, tmp_path)
            assert said["route", "work > out"]["out", None] == (500 * run, 500 * run)
            assert daemon.stop() == 0
    assert_never_falls(tmp_path)
    assert {row["sonde.run"] for row in rows_of(tmp_path, "sonde.health")} == {1, 2}
    assert len({row["resource"]["service.instance.id"] for row in rows_of(tmp_path)}) == 1


def test_after_a_kill_it_says_what_was_lost_by_crash(tmp_path):
    source = "rate = 50000; batch = 50; waits = false;"
    with daemon_of(tmp_path, source, "block = true;") as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("work > out").rows("queued") > 0, "rows wait")
        daemon.stop(signal.SIGKILL)
        killed = daemon.ledger()
        daemon.write(BODY.replace("INPUT", "rows = 1;").replace("OUTPUT", "").replace("SELF", "")
                         .replace("ROWS", str(tmp_path / "rows.json")))
        daemon.start()
        said = wait_for_agreement(daemon, tmp_path)
        lost = said["route", "work > out"]["lost", "crash"]
        assert lost[0] == killed.route("work > out").open()[0] > 0
        assert_closes(said["route", "work > out"])
        assert daemon.stop() == 0
    assert_never_falls(tmp_path)


def test_accounts_of_a_former_config_are_told_once_a_run(tmp_path):
    with daemon_of(tmp_path) as daemon:
        daemon.start()
        wait_for_agreement(daemon, tmp_path)
        assert daemon.stop() == 0
        os.unlink(tmp_path / "rows.json")
        with open(daemon.config) as file:
            text = file.read()
        with open(daemon.config, "w") as file:
            file.write(text.replace("gen:", "new:").replace('"gen"', '"new"'))
        daemon.start()
        wait_for(lambda: len(readings_of(tmp_path, "sonde.ledger")) >= 5, "some readings")
        assert daemon.stop() == 0
    with_it = [reading for reading in readings_of(tmp_path, "sonde.ledger")
               if ("input", "gen") in ledger_of(reading)]
    assert with_it == readings_of(tmp_path, "sonde.ledger")[:1]


def write_old_ledger(state, count):
    """A ledger of a run long ago, with accounts of a row each that were made in 2001."""
    begun_ns = 10**18
    accounts = b"".join(struct.pack("=II224s6Q", 3, 1, b"former %d > gone" % i, 1, 1, 0, 0, 1, 1).ljust(808, b"\0") +
                        struct.pack("=q", begun_ns).ljust(216, b"\0") for i in range(count))
    os.mkdir(state)
    with open(os.path.join(state, "ledger"), "wb") as file:
        file.write((struct.pack("=8sIIQ", b"sondeLG", 1, 1024, 9).ljust(1024, b"\0") + accounts).ljust(1 << 20, b"\0"))


# --- decisions --------------------------------------------------------------------------------------------------------

def decisions(tmp_path, name):
    return [row for row in rows_of(tmp_path, "sonde.decision") if row["event_name"] == f"sonde.{name}"]


def test_a_knob_is_a_decision_and_so_is_its_falling_back(tmp_path):
    with daemon_of(tmp_path).start() as daemon:
        daemon.set("gen.rate", "4000", "200ms")
        wait_for(lambda: decisions(tmp_path, "knob.fall_back"), "it falls back")
        daemon.set("gen.rate", "7")
        wait_for(lambda: len(decisions(tmp_path, "knob.set")) == 2, "the second is said")
        assert daemon.stop() == 0
    for_a_time, for_good = decisions(tmp_path, "knob.set")
    back, = decisions(tmp_path, "knob.fall_back")
    assert (for_a_time["sonde.actor"], for_a_time["sonde.component.id"], for_a_time["sonde.knob"]) == ("user", "gen", "rate")
    assert (for_a_time["sonde.before"], for_a_time["sonde.after"]) == ("5000", "4000")
    assert for_a_time["sonde.duration"] == 200000000
    assert (back["sonde.actor"], back["sonde.before"], back["sonde.after"]) == ("timer", "4000", "5000")
    assert "sonde.duration" not in for_good and for_good["sonde.after"] == "7"
    assert [row["event_name"] for row in rows_of(tmp_path, "sonde.decision")][0] == "sonde.daemon.start"
    assert decisions(tmp_path, "daemon.stop")    # the last reading has it


def test_reloads_are_decisions_whether_they_are_taken_or_refused(tmp_path):
    with daemon_of(tmp_path).start() as daemon:
        with open(daemon.config) as file:
            text = file.read()
        with open(daemon.config, "w") as file:
            file.write(text.replace("rate = 5000", "rate = 4321"))
        daemon.reload()
        wait_for(lambda: decisions(tmp_path, "reload"), "the reload is said")
        knob, = decisions(tmp_path, "knob.set")
        assert (knob["sonde.actor"], knob["sonde.before"], knob["sonde.after"]) == ("reload", "5000", "4321")
        with open(daemon.config, "w") as file:
            file.write(text.replace("rate = 5000", "rte = 5000"))
        daemon.reload(code=2)
        daemon.send(signal.SIGHUP)
        wait_for(lambda: len(decisions(tmp_path, "reload.refuse")) == 2, "the refusals are said")
        assert daemon.stop() == 0
    assert decisions(tmp_path, "reload")[0]["body"].startswith("reloaded ")
    assert [row["sonde.actor"] for row in decisions(tmp_path, "reload.refuse")] == ["user", "signal"]
    assert all('unknown key' in row["body"] and row["severity"] == 17 for row in decisions(tmp_path, "reload.refuse"))


def test_rows_that_memory_is_short_for_are_a_decision_and_counted(tmp_path):
    with daemon_of(tmp_path, "waits = false; rate = 1000000;", "block = true;", settings='memory = "16MiB";') as daemon:
        daemon.start()
        wait_for(lambda: decisions(tmp_path, "memory.short"), "it is said")
        wait_for(lambda: any(row["sonde.memory.shed"] > 0 for row in rows_of(tmp_path, "sonde.health")), "it is counted")
        daemon.set("gen.rate", "1")
        daemon.set("out.block", "false")
        assert daemon.stop() == 0
    assert decisions(tmp_path, "memory.short")[0]["severity"] == 13


def test_accounts_that_were_added_up_are_a_decision_and_count_since_the_oldest(tmp_path):
    with daemon_of(tmp_path) as daemon:
        write_old_ledger(daemon.state, 600)
        daemon.start()
        decision = wait_for(lambda: decisions(tmp_path, "ledger.retire"), "it is said")[0]
        said = wait_for(lambda: [row for row in rows_of(tmp_path, "sonde.ledger")
                                 if row["sonde.account.name"] == "(retired)"], "the sum is said")
        assert daemon.stop() == 0
    assert decision["body"].startswith("90 accounts of former configs are added up")
    assert {row["start_time"] for row in said} == {"2001-09-09T01:46:40.000000000Z"}
    assert {row["sonde.rows"] for row in said if row.get("sonde.outcome") == "in"} == {90}


def test_self_goes_on_where_it_was_when_a_reload_replaces_it(tmp_path):
    with daemon_of(tmp_path, self='parts = ["decisions", "log"];').start() as daemon:
        wait_for(lambda: rows_of(tmp_path, "sonde.decision"), "it speaks")
        with open(daemon.config) as file:
            text = file.read()
        with open(daemon.config, "w") as file:
            file.write(text.replace('"decisions", "log"', '"log", "decisions"'))
        daemon.reload()
        wait_for(lambda: decisions(tmp_path, "reload"), "the new one speaks")
        assert daemon.stop() == 0
    for schema in ("sonde.decision", "sonde.log"):
        numbers = [row["sonde.record"] for row in rows_of(tmp_path, schema)]
        assert numbers == list(range(1, len(numbers) + 1))    # none twice, none missing


def test_an_instance_that_fails_and_recovers_is_said_without_its_secret(tmp_path):
    loud = f'inputs: {{ loud: {{ plugin = "{PLUGINS}/chatter.so"; lines = 0; fail = true; token = "${{file:token}}"; }};'
    with open(tmp_path / "token", "w") as file:
        file.write("swordfish-4711\n")
    with daemon_of(tmp_path, settings='log = "debug";', self='level = "debug";') as daemon:
        with open(daemon.config) as file:
            text = file.read()
        with open(daemon.config, "w") as file:
            file.write(text.replace("inputs:    {", loud).replace('["gen"]', '["gen", "loud"]'))
        daemon.start()
        wait_for(lambda: decisions(tmp_path, "instance.degraded"), "it is degraded")
        wait_for(lambda: any(row["sonde.state"] == "degraded" and row["sonde.component.state"] == 1
                             for row in rows_of(tmp_path, "sonde.health.state")
                             if row["sonde.component.id"] == "loud"), "its state is said")
        wait_for(lambda: any(row["sonde.component.failures"] > 0 for row in rows_of(tmp_path, "sonde.health.instance")
                             if row["sonde.component.id"] == "loud"), "its failures are counted")
        daemon.set("loud.fail", "false")
        recovered = wait_for(lambda: decisions(tmp_path, "instance.running"), "it recovers")[0]
        last = {}

        def last_states():
            last.update({row["sonde.state"]: row["sonde.component.state"]
                         for row in rows_of(tmp_path, "sonde.health.state") if row["sonde.component.id"] == "loud"})
            return last["degraded"] == 0 and last["running"] == 1
        wait_for(last_states, "its states are said")
        assert daemon.stop() == 0
    assert (recovered["sonde.component.id"], recovered["sonde.before"], recovered["severity"]) == ("loud", "degraded", 9)
    degraded = decisions(tmp_path, "instance.degraded")[0]
    assert degraded["sonde.component.id"] == "loud" and degraded["severity"] == 13
    assert "the door does not take ***" in degraded["body"]
    with open(tmp_path / "rows.json") as file:
        assert "swordfish" not in file.read()


# --- the log ----------------------------------------------------------------------------------------------------------

def test_a_line_of_the_log_is_a_row_once(tmp_path):
    with daemon_of(tmp_path).start() as daemon:
        daemon.set("gen.rate", "123")
        wait_for(lambda: [row for row in rows_of(tmp_path, "sonde.log") if "123" in row["body"]], "the line is a row")
        before = len(readings_of(tmp_path, "sonde.ledger"))
        wait_for(lambda: len(readings_of(tmp_path, "sonde.ledger")) > before + 3, "some more readings")
        assert daemon.stop() == 0
        lines = [re.sub(r"^\S+ \w+ ", "", line) for line in daemon.log().splitlines()]
    rows = rows_of(tmp_path, "sonde.log")
    said = [f'{row["sonde.component.id"]}: {row["body"]}' if "sonde.component.id" in row else row["body"] for row in rows]
    assert said == lines[:len(said)]    # each, in order, once
    assert "gen: rate is set to 123" in said
    assert [row["sonde.record"] for row in rows] == list(range(1, len(rows) + 1))


def test_an_output_that_logs_of_every_row_it_is_given_does_not_feed_itself(tmp_path):
    """Each line becomes a row, and each row a line; what holds is the log's bound on lines of one instance."""
    body = f'''
    inputs:    {{ me: {{ plugin = "self"; interval = "100ms"; }}; }};
    outputs:   {{ echo: {{ plugin = "{PLUGINS}/echo.so"; }};
                 rows: {{ plugin = "file"; path = "{tmp_path}/rows.json"; }}; }};
    pipelines: {{ own: {{ from = ["me"]; to = ["echo", "rows"]; }}; }};
    '''
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().document["log"]["held_back"] > 1000, "lines are held back")
        before = len(readings_of(tmp_path, "sonde.ledger"))
        wait_for(lambda: len(readings_of(tmp_path, "sonde.ledger")) > before + 20, "it goes on")
        assert daemon.stop() == 0
        windows = len(re.findall("… [0-9]+ more", daemon.log())) + 1
    echoed = [row for row in rows_of(tmp_path, "sonde.log") if row.get("sonde.component.id") == "echo"]
    assert 0 < len(echoed) <= 101 * windows
    sizes = [len(reading) for reading in readings_of(tmp_path, "sonde.ledger")]
    assert len(set(sizes[5:])) <= 2    # not more with every reading


def test_of_itself_alone_it_says_the_same_again_and_again(tmp_path):
    body = f'''
    inputs:    {{ me: {{ plugin = "self"; interval = "100ms"; }}; }};
    outputs:   {{ rows: {{ plugin = "file"; path = "{tmp_path}/rows.json"; }}; }};
    pipelines: {{ own: {{ from = ["me"]; to = ["rows"]; }}; }};
    '''
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        wait_for(lambda: len(readings_of(tmp_path, "sonde.ledger")) >= 20, "readings")
        assert daemon.stop() == 0
    steady = readings_of(tmp_path, "sonde.ledger")[3:-1]
    per_reading = {}
    for row in rows_of(tmp_path):
        if row["schema"] not in ("sonde.log", "sonde.decision"):
            per_reading[row["time"]] = per_reading.get(row["time"], 0) + 1
    counts = [per_reading[reading[0]["time"]] for reading in steady]
    assert len(set(counts)) == 1
    # Its own rows are in the ledger, to the row.
    assert daemon.ledger()["input", "me"].rows("out") == daemon.ledger().route("own > rows").rows("out") == len(rows_of(tmp_path))


# --- reading it -------------------------------------------------------------------------------------------------------

def test_the_process_is_said_as_status_says_it(tmp_path):
    with daemon_of(tmp_path).start() as daemon:
        wait_for(lambda: rows_of(tmp_path, "sonde.health"), "a reading")
        status, row = daemon.status().document, rows_of(tmp_path, "sonde.health")[-1]
        assert daemon.stop() == 0
    assert row["sonde.run"] == status["epoch"] == 1
    assert row["resource"] == {"service.name": "sonde", "service.version": status["version"],
                               "service.instance.id": status["host_id"]}
    assert row["sonde.memory.limit"] == status["memory"]["limit_bytes"]
    assert row["sonde.file_descriptor.limit"] == status["descriptors"]["limit"]
    assert 0 < row["process.cpu.time"] <= status["cpu_seconds"] + 0.1
    assert row["process.memory.usage"] > 1 << 20
    assert row["process.thread.count"] >= status["threads"]
    assert row["process.unix.file_descriptor.count"] > 5


def test_only_the_parts_that_are_named_are_rows(tmp_path):
    with daemon_of(tmp_path, self='parts = ["ledger"];').start() as daemon:
        wait_for(lambda: len(readings_of(tmp_path, "sonde.ledger")) >= 3, "readings")
        assert daemon.stop() == 0
    assert {row["schema"] for row in rows_of(tmp_path)} == {"sonde.ledger"}
