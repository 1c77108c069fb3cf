# SPDX-License-Identifier: Apache-2.0
"""The OTLP load, sink and relay of tests/bench as objects: started, told how to behave, asked what they saw."""

import json
import os
import subprocess

PATIENCE_S = 60


class Tool:
    """A program that prints its port first; a context that leaves none running."""

    def __init__(self, build, name, *arguments, prefix=()):
        self.process = subprocess.Popen([*prefix, os.path.join(build, "tests/bench", name), *map(str, arguments)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.stdin.close()
        self.process.wait(timeout=PATIENCE_S)
        self.process.stdout.close()


class Relay(Tool):
    """Passes bytes on to a port."""

    def __init__(self, build, target, **options):
        super().__init__(build, "otlp_relay", target, **options)


class Sink(Tool):
    """Takes OTLP and counts its rows."""

    def __init__(self, build, verify=0, mode="", **options):
        super().__init__(build, "otlp_sink", "--verify", verify, *(["--mode", mode] if mode else []), **options)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def counts(self):
        return self.ask("counts")

    def missing(self, rows):
        return self.ask(f"missing {rows}")

    def behave(self, mode):
        assert self.ask(f"mode {mode}") == {"error": None}, mode

    def forget(self):
        assert self.ask("forget") == {"error": None}


def load_start(build, port, signal, *options, prefix=()):
    """Begins to send; load_end() has the report."""
    return subprocess.Popen([*prefix, os.path.join(build, "tests/bench/otlp_load"), "--port", str(port), "--signal",
                             signal, *map(str, options)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)


def load_end(load):
    output, _ = load.communicate(timeout=10 * PATIENCE_S)
    assert load.returncode == 0, load.returncode
    return json.loads(output.splitlines()[-1])
