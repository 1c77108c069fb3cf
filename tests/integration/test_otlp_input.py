# SPDX-License-Identifier: Apache-2.0
"""The input `otlp`: what clients hear, what becomes of what they sent, and what they cannot do to it."""

import gzip
import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import threading
import time

import pytest
from otlp_receiver import OK, Answer, Receiver, field, fields, of, status
from peers import free_port
from sonde import Daemon, run, wait_for

pytestmark = [pytest.mark.timeout(180), pytest.mark.asan]

PROTOBUF = "application/x-protobuf"
SERVICES = {"logs": "logs.v1.LogsService", "metrics": "metrics.v1.MetricsService", "traces": "trace.v1.TraceService"}


def pair(key, value):
    """A KeyValue of a text, or of the AnyValue given as bytes."""
    return field(1, key) + field(2, field(1, value) if isinstance(value, str) else value)


def log(number, *more):
    """A LogRecord with its number as the attribute `n`."""
    return (b"\x09" + struct.pack("<Q", 1760000000000000000 + number) + field(5, field(1, f"line {number}")) +
            field(6, pair("n", field(3, number))) + b"".join(more))


def logs(*records, resource=b""):
    """An ExportLogsServiceRequest."""
    scope = field(1, field(1, "test")) + b"".join(field(2, record) for record in records)
    return field(1, field(1, resource or field(1, pair("service.name", "shop"))) + field(2, scope))


def numbers(body):
    """The numbers of the log records in a request."""
    return [value for record in of(body, 1, 2, 2) for attribute in of(record, 6) if of(attribute, 1) == [b"n"]
            for value in of(attribute, 2, 3)]


class Sonde(Daemon):
    """A daemon with the input at two ports, and an output of choice."""

    def __init__(self, directory, output='plugin = "null";', options="", queue="", settings="", more=""):
        self.http, self.grpc = free_port(), free_port()
        super().__init__(directory, f'''
inputs:    {{ apps: {{ plugin = "otlp"; http = "127.0.0.1:{self.http}"; grpc = "127.0.0.1:{self.grpc}"; {options} }}; }};
outputs:   {{ out: {{ {output} queue: {{ {queue} }}; }}; }};
pipelines: {{ main: {{ from = ["apps"]; to = ["out"]; {more} }}; }};
''', settings)

    def post(self, body, path="/v1/logs", type=PROTOBUF, port=None, **headers):
        """Status, headers and body of the answer."""
        client = http.client.HTTPConnection("127.0.0.1", port or self.http, timeout=30)
        client.request("POST", path, body, {"Content-Type": type,
                                            **{name.replace("_", "-"): value for name, value in headers.items()}})
        answer = client.getresponse()
        result = answer.status, dict(answer.getheaders()), answer.read()
        client.close()
        return result

    def call(self, message, signal="logs", raw=None, encoding=None, port=None):
        """Body and trailers of a gRPC call."""
        h2 = pytest.importorskip("h2.connection", reason="python3-h2 is not installed")
        frame = raw if raw is not None else b"\0" + struct.pack(">I", len(message)) + message
        with socket.create_connection(("127.0.0.1", port or self.grpc), timeout=30) as client:
            session = h2.H2Connection()
            session.initiate_connection()
            session.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":authority", "localhost"),
                                     (":path", f"/opentelemetry.proto.collector.{SERVICES[signal]}/Export"),
                                     ("content-type", "application/grpc"), ("te", "trailers"),
                                     *([("grpc-encoding", encoding)] if encoding else [])])
            return exchange(session, client, frame)


def exchange(session, client, left):
    """Sends what is left as the windows allow, until the answer is whole."""
    body, headers = b"", {}
    while True:
        while left and session.local_flow_control_window(1) > 0:
            count = min(len(left), session.local_flow_control_window(1), session.max_outbound_frame_size)
            session.send_data(1, left[:count], end_stream=count == len(left))
            left = left[count:]
        client.sendall(session.data_to_send())
        for event in session.receive_data(client.recv(65536) or pytest.fail("the connection was closed")):
            headers.update((name.decode(), value.decode()) for name, value in getattr(event, "headers", None) or [])
            body += getattr(event, "data", b"") if type(event).__name__ == "DataReceived" else b""
            if type(event).__name__ in ("StreamEnded", "StreamReset"):
                return body, headers


def file_output(path):
    return f'plugin = "file"; path = "{path}";'


def backend_output(receiver):
    return f'plugin = "otlp"; endpoint = "{receiver.url}"; compression = "none"; in_flight = 1;'


def rows(path):
    with open(path) as file:
        return [json.loads(line) for line in file]


# --- what is taken ---------------------------------------------------------------------------------------------------

def test_each_signal_is_taken_in_each_encoding(tmp_path):
    path = tmp_path / "rows.jsonl"
    span = (field(1, b"\x11" * 16) + field(2, b"\x22" * 8) + field(5, "get") +
            b"\x39" + struct.pack("<Q", 1760000000000000000) + b"\x41" + struct.pack("<Q", 1760000000500000000))
    point = b"\x19" + struct.pack("<Q", 1760000000000000000) + b"\x31" + struct.pack("<q", 7)
    requests = {"logs": logs(log(1)), "traces": field(1, field(2, field(2, span))),
                "metrics": field(1, field(2, field(2, field(1, "load") + field(5, field(1, point)))))}
    json_requests = {
        "logs": {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "line"}}]}]}]},
        "traces": {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "11" * 16, "spanId": "22" * 8,
                                                                 "name": "get"}]}]}]},
        "metrics": {"resourceMetrics": [{"scopeMetrics": [{"metrics": [{"name": "load", "gauge": {
            "dataPoints": [{"asInt": "7"}]}}]}]}]}}
    with Sonde(tmp_path, file_output(path)) as sonde:
        sonde.start()
        for signal, request in requests.items():
            for port in (sonde.http, sonde.grpc):
                assert sonde.post(request, f"/v1/{signal}", port=port)[::2] == (200, b"")
                assert sonde.post(json.dumps(json_requests[signal]), f"/v1/{signal}", "application/json; charset=utf-8",
                                  port=port)[::2] == (200, b"{}")
                body, trailers = sonde.call(request, signal, port=port)
                assert (body, trailers["grpc-status"]) == (bytes(5), "0")
        assert sonde.stop() == 0
        sonde.ledger().assert_closes()
    found = rows(path)
    assert len(found) == 18
    assert len([row for row in found if row.get("name") == "get"]) == 6, found
    assert len([row for row in found if "body" in row]) == 6


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_compressed_requests_are_taken(tmp_path, coding):
    body = logs(*[log(i) for i in range(2000)])
    if coding == "zstd" and not shutil.which("zstd"):
        pytest.skip("zstd is not installed")
    packed = gzip.compress(body) if coding == "gzip" else subprocess.run(
        ["zstd", "-cq"], input=body, stdout=subprocess.PIPE, check=True).stdout
    with Receiver() as receiver, Sonde(tmp_path, backend_output(receiver)) as sonde:
        sonde.start()
        assert sonde.post(packed, Content_Encoding=coding)[0] == 200
        _, trailers = sonde.call(None, "logs", b"\1" + struct.pack(">I", len(packed)) + packed, coding)
        assert trailers["grpc-status"] == "0", trailers
        assert sonde.stop() == 0
    assert sorted(n for r in receiver.taken() for n in numbers(r.body)) == sorted([*range(2000)] * 2)


def test_what_comes_in_goes_out(tmp_path):
    body = logs(log(1, field(6, pair("list", field(5, field(1, field(3, 5))))), field(2, 9), field(3, "INFO"),
                    field(9, b"\1" * 16), field(10, b"\2" * 8)), log(2, field(6, pair("list", "text"))))
    with Receiver() as receiver, Sonde(tmp_path, backend_output(receiver)) as sonde:
        sonde.start()
        assert sonde.post(body)[0] == 200
        wait_for(receiver.taken, "it arrives")
        assert sonde.stop() == 0

    def content(message):
        return sorted((n, value if isinstance(value, int) else bytes(value)) for n, value in fields(message))
    [sent] = [r.body for r in receiver.taken()]
    assert of(sent, 1, 1) == of(body, 1, 1)
    assert of(sent, 1, 2, 1) == of(body, 1, 2, 1)
    assert [content(r) for r in of(sent, 1, 2, 2)] == [content(r) for r in of(body, 1, 2, 2)]


@pytest.mark.parametrize("columns", [1, 128])
def test_rows_have_what_the_config_says_of_them_unless_they_say_it(tmp_path, columns):
    path = tmp_path / "rows.jsonl"
    resources = [{"service.name": "shop", "host.name": "other"}, {"service.name": "cart"},
                 {"host.name": "third", "site": "south"}]
    body = b"".join(logs(log(i), resource=b"".join(field(1, pair(*each)) for each in resource.items()))
                    for i, resource in enumerate(resources))
    with Sonde(tmp_path, file_output(path), f"columns = {columns};",
               settings='resource = ["host.name=probe", "site=north"];') as sonde:
        sonde.start()
        assert sonde.post(body)[0] == 200
        assert sonde.stop() == 0
    found = {row["n"]: row["resource"] for row in rows(path)}
    for i, resource in enumerate(resources):
        said = dict(found[i])
        beyond = said.pop("attributes", {})      # the bound on columns
        assert not set(said) & set(beyond)
        assert {**said, **beyond} == {"host.name": "probe", "site": "north", **resource}, found


def test_an_empty_request_is_taken(tmp_path):
    with Sonde(tmp_path) as sonde:
        sonde.start()
        assert sonde.post(b"")[::2] == (200, b"")
        assert sonde.call(b"")[1]["grpc-status"] == "0"


# --- what is refused -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("path,type,headers,code,words", [
    ("/v1/nothing", PROTOBUF, {}, 404, b"/v1/logs, /v1/metrics and /v1/traces"),
    ("/v1/logs", "text/plain", {}, 415, b"application/x-protobuf and application/json"),
    ("/v1/logs", PROTOBUF, {"Content-Encoding": "br"}, 415, b"gzip and zstd"),
])
def test_what_is_not_known_is_refused_with_what_is(tmp_path, path, type, headers, code, words):
    with Sonde(tmp_path) as sonde:
        sonde.start()
        answer = sonde.post(logs(log(1)), path, type, **headers)
        assert answer[0] == code
        assert words in answer[2]


@pytest.mark.parametrize("body,type,headers", [
    (b"\xff" * 100, PROTOBUF, {}), (logs(log(1))[:-3], PROTOBUF, {}), (b"[", "application/json", {}),
    (b'{"resourceLogs": 5}', "application/json", {}), (b"not gzip", PROTOBUF, {"Content-Encoding": "gzip"}),
    (gzip.compress(logs(log(1)))[:-4], PROTOBUF, {"Content-Encoding": "gzip"}),
])
def test_what_cannot_be_read_is_refused_for_good_with_a_reason(tmp_path, body, type, headers):
    with Sonde(tmp_path) as sonde:
        sonde.start()
        code, answer_headers, answer = sonde.post(body, type=type, **headers)
        assert code == 400
        assert answer_headers["Content-Type"] == type
        told = json.loads(answer) if type == "application/json" else dict(fields(answer))
        assert told["code" if type == "application/json" else 1] == 3       # INVALID_ARGUMENT
        assert len(told["message" if type == "application/json" else 2]) > 10
        assert sonde.status().counter("apps", "malformed") == 1
        assert sonde.post(logs(log(1)))[0] == 200


@pytest.mark.parametrize("frame", [b"\0\0\0\0\5abc", b"\0\0\0\0\1abc", b"\0\0", b"\2\0\0\0\0", b"\0\xff\xff\xff\xff"])
def test_a_frame_of_grpc_with_a_wrong_length_is_refused(tmp_path, frame):
    with Sonde(tmp_path) as sonde:
        sonde.start()
        _, trailers = sonde.call(None, "logs", frame)
        assert trailers["grpc-status"] == "3"
        assert "gRPC message" in trailers["grpc-message"]


def test_a_body_beyond_the_limit_is_refused_before_it_is_read(tmp_path):
    with Sonde(tmp_path, options='body_limit = "64KiB";') as sonde:
        sonde.start()
        with socket.create_connection(("127.0.0.1", sonde.http), timeout=30) as client:
            client.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                           b"Content-Length: 68157440\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 413")
        _, trailers = sonde.call(bytes(2 << 20))
        assert trailers["grpc-status"] == "8"
        assert "grpc-status-details-bin" not in trailers        # no RetryInfo: it would be refused again


def memory_kib(daemon, name):
    with open(f"/proc/{daemon.process.pid}/status") as file:
        return int(re.search(rf"{name}:\s+(\d+)", file.read())[1])


@pytest.mark.parametrize("layers", [1, 2])
def test_a_bomb_of_gzip_takes_no_memory(tmp_path, layers):
    bomb = gzip.compress(bytes(32 << 20), 9) * 32       # 1 GiB, as members of one body
    if layers == 2:
        bomb = gzip.compress(bomb)
    with Sonde(tmp_path, options='body_limit = "16MiB";') as sonde:
        sonde.start()
        before = memory_kib(sonde, "VmHWM")
        code = sonde.post(bomb, Content_Encoding="gzip")[0]
        assert code == (413 if layers == 1 else 400)
        if "asan" not in os.environ.get("SONDE_BUILD", "") and "tsan" not in os.environ.get("SONDE_BUILD", ""):
            assert memory_kib(sonde, "VmHWM") - before < 48 << 10
        assert sonde.post(logs(log(1)))[0] == 200


def test_invalid_rows_are_left_out_and_told(tmp_path):
    path = tmp_path / "rows.jsonl"
    with Sonde(tmp_path, file_output(path)) as sonde:
        sonde.start()
        code, _, answer = sonde.post(logs(log(1), log(2, field(9, b"short")), log(3)))
        assert code == 200
        assert of(answer, 1, 1) == [1]
        assert of(answer, 1, 2)[0]
        body, trailers = sonde.call(logs(log(4, field(9, b"short"))))
        assert trailers["grpc-status"] == "0"
        assert of(body[5:], 1, 1) == [1]
        assert sonde.status().counter("apps", "invalid") == 2
        assert sonde.stop() == 0
    assert [row["n"] for row in rows(path)] == [1, 3]


def test_texts_that_are_not_utf_8_are_repaired_and_counted(tmp_path):
    path = tmp_path / "rows.jsonl"
    with Sonde(tmp_path, file_output(path)) as sonde:
        sonde.start()
        assert sonde.post(logs(log(1, field(6, pair("bad", field(1, b"a\xffb\xc3"))))))[0] == 200
        assert sonde.status().counter("apps", "repaired") == 1
        assert sonde.stop() == 0
    assert rows(path)[0]["bad"] == "a\ufffdb\ufffd"


def test_a_value_that_is_nested_too_deep_is_refused_alone(tmp_path):
    deep = field(3, 1)
    for _ in range(500):
        deep = field(5, field(1, deep))
    text = '{"arrayValue":{"values":[' * 500 + "]}}" * 500
    with Sonde(tmp_path) as sonde:
        sonde.start()
        code, _, answer = sonde.post(logs(log(1, field(6, pair("deep", deep))), log(2)))
        assert code == 200
        assert of(answer, 1, 1) == [1]
        code, _, _ = sonde.post('{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":%s}]}]}]}' % text,
                                type="application/json")
        assert code == 400
        assert sonde.status().counter("apps", "rows") == 1


def test_a_body_that_dribbles_is_cut_off(tmp_path):
    with Sonde(tmp_path, options='stall = "1s";') as sonde:
        sonde.start()
        with socket.create_connection(("127.0.0.1", sonde.http), timeout=60) as client:
            client.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                           b"Content-Length: 67108864\r\n\r\n")
            began = time.monotonic()
            with pytest.raises(OSError):
                while time.monotonic() - began < 60:
                    client.sendall(b"a")
                    time.sleep(0.01)
        assert sonde.post(logs(log(1)))[0] == 200
        assert sonde.stop() == 0
        sonde.ledger().assert_closes()


# --- room, and what becomes of rows --------------------------------------------------------------------------------

def test_a_sender_that_finds_no_room_is_told_when_to_come_again_and_nothing_is_taken(tmp_path):
    gate = threading.Event()

    def decide(_):
        gate.wait(60)
        return OK
    body = logs(*[log(i, field(6, pair("pad", "x" * 1000))) for i in range(40)])
    with Receiver(decide=decide) as receiver:
        wait = 'memory = "4MiB"; when_full = "wait";'
        with Sonde(tmp_path, backend_output(receiver),
                   'retry_after = "7s";', wait, more=f"queue: {{ {wait} }};") as sonde:
            sonde.start()
            taken = 0
            for _ in range(2000):
                code, headers, _ = sonde.post(body)
                if code != 200:
                    break
                taken += 1
            assert (code, headers.get("retry-after")) == (503, "7"), (taken, headers)
            _, trailers = sonde.call(body)
            assert trailers["grpc-status"] == "14"
            assert "grpc-status-details-bin" in trailers
            gate.set()
            wait_for(lambda: sonde.post(body)[0] == 200, "there is room again")
            assert sonde.stop() == 0
            ledger = sonde.ledger()
            ledger.assert_closes()
            assert ledger["input", "apps"].rows("in") == (taken + 1) * 40
            assert ledger.lost_rows() == 0
        assert sum(len(numbers(r.body)) for r in receiver.taken()) == (taken + 1) * 40


def test_delivered_means_that_the_backend_has_it(tmp_path):
    gate = threading.Event()

    def decide(_):
        gate.wait(60)
        return OK
    with Receiver(decide=decide) as receiver, Sonde(tmp_path, backend_output(receiver), 'ack = "delivered";') as sonde:
        sonde.start()
        answers = []
        sender = threading.Thread(target=lambda: answers.append(sonde.post(logs(log(1)))[0]))
        sender.start()
        wait_for(lambda: receiver.requests or sonde.status()["route", "main > out"].counts["in"][0], "it is on its way")
        time.sleep(0.3)
        assert not answers
        gate.set()
        sender.join()
        assert answers == [200]
        assert len(receiver.taken()) == 1


def test_what_the_backend_rejects_is_told_as_a_partial_success(tmp_path):
    with Receiver(Answer(400, status(3, "no such tenant"))) as receiver, \
            Sonde(tmp_path, backend_output(receiver), 'ack = "delivered";') as sonde:
        sonde.start()
        code, _, answer = sonde.post(logs(log(1), log(2)))
        assert code == 200
        assert of(answer, 1, 1) == [2]
        assert sonde.status().lost_rows("rejected") == 2


def test_a_client_that_leaves_while_its_rows_are_on_their_way_harms_nothing(tmp_path):
    gate = threading.Event()

    def decide(_):
        gate.wait(60)
        return OK
    with Receiver(decide=decide) as receiver, Sonde(tmp_path, backend_output(receiver), 'ack = "delivered";') as sonde:
        sonde.start()
        body = logs(log(1))
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", sonde.http), timeout=30) as client:
                client.sendall(b"POST /v1/logs HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n"
                               b"Content-Length: %d\r\n\r\n" % len(body) + body)
                wait_for(lambda: sonde.status().counter("apps", "rows"), "it is read")
        wait_for(lambda: sonde.status().counter("apps", "rows") == 20, "all are read")
        gate.set()
        assert sonde.stop() == 0
        sonde.ledger().assert_closes()
        assert sum(len(numbers(r.body)) for r in receiver.taken()) == 20


# --- life ------------------------------------------------------------------------------------------------------------

class Senders:
    """Threads that send numbered rows, one a request, until they are stopped; what they heard by number."""

    def __init__(self, sonde, count=4):
        self.sonde, self.ends, self.next, self.lock = sonde, threading.Event(), 0, threading.Lock()
        self.heard = {}     # number: status, or the error's name
        self.threads = [threading.Thread(target=self.send) for _ in range(count)]

    def send(self):
        while not self.ends.is_set():
            with self.lock:
                number = self.next
                self.next += 1
            try:
                self.heard[number] = self.sonde.post(logs(log(number)))[0]
            except (OSError, http.client.HTTPException) as error:
                self.heard[number] = type(error).__name__
            self.ends.wait(0.005)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()

    def __exit__(self, *_):
        self.stop()


@pytest.mark.sanitizers
def test_no_request_is_refused_while_the_config_is_reloaded(tmp_path):
    path = tmp_path / "rows.jsonl"
    with Sonde(tmp_path, file_output(path)) as sonde:
        sonde.start()
        with open(sonde.config) as file:
            config = file.read()
        more = config.replace("outputs:   {", 'outputs:   { more: { plugin = "null"; };')
        more = more.replace('to = ["out"]', 'to = ["out", "more"]')
        with Senders(sonde) as senders:
            for i in range(10):
                time.sleep(0.1)
                with open(sonde.config, "w") as file:
                    file.write(config if i % 2 else more)
                sonde.reload()
            senders.stop()
        assert set(senders.heard.values()) == {200}, senders.heard
        assert sonde.stop() == 0
        sonde.ledger().assert_closes()
    assert sorted(row["n"] for row in rows(path)) == sorted(senders.heard)


@pytest.mark.sanitizers
def test_what_was_acknowledged_before_the_end_has_arrived(tmp_path):
    path = tmp_path / "rows.jsonl"
    with Sonde(tmp_path, file_output(path)) as sonde:
        sonde.start()
        with Senders(sonde) as senders:
            wait_for(lambda: senders.next > 200, "they send")
            assert sonde.stop() == 0
            senders.stop()
        sonde.ledger().assert_closes()
    taken = {number for number, code in senders.heard.items() if code == 200}
    found = [row["n"] for row in rows(path)]
    assert len(found) == len(set(found))
    assert taken <= set(found)


def test_replicas_share_the_port(tmp_path):
    with Sonde(tmp_path, options="threads = 2;") as sonde:
        sonde.start()
        for i in range(64):
            assert sonde.post(logs(log(i)))[0] == 200
        status_now = sonde.status()
        shares = [status_now.instance("apps", replica)["counters"]["rows"] for replica in (0, 1)]
        assert sum(shares) == 64
        assert all(shares)
        assert sonde.stop() == 0
        sonde.ledger().assert_closes()


@pytest.mark.parametrize("options,words", [
    ('http = "0.0.0.0:4318";', "is not loopback"),
    ('http = "127.example.com:4318";', "is not loopback"),
    ('http = "127.0.0.1";', "inputs.apps.http"),
    ('http = "0.0.0.0:4318"; certificate_file = "CERTIFICATE"; key_file = "CERTIFICATE";', "anybody may send"),
    ('http = ""; grpc = "";', "listens nowhere"),
    ('certificate_file = "CERTIFICATE";', "its key is missing"),
    ('certificate_file = "/nonexistent"; key_file = "CERTIFICATE";', "/nonexistent cannot be read"),
    ('client_ca_file = "CERTIFICATE";', "only used with TLS"),
    ('http = "127.0.0.1:4317";', "the same address"),
])
def test_options_that_do_not_go_together_are_told_by_check(tmp_path, options, words):
    certificate = tmp_path / "certificate.pem"
    certificate.write_text("")
    config = tmp_path / "test.conf"
    config.write_text(f'''
inputs:    {{ apps: {{ plugin = "otlp"; {options.replace("CERTIFICATE", str(certificate))} }}; }};
outputs:   {{ out: {{ plugin = "null"; }}; }};
pipelines: {{ main: {{ from = ["apps"]; to = ["out"]; }}; }};
''')
    result = run("check", config)
    assert result.returncode != 0
    assert words in result.stdout + result.stderr


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with Sonde(tmp_path) as sonde:
            sonde.write(f'''
inputs:    {{ apps: {{ plugin = "otlp"; grpc = ""; http = "127.0.0.1:{other.getsockname()[1]}"; }}; }};
outputs:   {{ out: {{ plugin = "null"; }}; }};
pipelines: {{ main: {{ from = ["apps"]; to = ["out"]; }}; }};
''')
            sonde.start(ready=False)
            wait_for(lambda: "in use" in sonde.log(), "it says so")
            assert str(other.getsockname()[1]) in sonde.log()
