# SPDX-License-Identifier: LGPL-2.1-or-later
"""One import in a process of its own: `python -m bench.ourimport HOW REPOSITORY WHAT`.

HOW is `import` (WHAT is an RPM), or `floor` (WHAT is a directory, whose files libostree writes as
objects, and nothing else); with `-unsynced` behind, nothing waits for the disk. Prints, as JSON,
the seconds; modules are loaded and the repository is made before the clock starts.
"""

import hashlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from layering.header import read_header
from layering.importer import import_packages
from layering.paths import EMPTY_BASE
from layering.repo import Repo
from solver import Package, Reason, Source, VerifiedRpm


def main(how: str, repository: str, what: str) -> int:
    """Runs one of the two and prints what it took."""
    repo = Repo.create(Path(repository))
    kind, _dash, unsynced = how.partition("-")
    repo.handle.set_disable_fsync(bool(unsynced))
    work = _import(repo, Path(what)) if kind == "import" else _floor(repo, Path(what))
    started = time.monotonic()
    work()
    print(json.dumps({"seconds": time.monotonic() - started}))
    return 0


def _import(repo: Repo, path: Path) -> Callable[[], object]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    package = Package(
        nevra=read_header(path).nevra,
        repo_id="@commandline",
        digest=f"sha256:{digest}",
        download_size=0,
        install_size=0,
        reason=Reason.USER,
        requested_by=(),
        source=Source.LOCAL,
        path=path,
        summary="",
    )
    rpm = VerifiedRpm(package=package, path=path)
    return lambda: import_packages([rpm], repo, EMPTY_BASE)


def _floor(repo: Repo, directory: Path) -> Callable[[], object]:
    files = [(path, path.stat().st_size) for path in directory.rglob("*") if path.is_file()]
    small = [path.read_bytes() for path, size in files if size < 1 << 20]
    large = [(path, size) for path, size in files if size >= 1 << 20]

    def write() -> None:
        with repo.transaction():
            for content in small:
                repo.write_regular(content, length=len(content), mode=0o644)
            for path, size in large:
                with path.open("rb") as stream:
                    repo.write_regular(stream, length=size, mode=0o644)

    return write


sys.exit(main(*sys.argv[1:]))
