# SPDX-License-Identifier: LGPL-2.1-or-later
"""A directory served over HTTP on loopback, ranges included, by a process of its own.

libdnf5 holds Python's lock while it downloads, so a thread of the test's process could not answer.
Prints its port, then a line for each request.
"""

import sys
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from socketserver import TCPServer
from typing import BinaryIO, cast


class Listener(HTTPServer):
    """An HTTP server that does not ask DNS for this machine's name."""

    server_bind = TCPServer.server_bind


class Handler(SimpleHTTPRequestHandler):
    """Answers "Range: bytes=N-" as well, which a client uses to fetch on from where it stopped."""

    def do_GET(self) -> None:
        """Sends a file, or the rest of it."""
        start = self.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        sys.stdout.write(f"{self.path} {start}\n")
        sys.stdout.flush()
        file = self.send_head()
        if file is not None:
            with file:
                file.seek(int(start or 0))
                self.copyfile(file, cast("BinaryIO", self.wfile))

    def send_response(self, code: int, message: str | None = None) -> None:
        """Says 206 where a range is sent."""
        super().send_response(206 if code == 200 and "Range" in self.headers else code, message)

    def send_header(self, keyword: str, value: str) -> None:
        """Says how much of the file is sent."""
        start = self.headers.get("Range", "").removeprefix("bytes=").partition("-")[0]
        if keyword == "Content-Length" and start:
            super().send_header("Content-Range", f"bytes {start}-{int(value) - 1}/{value}")
            value = str(int(value) - int(start))
        super().send_header(keyword, value)

    def log_message(self, format: str, *arguments: object) -> None:
        """Says nothing on stderr."""


if __name__ == "__main__":
    server = Listener(("127.0.0.1", 0), partial(Handler, directory=sys.argv[1]))
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
