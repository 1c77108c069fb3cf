# SPDX-License-Identifier: Apache-2.0
"""What the input `self` says of a kernel input: the memory of its maps, and its kernel side's account."""

import json
import os
import signal
import subprocess
import time

from kernel_daemon import SONDE, START_S, STOP_S

CONFIG = '''
sonde: {{ state = "{0}/state"; log = "error"; }};
inputs:    {{ calls: {{ plugin = "syscalls"; interval = "200ms"; }}; me: {{ plugin = "self"; interval = "200ms"; }}; }};
outputs:   {{ out: {{ plugin = "null"; }}; rows: {{ plugin = "file"; path = "{0}/rows.json"; }}; }};
pipelines: {{ main: {{ from = ["calls"]; to = ["out"]; }}; own: {{ from = ["me"]; to = ["rows"]; }}; }};
'''


def bpf_bytes(pid):
    """What the kernel counts for the maps and programs that a process has an fd of."""
    total = 0
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{name}") as file:
                fields = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
        except FileNotFoundError:
            continue
        if "map_id" in fields or "prog_id" in fields:
            total += int(fields.get("memlock", 0))
    return total


def rows_of(path, schema):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return [row for row in map(json.loads, file.read().split("\n")[:-1]) if row["schema"] == schema]


def test_kernel_memory_and_the_kernels_account_are_said(tmp_path):
    config = tmp_path / "test.conf"
    config.write_text(CONFIG.format(tmp_path))
    os.chmod(tmp_path, 0o777)    # it becomes another user
    daemon = subprocess.Popen([SONDE, "run", config], stdout=subprocess.DEVNULL)
    rows = tmp_path / "rows.json"
    try:
        deadline = time.monotonic() + START_S
        while not any(row["sonde.account.kind"] == "kernel" for row in rows_of(rows, "sonde.ledger")):
            assert daemon.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
        held = bpf_bytes(daemon.pid)
        said = rows_of(rows, "sonde.health")[-1]["sonde.memory.kernel"]
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=STOP_S) == 0
    finally:
        daemon.kill()
        daemon.wait()
    assert said == held > 1 << 16
    kernel = [row for row in rows_of(rows, "sonde.ledger") if row["sonde.account.kind"] == "kernel"]
    last = {row.get("sonde.outcome"): row for row in kernel if row["time"] == kernel[-1]["time"]}
    assert last["in"]["sonde.component.id"] == "calls"
    assert last["in"]["sonde.events"] > 0 and last["in"]["sonde.rows"] == 0
    assert last["in"]["sonde.events"] == (last["out"]["sonde.events"] + last[None]["sonde.in_flight.events"] +
                                          sum(row["sonde.events"] for row in kernel if row["time"] == kernel[-1]["time"]
                                              and row.get("sonde.outcome") in ("lost", "reduced")))
