# SPDX-License-Identifier: Apache-2.0
"""A daemon with the input `mirror`, an HTTP server that answers what it got; and frames of HTTP/2 made by hand."""

import contextlib
import http.client
import json
import re
import socket
import struct

import sonde


class Mirror(sonde.Daemon):
    """The daemon; its server's port is there once it has started."""

    def __init__(self, directory, listen="127.0.0.1:0", **options):
        def text(value):
            return str(value).lower() if isinstance(value, bool) else value if isinstance(value, int) else f'"{value}"'
        given = " ".join(f"{name} = {text(value)};" for name, value in options.items())
        super().__init__(directory, f'''
inputs:    {{ web: {{ plugin = "{sonde.PLUGINS}/mirror.so"; listen = "{listen}"; {given} }}; }};
outputs:   {{ out: {{ plugin = "null"; }}; }};
pipelines: {{ main: {{ from = ["web"]; to = ["out"]; }}; }};
''')
        self.port = None

    def start(self, *arguments, **options):
        super().start(*arguments, **options)
        found = sonde.wait_for(lambda: re.findall(r"listens at port (\d+)\n", self.log()), "it listens")
        self.port = int(found[-1])
        return self

    def connect(self, timeout=sonde.PATIENCE_S):
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def client(self):
        return contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=sonde.PATIENCE_S))

    def ask_path(self, path, body=None, method=None, **headers):
        """One request on a connection of its own: the status and the body."""
        with self.client() as client:
            client.request(method or ("GET" if body is None else "POST"), path, body, headers)
            answer = client.getresponse()
            return answer.status, answer.read()

    def counts(self):
        status, body = self.ask_path("/counts")
        assert status == 200
        return json.loads(body)

    def is_well(self):
        """It still answers, and every request that began has ended but for the one that asks."""
        def ended():
            counts = self.counts()
            return counts["begun"] - counts["ended"] == 1 and counts["open_requests"] == 1 and counts
        return sonde.wait_for(ended, "all requests end")

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+) kB", file.read())[1]) * 1024


def raw(connection, data):
    """What comes back for these bytes until the server closes."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(data)
    return read_all(connection)


def read_all(connection):
    received = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(1 << 18):
            received += piece
    return bytes(received)


# --- HTTP/2 by hand -------------------------------------------------------------------------------------------------

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_TABLE = struct.pack(">HI", 1, 0)     # so that heads can be read one by one
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 1, 3, 7, 8, 11


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(name, value):
    """A header as HPACK has it, without index and without Huffman's code."""
    def text(data):
        data = data.encode()
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest, more = len(data) - 127, b""
        while rest >= 128:
            more += bytes([rest % 128 | 128])
            rest //= 128
        return b"\x7f" + more + bytes([rest]) + data
    return b"\x00" + text(name) + text(value)


def head(path, method="POST", **headers):
    block = literal(":method", method) + literal(":scheme", "http") + literal(":path", path)
    block += literal(":authority", "test")
    return block + b"".join(literal(name.replace("_", "-"), value) for name, value in headers.items())


class Http2:
    """A connection that sends what it is told to and reads frames one by one."""

    def __init__(self, mirror, settings=b"", connection=None):
        self.socket = connection or mirror.connect()
        self.received = b""
        self.socket.sendall(PREFACE + frame(SETTINGS, payload=NO_TABLE + settings) + frame(SETTINGS, ACK))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *frames):
        """False: the server has closed."""
        try:
            self.socket.sendall(b"".join(frames))
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    def read_bytes(self, count):
        while len(self.received) < count:
            try:
                piece = self.socket.recv(1 << 16)
            except ConnectionResetError:
                piece = b""
            if not piece:
                return None
            self.received += piece
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def read(self):
        """(kind, flags, stream, payload); None: the server has closed."""
        begin = self.read_bytes(9)
        if begin is None:
            return None
        kind, flags, stream = struct.unpack(">BBI", begin[3:])
        payload = self.read_bytes(int.from_bytes(begin[:3], "big"))
        return None if payload is None else (kind, flags, stream, payload)

    def read_until(self, wanted):
        """The first frame for which wanted(kind, flags, stream, payload) holds; None: the server closed before."""
        while (got := self.read()) is not None:
            if wanted(*got):
                return got
        return None

    def read_answer(self, stream):
        """What comes for a stream: its frames until it ends, in order."""
        frames = []
        while (got := self.read()) is not None:
            if got[2] == stream and got[0] != WINDOW:
                frames.append(got)
                if got[0] == RST or got[0] in (DATA, HEADERS) and got[1] & END_STREAM:
                    break
        return frames

    def goaway_code(self):
        """The error of the GOAWAY that comes; None: the server closed without one."""
        got = self.read_until(lambda kind, *_: kind == GOAWAY)
        return got and struct.unpack(">I", got[3][4:8])[0]
