# SPDX-License-Identifier: Apache-2.0
"""The processor `filter` in a daemon: what goes on, what the ledger says, and conditions that change while rows flow."""

import json
import os
import re

import pytest

from sonde import TREE, Daemon, run, wait_for

pytestmark = pytest.mark.sanitizers
ROWS = 20000


def body(condition, path, rows=ROWS, more=""):
    return f'''
    inputs:     {{ gen: {{ plugin = "generate"; rows = {rows}; batch = 500; {more} }}; }};
    processors: {{ some: {{ plugin = "filter"; {condition} }}; }};
    outputs:    {{ out: {{ plugin = "file"; path = "{path}"; queue: {{ memory = "256MiB"; when_full = "wait"; }}; }}; }};
    pipelines:  {{ main: {{ from = ["gen"]; through = ["some"]; to = ["out"]; }}; }};
    '''


def rows_in(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def whole_rows_in(path):
    """While it is being written."""
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file.read().split("\n")[:-1]]


def filtered(daemon):
    return daemon.status()["processor", "main / some"].reduced_rows()


@pytest.mark.parametrize("condition, kept", [
    ("keep = \"generate.value >= 250 and generate.word != 'red'\";",
     lambda n: n % 1000 >= 250 and n % 8 != 0),
    ("drop = \"generate.word =~ 'violet$'\";", lambda n: n % 8 not in (6, 7)),
    ("keep = \"generate.sequence in (5, 7, 19999)\";", lambda n: n in (5, 7, 19999)),
    ("keep = \"generate.word starts with 'no such'\";", lambda n: False),
    ("keep = \"time is not null\";", lambda n: True),
    ("drop = \"time is null\";", lambda n: True)])
def test_rows_that_fulfil_the_condition_arrive_and_all_others_are_booked(tmp_path, condition, kept):
    path = tmp_path / "rows.json"
    expected = [n for n in range(ROWS) if kept(n)]
    with Daemon(tmp_path, body(condition, path)) as daemon:
        daemon.start()
        wait_for(lambda: filtered(daemon) + daemon.status().route("main > out").rows("out") == ROWS, "all rows")
        status = daemon.status()
        status.assert_closes()
        assert status["processor", "main / some"].rows("in") == ROWS
        assert status["processor", "main / some"].reduced == {"filtered": (ROWS - len(expected),) * 2} or \
            len(expected) == ROWS
        assert daemon.stop() == 0
    assert (sorted(row["generate.sequence"] for row in rows_in(path)) if os.path.exists(path) else []) == expected
    daemon.ledger().assert_closes()


def test_a_condition_changes_while_rows_flow_and_a_wrong_one_is_refused(tmp_path):
    path = tmp_path / "rows.json"
    with Daemon(tmp_path, body("keep = \"generate.word = 'red'\";", path, 0, "rate = 20000;")) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out") > 500, "rows")
        assert {row["generate.word"] for row in whole_rows_in(path)} == {"red"}

        refused = daemon.ask("set", "some.keep", "generate.word = ")
        assert refused.returncode != 0
        assert "keep, at 17: a name or a value is missing at the end" in refused.stderr
        assert daemon.status().instance("some")["state"] == "running"

        daemon.set("some.keep", "generate.word = 'green'")
        before = daemon.status().route("main > out").rows("out")
        wait_for(lambda: daemon.status().route("main > out").rows("out") > before + 500, "rows")
        assert daemon.stop() == 0
    words = [row["generate.word"] for row in rows_in(path)]
    assert set(words) == {"red", "green"}
    assert words == sorted(words, reverse=True)      # first the ones, then the others
    daemon.ledger().assert_closes()


def test_a_condition_falls_back(tmp_path):
    path = tmp_path / "rows.json"
    with Daemon(tmp_path, body("keep = \"generate.word = 'red'\";", path, 0, "rate = 20000;")) as daemon:
        daemon.start()
        daemon.set("some.keep", "generate.word = 'blue'", for_="300ms")
        wait_for(lambda: any(row["generate.word"] == "blue" for row in whole_rows_in(path)), "the other rows")
        wait_for(lambda: whole_rows_in(path)[-1]["generate.word"] == "red", "the first are back")


def test_a_reload_puts_another_condition_in_force(tmp_path):
    path = tmp_path / "rows.json"
    with Daemon(tmp_path, body("keep = \"generate.word = 'red'\";", path, 0, "rate = 20000;")) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out") > 500, "rows")
        daemon.write(body("keep = \"generate.word = 'blue' and\";", path, 0, "rate = 20000;"))
        said = daemon.reload(code=2)
        assert "processors.some.keep: at 27: a name or a value is missing at the end" in said
        daemon.write(body("drop = \"generate.word != 'blue'\";", path, 0, "rate = 20000;"))
        daemon.reload()
        before = daemon.status().route("main > out").rows("out")
        wait_for(lambda: daemon.status().route("main > out").rows("out") > before + 500, "rows")
        assert daemon.stop() == 0
    words = [row["generate.word"] for row in rows_in(path)]
    assert set(words) == {"red", "blue"}
    daemon.ledger().assert_closes()


@pytest.mark.parametrize("condition, problem", [
    ("keep = \"generate.value > 5 adn true\";",
     "processors.some.keep: at 20: an operator or the end is expected, not adn (did you mean \"and\"?)"),
    ("drop = \"generate.word =~ '(a'\";", "processors.some.drop: at 21: the regular expression is wrong here"),
    ("keep = \"generate.value = 10lightyears\";",
     "processors.some.keep: at 18: 10lightyears is not a number, duration or size"),
    ("keep = \"generate.word = 'red' and generate.valu > 5\";",
     "processors.some.keep: at 27: there is no column \"generate.valu\" (did you mean \"generate.value\"?), "
     "in none of the tables that come here"),
    ("drop = \"generate.value contains 'x'\";",
     "processors.some.drop: at 1: generate.value is a number here, and a text is needed"),
    ("", "a condition is missing")])
def test_check_names_the_place_in_a_condition(tmp_path, condition, problem):
    config = tmp_path / "wrong.conf"
    config.write_text(body(condition, tmp_path / "rows.json"))
    result = run("check", config)
    assert result.returncode == 2
    assert problem in result.stdout + result.stderr


def test_the_page_on_expressions_says_what_conditions_come_to(tmp_path):
    """Each as a filter of its own: what holds for the one row there is, and whether it is null."""
    with open(os.path.join(TREE, "docs/expressions.md")) as file:
        shown = re.findall(r"^\| (`+) ?(.*?) ?\1 \| (true|false|null) \|$", file.read(), re.M)
    conditions = [(condition, outcome) for _, condition, outcome in shown]
    assert len(conditions) > 20
    processors, pipelines = [], []
    for i, (condition, _) in enumerate(conditions):
        for name, asked in ((f"true{i}", condition), (f"null{i}", f"({condition}) is null")):
            quoted = asked.replace("\\", "\\\\").replace('"', '\\"')
            processors.append(f'{name}: {{ plugin = "filter"; keep = "{quoted}"; }};')
            pipelines.append(f'of_{name}: {{ from = ["gen"]; through = ["any", "{name}"]; to = ["out"]; }};')
    config = f"""
    inputs:     {{ gen: {{ plugin = "generate"; rows = 1; }}; }};
    processors: {{ any: {{ plugin = "sample"; }}; {" ".join(processors)} }};      # behind it any column may come
    outputs:    {{ out: {{ plugin = "null"; }}; }};
    pipelines:  {{ {" ".join(pipelines)} }};
    """
    with Daemon(tmp_path, config) as daemon:
        daemon.start()
        names = [f"{kind}{i}" for i in range(len(conditions)) for kind in ("true", "null")]

        def accounts():
            status = daemon.status()
            found = {name: status["processor", f"of_{name} / {name}"] for name in names}
            return found if all(account.rows("in") == 1 for account in found.values()) else None
        found = wait_for(accounts, "the row is everywhere")
        for i, (condition, outcome) in enumerate(conditions):
            came = "true" if found[f"true{i}"].rows("out") else "null" if found[f"null{i}"].rows("out") else "false"
            assert came == outcome, condition
