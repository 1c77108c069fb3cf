# SPDX-License-Identifier: Apache-2.0
"""What Tab offers: what the program answers, and that bash, zsh and fish make of it what they should."""

import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest
from sonde import BUILD, PATIENCE_S, SONDE, TREE, Daemon, run

CONFIG = '''
inputs:    { gen: { plugin = "generate"; rate = 10; }; };
outputs:   { out: { plugin = "null"; }; };
pipelines: { main: { from = ["gen"]; to = ["out"]; }; };
'''
COMPLETIONS = os.path.join(TREE, "completions")

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("completion"), CONFIG) as daemon:
        yield daemon.start()
        daemon.stop()


def offered(*words):
    """The words that may stand in place of the last one, each with its help."""
    result = run("complete", *words)
    assert (result.returncode, result.stderr) == (0, "")
    return dict(line.partition("\t")[::2] for line in result.stdout.splitlines())


# --- what the program answers ---------------------------------------------------------------------------------------

def test_commands_are_offered_with_what_they_do():
    assert {"run", "check", "status", "set", "help"} <= set(offered(""))
    assert list(offered("sta")) == ["status"] and "loses" in offered("sta")["status"]
    assert "complete" not in offered("") and offered() == offered("dance", "") == {}


def test_options_are_offered_that_the_command_takes_and_that_are_not_there_yet():
    assert set(offered("status", "-")) == {"--json", "--socket", "--state", "--help"}
    assert "--json" not in offered("status", "--json", "--")
    assert list(offered("status", "--js")) == ["--json"]
    assert "--for" not in offered("check", "--")


def test_arguments_of_options_are_offered():
    assert "1m" in offered("run", "--for", "") and set(offered("run", "--for", "3")) == {"30s"}
    assert list(offered("status", "--state", "")) == [":directories"]
    assert list(offered("status", "--state", "=", "/")) == [":directories"]
    assert list(offered("status", "--socket", "x")) == [":files"]


def test_configs_are_files_and_there_is_one():
    assert list(offered("check", "")) == [":files"] and list(offered("run", "--for", "1s", "a")) == [":files"]
    assert offered("check", "a.conf", "") == {}


def test_plugins_are_offered_with_their_summary():
    assert offered("plugins", "nu") == {"null": "takes rows and forgets them"}
    assert list(offered("plugins", "./nu")) == [":files"]


def test_topics_of_help_are_offered():
    assert set(offered("help", "c")) == {"check", "config"}


@pytest.mark.sanitizers
def test_knobs_of_the_running_daemon_are_offered(daemon):
    knobs = offered("set", "--state", daemon.state, "")
    assert {"gen.rate", "gen.waits", "out.delay", "out.fail"} <= set(knobs)
    assert "gen.rows" not in knobs and knobs["out.delay"] == "how long a delivery takes (0s)"
    assert set(offered("set", "--state", daemon.state, "gen.r")) == {"gen.rate"}


@pytest.mark.sanitizers
def test_values_of_a_knob_are_offered_and_what_it_has_is_marked(daemon):
    assert offered("set", "--state", daemon.state, "out.fail", "") == {"none": "as it is", "retry": "", "reject": ""}
    assert set(offered("set", "out.block", "--state", daemon.state, "t")) == {"true"}
    assert offered("set", "--state", daemon.state, "gen.rate", "") == {"10": "as it is"}
    assert offered("set", "--state", daemon.state, "out.fail", "none", "") == {}


def test_what_was_set_is_what_is_offered_next(daemon):
    daemon.set("out.fail", "retry")
    assert offered("set", "--state", daemon.state, "out.fail", "")["retry"] == "as it is"
    daemon.set("out.fail", "none")


def test_without_a_daemon_there_are_no_knobs_and_no_complaint(tmp_path):
    assert offered("set", "--state", tmp_path, "") == {}


def test_a_daemon_that_does_not_answer_is_not_waited_for(tmp_path):
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        assert offered("set", "--socket", tmp_path / "s", "") == {}


# --- what shells make of it -----------------------------------------------------------------------------------------

def shell_environment(tmp_path):
    return {"PATH": f"{BUILD}:{os.environ['PATH']}", "HOME": str(tmp_path), "TERM": "dumb", "LANG": "C.UTF-8"}


class Terminal:
    """A shell as a person has it, in a directory of its own."""

    def __init__(self, command, directory):
        self.output = ""
        self.process, self.fd = pty.fork()
        if not self.process:
            os.chdir(directory)
            os.execvpe(command[0], command, shell_environment(directory))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.fd)

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern):
        """Reads until the pattern is there, and forgets what was before it."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := re.search(pattern, self.output)):
            ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"{pattern} is not in {self.output!r}"
            self.output += os.read(self.fd, 65536).decode(errors="replace")
        self.output = self.output[found.end():]


def bash(tmp_path, *words):
    """What bash has as candidates for the last of the words."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              '_sonde "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"; printf "%s\\n" "${COMPREPLY[@]}"')
    result = subprocess.run(["bash", "-c", script, "bash", f"{COMPLETIONS}/sonde.bash", SONDE, *map(str, words)],
                            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env=shell_environment(tmp_path), text=True, timeout=PATIENCE_S, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    return set(result.stdout.split())


def test_bash_has_words_and_knobs_as_candidates(tmp_path, daemon):
    assert bash(tmp_path, "sta") == {"status"}
    assert bash(tmp_path, "plugins", "nu") == {"null"}
    assert bash(tmp_path, "set", "--state", "=", daemon.state, "out.f") == {"out.fail"}
    assert bash(tmp_path, "check", "") == set()     # files are left to the shell


def test_bash_quotes_a_value_that_holds_blanks(tmp_path):
    with Daemon(tmp_path, CONFIG.replace('plugin = "null"', 'plugin = "console"; sort = "a b"')) as daemon:
        daemon.start()
        assert offered("set", "--state", daemon.state, "out.sort", "") == {"a b": "as it is"}
        assert bash(tmp_path, "set", "--state", daemon.state, "out.sort", "") == {"a\\", "b"}


def bash_terminal(tmp_path):
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], tmp_path)
    terminal.type(f"PS1='read''y'; source '{COMPLETIONS}/sonde.bash'\n")
    terminal.expect("ready")
    return terminal


def test_bash_completes_a_line_that_is_typed(tmp_path, daemon):
    with bash_terminal(tmp_path) as terminal:
        terminal.type(f"sonde set --state={daemon.state} out.f\t")
        terminal.expect(r"out\.fail ")
        terminal.type("rej\t")
        terminal.expect("reject ")


def test_bash_completes_files_and_directories(tmp_path):
    (tmp_path / "edge of.conf").touch()
    (tmp_path / "etc").mkdir()
    with bash_terminal(tmp_path) as terminal:
        terminal.type("sonde check ed\t")
        terminal.expect(r"edge\\ of\.conf ")
        terminal.type("\x15sonde check ~/ed\t")
        terminal.expect(r"~/edge\\ of\.conf ")
        terminal.type("\x15sonde status --state e\t")
        terminal.expect("etc/")


def test_zsh_completes_a_line_that_is_typed(tmp_path, daemon):
    if not shutil.which("zsh"):
        pytest.skip("zsh is not installed")
    with Terminal(["zsh", "-f", "-i"], tmp_path) as terminal:
        terminal.type(f"PS1='read''y'; fpath=('{COMPLETIONS}' $fpath); autoload -Uz compinit; compinit -u -D\n")
        terminal.expect("ready")
        terminal.type(f"sonde set --state {daemon.state} out.f\t")
        terminal.expect(r"out\.fail ")
        terminal.type("rej\t")
        terminal.expect("reject ")


def test_fish_has_words_files_and_knobs_as_candidates(tmp_path, daemon):
    if not shutil.which("fish"):
        pytest.skip("fish is not installed")
    (tmp_path / "edge.conf").touch()
    for line, wanted in (("sonde sta", "status\t"), ("sonde check ed", "edge.conf"),
                         (f"sonde set --state {daemon.state} out.f", "out.fail\t")):
        result = subprocess.run(["fish", "--no-config", "-c", f"source {COMPLETIONS}/sonde.fish; complete -C '{line}'"],
                                cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=shell_environment(tmp_path), text=True, timeout=PATIENCE_S, check=False)
        assert result.stdout.startswith(wanted) and result.stderr == "", (line, result)


def test_completions_and_man_pages_are_installed_where_they_are_looked_for(tmp_path):
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", str(tmp_path)],
                   stdin=subprocess.DEVNULL, check=True, timeout=120)
    found = {os.path.join(root, name).partition("/share/")[2] for root, _, names in os.walk(tmp_path) for name in names}
    assert {"bash-completion/completions/sonde", "zsh/site-functions/_sonde", "fish/vendor_completions.d/sonde.fish",
            "man/man1/sonde.1", "man/man5/sonde.conf.5", "man/man7/sonde-console.7"} <= found
