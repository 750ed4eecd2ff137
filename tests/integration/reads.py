# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a trigger may look at beside what it declares, and which of its reads is neither.

A declared trigger says which part of the tree its result is a function of. Whatever else it is
observed to look at, and is there, must be its tool, its own earlier output (from which nothing
follows: tools that work from scratch give the same), or something that any program looks at.
"""

import re
from collections.abc import Iterable, Iterator

from layering.reads import How, Read
from triggers import pattern
from triggers.catalog import CATALOG
from triggers.target import Target

# The base's links at the top.
_TOPS = re.compile(r"^/(bin|sbin|lib|lib64)(?=/|$)")

# Patterns of paths, and what programs want there.
GENERAL = {
    "/usr/bin/*": "the programs that it runs",
    "/usr/sbin/*": "the same",
    "/usr/lib/x86_64-linux-gnu/glib-2.0/*": "the same, where links in /usr/bin lead",
    "/usr/lib64/*": "the linker that starts them",
    "/etc/ld.so.cache": "where that finds their libraries",
    "/usr/lib/x86_64-linux-gnu/*.so*": "their libraries",
    "/usr/lib/x86_64-linux-gnu/systemd/*.so": "systemd's own",
    "/usr/lib/x86_64-linux-gnu/gio/modules/*": "what any program that uses GIO may load",
    "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache": "the letters of their messages",
    "/usr/lib/locale/**": "the language of their messages",
    "/usr/lib/ssl/openssl.cnf": "openssl's settings, by which no certificate is named",
    "/etc/ssl/openssl.cnf": "the same",
    "/usr/local": "a link to what is the host's",
    "/root": "a link to its home, which is the host's",
}


def unexplained(label: str, reads: Iterable[Read]) -> Iterator[str]:
    """Yields the paths that a trigger looked at, are there, and are nothing that it may look at."""
    name, *captures = label.split()
    row = next(each for each in CATALOG if each.name == name)
    own = Target(trigger=row, captures=tuple(captures)).filled(
        (*row.reads, *row.writes, *(tool for tool in row.tools if tool.startswith("/")))
    )
    allowed = [*own, *GENERAL]
    patterns = [pattern.compiled(each) for each in allowed]
    for read in reads:
        path = _TOPS.sub(r"/usr/\1", read.path)
        on_the_way = any(each.startswith(f"{path}/") for each in allowed)
        fits = on_the_way or any(each.match(path) is not None for each in patterns)
        # What the linker's cache says of libraries is named by these, not by a path.
        absent = read.token.startswith("- ")
        if not absent and read.how is not How.LINKED and not fits:
            yield path
