# SPDX-License-Identifier: Apache-2.0
"""The processor `transform` in a daemon: rows of OTLP go in, changed ones come out, and none is lost on the way."""

import json

import pytest

from sonde import Daemon, run, wait_for

pytestmark = pytest.mark.sanitizers
ROWS = 300
STEPS = '''(
    { set = "resource['deployment.tier']"; value = "'gold'"; },
    { mask = "body"; preset = ["argv", "email"]; },
    { extract = "body"; pattern = "took (?<took>\\\\d+)"; types = "took=int"; },
    { set = "app.took"; value = "concat('about ', took, ' ms')"; where = "took >= 100"; },
    { rename = "http.url"; to = "url.full"; },
    { hash = "user.email"; },
    { drop = ["took", "no.such.column"]; } )'''


def body(directory, steps, out):
    return f'''
    inputs:     {{ in: {{ plugin = "file"; path = ["{directory}/in.json"]; interval = "20ms"; }}; }};
    processors: {{ clean: {{ plugin = "transform"; hash_key = "${{file:{directory}/key}}"; steps = {steps}; }}; }};
    outputs:    {{ out: {{ plugin = "file"; format = "otlp_json"; path = "{out}"; queue: {{ when_full = "wait"; }}; }}; }};
    pipelines:  {{ main: {{ from = ["in"]; through = ["clean"]; to = ["out"]; queue: {{ when_full = "wait"; }}; }}; }};
    '''


def record(number):
    text = f"login --password=secret{number} took {number}"
    return {"timeUnixNano": str(1700000000000000000 + number), "severityNumber": 9, "body": {"stringValue": text},
            "attributes": [{"key": "http.url", "value": {"stringValue": "https://shop/"}},
                           {"key": "user.email", "value": {"stringValue": f"user{number % 3}@shop.example"}}]}


def records_in(path):
    """[(resource attributes, record)] of a file of OTLP/JSON."""
    def plain(attributes):
        return {a["key"]: next(iter(a["value"].values())) for a in attributes}
    found = []
    with open(path) as file:
        for line in file:
            for resource in json.loads(line)["resourceLogs"]:
                for scope in resource["scopeLogs"]:
                    for one in scope["logRecords"]:
                        found.append((plain(resource["resource"]["attributes"]),
                                      {**one, "attributes": plain(one["attributes"])}))
    return found


def test_rows_of_otlp_are_changed_and_all_of_them_arrive(tmp_path):
    tmp_path.chmod(0o755)
    out = tmp_path / "out"
    out.mkdir()
    out.chmod(0o777)
    (tmp_path / "key").write_text("a key of more than sixteen bytes\n")
    (tmp_path / "in.json").write_text("".join(
        json.dumps({"resourceLogs": [{"resource": {"attributes": [{"key": "service.name",
                                                                   "value": {"stringValue": "shop"}}]},
                                      "scopeLogs": [{"logRecords": [record(n) for n in range(first, first + 100)]}]}]}) + "\n"
        for first in range(0, ROWS, 100)))
    with Daemon(tmp_path, body(tmp_path, STEPS, out / "%{signal}.json")) as daemon:
        daemon.start()
        wait_for(lambda: daemon.status().route("main > out").rows("out") == ROWS, "all rows")
        status = daemon.status()
        status.assert_closes()
        assert status.counter("clean", "masked_values") == ROWS
        assert status.counter("clean", "hashed_values") == ROWS
        assert status.counter("clean", "changed_rows") == ROWS
        assert daemon.stop() == 0
    found = sorted(records_in(out / "logs.json"), key=lambda pair: int(pair[1]["timeUnixNano"]))
    assert len(found) == ROWS
    hashes = set()
    for number, (resource, one) in enumerate(found):
        assert resource == {"service.name": "shop", "deployment.tier": "gold"}
        assert one["body"] == {"stringValue": f"login --password=*** took {number}"}
        assert one["attributes"].pop("url.full") == "https://shop/"
        hashes.add((number % 3, one["attributes"].pop("user.email")))
        assert one["attributes"] == ({"app.took": f"about {number} ms"} if number >= 100 else {})
    assert len(hashes) == 3 and all(len(text) == 32 for _, text in hashes)
    daemon.ledger().assert_closes()


@pytest.mark.parametrize("steps, problem", [
    ('( { drop = "a"; }, { set = "b"; value = "1 +"; } )', "processors.clean.steps[1].value: at 4: a name or a value"),
    ('( { mask = "a"; patern = "x"; } )', 'unknown key (did you mean "pattern"?)'),
    ('( { mask = "a"; pattern = "(x"; } )', "processors.clean.steps[0].pattern: at 3: missing closing parenthesis")])
def test_check_names_the_place_in_a_step(tmp_path, steps, problem):
    (tmp_path / "key").write_text("a key of more than sixteen bytes\n")
    config = tmp_path / "wrong.conf"
    config.write_text(body(tmp_path, steps, tmp_path / "out.json"))
    result = run("check", config)
    assert result.returncode == 2
    assert problem in result.stdout + result.stderr
    assert "wrong.conf:3:" in result.stdout + result.stderr
