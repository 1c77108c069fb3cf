# SPDX-License-Identifier: Apache-2.0
"""The real programs of others that our OTLP is proven against: each built or installed once, into build/peers.

What belongs to each lies in the directory of its name beside this file, with every version pinned. It comes through
the ordinary client of its language (go, npm, pip), as that is configured here. Nothing asks; what cannot be had is
Absent, with the reason. On the command line: prints the path of each that is named.
"""

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("SONDE_PEERS", os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "peers"))
GO_LEAST = (1, 26)              # what the go.mod files ask for
GO_PINNED = "1.26.8"            # fetched as a module where the installed go is older
BUILD_S = 20 * 60               # a bound on any one command; the Collector takes some minutes of two cores


class Absent(Exception):
    """It cannot be had here; says why."""


def run(command, directory, what, **environment):
    """Runs a command to its end and returns what it printed; Absent with its last words if it fails."""
    try:
        ended = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, errors="replace", timeout=BUILD_S, check=False,
                               env={**os.environ, **environment})
    except subprocess.TimeoutExpired:
        raise Absent(f"{what}: not within {BUILD_S // 60} minutes") from None
    except OSError as error:
        raise Absent(f"{what}: {command[0]}: {error.strerror}") from None
    if ended.returncode:
        lines = [line.strip() for line in (ended.stderr + ended.stdout).splitlines() if line.strip()]
        told = [line for line in lines if re.search(r"error|cannot|not found|forbidden|no such", line, re.I)]
        raise Absent(f"{what}: {(told or lines or ['it does not say why'])[-1][:300]}")
    return ended.stdout


def say(text):
    print(f"==> {text}", file=sys.stderr, flush=True)


def sources_hash(name, *more):
    """Of all that decides what is made of tests/peers/NAME, a directory or a file."""
    digest = hashlib.sha256(repr(more).encode())
    for path in sorted([*glob.glob(os.path.join(HERE, name, "*")), os.path.join(HERE, name)]):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                digest.update(os.path.basename(path).encode() + b"\0" + file.read() + b"\0")
    return digest.hexdigest()


@contextlib.contextmanager
def locked(name):
    """Whoever wants the same at the same time waits until the first one has made it."""
    try:
        os.makedirs(CACHE, exist_ok=True)
        lock = open(os.path.join(CACHE, f"{name}.lock"), "w")
    except OSError as error:
        raise Absent(f"{error.filename}: {error.strerror}") from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_made(directory, stamp):
    try:
        with open(os.path.join(directory, "stamp")) as file:
            return file.read() == stamp
    except OSError:
        return False


def made(name, stamp, make):
    """The directory that make(directory) has filled, now or on an earlier run with the same stamp."""
    directory = os.path.join(CACHE, name)
    if is_made(directory, stamp):
        return directory
    with locked(name):
        if not is_made(directory, stamp):
            shutil.rmtree(directory, ignore_errors=True)
            os.makedirs(directory)
            make(directory)
            with open(os.path.join(directory, "stamp"), "w") as file:
                file.write(stamp)
    return directory


# --- Go -------------------------------------------------------------------------------------------------------------

GO_ENVIRONMENT = {"GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0"}


def go_version(go):
    found = re.match(r"go version go(\d+)\.(\d+)", run([go, "version"], HERE, "go", **GO_ENVIRONMENT))
    return (int(found[1]), int(found[2])) if found else (0, 0)


def toolchain_make(go):
    """Returns what fills a directory with a Go toolchain, which any go fetches as a module like others. A module can
    hold neither programs nor go.mod files below its own: both are put right as newer go commands do it."""
    def make(directory):
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine())
        if not machine:
            raise Absent(f"there is no Go toolchain for {platform.machine()}")
        say(f"fetching Go {GO_PINNED}, as {go} is older than what the peers need")
        module = os.path.join(directory, "module")
        os.makedirs(module)
        with open(os.path.join(module, "go.mod"), "w") as file:
            file.write("module toolchain\n")
        version = f"golang.org/toolchain@v0.0.1-go{GO_PINNED}.linux-{machine}"
        told = json.loads(run([go, "mod", "download", "-json", version], module, "a Go toolchain", **GO_ENVIRONMENT))
        root = os.path.join(directory, "go")
        shutil.copytree(told["Dir"], root, copy_function=shutil.copyfile)
        for place, _, files in os.walk(root):
            os.chmod(place, 0o755)
            for name in files:
                path = os.path.join(place, name)
                inside = os.path.relpath(path, root)
                if inside.startswith(("bin/", "pkg/tool/")):
                    os.chmod(path, 0o755)
                elif name == "_go.mod":
                    os.rename(path, os.path.join(place, "go.mod"))
    return make


def go():
    """The path of a go command that is new enough."""
    installed = shutil.which("go")
    if not installed:
        raise Absent("go is not installed: apt install golang-go (any version: it fetches a newer one by itself)")
    if go_version(installed) >= GO_LEAST:
        return installed
    directory = made("toolchain", GO_PINNED, toolchain_make(installed))
    return os.path.join(directory, "go/bin/go")


def go_run(arguments, directory, what):
    command = go()
    root = {"GOROOT": os.path.dirname(os.path.dirname(command))} if command.startswith(CACHE) else {}
    return run([command, *arguments], directory, what, **GO_ENVIRONMENT, **root)


def copy_sources(name, directory):
    for path in glob.glob(os.path.join(HERE, name, "*")):
        shutil.copy(path, directory)
        os.chmod(os.path.join(directory, os.path.basename(path)), stat.S_IRUSR | stat.S_IWUSR)


def collector(name="collector"):
    """The path of an OpenTelemetry Collector, put together by its own builder from tests/peers/NAME."""
    def make(directory):
        say("building an OpenTelemetry Collector from its Go modules; this is done once and takes some minutes")
        copy_sources(name, directory)
        what = "the Collector"
        go_run(["tool", "builder", "--config", "builder.yaml", "--skip-get-modules", "--skip-compilation"],
               directory, what)
        for path in glob.glob(os.path.join(directory, "generated", "*.go")):    # its go.mod has no checksums: ours has
            shutil.move(path, directory)
        shutil.rmtree(os.path.join(directory, "generated"))
        go_run(["build", "-mod=readonly", "-trimpath", "-ldflags=-s -w", "-o", "collector", "."], directory, what)
    return os.path.join(made(name, sources_hash(name), make), "collector")


def client_go():
    """The command that runs tests/peers/go, on the Go SDK."""
    def make(directory):
        say("building the client of the Go SDK")
        copy_sources("go", directory)
        go_run(["build", "-mod=readonly", "-trimpath", "-o", "client", "."], directory, "the Go SDK")
    return [os.path.join(made("go", sources_hash("go"), make), "client")]


# --- Node.js and Python ---------------------------------------------------------------------------------------------

def client_node():
    """The command that runs tests/peers/node, on the SDK for Node.js."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Absent(f"{'npm' if node else 'node'} is not installed: apt install nodejs npm")
    version = run([node, "--version"], HERE, "node").strip()

    def make(directory):
        say("installing the OpenTelemetry SDK for Node.js")
        copy_sources("node", directory)
        run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"], directory, "the SDK for Node.js")
    return [node, os.path.join(made("node", sources_hash("node", version), make), "client.mjs")]


def python():
    """The path of a python that has the OpenTelemetry SDK and the official classes of OTLP."""
    def make(directory):
        say("installing the OpenTelemetry SDK for Python")
        what = "the SDK for Python"
        run(["/usr/bin/python3", "-m", "venv", os.path.join(directory, "venv")], directory, what)
        run([os.path.join(directory, "venv/bin/python"), "-m", "pip", "install", "--quiet",
             "--disable-pip-version-check", "--retries", "1", "--timeout", "60",
             "--requirement", os.path.join(HERE, "python/requirements.txt")], directory, what)
    return os.path.join(made("python", sources_hash("python/requirements.txt", sys.version), make), "venv/bin/python")


def client_python():
    """The command that runs tests/peers/python, on the SDK for Python."""
    return [python(), os.path.join(HERE, "python/client.py")]


CLIENTS = {"python": client_python, "node": client_node, "go": client_go}


def main():
    known = {"collector": lambda: [collector()], "collector_transform": lambda: [collector("collector_transform")],
             **CLIENTS}
    names = sys.argv[1:]
    if not names or any(name not in known for name in names):
        print(f"usage: obtain.py {'|'.join(known)}…", file=sys.stderr)
        return 2
    status = 0
    for name in names:
        try:
            print(" ".join(known[name]()))
        except Absent as reason:
            print(f"obtain.py: {name}: {reason}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
