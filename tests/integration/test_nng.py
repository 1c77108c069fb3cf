# SPDX-License-Identifier: Apache-2.0
"""Two tiers: edges that send to regions, each a daemon; connections that break, regions that die, are full or refuse."""

import json
import os
import signal
import socket
import struct
import subprocess
import time

import pytest
from hop_peer import (ACK, ACK_TOO_WEAK, AGAIN, ANSWER, BYE, COMMAND, DAMAGED, FRAME, HEARTBEAT, HELLO, MALFORMED, NOT_ADMITTED,
                      NOT_ALLOWED, OTHER_VERSION, PAUSE, REFUSAL, Listener, Peer, Relay, greeting_write)

from sonde import SONDE, TREE, Daemon, run, wait_for

pytestmark = pytest.mark.timeout(120)
QUICK = {"reconnect_first": "20ms", "reconnect_longest": "100ms", "statement": "200ms", "linger": "10ms"}


def quick(options=""):
    """Options of an output that does not let a test wait, but for what it says itself."""
    return options + " ".join(f'{name} = "{value}";' for name, value in QUICK.items() if name not in options)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Region(Daemon):
    """A region whose rows go to a file, or where `output` says."""

    def __init__(self, directory, name="region", options="", output=None, url=None, queue="", pipeline=""):
        self.port = free_port()
        self.url = url or f"tcp://127.0.0.1:{self.port}"
        self.path = str(directory / f"{name}.jsonl")
        output = output or f'plugin = "file"; path = "{self.path}";'
        super().__init__(directory, f'''
            inputs:    {{ edges: {{ plugin = "nng"; url = "{self.url}"; name = "{name}"; {options} }}; }};
            outputs:   {{ out: {{ {output} queue: {{ {queue or 'when_full = "wait";'} }}; }}; }};
            pipelines: {{ main: {{ from = ["edges"]; to = ["out"]; {pipeline} }}; }};''', state=name, name=name)

    def rows(self):
        if not os.path.exists(self.path):
            return []
        with open(self.path) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def numbers(self):
        return [row["generate.sequence"] for row in self.rows()]

    def edges(self):
        return self.status().instance("edges")["report"].get("edges", {})

    def fleet(self):
        return self.status().instance("edges")["report"]["fleet"]

    def counter(self, name):
        return self.status().counter("edges", name)


class Edge(Daemon):
    """An edge with numbered rows."""

    def __init__(self, directory, urls, name="edge", rows=5000, rate=0, options="", source="batch = 100;", pipeline="",
                 queue='when_full = "wait";'):
        urls = ", ".join(f'"{url}"' for url in ([urls] if isinstance(urls, str) else urls))
        super().__init__(directory, f'''
            inputs:    {{ gen: {{ plugin = "generate"; rows = {rows}; rate = {rate}; {source} }}; }};
            outputs:   {{ up: {{ plugin = "nng"; url = [{urls}]; name = "{name}"; {quick(options)}
                                queue: {{ {queue} }}; }}; }};
            pipelines: {{ main: {{ from = ["gen"]; to = ["up"]; {pipeline} }}; }};''', state=name, name=name)

    def sent(self):
        """Rows that a region has acknowledged."""
        return self.status().route("main > up").rows("out")

    def counter(self, name):
        return self.status().counter("up", name)

    def report(self):
        return self.status().instance("up")["report"]

    def region(self, url):
        return self.report()["regions"][url]

    def repeated(self):
        accounts = [a for a in self.status().document["ledger"] if a["name"] == "main > up"]
        return accounts[0].get("possibly_repeated", {"rows": 0})["rows"]


def all_of(numbers, rows):
    return len(numbers) == rows and numbers == list(range(rows))


# ---- rows ---------------------------------------------------------------------------------------------------------------------

@pytest.mark.sanitizers
def test_rows_arrive_once_in_order_and_both_ledgers_close(tmp_path):
    with Region(tmp_path) as region, Edge(tmp_path, region.url, options='labels = ["zone=a"];') as edge:
        region.start()
        edge.start()
        wait_for(lambda: edge.sent() == 5000, "all rows are acknowledged")
        wait_for(lambda: len(region.numbers()) == 5000, "all rows are written")
        assert all_of(region.numbers(), 5000)
        assert {row["resource"]["sonde.edge"] for row in region.rows()} == {"edge"}
        edge.status().assert_closes()
        region.status().assert_closes()
        there = region.edges()["edge"]
        assert there["rows"] == 5000 and there["repeats"] == 0 and there["labels"] == "zone=a"
        assert edge.region(region.url)["state"] == "ready"
        assert edge.stop() == 0
        wait_for(lambda: not region.edges(), "the edge has gone")
        assert region.stop() == 0
        edge.ledger().assert_closes()
        region.ledger().assert_closes()


def test_what_an_edge_holds_is_handed_over_before_it_ends(tmp_path):
    with Region(tmp_path) as region, Edge(tmp_path, region.url, rows=300, options='linger = "10s";') as edge:
        region.start()
        edge.start()
        wait_for(lambda: edge.status().route("main > up").rows("in") == 300, "rows wait for more")
        assert edge.stop() == 0
        assert edge.ledger().route("main > up").rows("out") == 300
        wait_for(lambda: all_of(region.numbers(), 300), "they came")


def test_small_batches_of_several_inputs_go_in_one_frame(tmp_path):
    with Region(tmp_path) as region, Edge(tmp_path, region.url, options='linger = "300ms";') as edge:
        edge.write(f'''
            inputs:    {{ a: {{ plugin = "generate"; rows = 50; batch = 5; }}; b: {{ plugin = "generate"; rows = 50; batch = 5; }}; }};
            outputs:   {{ up: {{ plugin = "nng"; url = ["{region.url}"]; {quick('linger = "1s";')} }}; }};
            pipelines: {{ main: {{ from = ["a", "b"]; to = ["up"]; }}; }};''')
        region.start()
        edge.start()
        wait_for(lambda: edge.sent() == 100, "all rows are acknowledged")
        assert edge.counter("frames") <= 3
        assert sorted(region.numbers()) == sorted([*range(50)] * 2)


def test_a_hop_over_ipc_keeps_its_rows(tmp_path):
    with Region(tmp_path, url=f"ipc://{tmp_path}/hop.sock") as region, Edge(tmp_path, region.url, rows=1000) as edge:
        region.start()
        edge.start()
        wait_for(lambda: all_of(region.numbers(), 1000), "all rows are written")
        (there,) = region.edges().values()
        assert there["address"].startswith("uid ")


def test_the_quick_start_of_the_readme_works(tmp_path):
    environment = {**os.environ, "TIERS": str(tmp_path), "HOP": f"127.0.0.1:{free_port()}"}
    examples = os.path.join(TREE, "examples/tiers")
    started = []
    try:
        for name, edge in [("region", ""), ("edge", "edge-1"), ("edge", "edge-2")]:
            started.append(subprocess.Popen([SONDE, "run", f"{examples}/{name}.conf"], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**environment, "EDGE": edge}
                                            if edge else environment))

        def edges():
            result = run("status", "--json", "--state", tmp_path / "sonde-region")
            if result.returncode:
                return False
            (instance,) = [i for i in json.loads(result.stdout)["instances"] if i["name"] == "edges"]
            shown = instance["report"].get("edges", {})
            return set(shown) == {"edge-1", "edge-2"} and all(row["rows"] > 0 for row in shown.values())
        wait_for(edges, "both edges are shown")
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=30)


@pytest.mark.sanitizers
def test_edges_are_shared_out_over_threads(tmp_path):
    with Region(tmp_path, options="threads = 2;") as region, Edge(tmp_path, region.url, "edge-a", rows=20000) as one, \
            Edge(tmp_path, region.url, "edge-b", rows=20000, rate=10000) as two, Relay(region.port) as relay, \
            Edge(tmp_path, f"tcp://127.0.0.1:{relay.port}", "edge-c", rows=20000, rate=10000) as three:
        region.start()
        for edge in (one, two, three):
            edge.start()

        def shared():
            replicas = [i["report"].get("edges", {}) for (name, _), i in region.status().instances.items() if name == "edges"]
            return len(replicas) == 2 and all(replicas)
        wait_for(shared, "both have some")
        for _ in range(3):          # comes again to the one or the other, which both know what it sent
            relay.cut()
            before = three.sent()
            wait_for(lambda: three.sent() > before + 300, "it goes on")
        wait_for(lambda: all(edge.sent() == 20000 for edge in (one, two, three)), "all rows are acknowledged")
        wait_for(lambda: len(region.rows()) == 60000, "all rows are written")
        for name in ("edge-a", "edge-b", "edge-c"):
            assert all_of([row["generate.sequence"] for row in region.rows() if row["resource"]["sonde.edge"] == name], 20000)


# ---- connections and regions that go ------------------------------------------------------------------------------------------

def test_frames_that_come_again_are_recognised(tmp_path):
    with Region(tmp_path) as region, Relay(region.port) as relay, \
            Edge(tmp_path, f"tcp://127.0.0.1:{relay.port}", rows=20000, rate=10000) as edge:
        region.start()
        edge.start()
        for _ in range(3):
            before = region.counter("frames")
            relay.mute.set()
            wait_for(lambda: region.counter("frames") >= before + 3, "frames whose acknowledgement is lost")
            relay.cut()
            relay.mute.clear()
            wait_for(lambda: edge.region(f"tcp://127.0.0.1:{relay.port}")["state"] == "ready", "it is there again")
        wait_for(lambda: edge.sent() == 20000, "all rows are acknowledged")
        wait_for(lambda: len(region.numbers()) >= 20000, "all rows are written")
        assert all_of(region.numbers(), 20000)
        assert edge.repeated() == 0, "the same region in the same run knows them"


@pytest.mark.sanitizers
def test_a_region_that_is_killed_loses_nothing_of_its_edges(tmp_path):
    with Region(tmp_path, options='ack = "delivered";') as region, \
            Edge(tmp_path, region.url, rows=20000, rate=10000) as edge:
        region.start()
        edge.start()
        for _ in range(2):
            before = region.counter("rows")
            wait_for(lambda: region.counter("rows") > before + 500, "rows come")
            region.send(signal.SIGKILL)
            region.wait()
            region.start()
        wait_for(lambda: edge.sent() == 20000, "all rows are acknowledged")
        wait_for(lambda: set(region.numbers()) == set(range(20000)), "no row is missing")
        repeats = len(region.numbers()) - 20000
        assert repeats <= edge.repeated(), "what came twice is said to be possibly so"
        edge.status().assert_closes()


def test_with_queues_on_disk_kills_of_either_side_cost_and_repeat_nothing(tmp_path):
    with Region(tmp_path, options='ack = "durable";', pipeline='queue: { disk = "64MiB"; when_full = "wait"; };') as region, \
            Edge(tmp_path, region.url, rows=20000, rate=10000, options='ack = "durable";', queue='disk = "64MiB";') as edge:
        region.start()
        edge.start()
        for victim in (region, edge, region):
            wait_for(lambda: region.counter("rows") > 300, "rows come")
            victim.send(signal.SIGKILL)
            victim.wait()
            victim.start()

        wait_for(lambda: set(region.numbers()) == set(range(20000)), "no row is missing")

        def each_is_there_once():
            sent, taken = edge.status().route("main > up"), region.status().route("edges > main")
            return sent.rows("in") == sent.rows("out") == taken.rows("in")
        wait_for(each_is_there_once, "each frame of the edge's disk is on the region's disk once")
        assert edge.repeated() == 0
        edge.status().assert_closes()
        region.status().assert_closes()


def test_rows_go_to_the_next_region_when_one_dies(tmp_path):
    with Region(tmp_path, "one") as one, Region(tmp_path, "two") as two, \
            Edge(tmp_path, [one.url, two.url], rows=20000, rate=10000, options='failover_after = "0s";') as edge:
        one.start()
        two.start()
        edge.start()
        wait_for(lambda: one.counter("rows") > 500, "rows come")
        assert two.counter("rows") == 0
        one.send(signal.SIGSTOP)
        wait_for(lambda: edge.report()["under way"][one.url]["frames"] > 0, "frames are under way")
        one.send(signal.SIGKILL)
        wait_for(lambda: edge.sent() == 20000, "all rows are acknowledged")
        wait_for(lambda: set(one.numbers()) | set(two.numbers()) == set(range(20000)), "no row is missing")
        assert edge.region(two.url)["state"] == "ready"
        assert edge.repeated() > 0


def key_regions(*regions):
    """Which keys each region has."""
    return [{row["generate.key"] for row in region.rows()} for region in regions]


@pytest.mark.parametrize("queue", ['when_full = "wait";', 'disk = "64MiB"; when_full = "wait";'], ids=["memory", "disk"])
def test_rows_of_one_key_stay_on_one_region(tmp_path, queue):
    with Region(tmp_path, "one") as one, Region(tmp_path, "two") as two, \
            Edge(tmp_path, [one.url, two.url], rows=20000, rate=10000, source="batch = 100; keys = 40;", queue=queue,
                 options='balance_by = ["generate.key"]; failover_after = "300ms";') as edge:
        one.start()
        two.start()
        edge.start()
        wait_for(lambda: one.counter("rows") > 500 and two.counter("rows") > 500, "both have rows")
        at_one, at_two = key_regions(one, two)
        assert at_one and at_two and not at_one & at_two
        two.stop()
        wait_for(lambda: edge.sent() == 20000, "all rows are acknowledged")
        wait_for(lambda: set(one.numbers()) | set(two.numbers()) == set(range(20000)), "no row is missing")
        all_at_one, all_at_two = key_regions(one, two)
        assert all_at_one == at_one | at_two and all_at_two == at_two, "the keys of the one that went are at the other"


def test_a_region_without_room_makes_its_edges_wait(tmp_path):
    with Region(tmp_path, output='plugin = "null"; block = true;', queue='memory = "256KiB"; when_full = "wait";',
                pipeline='queue: { memory = "256KiB"; when_full = "wait"; };') as region, \
            Edge(tmp_path, region.url, rows=200000, source="batch = 1000;") as edge:
        region.start()
        edge.start()
        wait_for(lambda: edge.region(region.url)["state"] == "full", "the edge is told")
        wait_for(lambda: region.edges()["edge"]["waits"] == 1, "a frame waits")
        assert edge.sent() < 200000
        region.set("out.block", "false")
        wait_for(lambda: edge.sent() == 200000, "all rows are acknowledged")
        wait_for(lambda: region.status().route("main > out").rows("out") == 200000, "and handed over")
        assert region.status().lost_rows() == 0 and edge.status().lost_rows() == 0


# ---- the fleet -----------------------------------------------------------------------------------------------------------------

def test_the_fleets_ledger_closes_over_three_tiers(tmp_path):
    with Region(tmp_path, "top") as top, Region(tmp_path, "middle", output="") as middle, \
            Edge(tmp_path, middle.url, "edge-a", rows=3000, pipeline='through = ["some"];') as one, \
            Edge(tmp_path, middle.url, "edge-b", rows=2000) as two:
        middle.write(f'''
            inputs:    {{ edges: {{ plugin = "nng"; url = "{middle.url}"; }}; }};
            outputs:   {{ up: {{ plugin = "nng"; url = ["{top.url}"]; name = "middle"; {quick()} }}; }};
            pipelines: {{ main: {{ from = ["edges"]; to = ["up"]; }}; }};''')
        with open(one.config, "a") as config:
            config.write('processors: { some: { plugin = "filter"; keep = "generate.sequence < 1000"; }; };')
        for daemon in (top, middle, one, two):
            daemon.start()

        def told():
            fleet = top.fleet()
            total = fleet["total"]
            return len(fleet) == 5 and total["produced"] == 5000 and total["delivered"] == 3000 and fleet
        fleet = wait_for(told, "all have told how they stand")
        fleet = wait_for(lambda: all(row["in flight"] == 0 for row in top.fleet().values()) and top.fleet(), "all is at rest")
        total = fleet["total"]
        assert total["from edges"] - total["to regions"] == 0, total
        assert total["produced"] + total["made"] + total["copies"] == total["delivered"] + total["reduced"] + total["lost"], total
        assert total["reduced"] == 2000 and total["copies"] == 0
        for row in fleet.values():
            assert row["open"] == 0, row
        ways = {name.split()[0]: row.get("via") for name, row in fleet.items()}
        assert ways["edge-a"] == ways["edge-b"] == ways["middle"] == "middle"
        assert {row["resource"]["sonde.edge"] for row in top.rows()} == {"edge-a", "edge-b"}, "the first name stays"


def test_the_ledgers_of_edges_are_rows_too(tmp_path):
    with Region(tmp_path, options="ledger = true;") as region, Edge(tmp_path, region.url, rows=100) as edge:
        region.start()
        edge.start()

        def rows():
            return [row for row in region.rows() if row["schema"] == "sonde.ledger" and row["sonde.account.name"] == "gen"
                    and row.get("sonde.outcome") == "out" and row["sonde.rows"] == 100]
        row = wait_for(rows, "a statement")[0]
        assert row["sonde.account.kind"] == "input" and row["resource"]["sonde.name"] == "edge"


def test_a_region_sets_only_the_knobs_that_an_edge_permits(tmp_path):
    with Region(tmp_path) as region, Edge(tmp_path, region.url, options='permissions = ["gen.*"];') as edge:
        region.start()
        edge.start()
        wait_for(region.edges, "the edge is there")
        region.set("edges.command", "edge gen.rate=777 for 1m")
        wait_for(lambda: edge.status().instance("gen")["knobs"]["rate"]["value"] == "777", "the knob is set")
        region.set("edges.command", "edge up.linger=5s")
        wait_for(lambda: "not allowed" in region.log(), "the edge says no")
        assert "permissions do not cover it" in edge.log()


# ---- peers that do otherwise ---------------------------------------------------------------------------------------------------

def test_a_region_refuses_what_is_not_the_hop_and_says_why(tmp_path):
    with Region(tmp_path, options='names = ["edge*"]; handshake = "1s";') as region, \
            Edge(tmp_path, region.url, rows=0, rate=2000) as edge:
        region.start()
        edge.start()
        wait_for(region.edges, "the good edge is there")
        for said, code in [({"versions": (9, 8)}, OTHER_VERSION), ({"name": "stranger"}, NOT_ADMITTED),
                           ({"name": "edge-x", "ack": 3}, ACK_TOO_WEAK), ({"host_id": ""}, MALFORMED),
                           ({"name": "edge\n"}, MALFORMED)]:
            with Peer.dial(region.port) as peer:
                answer = peer.greet(**said)
                assert answer.type == REFUSAL and answer.notice()[0] == code, (said, answer)
        with Peer.dial(region.port) as peer:        # a later version that understands this one
            assert peer.greet(versions=(2, 1), name="edge-2")["versions"] == (1, 1)
        with Peer.dial(region.port) as peer:
            peer.send(FRAME, b"x" * 40)
            assert peer.receive().type == REFUSAL
        with Peer.dial(region.port) as peer:
            peer.greet(name="edge-3")
            peer.send(FRAME, b"short")
            assert peer.receive(REFUSAL).notice()[0] == MALFORMED
        with Peer.dial(region.port) as peer:
            peer.greet(name="edge-4")
            peer.send(FRAME, struct.pack("<16sQ", b"some stream", 1) + b"no frame at all" * 20)
            refused = peer.receive(11, 6)
            assert refused.position() == (b"some stream".ljust(16, b"\0"), 1) and refused.notice(24)[0] == DAMAGED
            peer.send(0x8000 + 77, b"what a later version may say")
            peer.send(HEARTBEAT)
            peer.send(99)
            assert peer.receive(REFUSAL).notice()[0] == MALFORMED
        with Peer.dial(region.port) as peer:
            peer.connection.sendall(b"GET / HTTP/1.1\r\nHost: region\r\n\r\n" * 4)
            with pytest.raises((EOFError, ConnectionResetError)):
                peer.receive()
        before = edge.sent()
        wait_for(lambda: edge.sent() > before + 200, "the good edge goes on")
        assert edge.region(region.url)["connects"] == 1


def test_a_frame_that_is_refused_is_booked_and_holds_up_no_other(tmp_path):
    with Listener() as region, Edge(tmp_path, region.url, rows=500, options="frame_size = \"1KiB\"; window = 8;") as edge:
        edge.start()
        with region.accept() as peer:
            hello = peer.welcome(frame_bytes=1 << 20, window=3, heartbeat_ms=200)
            assert hello["name"] == "edge" and hello["versions"] == (1, 1) and len(hello["host_id"]) == 32
            first, second, third = (peer.receive(FRAME) for _ in range(3))
            stream, number = first.position()
            assert second.position() == (stream, number + 1)
            peer.refuse(stream, number, DAMAGED, "as a test")
            peer.refuse(*second.position(), AGAIN)
            peer.acknowledge(stream, number)
            peer.receive(HEARTBEAT)
            again = None
            while not again:
                message = peer.receive(FRAME)
                if message.position() == second.position():
                    again = message
                    assert message.sequence <= number + 1, "the region is told what the edge still has"
                    assert message.payload == second.payload
            peer.acknowledge(stream, 1 << 40)
            while edge.sent() + edge.counter("rejected") < 500:
                message = peer.receive()
                if message.type == FRAME:
                    peer.acknowledge(*message.position())
        status = edge.status()
        account = status.route("main > up")
        account.assert_closes()
        assert account.lost_rows("rejected") == edge.counter("rejected") > 0
        assert "damaged: as a test" in edge.log()


def test_an_edge_does_not_use_a_region_that_gives_less_than_it_wants(tmp_path):
    with Region(tmp_path, "weak") as weak, Region(tmp_path, "strong", options='ack = "delivered";') as strong, \
            Edge(tmp_path, [weak.url, strong.url], rows=200, options='ack = "delivered";') as edge:
        weak.start()
        strong.start()
        edge.start()
        wait_for(lambda: edge.sent() == 200, "all rows are acknowledged")
        assert weak.counter("rows") == 0 and weak.counter("refused_edges") >= 1
        assert all_of(strong.numbers(), 200)


def test_an_edge_obeys_nobody_it_did_not_permit(tmp_path):
    with Listener() as region, Edge(tmp_path, region.url, rows=0, rate=100) as edge:
        edge.start()
        with region.accept() as peer:
            peer.welcome()
            knob, value = b"gen.rate", b"5"
            peer.send(COMMAND, struct.pack("<QHH", 0, len(knob), len(value)) + knob + value, sequence=9)
            answer = peer.receive(ANSWER)
            assert answer.sequence == 9 and answer.notice()[0] == NOT_ALLOWED
            peer.send(COMMAND, b"nonsense", sequence=10)
            assert peer.receive(ANSWER).notice()[0] == MALFORMED
            peer.send(0x8000 + 5, b"")
            peer.send(HEARTBEAT)
        assert edge.status().instance("gen")["knobs"]["rate"]["value"] == "100"


def test_a_region_that_does_not_greet_is_left(tmp_path):
    with Listener() as region, Edge(tmp_path, region.url, rows=10, options='connect_timeout = "300ms";') as edge:
        edge.start()
        with region.accept() as peer:
            assert peer.receive().type == HELLO
            with pytest.raises((EOFError, ConnectionResetError)):
                peer.receive(99)
        assert wait_for(lambda: "does not greet" in edge.log(), "it says why")


# ---- TLS -----------------------------------------------------------------------------------------------------------------------

@pytest.fixture
def authority(tmp_path, give):
    """Certificates of a region, and of two edges."""
    directory = tmp_path / "authority"
    made = subprocess.run([os.path.join(TREE, "scripts/test-authority"), directory, "region=localhost,127.0.0.1", "edge-1", "other"],
                          capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(made.stderr)
    for path in [directory, *directory.iterdir()]:
        give(path)
    return directory


def tls(directory, name):
    return f'''certificate_file = "{directory}/{name}.pem"; key_file = "{directory}/{name}.key";
               ca_file = "{directory}/authority.pem";'''


def test_an_edges_name_is_that_of_its_certificate(tmp_path, authority):
    port = free_port()
    with Region(tmp_path, url=f"tls+tcp://127.0.0.1:{port}", options=tls(authority, "region") + 'names = ["edge-*"];') as region, \
            Edge(tmp_path, f"tls+tcp://127.0.0.1:{port}", "pretender", rows=500, options=tls(authority, "edge-1")) as edge, \
            Edge(tmp_path, f"tls+tcp://127.0.0.1:{port}", "edge-9", rows=500, options=tls(authority, "other")) as stranger:
        region.start()
        edge.start()
        stranger.start()
        wait_for(lambda: all_of(region.numbers(), 500), "all rows are written")
        assert {row["resource"]["sonde.edge"] for row in region.rows()} == {"edge-1"}
        wait_for(lambda: "not admitted" in stranger.log(), "it is told why")
        assert list(region.edges()) == ["edge-1"] and stranger.sent() == 0


@pytest.mark.parametrize("options, says", [
    ('url = "tcp://192.0.2.1:7443";', "url"),
    ('url = "tcp://0.0.0.0:7443";', "url"),
    ('url = "http://127.0.0.1:7443";', "url"),
    ('url = "tls+tcp://0.0.0.0:7443";', "certificate_file"),
    ('url = "tls+tcp://0.0.0.0:7443"; certificate_file = "/nowhere.pem"; key_file = "/nowhere.key"; ca_file = "/nowhere.pem";',
     "certificate_file"),
    ('url = "tcp://127.0.0.1:7443"; names = ["a*b"];', "names"),
    ('url = "tcp://127.0.0.1:7443"; silence = "1s";', "silence"),
    ('url = "tcp://127.0.0.1:7443"; command = "nobody";', "command"),
])
def test_a_region_that_could_not_work_is_refused_by_check(tmp_path, options, says):
    path = tmp_path / "wrong.conf"
    path.write_text(f'''inputs: {{ edges: {{ plugin = "nng"; {options} }}; }}; outputs: {{ out: {{ plugin = "null"; }}; }};
                        pipelines: {{ main: {{ from = ["edges"]; to = ["out"]; }}; }};''')
    result = run("check", path)
    assert result.returncode == 2 and f"inputs.edges.{says}" in result.stdout + result.stderr


@pytest.mark.parametrize("options, says", [
    ('url = ["tcp://192.0.2.1:7443"];', "url"),
    ('url = [];', "url"),
    ('url = ["tcp://127.0.0.1:1", "tcp://127.0.0.1:1"];', "url"),
    ('url = ["tls+tcp://region.example:7443"];', "certificate_file"),
    ('url = ["tcp://127.0.0.1:1"]; labels = ["nothing"];', "labels"),
    ('url = ["tcp://127.0.0.1:1"]; permissions = ["*.x"];', "permissions"),
    ('url = ["tcp://127.0.0.1:1"]; reconnect_longest = "100ms";', "reconnect_longest"),
])
def test_an_edge_that_could_not_work_is_refused_by_check(tmp_path, options, says):
    path = tmp_path / "wrong.conf"
    path.write_text(f'''inputs: {{ gen: {{ plugin = "generate"; }}; }}; outputs: {{ up: {{ plugin = "nng"; {options} }}; }};
                        pipelines: {{ main: {{ from = ["gen"]; to = ["up"]; }}; }};''')
    result = run("check", path)
    assert result.returncode == 2 and f"outputs.up.{says}" in result.stdout + result.stderr
