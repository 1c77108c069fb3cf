# SPDX-License-Identifier: Apache-2.0
"""Daemons for tests: started with a config in a directory of their own, asked, ended; and ledgers read from outside."""

import dataclasses
import json
import os
import signal
import struct
import subprocess
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SONDE_BUILD", os.path.join(TREE, "build"))
PROGRAMS = os.environ.get("SONDE_PROGRAMS", BUILD)            # where every user may go
SONDE = os.path.join(PROGRAMS, "sonde")
PLUGINS = os.path.join(PROGRAMS, "tests/integration/plugins")    # sleeper, stuck, sieve, owner
PATIENCE_S = 30     # a bound that also a build with sanitizers keeps

# A config under which rows flow, and nothing else happens.
SIMPLE = '''
inputs:    { gen: { plugin = "generate"; rate = 2000; batch = 100; }; };
outputs:   { out: { plugin = "null"; }; };
pipelines: { main: { from = ["gen"]; to = ["out"]; }; };
'''

LOST = ["queue full", "rejected", "failed", "memory", "shutdown", "crash", "ring full", "map full", "fault", "missed",
        "expired"]


def run(*arguments):
    """Runs a command of the program to its end."""
    return subprocess.run([SONDE, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S, check=False)


def wait_for(condition, what, seconds=PATIENCE_S):
    """Asks until it gets a true answer, and returns that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


class Daemon:
    """One daemon with its own state directory; a context that leaves none running."""

    def __init__(self, directory, body, settings="", **options):
        self.state = os.path.join(directory, options.pop("state", "state"))
        self.config = os.path.join(directory, options.pop("name", "test") + ".conf")
        self.log_path = self.config + ".log"
        self.process = None
        self.write(body, settings)

    def write(self, body, settings=""):
        """Puts another config in the place of the one that there is."""
        with open(self.config + ".new", "w") as file:
            file.write(f'sonde: {{ state = "{self.state}"; {settings} }};\n{body}\n')
        os.rename(self.config + ".new", self.config)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self, *arguments, ready=True, **options):
        with open(self.log_path, "a") as log:
            self.process = subprocess.Popen([SONDE, "run", self.config, *arguments], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.DEVNULL, stderr=log, **options)
        if ready:
            wait_for(lambda: self.process.poll() is not None or self.ask("status", "--json").returncode == 0,
                     "the daemon answers")
            assert self.process.poll() is None, self.log()
        return self

    def ask(self, *arguments):
        return run(*arguments, "--state", self.state)

    def status(self):
        result = self.ask("status", "--json")
        assert result.returncode == 0, result.stderr + self.log()
        return Status(json.loads(result.stdout))

    def reload(self, code=0):
        """Returns what was said."""
        result = self.ask("reload")
        assert result.returncode == code, result.stdout + result.stderr + self.log()
        return result.stdout + result.stderr

    def set(self, knob, value, for_=None):
        result = self.ask("set", knob, value, *(["--for", for_] if for_ else []))
        assert result.returncode == 0, result.stderr
        return result.stdout

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=PATIENCE_S):
        return self.process.wait(timeout=seconds)

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def ledger(self):
        return read_ledger(os.path.join(self.state, "ledger"))


@dataclasses.dataclass
class Account:
    """Rows and events of an account by what became of them: pairs (rows, events)."""
    kind: str
    name: str
    counts: dict        # "in", "made", "out", "queued", "held"
    reduced: dict
    lost: dict

    def rows(self, what):
        return self.counts.get(what, (0, 0))[0]

    def lost_rows(self, reason=None):
        return sum(rows for name, (rows, _) in self.lost.items() if reason in (None, name))

    def reduced_rows(self):
        return sum(rows for rows, _ in self.reduced.values())

    def open(self):
        """What came in and is nowhere: (rows, events)."""
        def total(which):
            plus = sum(self.counts[name][which] for name in ("in", "made"))
            minus = sum(self.counts.get(name, (0, 0))[which] for name in ("out", "queued", "held"))
            return plus - minus - sum(pair[which] for pair in [*self.reduced.values(), *self.lost.values()])
        return total(0), total(1)

    def assert_closes(self):
        assert self.open() == (0, 0), self


class Ledger:
    def __init__(self, accounts):
        self.accounts = {(account.kind, account.name): account for account in accounts}

    def __getitem__(self, key):
        return self.accounts[key]

    def route(self, name):
        return self.accounts["route", name]

    def assert_closes(self):
        assert self.accounts
        for account in self.accounts.values():
            account.assert_closes()

    def lost_rows(self, reason=None):
        return sum(account.lost_rows(reason) for account in self.accounts.values())


class Status(Ledger):
    """What `sonde status --json` says, with its accounts added up by us."""

    def __init__(self, document):
        self.document = document
        self.instances = {}
        for i in sorted(document["instances"], key=lambda i: i["state"] != "leaving"):
            self.instances[i["name"], i["replica"]] = i    # one that leaves only where no other has its name
        super().__init__(self.account(a) for a in document["ledger"])

    @staticmethod
    def account(a):
        def pair(tally):
            return tally["rows"], tally["events"]
        return Account(a["kind"], a["name"], {n: pair(a[n]) for n in ("in", "made", "out", "queued", "held")},
                       {n: pair(t) for n, t in a["reduced"].items()}, {n: pair(t) for n, t in a["lost"].items()})

    def instance(self, name, replica=0):
        return self.instances[name, replica]

    def counter(self, instance, name):
        return sum(i["counters"][name] for (owner, _), i in self.instances.items() if owner == instance)


def read_ledger(path):
    """The accounts in the file, read as core/ledger.c lays it out."""
    kinds = ["free", "kernel", "input", "route", "processor"]
    with open(path, "rb") as file:
        data = file.read()
    assert data[:8] == b"sondeLG\0"
    assert struct.unpack_from("=II", data, 8) == (1, 1024)
    accounts = []
    for at in range(1024, len(data), 1024):
        kind, name = struct.unpack_from("=I4x224s", data, at)
        if not kind:
            break
        numbers = struct.unpack_from("=70Q", data, at + 232)
        pairs = list(zip(numbers[0::2], numbers[1::2]))
        accounts.append(Account(kinds[kind], name.split(b"\0")[0].decode(), dict(zip(("in", "made", "out"), pairs)),
                                dict(enumerate(pairs[3:11])), {LOST[i] if i < len(LOST) else i: pair
                                                               for i, pair in enumerate(pairs[11:35])}))
    ledger = Ledger(accounts)
    ledger.epoch = struct.unpack_from("=Q", data, 16)[0]
    return ledger
