# SPDX-License-Identifier: Apache-2.0
"""The processor `control` in a daemon: a rule that holds sets knobs of others for a while, and every action is a row."""

import json
import os

import pytest

from sonde import TREE, Daemon, run, wait_for

pytestmark = pytest.mark.sanitizers

RULE = '''{ name = "busy"; by = ["generate.word"]; where = "generate.word = 'red'"; value = "count"; above = "20";
            over = "1s"; for = "FOR"; set = ["other.rate=500"]; }'''
BODY = '''
    inputs:     { gen: { plugin = "generate"; rate = 8; batch = 8; };
                  other: { plugin = "generate"; rate = 10; };
                  own: { plugin = "self"; interval = "100ms"; }; };
    processors: { rules: { plugin = "control"; rules = ( RULES ); }; };
    outputs:    { out: { plugin = "null"; };
                  rows: { plugin = "file"; path = "DIRECTORY/rows.json"; }; };
    pipelines:  { main: { from = ["gen"]; through = ["rules"]; to = ["rows"]; };
                  beside: { from = ["other"]; to = ["out"]; };
                  self: { from = ["own"]; to = ["rows"]; }; };
'''


def body(tmp_path, rules=RULE, for_="500ms"):
    return BODY.replace("RULES", rules).replace("FOR", for_).replace("DIRECTORY", str(tmp_path))


def rows(tmp_path, schema):
    if not os.path.exists(tmp_path / "rows.json"):
        return []
    with open(tmp_path / "rows.json") as file:
        lines = [json.loads(line) for line in file.read().split("\n")[:-1]]
    return [row for row in lines if row["schema"] == schema]


def decisions(tmp_path, name, instance="other"):
    return [row for row in rows(tmp_path, "sonde.decision")
            if row["event_name"] == f"sonde.knob.{name}" and row["sonde.component.id"] == instance]


def test_a_rule_that_holds_sets_a_knob_of_another_instance_which_falls_back_by_itself(tmp_path):
    with Daemon(tmp_path, body(tmp_path)) as daemon:
        daemon.start()
        wait_for(lambda: rows(tmp_path, "generate"), "rows go on")
        assert daemon.status().instance("other")["knobs"]["rate"] == {"value": "10"}
        daemon.set("gen.rate", "2000", for_="1s")
        wait_for(lambda: decisions(tmp_path, "set"), "the rule sets the knob")
        wait_for(lambda: decisions(tmp_path, "fall_back"), "it falls back")
        assert daemon.status().instance("other")["knobs"]["rate"] == {"value": "10"}
        assert daemon.status().counter("rules", "fired") == 1
        assert daemon.stop() == 0
    action, = decisions(tmp_path, "set")
    back, = decisions(tmp_path, "fall_back")
    assert (action["sonde.actor"], action["sonde.before"], action["sonde.after"]) == ("rules", "10", "500")
    assert action["body"].startswith("rate is set to 500: rule busy red: count = ") and action["body"].endswith(", above 20")
    assert action["sonde.duration"] == 500_000_000
    assert (back["sonde.actor"], back["sonde.before"], back["sonde.after"]) == ("timer", "500", "10")
    louder, = decisions(tmp_path, "set", "gen")
    assert louder["time"] < action["time"] < back["time"]
    reds = sum(row["generate.word"] == "red" for row in rows(tmp_path, "generate") if row["time"] <= action["time"])
    assert reds > 20                            # not before its condition


def test_status_shows_who_holds_a_knob_and_what_a_user_says_goes_first(tmp_path):
    with Daemon(tmp_path, body(tmp_path, for_="60s")) as daemon:
        daemon.start()
        daemon.set("gen.rate", "2000")
        wait_for(lambda: daemon.status().instance("other")["knobs"]["rate"]["value"] == "500", "the rule sets it")
        daemon.set("other.rate", "77", for_="30s")
        knob = daemon.status().instance("other")["knobs"]["rate"]
        assert knob["value"] == "77" and knob["falls_back_in_s"] > 0
        user, rule = knob["holders"]
        assert (user["actor"], user["value"]) == ("user", "77") and "name" not in user
        assert (rule["actor"], rule["name"], rule["value"]) == ("rules", "busy red", "500")
        assert "  rules = 500 for " in daemon.ask("status").stdout
        daemon.set("other.rate", "78")          # for good
        assert daemon.status().instance("other")["knobs"]["rate"] == {"value": "78"}


def test_a_reload_that_takes_a_rule_out_lets_go_of_what_it_holds(tmp_path):
    with Daemon(tmp_path, body(tmp_path, for_="60s")) as daemon:
        daemon.start()
        daemon.set("gen.rate", "2000")
        wait_for(lambda: daemon.status().instance("other")["knobs"]["rate"]["value"] == "500", "the rule sets it")
        daemon.write(body(tmp_path, for_="60s").replace("above = \"20\"", "above = \"1000000\"")
                     .replace("rate = 10;", "rate = 11;"))
        daemon.reload()
        wait_for(lambda: daemon.status().instance("other")["knobs"]["rate"] == {"value": "11"}, "it is let go of")


@pytest.mark.parametrize("wrong, right, line, message", [
    ("other.rate=500", "other.rat=500", 6, 'other has no knob "rat" (did you mean "rate"?)'),
    ("other.rate=500", "othr.rate=500", 6, 'no instance "othr" is running (did you mean "other"?)'),
    ("other.rate=500", "other.batch=500", 6, "other.batch cannot change while running"),
    ("other.rate=500", "other.rate=fast", 6, '"fast" is not a whole number'),
    ('"count"', '"count of all"', 5, "rules[0].value: at 7: one measure is possible"),
    ("generate.word = 'red'", "generate.word = ", 5, "rules[0].where: at "),
])
def test_what_is_wrong_with_a_rule_is_said_with_its_place(tmp_path, wrong, right, line, message):
    config = tmp_path / "test.conf"
    config.write_text(body(tmp_path).replace(wrong, right))
    result = run("check", config)
    assert result.returncode == 2
    assert f"test.conf:{line}: " in result.stderr + result.stdout and message in result.stderr + result.stdout


def test_the_example_has_no_errors():
    result = run("check", os.path.join(TREE, "conf/control.conf"))
    assert result.returncode == 0, result.stderr
