# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which security labels files carry, as those who write objects ask for it.

A label is an extended attribute, `security.selinux`, that depends on where a file lies on the
running system and on what kind of file it is, never on its content: so the one who writes an object
asks with both. A tree without a policy has no labels at all.
"""

from typing import Protocol

from layering.objects import Xattrs

LABEL_XATTR = b"security.selinux"
_ETC = b"/usr/etc"


class Labels(Protocol):
    """The labels that one policy gives."""

    @property
    def key(self) -> str:
        """What the labels depend on, part of the cache key of what they are in; empty if none."""

    def xattrs(self, place: bytes, mode: int) -> Xattrs:
        """Returns the attributes of a file that lies at `place` in the tree (as in /usr/etc/x).

        `mode` is the whole mode, with the file's type. Empty where the policy gives no label.
        """


class _Unlabelled:
    """No policy: no labels."""

    key = ""

    def xattrs(self, place: bytes, mode: int) -> Xattrs:
        return ()


UNLABELLED: Labels = _Unlabelled()


def live_place(place: bytes) -> bytes:
    """Returns where a file of the tree lies on the running system, by which policies name it.

    libostree has two ways with /usr/etc when it commits: by its own path, or, as its version 1 of
    labelling does, by that of the /etc which is copied from it. This is the second: what is
    hard-linked, or shown through composefs, then has the label that it is used under.
    """
    inside = place == _ETC or place.startswith(_ETC + b"/")
    return place.removeprefix(b"/usr") if inside else place


def label_of(xattrs: Xattrs) -> Xattrs:
    """Returns the label among extended attributes, as the one attribute that it is, or nothing."""
    return tuple(pair for pair in xattrs if pair[0] == LABEL_XATTR)


def with_label(xattrs: Xattrs, label: Xattrs) -> Xattrs:
    """Returns extended attributes with another label, or with none, in place of what they have."""
    return tuple(sorted([*(pair for pair in xattrs if pair[0] != LABEL_XATTR), *label]))
