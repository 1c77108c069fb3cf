# SPDX-License-Identifier: Apache-2.0
"""Ports of this host, for what is told where to listen: a free one, and whether somebody listens at one by now."""

import socket


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_taken(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False
