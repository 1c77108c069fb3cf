# SPDX-License-Identifier: Apache-2.0
"""`sonde test`: configs on recordings, beside what is expected of them."""

import glob
import json
import os

import pytest

from sonde import TREE, Daemon, run, wait_for

pytestmark = pytest.mark.sanitizers

CONF = os.path.join(TREE, "conf")
CALLS = os.path.join(CONF, "test/calls.frame")      # 156 rows


def attempt(place, expectations, settings="", config=None, recording=CALLS, arguments=()):
    """The result of a test of a config."""
    (place / "edge.conf").write_text(config or f'''
    inputs:     {{ calls: {{ plugin = "syscalls"; }}; }};
    processors: {{ failing: {{ plugin = "filter"; keep = "syscall.errors > 0"; }}; }};
    outputs:    {{ region: {{ plugin = "otlp"; endpoint = "http://127.0.0.1:1"; }};
                  archive: {{ plugin = "file"; path = "{place}/archive.json"; }}; }};
    pipelines:  {{ main: {{ from = ["calls"]; through = ["failing"]; to = ["region"]; }};
                  all: {{ from = ["calls"]; to = ["archive"]; }}; }};
    ''')
    (place / "edge.test").write_text(f'''config = "edge.conf"; inputs: {{ calls = "{recording}"; }}; {settings}
expect: (
{expectations.strip()}
);
''')
    return run("test", place / "edge.test", *arguments)


def test_the_configs_that_come_with_sonde_do_what_they_should():
    tests = sorted(glob.glob(os.path.join(CONF, "test/*.test")))
    assert len(tests) >= 4
    result = run("test", *tests)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("expectations hold") == len(tests)


def test_what_holds_ends_with_0_and_nothing_leaves_the_machine(tmp_path):
    result = attempt(tmp_path, '''
    { output = "archive"; rows = 156; every = "syscall.name is not null"; },
    { output = "region"; every = "syscall.errors > 0 and syscall.name = 'openat'"; sum = "syscall.errors"; is = "> 1000"; },
    { ledger = "main / failing"; in = 156; filtered = ">= 100"; },
    { lost = 0; }''')
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.startswith(f"{tmp_path}/edge.test: 4 of 4 expectations hold (156 rows in; ")
    assert not result.stderr
    assert sorted(os.listdir(tmp_path)) == ["edge.conf", "edge.test"]


def test_what_does_not_hold_ends_with_1_and_is_shown_with_its_place(tmp_path):
    result = attempt(tmp_path, '''
    { output = "archive"; rows = 5; },
    { output = "region"; where = "syscall.name = 'openat'"; rows = "> 0"; },
    { output = "region"; where = "syscal.name = 'openat'"; rows = 0; }''', arguments=["--limit", "1"])
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"{tmp_path}/edge.test:3: expect[0]: rows of archive: expected 5, found 156"
    assert json.loads(lines[1])["schema"] == "syscalls"
    assert lines[2] == "    and 155 more"
    assert lines[3].startswith(f'{tmp_path}/edge.test:5: expect[2]: where, at 1: there is no column "syscal.name" '
                               '(did you mean "syscall.name"?)')
    assert lines[4].startswith(f"{tmp_path}/edge.test: FAILED, 2 of 3 expectations do not hold")


@pytest.mark.parametrize("expectations, settings, message", [
    ('{ output = "regio"; rows = 1; }', "", 'edge.test:3: expect[0].output: the config has no output "regio" in a pipeline '
                                            '(did you mean "region"?)'),
    ('{ output = "region"; where = "a = = b"; rows = 1; }', "", "edge.test:3: expect[0].where: at 5: "),
    ('{ output = "region"; rows = 1; }', 'without = ["filing"];', 'test.without: the config has no processor "filing"'),
    ("", "", "expects nothing"),
])
def test_a_wrong_test_ends_with_2_and_says_what_to_mend(tmp_path, expectations, settings, message):
    result = attempt(tmp_path, expectations, settings)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_wrong_config_ends_with_2(tmp_path):
    result = attempt(tmp_path, "{ rows = 1; }", config="inputs: { calls: { plugin = \"nowhere\"; }; };")
    assert result.returncode == 2
    assert "edge.conf:1: inputs.calls.plugin" in result.stderr


def test_a_recording_that_is_missing_or_damaged_ends_with_2(tmp_path):
    missing = attempt(tmp_path, '{ output = "region"; rows = 1; }', recording="none.frame")
    assert missing.returncode == 2
    assert "there is no file" in missing.stderr and "none.frame" in missing.stderr
    with open(CALLS, "rb") as file:
        (tmp_path / "torn.frame").write_bytes(file.read()[:-30])    # cut short in its last frame
    torn = attempt(tmp_path, '{ output = "region"; rows = 1; }', recording="torn.frame")
    assert torn.returncode == 2
    assert "torn.frame: the file ends within a frame, at byte" in torn.stderr


def test_processors_can_be_left_out_and_variables_set(tmp_path):
    config = '''
    inputs:     { calls: { plugin = "syscalls"; cgroups = ["${CGROUP}"]; }; };
    processors: { none: { plugin = "filter"; keep = "syscall.calls < 0"; }; };
    outputs:    { out: { plugin = "null"; }; };
    pipelines:  { main: { from = ["calls"]; through = ["none"]; to = ["out"]; }; };
    '''
    result = attempt(tmp_path, "{ rows = 0; }", 'environment = ["CGROUP=not.here"];', config)
    assert result.returncode == 0, result.stdout + result.stderr
    result = attempt(tmp_path, "{ rows = 156; }", 'environment = ["CGROUP=not.here"]; without = ["none"];', config)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_first_rows_are_shown_when_asked_for(tmp_path):
    result = attempt(tmp_path, '{ output = "archive"; rows = 156; }',
                     arguments=["--show", "--limit", "2", "--columns", "syscall.name", "--format", "json"])
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("# region: ")
    assert "# archive: 156 rows" in lines
    at = lines.index("# archive: 156 rows")
    assert [set(json.loads(line)) for line in lines[at + 1:at + 3]] == [{"schema", "syscall.name"}] * 2
    assert lines[at + 3] == "# and 154 more"


def test_it_runs_beside_a_daemon_of_the_same_config(tmp_path):
    body = '''
    inputs:    { calls: { plugin = "generate"; rate = 100; }; };
    outputs:   { out: { plugin = "null"; }; };
    pipelines: { main: { from = ["calls"]; to = ["out"]; }; };
    '''
    with Daemon(str(tmp_path), body) as daemon:
        daemon.start()
        with open(daemon.config) as config:
            result = attempt(tmp_path, "{ rows = 156; }", config=config.read())
        assert result.returncode == 0, result.stdout + result.stderr
        assert daemon.status().instance("out")
        assert daemon.stop() == 0


# --- time -----------------------------------------------------------------------------------------------------------

BEGIN_S = 1700000000    # a multiple of the windows


def log_line(host, second):
    return json.dumps({"resourceLogs": [{"resource": {"attributes": [{"key": "host.name", "value": {"stringValue": host}}]},
                                         "scopeLogs": [{"logRecords": [
                                             {"timeUnixNano": str((BEGIN_S + second) * 1000000000)}]}]}]}) + "\n"


def recording_of(place, lines, name="rows.frame"):
    """Each line a batch of its own."""
    place.chmod(0o777)
    (place / "in.json").write_text("".join(lines))
    with Daemon(str(place), f'''
    inputs:    {{ in: {{ plugin = "file"; path = "{place}/in.json"; }}; }};
    outputs:   {{ out: {{ plugin = "file"; path = "{place}/{name}"; format = "frame"; }}; }};
    pipelines: {{ main: {{ from = ["in"]; to = ["out"]; }}; }};
    ''') as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().counter("out", "lines") == len(lines), "all rows are written")
        assert daemon.stop() == 0


WINDOWS = '''
inputs:     { calls: { plugin = "otlp"; }; };
processors: { sums: { plugin = "aggregate"; window = "10s"; lateness = "1s"; idle = "5s"; by = ["host.name"]; late = "%s";
                      measures = ["count"]; }; };
outputs:    { out: { plugin = "null"; }; };
pipelines:  { main: { from = ["calls"]; through = ["sums"]; to = ["out"]; }; };
'''


def test_windows_close_in_the_time_of_the_recording(tmp_path):
    """One host falls silent: it is waited for as long as `idle` says, and what it says much later is late."""
    lines = [log_line("a", second) for second in range(0, 30)]
    lines.insert(2, log_line("b", 1))
    lines.insert(28, log_line("b", 2))
    recording_of(tmp_path, lines)
    result = attempt(tmp_path, f'''
    {{ columns = ["time", "host.name", "count"]; table = (
        ("2023-11-14T22:13:30.000000000Z", "a", 10), ("2023-11-14T22:13:30.000000000Z", "b", 1),
        ("2023-11-14T22:13:40.000000000Z", "a", 10), ("2023-11-14T22:13:50.000000000Z", "a", 10)); }},
    {{ lost = 1; rejected = 1; }}''', config=WINDOWS % "drop", recording="rows.frame")
    assert result.returncode == 0, result.stdout + result.stderr
    result = attempt(tmp_path, '{ rows = 5; sum = "count"; is = 32; }', config=WINDOWS % "own", recording="rows.frame")
    assert result.returncode == 0, result.stdout + result.stderr


def test_rows_of_several_inputs_come_in_the_order_of_their_times(tmp_path):
    recording_of(tmp_path, [log_line("even", second) for second in range(0, 10, 2)], "even.frame")
    recording_of(tmp_path, [log_line("odd", second) for second in range(1, 10, 2)], "odd.frame")
    (tmp_path / "edge.conf").write_text('''
    inputs:    { even: { plugin = "otlp"; }; odd: { plugin = "otlp"; }; silent: { plugin = "self"; }; };
    outputs:   { out: { plugin = "null"; }; };
    pipelines: { main: { from = ["even", "odd", "silent"]; to = ["out"]; }; };
    ''')
    rows = ", ".join(f'("2023-11-14T22:13:2{second}.000000000Z", "{["even", "odd"][second % 2]}")' for second in range(10))
    (tmp_path / "edge.test").write_text(f'''config = "edge.conf"; inputs: {{ even = "even.frame"; odd = "odd.frame"; }};
    expect: ( {{ columns = ["time", "host.name"]; table = ({rows}); }} );''')
    result = run("test", tmp_path / "edge.test")
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_same_recording_gives_the_same_rows_each_time(tmp_path):
    lines = [log_line("abc"[second % 3], second * 7 % 60) for second in range(60)]
    recording_of(tmp_path, lines)
    shown = {attempt(tmp_path, "{ rows = \"> 0\"; }", config=WINDOWS % "own", recording="rows.frame",
                     arguments=["--show", "--limit", "1000", "--format", "json"]).stdout for _ in range(5)}
    assert len(shown) == 1
