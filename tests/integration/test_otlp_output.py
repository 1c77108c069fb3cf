# SPDX-License-Identifier: Apache-2.0
"""The output `otlp` under a daemon, before receivers that take everything and receivers that fail in every way."""

import os
import re
import ssl
import subprocess

import pytest

from otlp_receiver import (OK, Answer, GrpcReceiver, Receiver, decoded, json_sequences, partial_success,
                           retry_info, sequences, status)
from sonde import TREE, Daemon, run, wait_for

ROWS = 3000
PROTOBUF = "application/x-protobuf"


def body(options, rows=ROWS, batch=500, retry='first = "50ms"; longest = "100ms";'):
    """Rows that are numbered from 0, to a receiver."""
    return f'''
    inputs:    {{ gen: {{ plugin = "generate"; rows = {rows}; batch = {batch}; }}; }};
    outputs:   {{ out: {{ plugin = "otlp"; {options}
                          queue: {{ memory = "256MiB"; when_full = "wait"; }}; retry: {{ {retry} }}; }}; }};
    pipelines: {{ main: {{ from = ["gen"]; to = ["out"]; }}; }};
    '''


def settled(daemon, rows=ROWS):
    """The status once every row has been delivered or lost; the books close then."""
    def look():
        now = daemon.status()
        routes = [account for (kind, name), account in now.accounts.items() if name.startswith("main > out")]
        return now if sum(route.rows("out") + route.lost_rows() for route in routes) == rows else None
    now = wait_for(look, "all rows have their answer")
    now.assert_closes()
    return now


def repeated_rows(now):
    for account in now.document["ledger"]:
        if account["name"] == "main > out":
            return account.get("possibly_repeated", {"rows": 0})["rows"]
    raise AssertionError("no such route")


def all_sequences(requests, read=sequences):
    return sorted(number for request in requests for number in read(request.body))


def assert_all_came_once(receiver, rows=ROWS):
    assert all_sequences(receiver.taken()) == list(range(rows))


@pytest.fixture
def grpc(official):
    return official


# --- all is well -------------------------------------------------------------------------------------------------------

@pytest.mark.asan
@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_rows_arrive_over_http(tmp_path, compression):
    with Receiver() as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; compression = "{compression}";')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0 and repeated_rows(now) == 0
        assert_all_came_once(receiver)
        for request in receiver.requests:
            assert request.path == "/v1/metrics"
            assert request.headers["content-type"] == PROTOBUF
            assert request.headers["user-agent"].startswith("sonde/")
            assert request.headers.get("content-encoding", "none") == compression
        assert now.counter("out", "bytes") == sum(len(r.body) for r in receiver.requests)
        assert now.counter("out", "sent_bytes") == sum(r.length for r in receiver.requests)
        assert now.counter("out", "items") == ROWS
        assert now.counter("out", "requests") == len(receiver.requests)
        assert daemon.stop() == 0


def test_rows_arrive_as_json(tmp_path):
    with Receiver(Answer(400, b'{"code":3,"message":"not today"}', "application/json"),
                  Answer(200, b'{"partialSuccess":{"rejectedDataPoints":"2","errorMessage":"two are bad"}}',
                         "application/json")) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; protocol = "http_json"; in_flight = 1; '
                                  'request_size = "64KiB";')).start() as daemon:
        now = settled(daemon)
        refused = len(json_sequences(receiver.requests[0].body))
        assert now.lost_rows("rejected") == now.lost_rows() == refused + 2
        assert all_sequences(receiver.requests, json_sequences) == list(range(ROWS))
        assert all(len(r.body) <= 64 * 1024 and r.headers["content-type"] == "application/json"
                   for r in receiver.requests)
        assert "HTTP 400: not today" in daemon.log() and "two are bad" in daemon.log()


def test_the_official_classes_read_what_is_sent(tmp_path, official):
    with Receiver() as receiver, Daemon(tmp_path, body(f'endpoint = "{receiver.url}";')).start() as daemon:
        settled(daemon)
        metrics = decoded(official, [r.body for r in receiver.taken()])
        points = [point for name, unit, kind, points in metrics for point in points]
        assert {(name, unit, kind) for name, unit, kind, _ in metrics} == {("generate.value", "1", "gauge")}
        assert sorted(attributes["generate.sequence"] for _, _, attributes in points) == list(range(ROWS))
        assert all(value == attributes["generate.sequence"] % 1000 and time and attributes["generate.word"]
                   for value, time, attributes in points)


def test_a_socket_in_a_path_and_urls_of_one_signal(tmp_path):
    path = str(tmp_path / "otlp.sock")
    with Receiver(address=path) as receiver, Receiver() as other:
        os.chmod(path, 0o777)
        with Daemon(tmp_path, body(f'endpoint = "unix:{path}";')).start() as daemon:
            settled(daemon)
            assert_all_came_once(receiver)
            daemon.stop()
        with Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; metrics_endpoint = "{other.url}/else/where?x=1"; '
                                   'headers = ["X-Scope-OrgID=shop", "X-Empty="];'), name="second", state="other").start() as daemon:
            settled(daemon)
            assert_all_came_once(other)
            assert {r.path for r in other.requests} == {"/else/where?x=1"}
            assert other.requests[0].headers["x-scope-orgid"] == "shop" and other.requests[0].headers["x-empty"] == ""


def test_a_drain_waits_for_requests_under_way(tmp_path):
    with Receiver(decide=lambda _: Answer(first="slow")) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; request_size = "16KiB"; in_flight = 8;')).start() as daemon:
        wait_for(lambda: receiver.requests, "a request is under way")
        assert daemon.stop() == 0
        ledger = daemon.ledger()
        ledger.assert_closes()
        assert ledger.lost_rows() == 0
        assert len(all_sequences(receiver.taken())) == ledger.route("main > out").rows("out")
        assert max(all_sequences(receiver.taken())) + 1 == len(all_sequences(receiver.taken()))


# --- statuses ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_what_may_be_tried_again_is(tmp_path, code):
    with Receiver(*[Answer(code)] * 5) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; request_size = "32KiB";')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0
        assert_all_came_once(receiver)
        assert now.counter("out", "retries") == 5
        assert f"will offer rows again: HTTP {code}" in daemon.log()


@pytest.mark.parametrize("code", [301, 400, 401, 403, 404, 405, 408, 415, 422, 500, 501, 505, 599])
def test_what_may_not_be_tried_again_is_lost_for_a_reason(tmp_path, code):
    words = status(3, "because\nof the receiver")
    with Receiver(Answer(code, words, PROTOBUF)) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; request_size = "32KiB";')).start() as daemon:
        now = settled(daemon)
        refused = [r for r in receiver.requests if r.answer is not OK]
        assert len(refused) == 1
        assert now.lost_rows("rejected") == now.lost_rows() == len(sequences(refused[0].body))
        assert all_sequences(receiver.requests) == list(range(ROWS))
        assert f"rows were rejected: HTTP {code}: because of the receiver" in daemon.log()


@pytest.mark.asan
def test_any_mixture_of_answers_closes_the_books(tmp_path):
    count = 0

    def decide(request):
        nonlocal count
        count += 1
        return [OK, Answer(503), Answer(400), Answer(first="reset"), Answer(200, partial_success(7, "seven")),
                Answer(429, headers={"Retry-After": "0"}), OK][count % 7]
    with Receiver(decide=decide) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; request_size = "8KiB"; compression = "gzip";',
                                  retry='first = "10ms"; longest = "10ms";')).start() as daemon:
        now = settled(daemon)
        final = [r for r in receiver.requests if r.answer.status in (200, 400) and not r.answer.first]
        refused = sum(len(sequences(r.body)) for r in final if r.answer.status == 400)
        partly = sum(min(7, len(sequences(r.body))) for r in final if r.answer.body)
        assert all_sequences(final) == list(range(ROWS))     # what has its answer is not sent again
        assert now.lost_rows() == now.lost_rows("rejected") == refused + partly
        assert repeated_rows(now) > 0
        assert daemon.stop() == 0


def test_a_wait_that_the_receiver_asks_for_is_kept(tmp_path):
    with Receiver(Answer(503, headers={"Retry-After": "2"})) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; in_flight = 1;')).start() as daemon:
        settled(daemon)
        assert_all_came_once(receiver)
        assert receiver.requests[1].came_s - receiver.requests[0].came_s >= 2


def test_a_flood_of_waits_is_nothing_special(tmp_path):
    waits = ["0", "0", "99999999999999999999", "-1", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "", "0x10", "1e3"]
    with Receiver(*[Answer(429, headers={"Retry-After": text}) for text in waits if len(text) < 12]) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; in_flight = 1;')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0
        assert_all_came_once(receiver)


# --- partial success ---------------------------------------------------------------------------------------------------

def test_a_partial_success_is_final(tmp_path):
    with Receiver(Answer(200, partial_success(3, "three have no name"), PROTOBUF)) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}";')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows("rejected") == now.lost_rows() == 3
        assert_all_came_once(receiver)
        assert "three have no name" in daemon.log()


def test_more_rejected_items_than_there_are_are_all_of_them(tmp_path):
    with Receiver(decide=lambda _: Answer(200, partial_success(1 << 60, "all"), PROTOBUF)) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}";')).start() as daemon:
        assert settled(daemon).lost_rows("rejected") == ROWS
        assert_all_came_once(receiver)


def test_a_warning_loses_nothing(tmp_path):
    with Receiver(Answer(200, partial_success(0, "that is an old version"), PROTOBUF),
                  Answer(200, b"\xff\xff\xff", PROTOBUF), Answer(200, b"fine", "text/plain")) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; request_size = "64KiB";')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0 and now.counter("out", "warnings") == 3
        assert_all_came_once(receiver)
        assert "taken, with a warning: that is an old version" in daemon.log()
        assert "cannot be read" in daemon.log()


# --- connections -------------------------------------------------------------------------------------------------------

@pytest.mark.asan
@pytest.mark.parametrize("first", ["reset", "hang"])
def test_a_connection_that_ends_without_an_answer_may_repeat_rows(tmp_path, first):
    with Receiver(Answer(first=first)) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; timeout = "1s"; in_flight = 1;')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0
        assert_all_came_once(receiver)
        assert repeated_rows(now) >= len(sequences(receiver.requests[0].body)) > 0
        assert "will offer rows again" in daemon.log()


def test_who_is_not_there_is_waited_for(tmp_path):
    with Receiver() as receiver:
        port = receiver.port
    with Daemon(tmp_path, body(f'endpoint = "http://127.0.0.1:{port}";')).start() as daemon:
        wait_for(lambda: "will offer rows again" in daemon.log(), "nobody listens")
        with Receiver(address=("127.0.0.1", port)) as receiver:
            now = settled(daemon)
            assert now.lost_rows() == 0 and repeated_rows(now) == 0
            assert_all_came_once(receiver)


# --- sizes -------------------------------------------------------------------------------------------------------------

@pytest.mark.asan
def test_requests_are_split_until_the_receiver_takes_them(tmp_path):
    with Receiver(limit=20000) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}";')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0 and now.counter("out", "splits") > 0
        assert_all_came_once(receiver)
        before = now.counter("out", "splits")
        assert before == sum(1 for r in receiver.requests if r.answer.status == 413) < 60     # it is remembered


def test_requests_keep_to_their_size(tmp_path):
    with Receiver() as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; request_size = "4KiB";', batch=1500)).start() as daemon:
        assert settled(daemon).lost_rows() == 0
        assert_all_came_once(receiver)
        assert max(len(r.body) for r in receiver.requests) <= 4096
        assert len(receiver.requests) < 2 * sum(len(r.body) for r in receiver.requests) / 4096


def test_small_batches_are_merged(tmp_path):
    with Receiver(Answer(503), decide=None) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; in_flight = 1;', batch=10,
                                  retry='first = "2s"; longest = "2s";')).start() as daemon:
        settled(daemon)
        assert_all_came_once(receiver)
        assert len(receiver.requests) < ROWS / 10 / 4


def test_a_row_that_is_too_large_alone_is_rejected(tmp_path):
    with Receiver(limit=50) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}";', rows=20)).start() as daemon:
        now = settled(daemon, 20)
        assert now.lost_rows("rejected") == now.lost_rows() == now.counter("out", "too_large") == 20
        assert "rows were rejected: HTTP 413" in daemon.log()
        assert receiver.taken() == []


# --- who may, and through whom -----------------------------------------------------------------------------------------

def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, and what it vouches for: a receiver at 127.0.0.1 and a client. And another authority."""
    directory = tmp_path_factory.mktemp("tls")
    os.chmod(directory, 0o755)
    for authority in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={authority}",
                "-keyout", f"{directory}/{authority}.key", "-out", f"{directory}/{authority}.pem")
    for name in ("server", "client"):
        (directory / f"{name}.ext").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{directory}/{name}.key",
                "-out", f"{directory}/{name}.csr")
        openssl("x509", "-req", "-in", f"{directory}/{name}.csr", "-CA", f"{directory}/ca.pem", "-CAkey",
                f"{directory}/ca.key", "-days", "30", "-extfile", f"{directory}/{name}.ext", "-out",
                f"{directory}/{name}.pem")
    for path in directory.iterdir():
        path.chmod(0o644)
    return directory


def tls_context(certificates, client=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    if client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "ca.pem")
    return context


def test_tls_with_a_certificate_on_both_sides(tmp_path, certificates):
    with Receiver(context=tls_context(certificates, client=True)) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; ca_file = "{certificates}/ca.pem"; '
                                  f'certificate_file = "{certificates}/client.pem"; tls_minimum = "1.3"; '
                                  f'key_file = "{certificates}/client.key";')).start() as daemon:
        assert settled(daemon).lost_rows() == 0
        assert_all_came_once(receiver)


def test_who_cannot_prove_who_it_is_gets_nothing(tmp_path, certificates):
    with Receiver(context=tls_context(certificates)) as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; ca_file = "{certificates}/other.pem";')).start() as daemon:
        wait_for(lambda: "certificate" in daemon.log(), "the certificate is refused")
        assert receiver.requests == []
        assert daemon.status().route("main > out").rows("out") == 0
        daemon.write(body(f'endpoint = "{receiver.url}"; verify = false;'))
        daemon.reload()
        settled(daemon)
        assert "anybody may pose as the receiver" in daemon.log()
        assert_all_came_once(receiver)


def test_a_token_may_change_while_rows_flow(tmp_path):
    token = tmp_path / "token"
    token.write_text("first-token\n")
    token.chmod(0o644)
    good = ["first-token"]

    def decide(request):
        if request.headers["authorization"] != f"Bearer {good[0]}":
            return Answer(401)
        if len(receiver.taken()) == 5:      # the next one needs the new token, which is there when it is refused
            good[0] = "second-token"
            (tmp_path / "token.new").write_text("second-token\n")
            (tmp_path / "token.new").chmod(0o644)
            os.rename(tmp_path / "token.new", token)
        return OK
    receiver = Receiver(decide=decide)
    with receiver, Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; bearer_token_file = "{token}"; '
                                         'request_size = "8KiB";')).start() as daemon:
        assert settled(daemon).lost_rows() == 0
        assert_all_came_once(receiver)
        assert {r.headers["authorization"] for r in receiver.taken()} == {"Bearer first-token", "Bearer second-token"}
        assert "first-token" not in daemon.log()


def test_without_its_token_nothing_is_sent(tmp_path):
    token = tmp_path / "token"
    token.write_text("two words\n")
    token.chmod(0o644)
    with Receiver() as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; bearer_token_file = "{token}";')).start() as daemon:
        wait_for(lambda: "bearer_token_file does not hold a token" in daemon.log(), "the token is refused")
        assert receiver.requests == []
        token.write_text("one-word")
        settled(daemon)
        assert_all_came_once(receiver)


def test_secret_headers_stay_secret(tmp_path):
    secret = tmp_path / "key"
    secret.write_text("hush-hush-hush")
    with Receiver() as receiver:
        options = f'endpoint = "{receiver.url}"; secret_headers = ( {{ name = "api-key"; value = "${{file:{secret}}}"; }} );'
        with Daemon(tmp_path, body(options)).start() as daemon:
            settled(daemon)
            assert {r.headers["api-key"] for r in receiver.requests} == {"hush-hush-hush"}
            shown = run("show", daemon.config).stdout
            assert "hush" not in shown + daemon.log() + daemon.ask("status", "--json").stdout
            refused = Daemon(tmp_path, body('headers = ["Authorization=Basic aGk="];'), name="literal")
            assert "sounds like a secret" in run("check", refused.config).stderr
            refused = Daemon(tmp_path, body('secret_headers = ( { name = "api-key"; value = "open"; } );'), name="open")
            assert run("check", refused.config).returncode != 0


def test_a_proxy_stands_in_between(tmp_path):
    with Receiver() as proxy, \
            Daemon(tmp_path, body(f'endpoint = "http://collector.invalid:4318"; proxy = "{proxy.url}";')).start() as daemon:
        settled(daemon)
        assert_all_came_once(proxy)
        assert {r.path for r in proxy.requests} == {"http://collector.invalid:4318/v1/metrics"}


def test_what_the_config_leaves_open_comes_from_the_environment(tmp_path):
    with Receiver() as receiver, Receiver() as of_metrics:
        variables = dict(os.environ, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url + "/base",
                         OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
                         OTEL_EXPORTER_OTLP_HEADERS="api-key=a%20b%2Cc, x-other = 1", no_proxy="*")
        with Daemon(tmp_path, body("")).start(env=variables) as daemon:
            settled(daemon)
            assert_all_came_once(receiver)
            first = receiver.requests[0]
            assert first.path == "/base/v1/metrics" and first.headers["content-encoding"] == "gzip"
            assert first.headers["api-key"] == "a b,c" and first.headers["x-other"] == "1"
            daemon.stop()
        variables["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] = of_metrics.url + "/own"
        with Daemon(tmp_path, body('compression = "none";'), name="second", state="other").start(env=variables) as daemon:
            settled(daemon)
            assert_all_came_once(of_metrics)
            assert of_metrics.requests[0].path == "/own" and "content-encoding" not in of_metrics.requests[0].headers


def test_check_says_what_can_be_known_without_a_network(tmp_path):
    def said(options):
        result = run("check", Daemon(tmp_path, body(options)).config)
        return result.returncode, result.stdout + result.stderr
    for options, words in (
            ('endpoint = "collector:4318";', '"collector:4318" is no URL (try'),
            ('endpoint = "ftp://collector";', "neither http:// nor https://"),
            ('endpoint = "http://h/v1/logs";', "is appended by itself"),
            ('endpoint = "http://me:word@h";', "holds a user or a password"),
            ('endpoint = "http://h:4317/x"; protocol = "grpc";', "an address for gRPC has no path"),
            ('endpoint = "unix:relative";', "is not the whole path of a socket"),
            ('ca_file = "/nowhere/ca.pem";', "there is no file /nowhere/ca.pem"),
            ('headers = ["nothing"];', 'item 1 is not "name=value"'),
            ('headers = ["Content-Type=x"];', "written by sonde itself"),
            ('compression = "gzip"; level = 13;', "too high for gzip"),
            ('proxy = "http://me:word@h";', "proxy_credentials"),
            ('key_file = "/etc/hostname";', "no certificate_file beside it")):
        code, text = said(options)
        assert code != 0 and words in text, (options, text)
    code, text = said('endpoint = "http://collector.example:4318"; bearer_token_file = "/etc/hostname"; verify = false;')
    assert code == 0 and "unencrypted" in text and "anybody may pose as the receiver" in text


# --- gRPC --------------------------------------------------------------------------------------------------------------

def grpc_body(receiver, more="", **options):
    return body(f'protocol = "grpc"; endpoint = "{receiver.url}"; {more}', **options)


def grpc_sequences(bodies):
    return sorted(number for data in bodies for number in sequences(data))


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_rows_arrive_over_grpc(tmp_path, grpc, compression):
    with GrpcReceiver(grpc, tmp_path) as receiver, \
            Daemon(tmp_path, grpc_body(receiver, f'compression = "{compression}"; request_size = "16KiB"; '
                                       'timeout = "7s"; headers = ["x-tenant=shop"];')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0 and repeated_rows(now) == 0
        assert grpc_sequences(receiver.taken()) == list(range(ROWS))
        for request in receiver.requests():
            assert request["method"] == "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
            assert request["metadata"]["user-agent"].startswith("sonde/")
            assert request["metadata"]["x-tenant"] == "shop"
            assert 0 < request["left_s"] <= 7
        assert daemon.stop() == 0


RETRIED = ["CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"]
REFUSED = ["UNKNOWN", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "FAILED_PRECONDITION",
           "UNIMPLEMENTED", "INTERNAL", "UNAUTHENTICATED"]


def test_each_status_of_grpc_is_taken_as_it_is_meant(tmp_path, grpc):
    answers = [[1, f"{name}:it is {name.lower()}, \u00fc%", "", ""] for name in RETRIED + REFUSED]
    with GrpcReceiver(grpc, tmp_path, *answers) as receiver, \
            Daemon(tmp_path, grpc_body(receiver, 'in_flight = 1; request_size = "8KiB";',
                                       retry='first = "1ms"; longest = "1ms";')).start() as daemon:
        now = settled(daemon)
        requests = receiver.requests()
        refused = [r for r in requests if r["code"]][len(RETRIED):]
        lost = sum(len(sequences(bytes.fromhex(r["hex"]))) for r in refused)
        assert len(refused) == len(REFUSED) and now.counter("out", "retries") == len(RETRIED)
        assert now.lost_rows("rejected") == now.lost_rows() == lost
        kept = grpc_sequences(receiver.taken())
        assert len(kept) == len(set(kept)) == ROWS - lost
        assert "gRPC PERMISSION_DENIED: it is permission_denied, \u00fc%" in daemon.log()


def test_a_full_receiver_is_asked_again_only_if_it_says_when(tmp_path, grpc):
    details = status(8, "full", retry_info(0, 1000000)).hex()
    answers = [[1, "RESOURCE_EXHAUSTED:full", details, ""],
               [1, "RESOURCE_EXHAUSTED:no quota is left", "", ""],
               [1, "RESOURCE_EXHAUSTED:message is larger than max", "", ""],
               [0, "", "", partial_success(2, "two").hex()]]
    with GrpcReceiver(grpc, tmp_path, *answers) as receiver, \
            Daemon(tmp_path, grpc_body(receiver, 'in_flight = 1; request_size = "32KiB";')).start() as daemon:
        now = settled(daemon)
        second = sequences(bytes.fromhex(receiver.requests()[1]["hex"]))
        assert now.counter("out", "retries") == 1 and now.counter("out", "splits") == 1
        assert now.lost_rows("rejected") == now.lost_rows() == len(second) + 2
        assert grpc_sequences(receiver.taken()) == sorted(set(range(ROWS)) - set(second))


def test_the_limit_of_a_grpc_server_is_found(tmp_path, grpc):
    with GrpcReceiver(grpc, tmp_path, options=[["grpc.max_receive_message_length", 20000]]) as receiver, \
            Daemon(tmp_path, grpc_body(receiver, 'compression = "gzip";')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0 and now.counter("out", "splits") > 0
        assert grpc_sequences(receiver.taken()) == list(range(ROWS))


def test_answers_of_grpc_may_be_compressed(tmp_path, grpc):
    with GrpcReceiver(grpc, tmp_path, [0, "", "", partial_success(5, "five " * 100).hex()],
                      compression="Gzip") as receiver, \
            Daemon(tmp_path, grpc_body(receiver)).start() as daemon:
        assert settled(daemon).lost_rows("rejected") == 5
        assert "five five" in daemon.log()


def test_a_grpc_server_that_goes_away_may_have_taken_rows(tmp_path, grpc):
    with GrpcReceiver(grpc, tmp_path, [0, "hang", "", ""]) as receiver, \
            Daemon(tmp_path, grpc_body(receiver, 'in_flight = 1; timeout = "1s";')).start() as daemon:
        now = settled(daemon)
        assert now.lost_rows() == 0 and repeated_rows(now) > 0


def test_grpc_over_tls(tmp_path, grpc, certificates):
    with GrpcReceiver(grpc, tmp_path, key=f"{certificates}/server.key", certificate=f"{certificates}/server.pem") as receiver:
        receiver.url = receiver.url.replace("http:", "https:")
        with Daemon(tmp_path, grpc_body(receiver, f'ca_file = "{certificates}/ca.pem"; request_size = "8KiB";')).start() as daemon:
            assert settled(daemon).lost_rows() == 0
            assert grpc_sequences(receiver.taken()) == list(range(ROWS))


def test_what_is_no_grpc_is_told_by_its_status(tmp_path):
    """A server of HTTP/1.1 does not even speak of HTTP/2: nothing is lost."""
    with Receiver() as receiver, Daemon(tmp_path, grpc_body(receiver)).start() as daemon:
        wait_for(lambda: "will offer rows again" in daemon.log(), "it is no HTTP/2")
        assert daemon.status().lost_rows() == 0


def test_both_threads_of_a_doubled_output_send(tmp_path):
    with Receiver() as receiver, \
            Daemon(tmp_path, body(f'endpoint = "{receiver.url}"; threads = 2; request_size = "16KiB";')).start() as daemon:
        assert settled(daemon).lost_rows() == 0
        assert_all_came_once(receiver)


# --- the config that is shipped ----------------------------------------------------------------------------------------

def test_edge_conf_sends_to_a_backend_when_one_line_is_changed(tmp_path):
    with open(os.path.join(TREE, "conf/edge.conf")) as file:
        text = file.read()
    offered = re.search(r"# (backend: { plugin = \"otlp\".*)\n\t(backend: .*)\n", text)
    with Receiver() as receiver:
        text = text.replace(offered[2], offered[1].replace("https://collector.example:4318", receiver.url))
        # the settings of a test's daemon, and rows that need no privileges and are counted
        text = re.sub(r"sonde:\n{.*?\n};\n", "", text, flags=re.S)
        text = re.sub(r"calls: {.*?};", 'calls: { plugin = "generate"; rows = 3000; batch = 500; };', text)
        archive = {"SONDE_ARCHIVE": str(tmp_path / "calls.jsonl")}
        with Daemon(tmp_path, text).start(env=dict(os.environ, **archive)) as daemon:
            wait_for(lambda: daemon.status().route("kernel > backend").rows("out") == ROWS, "the backend has all")
            assert_all_came_once(receiver)
            assert daemon.status().route("kernel > archive").rows("out") == ROWS
            assert "no pipeline names it" not in daemon.log()
