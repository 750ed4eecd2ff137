# SPDX-License-Identifier: LGPL-2.1-or-later
"""The shape of a large tree: paths, modes, sizes, which files are alike, where links lead.

It comes from a dump of a real one, in the text form that composefs reads (composefs-dump(5)), where
there is one; else a tree is made up that has the same proportions. A wanted number of files is got
by taking every n-th, or by repeating the whole beside itself, so that directories keep their
relative sizes.
"""

import gzip
import os
import random
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

# A dump outside the repository, if the checkout has one beside it.
_DUMPS = Path(__file__).resolve().parents[2] / "shared" / "material" / "tree-shapes"
_TOP = "/usr/"
_MADE_UP = 55_000  # files
# Of the directories of a developer's system: how many hold 1, 2-3, 4-7, … entries.
_DIRECTORY_SIZES = (3059, 2572, 756, 669, 263, 195, 74, 43, 12, 9, 1, 0, 1)
# And of its files, how many are below each.
_PLACES = {"share": 22252, "src": 18568, "lib": 11178, "lib64": 5228, "include": 2730, "etc": 2487}
_MADE_UP_LINKS = 0.08


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or a symbolic link of the shape; `target` is not None for a link."""

    path: str  # absolute
    mode: int  # permission bits
    size: int  # bytes in the original
    content: str  # equal for files of equal content
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A tree's shape, and where it comes from."""

    source: str
    entries: tuple[Entry, ...]
    directories: dict[str, int]  # path to permission bits


def load() -> Shape:
    """Returns a dump's shape (`OVERLAY_BENCH_SHAPE`, else the default one), or a made-up one."""
    given = os.environ.get("OVERLAY_BENCH_SHAPE")
    dumps = [Path(given)] if given else sorted(_DUMPS.glob("*.dump.gz"))
    return read(dumps[0]) if dumps else made_up()


def read(dump: Path) -> Shape:
    """Returns the shape of what a dump has below /usr; hard links and devices are left out."""
    entries, directories = [], {}
    with gzip.open(dump, "rt", encoding="ascii") as stream:
        for line in stream:
            path, size, mode, *_numbers, payload, _content, _digest = line.split(" ")[:11]
            path = _unescaped(path)
            if not path.startswith(_TOP) or mode.startswith("@"):
                continue
            bits = int(mode, 8)
            if stat.S_ISDIR(bits):
                directories[path] = stat.S_IMODE(bits)
            elif stat.S_ISLNK(bits):
                entries.append(_link(path, _unescaped(payload)))
            elif stat.S_ISREG(bits):
                entries.append(
                    Entry(path=path, mode=stat.S_IMODE(bits), size=int(size), content=payload)
                )
    return Shape(source=dump.name, entries=tuple(entries), directories=directories)


def made_up(files: int = _MADE_UP) -> Shape:
    """Returns a tree with the proportions of a developer's system, always the same one."""
    chance = random.Random(1)
    directories: dict[str, int] = {}
    entries: list[Entry] = []
    places, weights = list(_PLACES), list(_PLACES.values())
    sizes = range(len(_DIRECTORY_SIZES))
    known = {place: [f"{_TOP}{place}"] for place in places}
    while len(entries) < files:
        place = chance.choices(places, weights)[0]
        directory = f"{chance.choice(known[place])}/d{len(directories)}"
        known[place].append(directory)
        directories[directory] = 0o755
        power = chance.choices(sizes, _DIRECTORY_SIZES)[0]
        for number in range(chance.randrange(1 << power, 2 << power)):
            entries.append(_made_up_entry(chance, f"{directory}/f{number}", len(entries)))
    return Shape(source="made up", entries=tuple(entries[:files]), directories=directories)


def scaled(shape: Shape, files: int) -> Iterator[Entry]:
    """Yields exactly that many entries: a share of the shape, or it and copies beside it."""
    copies, rest = divmod(files, len(shape.entries))
    for copy in range(copies):
        yield from (_copied(entry, copy) for entry in shape.entries)
    yield from (_copied(entry, copies) for entry in _every_nth(shape.entries, rest))


def original(path: str) -> str:
    """Returns the path in the shape that a directory of a copy stands for."""
    return re.sub(r"^/usr/share/copy-\d+/", _TOP, path)


def _copied(entry: Entry, copy: int) -> Entry:
    if not copy:
        return entry
    path = f"{_TOP}share/copy-{copy}/{entry.path.removeprefix(_TOP)}"
    return replace(entry, path=path, content=f"{entry.content} {copy}")


def _every_nth(entries: Sequence[Entry], wanted: int) -> Iterator[Entry]:
    return (entries[at * len(entries) // wanted] for at in range(wanted))


def _made_up_entry(chance: random.Random, path: str, number: int) -> Entry:
    if chance.random() < _MADE_UP_LINKS:
        return _link(path, f"f{chance.randrange(9)}")
    mode = chance.choices((0o644, 0o755), (20, 1))[0]
    size = int(chance.lognormvariate(7.6, 2.0))
    return Entry(path=path, mode=mode, size=size, content=str(number))


def _link(path: str, target: str) -> Entry:
    return Entry(path=path, mode=0o777, size=len(target), content="", target=target)


def _unescaped(text: str) -> str:
    """Returns a field of a dump as it was: most bytes that are not printable stand there in hex."""
    raw = text.encode("ascii").decode("unicode_escape")
    return raw.encode("latin-1").decode("utf-8", "replace")
