# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the path of a package lands in an image-based tree.

A deployed tree is /usr and a few links beside it; /etc begins as /usr/etc, and /var, /run and /opt
are the host's own. So a package's path may move, or become a tmpfiles.d line. It is spelled through
the base's links first: a header that says /bin/sh means /usr/bin/sh where the base has merged them.
(https://ostreedev.github.io/ostree/adapting-existing/.)

A symbolic link lies where its parent does; a directory is also what a link of its name leads to.

Whether a host allows packages a top-level directory decides only what is refused: what has a place
without that leave has the same one with it. So it is no part of a layout's key.
"""

import hashlib
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

FACTORY = b"/usr/share/factory"
OPT = b"/usr/lib/opt"

# Links that the layout of a tree may have at these places, and that a package's paths run through.
# /opt is not among them: what is in it moves into /usr instead of to where the link leads.
_TOP_LINKS = frozenset(
    {"bin", "home", "lib", "lib32", "lib64", "libx32", "media", "mnt", "root", "sbin", "srv"}
)
_USR_LINKS = frozenset({"bin", "lib32", "lib64", "libx32", "local", "sbin", "tmp"})
# Links that every system has in its /var, which is no part of the tree.
_VAR_LINKS = {b"/var/run": b"/run", b"/var/lock": b"/run/lock"}
_LINKS_DEEP = 8

_RARE = frozenset({b"lib32", b"libx32"})
_BINARIES = frozenset({b"bin", b"lib", b"lib32", b"lib64", b"libx32", b"sbin"})
# Directories of the root itself: a package may list them, and nothing in them.
_MOUNT_POINTS = frozenset(
    {b"dev", b"home", b"media", b"mnt", b"proc", b"root", b"srv", b"sys", b"tmp"}
)
_MOVED = frozenset({b"boot", b"etc", b"opt", b"run", b"var"})


class Zone(StrEnum):
    """What becomes of a path."""

    TREE = "tree"  # it is in the tree
    OPT = "opt"  # it is in the tree, and /opt has a link to it
    STATE = "state"  # the host makes it from a tmpfiles.d line
    REFUSED = "refused"  # it has no place


@dataclass(frozen=True, slots=True, kw_only=True)
class TreePath:
    """Where a path lands."""

    zone: Zone
    tree: bytes  # in the tree; in Zone.STATE, where a regular file's content waits
    live: bytes  # on the running system, in its canonical spelling
    leave: bytes = b""  # the top-level directory that had to be allowed for it


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayout:
    """The links of a base tree that decide where paths land."""

    links: Mapping[bytes, bytes]  # absolute path of a link -> where it leads, absolute
    opt: bytes = b"/opt"  # where /opt leads; to /usr/lib/opt itself, and it needs no links in it
    allowed: frozenset[bytes] = frozenset()  # top-level directories accepted beyond the usual

    @classmethod
    def of(
        cls, top: Mapping[str, str], usr: Mapping[str, str], *, allowed: Iterable[str] = ()
    ) -> Self:
        """Returns the layout of a tree with these symbolic links (name to target) in / and /usr.

        `allowed` are more top-level directories, by name, that packages may fill.
        """
        links = {f"/{name}": target for name, target in top.items() if name in _TOP_LINKS}
        links |= {f"/usr/{name}": target for name, target in usr.items() if name in _USR_LINKS}
        opt = _led_to("/opt", top["opt"]) if "opt" in top else "/opt"
        return cls(
            links={name.encode(): _led_to(name, links[name]).encode() for name in sorted(links)},
            opt=opt.encode(),
            allowed=frozenset(name.encode() for name in allowed),
        )

    @property
    def opt_in_tree(self) -> bool:
        """Whether /opt is in the tree by itself."""
        return self.opt == OPT

    @property
    def key(self) -> str:
        """Names the layout in cache keys: equal but for what is allowed, equal keys."""
        lines = [b"%s>%s" % pair for pair in sorted(self.links.items())]
        lines.append(self.opt)
        return hashlib.sha256(b"\n".join(lines)).hexdigest()[:12]

    def canonical(self, path: bytes) -> bytes:
        """Returns the path with every link of the layout followed, the last component's too."""
        for _ in range(_LINKS_DEEP):
            parts = path.split(b"/", 3)
            heads = [b"/".join(parts[: depth + 1]) for depth in range(1, min(len(parts), 3))]
            for head in heads:
                target = self.links.get(head) or _VAR_LINKS.get(head)
                if target is not None:
                    path = target + path[len(head) :]
                    break
            else:
                return path
        return path  # links that lead in a circle, which no base that boots has


def tree_path(path: bytes, base: BaseLayout, *, directory: bool = False) -> TreePath:
    """Returns where a package's path lands in a tree with the layout of `base`."""
    if directory:
        live = base.canonical(path)
    else:
        parent, _slash, name = path.rpartition(b"/")
        live = (base.canonical(parent) if parent else b"") + b"/" + name
    zone, tree = _landed(live, base, directory=directory)
    refused = zone is Zone.REFUSED
    if not refused and not path.startswith(b"/srv/"):  # which is the administrator's own
        return TreePath(zone=zone, tree=tree, live=live)
    leave = live.split(b"/")[1] if refused else b"srv"
    if leave not in base.allowed:
        return TreePath(zone=Zone.REFUSED, tree=b"", live=live)
    if refused:
        zone, tree = Zone.TREE, live
    return TreePath(zone=zone, tree=tree, live=live, leave=leave)


def _landed(live: bytes, base: BaseLayout, *, directory: bool) -> tuple[Zone, bytes]:
    first, _slash, rest = live[1:].partition(b"/")
    # A merged tree without such a link has no libraries of that word size, nor room for them.
    lacking = first in _RARE and b"/lib" in base.links and rest
    known = first in (b"", b"usr") or first in _BINARIES
    if known and not lacking:
        return Zone.TREE, live
    if not rest and (first in _MOUNT_POINTS or (first in _MOVED and not directory)):
        return Zone.TREE, live  # a directory or a link of the root itself
    match first:
        case b"etc":
            return Zone.TREE, b"/usr" + live
        case b"boot":
            return Zone.TREE, _boot_path(live)
        case b"opt":
            return Zone.OPT, OPT + live.removeprefix(b"/opt")
        case b"var" if rest.startswith(b"lib/selinux/"):
            return Zone.TREE, b"/usr/etc/" + rest.removeprefix(b"lib/")  # see policystore
        case b"var" | b"run":
            return Zone.STATE, FACTORY + live
    return Zone.REFUSED, b""


def moved_target(path: bytes, target: bytes, place: TreePath, base: BaseLayout) -> bytes:
    """Returns what a symbolic link must say at its place to lead where the package meant it to.

    That is the target itself, unless a relative one climbs out of a directory that was moved.
    """
    if target.startswith(b"/") or place.zone not in (Zone.OPT, Zone.STATE):
        return target
    meant = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    lies = place.tree if place.zone is Zone.OPT else place.live
    leads = posixpath.normpath(posixpath.join(posixpath.dirname(lies), target))
    landed = tree_path(meant, base)
    return target if leads in (landed.live, landed.tree) else meant


def _boot_path(live: bytes) -> bytes:
    """Returns where /boot/… lies: a kernel with its modules, where a deployment looks for it."""
    version = live.removeprefix(b"/boot/vmlinuz-")
    if version != live and version and b"/" not in version:
        return b"/usr/lib/modules/" + version + b"/vmlinuz"
    return b"/usr/lib/ostree-boot" + live.removeprefix(b"/boot")


def _led_to(link: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(link), target))


# The links of a tree that is made from nothing: merged /usr, and in /var what users own.
EMPTY_BASE = BaseLayout.of(
    {
        "bin": "usr/bin",
        "home": "var/home",
        "lib": "usr/lib",
        "lib32": "usr/lib32",
        "lib64": "usr/lib64",
        "libx32": "usr/libx32",
        "media": "run/media",
        "mnt": "var/mnt",
        "opt": "var/opt",
        "root": "var/roothome",
        "sbin": "usr/sbin",
        "srv": "var/srv",
    },
    {"local": "../var/usrlocal"},
)
