# SPDX-License-Identifier: Apache-2.0
"""The output `file` under a daemon: full disks, closed and moved files, compression, and what a kill leaves."""

import csv
import glob
import io
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from sonde import SONDE, Daemon, run, wait_for

ROWS = 30000
COLUMNS = ["schema", "time", "generate.sequence", "generate.value", "generate.word"]


def body(path, options="", rows=ROWS, more=""):
    """Rows that are numbered from 0, in files."""
    return f'''
    inputs:    {{ gen: {{ plugin = "generate"; rows = {rows}; batch = 500; {more} }}; }};
    outputs:   {{ out: {{ plugin = "file"; path = "{path}"; {options}
                          queue: {{ memory = "256MiB"; when_full = "wait"; }};
                          retry: {{ first = "100ms"; longest = "200ms"; }}; }}; }};
    pipelines: {{ main: {{ from = ["gen"]; to = ["out"]; }}; }};
    '''


def unpacked(data, partly=False):
    """What the tool zstd makes of compressed bytes; partly: as far as they go."""
    if not shutil.which("zstd"):
        pytest.skip("zstd is not installed")
    result = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert partly or result.returncode == 0, result.stderr
    return result.stdout


def numbers_of(data, name, partly=False):
    """The sequence numbers in the content of a file; partly: it may end within a row."""
    if name.endswith(".zst") and data:
        data = unpacked(data, partly)
    text = data.decode()
    if partly:
        text = text[:text.rfind("\n") + 1]
    assert not text or text.endswith("\n")
    if ".csv" not in name:
        return [json.loads(line)["generate.sequence"] for line in text.splitlines()]
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(list(row) == COLUMNS for row in rows)
    return [int(row["generate.sequence"]) for row in rows]


def numbers_in(directory, pattern="**"):
    """Of all files below a directory."""
    numbers = []
    for path in glob.glob(os.path.join(directory, pattern), recursive=True):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                numbers += numbers_of(file.read(), path)
    return numbers


def all_delivered(daemon, rows=ROWS):
    wait_for(lambda: daemon.status().route("main > out").rows("out") == rows, "all rows", 60)


# --- formats and paths ----------------------------------------------------------------------------------------------

@pytest.mark.sanitizers
@pytest.mark.parametrize("name, options", [
    ("rows.json", ""), ("rows.csv", 'format = "csv"; sync = "batch";'),
    ("rows.json.zst", 'compression = "zstd"; sync = "interval"; sync_interval = "100ms";'),
    ("rows.csv.zst", 'compression = "zstd"; format = "csv"; level = 9;'),
    ("%{generate.word}/%Y-%m-%d.json", ""), ("%{schema}-%H.json", "open_files = 1;"),
    ("%{generate.value}.csv", 'format = "csv"; open_files = 7; sync = "interval";')])
def test_every_row_is_in_the_files_once(tmp_path, name, options):
    rows = 3000
    with Daemon(tmp_path, body(tmp_path / "out" / name, options, rows)) as daemon:
        daemon.start()
        all_delivered(daemon, rows)
        assert daemon.status().counter("out", "lines") == rows
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.lost_rows() == 0
    assert sorted(numbers_in(tmp_path / "out")) == list(range(rows))


def test_rows_lie_where_their_values_say(tmp_path):
    with Daemon(tmp_path, body(tmp_path / "%{schema}" / "%{generate.word}.%Y-%m-%d.csv", 'format = "csv";')) as daemon:
        daemon.start()
        all_delivered(daemon)
        assert daemon.stop() == 0
    paths = glob.glob(str(tmp_path / "generate" / "*"))
    assert len({os.path.basename(path).split(".")[0] for path in paths}) == 8
    for path in paths:
        word, day, _ = os.path.basename(path).split(".")
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows and all(row["generate.word"] == word and row["time"].startswith(day) for row in rows)


def test_standard_output_is_csv_or_lines(tmp_path):
    config = tmp_path / "config"
    for options, first in [("", b"{"), ('format = "csv";', b"schema,")]:
        config.write_text(f'sonde: {{ state = "{tmp_path}/state"; }};' + body("-", options, 2000))
        result = subprocess.run([SONDE, "run", config, "--for", "2s"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=60, check=False)
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith(first)
        assert numbers_of(result.stdout, "-.csv" if options else "-") == list(range(2000))


# --- closing and keeping --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name, options", [
    ("rows.json", ""), ("rows.csv", 'format = "csv";'), ("rows.json.zst", 'compression = "zstd";'),
    ("rows.json", 'sync = "interval"; sync_interval = "20ms";')])
def test_closing_under_load_keeps_every_row_once(tmp_path, name, options):
    rows, limit = 200000, 256 << 10
    directory = tmp_path / "out"
    with Daemon(tmp_path, body(directory / name, f'rotate_size = "256KiB"; {options}', rows)) as daemon:
        daemon.start()
        all_delivered(daemon, rows)
        rotations = daemon.status().counter("out", "rotations")
        assert daemon.stop() == 0
        assert daemon.ledger().lost_rows() == 0
    closed = [entry for entry in os.listdir(directory) if re.fullmatch(r"rows~\d{8}T\d{6}Z(_\d{4,})?\..*", entry)]
    assert len(closed) == rotations > 1
    assert sorted(os.listdir(directory)) == sorted(closed + [name])
    # A compressed file may be larger, by a frame of what is no more than the limit before it is compressed.
    assert all(os.path.getsize(directory / entry) <= limit * (2 if name.endswith(".zst") else 1) for entry in closed)
    assert sorted(numbers_in(directory)) == list(range(rows))


def test_closed_files_are_kept_as_the_knobs_say(tmp_path, give):
    directory = tmp_path / "out"
    directory.mkdir()
    give(directory)
    (directory / "mine~20200101T000000Z.json").write_text("not yours\n")
    with Daemon(tmp_path, body(directory / "rows.json", 'rotate_size = "64KiB"; keep_files = 5;')) as daemon:
        daemon.start()
        all_delivered(daemon)
        status = daemon.status()
        closed = [entry for entry in os.listdir(directory) if entry.startswith("rows~")]
        assert len(closed) == 5
        assert status.counter("out", "deleted") == status.counter("out", "rotations") - 5 > 0
        daemon.set("out.keep_size", "100KiB")
        wait_for(lambda: len(os.listdir(directory)) == 3, "the file, the newest closed one, and the one that is not ours")
        assert daemon.stop() == 0
    numbers = numbers_in(directory, "rows*")
    assert sorted(numbers) == list(range(ROWS - len(numbers), ROWS))
    assert (directory / "mine~20200101T000000Z.json").read_text() == "not yours\n"


def test_a_file_that_is_moved_under_load_goes_on_under_its_name(tmp_path, give):
    """As logrotate does it, with `create` or without, and no signal."""
    path = tmp_path / "out" / "rows.json"
    with Daemon(tmp_path, body(path, rows=20000, more="rate = 10000;")) as daemon:
        daemon.start()
        for turn in range(5):
            wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 0, "rows in the file")
            os.rename(path, f"{path}.{turn}")
            if turn % 2:
                path.touch()
                give(path)
        all_delivered(daemon, 20000)
        assert daemon.status().counter("out", "reopened") == 5
        assert daemon.stop() == 0
        assert daemon.ledger().lost_rows() == 0
    assert len(os.listdir(tmp_path / "out")) == 6
    assert sorted(numbers_in(tmp_path / "out")) == list(range(20000))


# --- full disks -----------------------------------------------------------------------------------------------------

class SmallDisk:
    """A tmpfs that only the daemon sees, and we through it; it stays readable when the daemon has ended."""

    def __init__(self, daemon, directory, size):
        self.daemon, self.directory = daemon, directory
        os.makedirs(directory)
        self.command = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
                        f'mount -t tmpfs -o size={size} none "$0" && touch "$0/there" && exec "$@"', directory]
        if subprocess.run([*self.command, "true"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode:
            pytest.skip("this user may not mount a file system of its own")
        self.fd = -1

    def __enter__(self):
        with open(self.daemon.log_path, "a") as log:
            self.daemon.process = subprocess.Popen([*self.command, SONDE, "run", self.daemon.config],
                                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        root = f"/proc/{self.daemon.process.pid}/root{self.directory}"
        wait_for(lambda: os.path.exists(f"{root}/there"), "the file system is there")
        self.fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def open(self, name, flags=os.O_RDONLY):
        return os.open(name, flags, 0o600, dir_fd=self.fd)

    def files(self):
        """{path: content} of all but the ballast."""
        found = {}
        for root, _, names, fd in os.fwalk(".", dir_fd=self.fd):
            for name in set(names) - {"there", "ballast"}:
                with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as file:
                    found[os.path.join(root, name)] = file.read()
        return found

    def numbers(self):
        return [number for name, data in self.files().items() for number in numbers_of(data, name)]

    def whole_numbers(self):
        """None while a delivery is being tried, which is there in part until it is cut out again."""
        files = self.files()
        try:
            numbers = [number for name, data in files.items() for number in numbers_of(data, name)]
        except (AssertionError, ValueError):
            return None
        return numbers if self.files() == files and sorted(numbers) == list(range(len(numbers))) else None


def fill_up(disk):
    """Takes all the room that is left."""
    fd = disk.open("ballast", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        while True:
            try:
                os.write(fd, bytes(4096))
            except OSError:
                return
    finally:
        os.close(fd)


@pytest.mark.sanitizers
@pytest.mark.parametrize("name, options", [
    ("rows.json", ""), ("rows.json", 'rotate_size = "100KiB"; sync = "interval";'), ("rows.csv", 'format = "csv";'),
    ("rows.json.zst", 'compression = "zstd"; sync = "batch";'),
    ("%{generate.word}/rows.json", 'open_files = 3; rotate_size = "64KiB";')])
def test_a_full_disk_is_waited_out_and_leaves_no_torn_row(tmp_path, name, options):
    directory = str(tmp_path / "disk")
    with Daemon(tmp_path, body(f"{directory}/{name}", options, rows=0, more="rate = 5000;")) as daemon:
        with SmallDisk(daemon, directory, "32M") as disk:
            wait_for(lambda: daemon.ask("status").returncode == 0, "the daemon answers")
            wait_for(lambda: daemon.status().route("main > out").rows("out"), "rows in a file")
            for _ in range(3):
                fill_up(disk)
                wait_for(lambda: daemon.status().instance("out")["state"] == "degraded", "the disk is full")
                out = daemon.status().route("main > out").rows("out")
                numbers = wait_for(disk.whole_numbers, "no row is torn or twice")
                assert len(numbers) >= out      # and none that was answered is missing
                os.unlink("ballast", dir_fd=disk.fd)
                wait_for(lambda: daemon.status().route("main > out").rows("out") > out, "it goes on")
            assert re.search(r"out: cannot .* /.*rows.*: No space left on device", daemon.log())
            assert daemon.stop() == 0
            ledger = daemon.ledger()
            ledger.assert_closes()
            assert ledger.lost_rows() == 0
            assert sorted(disk.numbers()) == list(range(ledger.route("main > out").rows("out")))


# --- crashes --------------------------------------------------------------------------------------------------------

@pytest.mark.sanitizers
@pytest.mark.parametrize("name, options", [
    ("rows.json", ""), ("rows.csv", 'format = "csv";'), ("rows.json.zst", 'compression = "zstd";'),
    ("rows.csv.zst", 'compression = "zstd"; format = "csv"; sync = "interval"; sync_interval = "10ms";')])
def test_a_killed_daemon_leaves_what_it_delivered_and_a_restart_mends_the_rest(tmp_path, name, options):
    path = tmp_path / name
    numbers = []
    with Daemon(tmp_path, body(path, options, rows=0, more="rate = 100000;")) as daemon:
        for _ in range(3):
            daemon.start()
            before, start = daemon.ledger().route("main > out").rows("out"), len(numbers)
            wait_for(lambda: daemon.ledger().route("main > out").rows("out") > before + 5000, "rows")
            daemon.stop(signal.SIGKILL)
            delivered = daemon.ledger().route("main > out").rows("out") - before
            numbers = numbers_of(path.read_bytes(), name, partly=True)
            assert len(numbers) - start >= delivered
            assert numbers[start:] == list(range(len(numbers) - start))
        daemon.start()
        assert daemon.stop() == 0
    assert numbers_of(path.read_bytes(), name)[:len(numbers)] == numbers


# --- the config -----------------------------------------------------------------------------------------------------

def test_check_names_what_does_not_go_together(tmp_path):
    config = tmp_path / "wrong.conf"
    config.write_text('''
    inputs:    { gen: { plugin = "generate"; }; };
    outputs:   { one: { plugin = "file"; path = "/var/log/%{"; };
                 two: { plugin = "file"; path = "/dev/null/x.json"; permissions = "rwx"; };
                 ten: { plugin = "file"; path = "/tmp/x.json"; format = "otlp_json"; };
                 six: { plugin = "file"; path = "/tmp/x.json"; compression = "zstd"; }; };
    pipelines: { main: { from = ["gen"]; to = ["one", "two", "six", "ten"]; }; };
    ''')
    result = run("check", config)
    assert result.returncode != 0
    for text in ('outputs.one.path: "/var/log/%{"', "outputs.two.path: /dev/null is no directory",
                 'outputs.ten.path: "/tmp/x.json" does not keep signals apart',
                 'outputs.two.permissions: "rwx" is no octal number', 'outputs.six.path: "/tmp/x.json" is to be compressed'):
        assert text in result.stdout + result.stderr


def test_the_manual_tells_of_paths_and_closed_files():
    manual = " ".join(run("plugins", "file").stdout.split())
    for text in ("%{schema}", "rows~20260701T120000Z.json", "keep_files", "sync_interval", "RFC 4180"):
        assert text in manual
