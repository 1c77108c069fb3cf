# SPDX-License-Identifier: Apache-2.0
"""A config put in the place of the one that runs: whole or not at all, and no row is lost over it."""

import glob
import json
import os
import signal
import time

import pytest
from sonde import PLUGINS, Daemon, wait_for

pytestmark = pytest.mark.timeout(180)

NULL = 'outputs: { out: { plugin = "null"; }; };'
MAIN = 'pipelines: { main: { from = ["gen"]; to = ["out"]; }; };'


def generate(rate=20000, more=""):
    return f'inputs: {{ gen: {{ plugin = "generate"; rate = {rate}; tokens = true; {more} }}; }};'


def owner(tmp_path, number=0, refuse="false", lock="lock", name="out"):
    return (f'outputs: {{ {name}: {{ plugin = "{PLUGINS}/owner.so"; lock = "{tmp_path}/{lock}"; number = {number}; '
            f'refuse = {refuse}; }}; }};')


def sequences(pattern):
    """The numbers of all rows in the files."""
    numbers = []
    for path in glob.glob(str(pattern)):
        with open(path) as file:
            numbers += [json.loads(line)["generate.sequence"] for line in file]
    return numbers


def assert_each_once(numbers):
    assert sorted(numbers) == list(range(len(numbers)))


def assert_nothing_lost(daemon):
    assert daemon.stop() == 0, daemon.log()
    ledger = daemon.ledger()
    ledger.assert_closes()
    assert ledger.lost_rows() == 0, [(key, account.lost) for key, account in ledger.accounts.items()
                                     if account.lost_rows()]
    return ledger


def leaving(status):
    return sorted(name for (name, _), i in status.instances.items() if i["state"] == "leaving")


# ---- what goes on, what is replaced ------------------------------------------------------------

def test_what_did_not_change_goes_on_as_it_is(tmp_path):
    out = f'outputs: {{ out: {{ plugin = "file"; path = "{tmp_path}/out"; }}; }};'
    with Daemon(tmp_path, generate() + out + MAIN) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("gen", "delivered_rows") > 0, "rows are delivered")
        before = daemon.status().counter("gen", "delivered_rows")
        assert "reloaded" in daemon.reload()
        assert daemon.status().counter("gen", "delivered_rows") >= before
        assert_nothing_lost(daemon)
    assert_each_once(sequences(tmp_path / "out"))


def test_a_changed_output_takes_over_the_queue_of_the_former(tmp_path):
    """The former one has no answer for what it holds: it hands it back."""
    blocked = 'outputs: { out: { plugin = "null"; block = true; }; };'
    with Daemon(tmp_path, generate(more="rows = 5000;") + blocked + MAIN) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status()["input", "gen"].rows("out") == 5000, "all is queued")
        daemon.write(generate(more="rows = 5000;") + f'outputs: {{ out: {{ plugin = "file"; path = "{tmp_path}/out"; }}; }};'
                     + MAIN)
        daemon.reload()
        wait_for(lambda: daemon.status().route("main > out").rows("out") == 5000, "all is written")
        assert daemon.status().counter("gen", "delivered_rows") == 5000
        assert_nothing_lost(daemon)
    assert_each_once(sequences(tmp_path / "out"))


def test_a_changed_instance_starts_when_the_former_has_ended(tmp_path):
    with Daemon(tmp_path, generate() + owner(tmp_path, 1) + MAIN) as daemon:
        daemon.start()
        for number in range(2, 6):
            daemon.write(generate() + owner(tmp_path, number) + MAIN)
            daemon.reload()
            assert daemon.status().instance("out")["state"] == "running"
        assert_nothing_lost(daemon)
    assert not os.path.exists(tmp_path / "lock")


def test_a_changed_input_begins_anew_and_what_the_former_sent_arrives(tmp_path):
    with Daemon(tmp_path, generate(rate=5000) + NULL + MAIN) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status()["input", "gen"].rows("out") > 1000, "rows come")
        daemon.write(generate(rate=5000, more="batch = 100;") + NULL + MAIN)
        daemon.reload()
        wait_for(lambda: daemon.status().counter("gen", "delivered_rows") > 100, "the new one's rows arrive")
        ledger = assert_nothing_lost(daemon)
        assert ledger["input", "gen"].rows("out") == ledger.route("main > out").rows("out")


def test_processors_of_a_changed_pipeline_give_out_what_they_hold(tmp_path):
    """A window of the former pipeline ends where the new one's rows go."""
    def body(window):
        return (generate() + NULL + f'processors: {{ fold: {{ plugin = "{PLUGINS}/sieve.so"; mode = "window"; '
                f'window = {window}; }}; }}; pipelines: {{ main: {{ from = ["gen"]; through = ["fold"]; to = ["out"]; }}; }};')
    with Daemon(tmp_path, body(1000000)) as daemon:
        daemon.start()
        for window in (900000, 800000, 700000):
            wait_for(lambda: daemon.status()["processor", "main / fold"].rows("held") > 0, "the window holds rows")
            daemon.write(body(window))
            daemon.reload()
        ledger = assert_nothing_lost(daemon)
        events = ledger.route("main > out").counts["out"][1]
        assert events == ledger["input", "gen"].counts["out"][1]


def test_pipelines_and_outputs_come_and_go(tmp_path):
    second = ('outputs: { out: { plugin = "null"; }; more: { plugin = "null"; }; }; pipelines: { '
              'main: { from = ["gen"]; to = ["out", "more"]; }; side: { from = ["gen", "main"]; to = ["more"]; }; };')
    with Daemon(tmp_path, generate() + NULL + MAIN) as daemon:
        daemon.start()
        for body in (second, NULL + MAIN) * 5:
            daemon.write(generate() + body)
            daemon.reload()
            if body == second:
                wait_for(lambda: daemon.status().route("side > more").rows("out") > 0, "rows go the new way")
        wait_for(lambda: not leaving(daemon.status()), "what was taken out has left")
        assert_nothing_lost(daemon)


def test_a_knob_that_changed_in_the_config_is_set_in_what_goes_on(tmp_path):
    with Daemon(tmp_path, generate(rate=5000) + NULL + MAIN) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("gen", "delivered_rows") > 0, "rows come")
        before = daemon.status().counter("gen", "delivered_rows")
        daemon.write(generate(rate=7000) + 'outputs: { out: { plugin = "null"; delay = "1ms"; }; };' + MAIN)
        daemon.reload()
        status = daemon.status()
        assert status.counter("gen", "delivered_rows") >= before     # it did not begin anew
        assert status.instance("gen")["knobs"]["rate"]["value"] == "7000"
        assert status.instance("out")["knobs"]["delay"]["value"] == "1ms"
        assert_nothing_lost(daemon)


def test_a_knob_that_was_set_by_hand_stays_where_the_config_did_not_change(tmp_path):
    with Daemon(tmp_path, generate(rate=5000) + NULL + MAIN) as daemon:
        daemon.start()
        daemon.set("gen.rate", "50")
        daemon.reload()
        assert daemon.status().instance("gen")["knobs"]["rate"]["value"] == "50"
        daemon.write(generate(rate=6000) + NULL + MAIN)
        daemon.reload()
        assert daemon.status().instance("gen")["knobs"]["rate"]["value"] == "6000"


def test_a_knob_that_is_refused_puts_the_former_config_back(tmp_path):
    def body(number, rate):
        return (generate(rate=rate) + f'outputs: {{ out: {{ plugin = "{PLUGINS}/owner.so"; lock = "{tmp_path}/lock"; '
                f'even = {number}; }}; }};' + MAIN)
    with Daemon(tmp_path, body(2, 100)) as daemon:
        daemon.start()
        daemon.write(body(3, 200))
        assert "out.even cannot become 3" in daemon.reload(code=4)
        status = daemon.status()
        assert status.instance("gen")["knobs"]["rate"]["value"] == "100"
        assert status.instance("out")["knobs"]["even"]["value"] == "2"


def test_a_knob_falls_back_after_a_reload_too(tmp_path):
    with Daemon(tmp_path, generate(rate=100) + NULL + MAIN) as daemon:
        daemon.start()
        daemon.set("gen.rate", "50", for_="2s")
        daemon.reload()
        knob = daemon.status().instance("gen")["knobs"]["rate"]
        assert knob["value"] == "50" and knob["falls_back_in_s"] > 0
        wait_for(lambda: daemon.status().instance("gen")["knobs"]["rate"]["value"] == "100", "it falls back")


def test_what_only_a_restart_changes_is_said(tmp_path):
    with Daemon(tmp_path, generate() + NULL + MAIN) as daemon:
        daemon.start()
        daemon.write(generate() + NULL + MAIN, settings=f'control = "{tmp_path}/other"; drain = "3s";')
        assert "sonde.control takes effect with a restart" in daemon.reload()


def test_a_signal_reloads_and_the_log_tells(tmp_path):
    with Daemon(tmp_path, generate() + NULL + MAIN) as daemon:
        daemon.start()
        daemon.send(signal.SIGHUP)
        wait_for(lambda: "reload: reloaded" in daemon.log(), "it says so")
        daemon.write("inputs: { gen: { plugin = ")
        daemon.send(signal.SIGHUP)
        wait_for(lambda: "nothing has changed" in daemon.log(), "it says why not")
        daemon.status().assert_closes()


# ---- refusals ----------------------------------------------------------------------------------

@pytest.mark.parametrize("body, said", [
    ('inputs: { gen: { plugin = "generate" } };  outputs', "test.conf:3:1"),
    (generate() + NULL + MAIN + "processors: { x: { plugin = \"nothing\"; }; };", "processors.x.plugin"),
    (generate(more="rte = 5;") + NULL + MAIN, "rate"),
    (generate() + MAIN, "out"),
])
def test_a_config_with_errors_changes_nothing_and_says_where(tmp_path, body, said):
    with Daemon(tmp_path, generate() + NULL + MAIN) as daemon:
        daemon.start()
        daemon.write(body)
        answer = daemon.reload(code=2)
        assert said in answer and "nothing has changed" in answer
        assert daemon.status().instance("out")["state"] == "running"
        assert_nothing_lost(daemon)


def test_a_new_instance_that_cannot_start_changes_nothing(tmp_path):
    with Daemon(tmp_path, generate() + NULL + MAIN) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("gen", "delivered_rows") > 0, "rows are delivered")
        before = daemon.status().counter("gen", "delivered_rows")
        daemon.write(generate() + owner(tmp_path, refuse="true", name="other") + MAIN.replace("out", "other"))
        answer = daemon.reload(code=4)
        assert "other cannot start: it was told to refuse" in answer and "the former config is at work" in answer
        status = daemon.status()
        assert status.counter("gen", "delivered_rows") >= before
        assert status.instance("out")["state"] == "running"
        wait_for(lambda: not leaving(daemon.status()), "the refused one is gone")
        assert_nothing_lost(daemon)


def test_a_changed_instance_that_cannot_start_is_put_back(tmp_path):
    with Daemon(tmp_path, generate() + owner(tmp_path, 1) + MAIN) as daemon:
        daemon.start()
        daemon.write(generate() + owner(tmp_path, 2, refuse="true") + MAIN)
        assert "out cannot start" in daemon.reload(code=4)
        status = daemon.status()
        assert status.instance("out")["state"] == "running"
        assert os.path.exists(tmp_path / "lock")
        before = status.counter("out", "rows")
        wait_for(lambda: daemon.status().counter("out", "rows") > before, "rows flow again")
        assert_nothing_lost(daemon)


def test_a_callback_that_holds_its_thread_is_named_and_nothing_changes(tmp_path):
    stuck = f'outputs: {{ out: {{ plugin = "{PLUGINS}/stuck.so"; }}; }};'
    with Daemon(tmp_path, generate() + stuck + MAIN, settings='drain = "1s";') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status()["input", "gen"].rows("out") > 0, "rows come")
        daemon.write(generate() + NULL + MAIN, settings='drain = "1s";')
        assert "a callback of out holds its thread" in daemon.reload(code=4)
        assert daemon.status().instance("out")["plugin"] == "stuck"
        assert daemon.stop() == 5
        daemon.ledger().assert_closes()


# ---- queues whose output is gone ---------------------------------------------------------------

BLOCKED = 'outputs: { dead: { plugin = "null"; block = true; }; out: { plugin = "null"; }; };'
BOTH = 'pipelines: { main: { from = ["gen"]; to = ["out", "dead"]; }; };'


def with_a_dead_one_taken_out(tmp_path, daemon):
    daemon.start()
    wait_for(lambda: daemon.status()["input", "gen"].rows("out") == 3000, "all is emitted")
    daemon.write(generate(more="rows = 3000;") + NULL + MAIN, settings='drain = "1s";')
    daemon.reload()
    status = daemon.status()
    assert leaving(status) == ["dead"]
    return status


def test_a_queue_whose_output_is_gone_is_listed_and_given_up_on_request(tmp_path):
    with Daemon(tmp_path, generate(more="rows = 3000;") + BLOCKED + BOTH, settings='drain = "1s";') as daemon:
        status = with_a_dead_one_taken_out(tmp_path, daemon)
        queue = status.route("main > dead")
        assert queue.rows("queued") + queue.rows("held") == 3000
        assert "leaving: 3000 rows of main > dead" in daemon.ask("status").stdout
        assert daemon.ask("drop", "out").returncode == 4
        assert daemon.ask("drop", "dead").returncode == 0
        wait_for(lambda: not leaving(daemon.status()), "it has left")
        daemon.status().assert_closes()
        assert daemon.stop() == 5      # they were not handed over
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.route("main > dead").lost_rows("shutdown") == 3000
        assert ledger.route("main > out").rows("out") == 3000


def test_it_is_drained_by_an_output_of_its_name(tmp_path):
    with Daemon(tmp_path, generate(more="rows = 3000;") + BLOCKED + BOTH, settings='drain = "1s";') as daemon:
        with_a_dead_one_taken_out(tmp_path, daemon)
        daemon.reload()                 # another generation between them
        dead = f'outputs: {{ dead: {{ plugin = "file"; path = "{tmp_path}/dead"; }}; out: {{ plugin = "null"; }}; }};'
        daemon.write(generate(more="rows = 3000;") + dead + BOTH)
        daemon.reload()
        wait_for(lambda: daemon.status().route("main > dead").rows("out") == 3000, "all is written")
        assert_nothing_lost(daemon)
    assert_each_once(sequences(tmp_path / "dead"))


def test_it_goes_on_by_itself_where_its_receiver_comes_back(tmp_path):
    with Daemon(tmp_path, generate(more="rows = 3000;") + BLOCKED.replace("block = true", 'delay = "4s"') + BOTH) as daemon:
        with_a_dead_one_taken_out(tmp_path, daemon)
        wait_for(lambda: not leaving(daemon.status()), "it has left")
        ledger = assert_nothing_lost(daemon)
        assert ledger.route("main > dead").rows("out") == 3000


def test_an_end_amid_it_keeps_to_the_bound_and_books_the_rest(tmp_path):
    with Daemon(tmp_path, generate(more="rows = 3000;") + BLOCKED + BOTH, settings='drain = "1s";') as daemon:
        with_a_dead_one_taken_out(tmp_path, daemon)
        assert daemon.stop() == 5
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.route("main > dead").lost_rows("shutdown") == 3000


def test_reloads_leave_nothing_behind(tmp_path):
    """As many threads and descriptors as before, and no more memory than after the first few."""
    bodies = variants(tmp_path)
    with Daemon(tmp_path, generate(rate=1000) + bodies[0]) as daemon:
        daemon.start()

        def counts():
            wait_for(lambda: not leaving(daemon.status()), "what was taken out has left")
            document = daemon.status().document
            return document["threads"], document["descriptors"]["used"]

        def round_trip():
            for body in [*bodies[1:], bodies[0]]:
                daemon.write(generate(rate=1000) + body)
                daemon.reload()
            return counts()

        first = round_trip()
        before = daemon.status().document["rss_bytes"]
        for _ in range(8):
            assert round_trip() == first
        assert daemon.status().document["rss_bytes"] < before + (8 << 20)
        assert_nothing_lost(daemon)


# ---- under load --------------------------------------------------------------------------------

INVALID = ["inputs: {", generate() + "outputs: { out: { plugin = \"nul\"; }; };" + MAIN, generate(more="rows = -1;") + NULL + MAIN]


def variants(tmp_path):
    """Configs with the same input and, on the way to the files, the same rows."""
    def out(name, path):
        return f'{name}: {{ plugin = "file"; path = "{tmp_path}/{path}"; mode = "append"; }};'
    sieve = f'processors: {{ all: {{ plugin = "{PLUGINS}/sieve.so"; mode = "pass"; }}; }};'
    main = 'main: { from = ["gen"]; to = ["out"]; };'
    through = 'main: { from = ["gen"]; through = ["all"]; to = ["out"]; };'
    return [
        f'outputs: {{ {out("out", "each.a")} }}; pipelines: {{ {main} }};',
        f'outputs: {{ {out("out", "each.b")} }}; pipelines: {{ {main} }};',
        f'outputs: {{ {out("out", "each.b")} }}; {sieve} pipelines: {{ {through} }};',
        f'outputs: {{ {out("other", "each.c")} }}; pipelines: {{ main: {{ from = ["gen"]; to = ["other"]; }}; }};',
        f'outputs: {{ {out("out", "each.d")} extra: {{ plugin = "null"; }}; }}; '
        f'pipelines: {{ {main} tap: {{ from = ["main"]; to = ["extra"]; }}; }};',
        f'outputs: {{ {out("out", "each.e")} }}; {sieve} pipelines: {{ first: {{ from = ["gen"]; through = ["all"]; '
        f'to = []; }}; main: {{ from = ["first"]; to = ["out"]; }}; }};',
    ]


@pytest.mark.sanitizers
@pytest.mark.parametrize("rounds", [100])
def test_a_hundred_reloads_under_load_lose_no_row(tmp_path, rounds):
    """Valid and invalid ones in turn. Every row that the input made is in a file, once."""
    bodies = variants(tmp_path)
    source = generate(rate=30000, more="batch = 100;")
    with Daemon(tmp_path, source + bodies[0]) as daemon:
        daemon.start()
        for i in range(rounds):
            if i % 2:
                daemon.write(INVALID[i // 2 % len(INVALID)])
                daemon.reload(code=2)
            else:
                daemon.write(source + bodies[(i // 2 + 1) % len(bodies)])
                daemon.reload()
        assert daemon.status().document["ledger_closes"] is True
        wait_for(lambda: not leaving(daemon.status()), "all that was taken out has left")
        time.sleep(0.2)
        ledger = assert_nothing_lost(daemon)
        emitted = ledger["input", "gen"].rows("out")
    numbers = sequences(tmp_path / "each.*")
    assert len(numbers) == emitted
    assert_each_once(numbers)
