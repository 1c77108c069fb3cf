# SPDX-License-Identifier: Apache-2.0
"""sonde as a service: what it tells the service manager, and what systemd thinks of its unit files."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

import pytest
from sonde import BUILD, PATIENCE_S, PLUGINS, SIMPLE, SONDE, Daemon

pytestmark = pytest.mark.timeout(120)

SLEEPER = f'''
inputs:    {{ nap: {{ plugin = "{PLUGINS}/sleeper.so"; OPTIONS threads = 1; }}; }};
outputs:   {{ out: {{ plugin = "null"; }}; }};
pipelines: {{ main: {{ from = ["nap"]; to = ["out"]; }}; }};
'''


class Manager:
    """A service manager's ear: a socket that gets what sd_notify(3) describes."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1))
        self.name = name
        self.heard = []         # (variable, value), in their order

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def hear(self, seconds):
        """Takes in one datagram, if one comes in time."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            datagram = self.socket.recv(65536).decode()
        except TimeoutError:
            return
        self.heard += [tuple(line.split("=", 1)) for line in datagram.split("\n")]

    def wait(self, variable, matches=".*"):
        """The value of the next variable of that name that matches; what was heard before it is forgotten."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for at, (name, value) in enumerate(self.heard):
                if name == variable and re.search(matches, value):
                    self.heard = self.heard[at + 1:]
                    return value
            self.hear(deadline - time.monotonic())
        raise AssertionError(f"not within {PATIENCE_S} s: {variable}={matches}; heard {self.heard}")

    def start(self, daemon, watchdog_s=None):
        environment = {**os.environ, "NOTIFY_SOCKET": self.name}
        if watchdog_s:
            environment["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        with open(daemon.log_path, "a") as log:
            daemon.process = subprocess.Popen([SONDE, "run", daemon.config], stdin=subprocess.DEVNULL, env=environment,
                                              stdout=subprocess.DEVNULL, stderr=log)
        return daemon


@pytest.fixture(params=["path", "abstract"])
def manager(request, tmp_path):
    with Manager(f"@sonde-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")) as manager:
        yield manager


@pytest.fixture
def listener(tmp_path):
    with Manager(str(tmp_path / "notify")) as manager:
        yield manager


# --- what it tells ---------------------------------------------------------------------------------------------------

@pytest.mark.sanitizers
def test_a_manager_hears_of_its_life_from_ready_to_stopping(tmp_path, manager):
    with Daemon(tmp_path, SIMPLE) as daemon:
        manager.start(daemon, watchdog_s=1)
        manager.wait("READY", "^1$")
        assert int(manager.wait("MAINPID")) == daemon.process.pid
        manager.wait("STATUS", "^running$")
        for _ in range(3):
            manager.wait("WATCHDOG", "^1$")
        daemon.send(15)
        manager.wait("STOPPING", "^1$")
        assert int(manager.wait("EXTEND_TIMEOUT_USEC")) >= 5e6      # sonde.drain
        assert daemon.wait() == 0


def test_ready_is_said_when_every_start_has_returned(tmp_path, listener):
    with Daemon(tmp_path, SLEEPER.replace("OPTIONS", 'in = "start"; sleep = "1s";')) as daemon:
        listener.start(daemon)
        listener.wait("READY")
        assert daemon.status().instance("nap")["state"] == "running"
        assert daemon.stop() == 0


def test_without_a_watchdog_it_feeds_none(tmp_path, listener):
    with Daemon(tmp_path, SIMPLE) as daemon:
        listener.start(daemon)
        listener.wait("READY")
        assert daemon.stop() == 0
        while ("STOPPING", "1") not in listener.heard:
            listener.hear(PATIENCE_S)
        assert "WATCHDOG" not in dict(listener.heard)


def test_a_thread_that_is_stuck_lets_the_watchdog_bite(tmp_path, listener):
    body = SIMPLE.replace('"null"', f'"{PLUGINS}/stuck.so"')
    with Daemon(tmp_path, body, 'drain = "500ms";') as daemon:
        listener.start(daemon, watchdog_s=2)
        listener.wait("READY")
        assert "out" in listener.wait("STATUS", "is stuck")
        listener.heard.clear()
        for _ in range(30):             # three times as long as it takes to feed
            listener.hear(0.1)
        assert "WATCHDOG" not in dict(listener.heard)
        assert "the watchdog is not fed" in daemon.log()
        assert daemon.stop() == 5
        listener.wait("STOPPING")


@pytest.mark.sanitizers
def test_a_thread_that_comes_back_is_fed_for_again(tmp_path, listener):
    with Daemon(tmp_path, SLEEPER.replace("OPTIONS", 'in = "set";')) as daemon:
        listener.start(daemon, watchdog_s=2)
        listener.wait("READY")
        answer = daemon.ask("set", "nap.sleep", "8s")   # whoever sets it waits, but not for that long
        assert "held up" in answer.stderr, answer
        listener.wait("STATUS", "is stuck")
        listener.wait("STATUS", "^running$")
        listener.wait("WATCHDOG", "^1$")
        assert daemon.stop() == 0


# --- unit files ------------------------------------------------------------------------------------------------------

UNITS = {"sonde.service": 4.0, "sonde-region.service": 2.0}     # and how much of it systemd may find exposed, of 10


@pytest.fixture(params=UNITS)
def unit(request, tmp_path):
    """A unit file as it is installed, but with the program of this build."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    with open(os.path.join(BUILD, "conf", request.param)) as file:
        text, count = re.subn(r"^(Exec\w+=\+?)/\S+/sonde ", rf"\g<1>{SONDE} ", file.read(), flags=re.M)
    assert count == 2      # to start, and to reload
    path = tmp_path / request.param
    path.write_text(text)
    return path


def analyze(*arguments):
    result = subprocess.run(["systemd-analyze", "--no-pager", *map(str, arguments)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    if re.search(r"(unknown command|unrecognized option)", result.stderr, re.I):
        pytest.skip(f"this systemd-analyze is too old for {' '.join(map(str, arguments[:2]))}")
    return result


def test_systemd_finds_no_fault_in_a_unit(unit):
    result = analyze("verify", "--man=no", "--recursive-errors=no", unit)
    assert result.returncode == 0, result.stderr
    assert unit.name not in result.stderr, result.stderr


def test_a_unit_leaves_little_exposed(unit):
    result = analyze("security", "--offline=yes", f"--threshold={int(10 * UNITS[unit.name])}", unit)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Overall exposure level" in result.stdout


def settings(unit, name):
    """The values of a setting of the unit, in their order."""
    return re.findall(f"^{name}=(.*)$", unit.read_text(), re.M)


def allowed_calls(unit):
    """The system calls that the unit's filters leave, with systemd's own groups spelled out."""
    groups, members = {}, None
    for line in analyze("syscall-filter").stdout.splitlines():
        word = line.strip()
        if line.startswith("@"):
            members = groups[word] = set()
        elif word and not word.startswith("#") and members is not None:
            members.add(word)

    def expand(words):
        return set().union(*(expand(groups[word]) if word.startswith("@") else {word} for word in words))

    allowed = expand(["@default"])
    for value in settings(unit, "SystemCallFilter"):
        if value.startswith("~"):
            allowed -= expand(value[1:].split())
        else:
            allowed |= expand(value.split())
    return allowed


CAP_PERFMON, CAP_BPF = 1 << 38, 1 << 39

EDGE = '''
inputs:    { gen: { plugin = "generate"; rate = 2000; batch = 100; };
             calls: { plugin = "syscalls"; mode = "both"; interval = "200ms"; }; };
outputs:   { out: { plugin = "file"; path = "OUT"; }; };
pipelines: { main: { from = ["gen", "calls"]; to = ["out"]; }; };
'''
REGION = re.sub(r'calls: {.*?};', "", EDGE).replace(', "calls"', "")


@pytest.fixture
def directory():
    """One that every user may enter."""
    path = tempfile.mkdtemp(prefix="sonde-unit-")
    os.chmod(path, 0o777)
    yield path
    shutil.rmtree(path)


def test_a_unit_allows_every_call_that_the_daemon_makes_and_takes_no_capability_that_it_needs(unit, directory):
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    if os.geteuid():
        pytest.skip("needs root, to become what the unit says")
    with open("/proc/self/status") as file:
        effective = int(re.search(r"CapEff:\s+(\w+)", file.read())[1], 16)
    if effective & (CAP_BPF | CAP_PERFMON) != CAP_BPF | CAP_PERFMON:
        pytest.skip("this root may not use BPF")
    trace, is_edge = os.path.join(directory, "trace"), not settings(unit, "DynamicUser")
    names = [name.lower().removeprefix("cap_") for name in settings(unit, "CapabilityBoundingSet")[0].split()]
    become = ["setpriv", "--no-new-privs", "--bounding-set", ",".join(["-all", *(f"+{name}" for name in names)])]
    if not is_edge:
        become += ["--reuid=65534", "--regid=65534", "--clear-groups"]
    if subprocess.run([*become, "test", "-x", SONDE], check=False).returncode:
        pytest.skip(f"{SONDE} cannot be reached as the unit would run")
    body = (EDGE if is_edge else REGION).replace("OUT", os.path.join(directory, "rows"))
    with Daemon(directory, body) as daemon:
        result = subprocess.run([*become, "strace", "-f", "-qq", "-e", "signal=none", "-o", trace, SONDE, "run",
                                 daemon.config, "--for", "1s"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, timeout=PATIENCE_S, check=False)
    assert result.returncode == 0, result.stdout
    assert "missing CAP_" not in result.stdout
    with open(trace, errors="replace") as file:
        made = set(re.findall(r"^\d+ +(\w+)\(", file.read(), re.M))
    assert {"execve", "epoll_wait", "clone3"} & made
    assert not made - allowed_calls(unit)
