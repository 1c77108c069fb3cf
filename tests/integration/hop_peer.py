# SPDX-License-Identifier: Apache-2.0
"""The other end of a hop, written from docs/hop.md alone over plain sockets: an edge or a region that does as a test says."""

import dataclasses
import socket
import struct

HEAD = struct.Struct("<IHHQ")           # length, type, flags, sequence
HELLO, WELCOME, REFUSAL, FRAME, ACK, REFUSED, HEARTBEAT, LEDGER, PAUSE, RESUME, BYE, COMMAND, ANSWER = range(1, 14)
ANY, RECEIVED, DURABLE, DELIVERED = range(4)
(FINE, MALFORMED, OTHER_VERSION, NOT_ADMITTED, TOO_MANY, ACK_TOO_WEAK, ENDING, DAMAGED, TOO_LARGE, REJECTED, AGAIN, NOT_ALLOWED,
 FAILED, LOOP) = range(14)
FIELDS = {1: "versions", 2: "epoch", 3: "host_id", 4: "name", 5: "software", 6: "ack", 7: "labels", 8: "permissions",
          9: "positions", 10: "frame_bytes", 11: "window", 12: "heartbeat_ms"}
SEVERAL = {"labels", "permissions", "positions"}
NUMBERS = {"epoch": "<Q", "ack": "<B", "frame_bytes": "<Q", "window": "<I", "heartbeat_ms": "<I"}


def greeting_write(**said):
    """A hello or a welcome. versions: (version, oldest); positions: [(stream, sequence)]."""
    numbers = {name: number for number, name in FIELDS.items()}
    data = b""
    for name, value in {"versions": (1, 1), "host_id": "0" * 31 + "1", **said}.items():
        for one in value if name in SEVERAL else [value]:
            if name == "versions":
                one = struct.pack("<HH", *one)
            elif name == "positions":
                one = struct.pack("<16sQ", *one)
            elif name in NUMBERS:
                one = struct.pack(NUMBERS[name], one)
            else:
                one = one.encode()
            data += struct.pack("<HH", numbers[name], len(one)) + one
    return data


def greeting_read(data):
    heard = {name: [] for name in SEVERAL}
    while data:
        number, length = struct.unpack_from("<HH", data)
        value, data = data[4:4 + length], data[4 + length:]
        name = FIELDS.get(number)
        if name == "versions":
            value = struct.unpack("<HH", value)
        elif name == "positions":
            value = struct.unpack("<16sQ", value)
        elif name in NUMBERS:
            value, = struct.unpack(NUMBERS[name], value)
        elif name:
            value = value.decode()
        if name in SEVERAL:
            heard[name].append(value)
        elif name:
            heard[name] = value
    return heard


@dataclasses.dataclass
class Message:
    type: int
    sequence: int
    payload: bytes

    def position(self):
        return struct.unpack_from("<16sQ", self.payload)

    def notice(self, at=0):
        return struct.unpack_from("<I", self.payload, at)[0], self.payload[at + 4:].decode()


class Peer:
    """An end of a connection."""

    def __init__(self, connection, seconds=20):
        self.connection = connection
        connection.settimeout(seconds)

    @classmethod
    def dial(cls, port):
        return cls(socket.create_connection(("127.0.0.1", port), timeout=20))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def send(self, type_, payload=b"", sequence=0, flags=0):
        self.connection.sendall(HEAD.pack(len(payload), type_, flags, sequence) + payload)

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.connection.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self, *types):
        """The next message, of one of these types if any are named."""
        while True:
            length, type_, _, sequence = HEAD.unpack(self.read(HEAD.size))
            message = Message(type_, sequence, self.read(length))
            if not types or type_ in types:
                return message

    def greet(self, **said):
        """As an edge; returns the answer, read if it is a welcome."""
        self.send(HELLO, greeting_write(**said))
        answer = self.receive(WELCOME, REFUSAL)
        return greeting_read(answer.payload) if answer.type == WELCOME else answer

    def welcome(self, **said):
        """As a region; returns what the edge said."""
        hello = self.receive()
        assert hello.type == HELLO
        self.send(WELCOME, greeting_write(**{"ack": RECEIVED, "epoch": 1, **said}))
        return greeting_read(hello.payload)

    def acknowledge(self, stream, sequence):
        self.send(ACK, struct.pack("<16sQ", stream, sequence))

    def refuse(self, stream, sequence, code, text=""):
        self.send(REFUSED, struct.pack("<16sQI", stream, sequence, code) + text.encode())


class Listener:
    """Where an edge may dial a region that a test plays."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.socket.settimeout(20)
        self.port = self.socket.getsockname()[1]
        self.url = f"tcp://127.0.0.1:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def accept(self):
        return Peer(self.socket.accept()[0])


class Relay:
    """Between an edge and a region: passes bytes on until it is told to cut or to be mute."""

    def __init__(self, port):
        import threading
        self.target = port
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.mute = threading.Event()       # what the region says goes nowhere
        self.pairs = []
        threading.Thread(target=self.serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.cut()

    def serve(self):
        import threading
        while True:
            try:
                near = self.socket.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                return
            self.pairs.append((near, far))
            threading.Thread(target=self.pump, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self.pump, args=(far, near, True), daemon=True).start()

    def pump(self, source, target, down):
        try:
            while data := source.recv(65536):
                if not (down and self.mute.is_set()):
                    target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for pair in self.pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []
