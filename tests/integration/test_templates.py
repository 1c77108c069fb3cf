# SPDX-License-Identifier: Apache-2.0
"""The projects in examples/template, examples/cpp and examples/bpf: copied, built, tested and run as their authors will do it."""

import os
import re
import shutil
import subprocess

import pytest

from installed import SONDE, TREE, environment, installed, run    

KINDS = {"input": "number", "processor": "only", "output": "statsd"}
WARNINGS = "-Dwerror=true"


def copy(source, target):
    shutil.copytree(source, target)
    for root, _, files in os.walk(target):      # whatever mode the tree was unpacked with
        os.chmod(root, 0o755)
        for name in files:
            os.chmod(os.path.join(root, name), 0o644)


def build(directory, environment):
    run(["meson", "setup", WARNINGS, "build"], cwd=directory, env=environment)
    run(["ninja", "-C", "build"], cwd=directory, env=environment)


def run_config(directory, name, seconds="1s"):
    """The end of the instructions: what the plugin's config prints."""
    run([SONDE, "check", f"{name}.conf"], cwd=directory)
    return run([SONDE, "run", f"{name}.conf", "--for", seconds], cwd=directory)


@pytest.fixture(scope="module")
def templates(installed, environment, tmp_path_factory):
    """Where the installed projects were copied to and built."""
    installed_at = run(["pkg-config", "--variable=templatedir", "sonde"],
                       env={**environment, "PKG_CONFIG_SYSROOT_DIR": ""}).strip()
    target = tmp_path_factory.mktemp("templates") / "all"
    copy(f"{installed}{installed_at}", target)
    for kind in KINDS:
        build(target / kind, environment)
    return target


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_test_passes(templates, environment, kind):
    assert re.search(r"^Ok: +1\s*$", run(["meson", "test", "-C", "build"], cwd=templates / kind, env=environment), re.M)


@pytest.mark.parametrize("kind", KINDS)
def test_its_test_notices_a_plugin_that_does_not_do_its_work(templates, environment, tmp_path, kind):
    """A test that could not fail would be worth nothing: each plugin is broken in one place."""
    breaks = {"input": ("row->value = value;", "row->value = 0;"),
              "processor": (".reduces = SONDE_FILTERED", ".reduces = SONDE_SAMPLED"),
              "output": ("outcome.reason = \"no measure\";", "outcome.reason = NULL;")}
    copy(TREE / "examples/template" / kind, tmp_path / kind)
    source = tmp_path / kind / f"{KINDS[kind]}.c"
    right, wrong = breaks[kind]
    assert source.read_text().count(right) == 1
    source.write_text(source.read_text().replace(right, wrong))
    build(tmp_path / kind, environment)
    assert subprocess.run(["meson", "test", "-C", "build"], cwd=tmp_path / kind, env=environment, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120).returncode != 0


def test_the_input_runs_with_its_config(templates):
    assert re.search(r"number=\d+\.\d+ +file\.path=/proc/loadavg", run_config(templates / "input", "number", "3s"))


def test_the_processor_runs_with_its_config(templates):
    output = run_config(templates / "processor", "only", "3s")
    assert set(re.findall(r"generate\.word=(\w+)", output)) == {"red"}


def test_the_output_runs_with_its_config(templates):
    run_config(templates / "output", "statsd")


def test_one_that_is_renamed_is_a_plugin_of_that_name(environment, tmp_path):
    """What the README asks for: the files, the project and .name."""
    directory = tmp_path / "mine"
    copy(TREE / "examples/template/input", directory)
    for old, new in (("number.c", "mine.c"), ("test_number.c", "test_mine.c")):
        (directory / old).rename(directory / new)
    meson = directory / "meson.build"
    meson.write_text(re.sub(r"\bnumber\b", "mine", meson.read_text()).replace("test_number", "test_mine"))
    source = directory / "mine.c"
    source.write_text(source.read_text().replace('.name = "number",\n\t.summary', '.name = "mine",\n\t.summary'))
    build(directory, environment)
    assert "\n    mine - the number that a file holds" in run([SONDE, "plugins", "./build/mine.so"], cwd=directory)


def test_a_plugin_in_cpp_is_built_tested_and_run(environment, tmp_path):
    if not shutil.which("c++"):
        pytest.skip("there is no C++ compiler (the package g++ has one)")
    directory = tmp_path / "cpp"
    copy(TREE / "examples/cpp", directory)
    build(directory, environment)
    assert re.search(r"^Ok: +1\s*$", run(["meson", "test", "-C", "build"], cwd=directory, env=environment), re.M)
    words = re.findall(r"generate\.word=(\w+)", run_config(directory, "first", "2s"))
    assert sorted(words) == sorted(set(words)) and len(words) == 8


def test_an_ebpf_input_is_built_tested_and_run(environment, tmp_path):
    directory = tmp_path / "bpf"
    copy(TREE / "examples/bpf", directory)
    build(directory, environment)
    said = run(["meson", "test", "-C", "build", "-v"], cwd=directory, env=environment)
    if re.search(r"^Skipped: +1\s*$", said, re.M):
        pytest.skip("no BPF here: " + "".join(re.findall(r"skipped: (.*)", said)))
    assert re.search(r"^Ok: +1\s*$", said, re.M)
    assert re.search(r"process\.starts=\d+", run_config(directory, "execs", "2s"))
