# SPDX-License-Identifier: Apache-2.0
"""conf/region.conf: counts of many hosts added up whatever their clocks show, without any privilege."""

import collections
import datetime
import glob
import json
import os
import re
import shutil
import stat
import subprocess

import pytest
import sonde
from sonde import BUILD, PLUGINS, SONDE, TREE, Daemon, run, wait_for
from test_privileges import dropped, every, root

pytestmark = pytest.mark.timeout(120)

needs_disk = pytest.mark.skipif("not available" in subprocess.run(
    [SONDE, "check", "/dev/stdin"], input='pipelines: { a: { queue: { disk = "1MiB"; }; }; };', text=True,
    stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout, reason="built without queues on disk")

APART_S = 90
READINGS = 30
HOSTS = {"exact": 0, "ahead": APART_S, "behind": -APART_S}


def shipped():
    """The config without the group `sonde`, which is the test daemon's own."""
    with open(os.path.join(TREE, "conf/region.conf")) as file:
        return re.sub(r"sonde:\n{.*?\n};\n", "", file.read(), flags=re.S)


def quick(text):
    """Windows that a test has time for."""
    return re.sub(r'window = .*?; lateness = .*?; idle = .*?;', 'window = "1s"; lateness = "1s"; idle = "2s";', text)


def into_file(text, path):
    """With a file in the place of the backend, its queue as it was."""
    changed, count = re.subn(r'plugin = "otlp";\s+endpoint = .*?;', f'plugin = "file"; path = "{path}";', text)
    assert count == 1
    return changed


def taking(text, inputs):
    """With inputs in the place of the edges: {name: options}."""
    groups = " ".join(f"{name}: {{ {options} }};" for name, options in inputs.items())
    changed, count = re.subn(r"\tedges:\n\t{.*?\n\t};\n", f"\t{groups}\n", text, flags=re.S)
    assert count == 1
    names = ", ".join(f'"{name}"' for name in inputs)
    changed, count = re.subn(r'from = \["edges"\]', f"from = [{names}]", changed)
    assert count == 2
    return changed


def clocks(host):
    return f'plugin = "{PLUGINS}/clocks.so"; host = "{host}"; ahead = {HOSTS[host]}; readings = {READINGS};'


def read(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


def seconds(text):
    """A time in a row, as seconds since the epoch."""
    return datetime.datetime.fromisoformat(re.sub(r"\.\d+Z$|Z$", "+00:00", text)).timestamp()


def assert_windows(rows, sent, begun_s):
    """In windows around a host's clock is what that host has sent: {host: rows}. Each comes once, but for those of the
    host whose clock is behind: when its rows come, the others have passed that time long since."""
    sums = collections.Counter()
    windows = collections.Counter()
    for row in rows:
        start_s = seconds(row["start_time"])
        host = min(HOSTS, key=lambda name: abs(start_s - begun_s - HOSTS[name]))
        key = row["syscall.name"], row.get("error.type")
        sums[(host, *key)] += row["syscall.failures" if key[1] else "syscall.calls"]
        windows[(row["start_time"], *key)] += host != "behind"
    for host, count in sent.items():
        each = count / 3
        assert [sums[host, "read", None], sums[host, "write", None], sums[host, "write", "ENOSPC"]] == \
            [each, 2 * each, each], (host, count, sums)
    assert set(windows.values()) == {0, 1}, windows


def is_summed(status):
    """Whether all that hosts have sent has left the windows."""
    sums = status["processor", "counts / sums"]
    return sums.counts["in"][1] == sums.counts["out"][1] == 3 * READINGS * len(HOSTS) and not sums.rows("held")


@needs_disk
def test_counts_of_hosts_whose_clocks_are_apart_are_added_up_in_windows_of_their_own_time(tmp_path):
    inputs = {host: clocks(host) for host in HOSTS}
    inputs["lines"] = 'plugin = "generate"; rows = 500; batch = 100;'
    path = tmp_path / "rows.jsonl"
    with Daemon(tmp_path, into_file(quick(taking(shipped(), inputs)), path)) as daemon:
        daemon.start()
        begun_s = os.stat(daemon.log_path).st_mtime
        wait_for(lambda: is_summed(daemon.status()), "all windows close")
        wait_for(lambda: daemon.status().route("others > backend").rows("out") == 500, "the rest goes on")
        late = daemon.status().counter("sums", "late_rows")
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        rows = read(path)
    ledger.assert_closes()
    assert ledger.lost_rows() == 0
    assert len([row for row in rows if "generate.sequence" in row]) == 500
    sent = {host: ledger["input", host].rows("in") for host in HOSTS}
    assert late <= sent["behind"]
    assert_windows([row for row in rows if "syscall.name" in row], sent, begun_s)


@needs_disk
@root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv (util-linux)")
def test_a_region_has_no_capability_of_any_kind_and_no_bpf(tmp_path, daemon_user):
    os.chown(tmp_path, daemon_user.pw_uid, daemon_user.pw_gid)
    text = taking(shipped(), {"exact": clocks("exact")})
    with Daemon(tmp_path, into_file(text, tmp_path / "rows.jsonl")) as daemon:
        start_unprivileged(daemon, daemon_user)
        assert dropped(daemon)["capabilities"] == []
        wait_for(lambda: daemon.status().route("counts > backend").rows("in") or
                 daemon.status().route("exact > counts").rows("out"), "rows flow")
        for thread in every(daemon.process):
            assert thread["Uid"] == [daemon_user.pw_uid] * 4
            assert [thread[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")] == [0] * 5
        for fd in glob.glob(f"/proc/{daemon.process.pid}/fd/*"):
            assert "bpf" not in os.readlink(fd)
        assert daemon.stop() == 0


def start_unprivileged(daemon, user):
    """As that user from the start, with nothing to give up."""
    setpriv = [shutil.which("setpriv"), f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups",
               "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    program, script = sonde.SONDE, f"{daemon.config}.sh"
    with open(script, "w") as file:
        file.write("#!/bin/sh\nexec " + " ".join(setpriv) + f' "{program}" "$@"\n')
    os.chmod(script, stat.S_IRWXU)
    sonde.SONDE = script
    try:
        daemon.start()
    finally:
        sonde.SONDE = program


# --- with the hop between sondes ---------------------------------------------------------------------------------------

hop = pytest.mark.skipif(not glob.glob(f"{BUILD}/plugins/nng-*.so") and not glob.glob(f"{BUILD}/plugins/nng.so"),
                         reason="built without the plugins nng")


@hop
def test_the_config_that_is_shipped_is_right(tmp_path, monkeypatch):
    monkeypatch.setenv("SONDE_LISTEN", f"ipc://{tmp_path}/edges")
    result = run("check", os.path.join(TREE, "conf/region.conf"))
    assert result.returncode == 0, result.stdout + result.stderr


@hop
def test_edges_whose_clocks_are_apart_share_a_region(tmp_path, monkeypatch):
    url, path = f"ipc://{tmp_path}/hop", tmp_path / "rows.jsonl"
    monkeypatch.setenv("SONDE_LISTEN", url)
    edges = {}
    text = re.sub(r"\t\t(certificate|key|ca)_file = .*\n", "", into_file(quick(shipped()), path))   # ipc has none
    with Daemon(tmp_path, text, name="region", state="region-state") as region:
        region.start()
        begun_s = os.stat(region.log_path).st_mtime
        try:
            for host in HOSTS:
                edges[host] = Daemon(tmp_path, f'''
inputs:    {{ counts: {{ {clocks(host)} }}; }};
outputs:   {{ region: {{ plugin = "nng"; url = ["{url}"]; name = "{host}"; }}; }};
pipelines: {{ main: {{ from = ["counts"]; to = ["region"]; }}; }};
''', name=host, state=f"{host}-state").start()
            wait_for(lambda: is_summed(region.status()), "all windows close")
            for edge in edges.values():
                assert edge.stop() == 0
        finally:
            for edge in edges.values():
                edge.__exit__()
        sent = {host: edge.ledger()["input", "counts"].rows("in") for host, edge in edges.items()}
        assert region.stop() == 0
        rows = read(path)
    assert_windows([row for row in rows if "syscall.name" in row], sent, begun_s)
