# SPDX-License-Identifier: Apache-2.0
"""What all tests share: directories that a daemon reaches after it has become another user."""

import atexit
import os
import pathlib
import pwd
import shutil
import tempfile

import pytest

TREE = pathlib.Path(__file__).resolve().parent.parent
PARTS = ["sonde", "plugins", "lib", "tests/integration/plugins", "tests/fault"]     # of a build: what daemons need


def programs_find():
    """The build, or where the tree lies in a place of root's own, a copy of it that a daemon reaches as another user."""
    build = pathlib.Path(os.environ.get("SONDE_BUILD", TREE / "build")).resolve()
    if os.geteuid() or all(os.stat(directory).st_mode & 0o001 for directory in build.parents) or not build.exists():
        return build
    copy = pathlib.Path(tempfile.mkdtemp(prefix="sonde-programs-"))
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    os.chmod(copy, 0o755)
    for part in PARTS:
        if (build / part).is_dir():
            shutil.copytree(build / part, copy / part, symlinks=True, ignore=shutil.ignore_patterns("*.p"))
        elif (build / part).exists():
            shutil.copy(build / part, copy / part)
    return copy


os.environ["SONDE_PROGRAMS"] = str(programs_find())      # before other modules look


def user_find():
    for name in ("sonde", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Root's own place for temporary directories is for root alone, and every run of pytest makes it so again."""
    if os.geteuid() == 0 and not config.option.basetemp:
        config.option.basetemp = os.path.join(tempfile.gettempdir(), f"sonde-pytest-{os.getpid()}")
        config.sonde_basetemp = config.option.basetemp


def pytest_sessionfinish(session):
    """What failed is left to look at."""
    if not session.testsfailed and hasattr(session.config, "sonde_basetemp"):
        shutil.rmtree(session.config.sonde_basetemp, ignore_errors=True)


@pytest.fixture
def daemon_user():
    """Whom a daemon becomes that root starts and that is not told: the entry of the user."""
    return user_find() or pytest.skip("there is neither a user sonde nor a user nobody")


@pytest.fixture
def give():
    """Gives a path that root made to the user that its daemons become, as an operator would."""
    def give_one(path):
        user = user_find()
        if os.geteuid() == 0 and user:
            os.chown(path, user.pw_uid, user.pw_gid)
    return give_one


@pytest.fixture
def tmp_path(tmp_path):
    """As pytest's own, which is for its owner alone; root gives it to the user that its daemons become."""
    user = user_find()
    if os.geteuid() == 0 and user:
        os.chown(tmp_path, user.pw_uid, user.pw_gid)
        for directory in tmp_path.parents:
            if not os.stat(directory).st_mode & 0o001:
                os.chmod(directory, os.stat(directory).st_mode | 0o011)
    return tmp_path
