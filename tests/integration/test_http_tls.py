# SPDX-License-Identifier: Apache-2.0
"""The HTTP server of lib/http under TLS: both protocols, clients with certificates, certificates that are renewed."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import zlib

import pytest

import sonde
from http_mirror import DATA, END_STREAM, HEADERS, END_HEADERS, Http2, Mirror, frame, head, raw, read_all

pytestmark = pytest.mark.asan


class Authority:
    """Makes certificates in a directory."""

    def __init__(self, directory, give):
        if not shutil.which("openssl"):
            pytest.skip("there is no openssl")
        self.directory, self.give = directory, give
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True, timeout=60)

    def path(self, name):
        return str(self.directory / name)

    def make(self, name, subject, alternative=None, serial="1"):
        """NAME.pem and NAME.key, which appear at once."""
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
                     "-keyout", "new.key", "-out", "new.csr")
        (self.directory / "new.ext").write_text(f"subjectAltName={alternative}\n" if alternative else "")
        self.openssl("x509", "-req", "-in", "new.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", serial,
                     "-days", "1", "-out", "new.pem", *(["-extfile", "new.ext"] if alternative else []))
        for kind in ("key", "pem"):
            self.give(self.path(f"new.{kind}"))
            os.rename(self.path(f"new.{kind}"), self.path(f"{name}.{kind}"))

    def options(self, **more):
        return {"certificate": self.path("server.pem"), "key": self.path("server.key"), **more}


@pytest.fixture
def authority(tmp_path, give):
    made = Authority(tmp_path, give)
    made.make("server", "/CN=localhost", "DNS:localhost,IP:127.0.0.1")
    return made


def context_of(authority, client=None, protocols=("http/1.1",)):
    context = ssl.create_default_context(cafile=authority.path("ca.pem"))
    context.set_alpn_protocols(list(protocols))
    if client:
        context.load_cert_chain(authority.path(f"{client}.pem"), authority.path(f"{client}.key"))
    return context


def connect(mirror, context):
    return context.wrap_socket(mirror.connect(), server_hostname="127.0.0.1")


def facts(mirror, context):
    with connect(mirror, context) as connection:
        answer = raw(connection, b"GET /facts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return json.loads(answer.split(b"\r\n\r\n", 1)[1])


class TlsMirror(Mirror):
    """Its own questions go through TLS."""

    context = None

    def counts(self):
        with connect(self, self.context) as connection:
            answer = raw(connection, b"GET /counts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return json.loads(answer.split(b"\r\n\r\n", 1)[1])


@contextlib.contextmanager
def started(tmp_path, authority, **options):
    with TlsMirror(tmp_path, **authority.options(**options)) as mirror:
        mirror.context = context_of(authority)
        yield mirror.start()


def test_both_protocols_are_offered(tmp_path, authority):
    with started(tmp_path, authority) as mirror:
        for protocols, chosen in ((["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["spdy/9"], None)):
            with connect(mirror, context_of(authority, protocols=protocols)) as connection:
                assert connection.selected_alpn_protocol() == chosen
        data = os.urandom(300_000)
        with Http2(mirror, connection=connect(mirror, context_of(authority, protocols=["h2"]))) as http2:
            http2.send(frame(HEADERS, END_HEADERS, 1, head("/count")),
                       *(frame(DATA, 0, 1, data[at:at + 10_000]) for at in range(0, len(data), 10_000)),
                       frame(DATA, END_STREAM, 1))
            answer = [payload for kind, *_, payload in http2.read_answer(1) if kind == DATA]
            assert answer == [f"{len(data)} {zlib.adler32(data)}\n".encode()]
        assert facts(mirror, mirror.context)["peer_name"] == ""
        mirror.is_well()


def test_large_bodies_and_answers_pass(tmp_path, authority):
    data = os.urandom(5_000_000)
    with started(tmp_path, authority, place=True) as mirror:
        with connect(mirror, mirror.context) as connection:
            answer = raw(connection, b"POST /close HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        assert answer.split(b"\r\n\r\n", 1)[1] == data
        with connect(mirror, mirror.context) as connection:
            many = b"GET /status/404 HTTP/1.1\r\nHost: x\r\n\r\n" * 3000
            answer = raw(connection, many + b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n")
        with connect(mirror, mirror.context) as connection:       # in one record, of which a body is a part
            post = b"POST /delay/50 HTTP/1.1\r\nHost: x\r\nContent-Length: 6000\r\n\r\n"
            connection.sendall(post)
            connection.sendall(b"x" * 6000 + post + b"x" * 6000 + b"GET /close HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read_all(connection).count(b"HTTP/1.1 200 ") == 3
        assert answer.count(b"HTTP/1.1 404 ") == 3000 and answer.count(b"HTTP/1.1 200 ") == 1
        mirror.is_well()


@pytest.mark.parametrize("subject,alternative,name", [
    ("/O=sonde/CN=edge-7", "DNS:other", "edge-7"),
    ("/O=sonde", "DNS:edge-8.example,DNS:more", "edge-8.example"),
    ("/O=sonde", "URI:spiffe://example/edge/9", "spiffe://example/edge/9"),
    ("/O=sonde", "IP:127.0.0.1", ""),
])
def test_a_client_with_a_certificate_has_a_name(tmp_path, authority, subject, alternative, name):
    authority.make("client", subject, alternative)
    with started(tmp_path, authority, client_ca=authority.path("ca.pem")) as mirror:
        assert facts(mirror, context_of(authority, "client"))["peer_name"] == name


def test_a_client_without_a_certificate_of_ours_is_refused(tmp_path, authority, give):
    authority.make("client", "/CN=ours")
    other = tmp_path / "other"
    other.mkdir()
    stranger = Authority(other, give)
    stranger.make("client", "/CN=stranger")
    with started(tmp_path, authority, client_ca=authority.path("ca.pem")) as mirror:
        mirror.context = context_of(authority, "client")
        impostor = context_of(authority)
        impostor.load_cert_chain(stranger.path("client.pem"), stranger.path("client.key"))
        for context in (context_of(authority), impostor):
            with pytest.raises((ssl.SSLError, ConnectionError)):
                with connect(mirror, context) as connection:
                    connection.sendall(b"GET /facts HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert connection.recv(100) == b""
                    raise ConnectionError
        counts = mirror.is_well()
        assert counts["begun"] == 2 or counts["malformed"] == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_and_plain_text_are_refused(tmp_path, authority):
    with started(tmp_path, authority) as mirror:
        old = context_of(authority)
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises((ssl.SSLError, ConnectionError)):
            connect(mirror, old)
        with mirror.connect() as connection:
            assert not raw(connection, b"GET /facts HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 2")
        assert mirror.is_well()["malformed"] == 2


def test_a_client_that_does_not_go_on_agreeing_is_cut_off(tmp_path, authority):
    with started(tmp_path, authority, head="300ms") as mirror:
        with mirror.connect() as connection:
            assert raw(connection, b"\x16\x03\x01\x02\x00\x01") == b""
        assert mirror.is_well()["timed_out"] == 1


def test_a_renewed_certificate_is_used_and_a_bad_one_is_not(tmp_path, authority):
    def serial():
        with connect(mirror, mirror.context) as connection:
            return int(connection.getpeercert()["serialNumber"], 16)
    with started(tmp_path, authority, idle="1s") as mirror, mirror.connect() as kept:
        assert serial() == 1
        authority.make("server", "/CN=localhost", "DNS:localhost,IP:127.0.0.1", serial="2")
        sonde.wait_for(lambda: serial() == 2, "the new one is used")
        (tmp_path / "server.pem").write_text("no certificate\n")
        sonde.wait_for(lambda: serial() and "stays in use" in mirror.log(), "the bad one is named")
        assert serial() == 2 and mirror.log().count("server.pem") == 1
        kept.close()


@pytest.mark.parametrize("options,words", [
    ({"certificate": "missing.pem"}, "no certificate (PEM) can be had of"),
    ({"key": "other.key"}, "no key (PEM) of the certificate can be had of"),
    ({"client_ca": "server.key"}, "no certificates (PEM) to verify clients by can be had of"),
])
def test_files_that_are_no_good_are_named_at_the_start(tmp_path, authority, options, words):
    authority.make("other", "/CN=other")
    files = {name: authority.path(file) for name, file in options.items()}
    with Mirror(tmp_path, **{**authority.options(), **files}) as mirror:
        sonde.Daemon.start(mirror, ready=False)
        sonde.wait_for(lambda: words + " " + next(iter(files.values())) in mirror.log(), words)


@pytest.mark.parametrize("protocol", ["--http1.1", "--http2"])
def test_curl_with_a_certificate_is_served(tmp_path, authority, protocol):
    if not shutil.which("curl"):
        pytest.skip("there is no curl")
    authority.make("client", "/CN=edge-7")
    data = os.urandom(2_000_000)
    (tmp_path / "body").write_bytes(data)
    with started(tmp_path, authority, client_ca=authority.path("ca.pem")) as mirror:
        def curl(path, *arguments):
            return subprocess.run(["curl", "-sS", protocol, "--cacert", "ca.pem", "--cert", "client.pem", "--key",
                                   "client.key", f"https://localhost:{mirror.port}{path}", *arguments],
                                  cwd=tmp_path, check=True, capture_output=True, timeout=sonde.PATIENCE_S).stdout
        seen = json.loads(curl("/facts"))
        assert (seen["peer_name"], seen["version"]) == ("edge-7", 2 if protocol == "--http2" else 1)
        assert curl("/count", "--data-binary", "@body") == f"{len(data)} {zlib.adler32(data)}\n".encode()
        assert curl("/echo", "--data-binary", "@body") == data
