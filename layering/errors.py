# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong in the layering room, in the words of packages, paths, trees and deployments.

Each message says what, where and whose on one line; what a person can do about it goes into
`add_note`, which the command line prints as a hint.
"""

from collections.abc import Sequence
from pathlib import Path

_CONFLICTS_SHOWN = 20
_PATH_SHOWN = 100  # characters of a path that is too long


class LayeringError(Exception):
    """Everything that this package raises on purpose."""


class RepoError(LayeringError):
    """An OSTree repository cannot be opened, created, read or written."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{what}: repository {path}")
        self.path = path


class UnknownRevisionError(LayeringError):
    """A ref or checksum names no commit of the repository."""

    def __init__(self, revision: str, repo: Path) -> None:
        super().__init__(f"no such commit: {revision} in repository {repo}")
        self.revision = revision


class NothingMatchesError(LayeringError):
    """A question about packages that no package answers."""

    def __init__(self, specs: Sequence[str], where: str) -> None:
        what = ", ".join(f"'{spec}'" for spec in specs)
        super().__init__(f"no package matches {what}: {where}" if specs else f"no package: {where}")
        self.specs = tuple(specs)


class NotInTreeError(LayeringError):
    """A question about a package that a tree does not have."""

    def __init__(self, spec: str, where: str) -> None:
        super().__init__(f"no package of the tree matches '{spec}': {where}")
        self.spec = spec


class BrokenObjectError(LayeringError):
    """An object of the repository does not decode as what its name says."""

    def __init__(self, checksum: str, what: str) -> None:
        super().__init__(f"broken object {checksum}: {what}")
        self.checksum = checksum


class UnsupportedNameError(LayeringError):
    """A file name or link target that OSTree cannot hold: there they are UTF-8."""

    def __init__(self, path: bytes, whose: str, what: str = "file name") -> None:
        shown = path.decode("utf-8", "backslashreplace")
        super().__init__(f"{what} is not valid UTF-8: {shown} of {whose}")
        self.path = path


class TooDeepError(LayeringError):
    """A path that scripts made is deeper or longer than a tree may have."""

    def __init__(self, path: bytes) -> None:
        text = path.decode("utf-8", "backslashreplace")
        shown = text if len(text) <= _PATH_SHOWN else f"{text[:_PATH_SHOWN]}…"
        levels = path.count(b"/") + 1
        super().__init__(f"too deep: /{shown} of a scriptlet: {levels} levels, {len(path)} bytes")
        self.path = path


class NoRoomError(LayeringError):
    """What scripts wrote cannot be sealed without filling the disk."""

    def __init__(self, path: bytes, size: int, why: str) -> None:
        shown = path.decode("utf-8", "backslashreplace")
        super().__init__(
            f"no room to seal what scriptlets wrote, {shown} of {size >> 20} MiB above all: {why}"
        )
        self.path = path


class TooLargeError(LayeringError):
    """A file that is read as a whole has more in it than any such file has."""

    def __init__(self, path: str, limit: int) -> None:
        super().__init__(f"file too large: /{path.lstrip('/')} has more than {limit >> 20} MiB")
        self.path = path


class BrokenPackageError(LayeringError):
    """An RPM whose lead, signature, header or payload contradicts itself."""

    def __init__(self, path: Path | str, what: str) -> None:
        super().__init__(f"broken package {path}: {what}")
        self.path = path


class UnsupportedPathError(LayeringError):
    """A package brings a path that has no place in an image-based tree."""

    def __init__(self, package: str, path: str, why: str) -> None:
        super().__init__(f"{why}: {path} of {package}")
        self.package = package
        self.path = path


class UnknownOwnerError(LayeringError):
    """A file's owner or group has no entry in the merged tree's user database."""

    def __init__(self, *, kind: str, name: str, path: str, package: str) -> None:
        super().__init__(f"unknown {kind} {name}: owner of {path} of {package}")
        self.name = name


class FileConflictError(LayeringError):
    """Paths that two sides bring, each its own way; the first ones are told, all are counted."""

    def __init__(self, conflicts: Sequence[str]) -> None:
        lines = list(conflicts[:_CONFLICTS_SHOWN])
        if len(conflicts) > _CONFLICTS_SHOWN:
            lines.append(f"and {len(conflicts) - _CONFLICTS_SHOWN} more")
        head = f"{len(conflicts)} file conflicts:\n  " if len(conflicts) > 1 else ""
        super().__init__(head + "\n  ".join(lines))
        self.conflicts = tuple(conflicts)


class PolicyError(LayeringError):
    """The SELinux policy of a tree cannot be had."""


class WorkspaceError(LayeringError):
    """The working tree cannot be mounted or made."""


class MountError(WorkspaceError):
    """The kernel refuses a mount."""

    def __init__(self, what: str, target: Path, reason: str) -> None:
        super().__init__(f"cannot {what} {target}: {reason}")
        self.target = target


class SysrootError(LayeringError):
    """A sysroot is none, has no such deployment, or refuses an operation."""


def give_again(nevras: Sequence[str], verb: str = "install") -> str:
    """Returns what to do where packages that came as files are not there."""
    files = " ".join(f"./{nevra}.rpm" for nevra in nevras)
    return f"give the file again: overlay {verb} {files}"


class MissingLayerError(LayeringError):
    """Packages that came as files have no layer in the repository, and no repository has them.

    So it is after `cleanup`, and with a deployment that rpm-ostree layered, whose cache is its own.
    """

    def __init__(self, nevras: Sequence[str], *, overriding: bool = False) -> None:
        names = " ".join(nevra.rsplit("-", 2)[0] for nevra in nevras)
        if overriding:
            super().__init__(f"no layer is there of what is held: {', '.join(nevras)}")
            self.add_note(give_again(nevras, "override replace"))
            self.add_note(f"'overlay override reset {names}' takes the base's again")
            return
        super().__init__(f"no layer is there of what came as a file: {', '.join(nevras)}")
        self.add_note(give_again(nevras))
        plural = "s" if len(nevras) > 1 else ""
        self.add_note(f"'overlay uninstall {names}' drops the request{plural}")


class StrictError(LayeringError):
    """Scriptlets failed that only warn by default, and `--strict` was given."""

    def __init__(self, labels: Sequence[str], causes: Sequence[str] = ()) -> None:
        super().__init__(f"failed, and --strict makes that an error: {', '.join(labels)}")
        self.causes = tuple(causes)  # how each failed, and what it wrote


class BadRequestError(LayeringError):
    """A request that cannot be one."""
