# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong around deployments: origins, the sysroot, its lock, and the rpmdb of a tree.

They refine the errors of the layering room (`layering.errors`) and follow its form.
"""

from pathlib import Path

from layering.errors import LayeringError, SysrootError


class OriginError(LayeringError):
    """An origin file that cannot be read as what it should say."""

    def __init__(self, what: str, source: str) -> None:
        super().__init__(f"{what}, {source}")
        self.source = source


class NotASysrootError(SysrootError):
    """A path holds no OSTree sysroot."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"not an OSTree sysroot: {path}: {why}")
        self.add_note("name one with --sysroot, or make one with 'ostree admin init-fs'")
        self.path = path


class NotRootError(SysrootError):
    """An operation that changes deployments, asked for by someone who isn't root."""

    def __init__(self, what: str, path: Path) -> None:
        super().__init__(f"{what} needs root: sysroot {path}")
        self.add_note("run it with sudo or as root")


class NoSuchDeploymentError(SysrootError):
    """A deployment that the sysroot does not have."""

    def __init__(self, what: str, path: Path) -> None:
        super().__init__(f"{what}: sysroot {path}")
        self.path = path


class BrokenOriginError(SysrootError):
    """A deployment's origin that not even libostree can read, and so not one of the deployments."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"a deployment's origin cannot be read: {cause}: sysroot {path}")
        self.add_note("repair or restore it: ostree/deploy/STATEROOT/deploy/COMMIT.N.origin")


class NotStagedError(SysrootError):
    """What only a staged deployment can be asked for, where there is none, or another one."""

    def __init__(self, what: str, path: Path) -> None:
        super().__init__(f"{what}: sysroot {path}")
        self.path = path


class RpmdbError(LayeringError):
    """The package database of a tree is absent, of an unknown kind, broken, or refuses a change."""

    def __init__(self, what: str, where: Path | str) -> None:
        super().__init__(f"{what}: rpmdb {where}")
        self.where = where
