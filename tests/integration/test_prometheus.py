# SPDX-License-Identifier: Apache-2.0
"""The output `prometheus` as a real Prometheus sees it, and promtool, and whoever asks by hand."""

import collections
import contextlib
import gzip
import http.client
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import threading
import urllib.parse

import pytest

from peers import free_port
from sonde import PLUGINS, Daemon, run, wait_for

ROWS = 20000
SERIES = 12
OPENMETRICS = "application/openmetrics-text;version=1.0.0"
PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
LINE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)(?: # .*)?$')


def body(port, rows=ROWS, series=SERIES, options=""):
    """Rows of the test's input `meter`, which says how they add up."""
    return f'''
    inputs:    {{ meter: {{ plugin = "{PLUGINS}/meter.so"; rows = {rows}; series = {series}; }}; }};
    outputs:   {{ prom: {{ plugin = "prometheus"; listen = "127.0.0.1:{port}"; {options}
                           queue: {{ memory = "256MiB"; when_full = "wait"; }}; }}; }};
    pipelines: {{ main: {{ from = ["meter"]; to = ["prom"]; }}; }};
    '''


def items_of(row):
    return row % 7 + 1


def open_of(row):
    return -1 if row % 2 else 2


def totals(rows=ROWS):
    return {"items": sum(map(items_of, range(rows))), "open": sum(map(open_of, range(rows))),
            "latency": sum(items_of(row) * 2 ** (row % 20) for row in range(rows))}


def scrape(port, accept=None, path="/metrics", method="GET", encoding=None, context=None):
    """Status, headers and body."""
    connection = (http.client.HTTPSConnection("127.0.0.1", port, timeout=30, context=context) if context else
                  http.client.HTTPConnection("127.0.0.1", port, timeout=30))
    headers = {"Accept": accept} if accept else {}
    if encoding:
        headers["Accept-Encoding"] = encoding
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict((name.lower(), value) for name, value in answer.getheaders()), answer.read()


def samples(text):
    """{(name, labels): value} of a text format; each line is one that we know how to read, and there once."""
    found = {}
    for line in text.decode().splitlines():
        if line.startswith("#"):
            continue
        name, labels, value = LINE.match(line).groups()
        assert (name, labels) not in found
        found[name, labels] = float(value)
    return found


def added_up(found):
    """What all series of a name come to."""
    sums = collections.Counter()
    for (name, _), value in found.items():
        sums[name] += value
    return sums


def all_delivered(daemon, rows=ROWS):
    wait_for(lambda: daemon.status().route("main > prom").rows("in") == rows and
             daemon.status().route("main > prom").rows("queued") == 0, "all rows", 60)


# --- what everybody can read ----------------------------------------------------------------------------------------

@pytest.mark.asan
def test_sums_are_those_of_the_rows_and_the_ledger_has_each_of_them(tmp_path):
    port = free_port()
    wanted = totals()
    with Daemon(tmp_path, body(port)).start() as daemon:
        all_delivered(daemon)
        for accept in (None, OPENMETRICS):
            status, headers, text = scrape(port, accept)
            assert status == 200
            assert headers["content-type"].startswith("application/openmetrics-text" if accept else
                                                      "text/plain; version=0.0.4")
            sums = added_up(samples(text))
            assert sums["meter_items_total"] == wanted["items"]
            assert sums["meter_open"] == wanted["open"]
            assert sums["meter_latency_seconds_count"] == wanted["items"]
            assert sums["meter_latency_seconds_sum"] == pytest.approx(wanted["latency"] / 1e9, rel=1e-12)
            assert text.endswith(b"# EOF\n") == bool(accept)
        account = daemon.status().route("main > prom")
        account.assert_closes()
        assert account.rows("out") == ROWS
        assert daemon.status().counter("prom", "points") == 4 * ROWS
        assert daemon.status().counter("prom", "scrapes") == 2


@pytest.mark.asan
def test_buckets_end_at_exact_powers_of_two(tmp_path):
    port = free_port()
    with Daemon(tmp_path, body(port, series=1)).start() as daemon:
        all_delivered(daemon)
        found = samples(scrape(port)[2])
    buckets = {float(re.search(r'le="([^"]*)"', labels)[1]): value for (name, labels), value in found.items()
               if name == "meter_latency_seconds_bucket"}
    for octave in range(20):
        assert buckets[2 ** octave / 1e9] == sum(items_of(row) for row in range(ROWS) if row % 20 <= octave)
    assert buckets[float("inf")] == totals()["items"]


@pytest.mark.asan
def test_promtool_has_no_complaint(tmp_path):
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed")
    port = free_port()
    with Daemon(tmp_path, body(port)).start() as daemon:
        all_delivered(daemon)
        text = scrape(port)[2]
    result = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, check=False)
    assert (result.returncode, result.stdout) == (0, b"")


@pytest.mark.asan
def test_what_is_not_a_scrape_is_answered_so(tmp_path):
    port = free_port()
    with Daemon(tmp_path, body(port)).start() as daemon:
        all_delivered(daemon)
        assert scrape(port, path="/other")[0] == 404
        status, headers, _ = scrape(port, method="POST")
        assert (status, headers["allow"]) == (405, "GET, HEAD")
        status, headers, nothing = scrape(port, method="HEAD")
        assert (status, nothing) == (200, b"") and int(headers["content-length"]) > 0
        plain = scrape(port)[2]
        _, headers, packed = scrape(port, encoding="gzip")
        assert headers["content-encoding"] == "gzip" and headers["vary"] == "accept, accept-encoding"
        assert gzip.decompress(packed) == plain and len(packed) < len(plain) / 2
        assert scrape(port, encoding="gzip;q=0")[2] == plain


@pytest.mark.asan
def test_rows_that_are_no_metrics_are_rejected_and_that_is_said_once(tmp_path):
    port = free_port()
    with Daemon(tmp_path, body(port).replace("rows =", "logs = 30; rows =")).start() as daemon:
        all_delivered(daemon, ROWS + 30)
        assert added_up(samples(scrape(port)[2]))["meter_items_total"] == totals()["items"]
        account = daemon.status().route("main > prom")
        account.assert_closes()
        assert (account.rows("out"), account.lost_rows("rejected")) == (ROWS, 30)
        assert daemon.status().counter("prom", "filtered_rows") == 30
    assert daemon.log().count('rows of "meter.log" are no metrics') == 1


def certificate(directory, name, authority=None):
    """A key and certificate, signed by an authority, or by itself as one."""
    key, path = directory / f"{name}.key", directory / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-days", "2", "-subj", f"/CN={name}", "-keyout", key, "-out", path]
    if authority:
        command += ["-CA", authority[0], "-CAkey", authority[1], "-addext", "subjectAltName=IP:127.0.0.1"]
    result = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            check=False)
    if result.returncode:
        pytest.skip("openssl makes no certificates here: " + result.stdout.decode()[-200:])
    key.chmod(0o644)    # the daemon may be another user
    return path, key


@pytest.mark.asan
def test_with_tls_only_known_scrapers_are_let_in(tmp_path):
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    port = free_port()
    authority = certificate(tmp_path, "authority")
    server, client = (certificate(tmp_path, name, authority) for name in ("server", "client"))
    tmp_path.chmod(0o755)
    options = f'''certificate_file = "{server[0]}"; key_file = "{server[1]}"; client_ca_file = "{authority[0]}";'''
    with Daemon(tmp_path, body(port, options=options)).start() as daemon:
        all_delivered(daemon)
        context = ssl.create_default_context(cafile=str(authority[0]))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            scrape(port, context=context)
        context.load_cert_chain(*map(str, client))
        assert added_up(samples(scrape(port, context=context)[2]))["meter_items_total"] == totals()["items"]


# --- bounds and time ------------------------------------------------------------------------------------------------

@pytest.mark.asan
def test_ten_times_the_series_that_there_is_room_for_add_up_all_the_same(tmp_path):
    limit, port, rows = 400, free_port(), 40000      # 100 series of each of the four metrics
    options = f"series_limit = {limit};"
    with Daemon(tmp_path, body(port, rows, series=10 * limit, options=options)).start() as daemon:
        all_delivered(daemon, rows)
        found = samples(scrape(port)[2])
        status = daemon.status()
    sums = added_up(found)
    assert sums["meter_items_total"] == totals(rows)["items"]
    assert sums["meter_open"] == totals(rows)["open"]
    assert sums["meter_latency_seconds_count"] == totals(rows)["items"]
    assert len([key for key in found if not key[0].endswith("_bucket")]) < 2 * limit
    assert found["meter_items_total", 'otel_metric_overflow="true"'] > 0
    # gauges cannot be added up: their rows count as rejected, but what could be taken of them was
    assert status.counter("prom", "refused_points") > 0
    assert status.route("main > prom").lost_rows("rejected") == status.counter("prom", "refused_points")
    status.route("main > prom").assert_closes()
    assert "no room for more series" in daemon.log()


@pytest.mark.asan
def test_a_bound_of_memory_holds_as_one_of_series_does(tmp_path):
    port, rows, bound = free_port(), 40000, 1 << 20
    with Daemon(tmp_path, body(port, rows, series=rows, options='memory_limit = "1MiB";')).start() as daemon:
        all_delivered(daemon, rows)
        sums = added_up(samples(scrape(port)[2]))
        table = daemon.status().instance("prom")["report"]["table"]["all"]
    assert sums["meter_items_total"] == totals(rows)["items"]
    assert sums["meter_latency_seconds_count"] == totals(rows)["items"]
    assert table["series"] < rows / 2
    assert bound * 0.9 < table["memory"] < bound * 1.1


def test_a_series_that_nothing_comes_for_vanishes(tmp_path):
    port = free_port()
    with Daemon(tmp_path, body(port, options='expiry = "1s";')).start() as daemon:
        all_delivered(daemon)
        wait_for(lambda: not scrape(port)[2], "all series have vanished")
        assert daemon.status().counter("prom", "expired_series") == 4 * SERIES


def test_off_loopback_without_tls_check_warns(tmp_path):
    config = tmp_path / "open.conf"
    config.write_text(body(9464).replace("127.0.0.1", "0.0.0.0"))
    result = run("check", config)
    assert result.returncode == 0
    assert "0.0.0.0:9464 can be asked by others" in result.stdout + result.stderr


def test_mistakes_in_the_options_are_named(tmp_path):
    config = tmp_path / "wrong.conf"
    config.write_text(body(9464, options='path = "metrics"; key_file = "key.pem";').replace("127.0.0.1:9464", "here"))
    result = run("check", config)
    assert result.returncode != 0
    for words in ("outputs.prom.listen", "outputs.prom.path", "outputs.prom.key_file: its certificate is missing",
                  "outputs.prom.key_file: key.pem cannot be read"):
        assert words in result.stdout + result.stderr


# --- a real Prometheus ----------------------------------------------------------------------------------------------

class Prometheus:
    """One that scrapes a port every 200 ms."""

    def __init__(self, directory, target, *arguments):
        if not shutil.which("prometheus"):
            pytest.skip("prometheus is not installed")
        self.port = free_port()
        self.log = directory / "prometheus.log"
        config = directory / "prometheus.yml"
        config.write_text(json.dumps({
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "scrape_configs": [{"job_name": "sonde", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}]}))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'tsdb'}",
                 f"--web.listen-address=127.0.0.1:{self.port}", *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def ask(self, what, **parameters):
        """The data that it answers with, or None while it does not answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            try:
                connection.request("GET", f"/api/v1/{what}?" + urllib.parse.urlencode(parameters))
                answer = connection.getresponse()
                document = json.loads(answer.read())
            except (OSError, ValueError):
                assert self.process.poll() is None, self.log.read_text()
                return None
        return document["data"] if document["status"] == "success" else None

    def query(self, expression):
        """The samples of an instant, or None."""
        data = self.ask("query", query=expression)
        return data["result"] if data else None

    def number(self, expression):
        result = self.query(expression)
        return float(result[0]["value"][1]) if result else None

    def await_number(self, expression, wanted):
        wait_for(lambda: self.number(expression) == wanted,
                 f"{expression} is {wanted}, not {self.number(expression)}", 60)


class WithoutAccept(http.server.BaseHTTPRequestHandler):
    """Hands a scrape on as one who accepts anything, and so gets the plain text format."""

    def do_GET(self):
        status, headers, text = scrape(self.server.target, path=self.path)
        self.send_response(status)
        self.send_header("Content-Type", headers["content-type"])
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def plain_text_of(port):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), WithoutAccept) as server:
        server.target = port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.asan
@pytest.mark.parametrize("form", ["text", "openmetrics", "native"])
def test_prometheus_comes_to_the_sums_of_the_ledger(tmp_path, form):
    port = free_port()
    arguments = ["--enable-feature=native-histograms"] if form == "native" else []
    wanted = totals()
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(plain_text_of(port)) if form == "text" else port
        prometheus = stack.enter_context(Prometheus(tmp_path, target, *arguments))
        daemon = stack.enter_context(Daemon(tmp_path, body(port)).start())
        all_delivered(daemon)
        assert daemon.status().route("main > prom").rows("out") == ROWS
        prometheus.await_number("sum(meter_items_total)", wanted["items"])
        for series in range(SERIES):
            assert prometheus.number(f'meter_items_total{{meter_id="{series}"}}') == \
                sum(items_of(row) for row in range(series, ROWS, SERIES))
        prometheus.await_number("sum(meter_open)", wanted["open"])
        if form == "native":
            prometheus.await_number("histogram_count(sum(meter_latency_seconds))", wanted["items"])
            assert prometheus.number("histogram_sum(sum(meter_latency_seconds))") == \
                pytest.approx(wanted["latency"] / 1e9)
            assert prometheus.query("meter_latency_seconds_bucket") == []
            # half of all values are up to 2^9 ns, and the buckets are an octave wide
            median = prometheus.number("histogram_quantile(0.5, sum(meter_latency_seconds))") * 1e9
            assert 2 ** 8 < median < 2 ** 11
        else:
            prometheus.await_number("sum(meter_latency_seconds_count)", wanted["items"])
            assert prometheus.number('sum(meter_latency_seconds_bucket{le="1.6e-08"})') == \
                sum(items_of(row) for row in range(ROWS) if row % 20 <= 4)
            assert bool(prometheus.query("meter_items_created")) == (form == "openmetrics")
        assert prometheus.number("min_over_time(up[1m])") is not None
        assert prometheus.query("up")[0]["value"][1] == "1"
        assert "err=" not in "".join(line for line in prometheus.log.read_text().splitlines()
                                     if "scrape" in line.lower()), prometheus.log.read_text()


def test_exemplars_of_long_rows_lead_to_their_traces(tmp_path):
    port = free_port()
    with Prometheus(tmp_path, port, "--enable-feature=exemplar-storage") as prometheus, \
            Daemon(tmp_path, body(port).replace("rows =", "points = 50; rows =")) as daemon:
        daemon.start()
        all_delivered(daemon, ROWS + 50)
        prometheus.await_number("meter_sent_bytes_total", 5000)
        found = wait_for(lambda: prometheus.ask("query_exemplars", query="meter_sent_bytes_total",
                                                start="2020-01-01T00:00:00Z", end="2100-01-01T00:00:00Z"), "exemplars")
    assert [(exemplar["labels"], exemplar["value"]) for exemplar in found[0]["exemplars"]] == \
        [({"trace_id": "ab" * 16}, "100")]


def test_counters_begin_anew_after_a_restart_and_prometheus_sees_a_reset(tmp_path):
    port = free_port()
    created = []
    with Prometheus(tmp_path, port) as prometheus, Daemon(tmp_path, body(port, series=1)) as daemon:
        for rows, in_ledger in ((ROWS, ROWS), (500, ROWS + 500)):      # which goes on counting
            daemon.write(body(port, rows, series=1))
            daemon.start()
            all_delivered(daemon, in_ledger)
            prometheus.await_number("sum(meter_items_total)", totals(rows)["items"])
            found = samples(scrape(port, OPENMETRICS)[2])
            created += [value for (name, _), value in found.items() if name == "meter_items_created"]
            daemon.stop()
        assert created[0] < created[1]
        assert prometheus.number("sum(resets(meter_items_total[5m]))") == 1
