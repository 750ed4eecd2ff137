# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm asked what becomes of a path that two packages bring, and the union asked the same.

Many cases fit into two packages, a path each: rpm tells every conflict of a transaction at once.
"""

import re
import shutil
import stat
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layering.base import Base, load_base
from layering.departures import Departure
from layering.errors import FileConflictError
from layering.importer import import_packages, layer_info
from layering.layerinfo import LayerInfo
from layering.repo import Repo
from layering.rpmdb import copy_base, write
from layering.union import Union
from layering.uniting import owned_paths, tree_colours, unite
from tests.layering.test_importer import verified
from tests.rpms import File, Spec, build_rpm
from tests.sysroots import DATABASE, make_tree, run

EPOCH = 1_700_000_000
_PROBLEM = re.compile(r"\tfile (\S+) (?:from install of|conflicts between) ")
# What a person in charge of the world's users would know.
IDS = {"root": (0, 0), "games": (5, 60)}

_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin",
    "SOURCE_DATE_EPOCH": str(EPOCH),
    "LANG": "C.UTF-8",
}

# `rpm` itself cannot install and erase in one transaction; librpm can.
_SWAP = """
import os, rpm
rpm.addMacro("_transaction_color", "3")
rpm.addMacro("_prefer_color", "2")
root, database, path, names = %r, %r, %r, %r
rpm.addMacro("_dbpath", database)
ts = rpm.TransactionSet(root)
ts.setVSFlags(-1)
ts.setVfyLevel(0)
ts.setFlags(rpm.RPMTRANS_FLAG_NOSCRIPTS | rpm.RPMTRANS_FLAG_NOPLUGINS)
ts.setProbFilter(rpm.RPMPROB_FILTER_IGNOREARCH)
fd = os.open(path, os.O_RDONLY)
ts.addInstall(ts.hdrFromFdno(fd), path, "u")
for name in names:
    ts.addErase(name)
def opened(what, amount, total, key, data):
    if what == rpm.RPMCALLBACK_INST_OPEN_FILE:
        os.lseek(fd, 0, os.SEEK_SET)
        return fd
problems = ts.run(opened, None)
assert not problems, problems
"""

Entry = tuple[int, int, str]  # st_mode (of links the type alone), uid, content or target
Listing = dict[str, Entry]


def elf(bits: int, text: bytes) -> bytes:
    """A file that rpmbuild takes for an ELF program of 32 or 64 bits."""
    ident = b"\x7fELF" + bytes([2 if bits == 64 else 1, 1, 1, 0]) + bytes(8)
    form, numbers = (
        ("<HHIQQQIHHHHHH", (3, 62, 64)) if bits == 64 else ("<HHIIIIIHHHHHH", (3, 3, 52))
    )
    kind, machine, size = numbers
    return ident + struct.pack(form, kind, machine, 1, 0, 0, 0, 0, size, 0, 0, 40, 0, 0) + text


VARIANTS: Mapping[str, File | None] = {
    "none": None,
    "one": File(content=b"one"),
    "two": File(content=b"two"),
    "longer": File(content=b"longer"),
    "one755": File(content=b"one", mode=0o755),
    "setuid": File(content=b"one", mode=0o4755),
    "games": File(content=b"one", user="games", group="games"),
    "link": File(link="one"),
    "link2": File(link="two"),
    "dir": File(directory=True, mode=0o755),
    "dir700": File(directory=True, mode=0o700),
    "dirgames": File(directory=True, mode=0o755, user="games"),
    "ghost": File(directives="%ghost"),
    "config": File(content=b"one", directives="%config"),
    "config2": File(content=b"two", directives="%config"),
    "noreplace": File(content=b"one", directives="%config(noreplace)"),
    "noreplace2": File(content=b"two", directives="%config(noreplace)"),
    "missingok": File(content=b"one", directives="%config(missingok)"),
    "configlink": File(link="one", directives="%config(noreplace)"),
    "configlink2": File(link="two", directives="%config(noreplace)"),
    "ghostconfig": File(directives="%ghost %config"),
    "elf32": File(content=elf(32, b"one"), mode=0o755),
    "elf32b": File(content=elf(32, b"two"), mode=0o755),
    "elf64": File(content=elf(64, b"one"), mode=0o755),
    "elf64b": File(content=elf(64, b"two"), mode=0o755),
    "caps": File(content=b"one", directives="%caps(cap_net_raw=ep)"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A base that rpm filled, and what can be done to it."""

    directory: Path
    root: Path
    repo: Repo
    base: Base

    def layers(self, *rpms: Path) -> list[LayerInfo]:
        """The packages as layers."""
        found = import_packages([verified(rpm) for rpm in rpms], self.repo, self.base.layout)
        return [layer_info(self.repo, layer) for layer in found]

    def rpm(self, *rpms: Path, force: bool = False, test: bool = False) -> set[str] | Path:
        """The paths that rpm sees conflicts in, or the root into which it has installed."""
        root = self._copy()
        options = ["--replacefiles"] * force + ["--test"] * test
        done = self._rpm(root, "-U", "--oldpackage", *options, *map(str, rpms))
        found = set(_PROBLEM.findall(done.stderr))
        assert bool(done.returncode) is bool(found), done.stderr
        return found if found else root

    def erased(self, *names: str) -> Path:
        """The root from which rpm has erased packages."""
        root = self._copy()
        done = self._rpm(root, "-e", *names)
        assert done.returncode == 0, done.stderr
        return root

    def replaced(self, rpm: Path, names: Sequence[str]) -> Path:
        """The root in which rpm has installed one package, and erased others at once."""
        if not names:
            found = self.rpm(rpm)
            assert isinstance(found, Path), found
            return found
        root = self._copy()
        script = _SWAP % (str(root), f"/{DATABASE}", str(rpm), list(names))
        subprocess.run([sys.executable, "-c", script], env=_ENVIRONMENT, check=True)
        return root

    def _copy(self) -> Path:
        root = self.directory / f"rpm-{len(list(self.directory.iterdir()))}"
        run("cp", "-a", str(self.root), str(root))
        return root

    def _rpm(self, root: Path, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
        command = ["rpm", verb, f"--root={root}", f"--dbpath=/{DATABASE}", "--nodeps"]
        command += ["--define=_transaction_color 3", "--define=_prefer_color 2"]
        command += ["--noplugins", "--noscripts"]
        command += ["--nosignature", "--ignorearch"] if verb == "-U" else []
        return subprocess.run(
            [*command, *words],
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            check=False,
        )

    def ours(
        self, layers: Sequence[LayerInfo], replacing: frozenset[str] = frozenset()
    ) -> set[str] | Union:
        """The paths that the union sees conflicts in, or the union."""
        try:
            return unite(self.repo, self.base, layers, replacing=replacing)
        except FileConflictError as error:
            return {re.search(r": (/\S+) of ", each)[1] for each in error.conflicts}  # type: ignore[index]

    def less(self, *departures: Departure, layers: Sequence[LayerInfo] = ()) -> Union:
        """The union of the layers and of what is left of the base."""
        return unite(self.repo, self.base, layers, departures=departures)

    def states_of_ours(self, layers: Sequence[LayerInfo], united: Union) -> list[str]:
        """What the rpmdb says of each file, as ours is written."""
        directory = self.directory / f"db-{len(list(self.directory.iterdir()))}"
        directory.mkdir()
        copy_base(self.repo, str(self.base.commit), directory)
        write(
            directory,
            [layer.header.prefix for layer in layers],
            source_date_epoch=EPOCH,
            remove=[str(departed.nevra) for departed in united.departed],
            links=self.base.links,
            colours=tree_colours(self.base, layers),
            wrong_colour=united.wrong_colour,
        )
        return states(directory)

    def listing_of_ours(self, layers: Sequence[LayerInfo], united: Union, below: str) -> Listing:
        """What the united tree has below a directory, given to its owners."""
        checkout = self.directory / f"ours-{len(list(self.directory.iterdir()))}"
        with self.repo.transaction():
            commit = self.repo.write_commit(tree=(united.root_tree, united.root_meta), timestamp=1)
        self.repo.checkout(commit, checkout)
        found = listing(checkout, below)
        for package in owned_paths(layers, united):
            for path in package.paths:
                at = path.path.decode()
                if at in found:
                    found[at] = (found[at][0], IDS[path.user][0], found[at][2])
        return found


def listing(root: Path, below: str) -> Listing:
    """Every path below a directory, with what can be seen of it."""
    found: Listing = {}
    for path in sorted((root / below.strip("/")).rglob("*")):
        status = path.lstat()
        kind = stat.S_IFMT(status.st_mode)
        content = ""
        if stat.S_ISLNK(kind):
            content = str(path.readlink())
        elif stat.S_ISREG(kind):
            content = path.read_bytes().decode("latin-1")
        mode = kind if stat.S_ISLNK(kind) else status.st_mode
        found[f"/{path.relative_to(root)}"] = (mode, status.st_uid, content)
    return found


def states(directory: Path) -> list[str]:
    """The state of every file of every package, as rpm names it."""
    copy = directory.with_name(f"{directory.name}.asked")
    shutil.copytree(directory, copy)
    form = "[%{=NAME} %{FILENAMES} %{FILESTATES:fstate}\n]"
    return sorted(run("rpm", "-qa", "--dbpath", str(copy), "--qf", form).splitlines())


def make_world(
    directory: Path, *rpms: Path, change: Callable[[Path], None] = lambda _root: None
) -> World:
    """A base with these packages, to which `change` is done before it is committed."""
    directory.mkdir(parents=True)
    root = directory / "root"
    make_tree(root, rpms=rpms)
    if not (root / "etc").exists():
        (root / "usr/etc").rename(root / "etc")
    change(root)
    tree = directory / "tree"
    run("cp", "-a", str(root), str(tree))
    (tree / "etc").rename(tree / "usr/etc")
    repo = Repo.create(directory / "repo")
    ref = "--branch=test/base"
    run("ostree", "commit", f"--repo={repo.path}", ref, f"--tree=dir={tree}", "--bootable")
    commit = run("ostree", "rev-parse", f"--repo={repo.path}", "test/base").strip()
    world = directory / "world"
    world.mkdir()
    base = load_base(repo, commit, directory / "cache")
    return World(directory=world, root=root, repo=repo, base=base)


def package(directory: Path, nevra: str, files: Mapping[str, File | None]) -> Path:
    """An RPM that brings what is not None."""
    kept = {path: file for path, file in files.items() if file is not None}
    return build_rpm(directory, nevra, Spec(files=kept))
