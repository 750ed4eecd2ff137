# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong in the layering room, in the words of packages, paths, trees and deployments.

Each message says what, where and whose on one line; what a person can do about it goes into
`add_note`, which the command line prints as a hint.
"""

from collections.abc import Sequence
from pathlib import Path

_CONFLICTS_SHOWN = 20


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


class MissingLayerError(LayeringError):
    """Packages that came as files have no layer in the repository, and no repository has them.

    So it is after `cleanup`, and with a deployment that rpm-ostree layered, whose cache is its own.
    """

    def __init__(self, nevras: Sequence[str]) -> None:
        super().__init__(f"no layer is there of what came as a file: {', '.join(nevras)}")
        files = " ".join(f"./{nevra}.rpm" for nevra in nevras)
        self.add_note(f"give the file again: overlay install {files}")


class StrictError(LayeringError):
    """Scriptlets failed that only warn by default, and `--strict` was given."""

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__(f"failed, and --strict makes that an error: {', '.join(labels)}")


class BadRequestError(LayeringError):
    """A request that cannot be one."""
