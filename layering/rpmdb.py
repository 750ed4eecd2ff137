# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rpmdb of a tree: taken out of a base commit, and extended by the packages of layers.

Nothing here ever opens a database that a checkout shares with the repository: sqlite would write
through the hard link. A base's is copied out of its objects, once; a merged tree's is a copy of
that, to which `write` adds. The result is one file in sqlite's rollback mode: a database that
expects a write-ahead log cannot be opened where nothing may be written.
"""

import errno
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path

import rpm

from layering.colours import Colours
from layering.dirtree import DirNode, FileNode, find
from layering.links import directory_at
from layering.repo import Repo
from layering.rpmdb_claims import mark_wrong_colour
from layering.rpmdb_query import DATABASE
from layering.spellings import canonical
from layering.sysroot_errors import RpmdbError

_PLACES = ("/usr/share/rpm", "/usr/lib/sysimage/rpm", "/var/lib/rpm")
_OTHER_KINDS = ("Packages", "Packages.db")  # Berkeley DB, ndb
_LEFTOVERS = (".rpm.lock", ".keyring.lock", f"{DATABASE}-shm", f"{DATABASE}-wal")
_DATABASE_LINK = ".rpmdb"  # inside the root that librpm changes to; opened before that
_UNFINISHED, _ABANDONED_AFTER = ".new-", 3600.0  # seconds; making one takes less than one
_CHECKSUM = re.compile(r"[0-9a-f]{64}")
_TRANSACTION = Path(__file__).with_name("rpmdb_transaction.py")


def database_path(repo: Repo, commit: str) -> str | None:
    """Returns the real path of the directory that holds a tree's rpmdb, or None if it has none."""
    root = repo.commit_of(commit).root_tree
    for place in _PLACES:
        directory = directory_at(repo, root, place)
        if directory and find(repo.dirtree, root, f"{directory}/{DATABASE}"):
            return directory
        for name in _OTHER_KINDS if directory else ():
            if find(repo.dirtree, root, f"{directory}/{name}"):
                raise RpmdbError(f"{name} is of a kind that is not supported", f"{commit}:{place}")
    return None


def base_root(repo: Repo, base_commit: str | None, cache_dir: Path) -> Path:
    """Returns an installroot that holds a base's rpmdb where this machine's librpm looks for it.

    It holds `usr/lib/os-release`, too, and nothing else. It is made once per base, by copy, and
    appears complete or not at all, so that several runs may ask at once; nobody writes to it. None
    stands for an empty base.

    Raises:
        RpmdbError: the base has no rpmdb, or one that cannot be read.
    """
    kept = kept_root(base_commit, cache_dir)
    if kept is not None:
        return kept
    root, place = _root_of(base_commit, cache_dir), database_in(Path())
    bases = root.parent
    bases.mkdir(parents=True, exist_ok=True)
    _sweep(bases)
    scratch = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=bases))
    try:
        scratch.chmod(0o755)
        database = scratch / place
        database.mkdir(parents=True)
        if base_commit is None:
            write(database, (), source_date_epoch=0)
        else:
            copy_base(repo, base_commit, database)
            _copy_os_release(repo, base_commit, scratch)
        _appear(scratch, root, [path for path in scratch.rglob("*") if path.is_file()])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return root


def kept_root(base_commit: str | None, cache_dir: Path) -> Path | None:
    """Returns what `base_root` has made before, None if it has not."""
    root = _root_of(base_commit, cache_dir)
    return root if root.is_dir() else None


def _root_of(base_commit: str | None, cache_dir: Path) -> Path:
    place = str(database_in(Path())).replace("/", "-")
    return cache_dir / "base" / f"{base_commit or 'empty'}-{place}"


def database_in(installroot: Path) -> Path:
    """Returns where this machine's librpm looks for the rpmdb below an installroot."""
    place: str = rpm.expandMacro("%_dbpath")
    return installroot / place.strip("/")


def copy_base(repo: Repo, commit: str, directory: Path) -> None:
    """Copies a tree's rpmdb into an existing directory; RpmdbError if the tree has none."""
    place = database_path(repo, commit)
    if place is None:
        raise RpmdbError(f"no {DATABASE} in {' or '.join(_PLACES)}", f"of commit {commit}")
    node = find(repo.dirtree, repo.commit_of(commit).root_tree, place)
    files = dict(repo.dirtree(node.tree).files) if isinstance(node, DirNode) else {}
    for name in (DATABASE, f"{DATABASE}-wal"):
        if name in files:
            _copy_file(repo, files[name], directory / name)
    settle(directory)


def write(
    directory: Path,
    headers: Sequence[bytes],
    *,
    source_date_epoch: int,
    remove: Sequence[str] = (),
    links: Mapping[str, str] | None = None,
    colours: Colours = Colours(),  # noqa: B008 it cannot be changed
    wrong_colour: Mapping[str, Collection[bytes]] | None = None,
) -> None:
    """Records packages in the rpmdb in `directory`, and drops others, without touching a file.

    The bytes that result depend on the database that was there and on the arguments, not on their
    order nor on this machine. A database is made if there is none.

    Args:
        directory: holds `rpmdb.sqlite`, a copy of the caller's own; nothing else is written to.
        headers: `PackageHeader.prefix` of each package to record.
        source_date_epoch: the time of installation, in seconds since 1970.
        remove: NEVRAs to drop, as rpm prints them.
        links: the tree's directories that are symbolic links ("/bin": "usr/bin"), by which librpm
            knows two spellings of a path as one.
        colours: the ELF colours that count in the tree, by which librpm tells whether a base's file
            was replaced.
        wrong_colour: by NEVRA, paths as headers have them of files that are not there, because one
            of the preferred colour is. librpm notes that as it unpacks, which it does not do here.

    Raises:
        RpmdbError: librpm refused, and why.
    """
    with tempfile.TemporaryDirectory(prefix=".root-", dir=directory) as name:
        root = Path(name)
        _make_root(root, links or {})
        (root / _DATABASE_LINK).symlink_to(directory.absolute())
        request = {
            "directory": str(directory),
            "root": str(root.absolute()),
            "database": f"/{_DATABASE_LINK}",
            "create": not (directory / DATABASE).exists(),
            "remove": list(remove),
            "colours": [colours.known, colours.preferred],
        }
        _transact(request, headers, source_date_epoch)
    settle(directory)
    if wrong_colour:
        mark_wrong_colour(directory, wrong_colour)


def settle(directory: Path) -> None:
    """Brings a database into one file that can be read where nothing can be written.

    Nothing is synced: a crash discards what the caller was about to make of it.
    """
    try:
        with closing(sqlite3.connect(directory / DATABASE, isolation_level=None)) as database:
            database.execute("PRAGMA synchronous = OFF")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise RpmdbError(f"cannot read: {error}", directory) from error
    for name in _LEFTOVERS:
        (directory / name).unlink(missing_ok=True)


def _make_root(root: Path, links: Mapping[str, str]) -> None:
    """Makes what librpm compares paths by: the tree's linked directories, and nothing else."""
    for link in links:
        (root / canonical(link, links).lstrip("/")).mkdir(parents=True, exist_ok=True)
    for link, target in links.items():
        parent, _slash, name = link.rpartition("/")
        path = root / canonical(parent, links).lstrip("/") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)


def _transact(request: Mapping[str, object], headers: Sequence[bytes], epoch: int) -> None:
    line = json.dumps({**request, "sizes": [len(header) for header in headers]}).encode()
    # Nothing of this machine's user or settings: only what the program itself sets.
    environment = {"PATH": "/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "HOME": str(request["root"])}
    environment["SOURCE_DATE_EPOCH"] = str(epoch)
    command = [sys.executable, "-I", str(_TRANSACTION), str(len(line))]
    with os.fdopen(os.memfd_create("rpmdb-request"), "w+b") as stream:
        stream.writelines((line, *headers))
        stream.flush()
        done = subprocess.run(
            command, stdin=stream, env=environment, capture_output=True, check=False
        )
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise RpmdbError(f"librpm refused: {said[-1]}", str(request["directory"]))


def _copy_os_release(repo: Repo, commit: str, root: Path) -> None:
    tree = repo.commit_of(commit).root_tree
    directory = directory_at(repo, tree, "/usr/lib")
    node = find(repo.dirtree, tree, f"{directory}/os-release") if directory else None
    if isinstance(node, FileNode) and repo.file_info(node.checksum).target is None:
        (root / "usr/lib").mkdir(parents=True, exist_ok=True)
        _copy_file(repo, node.checksum, root / "usr/lib/os-release")


def _copy_file(repo: Repo, checksum: str, path: Path) -> None:
    with path.open("xb") as stream:
        stream.writelines(repo.file_chunks(checksum))


def drop_copies(cache_dir: Path, keep: Collection[str]) -> tuple[str, ...]:
    """Removes what `base_root` made, but for these base commits, and returns the other commits.

    What is kept beside a root goes with it. Each is gone at once, so that no run ever takes a
    half-removed one for complete.
    """
    dropped: set[str] = set()
    for root in sorted((cache_dir / "base").glob("[0-9a-f]*-*")):
        commit = root.name.partition("-")[0]
        if commit in keep or not _CHECKSUM.fullmatch(commit):
            continue
        gone = Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=root.parent))
        root.rename(gone / root.name)
        shutil.rmtree(gone)
        dropped.add(commit)
    return tuple(sorted(dropped))


def _sweep(bases: Path) -> None:
    """Removes what runs left that were killed while they made a root."""
    for path in bases.glob(f"{_UNFINISHED}*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _ABANDONED_AFTER:
                shutil.rmtree(path)


def _appear(scratch: Path, root: Path, files: Sequence[Path]) -> None:
    """Moves a complete directory to its name, unless another run was faster with the same."""
    for path in files:  # else the name could survive a crash that the content does not
        with path.open("rb") as stream:
            os.fsync(stream)
    try:
        scratch.rename(root)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
