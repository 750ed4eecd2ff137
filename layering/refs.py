# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of the refs that hold layers, merged trees, bases and what scripts gave.

They live under `overlay/`: `rpmostree/*` belongs to rpm-ostree, which deletes what it does not know
there. A component of a ref name is one of `[A-Za-z0-9_][A-Za-z0-9_.-]*`; what an EVR holds beside
that (`:`, `~`, `^`, `+`) is written as its hexadecimal code point between two `_`. A `_` stays,
but where it would read as the start of such an escape.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Protocol

PREFIX = "overlay"
LAYER_PREFIX = f"{PREFIX}/layer"
MERGED_PREFIX = f"{PREFIX}/merged"
BASE_PREFIX = f"{PREFIX}/base"
MEMO_PREFIX = f"{PREFIX}/memo"
FAILED_REF = f"{PREFIX}/failed"  # the tree of the last operation that failed and was to be kept

_KEPT = re.compile(r"[A-Za-z0-9.-]")
_ESCAPE = re.compile(r"_([0-9A-F]{2,6})_")
_ESCAPE_TAIL = re.compile(r"[0-9A-F]{2,6}_")


class Nevra(Protocol):
    """What a layer's ref name needs from a package's identity."""

    @property
    def name(self) -> str:
        """The package's name."""

    @property
    def evr(self) -> str:
        """[epoch:]version-release."""

    @property
    def arch(self) -> str:
        """The architecture, or `noarch`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRef:
    """A layer's ref name taken apart."""

    name: str
    evr_arch: str  # "1:2.0-3.x86_64"
    key: str  # 16 hexadecimal digits over package digest, importer version, layout and the like


def layer_ref(
    nevra: Nevra,
    digest: str,
    importer_version: int,
    layout: str = "",
    *,
    labels: str = "",
    dropping: bool = False,
) -> str:
    """Returns the ref of the layer that this importer makes of the package with that digest.

    `layout` names the base's path conventions and `labels` the policy that shaped the layer;
    `dropping` says that special files may be left out. A newer importer, or another of these, gives
    another ref: a cached layer is never taken for something it is not.
    """
    made_of = [digest, str(importer_version), layout]
    made_of += [f"labels {labels}"] if labels else []
    made_of += ["dropping special files"] if dropping else []
    key = hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:16]
    return f"{LAYER_PREFIX}/{escape(nevra.name)}/{escape(f'{nevra.evr}.{nevra.arch}')}/{key}"


def parse_layer_ref(ref: str) -> LayerRef:
    """Returns what `layer_ref` put together; ValueError if it did not make this name."""
    parts = ref.removeprefix(f"{LAYER_PREFIX}/").split("/")
    if not ref.startswith(f"{LAYER_PREFIX}/") or len(parts) != 3:
        raise ValueError(f"not a layer's ref: {ref}")
    return LayerRef(name=unescape(parts[0]), evr_arch=unescape(parts[1]), key=parts[2])


def merged_ref(key: str) -> str:
    """Returns the ref of the merged commit that was made from the inputs with this key."""
    return f"{MERGED_PREFIX}/{escape(key)}"


def base_ref(checksum: str) -> str:
    """Returns the ref that holds a base commit against pruning while merged commits need it."""
    return f"{BASE_PREFIX}/{checksum}"


def memo_ref(key: str, reads: str) -> str:
    """Returns the ref of a script's result, by what was known before it ran and what it read."""
    return f"{MEMO_PREFIX}/{key}/{reads}"


def escape(text: str) -> str:
    """Returns one component of a ref name; ValueError for the empty text, which has none."""
    if not text:
        raise ValueError("a component of a ref name cannot be empty")
    out = ""
    for index in reversed(range(len(text))):
        char = text[index]
        kept = _KEPT.fullmatch(char) is not None and (index > 0 or char not in ".-")
        if char == "_":
            kept = _ESCAPE_TAIL.match(out) is None
        out = (char if kept else f"_{ord(char):02X}_") + out
    return out


def unescape(component: str) -> str:
    """Returns the text that `escape` was given; ValueError if it was given none."""
    text = _ESCAPE.sub(lambda match: chr(int(match[1], 16)), component)
    if not component or escape(text) != component:
        raise ValueError(f"not an escaped component of a ref name: {component!r}")
    return text
