# SPDX-License-Identifier: Apache-2.0
"""What is written about sonde is so: links lead somewhere, shown configs are right, pages say what the program says."""

import glob
import os
import re
import shlex
import shutil
import subprocess

import pytest
from sonde import BUILD, SONDE, TREE, Daemon

PAGES = sorted(name for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md")
               for name in glob.glob(pattern, root_dir=TREE, recursive=True))


def read(name):
    with open(os.path.join(TREE, name)) as file:
        return file.read()


def sonde(*arguments):
    return subprocess.run([SONDE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=60, check=False)


def without_code(text):
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def code_blocks(text):
    """What stands between fences, and what is indented by four blanks."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```$", text, re.M | re.S)
    rest = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    blocks += [re.sub(r"^    ", "", block, flags=re.M).strip("\n") + "\n"
               for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", rest, re.M)]
    return blocks


# --- links ----------------------------------------------------------------------------------------------------------

def anchors(name):
    """The headings of a page as links to them are written."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", read(name), flags=re.M | re.S), re.M):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").strip().lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(next(a for a in (anchor if not n else f"{anchor}-{n}" for n in range(100)) if a not in found))
    return found


def broken_links(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(name))):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        whole = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        if not os.path.exists(os.path.join(TREE, whole)):
            yield f"{target}: there is no {whole}"
        elif anchor and anchor not in anchors(whole):
            yield f"{target}: {whole} has no such heading"


@pytest.mark.parametrize("name", PAGES)
def test_every_link_leads_somewhere(name):
    assert list(broken_links(name)) == []


def test_every_page_can_be_reached_from_the_readme():
    reached, ahead = set(), ["README.md"]
    while ahead:
        name = ahead.pop()
        if name in reached or name not in PAGES:
            continue
        reached.add(name)
        ahead += [os.path.normpath(os.path.join(os.path.dirname(name), target.partition("#")[0]))
                  for target in re.findall(r"\]\(([^)\s]+)\)", without_code(read(name)))
                  if not re.match(r"\w+:|#", target)]
    assert set(PAGES) - reached == set()


# --- the reference --------------------------------------------------------------------------------------------------

def reference(*arguments):
    return subprocess.run([os.path.join(TREE, "scripts/reference"), *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
                          env={**os.environ, "SONDE_BUILD": BUILD})


def test_the_reference_is_what_the_program_says():
    result = reference("--check")
    assert result.returncode == 0, result.stdout


def test_a_stale_reference_is_found_out(tmp_path):
    directory = str(tmp_path / "reference")
    assert reference(directory).returncode == 0 and reference("--check", directory).returncode == 0
    page = tmp_path / "reference" / "null.md"
    page.write_text(page.read_text().replace("`delay`", "`dealy`"))
    stale = reference("--check", directory)
    assert stale.returncode == 1 and "dealy" in stale.stdout and "run scripts/reference" in stale.stdout
    assert reference(directory).returncode == 0 and reference("--check", directory).returncode == 0
    page.rename(tmp_path / "reference" / "gone.md")
    assert "gone.md" in reference("--check", directory).stdout


def config_keys():
    """The keys of docs/reference/config.md by section: [(key, default or None)], parts of groups as `queue.memory`."""
    sections = {}
    for part in re.split(r"^## ", read("docs/reference/config.md"), flags=re.M)[1:]:
        group = ""
        for indent, name, rest in re.findall(r"^( *)- `(\w+)`: (.*)$", part, re.M):
            group = name if not indent else group
            default = re.search(r"· default ([^·*]+?)(?: ·|\*)", rest)
            if "a group: " not in rest:
                sections.setdefault(part.partition("\n")[0], []).append(
                    (f"{group}.{name}" if indent else name, default and default[1]))
    return sections


@pytest.mark.parametrize("section, heading", [("sonde", "sonde"), ("Every instance", "Every instance"),
                                              ("Outputs", "Outputs"), ("Pipelines", "Pipelines")])
def test_the_page_on_configs_names_every_key_with_its_default(section, heading):
    text = re.search(rf"^### {heading}\n(.*?)(?=^##|\Z)", read("docs/config.md"), re.M | re.S)[1]
    rows = dict(reversed(re.findall(r"^\| `([\w.]+)` \|(.*)$", text, re.M)))     # the first of two
    keys = config_keys()[section]
    assert keys
    for key, default in keys:
        row = rows.get(key, rows.get(key.partition(".")[0]))
        assert row is not None, f"docs/config.md does not name {section}: {key}"
        if default and default != "empty" and not (key.endswith(".disk") and key not in rows):
            assert default in row, f"docs/config.md says something else than the default {default} of {key}: {row}"
    known = {key for key, _ in keys} | {key.partition(".")[0] for key, _ in keys}
    if section == "Pipelines":
        known |= {"output", "where"}      # of an entry of `to`
    assert set(rows) <= known


def test_the_page_on_the_program_names_every_command_and_exit_code():
    page, said = read("docs/cli.md"), sonde("help", "--markdown").stdout
    listed = re.findall(r"^- `(\w+)[^`]*`:", re.search(r"## Commands\n(.*?)\n## ", said, re.S)[1], re.M)
    assert "run" in listed and set(listed) <= set(re.findall(r"^\| `(\w+)", page, re.M))
    codes = re.findall(r"^- `(\d)`", said, re.M)
    assert codes == re.findall(r"^\| (\d) \|", page, re.M) and len(codes) > 4


def test_the_readme_names_every_plugin():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", read("README.md"), re.M)
    listed = [tuple(line.split()[:2]) for line in sonde("plugins").stdout.splitlines()]
    assert len(listed) > 3 and set(rows) == set(listed)


def test_the_page_on_status_names_every_member_of_the_json_object(tmp_path):
    config = """inputs:    { gen: { plugin = "generate"; rate = 1000; }; };
                outputs:   { out: { plugin = "null"; }; };
                pipelines: { main: { from = ["gen"]; to = ["out"]; }; };"""
    page = read("docs/status.md")
    with Daemon(tmp_path, config) as daemon:
        document = daemon.start().status().document
        daemon.stop()
    members = {*document, *(key for part in ("instances", "ledger") for item in document[part] for key in item)}
    assert len(members) > 30
    assert {member for member in members if f"`{member}`" not in page and f"`{member}[]`" not in page} == set()


# --- what pages show ------------------------------------------------------------------------------------------------

def command_lines(text):
    """What a reader is told to type, in blocks and in the running text."""
    for block in code_blocks(text):
        for line in re.findall(r"^(?:\$ )?(?:sudo )?(?:build/)?sonde (\S.*)$", block, re.M):
            yield re.sub(r"\s+#.*$", "", line)
    yield from re.findall(r"`(?:sudo )?(?:build/)?sonde ([^`\n]+)`", text)


@pytest.mark.parametrize("name", [name for name in PAGES if not name.startswith("docs/reference")])
def test_commands_and_options_that_a_page_names_are_there(name):
    for line in command_lines(read(name)):
        words = shlex.split(line.split("|")[0].split(";")[0].replace("…", ""))
        if not words or not re.fullmatch(r"[a-z]+", words[0]) or words[0] == "complete":     # which is for shells
            continue
        described = sonde("help", words[0])
        assert described.returncode == 0, f"{name}: sonde {line}: {described.stderr}"
        for word in words[1:]:
            if word.startswith("--"):
                option = word.partition("=")[0].strip("[]")
                assert f"\n    {option}" in described.stdout, f"{name}: sonde {line}"


@pytest.mark.parametrize("name", [name for name in PAGES
                                  if any("pipelines" in block and "from" in block for block in code_blocks(read(name)))])
def test_whole_configs_that_a_page_shows_are_right(name, tmp_path):
    for i, block in enumerate(code_blocks(read(name))):
        if not re.search(r"^inputs\s*:", block, re.M) or not re.search(r"^pipelines\s*:", block, re.M):
            continue
        if re.match(r"# [\w.]+\.conf$", block, re.M):     # what is wrong with it is shown as well: see below
            continue
        config = tmp_path / f"{i}.conf"
        config.write_text(block)
        result = sonde("check", str(config))
        if "there is no plugin" not in result.stderr or "examples/" not in name:
            assert result.returncode == 0, f"{name}:\n{block}\n{result.stderr}"


def without_numbers(line):
    """Notes say what a config costs on a machine, which is another one here."""
    return re.sub(r"\d[\d.]*", "N", line) if " note: " in line else line


def test_what_check_is_shown_to_say_is_what_it_says(tmp_path):
    text, checked = read("docs/guide.md"), 0
    for block in code_blocks(text):
        named = re.match(r"# ([\w.]+\.conf)\n", block)
        if named:
            (tmp_path / named[1]).write_text(block)
    for block in code_blocks(text):
        shown = re.match(r"\$ sonde (check) ([\w.]+)\n(.*)", block, re.S)
        if shown:
            result = subprocess.run([SONDE, *shown.groups()[:2]], cwd=tmp_path, stdin=subprocess.DEVNULL, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
            assert [*map(without_numbers, result.stdout.splitlines())] == [*map(without_numbers, shown[3].splitlines())]
            checked += 1
    assert checked == 2


# --- man pages and help texts ---------------------------------------------------------------------------------------

def test_man_pages_are_made_for_all_and_a_formatter_finds_no_fault():
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    pages = glob.glob(os.path.join(BUILD, "docs", "*.[157]"))
    plugins = [os.path.basename(path)[:-3] for path in glob.glob(os.path.join(BUILD, "plugins", "*.so"))]
    assert {os.path.basename(page) for page in pages} == {"sonde.1", "sonde.conf.5"} | {f"sonde-{p}.7" for p in plugins}
    for page in pages:
        result = subprocess.run(["groff", "-ww", "-Kutf8", "-man", "-Tutf8", page], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        assert (result.returncode, result.stderr) == (0, ""), page
        assert "SEE ALSO" in re.sub(r"\x1b\[[\d;]*m|.\x08", "", result.stdout)


def test_every_command_explains_itself():
    usage = sonde("help")
    names = set(re.findall(r"^  ([a-z]+) ", usage.stdout, re.M))
    assert usage.returncode == 0 and {"run", "check", "status", "set", "help"} <= names
    for name in names:
        asked = sonde(name, "--help")
        assert (asked.returncode, asked.stdout) == (0, sonde("help", name).stdout) and f"sonde {name}" in asked.stdout


@pytest.mark.parametrize("arguments, words", [
    (["stat"], 'did you mean "status"'), (["check", "--for", "1s", "x"], "unrecognized option '--for'"),
    (["help", "nothing"], "no help on: nothing"), (["plugins", "null", "file"], "one name"),
    (["plugins", "--man"], "want the NAME of a plugin"), (["set", "a.b", "1", "--json"], "usage: sonde set INSTANCE.KNOB VALUE"),
])
def test_what_a_command_does_not_take_is_refused(arguments, words):
    result = sonde(*arguments)
    assert result.returncode == 2 and words in result.stderr
