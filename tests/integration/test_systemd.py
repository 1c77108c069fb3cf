# SPDX-License-Identifier: Apache-2.0
"""The units under a real systemd: booted over this very system, in namespaces of its own (see boot.sh)."""

import json
import os
import shutil
import subprocess

import pytest
from sonde import BUILD, PLUGINS

pytestmark = pytest.mark.timeout(300)

HERE = os.path.dirname(os.path.abspath(__file__))
BOOT_S = 120        # a bound; it takes about 15 s

CONFIGS = {
    "edge": '''
inputs:    { calls: { plugin = "syscalls"; mode = "aggregate"; interval = "500ms"; }; };
outputs:   { archive: { plugin = "file"; path = "/var/lib/sonde/calls.jsonl"; }; };
pipelines: { main: { from = ["calls"]; to = ["archive"]; }; };
''', "region": '''
inputs:    { gen: { plugin = "generate"; rate = 1000; batch = 100; }; };
outputs:   { archive: { plugin = "file"; path = "/var/lib/sonde-region/rows.jsonl"; }; };
pipelines: { main: { from = ["gen"]; to = ["archive"]; }; };
''', "stuck": '''
inputs:    { gen: { plugin = "generate"; rate = 1000; batch = 100; }; };
outputs:   { tar: { plugin = "/out/stuck.so"; }; };
pipelines: { main: { from = ["gen"]; to = ["tar"]; }; };
'''}

# Waits for what it asks for; what it finds lies in /out, a file for each question.
INNER = r'''
set -u
until_true() { for ((i = 0; i < 150; i++)); do "$@" && return; sleep 0.1; done; }
show() { systemctl show "$1" -p ActiveState,Result,StatusText,MainPID,NRestarts,ExecMainStatus >"/out/$2"; }
rows_flow() { sonde status --json --socket "$1" 2>/dev/null | grep -q '"name":"main > archive".*"out":{"rows":[1-9]'; }

export PATH=/usr/local/bin:$PATH
for unit in sonde sonde-region; do
	systemctl start $unit 2>"/out/$unit.start"
	until_true rows_flow "/run/$unit/control.sock"
	show $unit $unit.running
	sonde status --json --socket "/run/$unit/control.sock" >"/out/$unit.status" 2>&1
	pid=$(systemctl show $unit -p MainPID --value)
	cp /proc/$pid/status "/out/$unit.process"
	systemctl reload $unit
	systemctl restart $unit
	until_true rows_flow "/run/$unit/control.sock"
	show $unit $unit.again
	systemctl stop $unit
	show $unit $unit.stopped
	journalctl --sync
	journalctl -u $unit -o json --no-pager >"/out/$unit.journal"
done
systemctl start sonde-stuck
restarted() { [[ $(systemctl show sonde-stuck -p NRestarts --value) != 0 ]]; }
until_true restarted
journalctl --sync
journalctl -u sonde-stuck -o cat --no-pager >/out/stuck.journal
show sonde-stuck stuck.running
systemctl kill -s KILL sonde-stuck
touch /out/complete
'''


@pytest.fixture(scope="module")
def booted(tmp_path_factory):
    """The directory with what was found inside."""
    if os.geteuid():
        pytest.skip("needs root, to make namespaces")
    for program in ("/lib/systemd/systemd", "/lib/systemd/systemd-journald"):
        if not os.path.exists(program):
            pytest.skip(f"{program} is not installed")
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        pytest.skip("this kernel does not describe its types (/sys/kernel/btf/vmlinux is missing)")
    scratch = tmp_path_factory.mktemp("boot")
    for name in ("out", "etc", "units"):
        (scratch / name).mkdir()
    for name, config in CONFIGS.items():
        (scratch / "etc" / f"{name}.conf").write_text(config)
    (scratch / "out/inner").write_text(INNER)
    shutil.copy(f"{PLUGINS}/stuck.so", scratch / "out")
    with open(f"{BUILD}/conf/sonde.service") as file:
        unit = file.read().replace("edge.conf", "stuck.conf").replace("WatchdogSec=60s", "WatchdogSec=2s")
    (scratch / "units/sonde-stuck.service").write_text(unit.replace("Directory=sonde\n", "Directory=sonde-stuck\n"))
    result = subprocess.run(["timeout", "--kill-after=10", str(BOOT_S), "unshare", "--mount", "bash", f"{HERE}/boot.sh",
                             scratch, BUILD], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if (scratch / "out/lacks").exists():
        pytest.skip(f"this machine lacks {(scratch / 'out/lacks').read_text().strip()}")
    if "cannot change root filesystem propagation" in result.stdout:
        pytest.skip("the root directory is no mount point here, as in a chroot")
    assert (scratch / "out/complete").exists(), (result.returncode, result.stdout)
    return scratch / "out"


def shown(booted, name):
    return dict(line.split("=", 1) for line in (booted / name).read_text().splitlines())


UNITS = ["sonde", "sonde-region"]


@pytest.mark.parametrize("unit", UNITS)
def test_in_its_sandbox_a_unit_does_its_work(booted, unit):
    assert (booted / f"{unit}.start").read_text() == ""
    running = shown(booted, f"{unit}.running")
    assert running["ActiveState"] == "active"
    assert running["StatusText"] == "running"
    status = json.loads((booted / f"{unit}.status").read_text())
    assert str(status["pid"]) == running["MainPID"]
    assert status["ledger_closes"]
    assert status["state_directory"] == f"/var/lib/{unit}"
    assert {instance["state"] for instance in status["instances"]} <= {"running", "busy"}, status["instances"]


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_reloaded_started_again_and_stopped_cleanly(booted, unit):
    assert shown(booted, f"{unit}.again")["ActiveState"] == "active"
    stopped = shown(booted, f"{unit}.stopped")
    assert (stopped["ActiveState"], stopped["Result"], stopped["ExecMainStatus"]) == ("inactive", "success", "0")


@pytest.mark.parametrize("unit", UNITS)
def test_the_journal_has_its_lines_with_levels_and_instances(booted, unit):
    lines = [json.loads(line) for line in (booted / f"{unit}.journal").read_text().splitlines()]
    own = [line for line in lines if line["_TRANSPORT"] == "journal" and line.get("SYSLOG_IDENTIFIER") == "sonde"]
    assert any(line["MESSAGE"].startswith("running /etc/sonde/") and line["PRIORITY"] == "6" for line in own)
    if unit == "sonde":
        assert any(line.get("SONDE_INSTANCE") == "calls" and line["MESSAGE"].startswith("calls: ") for line in own)


def test_a_region_has_no_capability_and_is_not_root(booted):
    process = dict(line.split(":", 1) for line in (booted / "sonde-region.process").read_text().splitlines())
    assert {int(process[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert "0" not in process["Uid"].split()


def test_the_watchdog_kills_and_restarts_a_daemon_of_which_a_thread_is_stuck(booted):
    assert int(shown(booted, "stuck.running")["NRestarts"]) >= 1
    assert "thread tar is stuck for" in (booted / "stuck.journal").read_text()
