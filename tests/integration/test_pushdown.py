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


@pytest.mark.parametrize("mode, done", [("events", True), ("both", False), ("aggregate", False)])
def test_the_scheduler_leaves_out_short_waits_and_other_tasks(tmp_path, mode, done):
    conditions = filters(long='keep = "scheduler.delay > 5ms and cgroup.id in (7, 8) and cpu.logical_number = 1";')
    assert said(tmp_path, f'''inputs: {{ waits: {{ plugin = "scheduler"; mode = "{mode}"; }}; }}; {conditions} {OUT}
        pipelines: {{ main: {{ from = ["waits"]; through = ["long"]; to = ["out"]; }}; }};''') == [
            ("" if done else "not ") + "done at the source: scheduler.delay > 5000000",
            ("" if done else "not ") + "done at the source: cgroup.id in (7, 8)",
            "not done at the source: cpu.logical_number = 1"]


def test_aggregates_and_samples_are_asked_for_behind_filters(tmp_path):
    processors = '''processors: { some: { plugin = "filter"; keep = "syscall.name = 'read'"; };
        share: { plugin = "sample"; ratio = "1%"; }; both: { plugin = "aggregate"; measures = ["count"]; window = "5s"; }; };'''
    assert said(tmp_path, f'''inputs: {{ {EVENTS} }}; {processors} {OUT} pipelines: {{
        main: {{ from = ["calls"]; through = ["some", "both"]; to = ["out"]; }}; }};''') == [
            "done at the source: syscall.name = 'read'", "done at the source: count = count(), every 5s"]
    assert said(tmp_path, f'''inputs: {{ {EVENTS} }}; {processors} {OUT} pipelines: {{
        main: {{ from = ["calls"]; through = ["some", "share", "both"]; to = ["out"]; }}; }};''') == [
            "done at the source: syscall.name = 'read'", "done at the source: 1 row in 100",
            "not done at the source: count = count(), every 5s"]
