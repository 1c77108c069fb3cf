# SPDX-License-Identifier: Apache-2.0
"""How the peers are had: once, by whoever comes first, and never with a question; what cannot be had says why."""

import os
import subprocess
import sys
import threading

import pytest

from sonde import TREE

sys.path.insert(0, os.path.join(TREE, "tests/peers"))
import obtain     # noqa: E402


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(obtain, "CACHE", str(tmp_path / "peers"))
    return tmp_path / "peers"


def program(directory, name, script):
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name, words", [("collector", "go is not installed"), ("go", "go is not installed"),
                                         ("node", "node is not installed")])
def test_a_language_that_is_not_installed_is_named(name, words, tmp_path):
    ended = subprocess.run(["/usr/bin/python3", "-B", os.path.join(TREE, "tests/peers/obtain.py"), name],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
                           env={"PATH": str(tmp_path), "SONDE_PEERS": str(tmp_path / "peers")})
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"obtain.py: {name}: " in ended.stderr and words in ended.stderr


def test_a_client_that_fails_is_quoted_and_nothing_counts_as_made(cache, tmp_path, monkeypatch):
    program(tmp_path, "node", "echo v20.0.0")
    program(tmp_path, "npm", "echo 'npm error 403 Forbidden' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for _ in range(2):
        with pytest.raises(obtain.Absent, match="the SDK for Node.js: npm error 403 Forbidden"):
            obtain.client_node()


def test_what_is_wanted_twice_at_once_is_made_once(cache):
    made = []

    def make(directory):
        made.append(directory)
        with open(os.path.join(directory, "it"), "w") as file:
            file.write("made")

    def want():
        directory = obtain.made("thing", "stamp", make)
        with open(os.path.join(directory, "it")) as file:
            assert file.read() == "made"
        found.append(directory)
    found = []
    threads = [threading.Thread(target=want) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1 and len(found) == 4
    obtain.made("thing", "another stamp", make)
    assert len(made) == 2


def test_an_old_go_fetches_a_newer_one_as_a_module(cache, tmp_path, monkeypatch):
    module = tmp_path / "module"
    for path, content in {"bin/go": "#!/bin/sh\necho newer\n", "pkg/tool/linux/compile": "",
                          "src/_go.mod": "module std\n", "src/a.go": ""}.items():
        (module / path).parent.mkdir(parents=True, exist_ok=True)
        (module / path).write_text(content)
        (module / path).chmod(0o444)
    program(tmp_path, "go", f'''case $1 in
version) echo go version go1.19.8 linux/amd64 ;;
mod) [ "$2 $3" = "download -json" ] && echo '{{"Dir": "{module}"}}' ;;
esac''')
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(obtain.platform, "machine", lambda: "x86_64")
    found = obtain.go()
    assert subprocess.run([found], stdout=subprocess.PIPE, text=True, check=True).stdout == "newer\n"
    root = os.path.dirname(os.path.dirname(found))
    assert os.access(os.path.join(root, "pkg/tool/linux/compile"), os.X_OK)
    assert sorted(os.listdir(os.path.join(root, "src"))) == ["a.go", "go.mod"]
    (tmp_path / "go").write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n[ $1 = version ]\n")
    assert obtain.go() == found      # nothing is fetched again


def test_a_new_go_is_taken_as_it_is(cache, tmp_path, monkeypatch):
    program(tmp_path, "go", "echo go version go1.99.1 linux/amd64")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert obtain.go() == str(tmp_path / "go")
    assert not cache.exists()


def test_every_version_is_pinned():
    peers = os.path.join(TREE, "tests/peers")
    with open(os.path.join(peers, "python/requirements.txt")) as file:
        assert all("==" in line for line in file if line.strip() and not line.startswith("#"))
    with open(os.path.join(peers, "collector/go.mod")) as file:
        pinned = file.read()
    with open(os.path.join(peers, "collector/builder.yaml")) as file:
        asked = [line.split("gomod: ")[1].strip() for line in file if "gomod: " in line]
    assert asked and all(module in pinned for module in asked)
    for name in ("collector", "go"):
        assert os.path.getsize(os.path.join(peers, name, "go.sum")) > 0
