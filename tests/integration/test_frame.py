# SPDX-License-Identifier: Apache-2.0
"""Frames beside a second implementation, tests/frame/frame.py, and frames that were written long ago."""

import glob
import json
import os
import random
import subprocess
import sys

import pytest

from sonde import BUILD, TREE

FRAMES = os.path.join(TREE, "tests/frame")
sys.path.insert(0, FRAMES)
import frame  # noqa: E402

FROZEN = sorted(glob.glob(os.path.join(FRAMES, "v1_*.frame")))


def recode(data, *arguments, program="recode_frame"):
    return subprocess.run([os.path.join(BUILD, "tests/unit", program), *arguments], input=data, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def made(seed):
    done = recode(b"", "random", str(seed), str(seed % 4), "0" if seed % 2 else "-1")
    assert done.returncode == 0, done.stderr
    return done.stdout


def said(data, program="recode_frame"):
    done = recode(data, "read", program=program)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("seeds", [range(0, 6), range(6, 12)], ids=str)
def test_both_implementations_read_the_same(seeds):
    for seed in seeds:
        data = made(seed)
        assert frame.read(data) == said(data), f"seed {seed}"


def test_what_the_other_implementation_writes_is_read():
    for seed in range(12):
        expected = said(made(seed))
        data = frame.write(expected, random.Random(seed))
        assert frame.read(data) == expected, f"seed {seed}"
        assert said(data) == expected, f"seed {seed}"


def test_a_frame_that_is_read_and_written_says_the_same():
    data = made(7)
    done = recode(data, "write", "3")
    assert done.returncode == 0, done.stderr
    assert said(done.stdout)["batches"] == said(data)["batches"]


@pytest.mark.parametrize("path", FROZEN, ids=os.path.basename)
@pytest.mark.parametrize("program", ["recode_frame", "recode_frame_v2"])
def test_frozen_frames_of_version_1_are_read_by_it_and_by_the_next(path, program):
    with open(path, "rb") as file:
        data = file.read()
    with open(path.replace(".frame", ".json"), encoding="ascii") as file:
        assert said(data, program) == json.load(file)


def test_there_are_frozen_frames():
    assert len(FROZEN) >= 3


def test_a_frame_of_the_next_version_is_for_readers_of_it_alone():
    done = recode(b"", "random", "3", "2", "0", program="recode_frame_v2")
    assert done.returncode == 0 and done.stdout[8] == 2
    assert said(done.stdout, "recode_frame_v2") == said(recode(b"", "random", "3", "2", "0").stdout)
    refused = recode(done.stdout, "read")
    assert refused.returncode == 1 and b"Protocol not supported" in refused.stderr


def test_a_frame_of_version_3_is_for_none_of_them():
    data = bytearray(made(3))
    data[8] = 3
    for program in ("recode_frame", "recode_frame_v2"):
        refused = recode(bytes(data), "read", program=program)
        assert refused.returncode == 1 and b"Protocol not supported" in refused.stderr
