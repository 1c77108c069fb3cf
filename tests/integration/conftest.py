# SPDX-License-Identifier: Apache-2.0
"""What tests of OTLP share: the official generated classes, to compare with."""

import pytest
from peers import needed, obtain


@pytest.fixture(scope="session")
def official():
    """A python that has the official classes and gRPC."""
    return needed(obtain.python)
