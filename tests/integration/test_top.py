# SPDX-License-Identifier: Apache-2.0
"""The live view in a real terminal: pages, keys, sizes, and what it says where something is missing."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

from sonde import PATIENCE_S, SONDE, Daemon, run, wait_for

pytestmark = pytest.mark.timeout(120)
BODY = '''
inputs:     { gen: { plugin = "generate"; rate = 2000; batch = 100; };
              rare: { plugin = "generate"; rate = 20; batch = 1; }; };
processors: { some: { plugin = "filter"; keep = "generate.value % 4 = 0"; }; };
outputs:    { out: { plugin = "null"; }; };
pipelines:  { main: { from = ["gen"]; through = ["some"]; to = ["out"]; };
              side: { from = ["rare"]; to = ["out"]; }; };
'''
SIZES = [(80, 24), (200, 50)]


class Screen:
    """A terminal multiplexer of our own with one terminal in it."""

    def __init__(self, name, command, width=80, height=24, **environment):
        if not shutil.which("tmux"):
            pytest.skip("tmux is not installed")
        self.name = f"sonde-test-{os.getpid()}-{name}"
        variables = " ".join(f"{key}={shlex.quote(value)}" for key, value in
                             {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **environment}.items())
        line = " ".join(shlex.quote(str(word)) for word in command)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height,
                  f"env {variables} {line}; echo ended with $?; exec sleep 1000")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["tmux", "-L", self.name, "kill-server"], check=False, timeout=PATIENCE_S)

    def tmux(self, *words):
        result = subprocess.run(["tmux", "-L", self.name, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=PATIENCE_S, check=True)
        return result.stdout

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def lines(self, *options):
        return self.tmux("capture-pane", "-p", *options).split("\n")

    def wait(self, *parts, gone=()):
        """Waits until all of the parts are to be seen, and none of the others; returns the lines."""
        def seen():
            lines = self.lines()
            text = "\n".join(lines)
            return all(part in text for part in parts) and not any(part in text for part in gone) and lines
        try:
            return wait_for(seen, f"{parts} on the screen", seconds=15)
        except AssertionError as error:
            raise AssertionError(str(error) + "\n" + "\n".join(self.lines())) from None

    def row(self, name, place=0):
        """The words of the line that has that one at its place."""
        return next((line.split() for line in self.lines() if line.split()[place:place + 1] == [name]), None)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("top"), BODY) as daemon:
        daemon.start()
        yield daemon
        daemon.stop()


def top(daemon, *words):
    return [SONDE, "top", "--state", daemon.state, "--interval", "200ms", *words]


@pytest.mark.parametrize("width, height", SIZES)
def test_pages_show_what_flows_and_what_is_lost(daemon, width, height):
    with Screen(f"pages-{width}", top(daemon), width, height) as screen:
        lines = screen.wait("PIPELINE", "main", "side", "q quit", "k  ")
        assert lines[0].startswith("sonde ") and "1 pipelines" in lines[1] and "q quit" in lines[height - 1]
        assert ("QUEUES" in lines[2]) == (width == 200)
        screen.keys("2")
        screen.wait("INSTANCE", "gen", "rare", "some", "filter", "out", "running")
        screen.keys("Tab")
        screen.wait("REASON", "main / some", "filtered", "reduced")
        screen.keys("h")
        screen.wait("sort by another column")
        screen.keys("h")
        screen.wait("REASON", gone=["sort by another column"])
        screen.keys("q")
        screen.wait("ended with 0")


@pytest.mark.parametrize("width, height", SIZES)
def test_keys_sort_reverse_and_filter(daemon, width, height):
    def names():
        return [line.split()[0] for line in screen.lines()[3:height - 1] if line.strip()]

    with Screen(f"keys-{width}", top(daemon), width, height) as screen:
        screen.wait("PIPELINE", "IN/s▾", "main", "k  ")
        wait_for(lambda: names() == ["main", "side"], "the busiest is the first")
        screen.keys("r")
        screen.wait("IN/s▴")
        wait_for(lambda: names() == ["side", "main"], "the busiest is the last")
        screen.keys("<")
        screen.wait("PIPELINE▴")
        wait_for(lambda: names() == ["main", "side"], "by name")
        screen.keys("/")
        screen.wait("only rows with:")
        screen.keys("SIDx", "BSpace", "Enter")
        screen.wait('only "SID": 1 of 2', gone=["only rows with:"])
        assert names() == ["side"]
        screen.keys("Escape")
        wait_for(lambda: names() == ["main", "side"], "all are shown again")
        screen.keys("C-c")
        screen.wait("ended with 0")


def test_a_pause_holds_what_is_shown_until_it_goes_on(daemon):
    with Screen("pause", top(daemon)) as screen:
        screen.keys("3")
        screen.wait("filtered")
        screen.keys("p")
        screen.wait("PAUSED")
        held = screen.row("main")
        before = daemon.status()["processor", "main / some"].reduced_rows()
        wait_for(lambda: daemon.status()["processor", "main / some"].reduced_rows() > before + 500, "rows flow on")
        screen.keys("h", "h")    # which are drawn all the same
        assert screen.row("main") == held
        screen.keys("p")
        screen.wait("filtered", gone=["PAUSED"])
        wait_for(lambda: screen.row("main") not in (held, None), "numbers move again")
        screen.keys("q")


def test_another_size_of_the_terminal_is_taken_up_at_once(daemon):
    with Screen("size", top(daemon, "--interval", "1h")) as screen:
        screen.wait("PIPELINE", "q quit", gone=["QUEUES"])
        for width, height in [(200, 50), (60, 12), (1, 1), (20, 5), (80, 24)]:
            screen.tmux("resize-window", "-x", width, "-y", height)
            if width > 20:
                lines = screen.wait("PIPELINE", "h help", *(["QUEUES"] if width == 200 else []))
                wait_for(lambda: "h help" in screen.lines()[height - 1], "the last line is the last")
                assert len(max(lines, key=len)) <= width
        screen.keys("q")
        screen.wait("ended with 0")


def test_a_list_that_is_longer_than_the_terminal_moves(daemon):
    with Screen("moves", top(daemon), 80, 6) as screen:
        screen.keys("2", "<", "<", "<", "<")
        screen.wait("INSTANCE▴")
        for keys, names in (([], ["gen", "out"]), (["Down"], ["out", "rare"]), (["Down", "Down", "Down"], ["rare", "some"]),
                            (["Home"], ["gen", "out"]), (["NPage"], ["rare", "some"]), (["Up"], ["out", "rare"]),
                            (["PPage"], ["gen", "out"]), (["End"], ["rare", "some"])):
            if keys:
                screen.keys(*keys)
            wait_for(lambda: [line.split()[0] for line in screen.lines()[3:5]] == names, names)
        screen.keys("q")


def test_colours_are_off_where_nobody_wants_them(daemon):
    for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        with Screen(f"colour-{coloured}", top(daemon), TERM="screen-256color", **variables) as screen:
            screen.keys("2")
            screen.wait("INSTANCE", "running")
            text = "\n".join(screen.lines("-e"))
            assert bool(re.search(r"\x1b\[[0-9;]*3[0-7]m", text)) == coloured


def test_a_daemon_that_goes_and_comes_is_told_of(tmp_path):
    with Daemon(tmp_path, BODY) as daemon:
        daemon.start()
        with Screen("gone", top(daemon)) as screen:
            screen.wait("PIPELINE", "main")
            assert daemon.stop() == 0
            screen.wait("the daemon does not answer", "what is shown is old", "main")
            daemon.start()
            screen.wait("main", "q quit", gone=["does not answer"])
            screen.keys("q")
            screen.wait("ended with 0")
        daemon.stop()


def test_without_a_terminal_or_a_daemon_it_says_so(daemon, tmp_path):
    result = run("top", "--state", daemon.state)
    assert result.returncode == 2 and "needs a terminal" in result.stderr
    result = run("top", "--interval", "1ms")
    assert result.returncode == 2 and "not a duration from 100ms to 1h: 1ms" in result.stderr
    with Screen("unknown", top(daemon), TERM="no-such-terminal") as screen:
        screen.wait("needs a terminal of a known type", "ended with 2")
    with Screen("nobody", [SONDE, "top", "--state", tmp_path], 200) as screen:
        screen.wait("no sonde is running there", "ended with 3")


# --- BPF programs ---------------------------------------------------------------------------------------------------

def holds_statistics(state):
    """Whether a top of that daemon has the kernel's statistics on."""
    found = False
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if not re.match(rb"[^\0]*sonde\0top\0.*" + re.escape(state.encode()), file.read(), re.DOTALL):
                    continue
            found = found or any("bpf-stats" in os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            continue
    return found


def needs_bpf(screen):
    lines = wait_for(lambda: next((text for text in ["\n".join(screen.lines())]
                                   if "__iter" in text or "shows its programs to root only" in text or "cannot" in text or
                                   "refused" in text), None), "programs, or why not", seconds=15)
    if "__iter" not in lines:
        pytest.skip("the kernel does not show its programs here")


@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel shows its programs to root")
def test_programs_are_shown_and_statistics_are_on_only_meanwhile(daemon):
    with Screen("programs", top(daemon), 200, 50) as screen:
        screen.wait("PIPELINE", "main")
        assert not holds_statistics(daemon.state)
        screen.keys("4")
        screen.wait("PROGRAM", "A RUN", "CPU")
        needs_bpf(screen)       # its own iterators are programs too
        screen.keys("/", "programs__it", "Enter")
        screen.wait("programs__iter", "tracing", 'only "programs__it"')
        wait_for(lambda: any(float(words[3]) > 0 for words in [screen.row("programs__iter", 1)] if words and
                             re.fullmatch(r"[\d.]+", words[3])), "it runs now and then")
        assert holds_statistics(daemon.state)
        screen.keys("Escape", "1")
        screen.wait("PIPELINE")
        wait_for(lambda: not holds_statistics(daemon.state), "statistics are off again")
        screen.keys("q")


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="needs root, who becomes another user")
def test_others_see_the_programs_that_the_daemon_reads_or_what_is_missing(tmp_path, daemon_user):
    with Daemon(tmp_path, BODY, state="plain", name="plain") as daemon:
        daemon.start()
        group = os.stat(os.path.join(daemon.state, "control.sock")).st_gid      # who may ask
        bare = ["setpriv", f"--reuid={daemon_user.pw_uid}", f"--regid={group}", "--clear-groups"]
        with Screen("bare", bare + top(daemon), 160, 30) as screen:
            screen.wait("PIPELINE", "main")
            screen.keys("4")
            screen.wait("shows its programs to root only", "CAP_SYS_ADMIN", "input `bpf`")
            screen.keys("1")
            screen.wait("PIPELINE", "main")
            screen.keys("q")
            screen.wait("ended with 0")
        daemon.stop()
    body = BODY.replace("inputs:     {", 'inputs:     { progs: { plugin = "bpf"; interval = "200ms"; };').replace(
        '["rare"]', '["rare", "progs"]')
    with Daemon(tmp_path, body) as daemon_with:
        daemon_with.start(ready=False)
        wait_for(lambda: daemon_with.process.poll() is not None or "ready after" in daemon_with.log(), "it is ready")
        if "cannot" in daemon_with.log() or "missing" in daemon_with.log():
            pytest.skip("the input bpf cannot start here")
        assert daemon_with.process.poll() is None, daemon_with.log()
        with Screen("through", bare + top(daemon_with), 160, 40) as screen:
            screen.wait("PIPELINE", "main")
            screen.keys("4")
            screen.wait("programs__iter", "tracing", "CPU")
            screen.keys("q")
            screen.wait("ended with 0")
        daemon_with.stop()
