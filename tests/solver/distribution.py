# SPDX-License-Identifier: LGPL-2.1-or-later
"""A random distribution, small or as large as Fedora, with a base that is partly behind it.

Kinds of packages, how many dependencies they have and of which sorts follow Fedora's own. A package
needs only packages that come before it, those of the base above all. So the base is whole, and
every other package could be installed but for what is put in on purpose: conflicts, what obsoletes
base packages, needs that nothing meets, and needs of a base package's newer build. The same size
and seed give the same distribution, byte for byte.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.solver.described import Described

_KINDS = {"lib": 18, "devel": 12, "app": 30, "python": 12, "perl": 10, "doc": 12, "lang": 6}
_SYLLABLES = (
    "an bar cor dex el fin gar hol ist jun kol lim mar nor ost pan quil rad sol tam".split()
)
_NEWER = 0.3  # of the base's packages
_OF_BASE = 0.85  # of the needs
_VIRTUAL = ("mail-server", "web-server-engine", "font-of-last-resort", "desktop-menu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """What is installed, and what there is to install."""

    base: tuple[Described, ...]
    offered: tuple[Described, ...]
    groups: Mapping[str, tuple[str, ...]]


def distribution(
    size: int,
    *,
    base: int,
    seed: int,
    known: Sequence[str] = ("httpd", "podman"),
    faults: bool = True,
) -> Distribution:
    """Returns a distribution of about `size` packages; some bear the `known` names.

    Without `faults` everything can be installed, though not all of it together with the base.
    """
    chance = random.Random(seed)
    made: list[Described] = []
    places = {size * (number + 1) // (len(known) + 1): name for number, name in enumerate(known)}
    first: list[Described] = []
    for number in range(size):
        package = _bare(chance, number, first, made)
        if made and number >= base:
            package = _peculiar(chance, package, made, faults=faults)
        if number in places:
            package = replace(package, name=places[number])
        made.append(package)
        if number < base:
            first.append(package)
    newer = [replace(each, release="2") for each in made[:base] if chance.random() < _NEWER]
    later = made[base:]
    moving = tuple(_moving(chance, newer, len(later) // 40))
    members = {name: _members(chance, later) for name in ("development", "office", "games")}
    return Distribution(base=tuple(made[:base]), offered=(*made, *newer, *moving), groups=members)


def _members(chance: random.Random, packages: Sequence[Described]) -> tuple[str, ...]:
    sound = [package.name for package in packages if not _is_broken(package)]
    return tuple(sorted({chance.choice(sound) for _ in range(20)}))


def _is_broken(package: Described) -> bool:
    return bool(package.conflicts or package.obsoletes or "nowhere" in package.requires)


def _bare(
    chance: random.Random, number: int, base: Sequence[Described], before: Sequence[Described]
) -> Described:
    kind = chance.choices(list(_KINDS), weights=list(_KINDS.values()))[0]
    stem = "".join(chance.choices(_SYLLABLES, k=2)) + str(number)
    package = _BARE[kind](stem, _version(chance))
    needs = min(len(before), int(chance.expovariate(0.18)))
    # Most needs are of the base: so few packages bring more than some dozens of others.
    among = (base if chance.random() < _OF_BASE else before for _ in range(needs))
    requires = {_need(chance, _earlier(chance, some)) for some in among}
    if kind == "app" and before:
        requires.add("/bin/sh" if chance.random() < 0.3 else _need(chance, before[0]))
    package = replace(package, requires=tuple(sorted({*package.requires, *requires})))
    if number == 0:
        provides = (*package.provides, "/bin/sh")
        return replace(package, provides=provides, requires=())
    return package


def _peculiar(
    chance: random.Random, package: Described, before: Sequence[Described], *, faults: bool
) -> Described:
    """Returns a package with what few packages have."""
    other, another = _earlier(chance, before).name, _earlier(chance, before).name
    odds = chance.random()
    if odds < 0.04 and not faults:
        return package
    if odds < 0.02:
        return replace(package, requires=(*package.requires, "nowhere"))
    if odds < 0.03:
        return replace(package, conflicts=(other,))
    if odds < 0.04:
        return replace(package, obsoletes=(f"{other} < 9",))
    if odds < 0.06:
        return replace(package, requires=(*package.requires, f"({other} or {another})"))
    if odds < 0.08:
        return replace(package, requires=(*package.requires, f"({another} if {other})"))
    if odds < 0.11:
        return replace(package, provides=(*package.provides, chance.choice(_VIRTUAL)))
    if odds < 0.13:
        return replace(package, requires=(*package.requires, chance.choice(_VIRTUAL)))
    if odds < 0.20:
        return replace(package, recommends=(other, another))
    if odds < 0.23:
        return replace(package, supplements=(f"({other} and {another})",))
    return package


def _moving(chance: random.Random, newer: Sequence[Described], count: int) -> Iterator[Described]:
    """Yields packages that need a newer build of a base package than the base has."""
    for number in range(count if newer else 0):
        needed = chance.choice(newer)
        requires = (f"{needed.name} {chance.choice(['=', '>='])} {needed.evr}",)
        yield replace(_app(f"moving{number}", _version(chance)), requires=requires)


def _earlier(chance: random.Random, before: Sequence[Described]) -> Described:
    return before[int(len(before) * chance.random() ** 2)]


def _need(chance: random.Random, package: Described) -> str:
    """Returns a dependency on a package, in one of its words."""
    ways = [package.name]
    ways += [text.partition(" = ")[0] for text in package.provides if text not in _VIRTUAL]
    ways += [path for path in package.files if "/bin/" in path]
    way = chance.choice(ways)
    return f"{way} >= {package.version}" if way == package.name and chance.random() < 0.3 else way


def _version(chance: random.Random) -> str:
    return f"{chance.randint(0, 40)}.{chance.randint(0, 20)}.{chance.randint(0, 9)}"


def _lib(stem: str, version: str) -> Described:
    soname = f"lib{stem}.so.{version.split('.')[0]}"
    words = (f"{soname}()(64bit)", f"{soname}({stem.upper()}_1.0)(64bit)")
    name = f"{stem}-libs"
    provides = (f"{name}(x86-64) = {version}-1", *words)
    files = (f"/usr/lib64/{soname}", f"/usr/lib64/lib{stem}.so.{version}")
    return _made(name, version, provides=provides, files=files)


def _devel(stem: str, version: str) -> Described:
    provides = (f"pkgconfig({stem}) = {version}", f"{stem}-devel(x86-64) = {version}-1")
    files = (f"/usr/include/{stem}.h", f"/usr/lib64/pkgconfig/{stem}.pc")
    return _made(f"{stem}-devel", version, provides=provides, files=files)


def _app(stem: str, version: str) -> Described:
    files = (f"/usr/bin/{stem}", f"/etc/{stem}.conf", f"/usr/share/applications/{stem}.desktop")
    provides = (f"application({stem}.desktop)", f"{stem}(x86-64) = {version}-1")
    return _made(stem, version, provides=provides, files=files)


def _python(stem: str, version: str) -> Described:
    provides = tuple(f"python{each}dist({stem}) = {version}" for each in ("3", "3.14"))
    files = (f"/usr/lib/python3.14/site-packages/{stem}/__init__.py",)
    name = f"python3-{stem}"
    return _made(name, version, arch="noarch", provides=provides, files=files)


def _perl(stem: str, version: str) -> Described:
    modules = (f"{stem.capitalize()}::{part}" for part in ("Base", "Parser", "Writer", "Util"))
    provides = tuple(f"perl({module}) = {version}" for module in modules)
    files = (f"/usr/share/perl5/vendor_perl/{stem.capitalize()}/Base.pm",)
    return _made(f"perl-{stem}", version, arch="noarch", provides=provides, files=files)


def _doc(stem: str, version: str) -> Described:
    return _made(f"{stem}-doc", version, arch="noarch", files=(f"/usr/share/info/{stem}.info",))


def _lang(stem: str, version: str) -> Described:
    files = (f"/usr/share/locale/de/LC_MESSAGES/{stem}.mo",)
    return _made(f"{stem}-langpack-de", version, arch="noarch", files=files)


def _made(
    name: str,
    version: str,
    *,
    arch: str = "x86_64",
    provides: tuple[str, ...] = (),
    files: tuple[str, ...] = (),
) -> Described:
    return Described(
        name=name, version=version, release="1", arch=arch, provides=provides, files=files
    )


_BARE = {
    "lib": _lib,
    "devel": _devel,
    "app": _app,
    "python": _python,
    "perl": _perl,
    "doc": _doc,
    "lang": _lang,
}
