# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small roots that scripts can run in, and small packages that say what happens to them.

A root is a copy of a few programs of the machine with the libraries they need, below /usr, and the
usual links at its top: enough for rpm's chroot and for our sandbox alike.
"""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import rpm

from tests.rpms import File, Spec, build_rpm
from triggers import (
    TRIGGER_TAGS,
    PackageScripts,
    Sandbox,
    TagValue,
    file_triggers_of,
    package_triggers_of,
    scriptlets_of,
)

LOG = "/usr/share/log"
DBPATH = "/var/lib/rpm"


def make_root(directory: Path, programs: Iterable[str] = ("sh", "cat")) -> Path:
    """Makes a root with `programs` at `directory` and returns it."""
    for name in ("bin", "sbin", "lib", "lib64", "etc", "share"):
        (directory / "usr" / name).mkdir(parents=True, exist_ok=True)
    for name in ("var", "tmp"):
        (directory / name).mkdir(exist_ok=True)
    for link in ("bin", "sbin", "lib", "lib64"):
        (directory / link).symlink_to(f"usr/{link}")
    add_programs(directory, programs)
    return directory


def add_programs(root: Path, programs: Iterable[str]) -> None:
    """Copies programs of this machine, with their libraries, into a root."""
    for program in programs:
        found = shutil.which(program)
        assert found, f"{program} is not on the path"
        _copy(Path(found), root)
        listed = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"/\S+", listed):
            _copy(Path(library), root)


def add_rpm(root: Path, programs: Sequence[str] = ("rpm", "rpmlua")) -> None:
    """Adds what a tree needs to run Lua and to expand macros."""
    add_programs(root, programs)
    shutil.copytree("/usr/lib/rpm", root / "usr/lib/rpm", ignore=shutil.ignore_patterns("*.py"))


def add_script(root: Path, path: str, body: str) -> None:
    """Writes an executable shell script into a root."""
    target = root / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    target.chmod(0o755)


def _copy(path: Path, root: Path) -> None:
    usr = path if path.is_relative_to("/usr") else Path("/usr") / path.relative_to("/")
    target = root / usr.relative_to("/")
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path.resolve(), target)


def sandbox_over(root: Path) -> Sandbox:
    """Returns the sandbox over a root, its scratch directories beside it."""
    beside = root.parent
    return Sandbox.over(
        root,
        var=beside / f"{root.name}-var",
        rpm_state=beside / f"{root.name}-state",
        source_date_epoch=1700000000,
    )


def transact(root: Path, *words: str | Path) -> str:
    """Runs rpm itself on a root, without its dependency check, and returns what it printed."""
    command = ["rpm", "--root", str(root), "--dbpath", DBPATH, "--nosignature", "--nodeps"]
    done = subprocess.run([*command, *map(str, words)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def take_log(root: Path) -> str:
    """Returns what scripts have noted in a root, and forgets it."""
    path = root / LOG.lstrip("/")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.unlink(missing_ok=True)
    return text


def note(slot: str, *, reads: bool = False) -> str:
    """Returns a shell script that appends its slot, its arguments and what it reads to the log."""
    lines = f'while read -r line; do echo "  $line" >> {LOG}; done\n' if reads else ""
    return f'echo "{slot} $# $*" >> {LOG}\n{lines}'


def scriptlet(slot: str, name: str) -> str:
    """Returns the spec section of a plain scriptlet or package trigger that notes itself."""
    return f"%{slot}\n{note(f'{name} {slot.split()[0]}')}"


def file_trigger(slot: str, name: str, options: str) -> str:
    """Returns the spec section of a file trigger that notes itself and what it reads."""
    return f"%{slot} {options}\n{note(f'{name} {slot}', reads=True)}"


def every_scriptlet(name: str) -> str:
    """Returns spec sections with the four plain scriptlets of an install."""
    return "".join(scriptlet(slot, name) for slot in ("pretrans", "pre", "post", "posttrans"))


def build(
    directory: Path,
    name: str,
    sections: str = "",
    files: Sequence[str] = (),
    *,
    version: str = "1",
    requires: Sequence[str] = (),
    tags: str = "",
) -> Path:
    """Builds NAME-VERSION-1.noarch of empty files, and directories where a path ends with "/"."""
    directory.mkdir(exist_ok=True)
    entries = {path.rstrip("/"): File(directory=path.endswith("/")) for path in files}
    spec = Spec(files=entries, sections=sections, requires=requires, tags=tags)
    return build_rpm(directory, f"{name}-{version}-1.noarch", spec)


def read_package(path: Path) -> PackageScripts:
    """Returns an RPM's scripts, its header read by librpm."""
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(-1)
    with path.open("rb") as file:
        header = transaction.hdrFromFdno(file.fileno())
    nevra = f"{header['name']}-{header['version']}-{header['release']}.{header['arch']}"
    tags: Mapping[int, TagValue] = {tag: header[tag] for tag in TRIGGER_TAGS if tag in header}
    return PackageScripts(
        package=nevra,
        files=tuple(header["filenames"]),
        scriptlets=scriptlets_of(nevra, tags),
        file_triggers=file_triggers_of(nevra, tags),
        package_triggers=package_triggers_of(nevra, tags),
    )


def compare_evr(a: str, b: str) -> int:
    """Compares VERSION or VERSION-RELEASE as rpm does."""
    left, right = (
        ("0", *each.partition("-")[::2]) if "-" in each else ("0", each, None) for each in (a, b)
    )
    return int(rpm.labelCompare(left, right))
