# SPDX-License-Identifier: Apache-2.0
"""The processor `aggregate` in a daemon: exact sums, books that close, receipts, and knobs that change while rows flow."""

import collections
import json
import os

import pytest

from sonde import Daemon, run, wait_for

pytestmark = pytest.mark.sanitizers
ROWS = 20000


def body(options, path, rows=ROWS, more=""):
    return f'''
    inputs:     {{ gen: {{ plugin = "generate"; rows = {rows}; batch = 500; tokens = true; {more} }}; }};
    processors: {{ sums: {{ plugin = "aggregate"; {options} }}; }};
    outputs:    {{ out: {{ plugin = "file"; path = "{path}"; }}; }};
    pipelines:  {{ main: {{ from = ["gen"]; through = ["sums"]; to = ["out"]; }}; }};
    '''


def rows_in(path):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [json.loads(line) for line in file.read().split("\n")[:-1]]


def added_up(rows, *names):
    """{word: sums of these columns}, over all windows."""
    found = collections.defaultdict(collections.Counter)
    for row in rows:
        found[row["generate.word"]].update({name: row[name] for name in names})
    return found


def test_what_goes_on_is_the_sum_of_what_came_and_the_books_close(tmp_path):
    path = tmp_path / "rows.json"
    options = '''by = ["generate.word"]; window = "200ms"; lateness = "0s"; idle = "300ms";
                 measures = ["count", "sum(generate.value)", "last = max(generate.sequence)"];'''
    with Daemon(tmp_path, body(options, path, more="rate = 40000;")) as daemon:
        daemon.start()
        # The last window closes by the clock, as no more rows come.
        wait_for(lambda: sum(row["count"] for row in rows_in(path)) == ROWS, "all rows, in windows")
        wait_for(lambda: daemon.status().instance("gen")["counters"]["settled_rows"] == ROWS, "everyone has heard")
        status = daemon.status()
        status.assert_closes()
        assert status["processor", "main / sums"].rows("in") == ROWS
        assert status.instance("sums")["counters"]["late_rows"] == 0
        assert daemon.stop() == 0
    rows, words = rows_in(path), ["red", "orange", "yellow", "green", "blue", "indigo", "violet", "ultraviolet"]
    found = added_up(rows, "count", "generate.value", "events")
    assert set(found) == set(words)
    for i, word in enumerate(words):
        numbers = range(i, ROWS, 8)
        assert found[word] == {"count": len(numbers), "events": len(numbers), "generate.value": sum(n % 1000 for n in numbers)}
        assert max(row["last"] for row in rows if row["generate.word"] == word) == numbers[-1]
    daemon.ledger().assert_closes()


def test_knobs_change_while_rows_flow_and_no_row_is_lost(tmp_path):
    path = tmp_path / "rows.json"
    options = 'by = ["generate.word"]; window = "100ms"; lateness = "0s"; measures = ["count"];'
    with Daemon(tmp_path, body(options, path, 0, "rate = 20000;")) as daemon:
        daemon.start()
        wait_for(lambda: rows_in(path), "a window")
        refused = daemon.ask("set", "sums.measures", "count, sum(")
        assert refused.returncode != 0
        assert 'measures: "sum(": at 5: a closing bracket is missing' in refused.stderr
        assert daemon.status().instance("sums")["state"] == "running"
        daemon.set("sums.slide", "50ms")
        daemon.set("sums.top", "3")
        wait_for(lambda: any(row.get("aggregate.other") for row in rows_in(path)), "what is not at the top")
        assert daemon.stop() == 0
        emitted = daemon.ledger()
    emitted.assert_closes()
    rows = rows_in(path)
    assert emitted["processor", "main / sums"].rows("in") == sum(row["events"] for row in rows)


@pytest.mark.parametrize("options, problem", [
    ('measures = ["count", "bad = max(generate.value) where 5"];', "processors.sums.measures: "),
    ('by = ["generate.word = 5"];', "processors.sums.by: "),
    ('window = "10s"; slide = "3s";', "processors.sums.slide: a slide is at least 1ms, and a whole part of the window"),
    ('measures = ["count"]; top = 5; top_by = "size";', 'processors.sums.top_by: "size" is none of the measures')])
def test_check_names_what_is_wrong(tmp_path, options, problem):
    config = tmp_path / "wrong.conf"
    config.write_text(body(options, tmp_path / "rows.json"))
    result = run("check", config)
    assert result.returncode == 2
    assert problem in result.stdout + result.stderr
