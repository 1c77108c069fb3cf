# SPDX-License-Identifier: Apache-2.0
"""The plugins in examples/plugin: built outside the tree against what `meson install` installs, and run."""

import glob
import os
import pathlib
import re
import shutil
import subprocess

import pytest

from installed import SONDE, TREE, environment, installed, run    


@pytest.fixture(scope="module")
def plugins(tmp_path_factory, environment):
    """The directory where the example plugins were built: with the installed header, far from the tree."""
    directory = tmp_path_factory.mktemp("examples") / "plugin"
    shutil.copytree(TREE / "examples/plugin", directory)
    os.chmod(directory, 0o755)      # whatever mode the tree was unpacked with
    run(["make", "-C", directory, "CFLAGS=-O1 -g -Wall -Wextra -Werror -Wno-missing-field-initializers"],
        env=environment)
    return directory


def test_files_are_where_a_debian_user_expects_them(installed, environment):
    variables = {name: run(["pkg-config", f"--variable={name}", "sonde"], env={
        **environment, "PKG_CONFIG_SYSROOT_DIR": ""}).strip() for name in ("prefix", "includedir", "plugindir")}
    multiarch = run(["gcc", "-print-multiarch"]).strip()
    prefix = variables["prefix"]
    assert variables == {"prefix": prefix, "includedir": f"{prefix}/include",
                         "plugindir": f"{prefix}/lib/{multiarch}/sonde/plugins"}
    inside = pathlib.Path(f"{installed}{prefix}")
    for path in ("bin/sonde", "include/sonde/plugin.h", "include/sonde/test.h", f"lib/{multiarch}/libsonde-test.so",
                 f"lib/{multiarch}/pkgconfig/sonde-test.pc", f"lib/{multiarch}/sonde/plugins/null.so",
                 f"lib/{multiarch}/pkgconfig/sonde.pc"):
        assert (inside / path).is_file(), path
    assert (inside / "include/sonde/plugin.h").read_text() == (TREE / "core/include/sonde/plugin.h").read_text()


def test_installed_plugins_may_be_loaded(installed):
    """Nobody but their owner may write them or their directory, and their libraries are found from there."""
    paths = glob.glob(f"{installed}/**/sonde/plugins", recursive=True)
    paths += glob.glob(f"{installed}/**/sonde/plugins/*.so", recursive=True)
    assert len(paths) > 2
    assert [path for path in paths if os.stat(path).st_mode & 0o022] == []
    for path in paths:
        if path.endswith(".so"):
            name = re.sub("-(input|processor|output)$", "", pathlib.Path(path).stem)
            assert f"\n    {name} - " in run([SONDE, "plugins", path])


def test_make_install_puts_them_beside_the_others(plugins, environment, installed, tmp_path):
    # pkg-config puts the system root before the directory already.
    run(["make", "-C", plugins, "install"], env=environment)
    directory = glob.glob(f"{installed}/**/sonde/plugins", recursive=True)[0]
    assert {"load.so", "threshold.so", "lines.so", "durable.so", "null.so"} <= set(os.listdir(directory))
    assert "\n    load " in run([SONDE, "plugins", f"{directory}/load.so"])


def test_they_have_manuals(plugins):
    for name, words in {"load": "tasks that want a CPU", "threshold": "rows over a limit",
                        "lines": "a line a row, in a file",
                        "durable": "a line a row, in a file that is on the disk"}.items():
        manual = run([SONDE, "plugins", f"./{name}.so"], cwd=plugins)
        assert f"{name} - {words}" in manual


def test_make_check_runs_their_tests(plugins, environment):
    assert "test_durable" in run(["make", "-C", plugins, "check"], env=environment)


def config(plugins, tmp_path, text, process="", output="lines"):
    path = tmp_path / "example.conf"
    path.write_text(f'''sonde: {{ plugins = ["{plugins}"]; state = "{tmp_path}/state"; }};
processors: {{ {process} }};
outputs: {{ text: {{ plugin = "{output}"; path = "{tmp_path}/out.txt"; }}; }};
{text}''')
    return path


def lines(tmp_path):
    path = tmp_path / "out.txt"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.sanitizers
def test_the_input_reads_the_load_that_the_kernel_says(plugins, tmp_path):
    run([SONDE, "run", config(plugins, tmp_path, '''
inputs: { load: { plugin = "load"; interval = "100ms"; }; };
pipelines: { main: { from = ["load"]; to = ["text"]; }; };
'''), "--for", "2s"])
    seen = lines(tmp_path)
    assert 10 <= len(seen) <= 20
    for line in seen:
        words = line.split(" ")
        assert words[0] == "load" and len(words) == 4
        assert words[1].startswith("time=") and words[2].startswith("system.load.1m=")
    load = float(pathlib.Path("/proc/loadavg").read_text().split()[0])
    assert abs(float(words[2].split("=")[1]) - load) < 1


@pytest.mark.sanitizers
def test_the_processor_keeps_what_is_over_the_limit(plugins, tmp_path):
    run([SONDE, "run", config(plugins, tmp_path, '''
inputs: { rows: { plugin = "generate"; rows = 5000; rate = 0; }; };
pipelines: { main: { from = ["rows"]; through = ["high"]; to = ["text"]; }; };
''', process='high: { plugin = "threshold"; column = "generate.value"; over = 989.5; };'), "--for", "2s"])
    seen = lines(tmp_path)
    found = [dict(word.split("=") for word in line.split(" ")[1:]) for line in seen]
    assert [int(row["generate.sequence"]) for row in found] == [
        sequence for sequence in range(5000) if sequence % 1000 > 989.5]
    for row in found:
        assert float(row["threshold.excess"]) == float(row["generate.value"]) - 989.5


@pytest.mark.sanitizers
def test_rows_without_the_column_pass_the_processor(plugins, tmp_path):
    run([SONDE, "run", config(plugins, tmp_path, '''
inputs: { rows: { plugin = "generate"; rows = 2500; rate = 0; keys = 3; }; };
pipelines: { main: { from = ["rows"]; through = ["other"]; to = ["text"]; }; };
''', process='other: { plugin = "threshold"; column = "of.another.schema"; };'), "--for", "2s"])
    seen = lines(tmp_path)
    assert len(seen) == 2500
    assert seen[2499].startswith("generate.keyed time=")
    assert seen[2499].endswith(
        'generate.sequence=2499 generate.value=499 generate.word="green" generate.key="key-00000000"')


@pytest.mark.sanitizers
def test_the_output_says_what_it_cannot_write(plugins, tmp_path):
    path = config(plugins, tmp_path, '''
inputs: { rows: { plugin = "generate"; rows = 10; rate = 0; }; };
pipelines: { main: { from = ["rows"]; to = ["text"]; }; };
''')
    path.write_text(path.read_text().replace(f"{tmp_path}/out.txt", f"{tmp_path}/missing/out.txt"))
    result = subprocess.run([SONDE, "run", path, "--for", "1s"], capture_output=True, text=True, timeout=60)
    assert f"text: cannot open {tmp_path}/missing/out.txt: No such file or directory" in result.stderr
    assert result.returncode == 5      # documented: it ended before everything was handed over


@pytest.mark.sanitizers
def test_an_output_that_works_on_a_thread_of_its_own_hands_over_every_row(plugins, tmp_path):
    run([SONDE, "run", config(plugins, tmp_path, '''
inputs: { rows: { plugin = "generate"; rows = 50000; rate = 0; }; };
pipelines: { main: { from = ["rows"]; to = ["text"]; }; };
''', output="durable"), "--for", "2s"])
    seen = lines(tmp_path)
    assert len(seen) == 50000
    assert seen[49999].startswith("generate time=")
    assert "generate.sequence=49999 " in seen[49999]
