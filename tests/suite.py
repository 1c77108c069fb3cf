# SPDX-License-Identifier: Apache-2.0
"""What scripts/test runs: every stage of the tests, counted case by case and added up in one last line."""

import argparse
import collections
import dataclasses
import glob
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PYTEST_STAGES = {"abi": "tests/abi", "integration": "tests/integration", "kernel": "tests/kernel",
                 "examples": "examples"}
STAGES = ["style", "unit", "abi", "integration", "kernel", "examples", "asan", "tsan", "fuzz"]
BUDGET_S = 25 * 60          # of a run without --long, on two cores
LINES_MAXIMUM = 600         # of a source file
# Much of the time of stages is waiting, so these run side by side; the last ones give way.
LANES = [["style", "unit", "abi", "integration"], ["kernel", "examples"]]
LANE_THAT_GIVES_WAY = ["asan", "tsan", "fuzz"]
FUZZ_S = {False: 8, True: 300}   # a target, without and with --long


@dataclasses.dataclass
class Case:
    stage: str
    name: str
    outcome: str            # passed, failed or skipped
    detail: str = ""        # why it failed or was skipped


class Selection:
    """Which stages and names the PATTERN of the command line asks for."""

    def __init__(self, pattern):
        first, _, rest = (pattern or "").partition("/")
        if pattern in PYTEST_STAGES.values():
            first, rest = next(s for s, d in PYTEST_STAGES.items() if d == pattern), ""
        self.stages = [first] if first in STAGES else STAGES
        self.part = rest if first in STAGES else (pattern or "")

    def wants(self, *names):
        return any(self.part in name for name in names)


def run(command, timeout_s, environment=None, **options):
    """Runs a command in a process group of its own, so that at its time limit nothing of it is left behind.
    Returns its exit status (None: out of time) and what it printed, if that was asked for by stdout=PIPE."""
    process = subprocess.Popen(command, cwd=TREE, stdin=subprocess.DEVNULL, start_new_session=True, text=True,
                               errors="replace", env={**os.environ, **(environment or {})}, **options)
    try:
        output, _ = process.communicate(timeout=timeout_s)
        return process.returncode, output or ""
    except BaseException as reason:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        if not isinstance(reason, subprocess.TimeoutExpired):
            raise
        return None, output or ""


def sources():
    """The tree's own files: what git knows or would add, or all but builds where there is no git."""
    status, listed = run(["git", "-c", f"safe.directory={TREE}", "ls-files", "-co", "--exclude-standard"], 60,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if status == 0:
        names = listed.splitlines()
    else:
        names = [os.path.relpath(os.path.join(root, file), TREE) for root, _, files in os.walk(TREE) for file in files]
        names = [name for name in names if not name.startswith(("build", ".git/"))]
    return sorted(name for name in names if os.path.isfile(os.path.join(TREE, name)))


def as_root(command, environment):
    """A command with an environment, through sudo if need be (sudo passes no environment on by itself)."""
    if os.geteuid() == 0:
        return command
    return ["sudo", "-n", "env", *(f"{k}={v}" for k, v in environment.items()), *command]


# --- style ----------------------------------------------------------------------------------------------------------

def style(selection, arguments):
    files = sources()
    code = [name for name in files if name.endswith((".c", ".h")) and not name.startswith("tests/abi/")]   # frozen
    checks = {
        "C code is laid out as .clang-format says": lambda: badly_formatted(code),
        "every source file names its licence": lambda: without_licence(files),
        f"no source file is longer than {LINES_MAXIMUM} lines": lambda: too_long(code),
    }
    for name, check in checks.items():
        if selection.wants(name):
            bad = check()
            yield Case("style", name, "failed" if bad else "passed", "\n".join(bad))


def badly_formatted(code):
    lines = collections.defaultdict(set)
    for start in range(0, len(code), 100):
        status, output = run(["clang-format", "--dry-run", *code[start:start + 100]], 120,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for name, line in re.findall(r"^(\S+?):(\d+):\d+: warning", output, re.M):
            lines[name].add(int(line))
        if status != 0:
            lines[f"clang-format ended with exit status {status}"] = {0}
    return [f"{name}: {len(bad)} lines, the first is {min(bad)}" for name, bad in sorted(lines.items())]


def without_licence(files):
    bad = []
    for name in files:
        if name.endswith((".c", ".h", ".py", ".sh", "meson.build")) or name.startswith((".ci/", "scripts/")):
            with open(os.path.join(TREE, name), errors="replace") as file:
                head = "".join(file.readline() for _ in range(3))
            if "SPDX-License-Identifier: " not in head:
                bad.append(name)
            elif name.endswith(".bpf.c") and "GPL" not in head:
                bad.append(f"{name}: the kernel gives some helpers to GPL-compatible programs only")
    return bad


def too_long(code):
    bad = []
    for name in code:
        with open(os.path.join(TREE, name), errors="replace") as file:
            count = sum(1 for _ in file)
        if count > LINES_MAXIMUM and name != "core/include/sonde/plugin.h":    # one header is what it promises
            bad.append(f"{name}: {count} lines")
    return bad


# --- builds and unit tests ------------------------------------------------------------------------------------------

def build(directory, *options, environment=None):
    """Returns what went wrong, or nothing."""
    status, _ = run(["scripts/build", directory, *options], 2400, environment)
    return "" if status == 0 else "out of time" if status is None else "does not build"


def tap_cases(stage, name, output, failure):
    """The cases in what a cmocka program printed. `failure` is what its exit status says, or nothing."""
    planned = re.search(r"^1\.\.(\d+)", output, re.M)
    cases, notes = [], []
    for line in output.splitlines():
        found = re.match(r"(not ok|ok) \d+ (?:- )?(# SKIP )?(.*)", line)
        if found:
            title = f"{name}: {found[3].replace('_', ' ')}"
            if found[2]:
                reason = notes[-1].lstrip("# ") if notes else "the test names no reason"
                cases.append(Case(stage, title, "skipped", reason))
            else:
                cases.append(Case(stage, title, "passed" if found[1] == "ok" else "failed"))
            notes = []
        elif cases and cases[-1].outcome == "failed" and line.startswith("# "):
            cases[-1].detail += line[2:] + "\n"
        elif line.strip() and not re.match(r"1\.\.\d+$", line):
            notes.append(line.strip())
    if failure and not any(case.outcome == "failed" for case in cases):
        cases.append(Case(stage, name, "failed", f"{failure}\n" + "\n".join(output.splitlines()[-20:])))
    elif not failure and not cases:
        cases.append(Case(stage, name, "passed"))
    elif not failure and planned and int(planned[1]) != len(cases):
        cases.append(Case(stage, name, "failed", f"{planned[1]} cases announced, {len(cases)} seen"))
    return cases


def unit_names(directory, selection):
    """The programs that hold a case or bear a name that is asked for; None for all of them."""
    status, output = run(["meson", "introspect", "--tests", directory], 60, stdout=subprocess.PIPE)
    names = [test["name"] for test in json.loads(output)] if status == 0 else []
    if not selection.part:
        return names
    wanted = selection.part.replace(" ", "_")

    def holds(name):
        for path in glob.glob(os.path.join(TREE, "tests", "unit", "**", f"test_{name}.c"), recursive=True):
            with open(path, errors="replace") as file:
                return wanted in file.read()
        return False
    return [name for name in names if wanted in f"test_{name}" or holds(name)]


def units(stage, directory, selection, environment=None, slower=1):
    names = unit_names(directory, selection)
    if not names:
        return
    # Sanitizers keep their shadow at fixed addresses, which a randomised layout may occupy.
    wrapper = ["--wrapper", "setarch --addr-no-randomize"] if slower > 1 else []
    logs = os.path.join(TREE, directory, "meson-logs", "cases*.json")      # meson adds the wrapper to the name
    for log in glob.glob(logs):
        os.remove(log)
    run(["meson", "test", "-C", directory, "--no-rebuild", "--quiet", "--logbase", "cases",
         "--num-processes", str(os.cpu_count()), "--timeout-multiplier", str(slower), *wrapper, *names],
        900, {"CMOCKA_MESSAGE_OUTPUT": "tap", **(environment or {})},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    seen = set()
    lines = []
    for log in glob.glob(logs):
        with open(log, errors="replace") as file:
            lines += file.readlines()
    for test in map(json.loads, lines):
        name = test["name"].split(" / ")[-1].split(":")[-1].strip()
        seen.add(name)
        # meson reads cmocka's skips ("not ok … # SKIP") as failures: the exit status knows better.
        ended_well = test["returncode"] == 0 and test["result"] not in ("TIMEOUT", "INTERRUPT")
        failure = "" if ended_well else f'{test["result"]} (exit status {test["returncode"]})'
        output = (test.get("stdout") or "") + (test.get("stderr") or "" if failure else "")
        yield from tap_cases(stage, name, output, failure)
    for name in sorted(set(names) - seen):
        yield Case(stage, name, "failed", "it was not run to its end")


def unit(selection, arguments):
    yield from units("unit", "build", selection)


# --- sanitized builds -----------------------------------------------------------------------------------------------

def sanitized(stage, selection, arguments, sanitizers, *options):
    """The unit tests and the short daemon tests again, on a build that watches itself."""
    directory = f"build-{stage}"
    broken = build(directory, f"-Db_sanitize={sanitizers}", "-Db_lundef=false", "-Dtests=true", "-Dbench=false", *options)
    if broken:
        yield Case(stage, f"the build with {sanitizers} sanitizers", "failed", broken)
        return
    reports = tempfile.mkdtemp(prefix=f"sonde-{stage}-")
    os.chmod(reports, 0o1777)      # the daemon writes there after it has dropped its privileges
    common = f"log_path={reports}/report:exitcode=99"
    suppressions = os.path.join(TREE, "tests", f"{stage}.suppressions")
    if os.path.exists(suppressions):
        common += f":suppressions={suppressions}"
    environment = {
        "ASAN_OPTIONS": f"{common}:detect_stack_use_after_return=1:strict_string_checks=1",
        "UBSAN_OPTIONS": f"{common}:print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": f"{common}:second_deadlock_stack=1",
        "LSAN_OPTIONS": "exitcode=99",
    }
    try:
        yield from units(stage, directory, selection, environment, slower=5)
        marks = "sanitizers or asan" if stage == "asan" else "sanitizers"
        yield from pytests(stage, list(PYTEST_STAGES.values()), selection, marks, arguments,
                           {**environment, "SONDE_BUILD": os.path.join(TREE, directory)})
        for path in sorted(glob.glob(f"{reports}/*")):
            with open(path, errors="replace") as file:
                yield Case(stage, f"a report of {os.path.basename(path)}", "failed", file.read(8000))
    finally:
        shutil.rmtree(reports, ignore_errors=True)


def asan(selection, arguments):
    # Compiles 1.6 times as fast as -O2 and finds the same; what runs is some 5 % slower. With threads it gains nothing.
    yield from sanitized("asan", selection, arguments, "address,undefined", "-Doptimization=1")


def tsan(selection, arguments):
    yield from sanitized("tsan", selection, arguments, "thread")


# --- pytest ---------------------------------------------------------------------------------------------------------

def pytests(stage, directories, selection, marks, arguments, environment=None):
    directories = [d for d in directories if glob.glob(os.path.join(TREE, d, "**", "test_*.py"), recursive=True)]
    if not directories:
        return
    environment = {"SONDE_BUILD": os.path.join(TREE, "build"), "PATH": os.environ["PATH"],
                   "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}
    for name in ("CI", "TMPDIR"):
        if name in os.environ:
            environment[name] = os.environ[name]
    if arguments.long:
        environment["SONDE_LONG"] = "1"
    with tempfile.TemporaryDirectory(prefix="sonde-test-") as scratch:
        report = os.path.join(scratch, "report.xml")
        command = ["/usr/bin/python3", "-B", "-m", "pytest", "-c", "tests/pytest.ini", "--rootdir", TREE, "-q",
                   "--tb=short", "--junitxml", report, *(["-m", marks] if marks else []),
                   *(["-k", selection.part] if selection.part else []), *directories]
        print(f"--- {' '.join(command[3:])}", flush=True)
        status, _ = run(as_root(command, environment), 4 * 3600 if arguments.long else 2700, environment)
        cases = list(junit_cases(stage, report)) if os.path.exists(report) else []
    yield from cases
    if status not in (0, 1, 5) or status == 1 and not any(case.outcome == "failed" for case in cases):
        yield Case(stage, "pytest itself", "failed", "out of time" if status is None else
                   f"it ended with exit status {status}")


def junit_cases(stage, report):
    for element in xml.parse(report).getroot().iter("testcase"):
        module = element.get("classname").replace(".", "/")
        name = re.sub(r"^tests/", "", f'{module}.py::{element.get("name")}' if module else element.get("name"))
        bad = element.find("failure")
        bad = element.find("error") if bad is None else bad
        skip = element.find("skipped")
        if bad is not None:
            yield Case(stage, name, "failed", (bad.get("message") or "").strip()[:2000])
        elif skip is not None:
            yield Case(stage, name, "skipped", (skip.get("message") or "").strip())
        else:
            yield Case(stage, name, "passed")


def pytest_stage(stage):
    def run_stage(selection, arguments):
        yield from pytests(stage, [PYTEST_STAGES[stage]], selection, "" if arguments.long else "not long", arguments)
    return run_stage


# --- fuzzing --------------------------------------------------------------------------------------------------------

def fuzz(selection, arguments):
    """Each tests/fuzz/fuzz_NAME.c for a bounded time, from the seeds in tests/fuzz/corpus/NAME if there are any."""
    names = [os.path.basename(path)[:-2] for path in sorted(glob.glob(os.path.join(TREE, "tests/fuzz/fuzz_*.c")))]
    names = [name for name in names if selection.wants(name)]
    if not names:
        return
    broken = build("build-fuzz", "-Dfuzz=true", "-Dtests=false", "-Dbench=false", "-Db_sanitize=address,undefined",
                   "-Db_lundef=false", "-Dc_args=-fsanitize=fuzzer-no-link", "--", "fuzz", environment={"CC": "clang"})
    if broken:
        yield Case("fuzz", "the build for fuzzing", "failed", broken)
        return
    seconds = FUZZ_S[arguments.long]
    for name in names:
        program = f"build-fuzz/tests/fuzz/{name}"
        if not os.access(os.path.join(TREE, program), os.X_OK):
            yield Case("fuzz", name, "failed", f"the build makes no {program}")
            continue
        print(f"--- {name} for {seconds} s", flush=True)
        with tempfile.TemporaryDirectory(prefix="sonde-fuzz-") as found:
            seeds = os.path.join(TREE, "tests/fuzz/corpus", name[len("fuzz_"):])
            status, output = run(
                ["setarch", "--addr-no-randomize", program, f"-max_total_time={seconds}", "-timeout=10",
                 "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix=build-fuzz/{name}-", found,
                 *([seeds] if os.path.isdir(seeds) else [])],
                seconds + 300, {"UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
        inputs = re.search(r"stat::number_of_executed_units:\s*(\d+)", output)
        if status == 0 and inputs and int(inputs[1]) > 0:
            print(f"    {int(inputs[1]):,} inputs", flush=True)
            yield Case("fuzz", name, "passed")
        else:
            telling = re.findall(r"^.*(?:Assertion|runtime error|ERROR: (?!libFuzzer)|Test unit written to).*$", output, re.M)
            yield Case("fuzz", name, "failed", "\n".join(telling + output.splitlines()[-40:]))


# --- all of it ------------------------------------------------------------------------------------------------------

def show(case, lines_maximum):
    if case.outcome == "failed":
        print(f"FAILED  {case.stage}  {case.name}")
        for line in case.detail.strip().splitlines()[:lines_maximum]:
            print(f"        {line}")
    elif case.outcome == "skipped":
        print(f"skipped {case.stage}  {case.name}: {case.detail}")


def count(cases, outcome):
    return sum(case.outcome == outcome for case in cases)


def run_stages(stages, functions, selection, arguments, rows, gives_way=False):
    """Runs stages in their order, and adds what came of each to `rows`."""
    if gives_way:
        os.nice(10)         # of this thread, and so of all that it starts
    for stage in stages:
        started = time.monotonic()
        try:
            cases = list(functions[stage](selection, arguments))
        except Exception as error:      # of this file: a thread of its own must not end in silence
            cases = [Case(stage, "the suite itself", "failed", repr(error))]
        if not cases:
            continue
        rows.append((stage, cases, time.monotonic() - started))
        print(f"{stage:<12} {count(cases, 'passed'):>5} passed {count(cases, 'failed'):>4} failed "
              f"{count(cases, 'skipped'):>4} skipped {rows[-1][2]:>6.0f} s", flush=True)
        for case in cases:
            if case.outcome == "failed":
                show(case, 60)


def main():
    parser = argparse.ArgumentParser(prog="scripts/test")
    parser.add_argument("--long", action="store_true")
    parser.add_argument("pattern", nargs="?")
    arguments = parser.parse_args()
    selection = Selection(arguments.pattern)
    os.environ.setdefault("MESON_TESTTHREADS", str(os.cpu_count()))
    started = time.monotonic()
    print(f"testing on {platform.machine()}, Linux {platform.release()}, {os.cpu_count()} cores", flush=True)

    functions = {"style": style, "unit": unit, "asan": asan, "tsan": tsan, "fuzz": fuzz,
                 **{stage: pytest_stage(stage) for stage in PYTEST_STAGES}}
    broken = build("build", "-Dtests=true", "-Dbench=true") if selection.stages != ["style"] else ""
    if broken:
        all_cases = [Case("build", "the build", "failed", broken)]
        stages = []
    else:
        all_cases, stages = [], selection.stages
    rows = []
    threads = [threading.Thread(target=run_stages, args=([stage for stage in lane if stage in stages], functions, selection,
                                                         arguments, rows, lane is LANE_THAT_GIVES_WAY))
               for lane in [*LANES, LANE_THAT_GIVES_WAY]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    all_cases += [case for _, cases, _ in rows for case in cases]

    print()
    for stage, cases, seconds in rows:
        print(f"{stage:<12} {count(cases, 'passed'):>5} passed {count(cases, 'failed'):>4} failed "
              f"{count(cases, 'skipped'):>4} skipped {seconds:>6.0f} s")
    for outcome in ("skipped", "failed"):
        for case in all_cases:
            if case.outcome == outcome:
                show(case, 3)
    total_s = time.monotonic() - started
    print(f"took {total_s / 60:.1f} minutes")
    if not arguments.long and total_s > BUDGET_S:
        print(f"that is more than the {BUDGET_S // 60} minutes that a run without --long should take")
    if not all_cases:
        print(f'nothing is called "{arguments.pattern}"' if arguments.pattern else "there is nothing to test")
    failed = count(all_cases, "failed")
    print(f"{count(all_cases, 'passed')} passed, {failed} failed, {count(all_cases, 'skipped')} skipped", flush=True)
    return 1 if failed or not all_cases else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
