# SPDX-License-Identifier: Apache-2.0
"""The input bpf against programs and maps that the test makes: what they run, what they miss, how full they are."""

import glob
import json
import os
import re
import subprocess
import time

import pytest
from kernel_daemon import HERE, SONDE, Daemon
from test_capabilities import assert_hold, as_user, wait_dropped

WAIT_S = 30
LONG_NAME = "subject_with_a_name_longer_than_the_kernel_keeps"


class Bpf(Daemon):
    """A running sonde whose inputs `bpf` write JSON lines, all to one file."""

    def __init__(self, directory, inputs, prefix=(), keep=""):
        """inputs: options of each, by its name"""
        self.directory = str(directory)
        self.rows_path = f"{directory}/rows.json"
        self.log_path = f"{directory}/log"
        self.config = f"{directory}/test.conf"
        self.keep = keep
        self.write(inputs)
        with open(self.log_path, "w") as log:
            self.process = subprocess.Popen([*prefix, SONDE, "run", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.wait_for(r"running .*ready after")

    def write(self, inputs):
        instances = " ".join(f'{name}: {{ {options} }};' for name, options in inputs.items())
        names = ", ".join(f'"{name}"' for name in inputs)
        with open(self.config, "w") as file:
            file.write(f'''
sonde:     {{ state = "{self.directory}/state"; control = "{self.directory}/control";
              privileges: {{ keep = [{self.keep}]; }}; }};
inputs:    {{ {instances} }};
outputs:   {{ kept: {{ plugin = "file"; path = "{self.rows_path}"; }}; }};
pipelines: {{ kernel: {{ from = [{names}]; to = ["kept"]; }}; }};
''')

    def of(self, schema, number):
        """The rows of a program or map, by its id."""
        return [row for row in self.rows() if row["schema"] == schema and row[f"{schema}.id"] == number]

    def total(self, number, measure="bpf.program.runs"):
        return sum(row.get(measure, 0) for row in self.of("bpf.program", number))

    def wait_total(self, number, total, measure="bpf.program.runs"):
        deadline = time.monotonic() + WAIT_S
        while self.total(number, measure) < total:
            assert time.monotonic() < deadline, (self.total(number, measure), self.log())
            time.sleep(0.05)
        assert self.total(number, measure) == total

    def wait_more(self, schema, number):
        """A row that was read after this call began."""
        seen = len(self.of(schema, number))
        deadline = time.monotonic() + WAIT_S
        while len(self.of(schema, number)) < seen + 2:
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)
        return self.of(schema, number)[-1]

    def statistics_fds(self):
        """How often this process has the kernel's statistics switched on."""
        directory, count = f"/proc/{self.process.pid}/fd", 0
        for fd in os.listdir(directory):
            try:
                count += os.readlink(f"{directory}/{fd}") == "anon_inode:bpf-stats"
            except FileNotFoundError:   # closed meanwhile
                pass
        return count


class Subject:
    """Programs and maps that do what they are told."""

    def __init__(self, program, prefix=()):
        self.process = subprocess.Popen([*prefix, *program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ids = json.loads(self.process.stdout.readline())

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ok\n", line

    def end(self):
        self.process.stdin.close()
        assert self.process.wait(timeout=WAIT_S) == 0
        self.process.stdout.close()


@pytest.fixture(scope="session")
def subject_program(tmp_path_factory):
    directory = tmp_path_factory.mktemp("subject")
    include = subprocess.run(["gcc", "-print-multiarch"], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    subprocess.run(["clang", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-idirafter", f"/usr/include/{include}", "-c",
                    f"{HERE}/subject.bpf.c", "-o", directory / "subject.bpf.o"], check=True)
    subprocess.run(["gcc", "-O2", "-Wall", "-D_GNU_SOURCE", "-o", directory / "subject", f"{HERE}/subject.c", "-lbpf"],
                   check=True)
    return [directory / "subject", directory / "subject.bpf.o"]


@pytest.fixture
def make_subject(subject_program):
    made = []

    def make(prefix=()):
        made.append(Subject(subject_program, prefix))
        return made[-1]
    yield make
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@pytest.fixture
def start_bpf(tmp_path):
    started = []

    def start(options="", more=None, prefix=()):
        directory = tmp_path / str(len(started))
        directory.mkdir()
        directory.chmod(0o777)   # it becomes another user
        started.append(Bpf(directory, {"seen": f'plugin = "bpf"; interval = "100ms"; {options}', **(more or {})}, prefix))
        return started[-1]
    yield start
    for daemon in started:
        if daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()


def bpftool(*arguments):
    try:
        done = subprocess.run(["bpftool", "--json", *map(str, arguments)], stdout=subprocess.PIPE, check=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no bpftool: apt install bpftool")
    return json.loads(done.stdout)


def test_runs_are_counted_exactly_from_the_load_on_and_as_bpftool_has_them(start_bpf, make_subject):
    daemon = start_bpf()
    subject = make_subject()
    number = subject.ids["subject_filter"]
    for count in (1, 10, 1000, 30_000):
        subject.tell(f"send {count}")
    daemon.wait_total(number, 31_011)
    tool = bpftool("prog", "show", "id", number)
    rows = daemon.of("bpf.program", number)
    assert rows[0]["start_time"] == rows[0]["bpf.program.load_time"]
    assert [row["start_time"] for row in rows[1:]] == [row["time"] for row in rows[:-1]]
    assert {row["bpf.program.load_time"] for row in rows} == {rows[0]["bpf.program.load_time"]}
    assert sum(row["bpf.program.runs"] for row in rows) == tool["run_cnt"]
    assert sum(row["bpf.program.run.time"] for row in rows) == pytest.approx(tool["run_time_ns"] / 1e9, abs=1e-8)
    assert sum(row["bpf.program.misses"] for row in rows) == tool.get("recursion_misses", 0)
    assert all(0 <= row["bpf.program.cpu.utilization"] < 1 for row in rows)
    assert max(row["bpf.program.cpu.utilization"] for row in rows) > 0
    assert {(row["bpf.program.type"], row["bpf.program.tag"], row["bpf.program.memory"], row["bpf.program.user.id"],
             row["bpf.program.name"]) for row in rows} == {
                 (tool["type"], tool["tag"], tool["bytes_memlock"], tool["uid"], "subject_filter")}


def test_a_program_that_was_there_before_counts_from_the_first_reading_on(start_bpf, make_subject):
    subject = make_subject()
    number = subject.ids["subject_filter"]
    first = start_bpf()   # has statistics on, so that there is a count before the second
    subject.tell("send 700")
    first.wait_total(number, 700)
    daemon = start_bpf()
    subject.tell("send 300")
    daemon.wait_total(number, 300)
    first.wait_total(number, 1000)
    row = daemon.of("bpf.program", number)[0]
    assert row["bpf.program.load_time"] < row["start_time"] < row["time"]


def test_programs_that_come_and_go_and_come_again_are_each_counted(start_bpf, make_subject):
    daemon = start_bpf()
    for count in (100, 200, 300):
        subject = make_subject()
        number = subject.ids["subject_filter"]
        subject.tell(f"send {count}")
        daemon.wait_total(number, count)
        subject.end()
        deadline = time.monotonic() + WAIT_S
        while number in {program["id"] for program in bpftool("prog", "show")}:   # freed a moment later
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.3)
        seen = len(daemon.of("bpf.program", number))
        time.sleep(0.3)
        assert len(daemon.of("bpf.program", number)) == seen
        assert daemon.total(number) == count


def test_runs_that_the_kernel_left_out_are_misses(start_bpf, make_subject):
    daemon = start_bpf()
    subject = make_subject()
    number = subject.ids["subject_again"]
    subject.tell("attach subject_again")
    subject.tell("run subject_fault 400")
    daemon.wait_total(subject.ids["subject_fault"], 400)
    daemon.wait_more("bpf.program", number)
    assert daemon.total(number, "bpf.program.misses") >= 400
    subject.end()
    # Faults of others run it too, and each run misses one.
    assert daemon.total(number, "bpf.program.misses") == daemon.total(number)


def test_names_are_whole_and_targets_are_found(start_bpf, make_subject, cgroup):
    prefix = ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c",
              'test -e /sys/kernel/tracing/events || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"', "-"]
    daemon = start_bpf("maps = false;")
    subject = make_subject(prefix)
    for line in (LONG_NAME, LONG_NAME, "subject_switch", "subject_fork", "subject_xdp lo",
                 f"subject_egress {cgroup.directory}"):
        subject.tell(f"attach {line}")
    for name, target, kind, links in ((LONG_NAME, "sys_enter", "raw_tracepoint", 2),
                                      ("subject_switch", "sched_switch", "tracing", 1),
                                      ("subject_fork", "sched_process_fork", "tracepoint", 1),
                                      ("subject_xdp", "ifindex:1", "xdp", 1),
                                      ("subject_egress", f"cgroup:{cgroup.id}", "cgroup_skb", 1),
                                      ("subject_fault", None, "raw_tracepoint", 0)):
        row = daemon.wait_more("bpf.program", subject.ids[name])
        assert (row["bpf.program.name"], row.get("bpf.program.target"), row["bpf.program.type"],
                row["bpf.program.links"]) == (name, target, kind, links)
    assert not [row for row in daemon.rows() if row["schema"] == "bpf.map"]


def counted_by_the_kernel():
    """Whether this kernel counts the entries of hash maps that are allocated in advance."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(release[1]), int(release[2])) >= (6, 6)


def test_maps_say_exactly_how_full_they_are(start_bpf, make_subject):
    daemon = start_bpf("programs = false;")
    subject = make_subject()

    def entries():
        """Of each map, read after this call began."""
        found = {}
        daemon.wait_more("bpf.map", subject.ids["subject_array"])
        for name in counted:
            row = daemon.of("bpf.map", subject.ids[name])[-1]
            assert row["bpf.map.name"] == name[:15]
            assert row["bpf.map.utilization"] == pytest.approx(row["bpf.map.entries"] / row["bpf.map.entries.limit"])
            found[name] = row["bpf.map.entries"]
        return found

    counted = ["subject_single", "subject_trie", "subject_queue"]
    if counted_by_the_kernel():
        counted += ["subject_hash", "subject_percpu", "subject_lru"]
    assert entries() == dict.fromkeys(counted, 0)
    for name in counted:
        subject.tell(f"fill {name} 0 600")
    assert entries() == dict.fromkeys(counted, 600)
    for name in counted:
        if name != "subject_queue":
            subject.tell(f"fill {name} 0 600")    # the same keys again
        subject.tell(f"drop {name} 0 599")
    assert entries() == dict.fromkeys(counted, 1)
    for name in counted:
        subject.tell(f"fill {name} 0 {999 if name == 'subject_queue' else 1000}")
    full = entries()
    assert full.pop("subject_lru", 1000) <= 1000    # it makes room before it is full
    assert full == dict.fromkeys(full, 1000)
    row = daemon.of("bpf.map", subject.ids["subject_hash"])[-1]
    assert (row["bpf.map.type"], row["bpf.map.key.size"], row["bpf.map.value.size"],
            row["bpf.map.entries.limit"]) == ("hash", 8, 8, 1000)
    array = daemon.of("bpf.map", subject.ids["subject_array"])[-1]
    assert array["bpf.map.entries.limit"] == 1000
    assert "bpf.map.entries" not in array and "bpf.map.utilization" not in array
    assert not [row for row in daemon.rows() if row["schema"] == "bpf.program"]


def test_a_ring_says_what_its_reader_has_not_given_back(start_bpf, make_subject):
    daemon = start_bpf()
    subject = make_subject()
    number = subject.ids["subject_ring"]
    for count, used in ((0, 0), (1024, 16384), (3071, 65520), (5, 65520)):
        subject.tell(f"run subject_record {count}")
        row = daemon.wait_more("bpf.map", number)
        assert row["bpf.map.ring.used"] == used and row["bpf.map.ring.size"] == 65536
        assert row["bpf.map.utilization"] == used / 65536
        assert "bpf.map.entries" not in row and "bpf.map.entries.limit" not in row


def test_no_more_than_the_limit_is_looked_at_and_that_is_said(start_bpf, make_subject):
    make_subject()
    daemon = start_bpf("limit = 2;")
    daemon.wait_for(r"warning seen: there are more .* than `limit` = 2")
    time.sleep(0.5)
    rows = daemon.stop()
    moments = {row["time"] for row in rows}
    assert moments
    for schema in ("bpf.program", "bpf.map"):
        for moment in moments:
            assert len([row for row in rows if row["time"] == moment and row["schema"] == schema]) <= 2
    assert daemon.log().count("there are more") == 1


def test_filters_choose_by_name_and_type_while_it_runs(start_bpf, make_subject):
    subject = make_subject()
    daemon = start_bpf('names = ["subject_h*", "subject_s?itch"];')
    daemon.wait_more("bpf.map", subject.ids["subject_hash"])
    daemon.wait_more("bpf.program", subject.ids["subject_switch"])
    assert {row.get("bpf.program.name", row.get("bpf.map.name")) for row in daemon.rows()} == {
        "subject_hash", "subject_switch"}
    daemon.set("names", "*", instance="seen")
    daemon.set("types", "lru_hash,socket_filter", instance="seen")
    daemon.wait_more("bpf.map", subject.ids["subject_lru"])
    daemon.wait_more("bpf.program", subject.ids["subject_filter"])
    moment = daemon.rows()[-1]["time"]
    last = [row for row in daemon.rows() if row["time"] == moment]
    assert {row.get("bpf.program.type", row.get("bpf.map.type")) for row in last} <= {"lru_hash", "socket_filter"}


def test_a_type_that_there_is_not_is_a_problem(tmp_path):
    config = tmp_path / "test.conf"
    config.write_text('inputs: { seen: { plugin = "bpf"; types = ["xdp", "hatch"]; }; };\n'
                      'outputs: { out: { plugin = "null"; }; };\n'
                      'pipelines: { main: { from = ["seen"]; to = ["out"]; }; };\n')
    done = subprocess.run([SONDE, "check", config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode != 0
    assert 'seen.types: "hatch": no such type' in done.stdout


def statistics_holders():
    """Of all processes on the host, those that keep the statistics on."""
    holders = set()
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if "bpf-stats" in os.readlink(link):
                holders.add(link.split("/")[2])
        except OSError:     # it has ended
            continue
    return holders


def test_statistics_are_on_once_for_all_and_off_when_the_last_leaves(start_bpf, make_subject):
    subject = make_subject()
    number = subject.ids["subject_filter"]
    one, none = 'plugin = "bpf"; interval = "100ms";', 'plugin = "generate"; rate = 1;'
    daemon = start_bpf(more={"also": one, "idle": none})
    assert daemon.statistics_fds() == 1
    for left in (1, 0):
        daemon.write({"seen": one, "idle": none} if left else {"idle": none})
        assert daemon.command("reload").returncode == 0, daemon.log()
        deadline = time.monotonic() + WAIT_S
        while daemon.statistics_fds() != left or len(daemon.status()["instances"]) != left + 2:
            assert time.monotonic() < deadline, daemon.log()
            time.sleep(0.05)
        if left:
            subject.tell("send 50")
            daemon.wait_more("bpf.program", number)
    before = bpftool("prog", "show", "id", number).get("run_cnt", 0)
    subject.tell("send 50")
    after = bpftool("prog", "show", "id", number).get("run_cnt", 0)
    if after != before and statistics_holders() - {str(daemon.process.pid)}:
        pytest.skip("another process on this host keeps the kernel's statistics on")
    assert after == before >= 50


def test_as_it_is_nothing_is_switched_on(start_bpf, make_subject):
    daemon = start_bpf('statistics = "as_is";')
    subject = make_subject()
    subject.tell("send 100")
    daemon.wait_more("bpf.program", subject.ids["subject_filter"])
    assert daemon.statistics_fds() == 0
    assert daemon.total(subject.ids["subject_filter"]) == bpftool(
        "prog", "show", "id", subject.ids["subject_filter"]).get("run_cnt", 0)


# ---- capabilities ------------------------------------------------------------------------------

def test_it_reads_on_without_any_capability(start_bpf, make_subject):
    daemon = start_bpf()
    wait_dropped(daemon)
    assert_hold(daemon, 0)
    subject = make_subject()
    subject.tell("send 100")
    daemon.wait_total(subject.ids["subject_filter"], 100)
    daemon.wait_more("bpf.map", subject.ids["subject_hash"])
    daemon.set("interval", "200ms", instance="seen")
    subject.tell("send 100")
    daemon.wait_total(subject.ids["subject_filter"], 200)
    assert [each["state"] for each in daemon.status()["instances"] if each["name"] == "seen"] == ["running"]
    daemon.stop()
    assert " error " not in daemon.log()


@pytest.mark.parametrize("has, statistics", [(("sys_admin", "bpf", "perfmon"), "on"), (("sys_admin",), "on"),
                                             (("bpf", "perfmon"), "as_is")])
def test_a_user_with_enough_needs_no_root(start_bpf, make_subject, tmp_path, has, statistics):
    tmp_path.chmod(0o777)
    daemon = start_bpf(f'statistics = "{statistics}";', prefix=as_user(*has))
    wait_dropped(daemon)
    subject = make_subject()
    daemon.wait_more("bpf.program", subject.ids["subject_filter"])
    assert_hold(daemon, 0, 65534)


@pytest.mark.parametrize("has, lacks, statistics", [
    (("bpf", "perfmon"), "CAP_SYS_ADMIN", "on"), ((), "CAP_SYS_ADMIN", "on"),
    (("bpf",), "CAP_PERFMON", "as_is"), (("perfmon",), "CAP_BPF", "as_is")])
def test_who_lacks_one_is_told_once_and_waits(start_bpf, tmp_path, has, lacks, statistics):
    tmp_path.chmod(0o777)
    daemon = start_bpf(f'statistics = "{statistics}";', prefix=as_user(*has))
    wait_dropped(daemon)
    deadline = time.monotonic() + WAIT_S
    while daemon.status()["instances"][0]["failures"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert daemon.status()["instances"][0]["state"] == "waiting"
    errors = [line for line in daemon.log().splitlines() if " error " in line]
    assert len(errors) == 1 and f"seen: {lacks} missing" in errors[0], errors
    assert daemon.statistics_fds() == 0


@pytest.mark.parametrize("keep, takes", [('"sys_admin", "bpf", "perfmon"', True), ("", False)])
def test_a_reload_adds_it_where_what_it_needs_was_kept(tmp_path, make_subject, keep, takes):
    tmp_path.chmod(0o777)
    idle = 'plugin = "generate"; rate = 1;'
    daemon = Bpf(tmp_path, {"idle": idle}, keep=keep)
    try:
        wait_dropped(daemon)
        daemon.write({"idle": idle, "seen": 'plugin = "bpf"; interval = "100ms";'})
        done = daemon.command("reload")
        assert (done.returncode == 0) == takes, done.stdout
        assert takes or ("seen" in done.stdout and "sys_admin" in done.stdout)
        assert daemon.statistics_fds() == takes
        if takes:
            daemon.wait_more("bpf.program", make_subject().ids["subject_filter"])
        daemon.stop()
    finally:
        daemon.process.kill()
        daemon.process.wait()
