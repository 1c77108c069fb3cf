# SPDX-License-Identifier: Apache-2.0
"""A reload leaves the programs of an input that did not change where they are, and no call goes uncounted."""

import glob
import re
import threading

from test_syscalls import assert_made, filtered

ROUNDS = 100
CALLS = 2_000_000


def program_ids(pid):
    """Of all programs that the daemon holds, as the kernel numbers them: never twice since boot."""
    ids = set()
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            with open(path) as file:
                ids |= {int(number) for number in re.findall(r"^prog_id:\s*(\d+)$", file.read(), re.MULTILINE)}
        except OSError:
            pass        # closed meanwhile
    return ids


def configs(daemon):
    """Its config; the same with a tap beside the pipeline; and one with an error."""
    with open(f"{daemon.directory}/test.conf") as file:
        plain = file.read()
    tapped = plain.replace("outputs:   {", 'outputs:   { tap: { plugin = "null"; };').replace(
        "pipelines: {", 'pipelines: { side: { from = ["kernel"]; to = ["tap"]; };')
    assert tapped.count("tap") == 2
    return plain, tapped, plain.replace("syscalls", "syscals")


def reload(daemon, config):
    with open(f"{daemon.directory}/test.conf", "w") as file:
        file.write(config)
    return daemon.command("reload")


def test_a_hundred_reloads_keep_the_programs_and_count_every_call(start, cgroup):
    """Valid and invalid configs in turn, under load."""
    daemon = start(f'mode = "aggregate"; interval = "100ms"; {filtered(cgroup)}')
    plain, tapped, invalid = configs(daemon)
    before = program_ids(daemon.process.pid)
    assert len(before) >= 2
    made = []
    load = threading.Thread(target=lambda: made.append(cgroup.run("many", CALLS)))
    load.start()
    for i in range(ROUNDS):
        done = reload(daemon, invalid if i % 2 else plain if i % 4 else tapped)
        assert done.returncode == (2 if i % 2 else 0), done.stdout
        assert program_ids(daemon.process.pid) == before
    load.join()
    assert_made(daemon.stop(), cgroup, made[0])


def test_knobs_that_change_in_the_config_leave_the_programs_attached(start, cgroup):
    daemon = start(f'mode = "aggregate"; interval = "100ms"; {filtered(cgroup)}')
    before = program_ids(daemon.process.pid)
    plain, _, _ = configs(daemon)
    done = reload(daemon, plain.replace("100ms", "200ms"))
    assert done.returncode == 0, done.stdout
    assert program_ids(daemon.process.pid) == before
    made = cgroup.run("many", CALLS // 10)
    assert_made(daemon.stop(), cgroup, made)


def test_a_changed_input_attaches_anew_and_the_others_stay(start, cgroup):
    daemon = start(f'mode = "aggregate"; interval = "100ms"; {filtered(cgroup)}', more=['ring = "8MiB";'])
    before = program_ids(daemon.process.pid)
    made = []
    load = threading.Thread(target=lambda: made.append(cgroup.run("many", CALLS)))
    load.start()
    plain, _, _ = configs(daemon)
    done = reload(daemon, plain.replace('ring = "8MiB";', 'ring = "4MiB";'))
    load.join()
    assert done.returncode == 0, done.stdout
    assert before & program_ids(daemon.process.pid)
    assert before != program_ids(daemon.process.pid)
    assert_made(daemon.stop(), cgroup, made[0])
