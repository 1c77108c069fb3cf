# SPDX-License-Identifier: Apache-2.0
"""What scripts/bench runs: the benchmark programs, and a table of what they measured beside what is asked of them.

A program build/tests/bench/bench_* prints the names of its benchmarks with --list, runs those whose names it is
given, and prints for each one line of JSON: either the members of MEMBERS, or "name" and "skipped" (the reason).
`sonde`, `floor` and `peer` are medians over `runs` interleaved runs in `unit`, `vs_floor` and `vs_peer` ratios
of sonde to them (the median of those of each run), `better` says which way is good, and `spread` is the widest
distance between quartiles, over the median, of the three. What was not measured is null. What is for people goes to stderr.
"""

import argparse
import glob
import json
import os
import re
import signal
import subprocess
import sys

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOALS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "goals.txt")
MEMBERS = {
    "name": str, "unit": str, "sonde": (int, float), "floor": (int, float, type(None)),
    "peer": (int, float, type(None)), "peer_name": (str, type(None)), "vs_floor": (int, float, type(None)),
    "vs_peer": (int, float, type(None)), "better": str, "spread": (int, float, type(None)), "runs": int,
}


def read_goals(path):
    """{benchmark: [(member, comparison, bound)]}"""
    goals = {}
    with open(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip() or line.startswith("#"):
                continue
            found = re.match(r"(\S+)\s+(vs_floor|vs_peer|sonde)\s*(<=|>=)\s*([\d.]+)\s", line)
            if not found:
                raise SystemExit(f"{path}:{number}: a goal reads NAME vs_floor|vs_peer|sonde <=|>= NUMBER why")
            goals.setdefault(found[1], []).append((found[2], found[3], float(found[4])))
    return goals


def complaint(result):
    """What is wrong with a result, or nothing."""
    if not isinstance(result, dict) or not isinstance(result.get("name"), str):
        return "it has no name"
    if "skipped" in result:
        return "" if set(result) == {"name", "skipped"} and result["skipped"] else "a skip is a name and a reason"
    for member, types in MEMBERS.items():
        if member not in result:
            return f'"{member}" is missing'
        if not isinstance(result[member], types) or isinstance(result[member], bool):
            return f'"{member}" is {json.dumps(result[member])}'
    if result["better"] not in ("less", "more"):
        return '"better" is neither less nor more'
    unknown = set(result) - set(MEMBERS)
    return f'"{min(unknown)}" is not a member of a result' if unknown else ""


def judge(result, goals):
    """[(goal in words, met)] of a result; a ratio that was not measured is neither."""
    words = {"vs_floor": "floor", "vs_peer": "peer", "sonde": result["unit"]}
    judged = []
    for member, comparison, bound in goals.get(result["name"], []):
        value = result[member]
        sign = "≤" if comparison == "<=" else "≥"
        text = f"{sign}{bound:g}{'×' if member != 'sonde' else ''} {words[member]}"
        met = None if value is None else value <= bound if comparison == "<=" else value >= bound
        judged.append((text, met))
    return judged


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 1 else f"{value:.1f}"


def ratio(value):
    return "-" if value is None else f"{value:.2f}×"


def table_rows(result, goals):
    """A benchmark is a line, and one more for each further goal."""
    verdicts = {True: "met", False: "MISSED", None: "not measured"}
    judged = judge(result, goals) or [("", "")]
    first = [result["name"], result["unit"], number(result["sonde"]), number(result["floor"]), number(result["peer"]),
             result["peer_name"] or "", ratio(result["vs_floor"]), ratio(result["vs_peer"])]
    last = ["-" if result["spread"] is None else f"{result['spread']:.0%}", str(result["runs"])]
    for index, (text, met) in enumerate(judged):
        verdict = verdicts.get(met, "")
        yield (first + [text, verdict] + last) if index == 0 else [""] * len(first) + [text, verdict] + [""] * 2


def print_table(results, goals):
    head = ["benchmark", "unit", "sonde", "floor", "peer", "", "/floor", "/peer", "goal", "", "spread", "runs"]
    right = {2, 3, 4, 6, 7, 10, 11}
    rows = [head] + [row for result in results for row in table_rows(result, goals)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    bold, red, plain = ("\033[1m", "\033[31m", "\033[0m") if colours() else ("", "", "")
    for index, row in enumerate(rows):
        cells = [cell.rjust(width) if column in right else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(row, widths))]
        line = "  ".join(cells).rstrip()
        if "MISSED" in row:
            line = line.replace("MISSED", f"{red}MISSED{plain}", 1)
        print(f"{bold}{line}{plain}" if index == 0 else line)


def colours():
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


class Benchmarks:
    """The programs that there are, and the names of what each measures."""

    def __init__(self, directory):
        self.programs = {}
        for path in sorted(glob.glob(os.path.join(directory, "bench_*"))):
            if not os.path.isfile(path) or not os.access(path, os.X_OK):
                continue
            listed = subprocess.run([path, "--list"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
            if listed.returncode:
                raise SystemExit(f"{path} --list failed with exit status {listed.returncode}")
            self.programs[path] = listed.stdout.split()

    def select(self, wanted):
        """{program: names} of those that are called so or whose name starts so; all of them if none is named."""
        for name in wanted:
            if not any(matches(known, name) for names in self.programs.values() for known in names):
                known = " ".join(name for names in self.programs.values() for name in names)
                raise SystemExit(f'there is no benchmark "{name}"; there are: {known or "none"}')
        selected = {path: [name for name in names if not wanted or any(matches(name, w) for w in wanted)]
                    for path, names in self.programs.items()}
        return {path: names for path, names in selected.items() if names}


def matches(name, wanted):
    return name == wanted or name.startswith(wanted + ".")


def run_program(path, names):
    """Yields the results as they come, and a complaint (a text) for whatever is not as it should be."""
    process = subprocess.Popen([path, *names], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    missing = set(names)
    try:
        for line in process.stdout:
            try:
                result = json.loads(line)
            except ValueError:
                yield f"{os.path.basename(path)}: not a line of JSON: {line.strip()[:200]}"
                continue
            wrong = complaint(result)
            if wrong:
                yield f"{os.path.basename(path)}: {wrong}: {line.strip()[:200]}"
                continue
            missing.discard(result["name"])
            yield result
    except BaseException:
        process.terminate()       # it detaches its probes and ends its peers
        process.wait()
        raise
    status = process.wait()
    if status:
        yield f"{os.path.basename(path)}: exit status {status}"
    for name in sorted(missing):
        yield f"{os.path.basename(path)}: said nothing about {name}"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--directory", default=os.path.join(TREE, "build/tests/bench"), help=argparse.SUPPRESS)
    parser.add_argument("--goals", default=GOALS, help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()

    goals = read_goals(arguments.goals)
    selected = Benchmarks(arguments.directory).select(arguments.names)
    if arguments.list:
        print("\n".join(name for names in selected.values() for name in names))
        return 0
    if not selected:
        raise SystemExit("there are no benchmarks in this build")

    results, skips, complaints = [], [], []
    for path, names in selected.items():
        if not arguments.json:
            print(f"==> measuring {' '.join(names)}", file=sys.stderr, flush=True)
        for result in run_program(path, names):
            if isinstance(result, str):
                complaints.append(result)
                print(result, file=sys.stderr, flush=True)
                continue
            (skips if "skipped" in result else results).append(result)
            if arguments.json:
                print(json.dumps(result), flush=True)
    if not arguments.json:
        if results:
            print_table(results, goals)
        for skip in skips:
            print(f"skipped {skip['name']}: {skip['skipped']}")
        for text in complaints:
            print(f"failed  {text}")
        met = [m for result in results for _, m in judge(result, goals)]
        print(f"{len(results)} measured, {len(skips)} skipped, {len(complaints)} failed; "
              f"{met.count(True)} goals met, {met.count(False)} missed")
    return 1 if complaints else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
