# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of lib/http when its owner has a body read later: both protocols."""

import concurrent.futures
import contextlib
import os
import socket
import struct
import time
import zlib

import pytest

import sonde
from http_mirror import CANCEL, DATA, END_STREAM, GOAWAY, HEADERS, RST, WINDOW, Http2, Mirror, frame, read_all
from test_http import count_of, request, statuses
from test_http2 import body, data_of, is_status, opened

pytestmark = pytest.mark.asan

MIB = 1 << 20


@pytest.fixture
def mirror(tmp_path):
    with Mirror(tmp_path) as daemon:
        yield daemon.start()


def wait_later(mirror, count=1):
    sonde.wait_for(lambda: mirror.counts()["later"] == count, f"{count} wait")


def admit(mirror):
    assert mirror.ask_path("/admit")[0] == 200


def refuse(mirror):
    assert mirror.ask_path("/away")[0] == 200


# --- HTTP/1 ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("place", [False, True])
@pytest.mark.parametrize("size", [0, 10, 30_000, 20 * MIB])
def test_a_body_is_not_read_before_it_is_admitted(tmp_path, place, size):
    data = os.urandom(size)
    with Mirror(tmp_path, place=place) as mirror, concurrent.futures.ThreadPoolExecutor() as pool:
        mirror.start()
        answer = pool.submit(mirror.ask_path, "/count?later", data, "POST")
        wait_later(mirror)
        assert mirror.counts()["body_bytes"] == 0
        admit(mirror)
        assert answer.result() == (200, count_of(data))
        mirror.is_well()


def test_a_body_in_chunks_is_not_read_before_it_is_admitted(mirror):
    data = os.urandom(3 * MIB)

    def ask():
        with mirror.client() as client:
            client.request("POST", "/count?later", iter([data[:5], data[5:100_000], data[100_000:]]),
                           encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
            return client.getresponse().read()
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(ask)
        wait_later(mirror)
        assert mirror.counts()["body_bytes"] == 0
        admit(mirror)
        assert answer.result() == count_of(data)


CHUNKED = b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


def in_chunks(data, size):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in
                    (data[at:at + size] for at in range(0, len(data), size))) + b"0\r\n\r\n"


@pytest.mark.parametrize("bound,count,size", [(10, 50, 7), (100_000, 3 * MIB, 5000), (100_000, 100_001, 100_001)])
def test_the_rest_of_a_body_may_be_read_later(mirror, bound, count, size):
    data = os.urandom(count)
    with mirror.connect() as connection, concurrent.futures.ThreadPoolExecutor() as pool:
        sent = pool.submit(connection.sendall, CHUNKED % f"/grow/{bound}?pause".encode() + in_chunks(data, size) +
                           request("/close", b"next"))
        wait_later(mirror)
        assert mirror.counts()["body_bytes"] <= bound + 200_000
        admit(mirror)
        answer = read_all(connection)
        sent.result()
    assert statuses(answer) == [200, 200] and data + b"HTTP/1.1" in answer and answer.endswith(b"next")
    mirror.is_well()


def test_a_body_that_began_may_be_refused_later(mirror):
    with mirror.connect() as connection:
        connection.sendall(CHUNKED % b"/grow/100?pause" + in_chunks(b"x" * 1000, 100))
        wait_later(mirror)
        refuse(mirror)
        assert statuses(read_all(connection)) == [503]
    mirror.is_well()


def test_chunks_against_the_rules_are_refused_whatever_waits(mirror):
    with mirror.connect() as connection:
        connection.sendall(CHUNKED % b"/grow/1?pause" + b"2\r\nab\r\nnonsense\r\n")
        assert statuses(read_all(connection)) == [400]
    mirror.is_well()


def test_what_waits_may_be_refused_and_the_connection_goes_on(mirror):
    with mirror.connect() as connection:
        connection.sendall(request("/echo?later", b"x" * 100_000) + request("/close", b"next"))
        wait_later(mirror)
        refuse(mirror)
        answer = read_all(connection)
    assert statuses(answer) == [503, 200] and answer.endswith(b"next")
    mirror.is_well()


def test_requests_behind_one_that_waits_wait_too(mirror):
    with mirror.connect() as connection:
        connection.sendall(request("/echo", b"before") + request("/echo?later", b"waits") + request("/echo", b"behind") +
                           request("/echo?later", b"again") + request("/close", b"last"))
        wait_later(mirror)
        admit(mirror)
        wait_later(mirror)
        assert mirror.counts()["begun"] >= 4
        admit(mirror)
        answer = read_all(connection)
    assert [part.split(b"\r\n\r\n", 1)[1] for part in answer.split(b"HTTP/1.1 ")[1:]] == \
        [b"before", b"waits", b"behind", b"again", b"last"]
    mirror.is_well()


@pytest.mark.parametrize("end,said", [(admit, [100, 200]), (refuse, [503])])
def test_a_client_that_waits_is_told_to_go_on_when_it_is_admitted(mirror, end, said):
    with mirror.connect() as connection:
        connection.sendall(b"POST /echo?later HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n"
                           b"Connection: close\r\n\r\n")
        wait_later(mirror)
        connection.setblocking(False)
        with pytest.raises(BlockingIOError):
            connection.recv(100)
        connection.settimeout(sonde.PATIENCE_S)
        end(mirror)
        answer = connection.recv(100)
        if 100 in said:
            assert answer == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"body")
        answer += read_all(connection)
    assert statuses(answer) == said
    mirror.is_well()


def test_a_body_that_comes_after_its_admission_is_taken(mirror):
    with mirror.connect() as connection:
        connection.sendall(request("/echo?later", b"abcd", Connection="close")[:-4])
        wait_later(mirror)
        admit(mirror)
        connection.sendall(b"abcd")
        assert read_all(connection).endswith(b"abcd")


def test_who_leaves_while_waiting_is_missed_at_once_or_when_admitted(mirror):
    for data in (request("/echo?later", b"x" * 1000)[:-1], request("/echo?later", b"x" * 1000)):
        with mirror.connect() as reset, mirror.connect() as closed:
            for connection in (reset, closed):
                connection.sendall(data)
            wait_later(mirror, 2)
            reset.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            reset.close()
            wait_later(mirror, 1)
        admit(mirror)
        assert sonde.wait_for(lambda: mirror.is_well()["open"] == 1, "they are gone")


@pytest.mark.parametrize("end,said", [(admit, [200]), (refuse, [503])])
def test_the_time_of_waiting_is_not_the_clients(tmp_path, end, said):
    with Mirror(tmp_path, stall="300ms", idle="300ms", head="300ms", least_rate=1_000_000) as mirror:
        mirror.start()
        with mirror.connect() as connection, Http2(mirror) as http2:
            connection.sendall(request("/echo?later", b"body", Connection="close"))
            http2.send(opened(1, "/echo?later"), frame(DATA, 0, 1, b"bo"))
            wait_later(mirror, 2)
            time.sleep(1)
            end(mirror)
            http2.send(frame(DATA, END_STREAM, 1, b"dy"))
            assert statuses(read_all(connection)) == said
            assert is_status(http2.read_answer(1), said[0])
        assert mirror.is_well()["timed_out"] == 0


def test_what_waits_is_told_of_the_end(mirror):
    with mirror.connect() as connection, Http2(mirror) as http2:
        connection.sendall(request("/echo?later", b"body"))
        http2.send(opened(1, "/echo?later"), *body(b"body"))
        wait_later(mirror, 2)
        mirror.send(15)
        answer = read_all(connection)
        assert b"Connection: close" in answer and answer.endswith(b"body")
        assert http2.read_until(lambda kind, *_: kind == GOAWAY)
        assert data_of(http2.read_answer(1)) == b"body"
    assert mirror.wait() == 0


# --- HTTP/2 ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("place", [False, True])
@pytest.mark.parametrize("stated", [False, True])
@pytest.mark.parametrize("size,early", [(0, 0), (10, 10), (300_000, 0), (300_000, 100_001), (300_000, 300_000)])
def test_what_comes_of_a_body_before_it_is_admitted_is_kept(tmp_path, place, stated, size, early):
    data = os.urandom(size)
    with Mirror(tmp_path, place=place) as mirror:
        mirror.start()
        with Http2(mirror) as http2:
            frames = body(data, size=10_000)
            before = -(-early // 10_000)
            http2.send(opened(1, "/count?later", **({"content_length": str(size)} if stated else {})), *frames[:before])
            wait_later(mirror)
            sonde.wait_for(lambda: mirror.counts()["body_bytes"] == min(size, before * 10_000), "it has come")
            assert mirror.status().counter("web", "placed") == 0
            admit(mirror)
            http2.send(*frames[before:])
            assert data_of(http2.read_answer(1)) == f"{size} {zlib.adler32(data)}\n".encode()
        mirror.is_well()
        assert mirror.status().counter("web", "placed") == (size if place and stated else 0)


@pytest.mark.parametrize("stated", [False, True])
def test_no_more_comes_than_the_first_window_before_a_body_is_admitted(mirror, stated):
    data = os.urandom(9 * MIB)
    with Http2(mirror) as http2:
        length = {"content_length": str(len(data))} if stated else {}
        http2.send(opened(1, "/count?later", **length), *(frame(DATA, 0, 1, data[at:at + 16384])
                                                         for at in range(0, 4 * MIB, 16384)))
        sonde.wait_for(lambda: mirror.counts()["body_bytes"] == 4 * MIB, "the window is used up")
        http2.send(opened(3), *body(b"another", 3))
        windows = []
        while (got := http2.read())[2] != 3:
            windows += [got[2]] if got[0] == WINDOW else []
        assert 1 not in windows
        admit(mirror)
        at, window = 4 * MIB, 0
        while at < len(data):
            kind, _, stream, payload = http2.read()
            if (kind, stream) == (WINDOW, 1):
                window += struct.unpack(">I", payload)[0]
            while window >= 16384 and at < len(data):
                last = at + 16384 >= len(data)
                http2.send(frame(DATA, END_STREAM if last else 0, 1, data[at:at + 16384]))
                at, window = at + 16384, window - 16384
        assert data_of(http2.read_answer(1)) == f"{len(data)} {zlib.adler32(data)}\n".encode()
    mirror.is_well()


@pytest.mark.parametrize("end,status", [(admit, 200), (refuse, 503)])
def test_the_rest_of_a_body_may_be_read_or_refused_later(mirror, end, status):
    data = os.urandom(6 * MIB)
    pieces = [data[at:at + 16384] for at in range(0, len(data), 16384)]
    with Http2(mirror, struct.pack(">HI", 4, 1 << 30)) as http2:
        http2.send(frame(WINDOW, 0, 0, struct.pack(">I", 1 << 30)), opened(1, "/grow/100000?pause"),
                   *(frame(DATA, 0, 1, piece) for piece in pieces[:256]))
        wait_later(mirror)
        sonde.wait_for(lambda: mirror.counts()["body_bytes"] == 4 * MIB, "the window is used up")
        end(mirror)
        if status == 200:
            assert http2.read_until(lambda kind, _, stream, __: (kind, stream) == (WINDOW, 1))
            http2.send(*(frame(DATA, END_STREAM if piece is pieces[-1] else 0, 1, piece) for piece in pieces[256:]))
        frames = http2.read_answer(1)
        assert is_status(frames, status) and data_of(frames) == (data if status == 200 else b"503\n")
    mirror.is_well()


def test_what_the_owner_says_of_a_request_that_the_server_has_refused_is_too_late(tmp_path):
    with Mirror(tmp_path, early_bytes=100_000) as mirror:
        mirror.start()
        with Http2(mirror, struct.pack(">HI", 4, 0)) as first, Http2(mirror, struct.pack(">HI", 4, 0)) as second:
            for http2, path in ((first, "/echo?later"), (second, "/grow/50000?pause")):
                http2.send(opened(1, path), frame(DATA, 0, 1, b"x" * 15_000) * 8)
                assert is_status([http2.read_until(lambda kind, *_: kind == HEADERS)], 503)
            assert mirror.counts()["crowded"] == 2
            admit(mirror)
            refuse(mirror)
            for http2 in (first, second):
                http2.send(frame(WINDOW, 0, 1, struct.pack(">I", 1000)))
                assert data_of(http2.read_answer(1)) == b"Service Unavailable"
        mirror.is_well()


def test_what_may_come_early_is_bounded_for_all_connections(tmp_path):
    with Mirror(tmp_path, early_bytes=100_000) as mirror:
        mirror.start()
        with Http2(mirror) as first, Http2(mirror) as second:
            first.send(opened(1, "/count?later"), frame(DATA, 0, 1, b"x" * 15_000) * 4)
            sonde.wait_for(lambda: mirror.counts()["body_bytes"] == 60_000, "it has come")
            second.send(opened(1, "/count?later"), frame(DATA, 0, 1, b"x" * 15_000) * 4)
            assert is_status(second.read_answer(1), 503)
            assert mirror.counts()["crowded"] == 1
            second.send(opened(3, "/count?later"), frame(DATA, 0, 3, b"x" * 15_000) * 2)
            wait_later(mirror, 2)
            admit(mirror)
            for http2, stream, count in ((first, 1, 60_000), (second, 3, 30_000)):
                http2.send(frame(DATA, END_STREAM, stream, b"x"))
                assert data_of(http2.read_answer(stream)).startswith(b"%d " % (count + 1))
            first.send(opened(3, "/count?later"), *body(b"x" * 90_000, 3))
            sonde.wait_for(lambda: mirror.counts()["body_bytes"] > 180_000, "there is room again")
            admit(mirror)
            assert data_of(first.read_answer(3)).startswith(b"90000 ")
        mirror.is_well()


def test_what_comes_early_counts_among_what_a_connection_may_hold(tmp_path):
    with Mirror(tmp_path, body_bytes=300_000, connection_bytes=500_000) as mirror:
        mirror.start()
        with Http2(mirror) as http2:
            http2.send(opened(1, "/count?later"), *body(b"x" * 300_000), opened(3, "/count", content_length="250000"))
            assert is_status(http2.read_answer(3), 503)
            refuse(mirror)
            assert is_status(http2.read_answer(1), 503)
            http2.send(opened(5, "/count", content_length="250000"), *body(b"x" * 250_000, 5))
            assert data_of(http2.read_answer(5)).startswith(b"250000 ")
        mirror.is_well()


def test_streams_that_wait_are_refused_reset_or_admitted_each_for_itself(mirror):
    with Http2(mirror) as http2:
        http2.send(opened(1, "/echo?later"), *body(b"first"), opened(3, "/echo"), *body(b"second", 3))
        assert data_of(http2.read_answer(3)) == b"second"
        http2.send(opened(5, "/echo?later"), frame(DATA, 0, 5, b"third"), frame(RST, 0, 5, struct.pack(">I", CANCEL)))
        wait_later(mirror)
        refuse(mirror)
        assert is_status(http2.read_answer(1), 503)
        http2.send(opened(7, "/echo?later"), *body(b"fourth", 7), opened(9, "/admit"), *body(b"", 9))
        answers = {}
        while len(answers) < 2:
            kind, _, stream, payload = http2.read()
            if kind == DATA or kind == HEADERS and stream == 9:
                answers[stream] = payload
        assert answers[7] == b"fourth"
        http2.send(opened(11, "/echo?later", content_length="5"), frame(DATA, END_STREAM, 11, b"too long"))
        assert http2.read_answer(11)[-1][0] == RST
        http2.send(opened(13, "/echo?later", content_length="3000000"), frame(DATA, 0, 13, b"begun"))
    sonde.wait_for(lambda: mirror.counts()["open"] == 1, "it is gone")
    mirror.is_well()


def test_a_stream_that_waits_is_told_to_go_on_when_it_is_admitted(mirror):
    with Http2(mirror) as http2:
        http2.send(opened(1, "/echo?later", expect="100-continue"), opened(3), *body(b"other", 3))
        got = http2.read_until(lambda kind, flags, stream, _: kind == HEADERS)
        assert got[2] == 3
        admit(mirror)
        got = http2.read_until(lambda kind, flags, stream, _: stream == 1)
        assert is_status([got], 100)
        http2.send(*body(b"body"))
        assert data_of(http2.read_answer(1)) == b"body"


def test_what_waits_ends_with_the_instance(tmp_path):
    with Mirror(tmp_path) as mirror:
        mirror.start()
        with contextlib.ExitStack() as stack:
            for path in ("/never?later", "/echo?later"):
                http2 = stack.enter_context(Http2(mirror))
                http2.send(opened(1, path), frame(DATA, 0, 1, b"begun"))
                stack.enter_context(mirror.connect()).sendall(request(path, b"x" * 100)[:-1])
            wait_later(mirror, 4)
            mirror.send(15)
            mirror.send(15)
        mirror.wait()
