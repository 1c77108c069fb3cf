# SPDX-License-Identifier: Apache-2.0
"""The state directory: whose it is, who a sonde is, and what is done with files that cannot be used."""

import os
import re
import struct
import subprocess

import pytest
from sonde import SIMPLE, SONDE, Daemon, wait_for

pytestmark = pytest.mark.timeout(120)


def run_once(daemon):
    """Runs it until rows came; what it said of itself."""
    daemon.start()
    wait_for(lambda: daemon.status().route("main > out").rows("out"), "rows")
    document = daemon.status().document
    assert daemon.stop() == 0
    return document


def test_a_second_daemon_is_told_whose_the_directory_is(tmp_path):
    with Daemon(tmp_path, SIMPLE, name="one") as one, Daemon(tmp_path, SIMPLE, name="other") as other:
        one.start()
        other.start(ready=False)
        assert other.wait() == 1
        assert f"process {one.process.pid} " in other.log()
        assert "sonde.state" in other.log()
        assert one.stop() == 0


def test_the_id_stays_from_run_to_run_and_the_number_grows(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        runs = [run_once(daemon) for _ in range(3)]
        assert [run["epoch"] for run in runs] == [1, 2, 3]
        assert len({run["host_id"] for run in runs}) == 1
        assert re.fullmatch("[0-9a-f]{32}", runs[0]["host_id"])
        if os.path.exists("/etc/machine-id"):
            with open("/etc/machine-id") as machine:
                assert runs[0]["host_id"] != machine.read().strip()


def test_a_ledger_that_is_moved_away_begins_anew_and_the_run_counts_on(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        run_once(daemon)
        os.rename(f"{daemon.state}/ledger", f"{daemon.state}/old")
        assert run_once(daemon)["epoch"] == 2
        assert daemon.ledger().epoch == 2


@pytest.mark.sanitizers
@pytest.mark.parametrize("damage", ["cut", "turned", "gap"])
def test_a_damaged_ledger_is_set_aside_and_said(tmp_path, damage):
    with Daemon(tmp_path, SIMPLE) as daemon:
        run_once(daemon)
        path = tmp_path / "state/ledger"
        data = bytearray(path.read_bytes())
        if damage == "cut":
            del data[5000:]
        elif damage == "turned":
            data[1024 + 232 + 7] |= 0x80
        else:
            data[1024:2048] = bytes(1024)
        path.write_bytes(data)
        assert run_once(daemon)["epoch"] == 2
        assert f"{path} is damaged and was set aside as ledger.damaged: its counters begin anew" in daemon.log()
        assert (tmp_path / "state/ledger.damaged").read_bytes() == data
        daemon.ledger().assert_closes()


def test_a_ledger_of_another_version_ends_with_1_and_is_left_as_it_is(tmp_path):
    (tmp_path / "state").mkdir()
    content = struct.pack("=8sIIQ", b"sondeLG", 7, 1024, 1).ljust(1024 * 1024, b"\0")
    (tmp_path / "state/ledger").write_bytes(content)
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 1
        assert "it is that of another version of sonde: move it away" in daemon.log()
    assert (tmp_path / "state/ledger").read_bytes() == content


def test_an_id_that_is_damaged_is_set_aside_and_said(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        before = run_once(daemon)
        (tmp_path / "state/host").write_text("")
        after = run_once(daemon)
        assert after["host_id"] != before["host_id"]
        assert after["epoch"] == 2
        assert "from now on this sonde has another id" in daemon.log()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_directory_that_may_not_be_written_ends_with_1_and_the_mend(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        os.mkdir(daemon.state, 0o755)
        directory = daemon.state
        while directory != "/":
            os.chmod(directory, os.stat(directory).st_mode | 0o011)
            directory = os.path.dirname(directory)
        result = subprocess.run([SONDE, "run", daemon.config], user=65534, group=65534, extra_groups=[],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                timeout=30, check=False)
        assert result.returncode == 1
        assert f"cannot write to the state directory {daemon.state}: Permission denied" in result.stderr
        assert "sonde.state" in result.stderr


def test_accounts_of_former_configs_make_room_and_their_sums_stay(tmp_path):
    """Full of accounts that no run of late has used: they are added up."""
    accounts = b"".join(struct.pack("=II224s6Q", 3, 1, b"former %d" % i, 5, 50, 0, 0, 5, 50).ljust(1024, b"\0")
                        for i in range(1023))
    (tmp_path / "state").mkdir()
    (tmp_path / "state/ledger").write_bytes(struct.pack("=8sIIQ", b"sondeLG", 1, 1024, 9).ljust(1024, b"\0") + accounts)
    with Daemon(tmp_path, SIMPLE) as daemon:
        assert run_once(daemon)["epoch"] == 10
        ledger = daemon.ledger()
        ledger.assert_closes()
        former = [a for (_, name), a in ledger.accounts.items() if name.startswith("former") or name == "(retired)"]
        assert len(former) == 511
        assert sum(a.rows("out") for a in former) == 5 * 1023
        assert ledger.route("(retired)").rows("out") == 5 * (1023 - 510)
