# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results of scripts as commits: what each was made from, what it read, what it changed and said.

A commit holds what a script added to a tree, in its place, and the rest as metadata. Nothing in it
is of a host or a day: the same result is the same commit, and whoever pulls the refs has it.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from layering import reads as reading
from layering._ostree import GLib
from layering.deltas import read_delta, written
from layering.errors import LayeringError
from layering.objects import bytes_variant
from layering.reads import Read
from layering.refs import MEMO_PREFIX, memo_ref
from layering.repo import Repo
from layering.upperdelta import Delta

KEPT_SECONDS = 30 * 24 * 3600.0  # since a result was last used
KEPT_MAX = 256
_LABEL, _READS = "overlay.memo-label", "overlay.memo-reads"
_REST, _OUTPUT = "overlay.memo-changes", "overlay.memo-output"


@dataclass(frozen=True, slots=True, kw_only=True)
class Memo:
    """A result that is known."""

    ref: str
    label: str
    reads: tuple[Read, ...]
    tree: str  # of what was added
    rest: bytes
    output: str

    def delta(self, repo: Repo) -> Delta:
        """Returns what the script changed; ValueError, RepoError if it is not whole."""
        return read_delta(repo, self.tree, self.rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A result whose files are written, and that only its commit is missing."""

    key: str
    label: str
    tree: tuple[str, str]
    rest: bytes
    reads: bytes
    output: str


def key_of(material: object) -> str:
    """Returns the key of what is known before a script runs."""
    text = json.dumps(material, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def draft(
    repo: Repo, *, key: str, label: str, reads: tuple[Read, ...], delta: Delta, output: str
) -> Draft:
    """Writes the files of a result; to be called in a transaction."""
    tree, rest = written(repo, delta)
    return Draft(
        key=key, label=label, tree=tree, rest=rest, reads=reading.packed(reads), output=output
    )


def commit(repo: Repo, made: Draft) -> str:
    """Commits a result and points its ref at it; returns the ref. To be called in a transaction."""
    ref = memo_ref(made.key, reading.digest(made.reads))
    checksum = repo.write_commit(
        tree=made.tree,
        subject=made.label,
        timestamp=0,
        metadata={
            _LABEL: GLib.Variant("s", made.label),
            _READS: bytes_variant(made.reads),
            _REST: bytes_variant(made.rest),
            _OUTPUT: bytes_variant(made.output.encode("utf-8", "surrogateescape")),
        },
    )
    repo.set_ref(ref, checksum)
    return ref


def known(repo: Repo, key: str) -> Iterator[Memo]:
    """Yields the results with a key, the one that was used last first; broken ones are left out."""
    found = repo.refs(f"{MEMO_PREFIX}/{key}")
    for ref in sorted(found, key=lambda ref: (-used(repo, ref), ref)):
        if (repo.path / "state" / f"{found[ref]}.commitpartial").exists():
            continue  # libostree's mark of a pull that has not come to its end
        try:
            kept = repo.commit_of(found[ref])
            data = [kept.raw(name) for name in (_READS, _REST, _OUTPUT)]
            if None in data:
                continue
            reads, rest, output = (part or b"" for part in data)
            yield Memo(
                ref=ref,
                label=kept.text(_LABEL) or "",
                reads=reading.unpacked(reads),
                tree=kept.root_tree,
                rest=rest,
                output=output.decode("utf-8", "surrogateescape"),
            )
        except (LayeringError, ValueError):
            continue  # not one of ours, or not whole: as if it was not there


def used(repo: Repo, ref: str) -> float:
    """Returns when a result was last used, in seconds since 1970; 0.0 where that is not known."""
    try:
        return _file(repo, ref).stat().st_mtime
    except OSError:
        return 0.0


def outdated(repo: Repo, now: float) -> tuple[str, ...]:
    """Returns the refs of results that were not used for long, or are too many; sorted."""
    times = {ref: used(repo, ref) for ref in repo.refs(MEMO_PREFIX)}
    newest = sorted(times, key=lambda ref: (-times[ref], ref))[:KEPT_MAX]
    kept = {ref for ref in newest if times[ref] > now - KEPT_SECONDS}
    return tuple(sorted(times.keys() - kept))


def touch(repo: Repo, ref: str) -> None:
    """Notes that a result was used; one that cannot be noted is only forgotten the sooner."""
    try:
        os.utime(_file(repo, ref))
    except OSError:
        return


def _file(repo: Repo, ref: str) -> Path:
    return repo.path / "refs" / "heads" / ref
