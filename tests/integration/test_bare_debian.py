# SPDX-License-Identifier: Apache-2.0
"""The README's two commands, as somebody types them on a Debian 12 that has nothing but itself.

The bare system is made by debootstrap from the mirror that this machine's apt is set up with, and entered by
chroot in a mount namespace of its own, so that nothing stays mounted whatever happens.
"""

import ast
import configparser
import contextlib
import ctypes
import glob
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SUITE = "bookworm"
DISTINCT_CALL = "getppid"      # a call that this test makes often and that is rare otherwise

pytestmark = pytest.mark.timeout(1800)


def output_of(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True, check=False).stdout


class Apt:
    """How this machine's apt reaches its mirrors."""

    def __init__(self):
        fields = "$(REPO_URI) $(RELEASE) $(COMPONENT)"
        targets = {tuple(line.split()) for line in
                   output_of("apt-get", "indextargets", "Created-By: Packages", "--format", fields).splitlines()}
        self.sources = sorted(target for target in targets if len(target) == 3 and target[2] == "main")
        mirrors = [uri for uri, release, _ in self.sources if release == SUITE]
        self.mirror = mirrors[0].rstrip("/") if mirrors else None
        wanted = r"Acquire::(https?::(?!User-Agent)|Check-|Retries|Force|socks)"
        self.options = [line for line in output_of("apt-config", "dump").splitlines() if re.match(wanted, line)]
        self.logins = [p for p in ["/etc/apt/auth.conf", *glob.glob("/etc/apt/auth.conf.d/*.conf")] if os.path.isfile(p)]

    def reachable(self):
        """Asks as apt itself asks, through whatever it is set up with."""
        with tempfile.TemporaryDirectory() as scratch:
            command = ["/usr/lib/apt/apt-helper", "download-file", f"{self.mirror}/dists/{SUITE}/Release",
                       f"{scratch}/Release"]
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=120, check=False).returncode == 0

    def environment(self, home):
        """For debootstrap, which asks through wget: proxies by variable, logins by ~/.netrc."""
        environment = {**os.environ, "HOME": home}
        for scheme in ("http", "https"):
            proxy = output_of("apt-config", "shell", "proxy", f"Acquire::{scheme}::Proxy").strip()
            if proxy and f"{scheme}_proxy" not in environment:
                environment[f"{scheme}_proxy"] = proxy.partition("=")[2].strip("'")
        with open(os.open(f"{home}/.netrc", os.O_WRONLY | os.O_CREAT, 0o600), "w") as netrc:
            for path in self.logins:
                with open(path) as file:
                    netrc.write(re.sub(r"(machine\s+)(?:\w+://)?([^/\s]+)\S*", r"\1\2", file.read()) + "\n")
        return environment

    def install_into(self, root):
        """Makes apt in there reach the mirrors as it does here."""
        ours = [source for source in self.sources if source[1].startswith(SUITE)]
        with open(f"{root}/etc/apt/sources.list", "w") as file:
            file.writelines(f"deb {uri} {release} {component}\n" for uri, release, component in ours)
        with open(f"{root}/etc/apt/apt.conf.d/00machine", "w") as file:
            file.write("\n".join(self.options) + "\n")
        for path in self.logins + glob.glob("/etc/apt/trusted.gpg.d/*"):
            shutil.copy2(path, root + path)
        for path in ("/etc/resolv.conf", "/etc/hosts"):
            if os.path.exists(path):
                shutil.copyfile(path, root + path)
        if any(uri.startswith("https:") for uri, _, _ in ours):
            shutil.copytree("/etc/ssl/certs", f"{root}/etc/ssl/certs", dirs_exist_ok=True,
                            copy_function=lambda source, target: shutil.copyfile(source, target))


class Pip:
    """How this machine's pip reaches its package index."""

    def __init__(self):
        self.sections = configparser.RawConfigParser(default_section=None)
        self.sections.add_section("global")
        listed = output_of("/usr/bin/python3", "-m", "pip", "config", "list").splitlines()
        for line in sorted(listed, key=lambda line: line.startswith(":env:")):      # the environment has the last word
            name, _, value = line.partition("=")
            section, _, key = name.replace(":env:", "global").rpartition(".")
            if section and not self.sections.has_section(section):
                self.sections.add_section(section)
            if section:
                self.sections.set(section, key, str(ast.literal_eval(value)).replace("\n", "\n\t"))

    def install_into(self, root):
        """Makes pip in there reach the index as it does here. The files that its settings name, such as a
        certificate, lie beside them: packages that are installed later may write where they lie here."""
        os.makedirs(f"{root}/etc/pip")
        for section in self.sections.sections():
            for key, path in self.sections.items(section):
                if path.startswith("/") and os.path.isfile(path):
                    place = f"/etc/pip/{section}.{key}"
                    shutil.copyfile(path, root + place)
                    self.sections.set(section, key, place)
        with open(f"{root}/etc/pip.conf", "w") as file:
            self.sections.write(file)


class BareDebian:
    def __init__(self, root):
        self.root = root

    def run(self, command, user="root", timeout_s=900):
        """Runs a shell command in there, as typed after a login. Returns its exit status and all that it printed."""
        mounts = ('mount -t proc proc "$1/proc"; mount --rbind /sys "$1/sys"; mount --rbind /dev "$1/dev"; '
                  'exec chroot "$1" /usr/bin/env -i TERM=dumb LANG=C.UTF-8 '
                  'http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" '
                  'su --login --whitelist-environment=LANG,http_proxy,https_proxy,no_proxy "$2" -c "$3"')
        process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "bash", "-ec", mounts, "enter", self.root, user, command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True)
        try:
            output, _ = process.communicate(timeout=timeout_s)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            raise
        print(f"$ {command}\n{output}")
        return process.returncode, output

    def copy_tree(self, directory):
        """The tree as it is committed, with nothing built in it."""
        os.makedirs(self.root + directory)
        with subprocess.Popen(["git", "-c", f"safe.directory={TREE}", "-C", TREE, "archive", "HEAD"],
                              stdout=subprocess.PIPE) as archive:
            subprocess.run(["tar", "-x", "-C", self.root + directory], stdin=archive.stdout, check=True)
        assert archive.returncode == 0


@pytest.fixture(scope="module")
def debian():
    for tool in ("debootstrap", "unshare", "apt-get", "git"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    if os.geteuid() != 0:
        pytest.skip("chroot needs root")
    if not output_of("git", "-c", f"safe.directory={TREE}", "-C", TREE, "rev-parse", "HEAD"):
        pytest.skip("this tree is not a git checkout, so there is no telling what belongs to it")
    apt = Apt()
    if not apt.mirror:
        pytest.skip(f"apt on this machine has no source of {SUITE}")
    if not apt.reachable():
        pytest.skip("the Debian mirror that apt on this machine is set up with does not answer")
    # /var/tmp, since /tmp may be in memory or refuse devices, and the system grows to two gigabytes
    with tempfile.TemporaryDirectory(prefix="sonde-bare-", dir="/var/tmp") as scratch:
        root = f"{scratch}/root"
        certificates = ["--include=ca-certificates"] if apt.mirror.startswith("https:") else []
        made = subprocess.run(["debootstrap", "--variant=minbase", *certificates, SUITE, root, apt.mirror],
                              env=apt.environment(scratch), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=900, check=False)
        assert made.returncode == 0, made.stdout[-3000:]
        apt.install_into(root)
        Pip().install_into(root)
        os.chmod(scratch, 0o755)
        yield BareDebian(root)


@contextlib.contextmanager
def distinct_calls():
    """Makes one distinct system call over and over meanwhile."""
    library, over = ctypes.CDLL(None), threading.Event()

    def call():
        while not over.is_set():
            for _ in range(1000):
                library.getppid()
            time.sleep(0.01)
    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def counted(output, call):
    """The greatest count that a line with the name of this call shows."""
    counts = [0]
    for line in output.splitlines():
        if re.search(rf"\b{call}\b", line):
            numbers = re.findall(r"(?<![\w.])(\d[\d,]*(?:\.\d+)?)\s?([kM]?)\b", line)
            counts += [float(n.replace(",", "")) * {"": 1, "k": 1e3, "M": 1e6}[unit] for n, unit in numbers]
    return max(counts)


@pytest.fixture(scope="module")
def first_run(debian):
    """What root saw who typed the first command: its exit status, its output, how long it took."""
    debian.copy_tree("/root/sonde")
    started = time.monotonic()
    with distinct_calls():
        status, output = debian.run("cd /root/sonde && scripts/run --for 10s")
    return status, output, time.monotonic() - started


def test_scripts_run_installs_builds_and_shows_live_syscalls(first_run):
    status, output, _ = first_run
    assert status == 0, output[-3000:]
    assert "installing" in output      # else the system was not bare
    assert counted(output, DISTINCT_CALL) >= 1000, output[-3000:]


def test_there_is_live_data_in_five_minutes(first_run):
    status, _, seconds = first_run
    assert status == 0 and seconds < 300


def test_the_second_run_installs_and_builds_nothing(debian, first_run):
    status, output = debian.run("cd /root/sonde && scripts/run --for 3s")
    assert status == 0, output[-3000:]
    assert "installing" not in output and "is up to date" in output


def test_it_installs_where_the_system_looks_for_it(debian, first_run):
    """The README's words on installing, and then a plugin's author's."""
    try:
        status, output = debian.run("cd /root/sonde && meson setup build && ninja -C build && meson install -C build && "
                                    "cd / && sonde check /root/sonde/conf/demo.conf && cp -r /root/sonde/examples/plugin "
                                    "/root/mine && cd /root/mine && make && sonde plugins ./load.so")
        assert status == 0, output[-3000:]
        assert "load - " in output
        status, output = debian.run("pkg-config --variable=plugindir sonde && gcc -print-multiarch")
        directory, multiarch = output.split()
        assert directory == f"/usr/local/lib/{multiarch}/sonde/plugins"
    finally:
        debian.run("ninja -C /root/sonde/build uninstall")


def test_an_ordinary_user_with_sudo_types_the_same(debian):
    status, output = debian.run("apt-get update -q && apt-get install -qy --no-install-recommends sudo && "
                                "useradd -m newcomer && "
                                "echo 'newcomer ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/newcomer")
    assert status == 0, output[-3000:]
    debian.copy_tree("/home/newcomer/sonde")
    debian.run("chown -R newcomer: /home/newcomer/sonde")
    with distinct_calls():
        status, output = debian.run("cd ~/sonde && scripts/run --for 10s", user="newcomer")
    assert status == 0, output[-3000:]
    assert counted(output, DISTINCT_CALL) >= 1000, output[-3000:]
    status, output = debian.run("cd ~/sonde && find . -user root", user="newcomer")
    assert output.strip() == "", "the build left files of root's in the user's tree"


@pytest.mark.long
@pytest.mark.timeout(5400)
def test_scripts_test_passes(debian):
    debian.copy_tree("/root/tested")
    status, output = debian.run("cd /root/tested && scripts/test", timeout_s=5000)
    last = output.strip().splitlines()[-1]
    assert re.fullmatch(r"[1-9]\d* passed, 0 failed, \d+ skipped", last), output[-6000:]
    assert status == 0
