# SPDX-License-Identifier: Apache-2.0
"""Everything in docs/plugins-authoring.md that a compiler, a shell or the tree can check.

A code block either stands in a file of examples/, which is built and tested, or compiles by itself, behind what a
comment `<!-- with … -->` before it declares. The commands are run in the order in which they are shown.
"""

import re
import subprocess
import textwrap

import pytest

from installed import BUILD, TREE, environment, installed, run    

MANUAL = (TREE / "docs/plugins-authoring.md").read_text()
HEADERS = [(TREE / path).read_text() for path in (
    "core/include/sonde/plugin.h", "lib/test/include/sonde/test.h", "lib/kernel/include/sonde/kernel.h")]
BLOCKS = re.findall(r"(?:<!-- with\n(.*?)-->\n)?```(\w+)\n(.*?)```", MANUAL, re.S)
PREAMBLE = "#include <errno.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sonde/plugin.h>\n"


def undent(text):
    return textwrap.dedent(text).strip("\n")


def stands_in_an_example(code):
    """Verbatim but for how far it is indented."""
    lines = undent(code).splitlines()
    for path in sorted((TREE / "examples").rglob("*")):
        if path.suffix not in (".c", ".cpp", ".h"):
            continue
        file_lines = path.read_text().splitlines()
        for start in range(len(file_lines) - len(lines) + 1):
            if undent("\n".join(file_lines[start:start + len(lines)])).splitlines() == lines:
                return True
    return False


@pytest.mark.parametrize("place", [n for n, block in enumerate(BLOCKS) if block[1] in ("c", "cpp")])
def test_code_is_that_of_an_example_or_compiles(place, environment, tmp_path):
    declared, language, code = BLOCKS[place]
    if stands_in_an_example(code):
        return
    assert language == "c", f"stands in no example:\n{code}"
    source = tmp_path / "sample.c"
    source.write_text(PREAMBLE + declared + code)
    flags = run(["pkg-config", "--cflags", "sonde"], env=environment).split()
    run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", "-Wno-unused", *flags,
         "-c", "-o", tmp_path / "sample.o", source])


def test_commands_do_what_they_should(environment, tmp_path):
    script = "set -e\numask 022\n" + "".join(code for _, language, code in BLOCKS if language == "sh")
    result = subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=250, check=False)
    assert result.returncode == 0, result.stdout
    assert "number - the number that a file holds" in result.stdout
    assert re.search(r"number=\d+\.\d+ +file\.path=/proc/loadavg", result.stdout)
    assert len(re.findall(r"^Ok: +1\s*$", result.stdout, re.M)) == 2


def test_every_name_of_the_interface_is_one_that_there_is():
    names = set(re.findall(r"\b(?:sonde|SONDE)_[A-Za-z_0-9]*[A-Za-z0-9]\b", re.sub(r"SONDE_LOST_…", "", MANUAL)))
    known = set(re.findall(r"\b(?:sonde|SONDE)_[A-Za-z_0-9]+\b", "\n".join(HEADERS)))
    for path in (TREE / "bpf/include/sonde/bpf").glob("*.h"):
        known |= set(re.findall(r"\b(?:sonde|SONDE)_[A-Za-z_0-9]+\b", path.read_text()))
    assert len(names) > 100
    assert sorted(names - known) == []


def test_every_service_and_callback_is_explained_or_left_to_the_header_on_purpose():
    """What an author who reads the manual only would miss."""
    services = set(re.findall(r"^sonde_(\w+)\(struct sonde_instance \*instance|\bsonde_(\w+)\(struct sonde_instance \*",
                              HEADERS[0], re.M))
    services = {a or b for a, b in services}
    in_header_only = {"any_encode", "metric_encode", "metric_metadata", "batch_table", "batch_hold", "batch_valid",
                      "batch_heap"}
    assert len(services) > 40
    assert sorted(s for s in services - in_header_only if f"sonde_{s}" not in MANUAL) == []
    callbacks = re.findall(r"^\t(?:int|void) \(\*(\w+)\)\(struct sonde_instance \*[,)]",
                           HEADERS[0][HEADERS[0].index("struct sonde_plugin {"):], re.M)
    assert len(callbacks) == 15
    assert sorted(c for c in callbacks if f"`{c}`" not in MANUAL and f"`{c}(" not in MANUAL) == []


def test_files_that_it_names_are_there():
    for path in re.findall(r"`((?:examples|plugins|docs)/[\w/.]+)`", MANUAL):
        assert (TREE / path).exists(), path
    for path in re.findall(r"\]\(([\w.-]+\.md)[)#]", MANUAL):
        assert (TREE / "docs" / path).exists(), path
