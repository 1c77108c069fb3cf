# SPDX-License-Identifier: Apache-2.0
"""What tests of OTLP share: the official generated classes, to compare with."""

import os
import subprocess
import venv

import pytest


@pytest.fixture(scope="session")
def official(tmp_path_factory):
    """A python that has the official classes."""
    directory = tmp_path_factory.mktemp("official")
    try:
        venv.create(directory, with_pip=True)
    except (subprocess.CalledProcessError, SystemExit):     # Debian's venv ends the program without its package
        pytest.skip("a virtual environment cannot be made: apt install python3-venv")
    python = os.path.join(directory, "bin/python")
    try:
        installed = subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                                    "--retries", "1", "--timeout", "30", "opentelemetry-proto"],
                                   stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("opentelemetry-proto cannot be installed: the package index takes too long")
    if installed.returncode != 0:
        complaint = installed.stderr.strip().splitlines() or ["pip does not say why"]
        pytest.skip(f"opentelemetry-proto cannot be installed: {complaint[-1]}")
    return python
