# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operation starts from: two deployments and a base.

Requests chain from the *pending* deployment, so that a second command loses nothing of the first;
`/etc`, and with it the repositories, come from the *merge* deployment, the booted one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layering.allowances import Allowances
from layering.base import Base, load_base
from layering.configuration import IN_ETC, Configuration, ConfigurationError, load
from layering.deployments import Deployment
from layering.errors import SysrootError
from layering.hosttriggers import HostFile, host_files
from layering.metadata import TreeMetadata
from layering.metadata_read import base_of, is_layered, read
from layering.sysroot import Sysroot
from layering.sysroot_errors import OriginError
from layering.workspace import Checkout
from triggers import SkipRule, TriggerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The deployment to go on from, what it is made of, and where configuration comes from."""

    stateroot: str
    pending: Deployment
    config: Deployment
    base: Base  # the next tree's
    pending_base: Base  # the pending deployment's, which is the next one's unless it moves
    settings: Configuration
    skip: tuple[SkipRule, ...]  # the settings' rules for scripts
    triggers: tuple[HostFile, ...]  # drop-ins of this host alone
    tree: TreeMetadata  # what the pending commit says of its layers; empty where it has none

    @property
    def etc(self) -> Path:
        """Returns the `/etc` that goes on."""
        return self.config.path / "etc"

    @property
    def allowances(self) -> Allowances:
        """Returns what packages of the pending tree are allowed."""
        replacing = (package.name for package in self.pending.origin.replacing_local)
        return self.tree.allowances | Allowances(replacefiles=frozenset(replacing))

    @property
    def base_commit(self) -> str:
        """Returns the checksum of the base."""
        assert self.base.commit is not None  # only a composer starts from the empty base
        return self.base.commit


def load_target(sysroot: Sysroot, stateroot: str | None, cache_dir: Path) -> Target:
    """Returns what the next operation on a stateroot starts from.

    Raises:
        SysrootError: nothing is deployed there.
        ConfigurationError: the host's settings cannot be read, or are none.
        DropInError: a trigger of the host cannot be read, or is none.
        OriginError: the pending deployment's origin cannot be read: its requests would be lost.
    """
    name = sysroot.chosen_stateroot(stateroot)
    pending, config = sysroot.pending_deployment(name), sysroot.merge_deployment(name)
    if pending is None or config is None:
        raise SysrootError(f"nothing is deployed in stateroot {name}: sysroot {sysroot.path}")
    if pending.origin_error:
        error = OriginError(f"cannot go on from {pending.id}", pending.origin_error)
        error.add_note("repair the file, or drop the deployment: 'overlay cleanup --pending'")
        raise error
    commit = sysroot.repo.commit_of(pending.checksum)
    settings = load(config.path / "etc" / IN_ETC)
    allowed = settings.allow_top_level
    base = load_base(sysroot.repo, base_of(commit), cache_dir, allowed=allowed)
    tree = read(commit) if is_layered(commit) else TreeMetadata()
    return Target(
        stateroot=name,
        pending=pending,
        config=config,
        base=base,
        pending_base=base,
        settings=settings,
        triggers=host_files(config.path),
        skip=_rules(settings, config.path / "etc" / IN_ETC),
        tree=tree,
    )


def _rules(settings: Configuration, path: Path) -> tuple[SkipRule, ...]:
    try:
        return tuple(SkipRule.parse(text) for text in settings.skip)
    except TriggerError as error:
        hints = getattr(error, "__notes__", [])
        raise ConfigurationError(path, f"{error}", *hints) from None


def nearest_checkout(deployments: Sequence[Deployment], base: str) -> Checkout | None:
    """Returns the deployment that a tree on this base differs least from, None if there is none."""
    ranked = sorted(
        (each for each in deployments if not each.commit_error),
        key=lambda deployment: (deployment.checksum != base, deployment.base_checksum != base),
    )
    return Checkout(path=ranked[0].path, commit=ranked[0].checksum) if ranked else None
