# SPDX-License-Identifier: Apache-2.0
"""The processor `sample` in a daemon: what goes on, what it stands for, what the ledger says."""

import json

import pytest

from sonde import Daemon, run, wait_for

pytestmark = pytest.mark.sanitizers
ROWS = 20000


def body(options, path, rows=ROWS, more=""):
    return f'''
    inputs:     {{ gen: {{ plugin = "generate"; rows = {rows}; batch = 500; {more} }}; }};
    processors: {{ some: {{ plugin = "sample"; metrics = true; {options} }}; }};
    outputs:    {{ out: {{ plugin = "file"; path = "{path}"; queue: {{ memory = "256MiB"; when_full = "wait"; }}; }}; }};
    pipelines:  {{ main: {{ from = ["gen"]; through = ["some"]; to = ["out"]; }}; }};
    '''


def rows_in(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def test_kept_rows_stand_for_those_that_went_and_all_are_booked(tmp_path):
    path = tmp_path / "rows.json"
    options = '''ratio = "10%"; key = ["generate.sequence"]; always = "generate.value >= 990";
                 rules = ( { when = "generate.word = 'red'"; ratio = 0.0; }, { when = "generate.word = 'blue'"; ratio = 0.5; } );'''
    with Daemon(tmp_path, body(options, path)) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status()["processor", "main / some"].rows("in") == ROWS, "all rows")
        reduced = daemon.status()["processor", "main / some"].reduced
        assert daemon.stop() == 0
    rows = rows_in(path)
    daemon.ledger().assert_closes()
    always = [row for row in rows if row["generate.value"] >= 990]
    assert len(always) == ROWS // 100 and all(row.get("weight", 1) == 1 for row in always)
    rest = [row for row in rows if row["generate.value"] < 990]
    assert all(row["weight"] == (2 if row["generate.word"] == "blue" else 10) for row in rest)
    assert not any(row["generate.word"] == "red" for row in rest)
    red = reduced["filtered"][0]
    assert reduced["sampled"][0] == ROWS - red - len(rows)
    estimate = sum(row.get("weight", 1) for row in rows)
    assert abs(estimate - (ROWS - red)) < 5 * (0.9 * 10 * ROWS) ** 0.5


def test_check_knows_where_a_route_names_a_column_that_nothing_has(tmp_path):
    def checked(where, processors=""):
        config = tmp_path / "checked.conf"
        config.write_text(f'''
        sonde:      {{ resource = ["tenant=pay"]; }};
        inputs:     {{ gen: {{ plugin = "generate"; }}; }};
        processors: {{ any: {{ plugin = "sample"; }}; some: {{ plugin = "filter"; keep = "generate.value > 5"; }}; }};
        outputs:    {{ out: {{ plugin = "null"; }}; }};
        pipelines:  {{ first: {{ from = ["gen"]; through = ["some"]; }};
                      main: {{ from = ["first"]; through = [{processors}];
                              to = ({{ output = "out"; where = "{where}"; }}); }}; }};
        ''')
        result = run("check", config)
        return result.returncode, result.stdout + result.stderr

    code, said = checked("generate.vale = 5")
    assert code == 2 and "there is no column \"generate.vale\" (did you mean \"generate.value\"?)" in said
    assert "checked.conf:8: pipelines.main.to.where: at 1: " in said
    assert checked("generate.value = 5 and tenant = 'pay'")[0] == 0
    assert checked("generate.vale = 5", '"any"')[0] == 0      # it may make columns


def test_a_ratio_changes_while_rows_flow_and_falls_back(tmp_path):
    path = tmp_path / "rows.json"
    with Daemon(tmp_path, body('ratio = "1/64";', path, 0, "rate = 20000;")) as daemon:
        daemon.start()
        some = lambda: daemon.status().route("main > out").rows("out")
        wait_for(lambda: some() > 10, "rows")
        daemon.set("some.ratio", "1", for_="300ms")
        before = some()
        wait_for(lambda: some() > before + 1000, "all rows")
        refused = daemon.ask("set", "some.always", "generate.word = ")
        assert refused.returncode != 0
        assert "always, at 17: a name or a value is missing at the end" in refused.stderr
        assert daemon.stop() == 0
    weights = [row.get("weight", 1) for row in rows_in(path)]
    assert set(weights) == {1, 64}
    daemon.ledger().assert_closes()


def test_a_route_takes_the_rows_that_its_condition_names(tmp_path):
    def routed(where):
        return f'''
        inputs:    {{ gen: {{ plugin = "generate"; rate = 20000; }}; }};
        outputs:   {{ all: {{ plugin = "null"; }};
                      audit: {{ plugin = "file"; path = "{tmp_path}/audit.json"; }}; }};
        pipelines: {{ main: {{ from = ["gen"]; to = ("all", {{ output = "audit"; where = "{where}"; }}); }}; }};
        '''
    with Daemon(tmp_path, routed("generate.word = 'red'")) as daemon:
        daemon.start()
        audit = lambda: daemon.status().route("main > audit")
        wait_for(lambda: audit().rows("out") > 500, "rows")
        assert audit().reduced["filtered"][0] > audit().rows("out")
        assert not daemon.status().route("main > all").reduced
        assert "where = \"generate.word = 'red'\";" in run("show", daemon.config).stdout
        daemon.write(routed("generate.word = 'blue' and"))
        assert "pipelines.main.to.where: at 27: a name or a value is missing at the end" in daemon.reload(code=2)
        daemon.write(routed("generate.word = 'blue'"))
        daemon.reload()
        before = audit().rows("out")
        wait_for(lambda: audit().rows("out") > before + 500, "rows")
        assert daemon.stop() == 0
    words = [row["generate.word"] for row in rows_in(tmp_path / "audit.json")]
    assert set(words) == {"red", "blue"} and words == sorted(words, reverse=True)
    ledger = daemon.ledger()
    ledger.assert_closes()
    assert ledger["route", "main > audit"].rows("in") == ledger["route", "main > all"].rows("in")
