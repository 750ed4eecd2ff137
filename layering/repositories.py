# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where the solver's packages come from: the target's own repositories, and what a command changes.

The configuration is what dnf would read on the target itself, never that of the host which works on
it: https://dnf5.readthedocs.io/en/latest/dnf5.conf.5.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from layering import progress
from layering.target import Target
from solver import Progress, SackConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryOptions:
    """Which repositories are used, beside what the target's configuration says."""

    enable: tuple[str, ...] = ()
    disable: tuple[str, ...] = ()
    from_path: tuple[tuple[str, str], ...] = ()
    setopts: tuple[tuple[str, str], ...] = ()
    cache_only: bool = False
    refresh: bool = False
    releasever: str | None = None


def sack_config(
    target: Target, options: RepositoryOptions, cache_dir: Path, specs: Sequence[str] = ()
) -> SackConfig:
    """Returns where the solver's packages come from: the target's own configuration."""
    return configured(
        target.etc, target.base.installroot, target.base.releasever, options, cache_dir, specs
    )


def configured(
    etc: Path | None,
    installroot: Path,
    releasever: str | None,
    options: RepositoryOptions,
    cache_dir: Path,
    specs: Sequence[str] = (),
) -> SackConfig:
    """Returns where the solver's packages come from: the configuration in some `/etc`."""
    dnf_conf = etc / "dnf" / "dnf.conf" if etc else None
    return SackConfig(
        installroot=installroot,
        cache_dir=cache_dir,
        repo_dirs=(etc / "yum.repos.d",) if etc else (),
        vars_dirs=(etc / "dnf" / "vars",) if etc else (),
        dnf_conf=dnf_conf if dnf_conf and dnf_conf.is_file() else None,
        releasever=options.releasever or releasever,
        repos_from_path=options.from_path,
        enable_repos=options.enable,
        disable_repos=options.disable,
        setopts=options.setopts,
        cache_only=options.cache_only,
        refresh=options.refresh,
        need_filelists=any(spec.startswith(("/", "*/")) for spec in specs),
    )


def told(report: progress.Report) -> Callable[[Progress], None]:
    """Returns the report that the solver is given: its steps become our events."""

    def tell(event: Progress) -> None:
        progress.step(report, event)

    return tell
