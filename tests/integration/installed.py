# SPDX-License-Identifier: Apache-2.0
"""What authors of plugins find: what `meson install` installs, in a root directory of its own."""

import glob
import os
import pathlib
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("SONDE_BUILD", TREE / "build"))
SONDE = BUILD / "sonde"


def run(command, **options):
    result = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=120, **options)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A root directory with sonde in it."""
    root = tmp_path_factory.mktemp("root")
    run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root])
    return root


@pytest.fixture(scope="module")
def environment(installed):
    """In which pkg-config, the compiler and the loader find what lies there, as they would find it without a root."""
    pc = glob.glob(f"{installed}/**/sonde.pc", recursive=True)
    assert len(pc) == 1, pc
    return {**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(installed), "PKG_CONFIG_PATH": os.path.dirname(pc[0]),
            "LD_LIBRARY_PATH": os.path.dirname(os.path.dirname(pc[0])),
            "PATH": os.pathsep.join([str(SONDE.parent), os.environ["PATH"]])}
