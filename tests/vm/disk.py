# SPDX-License-Identifier: LGPL-2.1-or-later
"""The disks of a machine: built once from what the world has, copied for each machine.

The first is an ext4 with an OSTree sysroot: one deployment, the tree of the recipe with overlay
layered on it by `overlay` itself. All that is the harness's own is in that deployment's `/etc`,
which OSTree carries from tree to tree as it does an administrator's changes. The second disk is
described in `tests.vm.media`.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fixtures import overlayrpm
from fixtures.forest import World
from tests.vm import media

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
_SOURCES = ("disk.py", "image.py", "install.py", "media.py", "guest")
_PREFIX = "vm-"
_KEPT_SECONDS = 2 * 3600  # since the last use; a disk takes about a gigabyte


class DiskError(Exception):
    """The disks could not be built; the message says what failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What a machine's disks are made of."""

    tree: str = "base/minimal"
    """The tree that is deployed; the guest follows it by the same name."""
    more_refs: tuple[str, ...] = ("base/next",)
    """Trees whose commits the guest's OSTree server has beside it, where the world has them."""

    def refs(self, world: World) -> tuple[str, ...]:
        """Returns the refs that the server has."""
        return (self.tree, *(ref for ref in self.more_refs if ref in world.trees))


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A system disk and the media disk that goes with it."""

    system: Path
    media: Path

    def copy(self, directory: Path) -> "Disk":
        """Returns a disk whose system is a copy in `directory`; the media are shared."""
        target = directory / "system.img"
        _run("cp", "--reflink=auto", "--sparse=always", str(self.system), str(target))
        return Disk(system=target, media=self.media)


def world_from(document: Path) -> World:
    """Returns the world that a document describes, as `./dev world` prints it."""
    answer = json.loads(document.read_text(encoding="utf-8"))
    return World(
        directory=Path(answer["world"]),
        repositories=answer["repositories"],
        ostree_repo=Path(answer["ostree_repo"]),
        trees=answer["trees"],
    )


def prepare(cache: Path, world: World, recipe: Recipe | None = None) -> Disk:
    """Returns the disks of a recipe, built if they are not in the cache yet.

    They are masters: a machine takes a copy.

    Raises:
        DiskError, media.MediaError, image.ImageError, fixtures.world.tools.ToolError
    """
    recipe = recipe or Recipe()
    if recipe.tree not in world.trees:
        raise DiskError(f"the world has no tree {recipe.tree}")
    cache.mkdir(parents=True, exist_ok=True)
    overlay = overlayrpm.repository(cache)
    refs = recipe.refs(world)
    content = [*(f"{ref} {world.trees[ref]}" for ref in refs), *_digests(world, overlay)]

    def build_media(target: Path) -> None:
        media.build(target, world, overlay, refs)

    def build_system(target: Path) -> None:
        # A process of its own: the mounts that it makes go with it.
        command = [sys.executable, "-m", "tests.vm.install", str(target), recipe.tree]
        commits = [f"{ref}={world.trees[ref]}" for ref in refs]
        _run(*command, str(world.ostree_repo), str(overlay), *commits, at=PROJECT)

    with _only_one(cache):
        disk = Disk(
            media=_made(cache, "media", content, build_media),
            system=_made(cache, "system", content, build_system),
        )
        _forget_unused(cache, (disk.media.parent, disk.system.parent))
    return disk


def _digests(world: World, overlay: Path) -> Iterator[str]:
    """Returns what else makes one disk differ from another."""
    directories = [world.repositories[name]["directory"] for name in media.REPOSITORIES]
    for directory in [*map(Path, directories), overlay]:
        yield hashlib.sha256((directory / "repodata/repomd.xml").read_bytes()).hexdigest()
    for source in _SOURCES:
        path = HERE / source
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                yield f"{file.relative_to(HERE)} {hashlib.sha256(file.read_bytes()).hexdigest()}"


def _made(cache: Path, name: str, content: Sequence[str], build: Callable[[Path], None]) -> Path:
    """Returns the file of that content, built aside and renamed when it is whole."""
    key = hashlib.sha256("\n".join((name, *content)).encode()).hexdigest()[:16]
    target = cache / f"{_PREFIX}{name}-{key}"
    if not target.exists():
        partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
        partial.mkdir()
        started = time.monotonic()
        try:
            build(partial / f"{name}.img")
            partial.rename(target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        sys.stderr.write(f"vm: {name} disk built in {time.monotonic() - started:.0f} s\n")
    (target / ".used").touch()
    return target / f"{name}.img"


def _forget_unused(cache: Path, used: Sequence[Path]) -> None:
    """Removes disks that nobody asked for in two hours, and what interrupted builds left."""
    for directory in cache.glob(f"{_PREFIX}*/"):
        mark = directory / ".used"
        old = mark.exists() and time.time() - mark.stat().st_mtime > _KEPT_SECONDS
        if directory not in used and (old or ".partial-" in directory.name):
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _only_one(cache: Path) -> Iterator[None]:
    with (cache / f".{_PREFIX}building").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _run(*command: str, at: Path | None = None) -> None:
    done = subprocess.run(command, stdout=sys.stderr, cwd=at, check=False)
    if done.returncode:
        raise DiskError(f"{' '.join(command[:4])} … ended with {done.returncode}")
