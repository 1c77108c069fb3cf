# SPDX-License-Identifier: Apache-2.0
"""The plugin interface: what was frozen still holds, and plugins of an older minor version load into a newer host."""

import glob
import os
import pathlib
import shutil
import subprocess

import pytest

import header

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("SONDE_BUILD", TREE / "build"))
CURRENT = TREE / "core/include/sonde/plugin.h"
FROZEN = sorted(HERE.glob("plugin_v*.h"))
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers"]
BEFORE = "plugin tables 1.2\n"
STARTED = "start returned 42\n"


def cc(*arguments):
    subprocess.run(["cc", "-g", "-D_GNU_SOURCE", "-std=gnu11", *map(str, arguments)], check=True)


def include_directory(scratch, name, text):
    """A directory to be given by -I, whose <sonde/plugin.h> is the text."""
    directory = scratch / name
    (directory / "sonde").mkdir(parents=True)
    (directory / "sonde/plugin.h").write_text(text)
    return directory


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("abi")


@pytest.fixture(scope="module")
def headers(scratch):
    """Include directories: each frozen version by its name, the one of this tree, and the minor version after it."""
    texts = {path.stem: path.read_text() for path in FROZEN}
    texts["current"] = CURRENT.read_text()
    texts["next"] = header.next_minor(CURRENT.read_text())
    return {name: include_directory(scratch, name, text) for name, text in texts.items()}


def build_plugin(scratch, headers, version):
    directory = scratch / f"plugin-{version}"
    directory.mkdir(exist_ok=True)
    cc("-shared", "-fPIC", "-I", headers[version], *WARNINGS, *(["-DWITH_NEXT"] if version == "next" else []),
       HERE / "tables.c", "-o", directory / "tables.so")
    return directory / "tables.so"


def build_host(scratch, headers, version):
    """The loader as it would be with that header: every file of the core built anew."""
    program = scratch / f"load-{version}"
    sources = [TREE / "core" / f"{noun}.c" for noun in
               ("arena", "descriptor", "name", "option", "plugin", "quantity", "refusal", "rule", "schema", "secret",
                "shared_object", "table", "text")]
    cc("-I", headers[version], "-I", TREE / "core", *(["-DWITH_NEXT"] if version == "next" else []),
       HERE / "load.c", *sources, "-lm", "-ldl", "-o", program)
    return program


def load(host, plugin):
    result = subprocess.run([host, plugin], capture_output=True, text=True, timeout=60)
    return result.returncode, result.stdout


def test_a_version_is_frozen():
    """plugin_v1_0.h and its kin: tests/abi/freeze writes them."""
    assert FROZEN


@pytest.mark.parametrize("path", FROZEN, ids=lambda path: path.stem)
def test_every_frozen_member_and_number_is_where_it_was(path, tmp_path):
    frozen, current = header.layout(path, tmp_path), header.layout(CURRENT, tmp_path)
    assert len(frozen) > 300 and frozen["struct sonde_plugin.name"][2] == "const char *"
    may_change = {"SONDE_ABI_MINOR", "struct sonde_option.reserved", "struct sonde_column.reserved",
                  "struct sonde_delivery.reserved"}
    moved = {name: (value, current.get(name)) for name, value in frozen.items()
             if current.get(name) != value and name not in may_change}
    assert moved == {}


def test_a_member_that_moves_is_noticed(tmp_path):
    """The check above can fail: on a member put in between, on another type, and on a number that changes."""
    text = CURRENT.read_text()
    changed = tmp_path / "changed.h"
    changed.write_text(text.replace("\tconst char *summary;", "\tconst char *between;\n\tconst char *summary;")
                           .replace("int (*check)(struct sonde_instance *);",
                                    "void (*check)(struct sonde_instance *, int);")
                           .replace("SONDE_HAS_MINIMUM = 2", "SONDE_HAS_MINIMUM = 8"))
    before, after = header.layout(CURRENT, tmp_path), header.layout(changed, tmp_path)
    moved = {name for name, value in before.items() if after.get(name) != value}
    assert {"struct sonde_plugin.summary", "struct sonde_plugin.check", "SONDE_HAS_MINIMUM"} <= moved
    assert "struct sonde_plugin.name" not in moved and "struct sonde_option.help" not in moved


def test_no_struct_that_grows_ends_in_padding(tmp_path):
    """A member that came to lie in padding would not change the size that tells old from new."""
    sizes = header.sizes(CURRENT, tmp_path)
    padded = {name: sizes[f"struct {name}"] for name in header.NEXT_MEMBERS
              if sizes[f"struct {name}"][0] != sizes[f"struct {name}"][1]}
    assert padded == {}


@pytest.mark.parametrize("version", [path.stem for path in FROZEN] + ["current"])
def test_an_older_or_equal_plugin_loads(version, scratch, headers):
    status, output = load(build_host(scratch, headers, "current"), build_plugin(scratch, headers, version))
    assert (status, output) == (0, BEFORE + (
        "option interval = 5s\n"
        "option pairs = none\n"
        "option in group key = none\n"
        "option in group wait = 1s\n"
        "counter reads of {read}\n"
        "counter errors of {error}\n"
        "schema first\n"
        "field time of ns, help when\n"
        "field value of 1, help what\n"
        "schema second\n"
        "field time of ns, help when\n"
        "field value of 1, help what\n") + STARTED)


@pytest.mark.parametrize("version", [path.stem for path in FROZEN] + ["current"])
def test_a_newer_host_sees_zero_in_what_an_older_plugin_does_not_know(version, scratch, headers):
    status, output = load(build_host(scratch, headers, "next"), build_plugin(scratch, headers, version))
    assert status == 0, output
    assert output.startswith(BEFORE) and output.endswith("next of plugin: none\n" + STARTED)
    for line in ("next of option interval: none", "next of option wait: none", "next of counter errors: 0",
                 "next of field value: 0", "next of schema second: none", "field value of 1, help what",
                 "counter errors of {error}", "option in group wait = 1s"):
        assert f"{line}\n" in output


def test_a_newer_host_sees_the_new_members_of_a_newer_plugin(scratch, headers):
    status, output = load(build_host(scratch, headers, "next"), build_plugin(scratch, headers, "next"))
    assert status == 0, output
    for line in ("next of option interval: more", "next of option wait: none", "next of counter reads: 0",
                 "next of counter errors: 7", "next of field value: 8", "next of plugin: there"):
        assert f"{line}\n" in output


def test_a_newer_plugin_is_refused_by_its_minor(scratch, headers):
    plugin = build_plugin(scratch, headers, "next")
    numbers = header.constants(CURRENT)
    major, minor = numbers["SONDE_ABI_MAJOR"], numbers["SONDE_ABI_MINOR"]
    assert load(build_host(scratch, headers, "current"), plugin) == (
        1, f"{plugin}: abi_minor is {minor + 1}, expected at most {minor}: it was built for plugin interface "
           f"{major}.{minor + 1}, this sonde has {major}.{minor}; upgrade sonde, or rebuild it with this sonde's "
           f"header\n")


def test_another_major_is_refused_by_it(scratch, headers):
    text = CURRENT.read_text()
    headers["major"] = include_directory(
        scratch, "major", text.replace("#define SONDE_ABI_MAJOR 1\n", "#define SONDE_ABI_MAJOR 2\n"))
    status, output = load(build_host(scratch, headers, "current"), build_plugin(scratch, headers, "major"))
    minor = header.constants(CURRENT)["SONDE_ABI_MINOR"]
    assert status == 1 and f"abi_major is 2, expected 1: it was built for plugin interface 2.{minor}" in output


def exports(path):
    """The symbols that a shared object offers to others."""
    lines = subprocess.run(["nm", "-D", "--defined-only", path], check=True, capture_output=True,
                           text=True).stdout.splitlines()
    return {line.split()[-1] for line in lines}


PLUGINS = sorted(glob.glob(str(BUILD / "plugins/*.so")))


def test_there_are_plugins_to_look_at():
    assert {"generate.so", "null.so"} <= {os.path.basename(path) for path in PLUGINS}


@pytest.mark.parametrize("path", PLUGINS, ids=[os.path.basename(path) for path in PLUGINS])
def test_a_plugin_exports_one_function(path):
    assert exports(path) == {"sonde_plugin"}


def test_the_header_pleases_strict_c11(tmp_path, headers):
    for compiler in ("gcc", "clang"):
        if shutil.which(compiler):
            subprocess.run([compiler, "-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror",
                            "-Wno-missing-field-initializers", "-I", headers["current"], "-c", HERE / "tables.c", "-o",
                            tmp_path / "tables.o"], check=True)


def test_a_plugin_in_cxx_loads(scratch, headers):
    if not shutil.which("g++"):
        pytest.skip("there is no C++ compiler: apt install g++")
    directory = scratch / "cxx"
    directory.mkdir()
    source = directory / "tables.cc"
    source.write_text((HERE / "tables.c").read_text())
    subprocess.run(["g++", "-std=c++20", "-shared", "-fPIC", *WARNINGS, "-I", headers["current"], source, "-o",
                    directory / "tables.so"], check=True)
    status, output = load(build_host(scratch, headers, "current"), directory / "tables.so")
    assert status == 0 and output.startswith(BEFORE) and output.endswith(STARTED)
    assert exports(directory / "tables.so") == {"sonde_plugin"}
