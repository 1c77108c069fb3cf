# SPDX-License-Identifier: Apache-2.0
"""What all tests share: directories that a daemon reaches after it has become another user."""

import os
import pwd
import shutil
import tempfile

import pytest


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
