# SPDX-License-Identifier: LGPL-2.1-or-later
"""OSTree remotes for tests: repositories made by the ostree command line, served on loopback."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import BinaryIO, cast

from layering.repo import Repo
from tests.sysroots import run

REMOTE = "world"


@dataclass(slots=True, kw_only=True)
class Served:
    """A directory on the web, what was asked of it, and how it behaves."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    sent: int = 0  # bytes of content
    delay: float = 0.0  # seconds, before each content object
    silent: threading.Event = field(default_factory=threading.Event)  # says nothing while set


class _Listener(ThreadingHTTPServer):
    server_bind = TCPServer.server_bind  # DNS is not asked for this machine's name


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments: object, served: Served, directory: str) -> None:
        self.served = served
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.served.requests.append(self.path)
        if self.path.endswith(".filez"):
            time.sleep(self.served.delay)
            while self.served.silent.is_set():
                time.sleep(0.05)
        file = self.send_head()
        if file is not None:
            with file:
                data = file.read()
                self.served.sent += len(data)
                cast("BinaryIO", self.wfile).write(data)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serving(directory: Path) -> Iterator[Served]:
    """Serves a directory over HTTP until the end of the block."""
    served = Served()
    handler = partial(_Handler, served=served, directory=str(directory))
    with _Listener(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        served.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield served
        finally:
            served.silent.clear()
            server.shutdown()
            thread.join()


def make_remote(path: Path, mode: str = "archive") -> Path:
    """Makes an empty repository that can be a remote."""
    run("ostree", "init", f"--mode={mode}", f"--repo={path}")
    return path


def client_of(path: Path, url: str, *options: str, mode: str = "bare-user-only") -> Repo:
    """Makes a repository that knows the URL as the remote `world`; unsigned, if not told else."""
    run("ostree", "init", f"--mode={mode}", f"--repo={path}")
    options = options or ("--no-gpg-verify",)
    run("ostree", "remote", "add", f"--repo={path}", *options, REMOTE, url)
    return Repo.open(path)


def fsck(repo: Repo) -> str:
    """Returns what `ostree fsck` says; fails unless it is content."""
    return run("ostree", "fsck", f"--repo={repo.path}")
