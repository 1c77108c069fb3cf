# SPDX-License-Identifier: Apache-2.0
"""The processor `enrich` in a daemon: tables that change under it, tags, and clouds whose metadata services are ours."""

import contextlib
import http.server
import json
import os
import threading

import pytest

from sonde import Daemon, run, wait_for

pytestmark = pytest.mark.sanitizers


def body(path, enrich, rows=""):
    return f'''
    inputs:     {{ gen: {{ plugin = "generate"; batch = 100; {rows} }}; }};
    processors: {{ who: {{ plugin = "enrich"; {enrich} }}; }};
    outputs:    {{ out: {{ plugin = "file"; path = "{path}"; }}; }};
    pipelines:  {{ main: {{ from = ["gen"]; through = ["who"]; to = ["out"]; }}; }};
    '''


def last_row(path, word=None):
    """The last that is written, of those with that word."""
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        file.seek(max(0, os.path.getsize(path) - 65536))
        lines = file.read().split("\n")[1:-1]
    for line in reversed(lines):
        row = json.loads(line)
        if word in (None, row["generate.word"]):
            return row
    return {}


def replace(path, text):
    with open(f"{path}.new", "w") as file:
        file.write(text)
    os.rename(f"{path}.new", path)


TABLE = "word,team,channel\nred,one,#red\norange,one,\n"


def table_of(path):
    return f'tables = ( {{ file = "{path}"; key = ["generate.word=word"]; columns = ["team.name=team", "channel"]; }} );'


def test_a_table_is_read_again_when_it_changes_and_a_wrong_one_changes_nothing(tmp_path):
    table, path = tmp_path / "teams.csv", tmp_path / "rows.json"
    replace(table, TABLE)
    enrich = table_of(table) + 'tags = ["service.namespace=shop"];'
    with Daemon(tmp_path, body(path, enrich, "rate = 2000;")).start() as daemon:
        def team(name):
            row = last_row(path, "red")
            return row.get("team.name") == name and row
        row = wait_for(lambda: team("one"), "rows of the first table")
        assert row["channel"] == "#red" and row["resource"]["service.namespace"] == "shop"
        replace(table, TABLE.replace("one,#red", "two,#red"))
        wait_for(lambda: team("two"), "rows of the second table")
        replace(table, TABLE.replace("one,#red", "three"))
        wait_for(lambda: daemon.status().instance("who")["state"] == "degraded", "the instance is degraded")
        assert "teams.csv:2: 2 fields, where the first line names 3" in daemon.log()
        wait_for(lambda: team("two"), "rows go on with the table before")
        replace(table, TABLE.replace("one,#red", "four,"))
        wait_for(lambda: team("four"), "rows of the table that was mended")
        assert daemon.status().instance("who")["state"] == "running"
        assert daemon.status().counter("who", "table_found") > 0
        daemon.set("who.tags", "service.namespace=other")
        wait_for(lambda: last_row(path)["resource"]["service.namespace"] == "other", "the tag has changed")
        assert daemon.stop() == 0
        daemon.ledger().assert_closes()


def test_a_config_whose_table_is_wrong_is_refused_with_the_place(tmp_path):
    table, config = tmp_path / "teams.csv", tmp_path / "test.conf"
    replace(table, TABLE + "red,one,again\n")
    config.write_text(body(tmp_path / "rows.json", table_of(table)))
    result = run("check", config)
    assert result.returncode != 0
    assert 'teams.csv:4: the key "red" stands in line 2 already' in result.stdout + result.stderr


class Service(http.server.BaseHTTPRequestHandler):
    """All three clouds, each as strict as its own documentation says."""
    answers = {
        ("aws", "/latest/dynamic/instance-identity/document"):
            '{"accountId": "123456789012", "region": "eu-west-1", "availabilityZone": "eu-west-1b", '
            '"instanceId": "i-0a1b", "instanceType": "t3.micro"}',
        ("gcp", "/computeMetadata/v1/instance/id"): "4520031799277581759",
        ("gcp", "/computeMetadata/v1/instance/zone"): "projects/1/zones/europe-west1-b",
        ("gcp", "/computeMetadata/v1/instance/machine-type"): "projects/1/machineTypes/n1-standard-1",
        ("gcp", "/computeMetadata/v1/project/project-id"): "my-project",
        ("azure", "/metadata/instance/compute?api-version=2021-02-01&format=json"):
            '{"location": "westeurope", "zone": "2", "vmId": "02aab8a4", "vmSize": "Standard_A3", '
            '"subscriptionId": "8d10da13"}',
    }
    refusals = 0   # answers that are no, before the first yes

    def answer(self, code, text=""):
        self.send_response(code)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):
        allowed = self.path == "/latest/api/token" and "x-aws-ec2-metadata-token-ttl-seconds" in self.headers
        self.answer(200 if allowed else 400, "secret" if allowed else "")

    def do_GET(self):
        cloud = "aws" if self.headers.get("x-aws-ec2-metadata-token") == "secret" else \
            "gcp" if self.headers.get("metadata-flavor") == "Google" else \
            "azure" if self.headers.get("metadata") == "true" else None
        if type(self).refusals:
            type(self).refusals -= 1
            self.answer(503)
            return
        text = self.answers.get((cloud, self.path))
        self.answer(200 if text else 404, text or "")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def service(refusals=0):
    Service.refusals = refusals
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


EXPECTED = {
    "aws": {"cloud.platform": "aws_ec2", "cloud.account.id": "123456789012", "cloud.region": "eu-west-1",
            "cloud.availability_zone": "eu-west-1b", "host.type": "t3.micro", "host.id": "i-0a1b"},
    "gcp": {"cloud.platform": "gcp_compute_engine", "cloud.account.id": "my-project", "cloud.region": "europe-west1",
            "cloud.availability_zone": "europe-west1-b", "host.type": "n1-standard-1", "host.id": "4520031799277581759"},
    "azure": {"cloud.platform": "azure_vm", "cloud.account.id": "8d10da13", "cloud.region": "westeurope",
              "cloud.availability_zone": "2", "host.type": "Standard_A3", "host.id": "02aab8a4"},
}


@pytest.mark.parametrize("cloud", EXPECTED)
def test_the_cloud_is_asked_and_rows_do_not_wait_for_it(tmp_path, cloud):
    path = tmp_path / "rows.json"
    with service(refusals=1 if cloud == "azure" else 0) as endpoint:
        enrich = f'add = ["cloud", "host"]; cloud = "{cloud}"; cloud_endpoint = "{endpoint}";'
        with Daemon(tmp_path, body(path, enrich, "rate = 2000;")).start() as daemon:
            row = wait_for(lambda: "cloud.region" in last_row(path).get("resource", {}) and last_row(path),
                           "what the cloud says is in rows")
            for name, value in EXPECTED[cloud].items():
                assert row["resource"][name] == value
            assert row["resource"]["cloud.provider"] == cloud and row["resource"]["host.name"]
            if cloud == "azure":
                assert "does not tell: /metadata/instance/compute?api-version=2021-02-01&format=json: HTTP status 503" \
                    in daemon.log()
            assert daemon.stop() == 0


def test_without_an_answer_rows_go_on_with_what_the_machine_says(tmp_path):
    path = tmp_path / "rows.json"
    with service() as endpoint:
        pass   # which is closed now
    enrich = f'add = ["cloud", "host"]; cloud = "aws"; cloud_endpoint = "{endpoint}"; cloud_timeout = "100ms";'
    with Daemon(tmp_path, body(path, enrich, "rate = 2000;")).start() as daemon:
        row = wait_for(lambda: "host.id" in last_row(path).get("resource", {}) and last_row(path), "rows have the host's id")
        assert "cloud.region" not in row["resource"]
        assert "the metadata service of aws" in daemon.log()
        assert daemon.status().instance("who")["state"] == "running"
        assert daemon.stop() == 0
