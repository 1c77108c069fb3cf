# SPDX-License-Identifier: Apache-2.0
"""A few seconds of the daemon from start to end; repeated on the builds that watch themselves (sanitizers)."""

import glob
import json
import os
import signal
import subprocess
import time

import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SONDE = os.path.join(os.environ.get("SONDE_BUILD", os.path.join(TREE, "build")), "sonde")
START_S, DRAIN_S, STOP_S = 60, 60, 90      # bounds that also a build with sanitizers on a busy machine keeps

pytestmark = pytest.mark.sanitizers


@pytest.fixture
def config(tmp_path):
    """The path of a config that counts syscalls into a file of JSON lines and shows them; a share of the events, so
    that what there is to hand over at the end does not depend on how busy the machine is."""
    path = tmp_path / "short.conf"
    path.write_text(f'''
sonde:     {{ state = "{tmp_path}/state"; control = "{tmp_path}/control"; drain = "{DRAIN_S}s"; }};
inputs:    {{ calls: {{ plugin = "syscalls"; mode = "MODE"; interval = "500ms"; rate_limit = 1000; }}; }};
outputs:   {{ shown: {{ plugin = "console"; }}; kept: {{ plugin = "file"; path = "{tmp_path}/rows.json"; }}; }};
pipelines: {{ kernel: {{ from = ["calls"]; to = ["shown", "kept"]; }}; }};
''')

    def with_mode(mode):
        path.write_text(path.read_text().replace("MODE", mode))
        return path
    return with_mode


def run_briefly(path, rows_path, stop_signal):
    """Runs until rows have arrived, then ends it. Returns its exit status and what it printed."""
    process = subprocess.Popen([SONDE, "run", str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            if os.path.exists(rows_path) and os.path.getsize(rows_path) > 0:
                break
            os.getppid()
            time.sleep(0.1)
        time.sleep(1)
        process.send_signal(stop_signal)
        output, _ = process.communicate(timeout=STOP_S)
        return process.returncode, output
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("name", sorted(map(os.path.basename, glob.glob(os.path.join(TREE, "conf", "*.conf")))))
def test_a_config_that_is_shipped_passes_check(name, tmp_path):
    subprocess.run([os.path.join(TREE, "scripts/test-authority"), tmp_path / "authority", "region=localhost"], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    region = {f"SONDE_{what}": str(tmp_path / "authority" / file)
              for what, file in (("CERTIFICATE", "region.pem"), ("KEY", "region.key"), ("AUTHORITY", "authority.pem"))}
    result = subprocess.run([SONDE, "check", os.path.join(TREE, "conf", name)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
                            env={**os.environ, **region, "SONDE_CGROUP": "/"})     # which the sidecar's asks for
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("mode", ["aggregate", "events", "both"])
@pytest.mark.parametrize("stop_signal", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_rows_arrive_and_a_signal_ends_it_well(config, tmp_path, mode, stop_signal):
    status, output = run_briefly(config(mode), tmp_path / "rows.json", stop_signal)
    assert status == 0, output[-4000:]
    rows = [json.loads(line) for line in (tmp_path / "rows.json").read_text().splitlines()]
    assert rows, output[-4000:]
