# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers against rpm: what is checked out is what `rpm --install` puts into an empty root.

But for the conventions of image-based trees, which `conventional` writes down a second time.
"""

import hashlib
import os
import shlex
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import rpm

from layering.errors import UnsupportedPathError
from layering.header import read_header
from layering.importer import import_packages, layer_info
from layering.owners import UserDatabase
from layering.paths import BaseLayout
from layering.repo import Repo
from tests.layering.rpmbytes import MATERIAL, needs_material
from tests.layering.test_importer import fsck, verified
from tests.rpms import File, Spec, build_rpm

pytestmark = pytest.mark.root

LINKS = {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
LAYOUT = BaseLayout.of({**LINKS, "opt": "var/opt"}, {})
PASSWD = "root:x:0:0::/:/bin/sh\ngames:x:12:100::/:\njane:x:1001:1001::/:\nbob:x:1002:1002::/:\n"
GROUP = "root:x:0:\nmail:x:8:\nutmp:x:22:\ngames:x:100:\njane:x:1001:\nbob:x:1002:\n"

CORNERS = Spec(
    files={
        "/usr/bin/plain": File(content=b"#!/bin/sh\n", mode=0o755),
        "/usr/bin/setuid": File(content=b"s", mode=0o4755),
        "/usr/bin/setgid": File(content=b"g", mode=0o2755, group="mail"),
        "/usr/bin/secret": File(content=b"x", mode=0o400, user="games", group="games"),
        "/usr/bin/capable": File(
            content=b"c", mode=0o755, directives="%caps(cap_net_raw,cap_net_admin=ep)"
        ),
        "/usr/bin/both": File(
            content=b"d", mode=0o750, group="mail", directives="%caps(cap_chown,cap_kill=p)"
        ),
        "/bin/unmerged": File(content=b"u", mode=0o755),
        "/lib64/libx.so.1.0": File(content=b"elf", mode=0o755),
        "/lib64/libx.so.1": File(link="libx.so.1.0"),
        "/usr/share/one": File(content=b"linked"),
        "/usr/share/two": File(hard_link="/usr/share/one"),
        "/usr/lib/three": File(hard_link="/usr/share/one"),
        "/usr/share/nought": File(),
        "/usr/share/large": File(content=b"0123456789" * 400_000),
        "/usr/share/two words": File(content=b"w"),
        "/usr/share/ümlaut": File(content=b"u"),
        "/usr/share/absolute": File(link="/usr/bin/plain"),
        "/usr/share/dangling": File(link="../nowhere"),
        "/usr/share/empty": File(directory=True, mode=0o700),
        "/usr/share/sticky": File(directory=True, mode=0o1777),
        "/usr/share/group": File(directory=True, mode=0o2775, group="mail"),
        "/etc/corner.conf": File(content=b"c", directives="%config(noreplace)"),
        "/etc/corner.d/x": File(content=b"x", mode=0o600),
        "/opt/corner/bin/x": File(content=b"o", mode=0o755, user="games"),
        "/boot/corner": File(content=b"b"),
        "/var/lib/corner": File(directory=True, mode=0o2770, user="games", group="mail"),
        "/var/lib/corner/a b": File(content=b"state", mode=0o640, group="mail"),
        "/var/spool/corner": File(link="../lib/corner"),
        "/var/log/corner.log": File(directives="%ghost"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What one path is."""

    kind: int
    mode: int  # 0 for links, whose mode means nothing
    owner: tuple[int, int]
    what: str  # a link's target, or a digest
    capabilities: bytes
    links: frozenset[str]  # all names of the file


def nodes(root: Path) -> dict[str, Node]:
    """Everything below a directory, by path."""
    found = list(root.rglob("*"))
    names: dict[int, set[str]] = {}
    for path in found:
        names.setdefault(path.lstat().st_ino, set()).add(f"/{path.relative_to(root)}")
    return {f"/{path.relative_to(root)}": node(path, names) for path in found}


def node(path: Path, names: Mapping[int, set[str]]) -> Node:
    status = path.lstat()
    kind = stat.S_IFMT(status.st_mode)
    what = str(path.readlink()) if kind == stat.S_IFLNK else ""
    if kind == stat.S_IFREG:
        what = hashlib.sha256(path.read_bytes()).hexdigest()
    xattrs = os.listxattr(path, follow_symlinks=False)
    return Node(
        kind=kind,
        mode=0 if kind == stat.S_IFLNK else stat.S_IMODE(status.st_mode),
        owner=(status.st_uid, status.st_gid),
        what=what,
        capabilities=os.getxattr(path, "security.capability")
        if "security.capability" in xattrs
        else b"",
        links=frozenset(names[status.st_ino]) if kind == stat.S_IFREG else frozenset(),
    )


def conventional(path: str) -> str:
    """Where a path of a root that rpm filled lies in a tree."""
    for there, here in (
        ("/etc", "/usr/etc"),
        ("/opt", "/usr/lib/opt"),
        ("/boot", "/usr/lib/ostree-boot"),
    ):
        if path == there or path.startswith(f"{there}/"):
            return here + path.removeprefix(there)
    return path


def installed_by_rpm(root: Path, package: Path) -> dict[str, Node]:
    """Installs a package into a root with merged directories; returns all but the database."""
    for name in ("usr/bin", "usr/lib", "usr/lib64", "usr/sbin", "etc", "var"):
        (root / name).mkdir(parents=True)
    for name, target in LINKS.items():
        (root / name).symlink_to(target)
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    command = ["rpm", "--install", f"--root={root}", "--define=_dbpath /var/rpmdb"]
    command += [
        "--noscripts",
        "--nosysusers",
        "--notriggers",
        "--nodeps",
        "--ignorearch",
        "--ignoreos",
    ]
    command += ["--nosignature", "--nodigest", "--noplugins", str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours = {"/etc/passwd", "/etc/group", *(f"/{name}" for name in LINKS)}
    return {
        path: node
        for path, node in nodes(root).items()
        if path not in ours and not path.startswith("/var/rpmdb")
    }


def imported(repo: Repo, package: Path, checkout: Path) -> dict[str, Node]:
    """Imports a package, checks its layer out, and gives the files their owners as a merge does."""
    (layer,) = import_packages([verified(package)], repo, LAYOUT)
    repo.checkout(layer.commit, checkout)
    found = nodes(checkout)
    assert {node.owner for node in found.values()} <= {(0, 0)}
    database = UserDatabase.parse([PASSWD], [GROUP])
    owners = {
        os.fsdecode(path.path): (path.uid, path.gid)
        for path in database.resolve(layer_info(repo, layer).owners, "")
    }
    assert owners.keys() <= found.keys()
    return {
        path: Node(
            kind=node.kind,
            mode=node.mode,
            owner=owners.get(path, node.owner),
            what=node.what,
            capabilities=node.capabilities,
            links=node.links,
        )
        for path, node in found.items()
    }


def in_tree(theirs: Mapping[str, Node]) -> dict[str, Node]:
    """What of rpm's root a tree holds, at the tree's places."""
    kept = {path: node for path, node in theirs.items() if path.split("/")[1] not in ("var", "run")}
    return {
        conventional(path): Node(
            kind=node.kind,
            mode=node.mode,
            owner=node.owner,
            what=node.what,
            capabilities=node.capabilities,
            links=frozenset(map(conventional, node.links)),
        )
        for path, node in kept.items()
    }


def lines_for(package: Path, theirs: Mapping[str, Node]) -> set[tuple[str, ...]]:
    """The lines of tmpfiles.d that the package needs, from what rpm made of it."""
    with package.open("rb") as stream:
        transaction = rpm.TransactionSet()
        transaction.setVSFlags(rpm._RPMVSF_NODIGESTS | rpm._RPMVSF_NOSIGNATURES)
        header = transaction.hdrFromFdno(stream)
    users = {int(line.split(":")[2]): line.split(":")[0] for line in PASSWD.splitlines()}
    groups = {int(line.split(":")[2]): line.split(":")[0] for line in GROUP.splitlines()}
    lines: set[tuple[str, ...]] = set()
    for file in rpm.files(header):
        if file.name.startswith("/opt/"):
            name = file.name.split("/")[2]
            lines.add(("L", f"/var/opt/{name}", "-", "-", "-", "-", f"../../usr/lib/opt/{name}"))
        if file.name.startswith("/var/") and not file.fflags & rpm.RPMFILE_GHOST:
            node = theirs[file.name]
            who = (users[node.owner[0]], groups[node.owner[1]])
            mode = f"{node.mode:04o}"
            match node.kind:
                case stat.S_IFDIR:
                    lines.add(("d", file.name, mode, *who, "-", "-"))
                case stat.S_IFLNK:
                    lines.add(("L", file.name, "-", "-", "-", "-", node.what))
                case _:
                    lines.add(("C", file.name, mode, *who, "-", "-"))
    return lines


def assert_as_rpm_does_it(repo: Repo, package: Path, scratch: Path) -> None:
    theirs = installed_by_rpm(scratch / "theirs", package)
    ours = imported(repo, package, scratch / "ours")
    name = read_header(package).nevra.name
    configuration = f"/usr/lib/tmpfiles.d/overlay-{name}.conf"
    found: set[tuple[str, ...]] = set()
    if configuration in ours:
        text = (scratch / f"ours{configuration}").read_text()
        found = {tuple(shlex.split(line)) for line in text.splitlines() if line[0] != "#"}
        del ours[configuration]
    assert found == lines_for(package, theirs)
    factory = {path for path in ours if path.startswith("/usr/share/factory/")}
    for path in [path for path in factory if ours[path].kind == stat.S_IFREG]:
        assert ours[path].what == theirs[path.removeprefix("/usr/share/factory")].what
    # Directories that only the conventions bring: above the line files and the factory's.
    implied = {"/usr", "/usr/lib", "/usr/etc", "/usr/share", "/usr/share/factory"}
    implied |= {"/usr/lib/tmpfiles.d", "/usr/bin", "/usr/lib64", "/usr/sbin"}
    expected = in_tree(theirs)
    for path in (expected.keys() | ours.keys()) - factory:
        if path in implied and (path not in expected or path not in ours):
            continue
        assert ours.get(path) == expected.get(path), path


@pytest.mark.parametrize("rpm_format", [4, 6])
def test_corner_cases_are_imported_as_rpm_installs_them(scratch: Path, rpm_format: int) -> None:
    repo = Repo.create(scratch / "repo")
    spec = Spec(files=CORNERS.files, rpm_format=rpm_format)
    package = build_rpm(scratch, "corners-1-1.noarch", spec)
    assert_as_rpm_does_it(repo, package, scratch)
    fsck(repo)


@needs_material
def test_real_packages_are_imported_as_rpm_installs_them(scratch: Path) -> None:
    repo = Repo.create(scratch / "repo")
    packages = sorted(path for path in MATERIAL.rglob("*.rpm") if "rpmdb" not in path.parts)
    refused = []
    for at, package in enumerate(packages):
        try:
            assert_as_rpm_does_it(repo, package, scratch / str(at))
        except UnsupportedPathError as error:
            refused.append(str(error))
    fsck(repo)
    assert len(packages) > 80
    assert refused == ["no place in an image-based tree: /config of simple-1.0.1-1.i386"]
