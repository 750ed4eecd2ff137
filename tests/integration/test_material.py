# SPDX-License-Identifier: LGPL-2.1-or-later
"""Genuine packages of Fedora and RHEL, and of other tools' test data: ours against rpm's work.

What they depend on is not there, so that a package made for it promises all of that. Versions of
one package cannot go together: each tree takes another. Where there is no such material, the tests
are skipped.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import rpm

from tests.integration.hosts import Host
from tests.integration.sidebyside import side_by_side
from tests.layering.rpmbytes import MATERIAL, needs_material
from tests.rpms import Spec, build_rpm

pytestmark = [
    pytest.mark.world,
    pytest.mark.root,
    pytest.mark.bwrap,
    needs_material,
]

# What no tree of the world can have, and why. Their files alone are compared with rpm's work in
# tests/layering/test_fidelity.py.
APART = {
    "glibc-2.32-3.fc33.aarch64": "is for another processor",
    "elfutils-libs": "is a package of the base",
    "rpm-file-attrs": "has a line in sysusers.d that systemd refuses, for rpm too",
    "simple": "has a directory of its own at the top of the system",
}
FOLDERS = ("distro-rpms", "rpm-formats", "rpm-payloads")
ROUNDS = 13
OPERATORS = {"and", "or", "if", "else", "with"}
# Packages of fifteen years ago have digests that rpm takes for none.
OPTIONS = ("--nodeps", "--ignorearch", "--nodigest", "--define", "_pkgverify_level none")


def headers() -> dict[Path, rpm.hdr]:
    """Returns the headers of the packages that are to be installed."""
    transaction = rpm.TransactionSet()
    transaction.setVSFlags(rpm.RPMVSF_MASK_NOSIGNATURES | rpm.RPMVSF_MASK_NODIGESTS)
    found = {}
    for folder in FOLDERS:
        for path in sorted((MATERIAL / folder).rglob("*.rpm")):
            with path.open("rb") as stream:
                header = transaction.hdrFromFdno(stream)
            if not {path.stem, header["name"]} & APART.keys():
                found[path] = header
    return found


def rounds() -> list[dict[Path, rpm.hdr]]:
    """Returns the packages in trees that each have one version of what they were built from."""
    trees: list[dict[Path, rpm.hdr]] = []
    for path, header in headers().items():
        for tree in trees:
            if all(_go_together(header, other) for other in tree.values()):
                tree[path] = header
                break
        else:
            trees.append({path: header})
    return trees


def _go_together(one: rpm.hdr, other: rpm.hdr) -> bool:
    sources = {header["sourcerpm"] for header in (one, other)}
    names = {source.rsplit("-", 2)[0] for source in sources if source}
    return one["name"] != other["name"] and len(sources) == len(names)


def promises(packages: Iterable[rpm.hdr]) -> Iterator[str]:
    """Returns what packages require, as somebody else would provide it."""
    for header in packages:
        for dependency in rpm.ds(header, "requirename"):
            name, flags, version = dependency.N(), dependency.Flags(), dependency.EVR()
            if name.startswith("("):
                wanted = re.sub(r" (without|unless) [^()]*", "", name)  # what must not be there
                yield from set(re.findall(r"[A-Za-z][\w.+-]*", wanted)) - OPERATORS
            elif not flags & rpm.RPMSENSE_RPMLIB:
                less = flags & rpm.RPMSENSE_LESS and not flags & rpm.RPMSENSE_EQUAL
                yield f"{name} = {'0' if less else version}" if version else name


def test_nothing_is_left_out_but_what_is_named_with_its_reason() -> None:
    assert len(rounds()) == ROUNDS  # more would be left out, fewer would be skipped
    found = {
        name
        for folder in FOLDERS
        for path in (MATERIAL / folder).rglob("*.rpm")
        for name in APART
        if path.name.startswith(f"{name}-") or path.stem == name
    }
    assert found == APART.keys()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_genuine_packages_are_what_rpm_installs(number: int, host: Host, scratch: Path) -> None:
    packages = rounds()[number]
    required = sorted(set(promises(packages.values())))
    provider = build_rpm(scratch, "promises-1-1.noarch", Spec(provides=required))
    files = [provider, *packages]
    host.change("install", *map(str, files))
    with side_by_side(host, scratch) as pair:
        directory = scratch / "packages"
        directory.mkdir()
        for at, path in enumerate(files):
            (directory / f"{at}.rpm").write_bytes(path.read_bytes())
        names = [f"{at}.rpm" for at in range(len(files))]
        pair.install(directory, names, *OPTIONS)
        pair.compare()
