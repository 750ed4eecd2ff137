# SPDX-License-Identifier: LGPL-2.1-or-later
"""The user database of a tree while its scripts run over it: ids from a pool, then stable ones.

Before the first script, login.defs and a sysusers.d file of the sandbox make every allocator take
its ids from the pool (`layering.account_ids`). After `%pre`, and once more at the end, the accounts
that came get stable ids, with all that scripts gave to them; packages' own files get theirs in
between. At the end login.defs is what it was, and the record (`layering.accounts`) is written.

On a base with nss-altfiles the system's accounts lie in /usr/lib/passwd, out of the host's reach.
Scripts find all of them in /etc, where useradd and usermod want them; the new ones then go to
/usr/lib, so that they are there in the booted tree whatever its /etc is.
https://github.com/aperezdc/nss-altfiles
"""

import errno
import os
import re
import stat
from dataclasses import dataclass, fields
from pathlib import Path

from layering import account_files, beneath, ownership
from layering.account_files import Database
from layering.account_ids import POOL_LOGIN_DEFS, stable_ids
from layering.accounts import RECORD, Accounts, added, parse_accounts, record_text
from layering.errors import WorkspaceError
from layering.workspace import Workspace

_ETC, _LIB = "usr/etc", "usr/lib"
_LOGIN_DEFS = f"{_ETC}/login.defs"
# Which of two settings of one name counts differs by the parser (shadow's own, or libeconf).
_LIMITS = re.compile(r"^(?=\s*(?:SYS_)?[UG]ID_(?:MIN|MAX)\s)", re.MULTILINE)
_ASIDE = "# put aside: "
# authselect makes the one in /etc a link to its own.
_NSSWITCH = (f"{_ETC}/nsswitch.conf", f"{_ETC}/authselect/nsswitch.conf")
_NAMES = tuple(field.name for field in fields(Database))
# Without O_NONBLOCK, opening a pipe that nobody reads waits forever; with O_TRUNC, what turns out
# to be no regular file would be changed already.
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The user database before any script ran."""

    etc: Database
    lib: Database | None  # None: the base has no nss-altfiles
    database: Database  # both, as scripts find them in /etc

    @property
    def accounts(self) -> Accounts:
        """Returns the accounts of it all."""
        return _accounts(self.database)


def prepare(root: Path) -> Before:
    """Makes the tree at `root` ready for scripts that make accounts, and returns what it had.

    Raises:
        WorkspaceError: a file of the user database is none.
    """
    etc = _read_database(root, _ETC)
    lib = _read_database(root, _LIB) if _has_altfiles(root) else None
    database = etc
    if lib is not None:
        database = Database(
            passwd=account_files.combined(etc.passwd, lib.passwd),
            group=account_files.combined(etc.group, lib.group),
            shadow=etc.shadow,
            gshadow=etc.gshadow,
        )
        _write_database(root, _ETC, etc, database)
    _put_pool(root)
    return Before(etc=etc, lib=lib, database=database)


def settle(workspace: Workspace, before: Before) -> None:
    """Gives stable ids to accounts that came, and to what scripts made theirs.

    Raises:
        NoFreeIdError: there are too many of them.
        TooDeepError, TooLargeError, WorkspaceError: a script put something in the way.
    """
    root = workspace.root
    found = _read_database(root, _ETC)
    numbers = stable_ids(before.accounts, _accounts(found))
    if numbers:
        ownership.renumber(workspace.upper, root, numbers)
        # Of /var, which is not sealed, nothing is kept that is too deep.
        ownership.renumber(workspace.scratch, workspace.scratch, numbers, whole=False)
    settled = account_files.settled(before.database, account_files.renumbered(found, numbers))
    _write_database(root, _ETC, found, settled)


def finish(root: Path, before: Before) -> None:
    """Puts everything where the tree is to have it, and writes the record of new accounts.

    Raises:
        TooLargeError, WorkspaceError: a script put something in the way.
    """
    _take_pool(root)
    now = _read_database(root, _ETC)
    if before.lib is not None:
        places = account_files.split(before.etc, before.lib, now)
        _write_database(root, _ETC, now, places.etc)
        _write_database(root, _LIB, before.lib, places.lib)
    new = added(before.accounts, _accounts(now))
    if new:
        _write_record(root, record_text(new, kept=_read(root, RECORD)))


def _accounts(database: Database) -> Accounts:
    return parse_accounts(database.passwd, database.group, database.shadow)


def _has_altfiles(root: Path) -> bool:
    """Whether lookups find /usr/lib/passwd; a base that has it and does not say does so, too."""
    if not beneath.exists(root, f"{_LIB}/passwd"):
        return False
    text = "".join(beneath.read_text(root, path) for path in _NSSWITCH)
    line = re.search(r"^\s*passwd:(.*)$", text, re.MULTILINE)
    return line is None or "altfiles" in line[1].split()


def _put_pool(root: Path) -> None:
    # Without one there is nothing to count from; a link leads to a file that is not ours alone.
    text = _login_defs(root)
    if text or (beneath.exists(root, _ETC) and not beneath.exists(root, _LOGIN_DEFS)):
        _write(root, _LOGIN_DEFS, _LIMITS.sub(_ASIDE, text) + POOL_LOGIN_DEFS)


def _login_defs(root: Path) -> str:
    try:
        return _read(root, _LOGIN_DEFS)
    except WorkspaceError:
        return ""


def _take_pool(root: Path) -> None:
    text = _login_defs(root)
    if POOL_LOGIN_DEFS not in text:
        return
    kept = text.replace(POOL_LOGIN_DEFS, "").replace(_ASIDE, "")
    if kept:
        _write(root, _LOGIN_DEFS, kept)
    else:
        beneath.remove(root, _LOGIN_DEFS)  # the base has none


def _write_record(root: Path, text: str) -> None:
    try:
        beneath.make_directories(root, RECORD.rpartition("/")[0])
        beneath.write_file(root, RECORD, text.encode(), 0o644)
    except OSError as error:
        raise WorkspaceError(f"cannot write the tree's /{RECORD}: {error.strerror}") from error


def _read_database(root: Path, directory: str) -> Database:
    return Database(**{name: _read(root, f"{directory}/{name}") for name in _NAMES})


def _write_database(root: Path, directory: str, before: Database, after: Database) -> None:
    """Writes the files that differ."""
    for name in _NAMES:
        text = getattr(after, name)
        if text != getattr(before, name):
            _write(root, f"{directory}/{name}", text)


def _read(root: Path, path: str) -> str:
    """Returns the text of a file, "" if there is none."""
    try:
        return beneath.read_bytes(root, path).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise WorkspaceError(f"cannot read the tree's /{path}: {error.strerror}") from error


def _write(root: Path, path: str, text: str) -> None:
    """Writes in place: owner, mode and attributes stay."""
    try:
        with beneath.parent_of(root, path) as (directory, name):
            handle = os.open(name, _WRITE, 0o644, dir_fd=directory)
        with os.fdopen(handle, "wb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError(errno.EINVAL, "Not a regular file")
            os.ftruncate(handle, 0)
            stream.write(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        # ENXIO is what a pipe gives that nobody reads.
        why = "Not a regular file" if error.errno == errno.ENXIO else error.strerror
        raise WorkspaceError(f"cannot write the tree's /{path}: {why}") from error
