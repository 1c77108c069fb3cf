# SPDX-License-Identifier: Apache-2.0
"""The unit test of peers that are killed under load, with ten times as many of them."""

import os
import subprocess

import pytest

import sonde


@pytest.mark.long
@pytest.mark.timeout(900)
def test_600_departures_of_each_kind_leave_nothing_behind():
    program = os.path.join(sonde.BUILD, "tests/unit/test_hop_departures")
    if not os.path.exists(program):
        pytest.skip(f"{program} is not there: the build leaves out tests")
    result = subprocess.run([program], env={**os.environ, "SONDE_DEPARTURES": "600"}, capture_output=True, text=True,
                            timeout=850, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
