# SPDX-License-Identifier: Apache-2.0
"""Who a daemon is: whom it becomes, what each of its threads may do, and what it says about that."""

import glob
import os
import pwd
import shutil
import stat
import subprocess

import pytest
from sonde import PLUGINS, SONDE, Daemon, run, wait_for

pytestmark = pytest.mark.timeout(120)
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

KILL, NET_ADMIN, NET_RAW, SYS_NICE = 5, 12, 13, 23   # as <linux/capability.h> numbers them

SIMPLE = '''
inputs:    { gen: { plugin = "generate"; rate = 2000; batch = 100; threads = 2; }; };
outputs:   { out: { plugin = "null"; }; };
pipelines: { main: { from = ["gen"]; to = ["out"]; threads = 2; }; };
'''


def herd(options, more=""):
    return f'''
inputs:    {{ herd: {{ plugin = "{PLUGINS}/herd.so"; {options} }}; {more} }};
outputs:   {{ out: {{ plugin = "null"; }}; }};
pipelines: {{ main: {{ from = ["herd"]; to = ["out"]; }}; }};
'''


def threads(process):
    """What the kernel says of each thread: {name: [{field: value}]}."""
    found = {}
    for path in glob.glob(f"/proc/{process.pid}/task/*/status"):
        with open(path) as file:
            fields = dict(line.rstrip("\n").split(":", 1) for line in file)
        thread = {name: [int(word) for word in fields[name].split()] for name in ("Uid", "Gid", "Groups", "NoNewPrivs")}
        thread.update({name: int(value, 16) for name, value in fields.items() if name.startswith("Cap")})
        found.setdefault(fields["Name"].strip(), []).append(thread)
    return found


def every(process):
    """All but the thread of the log, which needs nothing and holds nothing."""
    found = threads(process)
    for thread in found.pop("log", []):
        assert thread["CapPrm"] == 0
        assert thread["Uid"] == found["sonde"][0]["Uid"] and thread["CapBnd"] == found["sonde"][0]["CapBnd"]
    return [thread for group in found.values() for thread in group]


def bits(*capabilities):
    return sum(1 << capability for capability in capabilities)


def dropped(daemon):
    """Waits until it has given up what it does not need, and returns its status."""
    return wait_for(lambda: (status := daemon.status().document)["privileges_dropped"] and status, "it has dropped")


def assert_holds(thread, capabilities):
    assert (thread["CapEff"], thread["CapPrm"]) == (capabilities, capabilities)
    assert (thread["CapInh"], thread["CapAmb"]) == (0, 0)
    assert thread["NoNewPrivs"] == [1]


def assert_is(thread, user):
    assert thread["Uid"] == [user.pw_uid] * 4
    assert thread["Gid"] == [user.pw_gid] * 4
    assert 0 not in thread["Groups"] and thread["CapBnd"] == 0


# --- started by root -------------------------------------------------------------------------------------------------

@root
def test_without_needs_no_thread_is_root_or_holds_anything(tmp_path, daemon_user):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        status = dropped(daemon)
        assert len(every(daemon.process)) >= 6
        for thread in every(daemon.process):
            assert_is(thread, daemon_user)
            assert_holds(thread, 0)
        assert (status["user"], status["capabilities"]) == (daemon_user.pw_name, [])
        assert os.stat(f"/proc/{daemon.process.pid}/environ").st_uid == 0    # root's, as it may not be dumped
        assert daemon.stop() == 0


@root
def test_threads_hold_what_instances_need_to_run_and_what_the_config_keeps(tmp_path, daemon_user):
    options = f'to_start = ["{SYS_NICE}"]; to_run = ["{NET_RAW}"];'
    with Daemon(tmp_path, herd(options), 'privileges: { keep = ["CAP_KILL", "net_admin"]; };') as daemon:
        daemon.start()
        status = dropped(daemon)
        for thread in every(daemon.process):
            assert_is(thread, daemon_user)
            assert_holds(thread, bits(NET_RAW, KILL, NET_ADMIN))
        assert status["capabilities"] == ["kill", "net_admin", "net_raw"]
        assert "capabilities kill, net_admin, net_raw" in daemon.ask("status").stdout
        assert daemon.status().counter("herd", "refused") == 0


@root
def test_threads_of_a_plugin_that_block_every_signal_lose_all_and_later_ones_hold_no_more_than_others(tmp_path, daemon_user):
    with Daemon(tmp_path, herd(f'members = 3; to_run = ["{NET_RAW}"];')) as daemon:
        daemon.start()
        dropped(daemon)
        assert len(threads(daemon.process)["early"]) == 1
        before = len(threads(daemon.process)["late"])
        for name in ("early", "late"):
            for thread in threads(daemon.process)[name]:
                assert_is(thread, daemon_user)
                assert_holds(thread, 0)
        daemon.set("herd.members", "6")
        wait_for(lambda: len(threads(daemon.process)["late"]) == before + 3, "threads are made")
        for thread in every(daemon.process):
            assert_is(thread, daemon_user)
            assert thread["CapPrm"] & ~bits(NET_RAW) == 0


@root
@pytest.mark.sanitizers
def test_it_drops_while_all_threads_are_busy(tmp_path):
    body = herd(f'members = 3; to_run = ["{NET_RAW}"];', 'gen: { plugin = "generate"; threads = 4; };')
    with Daemon(tmp_path, body.replace('["herd"]', '["herd", "gen"]; threads = 2')) as daemon:
        daemon.start()
        assert dropped(daemon)["capabilities"] == ["net_raw"]
        daemon.set("herd.members", "6")
        assert daemon.stop() in (0, 5), daemon.log()


@root
def test_a_callback_that_sleeps_holds_up_neither_the_others_nor_what_its_thread_loses(tmp_path, daemon_user):
    body = SIMPLE.replace("gen:", f'nap: {{ plugin = "{PLUGINS}/sleeper.so"; in = "timer"; sleep = "3s"; threads = 1; }};'
                                  ' gen:').replace('["gen"]', '["nap", "gen"]')
    with Daemon(tmp_path, body, 'privileges: { keep = "kill"; };') as daemon:
        daemon.start()
        dropped(daemon)
        for thread in every(daemon.process):
            assert thread["Uid"] == [daemon_user.pw_uid] * 4
            assert thread["CapPrm"] in (0, bits(KILL))
        assert threads(daemon.process)["sonde"][0]["CapPrm"] == bits(KILL)


@root
@pytest.mark.parametrize("settings, uid, gid", [
    ('user = "12345"; group = "54321";', 12345, 54321),
    ('user = "daemon";', None, None),
    ('user = "daemon"; group = "54321";', None, 54321)])
def test_it_becomes_the_user_and_group_that_the_config_names(tmp_path, settings, uid, gid):
    daemon_entry = pwd.getpwnam("daemon")
    os.chmod(tmp_path, 0o777)
    with Daemon(tmp_path, SIMPLE, f"privileges: {{ {settings} }};") as daemon:
        daemon.start()
        dropped(daemon)
        for thread in every(daemon.process):
            assert thread["Uid"] == [uid or daemon_entry.pw_uid] * 4
            assert thread["Gid"] == [gid or daemon_entry.pw_gid] * 4
            assert_holds(thread, 0)
        assert os.stat(f"{daemon.state}/ledger").st_uid == (uid or daemon_entry.pw_uid)
        assert os.stat(f"{daemon.state}/control.sock").st_gid == (gid or daemon_entry.pw_gid)
        assert "warning" not in daemon.log()
        assert daemon.stop() == 0


@root
def test_who_asks_for_it_stays_root_but_without_capabilities_and_hears_of_it(tmp_path):
    with Daemon(tmp_path, herd(f'members = 2; to_run = ["{KILL}"];'), 'privileges: { user = "root"; };') as daemon:
        daemon.start()
        dropped(daemon)
        for thread in every(daemon.process):
            assert thread["Uid"] == [0] * 4
            assert_holds(thread, bits(KILL))
        assert "stays root" in daemon.log()


@root
@pytest.mark.parametrize("settings, message", [
    ('user = "nobody-at-all";', 'sonde.privileges.user: there is no user "nobody-at-all"'),
    ('group = "no-group-at-all";', 'sonde.privileges.group: there is no group "no-group-at-all"'),
    ('user = "12345";', "name its group with sonde.privileges.group")])
def test_a_user_that_there_is_not_ends_with_1_and_is_named(tmp_path, settings, message):
    with Daemon(tmp_path, SIMPLE, f"privileges: {{ {settings} }};") as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 1
        assert message in daemon.log()


@root
def test_root_that_may_not_become_another_is_told_what_it_lacks(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        start_with(daemon, "--bounding-set=-setuid", ready=False)
        assert daemon.wait() == 1
        assert "without the capabilities setuid" in daemon.log()


# --- files -----------------------------------------------------------------------------------------------------------

@root
def test_the_state_directory_belongs_to_the_user_and_a_restart_finds_it_so(tmp_path, daemon_user):
    with Daemon(tmp_path, SIMPLE) as daemon:
        for _ in range(2):
            daemon.start()
            dropped(daemon)
            for name in ("", "lock", "ledger"):
                assert os.stat(f"{daemon.state}/{name}").st_uid == daemon_user.pw_uid
            assert daemon.stop() == 0
            assert not os.path.exists(f"{daemon.state}/control.sock")
        assert "may not" not in daemon.log()


@root
def test_the_control_socket_is_not_for_all_who_are_nobody(tmp_path, daemon_user):
    if daemon_user.pw_name != "nobody":
        pytest.skip("there is a user sonde")
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        dropped(daemon)
        socket = os.stat(f"{daemon.state}/control.sock")
        assert (socket.st_uid, socket.st_gid, stat.S_IMODE(socket.st_mode)) == (0, 0, 0o660)
        assert "runs as nobody, group nogroup" in daemon.log()


@root
def test_it_is_ready_only_when_privileges_are_given_up(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        wait_for(lambda: ", ready after" in daemon.log(), "it is ready")
        assert " with the capabilities none" in daemon.log().split(", ready after")[0]


@root
def test_a_directory_of_roots_that_holds_other_things_is_not_given_away(tmp_path):
    state = tmp_path / "busy"
    state.mkdir()
    (state / "precious").write_text("of root")
    with Daemon(tmp_path, SIMPLE, state="busy") as daemon:
        daemon.start()
        dropped(daemon)
        assert (state.stat().st_uid, (state / "precious").stat().st_uid) == (0, 0)
        wait_for(lambda: f"may not write to the state directory {state}" in daemon.log(), "it is said")


@root
def test_a_link_in_the_state_directory_gives_nothing_away(tmp_path, daemon_user):
    state, target = tmp_path / "state", tmp_path / "target"
    target.write_text("")
    state.mkdir()
    os.chown(state, daemon_user.pw_uid, daemon_user.pw_gid)
    (state / "control.sock").symlink_to(target)
    with Daemon(tmp_path, SIMPLE, f'control = "{tmp_path}/control";') as daemon:
        daemon.start(ready=False)
        wait_for(lambda: "runs as" in daemon.log() and "capabilities" in daemon.log(), "it has dropped")
        assert target.stat().st_uid == 0


@root
@pytest.mark.parametrize("name", ["lock", "ledger"])
def test_root_follows_no_link_that_the_user_may_have_laid(tmp_path, name, daemon_user):
    state, target = tmp_path / "state", tmp_path / "target"
    state.mkdir()
    os.chown(state, daemon_user.pw_uid, daemon_user.pw_gid)
    (state / name).symlink_to(target)
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start(ready=False)
        assert daemon.wait() == 1
        assert not target.exists()


@root
def test_what_could_not_be_opened_again_is_said_at_the_start(tmp_path, daemon_user):
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    body = SIMPLE.replace('plugin = "null"', f'plugin = "file"; path = "{private}/rows"')
    with Daemon(tmp_path, body) as daemon:
        os.chmod(daemon.config, 0o600)
        daemon.start()
        dropped(daemon)
        user = daemon_user.pw_name
        wait_for(lambda: f"{private}/rows is written as it was open already: the user {user} may not open it again"
                 in daemon.log(), "the file is named")
        assert f"the user {user} may not read {daemon.config}" in daemon.log()
        wait_for(lambda: (private / "rows").stat().st_size, "rows arrive all the same")
        assert (private / "rows").stat().st_uid == daemon_user.pw_uid
        assert daemon.stop() == 0


# --- reload ----------------------------------------------------------------------------------------------------------

@root
def test_a_reload_that_needs_more_than_is_held_is_refused_by_its_name(tmp_path):
    one, both = herd(f'to_run = ["{NET_RAW}"];'), herd(f'to_run = ["{NET_RAW}", "{KILL}"];')
    with Daemon(tmp_path, one) as daemon:
        daemon.start()
        dropped(daemon)
        daemon.write(both)
        assert "herd needs kill, which sonde does not hold" in daemon.reload(code=4)
        wait_for(lambda: "herd needs kill" in daemon.log(), "the log says so too")
        assert daemon.status().instance("herd")["state"] == "running"
        assert daemon.status().document["capabilities"] == ["net_raw"]
        daemon.write(one)
        daemon.reload()


@root
def test_a_reload_that_needs_what_was_kept_goes_through_and_new_threads_hold_it(tmp_path, daemon_user):
    keep = 'privileges: { keep = "kill"; };'
    with Daemon(tmp_path, SIMPLE, keep) as daemon:
        daemon.start()
        dropped(daemon)
        daemon.write(herd(f'members = 2; insist = true; to_run = ["{KILL}"];'), keep)
        daemon.reload()
        assert daemon.status().instance("herd")["state"] == "running"
        for thread in every(daemon.process):
            assert_is(thread, daemon_user)
            assert thread["CapPrm"] == bits(KILL)


@root
def test_what_an_instance_needed_to_start_is_not_asked_for_again_while_it_runs(tmp_path):
    options = f'to_start = ["{SYS_NICE}"]; to_run = ["{NET_RAW}"];'
    with Daemon(tmp_path, herd(options)) as daemon:
        daemon.start()
        dropped(daemon)
        daemon.write(herd(options, 'gen: { plugin = "generate"; };').replace('["herd"]', '["herd", "gen"]'))
        daemon.reload()
        daemon.write(herd(options + " members = 1;"))
        assert "herd needs sys_nice" in daemon.reload(code=4)


@root
def test_other_privileges_take_a_restart_and_a_reload_says_so(tmp_path):
    with Daemon(tmp_path, SIMPLE) as daemon:
        daemon.start()
        dropped(daemon)
        for settings in ('keep = "kill";', 'user = "daemon";', 'group = "daemon";'):
            daemon.write(SIMPLE, f"privileges: {{ {settings} }};")
            assert "sonde.privileges takes effect with a restart" in daemon.reload()
        assert daemon.status().document["capabilities"] == []


@root
def test_no_config_comes_while_an_instance_still_starts(tmp_path):
    body = SIMPLE.replace("gen:", f'nap: {{ plugin = "{PLUGINS}/sleeper.so"; in = "start"; sleep = "5s"; threads = 1; }};'
                                  ' gen:').replace('["gen"]', '["nap", "gen"]')
    with Daemon(tmp_path, body) as daemon:
        daemon.start()
        assert "privileges are not given up yet" in daemon.reload(code=4)
        dropped(daemon)
        daemon.reload()


# --- started by others -----------------------------------------------------------------------------------------------

def start_with(daemon, *how, ready=True):
    """As Daemon.start(), under setpriv."""
    if not shutil.which("setpriv"):
        pytest.skip("there is no setpriv: apt install util-linux")
    with open(daemon.log_path, "a") as log:
        daemon.process = subprocess.Popen(["setpriv", *how, SONDE, "run", daemon.config], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=log)
    if ready:
        wait_for(lambda: daemon.process.poll() is not None or daemon.ask("status", "--json").returncode == 0,
                 "the daemon answers")
        assert daemon.process.poll() is None, daemon.log()


NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"]


def given(*names):
    """A user with these capabilities, as a service manager or file capabilities give them."""
    plus = "".join(f",+{name}" for name in names)
    return [*NOBODY, f"--inh-caps=-all{plus}", f"--ambient-caps=-all{plus}"]


@pytest.fixture
def open_path(tmp_path):
    if os.geteuid() == 0:
        os.chown(tmp_path, 65534, 65534)
    return tmp_path


@root
def test_a_plain_user_runs_what_needs_nothing_without_a_warning(open_path):
    with Daemon(open_path, SIMPLE) as daemon:
        start_with(daemon, *NOBODY)
        status = dropped(daemon)
        for thread in every(daemon.process):
            assert_holds(thread, 0)
        assert status["capabilities"] == []
        assert os.stat(f"/proc/{daemon.process.pid}/environ").st_uid == 65534
        assert "warning" not in daemon.log() and "error" not in daemon.log()
        assert daemon.stop() == 0


@root
def test_a_user_keeps_of_what_it_is_given_what_is_needed(open_path):
    options = f'to_start = ["{SYS_NICE}"]; to_run = ["{NET_RAW}"];'
    with Daemon(open_path, herd(options), 'privileges: { keep = ["kill", "net_admin"]; };') as daemon:
        start_with(daemon, *given("net_raw", "kill", "sys_nice", "dac_read_search"))
        dropped(daemon)
        for thread in every(daemon.process):
            assert_holds(thread, bits(NET_RAW, KILL))
        assert "sonde.privileges.keep names net_admin, which it was not started with" in daemon.log()
        assert daemon.status().counter("herd", "refused") == 0


@root
def test_threads_of_plugins_that_no_change_of_user_reaches_are_told_of(open_path):
    options = f'members = 2; to_start = ["{SYS_NICE}"]; to_run = ["{NET_RAW}"];'
    with Daemon(open_path, herd(options)) as daemon:
        start_with(daemon, *given("net_raw", "sys_nice", "kill"))
        dropped(daemon)
        found = threads(daemon.process)
        for thread in found["early"] + found["late"]:
            assert thread["CapPrm"] == bits(NET_RAW, SYS_NICE)
        assert_holds(found["sonde"][0], bits(NET_RAW))
        assert "2 threads hold more privileges than are needed to run" in daemon.log()


@root
def test_what_a_plain_user_lacks_is_said_once(open_path):
    with Daemon(open_path, herd(f'insist = true; to_run = ["{NET_RAW}"];')) as daemon:
        start_with(daemon, *NOBODY)
        wait_for(lambda: daemon.status().instance("herd")["failures"] >= 2, "it is tried again")
        assert daemon.log().count("a capability is missing") == 1
        assert daemon.status().instance("herd")["state"] == "waiting"


@root
@pytest.mark.parametrize("settings, message", [
    ('user = "daemon";', 'only root can become "daemon"'), ('group = "daemon";', 'only root can choose the group "daemon"')])
def test_a_plain_user_cannot_become_another(open_path, settings, message):
    with Daemon(open_path, SIMPLE, f"privileges: {{ {settings} }};") as daemon:
        start_with(daemon, *NOBODY, ready=False)
        assert daemon.wait() == 1
        assert message in daemon.log()


@root
def test_a_plain_user_may_name_itself(open_path):
    with Daemon(open_path, SIMPLE, 'privileges: { user = "65534"; group = "65534"; };') as daemon:
        start_with(daemon, *NOBODY)
        assert dropped(daemon)["user"] == "nobody"


# --- config and check ------------------------------------------------------------------------------------------------

def test_a_capability_that_there_is_not_is_a_problem_with_its_place(tmp_path):
    with Daemon(tmp_path, SIMPLE, 'privileges: { keep = ["bpf", "perfmom"]; };') as daemon:
        result = run("check", daemon.config)
        assert result.returncode == 2
        assert (f'{daemon.config}:1: sonde.privileges.keep: "perfmom" is no capability of this kernel '
                '(did you mean "perfmon"?)') in result.stderr


def test_check_prints_what_a_config_needs(tmp_path):
    options = f'to_start = ["{SYS_NICE}"]; to_run = ["{NET_RAW}"];'
    with Daemon(tmp_path, herd(options), 'privileges: { keep = "kill"; };') as daemon:
        result = run("check", daemon.config)
        assert result.returncode == 0
        assert "capabilities to start: kill, net_raw, sys_nice; while running: kill, net_raw\n" in result.stdout
    with Daemon(tmp_path, SIMPLE) as daemon:
        assert "capabilities to start: none; while running: none\n" in run("check", daemon.config).stdout


def test_show_prints_what_is_kept(tmp_path):
    with Daemon(tmp_path, SIMPLE, 'privileges: { keep = ["bpf", "kill"]; };') as daemon:
        assert 'keep = ["bpf", "kill"];' in run("show", daemon.config).stdout
