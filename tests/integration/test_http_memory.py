# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of lib/http while memory is refused: requests fail, the server does not."""

import contextlib

import pytest

from http_mirror import DATA, END_HEADERS, END_STREAM, HEADERS, Http2, Mirror, frame, head, raw
from test_memory import Refusals, needs_own_allocator

BODY = b"x" * 30_000
PLAIN = (b"POST /count HTTP/1.1\r\nHost: x\r\nX: 1\r\nX: 2\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY +
         b"POST /delay/5 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"
         b"GET /facts HTTP/1.1\r\nHost: x\r\nX-Test: 1\r\nX-Test: 2\r\n\r\n"
         b"GET /big/3000000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


def streams():
    paths = ("/count", "/trailers", "/facts", "/grow/100", "/delay/5")
    for stream, path in zip(range(1, 100, 2), paths):
        yield frame(HEADERS, END_HEADERS, stream, head(path, x_test="1")) + frame(DATA, END_STREAM, stream, BODY[:9000])


@needs_own_allocator
@pytest.mark.parametrize("every,place", [(2, False), (5, True), (20, False), (50, True)])
def test_requests_that_get_no_memory_fail_and_all_of_them_end(tmp_path, every, place):
    refusals = Refusals(tmp_path)
    with Mirror(tmp_path, place=place) as mirror:
        mirror.start(env=refusals.environment)
        assert mirror.ask_path("/echo", b"before") == (200, b"before")
        refusals.one_in(every)
        for _ in range(20):
            with mirror.connect() as connection:
                raw(connection, PLAIN)
            with contextlib.suppress(OSError), Http2(mirror) as http2:
                http2.send(*streams())
                http2.send(frame(7, 0, 0, b"\0" * 8))         # all are answered, and then it closes
                http2.read_until(lambda *_: False)
            with contextlib.suppress(OSError), mirror.connect() as connection, Http2(mirror) as http2:
                connection.sendall(PLAIN.replace(b"/count", b"/count?later"))
                http2.send(*(frame(HEADERS, END_HEADERS, stream, head(path)) +
                             frame(DATA, END_STREAM, stream, BODY[:9000])
                             for stream, path in ((1, "/count?later"), (3, "/admit"))))
                http2.read_answer(3)
        refusals.one_in(0)
        assert refusals.read()[1] > 20
        assert mirror.ask_path("/echo", b"after") == (200, b"after")
        assert mirror.ask_path("/admit")[0] == 200
        mirror.is_well()
        assert mirror.stop() == 0
