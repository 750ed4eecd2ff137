# SPDX-License-Identifier: LGPL-2.1-or-later
"""Origins: the file beside each deployment that says where its tree comes from and what was asked.

The keys are rpm-ostree's (https://coreos.github.io/rpm-ostree/), so that either tool can go on from
what the other left: `[origin] refspec` names the branch of an untouched tree, and is called
`baserefspec` while anything is assembled on top of it; requests stand in `[packages]`, changes to
base packages in `[overrides]`. rpm-ostree forgets keys that it does not know: nothing that is ours
alone belongs here. Keys that *we* do not know stay where they are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self, TypeVar

from layering.keyfile import KeyFile, escape, join_list, split_list, unescape
from layering.originvalues import NO_OVERRIDES, LocalPackage, Overrides, Replacement
from layering.sysroot_errors import OriginError

__all__ = ["LocalPackage", "Origin", "Overrides", "Replacement"]

ORIGIN, PACKAGES, OVERRIDES = "origin", "packages", "overrides"
# The groups in which rpm-ostree keeps what makes it assemble a tree of its own.
_ASSEMBLED = (PACKAGES, OVERRIDES, "modules", "rpmostree")
_TRANSIENT = ("libostree-transient", "transient")  # a deployment's own, such as being pinned
_CONTAINER = "container-image-reference"
_HELD = "override-commit"
_UNCONFIGURED = "unconfigured-state"
# What holds for one branch alone, and for the one after it no more.
_OF_THE_BRANCH = (_HELD, _UNCONFIGURED, "custom-url", "custom-description")
# Where rpm-ostree keeps a package that came as a file with --force-replacefiles, and there alone.
_REPLACING = "requested-local-fileoverride"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What an origin says; `document` is the whole file, with what is not understood here."""

    refspec: str | None = None  # [REMOTE:]BRANCH of the base, whichever key holds it
    container_image: str | None = None  # the base is a container image: kept, never followed
    override_commit: str | None = None  # the base is held at this commit
    unconfigured: str | None = None  # why the branch cannot be followed yet, as the vendor says
    requested: tuple[str, ...] = ()
    requested_local: tuple[LocalPackage, ...] = ()
    replacing_local: tuple[LocalPackage, ...] = ()  # of those, which may replace others' files
    overrides: Overrides = NO_OVERRIDES
    document: KeyFile = field(default=KeyFile(), repr=False)

    @classmethod
    def parse(cls, text: str, source: str = "origin") -> Self:
        """Reads an origin; `source` names the file in errors.

        Raises:
            OriginError: what is wrong, with group and key.
        """
        try:
            document = KeyFile.parse(text)
        except ValueError as error:
            raise OriginError(str(error), source) from error
        read = _Reader(document, source)
        replacing = read.list(PACKAGES, _REPLACING, LocalPackage.parse)
        overrides = Overrides(
            remove=read.list(OVERRIDES, "remove", str),
            replace_local=read.list(OVERRIDES, "replace-local", LocalPackage.parse),
            replace=read.list(OVERRIDES, "replace", Replacement.parse),
        )
        return cls(
            refspec=read.refspec(),
            container_image=read.text(_CONTAINER),
            override_commit=read.text(_HELD),
            unconfigured=read.text(_UNCONFIGURED),
            requested=read.list(PACKAGES, "requested", str),
            requested_local=(
                *read.list(PACKAGES, "requested-local", LocalPackage.parse),
                *replacing,
            ),
            replacing_local=replacing,
            overrides=overrides,
            document=document,
        )

    @classmethod
    def for_refspec(cls, refspec: str) -> Self:
        """Returns the origin of an untouched tree."""
        document = KeyFile().set(ORIGIN, "refspec", escape(refspec))
        return cls(refspec=refspec, document=document)

    @property
    def layered(self) -> bool:
        """Whether anything was asked for on top of the base."""
        return bool(self.requested or self.requested_local or self.overrides)

    def format(self) -> str:
        """Returns the file's text, as bytes equal to what was parsed where nothing was changed."""
        return self.document.format()

    def with_requests(
        self,
        *,
        requested: tuple[str, ...] | None = None,
        requested_local: tuple[LocalPackage, ...] | None = None,
        overrides: Overrides | None = None,
    ) -> Self:
        """Returns the origin with these requests in place of its own; None leaves them."""
        changed = replace(
            self,
            requested=self.requested if requested is None else requested,
            requested_local=self.requested_local if requested_local is None else requested_local,
            overrides=self.overrides if overrides is None else overrides,
        )
        kept = tuple(each for each in self.replacing_local if each in changed.requested_local)
        changed = replace(changed, replacing_local=kept)
        return replace(changed, document=_written(changed))

    def replacing(self, names: frozenset[str]) -> Self:
        """Returns the origin in which the local packages of these names may replace files."""
        found = tuple(package for package in self.requested_local if package.name in names)
        changed = replace(self, replacing_local=found)
        return replace(changed, document=_written(changed))

    def with_refspec(self, refspec: str) -> Self:
        """Returns the origin with another base branch; a held commit is let go."""
        key = "baserefspec" if _assembled(self.document) else "refspec"
        document = self.document
        for gone in _OF_THE_BRANCH:
            document = document.remove(ORIGIN, gone)
        for old in ("refspec", "baserefspec", _CONTAINER):
            if old != key:
                document = _renamed(document, old, key)
        document = document.set(ORIGIN, key, escape(refspec))
        return replace(
            self,
            refspec=refspec,
            container_image=None,
            override_commit=None,
            unconfigured=None,
            document=document,
        )

    def holding(self, commit: str | None) -> Self:
        """Returns the origin that holds the base at a commit, or, with None, lets it go."""
        if commit is None:
            document = self.document.remove(ORIGIN, _HELD)
        else:
            document = self.document.set(ORIGIN, _HELD, commit)
        return replace(self, override_commit=commit, document=document)

    def without_transient(self) -> Self:
        """Returns the origin for a new deployment: without what belongs to the old one alone."""
        document = self.document
        for group in _TRANSIENT:
            document = document.remove_group(group)
        return replace(self, document=document)


@dataclass(frozen=True, slots=True)
class _Reader:
    document: KeyFile
    source: str

    def refspec(self) -> str | None:
        """Returns the one refspec; None where a deployment was made from a bare checksum."""
        plain, base = self.text("refspec"), self.text("baserefspec")
        if sum(value is not None for value in (plain, base, self.text(_CONTAINER))) > 1:
            raise OriginError(
                f"more than one of refspec, baserefspec, {_CONTAINER}, [{ORIGIN}]", self.source
            )
        return plain if plain is not None else base

    def text(self, key: str) -> str | None:
        """Returns a value of the group [origin]."""
        raw = self.document.get(ORIGIN, key)
        if raw is None:
            return None
        try:
            return unescape(raw)
        except ValueError as error:
            raise OriginError(f"{error}, [{ORIGIN}] {key}", self.source) from error

    def list(self, group: str, key: str, parse: Callable[[str], _T]) -> tuple[_T, ...]:
        """Returns the elements of a list, none where the key is absent."""
        try:
            return tuple(parse(item) for item in split_list(self.document.get(group, key) or ""))
        except ValueError as error:
            raise OriginError(f"{error}, [{group}] {key}", self.source) from error


def _written(origin: Origin) -> KeyFile:
    overrides, document, replacing = origin.overrides, origin.document, origin.replacing_local
    plain = tuple(package for package in origin.requested_local if package not in replacing)
    for group, key, elements in (
        (PACKAGES, "requested", origin.requested),
        (PACKAGES, "requested-local", plain),
        (PACKAGES, _REPLACING, replacing),
        (OVERRIDES, "remove", overrides.remove),
        (OVERRIDES, "replace-local", overrides.replace_local),
        (OVERRIDES, "replace", overrides.replace),
    ):
        document = _with_list(document, group, key, tuple(map(str, elements)))
    old, new = ("refspec", "baserefspec") if _assembled(document) else ("baserefspec", "refspec")
    return _renamed(document, old, new)


def _renamed(document: KeyFile, old: str, new: str) -> KeyFile:
    """Returns the document with a key of [origin] under another name, which it has but once."""
    if document.get(ORIGIN, new) is not None:
        return document.remove(ORIGIN, old)
    return document.rename(ORIGIN, old, new)


def _with_list(document: KeyFile, group: str, key: str, elements: tuple[str, ...]) -> KeyFile:
    if not elements:
        return document.remove(group, key)
    current = document.get(group, key)
    if current is not None and split_list(current) == elements:
        return document
    return document.set(group, key, join_list(elements))


def _assembled(document: KeyFile) -> bool:
    return any(document.keys(group) for group in _ASSEMBLED)
