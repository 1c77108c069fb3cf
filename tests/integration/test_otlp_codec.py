# SPDX-License-Identifier: Apache-2.0
"""Our encoder of OTLP requests, alone and behind our decoder, against the official generated classes."""

import os
import random
import subprocess

import pytest

BUILD = os.environ.get("SONDE_BUILD", "build")
ENCODE_TABLES = os.path.join(BUILD, "tests/unit/encode_tables")
RECODE = os.path.join(BUILD, "tests/unit/recode_otlp")
HERE = os.path.dirname(os.path.abspath(__file__))


def test_tables_become_the_requests_that_the_mapping_says(official):
    seed = random.randrange(1 << 30)
    done = subprocess.run([official, os.path.join(HERE, "otlp_tables.py"), ENCODE_TABLES, str(seed), "1000"], capture_output=True, text=True,
                          timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("made_of", ["columns", "originals", "both"])
def test_requests_are_the_same_after_they_were_batches(official, made_of):
    seed = random.randrange(1 << 30)
    made = subprocess.run([official, os.path.join(HERE, "otlp_random.py"), str(seed), "300"], stdout=subprocess.PIPE,
                          text=True, timeout=200, check=True).stdout.splitlines()
    requests = [line.split("\t")[0] for line in made]
    again = subprocess.run([RECODE, made_of], input="\n".join(requests) + "\n", stdout=subprocess.PIPE, text=True, timeout=120,
                           check=True).stdout.splitlines()
    pairs = [f"{request.split(' ')[0]} {request.split(' ')[2]} {ours}" for request, ours in zip(requests, again,
                                                                                           strict=True)]
    done = subprocess.run([official, os.path.join(HERE, "otlp_round.py")], input="\n".join(pairs) + "\n",
                          capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, f"seed {seed}: {done.stderr}"
    assert int(done.stdout) > 1000
