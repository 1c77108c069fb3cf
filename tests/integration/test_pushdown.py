# SPDX-License-Identifier: Apache-2.0
"""What `sonde show` says inputs do for the pipelines behind them, without a kernel."""

import re

import pytest

from sonde import run

pytestmark = pytest.mark.sanitizers
EVENTS = 'calls: { plugin = "syscalls"; mode = "events"; };'
OUT = 'outputs: { out: { plugin = "null"; }; };'


def filters(**conditions):
    each = " ".join(f'{name}: {{ plugin = "filter"; {condition} }};' for name, condition in conditions.items())
    return f"processors: {{ {each} }};"


def said(tmp_path, body):
    config = tmp_path / "show.conf"
    config.write_text(body)
    done = run("show", config)
    assert done.returncode == 0, done.stderr
    return re.findall(r"# ((?:not )?done at the source: .*)", done.stdout)


def test_conditions_before_an_input_are_shown_with_what_it_takes(tmp_path):
    conditions = filters(some="""keep = "syscall.name = 'read' and syscall.duration >= 1ms and thread.id = 5";""")
    assert said(tmp_path, f'''inputs: {{ {EVENTS} }}; {conditions}
        {OUT} pipelines: {{ main: {{ from = ["calls"]; through = ["some"]; to = ["out"]; }}; }};''') == [
            "done at the source: syscall.name = 'read'", "done at the source: syscall.duration >= 1000000",
            "not done at the source: thread.id = 5"]


def test_a_second_filter_is_asked_where_the_first_has_said_all(tmp_path):
    conditions = filters(first='keep = "cgroup.id = 5";', second='keep = "error.type is not null";')
    assert said(tmp_path, f'''inputs: {{ {EVENTS} }}; {conditions} {OUT}
        pipelines: {{ main: {{ from = ["calls"]; through = ["first", "second"]; to = ["out"]; }}; }};''') == [
            "done at the source: cgroup.id = 5", "done at the source: error.type is not null"]
    conditions = filters(first='keep = "cgroup.id = 5 or thread.id = 7";', second='keep = "error.type is not null";')
    assert said(tmp_path, f'''inputs: {{ {EVENTS} }}; {conditions} {OUT}
        pipelines: {{ main: {{ from = ["calls"]; through = ["first", "second"]; to = ["out"]; }}; }};''') == []


@pytest.mark.parametrize("other, expected", [
    ("keep = \"cgroup.id = 5 and thread.id = 9\";", ["done at the source: cgroup.id = 5"]),
    ("keep = \"thread.id = 9 and cgroup.id = 5\";", []),
    ("drop = \"cgroup.id = 5\";", [])])
def test_several_pipelines_get_what_all_of_them_ask_first(tmp_path, other, expected):
    conditions = filters(one="""keep = "cgroup.id = 5 and syscall.name = 'read'";""", two=other)
    assert said(tmp_path, f'''inputs: {{ {EVENTS} }}; {conditions} {OUT} pipelines: {{
        a: {{ from = ["calls"]; through = ["one"]; to = ["out"]; }};
        b: {{ from = ["calls"]; through = ["two"]; to = ["out"]; }}; }};''') == expected


def test_a_pipeline_without_processors_wants_every_row(tmp_path):
    assert said(tmp_path, f'''inputs: {{ {EVENTS} }}; {filters(one='keep = "cgroup.id = 5";')} {OUT} pipelines: {{
        a: {{ from = ["calls"]; through = ["one"]; to = ["out"]; }};
        b: {{ from = ["calls"]; to = ["out"]; }}; }};''') == []
