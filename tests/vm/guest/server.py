# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs inside the guest: serves a directory over HTTP on the socket that systemd passes as fd 3.

Started by the first connection: a boot does not wait for it.
"""

import socket
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer


class Handler(SimpleHTTPRequestHandler):
    """Files, with connections that stay open from one to the next."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing of what went well."""


def main(directory: str) -> None:
    """Serves `directory` until the machine goes down."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=directory), bind_and_activate=False
    )
    server.socket.close()
    server.socket = socket.socket(fileno=3)
    server.server_name, server.server_port = "127.0.0.1", server.socket.getsockname()[1]
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
