# SPDX-License-Identifier: LGPL-2.1-or-later
"""The many names of one path in a tree whose directories are partly symbolic links.

An RPM's header keeps the path that its packager wrote, `/bin/x` or `/usr/sbin/x`, whatever the tree
makes of it; whoever compares or looks up paths has to know them as one. `links` are the tree's
directories that are links, with what the link says: `{"/bin": "usr/bin", "/usr/sbin": "bin"}`.
"""

from collections.abc import Mapping

_LINKS_FOLLOWED = 40  # as in Linux


def canonical(path: str, links: Mapping[str, str]) -> str:
    """Returns an absolute path with every linked directory on the way, and at its end, resolved."""
    pending, done, followed = path.split("/")[::-1], "", 0
    while pending:
        name = pending.pop()
        if name == "..":
            done = done.rpartition("/")[0]
        if name in ("", ".", ".."):
            continue
        done = f"{done}/{name}"
        target = links.get(done)
        if target is not None and followed < _LINKS_FOLLOWED:
            followed += 1
            done = "" if target.startswith("/") else done.rpartition("/")[0]
            pending += target.split("/")[::-1]
    return done or "/"


def spellings(path: str, links: Mapping[str, str]) -> frozenset[str]:
    """Returns every way to write what an absolute path names, through linked directories."""
    directory, _slash, name = path.rpartition("/")
    resolved = f"{canonical(directory, links).rstrip('/')}/{name}"
    names = {resolved}
    for link in links:
        target = canonical(link, links)
        if resolved.startswith(f"{target.rstrip('/')}/"):
            names.add(link + resolved[len(target.rstrip("/")) :])
    return frozenset(names)


def live_path(path: str) -> str:
    """Returns what the running system calls a path of the tree."""
    return path.removeprefix("/usr") if f"{path}/".startswith("/usr/etc/") else path
