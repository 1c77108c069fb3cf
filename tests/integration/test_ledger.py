# SPDX-License-Identifier: Apache-2.0
"""Every branch closes, to the row: under a storm, with a slow or blocked output, over kills and restarts."""

import os
import signal
import struct
import time

import pytest
from sonde import PLUGINS, Daemon, wait_for

STORM = '''
inputs:    { gen: { plugin = "generate"; INPUT }; };
outputs:   { slow: { plugin = "null"; SLOW queue: { memory = "1MiB"; when_full = "WHEN_FULL"; }; };
             fast: { plugin = "null"; queue: { memory = "8MiB"; when_full = "drop_newest"; }; }; };
pipelines: { main: { from = ["gen"]; to = TO; }; };
'''
# Sieves between them: part is dropped, part is folded, part fails.
SIEVES = f'''
processors: {{ part: {{ plugin = "{PLUGINS}/sieve.so"; mode = "filter"; of = 3; }};
               fold: {{ plugin = "{PLUGINS}/sieve.so"; mode = "window"; window = 10000; }};
               fail: {{ plugin = "{PLUGINS}/sieve.so"; mode = "fail"; of = 5; }}; }};
'''

pytestmark = pytest.mark.timeout(120)


def storm(tmp_path, when_full="drop_oldest", to='["slow", "fast"]', slow='delay = "2ms";', source="", **options):
    body = STORM.replace("WHEN_FULL", when_full).replace("TO", to).replace("SLOW", slow).replace("INPUT", source)
    return Daemon(tmp_path, body, **options)


def assert_closes_under_load(daemon, moments=5, seconds=0.3):
    """At several moments every account closes by itself, and the daemon says so too."""
    status = None
    for _ in range(moments):
        time.sleep(seconds)
        status = daemon.status()
        status.assert_closes()
        assert status.document["ledger_closes"] is True
    return status


def assert_ends_to_the_row(daemon, inputs=("gen",), pipeline="main", outputs=("slow", "fast"), code=0):
    """After the end nothing is open, and each branch adds up from where the rows came in."""
    assert daemon.stop() == code
    ledger = daemon.ledger()
    ledger.assert_closes()
    came = 0
    for name in inputs:
        emitted = ledger["input", name].rows("out")
        assert ledger.route(f"{name} > {pipeline}").rows("in") == emitted > 0
        came += ledger.route(f"{name} > {pipeline}").rows("out")
    for name in outputs:
        assert ledger.route(f"{pipeline} > {name}").rows("in") == came
    return ledger


@pytest.mark.sanitizers
@pytest.mark.parametrize("when_full", ["drop_oldest", "drop_newest", "wait"])
def test_every_branch_closes_in_a_storm_before_a_slow_output(tmp_path, when_full):
    with storm(tmp_path, when_full, to='["slow"]', slow='delay = "20ms";') as daemon:
        daemon.start()
        assert_closes_under_load(daemon)

        def lost():
            return daemon.status().route("main > slow").lost_rows("queue full")
        assert not lost() if when_full == "wait" else wait_for(lost, "the queue is full")
        ledger = assert_ends_to_the_row(daemon, outputs=["slow"])
        if when_full == "wait":
            assert ledger.lost_rows() == 0


def test_a_route_that_waits_makes_the_source_wait(tmp_path):
    with storm(tmp_path, "wait", to='["slow"]', slow="block = true;") as daemon:
        daemon.start()
        def emitted():
            return daemon.status()["input", "gen"].rows("out")
        wait_for(lambda: emitted() and emitted() == emitted(), "the source stands still")
        before = emitted()
        daemon.set("slow.block", "false")
        wait_for(lambda: emitted() > 2 * before, "it goes on")
        ledger = assert_ends_to_the_row(daemon, outputs=["slow"])
        assert ledger.lost_rows() == 0


def test_an_input_that_does_not_wait_loses_what_does_not_fit_and_says_so(tmp_path):
    with storm(tmp_path, "wait", to='["slow"]', source="waits = false;") as daemon:
        daemon.start()
        status = assert_closes_under_load(daemon)
        assert status.route("gen > main").lost_rows("queue full") > 0
        assert_ends_to_the_row(daemon, outputs=["slow"])


@pytest.mark.sanitizers
def test_every_branch_closes_through_processors_that_filter_fold_and_fail(tmp_path):
    with storm(tmp_path, to='["slow", "fast"]; through = ["fail", "part", "fold"]') as daemon:
        with open(daemon.config, "a") as config:
            config.write(SIEVES)
        daemon.start()
        status = assert_closes_under_load(daemon)
        assert status["processor", "main / fail"].lost_rows("failed") > 0
        assert status["processor", "main / part"].reduced["filtered"][0] > 0
        assert status["processor", "main / fold"].reduced["aggregated"][0] > 0
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        fold = ledger["processor", "main / fold"]
        assert ledger.route("main > fast").rows("in") == fold.rows("out") > 0
        assert ledger.route("main > fast").counts["in"][1] == fold.counts["in"][1]    # no event went with the rows
        assert ledger["processor", "main / fail"].rows("in") == ledger["input", "gen"].rows("out")


@pytest.mark.parametrize("fail, lost", [("none", None), ("reject", "rejected"), ("retry", "expired")])
def test_the_source_hears_of_every_row_on_every_branch(tmp_path, fail, lost):
    slow = f'fail = "{fail}"; retry: {{ first = "5ms"; longest = "10ms"; give_up = "50ms"; }};'
    with storm(tmp_path, "wait", slow=slow, source="tokens = true; rows = 200000; batch = 500;") as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("gen", "settled_rows") == 200000, "all rows are settled")
        status = daemon.status()
        status.assert_closes()
        assert status.counter("gen", "delivered_rows") == (400000 if fail == "none" else 200000)
        assert status.counter("gen", "lost_rows") == (0 if fail == "none" else 200000)
        assert status.counter("gen", "refused_rows") == 0    # the other branch took them
        assert lost is None or status.route("main > slow").lost_rows(lost) == 200000
        assert_ends_to_the_row(daemon)


def test_the_source_is_asked_to_send_again_where_no_branch_took_a_row(tmp_path):
    slow = 'fail = "retry"; retry: { first = "5ms"; longest = "10ms"; give_up = "20ms"; };'
    with storm(tmp_path, "wait", to='["slow"]', slow=slow, source="tokens = true; rows = 5000; batch = 500;") as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("gen", "settled_rows") == 5000, "all rows are settled")
        assert daemon.status().counter("gen", "refused_rows") == 5000


def test_the_source_hears_of_rows_that_were_filtered_and_folded(tmp_path):
    source = "tokens = true; rows = 120000; batch = 500;"
    with storm(tmp_path, "wait", to='["slow"]; through = ["part", "fold"]', slow="", source=source) as daemon:
        with open(daemon.config, "a") as config:
            config.write(SIEVES)
        daemon.start()
        wait_for(lambda: daemon.status().counter("gen", "settled_rows") == 120000, "all rows are settled")
        status = daemon.status()
        assert status.counter("gen", "reduced_rows") == status["processor", "main / part"].reduced_rows()
        assert status.counter("gen", "lost_rows") == 0
        assert_ends_to_the_row(daemon, outputs=[])


@pytest.mark.sanitizers
def test_two_sources_and_pipelines_in_a_row_add_up_from_the_origin(tmp_path):
    body = '''
    inputs:    { one: { plugin = "generate"; }; two: { plugin = "generate"; rate = 300000; }; };
    outputs:   { slow: { plugin = "null"; delay = "2ms"; queue: { memory = "1MiB"; }; }; fast: { plugin = "null"; }; };
    pipelines: { first: { from = ["one", "two"]; to = ["fast"]; };
                 second: { from = ["first"]; to = ["slow", "fast"]; queue: { memory = "2MiB"; }; }; };
    '''
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        assert_closes_under_load(daemon)
        ledger = assert_ends_to_the_row(daemon, ["one", "two"], "first", ["fast"])
        between = ledger.route("first > second")
        assert between.rows("in") == ledger.route("first > fast").rows("in")
        assert ledger.route("second > slow").rows("in") == between.rows("out") == ledger.route("second > fast").rows("in")


# --- a blocked output -----------------------------------------------------------------------------------------------

def rate_of(daemon, route, seconds):
    """Rows a second that were handed over, by the daemon's own clock."""
    first = daemon.status()
    time.sleep(seconds)
    last = daemon.status()
    rows = last.route(route).rows("out") - first.route(route).rows("out")
    return rows / (last.document["uptime_seconds"] - first.document["uptime_seconds"])


def share_that_is_kept(tmp_path, seconds, source):
    """The rate of the fast output while the other is blocked, over that from before."""
    with storm(tmp_path, slow="", source=source) as daemon:
        daemon.start()
        time.sleep(1)
        before = rate_of(daemon, "main > fast", seconds)
        daemon.set("slow.block", "true")
        wait_for(lambda: daemon.status().route("main > slow").lost_rows("queue full"), "the queue is full")
        blocked = rate_of(daemon, "main > fast", seconds)
        status = daemon.status()
        status.assert_closes()
        assert status.route("main > fast").lost_rows() == 0
        assert status.route("main > slow").rows("out") < status.route("main > slow").rows("in")
        daemon.set("slow.block", "false")
        assert_ends_to_the_row(daemon)
        return blocked / before


def test_a_blocked_output_does_not_slow_the_other(tmp_path):
    assert share_that_is_kept(tmp_path, 4, "rate = 100000;") >= 0.99


@pytest.mark.long
@pytest.mark.timeout(300)
def test_an_output_blocked_for_a_minute_does_not_slow_the_other(tmp_path):
    assert share_that_is_kept(tmp_path, 60, "rate = 1000000;") >= 0.99


# --- kills and restarts ---------------------------------------------------------------------------------------------

@pytest.mark.sanitizers
def test_the_ledger_closes_with_what_a_kill_took(tmp_path):
    with storm(tmp_path, to='["slow", "fast"]; through = ["part", "fold"]') as daemon:
        with open(daemon.config, "a") as config:
            config.write(SIEVES)
        for epoch in range(1, 5):
            daemon.start()
            status = daemon.status()
            assert status.document["epoch"] == epoch
            status.assert_closes()
            if epoch > 1:
                assert status.lost_rows("crash") > 0
            time.sleep(0.1 * epoch)
            daemon.stop(signal.SIGKILL)
        daemon.start()
        assert_closes_under_load(daemon, 1)
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()


def test_counters_go_on_from_run_to_run(tmp_path):
    with storm(tmp_path, source="rows = 1000;") as daemon:
        for run in range(1, 4):
            daemon.start()
            wait_for(lambda: daemon.status().route("main > fast").rows("out") == 1000 * run, "the rows of this run")
            wait_for(lambda: daemon.status().route("main > slow").rows("out") == 1000 * run, "the rows of this run")
            assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.epoch == 3
        assert ledger.lost_rows() == 0


def test_accounts_of_a_former_config_stay_and_are_told_apart(tmp_path):
    with storm(tmp_path, source="rows = 1000;") as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > slow").rows("out") == 1000, "the rows")
        assert daemon.stop() == 0
        with open(daemon.config) as file:
            body = file.read()
        with open(daemon.config, "w") as file:
            file.write(body.replace("gen:", "other:").replace('"gen"', '"other"'))
        daemon.start()
        running = {a["name"]: a["running"] for a in daemon.status().document["ledger"]}
        assert running["gen > main"] is False
        assert running["other > main"] is True
        assert daemon.status().route("gen > main").rows("out") == 1000
        assert "gen > main" not in daemon.ask("status").stdout
        assert daemon.stop() == 0


def test_a_ledger_without_room_for_an_account_is_said_at_the_start(tmp_path):
    accounts = b"".join(struct.pack("=II224s", 3, 1, b"last %d" % i).ljust(1024, b"\0") for i in range(1023))
    (tmp_path / "state").mkdir()
    (tmp_path / "state/ledger").write_bytes(struct.pack("=8sIIQ", b"sondeLG", 1, 1024, 1).ljust(1024, b"\0") + accounts)
    with storm(tmp_path) as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 1
        assert "is full: this config and that of the last run have more accounts than it holds" in daemon.log()
        daemon.start()    # those of the run before the last make room
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()


def test_a_full_disk_is_said_at_the_start(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    (tmp_path / "state").mkdir()
    (tmp_path / "state/ledger").symlink_to("/dev/full")
    with storm(tmp_path) as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 1
        assert "cannot open the ledger" in daemon.log()
