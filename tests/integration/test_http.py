# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of lib/http, HTTP/1.1 side: real clients, and bytes that no honest one sends."""

import concurrent.futures
import contextlib
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import time
import zlib

import pytest

import sonde
from http_mirror import Mirror, raw, read_all

pytestmark = pytest.mark.asan

MIB = 1 << 20


@pytest.fixture
def mirror(tmp_path):
    with Mirror(tmp_path) as daemon:
        yield daemon.start()


def count_of(data):
    return f"{len(data)} {zlib.adler32(data)}\n".encode()


def request(path, body=b"", method="POST", **headers):
    lines = [f"{method} {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def statuses(answer):
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", answer)]


# --- what clients do ------------------------------------------------------------------------------------------------

def test_requests_follow_each_other_on_one_connection(mirror):
    with mirror.client() as client:
        for body in (b"", b"a", b"x" * 10_000, b"y" * 300_000):
            client.request("POST", "/echo?x=1", body, {"Content-Type": "text/mine"})
            answer = client.getresponse()
            assert (answer.status, answer.read(), answer.headers["content-type"]) == (200, body, "text/mine")
            assert answer.headers["date"].endswith(" GMT")
    assert mirror.counts()["connections"] == 2


def test_the_owner_sees_the_request_as_it_was_sent(mirror):
    with mirror.client() as client:
        client.putrequest("PUT", "http://there:1/facts/more?a=b?c", skip_host=True)
        for name, value in (("Host", "there"), ("x-TEST", " one "), ("X-Test", ""), ("X-test", "two,three")):
            client.putheader(name, value)
        client.endheaders()
        facts = json.loads(client.getresponse().read())
    peer = facts.pop("peer")
    assert peer.startswith("127.0.0.1:") and int(peer.split(":")[1]) > 0
    assert facts == {"method": "PUT", "path": "/facts/more", "query": "a=b?c", "peer_name": "", "version": 1,
                     "content_length": 0, "body_length": 0, "test": "one, , two,three", "host": "there"}


@pytest.mark.parametrize("place", [False, True])
def test_large_bodies_arrive_whole(tmp_path, place):
    body = os.urandom(5 * MIB)
    with Mirror(tmp_path, place=place) as mirror:
        mirror.start()
        assert mirror.ask_path("/count", body) == (200, count_of(body))
        assert mirror.ask_path("/echo", body) == (200, body)
        mirror.is_well()
        assert mirror.status().counter("web", "placed") == (2 * len(body) if place else 0)


def test_a_body_in_chunks_arrives_whole(mirror):
    body = os.urandom(2 * MIB)

    def pieces():
        at = 0
        for size in (1, 2, 10, 1000, 70_000, len(body)):
            yield body[at:at + size]
            at += size
    with mirror.client() as client:
        for _ in range(2):
            client.request("POST", "/count", pieces(), encode_chunked=True,
                           headers={"Transfer-Encoding": "chunked"})
            assert client.getresponse().read() == count_of(body)
    answer = raw(mirror.connect(), b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"3;name=value\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: yes\r\n\r\n" + request("/close", b"next"))
    assert statuses(answer) == [200, 200] and b"\r\n\r\nabcdeHTTP" in answer and answer.endswith(b"next")


def test_pipelined_requests_are_answered_in_order(mirror):
    ahead = request("/delay/50", b"first") + request("/status/404") + request("/echo", b"third" * 5000)
    many = b"".join(request("/echo", b"%d;" % i) for i in range(2000))
    answer = raw(mirror.connect(), ahead + many + request("/close", b"last"))
    assert statuses(answer) == [200, 404] + [200] * 2002
    bodies = [part.split(b"\r\n\r\n", 1)[1] for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert bodies == [b"first", b"404\n", b"third" * 5000] + [b"%d;" % i for i in range(2000)] + [b"last"]


def test_requests_come_whole_from_single_bytes(mirror):
    with mirror.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\r\n" + request("/echo", b"slow but whole") + request("/close", b"x"):
            connection.send(bytes([byte]))
        answer = read_all(connection)
    assert statuses(answer) == [200, 200] and b"slow but whole" in answer


def test_a_client_that_waits_is_told_to_go_on(mirror):
    with mirror.connect() as connection:
        connection.sendall(b"POST /close HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert raw(connection, b"body").endswith(b"\r\n\r\nbody")
    with mirror.connect() as connection:
        answer = raw(connection, b"POST /refuse/429 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
                     b"Expect: 100-continue\r\n\r\n")
        assert statuses(answer) == [429] and b"Connection: close" in answer
    assert statuses(raw(mirror.connect(), b"POST / HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\n\r\n")) == [417]


def test_head_has_the_length_and_no_body(mirror):
    answer = raw(mirror.connect(), b"HEAD /big/1000 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"Content-Length: 1000\r\n" in answer and answer.endswith(b"\r\n\r\n")


def test_http_1_0_closes_unless_asked_otherwise(mirror):
    assert raw(mirror.connect(), b"GET /echo HTTP/1.0\r\n\r\n").endswith(b"Connection: close\r\n\r\n")
    answer = raw(mirror.connect(), b"GET /status/200 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                 b"GET /status/201 HTTP/1.0\r\n\r\n")
    assert statuses(answer) == [200, 201] and answer.count(b"Connection: keep-alive\r\n") == 1


def test_a_client_that_has_said_all_is_answered(mirror):
    with mirror.connect() as connection:
        connection.sendall(request("/delay/100", b"late"))
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection).endswith(b"late")


def test_a_refused_body_is_passed_over(mirror):
    answer = raw(mirror.connect(), request("/refuse/503", b"x" * 100_000) + request("/close", b"next"))
    assert statuses(answer) == [503, 200] and answer.endswith(b"next")
    answer = raw(mirror.connect(), request("/refuse/429", b"x" * 3 * MIB) + request("/close", b"never"))
    assert statuses(answer) == [429] and b"Connection: close" in answer
    answer = raw(mirror.connect(), b"POST /grow/10 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                 b"a\r\n0123456789\r\n1\r\n0\r\n0\r\n\r\n")
    assert statuses(answer) == [429]
    mirror.is_well()


def test_large_answers_wait_for_slow_readers(mirror):
    with mirror.connect() as connection:
        connection.sendall(request("/big/40000000") + request("/close", b"next"))
        time.sleep(0.2)
        answer = read_all(connection)
    assert len(answer) > 40_000_000 and answer.endswith(b"next")


def test_clients_that_leave_end_their_requests(mirror):
    for data in (b"POST", request("/never"), request("/echo", b"x" * 1000)[:-1], request("/big/8000000") * 2,
                 b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"):
        connection = mirror.connect()
        connection.sendall(data)
        time.sleep(0.05)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")    # with a reset
        connection.close()
    counts = mirror.is_well()
    assert counts["open"] == 1


def test_it_listens_at_what_the_address_says(tmp_path, give):
    path = tmp_path / "socket"
    for listen in ("localhost:0", ":0", "[::1]:0", f"unix:{path}"):
        if "::1" in listen and not os.path.exists("/proc/net/if_inet6"):
            continue
        with Mirror(tmp_path, listen=listen) as mirror:
            mirror.start()
            if listen.startswith("unix"):
                connection = socket.socket(socket.AF_UNIX)
                connection.connect(str(path))
            else:
                connection = socket.create_connection(("::1" if "::1" in listen else "localhost", mirror.port))
            answer = raw(connection, request("/facts", Connection="close"))
            peer = json.loads(answer.split(b"\r\n\r\n")[1])["peer"]
            assert peer == str(path) if "unix" in listen else peer.endswith(f":{connection.getsockname()[1]}")
            mirror.stop()
            assert not path.exists()


def test_an_address_that_is_none_is_refused_with_what_would_be(tmp_path):
    for listen, words in (("nowhere", 'not HOST:PORT'), ("localhost:99999", "no port from 0 to 65535"),
                          ("::1:80", "[::1]:4318"), ("no.such.host.invalid:1", "there is no host"),
                          ("192.0.2.1:0", "cannot listen at 192.0.2.1:0")):
        with Mirror(tmp_path, listen=listen) as mirror:
            sonde.Daemon.start(mirror, ready=False)
            sonde.wait_for(lambda: words in mirror.log(), f"{listen}: {words}")


def test_replicas_share_a_port(tmp_path):
    with Mirror(tmp_path, shared=True) as first:
        first.start()
        with Mirror(tmp_path, listen=f"127.0.0.1:{first.port}", shared=True) as second:
            second.state += "2"
            second.config += "2"
            second.log_path += "2"
            second.write(open(first.config).read().split("\n", 1)[1].replace(":0", f":{first.port}"))
            second.start()
            assert second.port == first.port
            seen = set()
            while len(seen) < 2:
                seen.add(first.counts()["begun"] > 0 and len(seen))


# --- what nobody honest does ----------------------------------------------------------------------------------------

SMUGGLED = {
    "both lengths": b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
    "other lengths": b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
    "a list of lengths": b"Content-Length: 4, 4\r\n\r\nabcd",
    "a length with a sign": b"Content-Length: +4\r\n\r\nabcd",
    "a negative length": b"Content-Length: -4\r\n\r\nabcd",
    "a length in hex": b"Content-Length: 0x4\r\n\r\nabcd",
    "a length that overflows": b"Content-Length: 18446744073709551620\r\n\r\nabcd",
    "no length": b"Content-Length: \r\n\r\n",
    "a blank before the colon": b"Content-Length : 4\r\n\r\nabcd",
    "a folded line": b"X: a\r\n b\r\n\r\n",
    "a folded length": b"Content-Length:\r\n 4\r\n\r\nabcd",
    "a bare line feed": b"X: a\nContent-Length: 4\r\n\r\nabcd",
    "a bare carriage return": b"X: a\rContent-Length: 4\r\n\r\nabcd",
    "a zero byte": b"X: a\0b\r\n\r\n",
    "a name with a blank": b"X Y: a\r\n\r\n",
    "no name": b": a\r\n\r\n",
    "another coding": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a chunk without a size": b"Transfer-Encoding: chunked\r\n\r\n\r\n",
    "a chunk size with a sign": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
    "a chunk size that overflows": b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    "a chunk longer than it says": b"Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "extensions without an end": b"Transfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"x" * 60_000 + b"\r\na\r\n") * 4,
    "a second host": b"Host: y\r\n\r\n",
}


def test_a_request_that_two_could_read_in_two_ways_is_refused(mirror):
    for what, rest in SMUGGLED.items():
        answer = raw(mirror.connect(), b"POST /echo HTTP/1.1\r\nHost: x\r\n" + rest + request("/close"))
        assert statuses(answer) in ([400], [501]), f"{what}: {answer}"
        assert b"Connection: close" in answer, what
    assert mirror.is_well()["malformed"] == len(SMUGGLED)


def test_a_first_line_that_is_none_is_refused(mirror):
    for line in (b"GET / HTTP/1.1", b"GET /echo HTTP/2.0\r\nHost: x", b"GET /\r\nHost: x", b"\x16\x03\x01",
                 b"NONSENSE / HTTP/1.1\r\nHost: x", b"GET  HTTP/1.1\r\nHost: x", b"GET / HTTP/1.1 "):
        answer = raw(mirror.connect(), line + b"\r\n\r\n")
        assert statuses(answer) in ([400], [505]), line


def test_heads_and_bodies_are_bounded(tmp_path):
    with Mirror(tmp_path, head_bytes=2000, body_bytes=100_000) as mirror:
        mirror.start()
        assert statuses(raw(mirror.connect(), request("/echo", X="y" * 1900, Connection="close"))) == [200]
        assert statuses(raw(mirror.connect(), request("/echo", X="y" * 2000))) == [431]
        assert statuses(raw(mirror.connect(), b"GET /" + b"y" * 100_000)) == [431]
        assert mirror.ask_path("/count", b"x" * 100_000) == (200, count_of(b"x" * 100_000))
        assert mirror.ask_path("/count", b"x" * 100_001)[0] == 413
        assert statuses(raw(mirror.connect(), b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"ffff\r\n" + b"x" * 65535 + b"\r\nffff\r\n" + b"x" * 65535 + b"\r\n0\r\n\r\n")) == [413]
        mirror.is_well()


def test_slow_clients_are_cut_off(tmp_path):
    with Mirror(tmp_path, head="300ms", stall="400ms", idle="600ms", least_rate=10_000) as mirror:
        mirror.start()

        def dribble(data, pause_s):
            answer = b""
            with mirror.connect() as connection:
                connection.settimeout(pause_s)
                for byte in data:
                    try:
                        connection.send(bytes([byte]))
                        answer += connection.recv(1000)
                        break
                    except TimeoutError:
                        continue
                    except (BrokenPipeError, ConnectionResetError):
                        break
                else:
                    raise AssertionError("it was never cut off")
            return answer
        body = request("/count", b"x" * 64 * MIB)[:10_000]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            cut = {"head": pool.submit(dribble, request("/echo", X="y" * 10_000), 0.01),
                   "preface": pool.submit(dribble, b"PRI * H" + b"x" * 1000, 0.1),
                   "body": pool.submit(dribble, body, 0.005),
                   "still": pool.submit(raw, mirror.connect(), request("/count", b"x" * 1000)[:-1]),
                   "idle": pool.submit(raw, mirror.connect(), b""),
                   "chunks": pool.submit(raw, mirror.connect(), b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
                                         b"chunked\r\n\r\n3\r\nab")}
            for name in ("head", "still", "chunks"):
                assert statuses(cut[name].result()) == [408], name
            for name in ("body", "preface"):
                assert statuses(cut[name].result()) in ([408], []), name
            assert cut["idle"].result() == b""
        assert mirror.is_well()["timed_out"] >= 4


def test_an_answer_that_nobody_reads_is_given_up(tmp_path):
    with Mirror(tmp_path, stall="300ms") as mirror:
        mirror.start()
        with mirror.connect() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(request("/big/30000000"))
            sonde.wait_for(lambda: mirror.counts()["timed_out"] == 1, "it is given up")
        mirror.is_well()


def test_connections_over_the_limit_are_closed(tmp_path):
    with Mirror(tmp_path, connections=10) as mirror:
        mirror.start()
        with contextlib.ExitStack() as stack:
            kept = [stack.enter_context(mirror.connect()) for _ in range(10)]
            kept[0].sendall(request("/echo", b"x"))
            assert statuses(kept[0].recv(1000)) == [200]
            assert raw(mirror.connect(), request("/echo")) == b""
            kept[0].sendall(request("/echo", b"x"))
            assert statuses(kept[0].recv(1000)) == [200]
        counts = sonde.wait_for(lambda: mirror.is_well(), "there is room again")
        assert counts["refused"] == 1


def test_without_descriptors_connections_wait(tmp_path):
    with Mirror(tmp_path, connections=5000) as mirror:
        mirror.start(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
        connections = [mirror.connect() for _ in range(80)]
        sonde.wait_for(lambda: "connections wait" in mirror.log(), "it says that they wait")
        for connection in connections:
            connection.sendall(request("/close", b"x"))
        for connection in connections:
            assert statuses(read_all(connection)) == [200]
            connection.close()
        mirror.is_well()


def test_ten_thousand_connections(tmp_path):
    wanted = 10_000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < wanted + 200:
        pytest.skip(f"a process may have {hard} descriptors here, and this needs {wanted + 200}")
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with Mirror(tmp_path, connections=wanted + 10) as mirror:
            mirror.start()
            before = mirror.rss_bytes()
            connections = [mirror.connect() for _ in range(wanted)]
            for connection in connections:
                connection.sendall(request("/echo", b"x"))
            for connection in connections:
                assert statuses(connection.recv(1000)) == [200]
            assert mirror.counts()["open"] == wanted + 1
            if "asan" not in sonde.BUILD:
                assert mirror.rss_bytes() - before < wanted * 2048
            for connection in connections:
                connection.close()
            sonde.wait_for(lambda: mirror.counts()["open"] == 1, "they are gone")
            mirror.is_well()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, soft)


# --- the end --------------------------------------------------------------------------------------------------------

def test_what_was_asked_is_answered_before_the_end(mirror):
    with mirror.connect() as late, mirror.connect() as idle, mirror.connect() as begun:
        late.sendall(request("/delay/500", b"late"))
        begun.sendall(request("/echo", b"begun")[:-1])
        sonde.wait_for(lambda: mirror.counts()["open_requests"] == 3, "both have begun")
        mirror.send(15)
        assert read_all(idle) == b""
        with pytest.raises(OSError):
            while True:
                mirror.connect().close()
        answer = raw(begun, b"n")
        assert b"Connection: close" in answer and answer.endswith(b"begun")
        answer = read_all(late)
        assert b"Connection: close" in answer and answer.endswith(b"late")
    assert mirror.wait() == 0


def test_requests_without_an_answer_end_with_the_instance(mirror):
    with mirror.connect() as connection:
        connection.sendall(request("/never"))
        sonde.wait_for(lambda: mirror.counts()["open_requests"] == 2, "it has come")
        mirror.send(15)
        mirror.send(15)
        assert read_all(connection) == b""
    mirror.wait()


# --- other people's clients -----------------------------------------------------------------------------------------

def curl(*arguments):
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    return subprocess.run(["curl", "-sS", "-m", str(sonde.PATIENCE_S), *arguments], check=False, capture_output=True)


@pytest.mark.parametrize("protocol", ["--http1.0", "--http1.1", "--http2-prior-knowledge", "--http2"])
def test_curl_is_served(mirror, tmp_path, protocol):
    body = os.urandom(3 * MIB)
    (tmp_path / "body").write_bytes(body)
    url = f"http://127.0.0.1:{mirror.port}"
    assert curl(protocol, f"{url}/echo").stdout == b""
    assert curl(protocol, "--data-binary", f"@{tmp_path}/body", f"{url}/count").stdout == count_of(body)
    assert curl(protocol, "--data-binary", f"@{tmp_path}/body", f"{url}/echo").stdout == body
    assert curl(protocol, "-H", "Expect: 100-continue", "--data-binary", f"@{tmp_path}/body",
                f"{url}/count").stdout == count_of(body)
    if protocol != "--http1.0":
        assert curl(protocol, "-T", "-", f"{url}/count").stdout == count_of(b"")
    assert curl(protocol, "-o", "/dev/null", "-w", "%{http_code}", f"{url}/status/429").stdout == b"429"
    assert curl(protocol, "-I", f"{url}/big/77").stdout.lower().count(b"content-length: 77") == 1
    mirror.is_well()
