# SPDX-License-Identifier: Apache-2.0
"""Receivers of OTLP that fail as a test says, and remember what they were sent."""

import dataclasses
import gzip
import http.server
import json
import os
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest


@dataclasses.dataclass
class Request:
    path: str
    headers: dict           # names in lower case
    body: bytes             # expanded
    length: int             # of the body as it came
    answer: object          # what it got
    peer: object = None
    came_s: float = dataclasses.field(default_factory=time.monotonic)


@dataclasses.dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    type: str = "application/x-protobuf"
    headers: dict = dataclasses.field(default_factory=dict)
    first: str = ""         # "hang", "reset": what happens instead, once the request was read; "slow": before it


OK = Answer()


def expand(data, coding):
    if coding == "gzip":
        return gzip.decompress(data)
    if coding == "zstd":
        if not shutil.which("zstd"):
            pytest.skip("zstd is not installed")
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    assert not coding, coding
    return data


class Receiver:
    """An HTTP server in threads. Gives the answers in their order, then OK; or what `decide(request)` returns."""

    def __init__(self, *answers, decide=None, limit=None, address=("127.0.0.1", 0), context=None):
        self.requests = []
        self.answers = list(answers)
        self.decide = decide
        self.limit = limit                  # bytes of a body after expanding: 413
        self.lock = threading.RLock()
        self.ends = threading.Event()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = not isinstance(address, str)

            def do_POST(self):
                receiver.serve(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            address_family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET

            def server_bind(self):
                self.socket.bind(self.server_address)
                self.server_address = self.socket.getsockname()
                self.server_name, self.server_port = "receiver", 0

            def get_request(self):
                connection, peer = super().get_request()
                connection.settimeout(30)
                return connection, peer or ("socket", 0)

            def handle_error(self, *_):
                pass                        # a client that went away

        self.server = Server(address, Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = 0 if isinstance(address, str) else self.server.server_address[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def serve(self, handler):
        headers = {name.lower(): value for name, value in handler.headers.items()}
        data = handler.rfile.read(int(headers["content-length"]))
        body = expand(data, headers.get("content-encoding"))
        request = Request(handler.path, headers, body, len(data), None, handler.connection)
        with self.lock:
            if self.limit and len(body) > self.limit:
                request.answer = Answer(413)
            elif self.decide:
                request.answer = self.decide(request)
            else:
                request.answer = self.answers.pop(0) if self.answers else OK
            self.requests.append(request)
        self.answer(handler, request.answer)

    def answer(self, handler, answer):
        if answer.first == "hang":
            self.ends.wait(30)
        if answer.first in ("hang", "reset"):
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
            return
        if answer.first == "slow":
            self.ends.wait(0.3)
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Type", answer.type)
        handler.send_header("Content-Length", str(len(answer.body)))
        handler.end_headers()
        handler.wfile.write(answer.body)

    def taken(self):
        """Requests that were answered well."""
        with self.lock:
            return [r for r in self.requests if r.answer.status == 200 and r.answer.first in ("", "slow")]


# --- protobuf, as much as answers and counting need ------------------------------------------------------------------

def varint(value):
    out = b""
    while value > 0x7f:
        out += bytes([value & 0x7f | 0x80])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """A field of a message: bytes and texts with their length, integers as varints."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def partial_success(rejected, message):
    return field(1, (field(1, rejected) if rejected else b"") + field(2, message))


def status(code, message, *details):
    return field(1, code) + field(2, message) + b"".join(field(3, detail) for detail in details)


def retry_info(seconds, nanos=0):
    delay = field(1, seconds) + (field(2, nanos) if nanos else b"")
    return field(1, "type.googleapis.com/google.rpc.RetryInfo") + field(2, field(1, delay))


def fields(data):
    """The fields of a message: (number, value)."""
    at = 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value
    while at < len(data):
        tag = read()
        wire = tag & 7
        if wire == 0:
            yield tag >> 3, read()
        else:
            length = {1: 8, 2: None, 5: 4}[wire]
            length = read() if length is None else length
            assert at + length <= len(data)
            yield tag >> 3, data[at:at + length]
            at += length


def of(data, *path):
    """All values at a path of field numbers."""
    values = [data]
    for number in path:
        values = [value for message in values for n, value in fields(message) if n == number]
    return values


def sequences(body):
    """generate.sequence of all gauge points of a request, read by hand."""
    found = []
    for point in of(body, 1, 2, 2, 5, 1):
        for attribute in of(point, 7):
            if of(attribute, 1) == [b"generate.sequence"]:
                found += of(attribute, 2, 3)
    return found


def json_sequences(body):
    found = []
    for resource in json.loads(body)["resourceMetrics"]:
        for scope in resource["scopeMetrics"]:
            for metric in scope["metrics"]:
                for point in metric["gauge"]["dataPoints"]:
                    found += [int(a["value"]["intValue"]) for a in point["attributes"]
                              if a["key"] == "generate.sequence"]
    return found


# --- the official implementations --------------------------------------------------------------------------------------

DECODE = """
import json, sys
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
for line in sys.stdin:
    request = ExportMetricsServiceRequest.FromString(bytes.fromhex(line))
    print(json.dumps([[metric.name, metric.unit, metric.WhichOneof("data"),
                       [[point.as_double, point.time_unix_nano,
                         {a.key: a.value.int_value if a.value.HasField("int_value") else a.value.string_value
                          for a in point.attributes}] for point in metric.gauge.data_points]]
                      for resource in request.resource_metrics for scope in resource.scope_metrics
                      for metric in scope.metrics]))
"""


def decoded(python, bodies):
    """Metrics of requests as the official classes read them: lists of [name, unit, kind, points]."""
    result = subprocess.run([python, "-c", DECODE], input="\n".join(body.hex() for body in bodies), text=True,
                            capture_output=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
    return [metric for line in result.stdout.splitlines() for metric in json.loads(line)]


# A gRPC server by the official implementation. Its answers come as JSON: [code, message, details hex, body hex].
SERVE = """
import json, sys, threading, time
from concurrent import futures
import grpc

answers = json.loads(sys.argv[1])
log = open(sys.argv[2], "a", buffering=1)
options = json.loads(sys.argv[3])
lock = threading.Lock()

def export(data, context):
    with lock:
        code, message, details, body = answers.pop(0) if answers else [0, "", "", ""]
        log.write(json.dumps({"method": method_of[threading.get_ident()], "code": code, "hex": data.hex(),
                              "metadata": dict((k, v if isinstance(v, str) else v.hex())
                                               for k, v in context.invocation_metadata()),
                              "left_s": context.time_remaining()}) + "\\n")
    if message == "hang":
        time.sleep(30)
    if code:
        if details:
            context.set_trailing_metadata((("grpc-status-details-bin", bytes.fromhex(details)),))
        context.abort(getattr(grpc.StatusCode, message.split(":")[0]), message.partition(":")[2])
    return bytes.fromhex(body)

method_of = {}

class Handlers(grpc.GenericRpcHandler):
    def service(self, call):
        def handle(data, context):
            method_of[threading.get_ident()] = call.method
            return export(data, context)
        return grpc.unary_unary_rpc_method_handler(handle)

server = grpc.server(futures.ThreadPoolExecutor(8), options=[tuple(pair) for pair in options.get("options", [])],
                     compression=getattr(grpc.Compression, options.get("compression", "NoCompression")))
server.add_generic_rpc_handlers((Handlers(),))
if "key" in options:
    credentials = grpc.ssl_server_credentials([(open(options["key"], "rb").read(), open(options["certificate"], "rb").read())])
    port = server.add_secure_port("127.0.0.1:0", credentials)
else:
    port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(port, flush=True)
sys.stdin.read()
server.stop(0)
"""


class GrpcReceiver:
    def __init__(self, python, directory, *answers, **options):
        self.log = os.path.join(directory, "grpc.jsonl")
        self.process = subprocess.Popen([python, "-c", SERVE, json.dumps(answers), self.log, json.dumps(options)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def requests(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log) as file:
            return [json.loads(line) for line in file]

    def taken(self):
        return [bytes.fromhex(r["hex"]) for r in self.requests() if not r["code"]]
