# SPDX-License-Identifier: LGPL-2.1-or-later
"""A branch that hosts follow: tiny base trees, published one after the other, served over HTTP.

Everything is made with the ostree and rpm command lines. What the server was asked for is kept, so
that a test can tell what was fetched, and what was not.
"""

import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.sysroots import REF, STATEROOT, TestSysroot, make_tree, run

REMOTE = "up"
REFSPEC = f"{REMOTE}:{REF}"
BIG = 3_000_000  # bytes of a file that every tree has, another one in each
_FIRST_TIME = 1_700_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A repository of trees, and where it is served."""

    directory: Path
    url: str
    asked: list[str] = field(default_factory=list)  # paths, in order

    @property
    def repo(self) -> Path:
        return self.directory / "ostree"

    def publish(
        self,
        version: str,
        rpms: Sequence[Path],
        files: Mapping[str, bytes] | None = None,
        *,
        ref: str = REF,
        timestamp: int = 0,
    ) -> str:
        """Commits a tree to the branch and returns its checksum; a day later than the last."""
        tree = self.directory / "tree"
        release = f'ID=test\nVERSION_ID={version}\nPRETTY_NAME="Test {version}"\n'.encode()
        big = version.encode().ljust(BIG, b"\0")
        content = {"usr/lib/os-release": release, "usr/lib/big": big, **(files or {})}
        make_tree(tree, content, rpms)
        parent = subprocess.run(
            ["ostree", "log", f"--repo={self.repo}", ref],
            capture_output=True,
            text=True,
            check=False,
        )
        when = timestamp or _FIRST_TIME + 86_400 * parent.stdout.count("\ncommit ".strip())
        options = [f"--add-metadata-string=version={version}", "--bootable"]
        options += ["--owner-uid=0", "--owner-gid=0", f"--timestamp=@{when}"]
        command = ["ostree", "commit", f"--repo={self.repo}", f"--branch={ref}"]
        commit = run(*command, f"--tree=dir={tree}", *options).strip()
        run("rm", "-rf", str(tree))
        return commit

    def sent(self, suffix: str) -> int:
        """Returns how many objects of a kind were asked for (`.filez`, `.dirtree`, `.rpm`)."""
        return sum(path.endswith(suffix) for path in self.asked)


@contextmanager
def upstream(directory: Path) -> Iterator[Upstream]:
    """Serves `directory`, with an empty archive repository in it, on loopback."""
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            super().do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    directory.mkdir(exist_ok=True)
    run("ostree", "init", "--mode=archive", f"--repo={directory / 'ostree'}")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(directory)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}"
        yield Upstream(directory=directory, url=url, asked=asked)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def following_host(path: Path, up: Upstream, refspec: str = REFSPEC) -> TestSysroot:
    """Makes a sysroot at `path` that has the newest tree of the branch deployed."""
    path.mkdir()
    run("ostree", "admin", "init-fs", "--modern", str(path))
    run("ostree", "admin", "os-init", f"--sysroot={path}", STATEROOT)
    repo = f"--repo={path}/ostree/repo"
    run("ostree", "config", repo, "set", "sysroot.bootloader", "none")
    run("ostree", "remote", "add", repo, "--no-gpg-verify", REMOTE, f"{up.url}/ostree")
    run("ostree", "pull", repo, REMOTE, refspec.partition(":")[2])
    made = TestSysroot(path=path, commit=run("ostree", "rev-parse", repo, refspec).strip())
    run(
        *("ostree", "admin", "deploy", f"--sysroot={path}", f"--os={STATEROOT}"),
        *("--karg=root=LABEL=test", "--karg=quiet", refspec),
    )
    up.asked.clear()
    return made
