# SPDX-License-Identifier: Apache-2.0
"""Our encoder of OTLP requests against the official generated classes."""

import os
import random
import subprocess


BUILD = os.environ.get("SONDE_BUILD", "build")
ENCODE_TABLES = os.path.join(BUILD, "tests/unit/encode_tables")
TABLES = os.path.join(os.path.dirname(__file__), "otlp_tables.py")


def test_tables_become_the_requests_that_the_mapping_says(official):
    seed = random.randrange(1 << 30)
    done = subprocess.run([official, TABLES, ENCODE_TABLES, str(seed), "2000"], capture_output=True, text=True,
                          timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
