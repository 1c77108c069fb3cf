# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of lib/http, HTTP/2 side: real clients, frames made by hand, and floods of them."""

import contextlib
import os
import re
import shutil
import struct
import subprocess
import zlib

import pytest

import sonde
from http_mirror import (ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM,
                         FLOW_CONTROL_ERROR, GOAWAY, HEADERS, NO_ERROR, PING, PREFACE, PRIORITY, PROTOCOL_ERROR,
                         RST, SETTINGS, WINDOW, Http2, Mirror, frame, head, literal, raw)

pytestmark = pytest.mark.asan

MIB = 1 << 20


@pytest.fixture
def mirror(tmp_path):
    with Mirror(tmp_path) as daemon:
        yield daemon.start()


def opened(stream, path="/echo", flags=0, **headers):
    return frame(HEADERS, END_HEADERS | flags, stream, head(path, **headers))


def body(data, stream=1, size=16384):
    """As DATA frames, the last of which ends the stream."""
    pieces = [data[at:at + size] for at in range(0, len(data), size)] or [b""]
    return [frame(DATA, END_STREAM if i == len(pieces) - 1 else 0, stream, piece) for i, piece in enumerate(pieces)]


def data_of(frames):
    return b"".join(payload for kind, _, _, payload in frames if kind == DATA)


def is_status(frames, status):
    """Whether the head says so, in one of the forms that HPACK has for it."""
    block = frames[0][3].removeprefix(b"\x20") if frames and frames[0][0] == HEADERS else b""     # there is no table
    indexed = {200: b"\x88", 400: b"\x8c", 404: b"\x8d"}.get(status)
    return block.startswith(indexed) if indexed else b"%d" % status in block[:6] or huffman(status) in block[:6]


def huffman(status):
    """Three digits in Huffman's code of HPACK: 0, 1 and 2 have 5 bits, the others 6."""
    bits = "".join({"0": "00000", "1": "00001", "2": "00010"}.get(digit) or format(0b011001 + int(digit) - 3, "06b")
                   for digit in str(status))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


# --- what clients do ------------------------------------------------------------------------------------------------

def test_many_streams_are_answered_on_one_connection(mirror):
    with Http2(mirror) as http2:
        streams = range(1, 99, 2)
        for stream in streams:
            http2.send(opened(stream), *body(b"%d" % stream * 3, stream))
        left = {stream: b"" for stream in streams}
        while left:
            kind, flags, stream, payload = http2.read()
            if kind == DATA:
                left[stream] += payload
            if stream and flags & END_STREAM:
                assert left.pop(stream) == b"%d" % stream * 3
    assert mirror.is_well()["connections"] >= 2


@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize("place", [False, True])
def test_bodies_arrive_whole_with_and_without_a_stated_length(tmp_path, stated, place):
    data = os.urandom(700_000)
    with Mirror(tmp_path, place=place) as mirror:
        mirror.start()
        with Http2(mirror) as http2:
            length = {"content_length": str(len(data))} if stated else {}
            http2.send(opened(1, "/count", **length), *body(data, size=10_007))
            assert data_of(http2.read_answer(1)) == f"{len(data)} {zlib.adler32(data)}\n".encode()
        mirror.is_well()
        assert mirror.status().counter("web", "placed") == (len(data) if place and stated else 0)


def test_an_answer_ends_with_trailers(mirror):
    with Http2(mirror) as http2:
        http2.send(opened(1, "/trailers", content_type="application/grpc", te="trailers"), *body(b"message"))
        frames = http2.read_answer(1)
        assert [kind for kind, *_ in frames] == [HEADERS, DATA, HEADERS]
        assert is_status(frames, 200) and data_of(frames) == b"message" and frames[2][1] & END_STREAM


def test_trailers_of_an_answer_without_a_body_stand_in_its_head(mirror):
    with Http2(mirror) as http2:
        http2.send(opened(1, "/trailers", END_STREAM))
        frames = http2.read_answer(1)
        assert [(kind, flags & END_STREAM) for kind, flags, *_ in frames] == [(HEADERS, END_STREAM)]


def test_a_request_may_have_trailers_and_padding(mirror):
    with Http2(mirror) as http2:
        http2.send(opened(1), frame(DATA, 8, 1, b"\x05padded" + b"\0" * 5),
                   frame(HEADERS, END_HEADERS | END_STREAM, 1, literal("x-sum", "1")))
        assert data_of(http2.read_answer(1)) == b"padded"


def test_a_body_that_is_refused_early_is_answered_and_then_reset(mirror):
    with Http2(mirror) as http2:
        http2.send(opened(1, "/refuse/429", content_length=str(50 * MIB)), frame(DATA, 0, 1, b"x" * 1000))
        frames = http2.read_answer(1)
        assert is_status(frames, 429) and data_of(frames) == b"429\n"
        assert http2.read()[0::3] == (RST, struct.pack(">I", NO_ERROR))
        http2.send(opened(3, "/grow/1000"), *body(b"x" * 100_000, 3)[:-1])
        frames = http2.read_answer(3)
        assert is_status(frames, 429)
        http2.send(opened(5, "/refuse/503", content_length="4"), *body(b"rest", 5), opened(7), *body(b"next", 7))
        assert is_status(http2.read_answer(5), 503)
        assert data_of(http2.read_answer(7)) == b"next"
    mirror.is_well()


def test_heads_and_bodies_are_bounded(tmp_path):
    with Mirror(tmp_path, head_bytes=2000, body_bytes=100_000) as mirror:
        mirror.start()
        with Http2(mirror) as http2:
            http2.send(opened(1, "/echo", END_STREAM, x="y" * 3000))
            assert is_status(http2.read_answer(1), 431)
            http2.send(opened(3, content_length="100001"))
            assert is_status(http2.read_answer(3), 413)
            http2.send(opened(5), frame(DATA, 0, 5, b"x" * 16_000) * 6, frame(DATA, 0, 5, b"x" * 4000))
            assert is_status(http2.read_answer(5), 413)
            http2.send(opened(7), *body(b"x" * 100, 7))
            assert data_of(http2.read_answer(7)) == b"x" * 100
        mirror.is_well()


def test_a_body_that_cannot_be_held_beside_others_is_put_off(tmp_path):
    with Mirror(tmp_path, body_bytes=300_000, connection_bytes=500_000) as mirror:
        mirror.start()
        with Http2(mirror) as http2:
            http2.send(*(opened(stream, "/count", content_length="300000") for stream in (1, 3)))
            assert is_status(http2.read_answer(3), 503)
            http2.send(*body(b"x" * 300_000))
            assert data_of(http2.read_answer(1)).startswith(b"300000 ")
        mirror.is_well()


def test_bodies_that_fill_all_memory_do_not_wait_for_each_other_for_ever(tmp_path):
    with Mirror(tmp_path, body_bytes=300_000, connection_bytes=500_000) as mirror:
        mirror.start()
        streams = range(1, 21, 2)
        with Http2(mirror) as http2:
            http2.send(*(opened(stream, "/count") for stream in streams))
            http2.send(*(frame(DATA, 0, stream, b"x" * 10_000) for _ in range(5) for stream in streams))
            got = http2.read_until(lambda kind, *_: kind == HEADERS)
            assert got[2] == 19 and is_status([got], 503)
            assert http2.read_until(lambda kind, flags, stream, _: (kind, stream) == (WINDOW, 0))
            for stream in streams[:-1]:
                http2.send(frame(DATA, END_STREAM, stream, b"x"))
                assert data_of(http2.read_answer(stream)).startswith(b"50001 ")
        mirror.is_well()


def test_more_than_the_window_ends_the_connection(tmp_path):
    with Mirror(tmp_path, body_bytes=300_000, connection_bytes=500_000) as mirror:
        mirror.start()
        with Http2(mirror) as http2:
            http2.send(opened(1), opened(3), opened(5, "/never", END_STREAM))
            http2.send(*(frame(DATA, 0, stream, b"x" * 10_000) for _ in range(26) for stream in (1, 3)))
            assert http2.goaway_code() == FLOW_CONTROL_ERROR
        mirror.is_well()


@pytest.mark.parametrize("frames", [
    [opened(1, "/never", END_STREAM)],
    [opened(1), frame(DATA, 0, 1, b"x")],
    [opened(1)[:-3]],
    [opened(1, "/big/8000000", END_STREAM)],
    [opened(1, "/delay/50", END_STREAM), frame(RST, 0, 1, struct.pack(">I", CANCEL))],
])
def test_clients_that_leave_end_their_requests(mirror, frames):
    with Http2(mirror) as http2:
        http2.send(frame(PING, 0, 0, b"12345678"), *frames)
        assert http2.read_until(lambda kind, *_: kind == PING)
    sonde.wait_for(lambda: mirror.counts()["open"] == 1, "it is gone")
    mirror.is_well()


def test_the_end_is_told_and_what_was_asked_is_answered(mirror):
    with Http2(mirror) as http2, Http2(mirror) as idle:
        http2.send(opened(1, "/delay/500"), *body(b"late"))
        sonde.wait_for(lambda: mirror.counts()["open_requests"] == 2, "it has come")
        mirror.send(15)
        assert idle.goaway_code() == NO_ERROR and idle.read() is None
        got = http2.read_until(lambda kind, *_: kind == GOAWAY)
        assert struct.unpack(">II", got[3][:8]) == (1, NO_ERROR)
        http2.send(opened(3), *body(b"too late", 3))
        assert data_of(http2.read_answer(1)) == b"late"
        assert http2.read_answer(3) == []
    assert mirror.wait() == 0


# --- floods ---------------------------------------------------------------------------------------------------------

def flood_of(frames_of, count=100_000, chunk=200):
    """Sends frames until the server has had enough."""
    def send(http2):
        for i in range(0, count, chunk):
            if not http2.send(*(frames_of(k) for k in range(i, i + chunk))):
                break
    return send


FLOODS = {
    "rapid reset": flood_of(lambda i: opened(2 * i + 1, "/never", END_STREAM) +
                            frame(RST, 0, 2 * i + 1, struct.pack(">I", CANCEL))),
    "rapid reset of bodies": flood_of(lambda i: opened(2 * i + 1) +
                                      frame(RST, 0, 2 * i + 1, struct.pack(">I", CANCEL))),
    "streams over the limit": flood_of(lambda i: opened(2 * i + 1, "/never")),
    "reset by mistakes": flood_of(lambda i: opened(2 * i + 1) + frame(WINDOW, 0, 2 * i + 1, b"\0\0\0\0")),
    "pings": flood_of(lambda i: frame(PING, 0, 0, b"12345678")),
    "answers to pings": flood_of(lambda i: frame(PING, ACK, 0, b"12345678")),
    "settings": flood_of(lambda i: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535 + i % 2))),
    "empty settings": flood_of(lambda i: frame(SETTINGS)),
    "empty data": flood_of(lambda i: (opened(1) if i == 0 else b"") + frame(DATA, 0, 1)),
    "data of padding": flood_of(lambda i: (opened(1) if i == 0 else b"") + frame(DATA, 8, 1, b"\x05" + b"\0" * 5)),
    "data of one byte": flood_of(lambda i: (opened(1) if i == 0 else b"") + frame(DATA, 0, 1, b"x")),
    "priorities": flood_of(lambda i: frame(PRIORITY, 0, 2 * i + 1, b"\0\0\0\0\x10")),
    "window updates": flood_of(lambda i: frame(WINDOW, 0, 0, b"\0\0\0\1")),
    "unknown frames": flood_of(lambda i: frame(77, 0, 0, b"what")),
    "continuations": flood_of(lambda i: frame(HEADERS, 0, 1, head("/echo")) if i == 0 else
                              frame(CONTINUATION, 0, 1, literal("x", "y"))),
    "empty continuations": flood_of(lambda i: frame(HEADERS, 0, 1, head("/echo")) if i == 0 else
                                    frame(CONTINUATION, 0, 1)),
}


@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_ends_its_connection_and_no_other(mirror, what):
    with Http2(mirror) as other:
        before = mirror.rss_bytes()
        with Http2(mirror) as http2:
            FLOODS[what](http2)
            code = http2.goaway_code()
            assert code in (ENHANCE_YOUR_CALM, PROTOCOL_ERROR, None), code
            assert http2.read() is None
        other.send(opened(1), *body(b"still"))
        assert data_of(other.read_answer(1)) == b"still"
        counts = mirror.is_well()
        assert counts["floods"] + counts["malformed"] >= 1
        if "asan" not in sonde.BUILD:
            assert mirror.rss_bytes() - before < 32 * MIB


def test_a_bomb_of_headers_is_refused(mirror):
    """A large header in the table that every other byte names again."""
    with Http2(mirror) as http2:
        bomb = b"\x40" + literal("x", "y" * 3000)[1:]
        for i in range(20):
            block = head("/echo") + bomb + b"\xbe" * 12_000
            if not http2.send(frame(HEADERS, END_HEADERS | END_STREAM, 2 * i + 1, block)):
                break
        assert is_status(http2.read_answer(1), 431)
    counts = mirror.is_well()
    assert counts["malformed"] > 0
    if "asan" not in sonde.BUILD:
        assert mirror.rss_bytes() < 128 * MIB


AGAINST_THE_RULES = {
    "a window beyond 2^31": ([frame(WINDOW, 0, 0, b"\x7f\xff\xff\xff")], FLOW_CONTROL_ERROR),
    "data on no stream": ([frame(DATA, 0, 0, b"x")], PROTOCOL_ERROR),
    "an even stream": ([opened(2)], PROTOCOL_ERROR),
    "a push": ([frame(5, END_HEADERS, 1, b"\0\0\0\2" + head("/"))], PROTOCOL_ERROR),
    "a head that is cut by another frame": ([frame(HEADERS, 0, 1, head("/")), frame(PING, 0, 0, b"12345678")], None),
    "a frame that is too long": ([frame(DATA, 0, 1, b"x" * 17_000)], None),
    "no compression": ([frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff\xff")], None),
}


def test_frames_against_the_rules_end_the_connection(mirror):
    for what, (frames, code) in AGAINST_THE_RULES.items():
        with Http2(mirror) as http2:
            http2.send(*frames)
            got = http2.goaway_code()
            assert got == code if code is not None else got != NO_ERROR, what
    mirror.is_well()


def test_a_head_against_the_rules_resets_its_stream(mirror):
    blocks = [literal(":method", "POST"), *(head("/echo") + literal(name, value) for name, value in (
        (":path", "/other"), ("Upper", "x"), ("connection", "keep-alive"), ("content-length", "-1"),
        ("transfer-encoding", "chunked"), ("x", "a\r\nb")))]
    blocks.append(head("/echo") + literal("content-length", "1") + literal("content-length", "2"))
    for block in blocks:
        with Http2(mirror) as http2:
            http2.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block), opened(3), *body(b"next", 3))
            assert http2.read_answer(1)[-1][0] == RST, block
            assert data_of(http2.read_answer(3)) == b"next", block
    assert mirror.is_well()["malformed"] == len(blocks)


def test_a_length_that_is_not_kept_resets_its_stream(mirror):
    with Http2(mirror) as http2:
        for stream, sent in ((1, b"abc"), (3, b"abcdefgh")):
            http2.send(opened(stream, content_length="5"), *body(sent, stream))
            assert http2.read_answer(stream)[-1][0] == RST
    mirror.is_well()


def test_what_is_no_preface_is_no_http2(mirror):
    answer = raw(mirror.connect(), PREFACE[:20] + b"XX\r\n" + frame(SETTINGS))
    assert answer.startswith(b"HTTP/1.1 ")
    assert mirror.is_well()["malformed"] == 1


def test_slow_clients_are_cut_off(tmp_path):
    with Mirror(tmp_path, head="300ms", stall="400ms", idle="600ms") as mirror:
        mirror.start()
        with Http2(mirror) as idle, Http2(mirror) as cut, Http2(mirror) as stalled, \
                Http2(mirror, struct.pack(">HI", 4, 0)) as closed:
            cut.send(frame(HEADERS, 0, 1, head("/echo")))
            stalled.send(opened(1), frame(DATA, 0, 1, b"x" * 100))
            closed.send(opened(1, "/big/1000", END_STREAM))
            assert is_status(stalled.read_answer(1), 408)
            assert cut.goaway_code() == PROTOCOL_ERROR
            assert closed.read_answer(1)[-1][0::3] == (RST, struct.pack(">I", CANCEL))
            assert idle.read_until(lambda *_: False) is None
        assert mirror.is_well()["timed_out"] == 3


# --- other people's clients -----------------------------------------------------------------------------------------

def test_nghttp_and_h2load_are_served(mirror, tmp_path):
    for program in ("nghttp", "h2load"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}")
    data = os.urandom(64 * MIB)
    (tmp_path / "body").write_bytes(data)
    url = f"http://127.0.0.1:{mirror.port}"

    def run(*arguments):
        return subprocess.run(arguments, check=True, capture_output=True, timeout=120).stdout
    assert run("nghttp", "-d", tmp_path / "body", f"{url}/count") == f"{len(data)} {zlib.adler32(data)}\n".encode()
    assert run("nghttp", f"{url}/big/5000000") == bytes(i % 251 for i in range(5_000_000))
    said = run("h2load", "-n", "3000", "-c", "10", "-m", "20", f"{url}/echo").decode()
    assert re.search(r"3000 succeeded, 0 failed, 0 errored", said), said
    mirror.is_well()
