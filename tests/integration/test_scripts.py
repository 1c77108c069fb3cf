# SPDX-License-Identifier: Apache-2.0
"""The commands in scripts/ keep what their help texts promise, also when things go wrong."""

import json
import os
import stat
import subprocess
import sys

import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESULT = {"name": "syscalls.aggregate", "unit": "ns", "sonde": 120.5, "floor": 115, "peer": 188,
          "peer_name": "syscount -L", "vs_floor": 1.05, "vs_peer": 0.64, "better": "less", "spread": 0.04, "runs": 9}

sys.path.insert(0, os.path.join(TREE, "tests"))
import suite  # noqa: E402


def run(*command, **options):
    return subprocess.run(command, cwd=TREE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=120, check=False, **options)


@pytest.fixture
def bench(tmp_path):
    """Runs the benchmark runner on a program that prints what the test gives it, with goals of its own."""
    goals = tmp_path / "goals.txt"
    goals.write_text("syscalls.aggregate  vs_floor <= 1.1  why\nsyscalls.aggregate  vs_peer <= 0.8  why\n")

    def run_bench(names, lines, *arguments, status=0):
        program = tmp_path / "bench_made_up"
        said = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        program.write_text(f'#!/bin/sh\nif [ "$1" = --list ]; then echo {" ".join(names)}; exit; fi\n'
                           f"cat <<'END'\n{said}\nEND\nexit {status}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return run("/usr/bin/python3", "-B", "tests/bench/runner.py", "--directory", str(tmp_path), "--goals",
                   str(goals), *arguments)
    return run_bench


def test_a_benchmark_is_shown_with_its_goals(bench):
    result = bench(["syscalls.aggregate"], [RESULT])
    assert result.returncode == 0, result.stderr
    for words in ("120.5", "115.0", "188.0", "syscount -L", "1.05×", "0.64×", "≤1.1× floor", "4%"):
        assert words in result.stdout
    assert "2 goals met, 0 missed" in result.stdout and "MISSED" not in result.stdout


def test_a_goal_that_is_missed_is_shown(bench):
    result = bench(["syscalls.aggregate"], [{**RESULT, "vs_peer": 0.81}])
    assert "MISSED" in result.stdout and "1 goals met, 1 missed" in result.stdout


def test_a_goal_whose_peer_is_not_there_is_neither_met_nor_missed(bench):
    result = bench(["syscalls.aggregate"], [{**RESULT, "peer": None, "peer_name": None, "vs_peer": None}])
    assert "not measured" in result.stdout and "1 goals met, 0 missed" in result.stdout


def test_json_is_an_object_a_line_and_nothing_else(bench):
    skip = {"name": "syscalls.events", "skipped": "no ring"}
    result = bench(["syscalls.aggregate", "syscalls.events"], [RESULT, skip], "--json")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [RESULT, skip]


def test_a_skipped_benchmark_is_shown_with_its_reason(bench):
    result = bench(["syscalls.events"], [{"name": "syscalls.events", "skipped": "no ring"}])
    assert "skipped syscalls.events: no ring" in result.stdout and result.returncode == 0


@pytest.mark.parametrize("line", ["nonsense", {**RESULT, "sonde": "fast"}, {**RESULT, "more": 1},
                                  {k: v for k, v in RESULT.items() if k != "spread"}, {**RESULT, "better": "blue"}])
def test_a_result_that_is_not_one_fails_the_run(bench, line):
    result = bench(["syscalls.aggregate"], [line])
    assert result.returncode == 1 and "failed  bench_made_up" in result.stdout


def test_a_benchmark_that_says_nothing_fails_the_run(bench):
    result = bench(["syscalls.aggregate", "syscalls.events"], [RESULT])
    assert result.returncode == 1 and "said nothing about syscalls.events" in result.stdout


def test_a_benchmark_that_ends_badly_fails_the_run(bench):
    assert bench(["syscalls.aggregate"], [RESULT], status=3).returncode == 1


def test_benchmarks_are_chosen_by_name_or_by_what_stands_before_the_dot(bench):
    names = ["syscalls.aggregate", "syscalls.events", "pipeline.transport"]
    assert bench(names, [], "--list", "syscalls").stdout.split() == names[:2]
    assert bench(names, [], "--list", "pipeline.transport").stdout.split() == names[2:]
    wrong = bench(names, [], "--list", "syscall")
    assert wrong.returncode != 0 and 'no benchmark "syscall"' in wrong.stderr


def test_the_goals_of_the_tree_can_be_read():
    sys.path.insert(0, os.path.join(TREE, "tests", "bench"))
    import runner
    goals = runner.read_goals(runner.GOALS)
    assert goals["syscalls.aggregate"] == [("vs_floor", "<=", 1.1), ("vs_peer", "<=", 0.8)]


def outcomes(output, failure=""):
    return [(case.name, case.outcome, case.detail.strip()) for case in suite.tap_cases("unit", "t", output, failure)]


def test_unit_tests_are_counted_by_case():
    assert outcomes("1..2\nok 1 - a_row_is_kept\nnoise\nok 2 - b\n") == [
        ("t: a row is kept", "passed", ""), ("t: b", "passed", "")]


def test_a_failed_case_is_reported_with_its_words():
    assert outcomes("1..1\nnot ok 1 - a\n# 0x1 != 0x2\n# t.c:9: error: Failure!\n", "FAIL") == [
        ("t: a", "failed", "0x1 != 0x2\nt.c:9: error: Failure!")]


def test_a_skipped_case_is_reported_with_what_it_said_before():
    assert outcomes("1..1\nno BTF here\nnot ok 1 # SKIP a\n") == [("t: a", "skipped", "no BTF here")]


def test_a_unit_test_that_crashes_is_a_failure():
    assert [case[1] for case in outcomes("1..2\nok 1 - a\n", "FAIL (exit status -6)")] == ["passed", "failed"]


def test_a_unit_test_that_stops_half_way_is_a_failure_whatever_it_returns():
    assert [case[1] for case in outcomes("1..2\nok 1 - a\n")] == ["passed", "failed"]


def test_a_pattern_names_a_stage_a_part_of_it_or_a_part_of_any():
    assert suite.Selection(None).stages == suite.STAGES
    assert suite.Selection("unit").stages == ["unit"] and suite.Selection("unit").part == ""
    assert suite.Selection("unit/queue").stages == ["unit"] and suite.Selection("unit/queue").wants("test_queue")
    assert suite.Selection("queue").stages == suite.STAGES and not suite.Selection("queue").wants("test_frame")
    assert suite.Selection("tests/kernel").stages == ["kernel"]


def test_a_pattern_that_nothing_bears_is_a_failure():
    result = run("/usr/bin/python3", "-B", "tests/suite.py", "style/no such name")
    assert result.returncode == 1 and result.stdout.splitlines()[-1] == "0 passed, 0 failed, 0 skipped"


def test_setup_that_finds_all_there_says_and_does_nothing():
    result = run("scripts/setup", "build", "test")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize("arguments, words", [
    (["--for", "soon"], '"soon" is not a duration'), (["--for"], "usage:"), (["--fast"], "usage:"),
    (["no/such.conf"], "no/such.conf cannot be read"), (["a", "b"], "usage:"),
])
def test_run_refuses_what_it_does_not_understand(arguments, words):
    result = run("scripts/run", *arguments)
    assert result.returncode != 0 and words in result.stderr


@pytest.mark.parametrize("name", ["setup", "build", "run", "test", "bench", "reference", "test-authority"])
def test_every_command_has_a_help_text(name):
    result = run(f"scripts/{name}", "--help")
    assert result.returncode == 0 and result.stdout.startswith(f"usage: scripts/{name}")
