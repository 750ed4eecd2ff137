# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/fidelity.md: `python -m tests.integration.fidelity > docs/fidelity.md`.

Everything in it is declared data, which the tests of this directory hold to rpm's work.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from tests.integration.classes import CHAPTERS, Class
from tests.integration.conventions import (
    ALWAYS,
    ATTRIBUTES,
    CONTENT,
    MOVED,
    ONLY_OURS,
    ONLY_RPM,
    TARGETS,
)
from tests.integration.groups import GROUPS

SPECS = Path(__file__).parents[2] / "fixtures/specs"
PAGE = Path(__file__).parents[2] / "docs/fidelity.md"

_HEAD = """\
<!-- SPDX-License-Identifier: LGPL-2.1-or-later -->
<!-- Written by `python -m tests.integration.fidelity`: change the data there, not this page. -->
# What becomes of what a package brings

rpm is the measure: a layered tree is what `rpm -U` makes of the same packages on the same base,
path by path, with owners, modes, capabilities and content. The tests install every package below by
the base's own rpm, scriptlets and all, and as layers, dozens together; both trees are booted as far
as `tmpfiles.d` goes, and compared. Packages of classes without a difference are installed once more
without the others, and must then be equal in every path. This page says, class by class, where the
result is equal and where an image-based system has to differ, and why. Each name in the last column
is a package of the test distribution that shows it: its spec file is a dozen lines.
"""

_TAIL = """\
Of these, {always} are in every tree, and never matter to a running system.

Times are the one thing that no file of an image has. `rpm -V --nomtime` is content with a layered
tree, but for what lies elsewhere, or is not quite the package's, by the rows above; of all packages
on this page it has to say:

```
{verified}
```

## Genuine packages

Fedora's and RHEL's packages from Fedora 12 to 34 and from RHEL 6 to 9, and the test packages of
other RPM implementations, are compared in the same way (`tests/integration/test_material.py`), and
their files once more, a package alone, in `tests/layering/test_fidelity.py`.
"""


def page() -> str:
    """Returns the text of the page."""
    return "\n".join(_lines())


def specs() -> dict[str, Path]:
    """Returns the spec files of packages that can be asked for, by package name."""
    found: dict[str, Path] = {}
    for repository in ("extras", "broken"):
        for path in sorted((SPECS / repository).glob("*.spec")):
            text = path.read_text(encoding="utf-8").splitlines()
            name = next(line.split()[1] for line in text if line.startswith("Name:"))
            more = [line.split()[1] for line in text if line.startswith("%package ")]
            named = [name] if "%files" in text else []
            found |= dict.fromkeys([*named, *(f"{name}-{part}" for part in more)], path)
    return found


def _lines() -> Iterator[str]:
    yield _HEAD
    known = specs()
    for chapter, classes in CHAPTERS.items():
        yield f"## {chapter}\n"
        yield "| in a package | in the tree | shown by |"
        yield "|---|---|---|"
        for each in classes:
            yield f"| {each.what} | {_told(each)} | {_shown(each, known)} |"
        yield ""
    yield from _why()
    yield _TAIL.format(always=", ".join(sorted(ALWAYS)), verified="\n".join(_verified()))


def _told(each: Class) -> str:
    names = ", ".join(f"[{name}](#why)" for name in each.conventions)
    if not each.becomes:
        return "equal to rpm" + (f", but for {names}" if names else "")
    return f"**{each.becomes}**" + (f" ({names})" if names else "")


def _why() -> Iterator[str]:
    yield "## Why\n"
    yield "All differences that the comparison lets pass; whatever is not in this table fails it.\n"
    yield "| name | what differs | why |"
    yield "|---|---|---|"
    for moved in MOVED:
        yield f"| {moved.name} | `{moved.rpm}…` is `{moved.ours}…` | {moved.reason} |"
    for whose, rows in (("rpm's", ONLY_RPM), ("ours", ONLY_OURS)):
        for only in rows:
            yield f"| {only.name} | {whose} alone: {_code(only.pattern)} | {only.reason} |"
    for content in CONTENT:
        yield f"| {content.name} | content of {_code(content.pattern)} | {content.reason} |"
    for attribute in ATTRIBUTES:
        yield f"| {attribute.name} | ours alone: `{attribute.attribute}` | {attribute.reason} |"
    for target in TARGETS:
        yield f"| {target.name} | links in `{target.moved}` | {target.reason} |"
    yield ""


def _verified() -> list[str]:
    """Returns what `rpm -V` says of layered packages, and not of those that rpm installed."""
    lines = (line for group in GROUPS.values() for line in group.verify)
    return sorted(lines, key=lambda line: line.split()[-1])


def _code(pattern: str) -> str:
    return f"`{pattern}`".replace("|", "\\|")


_LONG = 40


def _shown(each: Class, known: dict[str, Path]) -> str:
    links = []
    for name in each.cases.split():
        place = known.get(name)
        short = name.removeprefix("case-")
        short = short if len(short) < _LONG else f"{short[:_LONG]}…"
        links.append(
            f"[{short}](../{place.relative_to(SPECS.parents[1])})" if place else f"`{name}`"
        )
    return ", ".join(links)


if __name__ == "__main__":
    sys.stdout.write(page())
