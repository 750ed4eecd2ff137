# SPDX-License-Identifier: LGPL-2.1-or-later
"""The model of a trigger that no package brings: a row of the catalog, or a drop-in file.

It runs when a path that came or went matches one of its patterns; each distinct set of captures (an
icon theme, a kernel's version) is one run, called a target. `{name}` in tools, command, reads and
writes stands for what the pattern captured under that name.
"""

from dataclasses import dataclass

BUILT_IN = "built-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTrigger:
    """One trigger. Paths are those of the tree as scripts see it: /usr/…, and /etc as /etc."""

    name: str
    origin: str = BUILT_IN  # or the drop-in's path: "/etc/overlay/triggers.d/x.toml"
    paths: tuple[str, ...]  # patterns (`triggers.pattern`); any of them is enough
    but: tuple[str, ...] = ()  # patterns of paths that do not count, its own outputs above all
    tools: tuple[str, ...]  # the first that is in the tree is used; a name, or an absolute path
    aliases: tuple[str, ...] = ()  # other programs by which packages do the same
    arguments: tuple[str, ...] = ()  # of the tool; with a body: $2 and up, the tool being $1
    body: str | None = None  # for /bin/sh
    environment: tuple[tuple[str, str], ...] = ()
    reads: tuple[str, ...] = ()  # what its result depends on: PATH, DIR/* or DIR/** (all below)
    writes: tuple[str, ...] = ()  # what it may change, likewise
    caches: tuple[str, ...] = ()  # files that are of no use where what feeds it goes with its tool
    before: tuple[str, ...] = ()  # names of declared triggers that run after this one
    after: tuple[str, ...] = ()  # names of those that run ahead of it
    on_removal: bool = True  # whether paths that went count
    first: bool = False  # ahead of the transaction's file triggers rather than after everything
    supersedes: bool = False  # packages' own triggers that only call the tool give way to this
    skipped: str = ""  # why it never runs while a tree is made; "" if it does
    fatal: bool = False  # whether its failure ends the operation
    reason: str  # why there is such a trigger, and why it is done this way
