# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the solver's tests share: an empty world each, and its repositories over HTTP."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.solver import http_server
from tests.solver.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A world without a base and without repositories."""
    return World(tmp_path)


class Server:
    """The world's repositories over HTTP, each below its id."""

    def __init__(self, directory: Path) -> None:
        self._log = directory.parent / "http.log"
        with self._log.open("wb") as log:
            command = [sys.executable, http_server.__file__, str(directory)]
            self._process = subprocess.Popen(command, stdout=log)
        while not self._log.read_text().endswith("\n"):
            assert self._process.poll() is None
        self.url = f"http://127.0.0.1:{self._log.read_text().split()[0]}"

    def asked(self) -> list[str]:
        """Returns the requests so far: "/path start", start being empty for a whole file."""
        return self._log.read_text().splitlines()[1:]

    def stop(self) -> None:
        """Closes the door: from now on nobody answers."""
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    """A server of the world's repositories, made before they are."""
    (world.directory / "repos").mkdir()
    server = Server(world.directory / "repos")
    yield server
    server.stop()
