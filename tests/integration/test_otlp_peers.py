# SPDX-License-Identifier: Apache-2.0
"""OTLP with those who define it: the SDKs of three languages and the Collector, every item counted and compared.

What needs the Collector or the SDK for Go, which are built from their sources, takes minutes at first and is `long`.
"""

import base64
import os
import struct

import pytest

from otlp_receiver import Receiver
from peers import CLIENTS, PEERS_S, Collector, assert_same, client_run, compare, free_port, needed_plugin
from sonde import Daemon, wait_for

pytestmark = pytest.mark.timeout(PEERS_S)
PROTOCOLS = ["grpc", "http", "http_json"]
SOON = [pytest.param(*pair, marks=[pytest.mark.long] if pair[0] == "go" else []) for pair in CLIENTS]
KINDS = ["exponential_histogram", "gauge", "histogram", "sum"]


def received_write(directory, requests):
    """Requests in files, as the Collector's exporter writes them."""
    paths = []
    for kind in ("traces", "logs", "metrics"):
        paths.append(os.path.join(directory, f"{kind}.proto"))
        with open(paths[-1], "wb") as file:
            for request in requests:
                if request["signal"] == kind:
                    body = base64.b64decode(request["protobuf"])
                    file.write(struct.pack(">I", len(body)) + body)
    return paths


# --- that the peers and their comparison can be believed ------------------------------------------------------------

@pytest.mark.long
@pytest.mark.parametrize("client, protocol", CLIENTS)
def test_what_an_sdk_sends_reaches_the_collector_as_it_was(client, protocol, tmp_path):
    with Collector(tmp_path) as collector:
        sent = client_run(tmp_path, client, protocol, collector.ports[protocol])
        collector.stop()
    found = assert_same([sent], collector.files)
    assert found["points"]["kinds"] == KINDS
    assert found["spans"]["events"] > 0 and found["spans"]["links"] > 0
    assert found["points"]["exemplars"] > 0 or client == "node"       # its SDK has none


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_collector_passes_on_is_as_it_was(protocol, tmp_path):
    with Collector(tmp_path, name="last") as last, \
            Collector(tmp_path, to=(protocol, last.ports[protocol]), name="first") as first:
        sent = client_run(tmp_path, "python", "grpc", first.ports["grpc"])
        first.stop()
        last.stop()
    found = compare([sent.path], last.files)
    if protocol != "http_json":          # its JSON loses the sign of -0.0
        assert_same([sent], last.files)
    for name, those in found.items():
        assert those["sent"] == those["received"] == sent.counts[name]


@pytest.mark.long
def test_the_comparison_finds_what_is_missing_changed_and_repeated(tmp_path):
    with Collector(tmp_path) as collector:
        sent = client_run(tmp_path, "python", "grpc", collector.ports["grpc"])
    requests = sent.document["requests"]
    assert_same([sent], received_write(tmp_path, requests))

    metrics = [request for request in requests if request["signal"] == "metrics"]
    some = [request for request in requests if request is not metrics[0]]
    found = compare([sent.path], received_write(tmp_path, some))
    assert found["points"]["received"] == found["points"]["sent"] // 2
    assert found["points"]["missing"] and not found["points"]["unexpected"]

    found = compare([sent.path], received_write(tmp_path, [*requests, metrics[0]]))
    assert found["points"]["unexpected"] and not found["points"]["missing"]

    for old, new in ((b"root 0", b"root 9"), (b"a text", b"a test"), (b"durations", b"Durations")):
        bodies = [base64.b64decode(request["protobuf"]).replace(old, new, 1) for request in requests]
        changed = [{**request, "protobuf": base64.b64encode(body)} for request, body in zip(requests, bodies)]
        found = compare([sent.path], received_write(tmp_path, changed))
        assert any(those["missing"] and those["unexpected"] for those in found.values()), old


def test_a_client_that_nobody_answers_fails(tmp_path):
    with pytest.raises(AssertionError):
        client_run(tmp_path, "go", "http", free_port(), count=1)


# --- sonde between them ---------------------------------------------------------------------------------------------

class Between:
    """sonde, taking OTLP and handing it on to a port."""

    def __init__(self, directory, protocol, port, compression="none"):
        needed_plugin("input")
        needed_plugin("output")
        self.ports = {"grpc": free_port(), "http": free_port()}
        self.ports["http_json"] = self.ports["http"]
        self.daemon = Daemon(directory, f'''
            inputs:    {{ apps:    {{ plugin = "otlp"; grpc = "127.0.0.1:{self.ports['grpc']}";
                                      http = "127.0.0.1:{self.ports['http']}"; }}; }};
            outputs:   {{ backend: {{ plugin = "otlp"; protocol = "{protocol}"; compression = "{compression}";
                                      endpoint = "http://127.0.0.1:{port}"; }}; }};
            pipelines: {{ main:    {{ from = ["apps"]; to = ["backend"]; }}; }};
            ''')

    def __enter__(self):
        self.daemon.__enter__()
        self.daemon.start()
        return self

    def __exit__(self, *arguments):
        self.daemon.__exit__(*arguments)

    def stop(self):
        """Ends when all is handed over, and the ledger says so."""
        def all_gone():
            ledger = self.daemon.status()
            ledger.assert_closes()
            route = ledger.route("main > backend")
            return route.rows("in") and route.rows("in") == route.rows("out")
        try:
            wait_for(all_gone, "all rows are handed over")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.daemon.ask('status').stdout}{self.daemon.log()}") from None
        assert self.daemon.stop() == 0, self.daemon.log()


@pytest.mark.parametrize("client, protocol", SOON)
def test_what_an_sdk_sends_is_what_sonde_hands_on(client, protocol, tmp_path):
    with Receiver() as receiver, Between(tmp_path, "http", receiver.port) as sonde:
        sent = client_run(tmp_path, client, protocol, sonde.ports[protocol])
        sonde.stop()
        requests = [{"signal": request.path.removeprefix("/v1/"), "protobuf": base64.b64encode(request.body)}
                    for request in receiver.taken()]
    assert_same([sent], received_write(tmp_path, requests))


@pytest.mark.long
@pytest.mark.parametrize("client, protocol", CLIENTS)
def test_what_an_sdk_sends_through_sonde_reaches_the_collector_as_it_was(client, protocol, tmp_path):
    with Collector(tmp_path) as collector, Between(tmp_path, "http", collector.ports["http"]) as sonde:
        sent = client_run(tmp_path, client, protocol, sonde.ports[protocol])
        sonde.stop()
        collector.stop()
    assert_same([sent], collector.files)


@pytest.mark.long
@pytest.mark.parametrize("protocol, compression", [("grpc", "none"), ("grpc", "gzip"), ("http", "none"), ("http", "gzip"),
                                                   ("http", "zstd"), ("http_json", "none"), ("http_json", "gzip")])
def test_what_sonde_hands_on_is_the_same_in_every_protocol(protocol, compression, tmp_path):
    with Collector(tmp_path) as collector, \
            Between(tmp_path, protocol, collector.ports[protocol], compression) as sonde:
        sents = [client_run(tmp_path, client, "grpc", sonde.ports["grpc"]) for client in ("python", "node", "go")]
        sonde.stop()
        collector.stop()
    assert_same(sents, collector.files)


@pytest.mark.long
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_a_collector_sends_through_sonde_is_as_it_was(protocol, tmp_path):        # packed by gzip, as it comes
    with Collector(tmp_path, name="last") as last, Between(tmp_path, "grpc", last.ports["grpc"]) as sonde, \
            Collector(tmp_path, to=(protocol, sonde.ports[protocol]), name="first") as first:
        sent = client_run(tmp_path, "node", "http", first.ports["http"])       # which sends no -0.0: see above
        first.stop()
        sonde.stop()
        last.stop()
    assert_same([sent], last.files)
