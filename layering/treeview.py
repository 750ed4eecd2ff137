# SPDX-License-Identifier: LGPL-2.1-or-later
"""A tree to ask about: what it is made of, its package database, and whose repositories go with it.

Nothing is locked and nothing of the sysroot is written. Of a base the package database is the copy
that every operation uses; of a merged tree it is taken out for the time of the question.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from layering import rpmdb
from layering.base import layout_of, parse_os_release
from layering.deployed import Deployed
from layering.deployments import Deployment
from layering.errors import SysrootError
from layering.metadata import LayerRecord, TreeMetadata
from layering.metadata_read import base_of, read
from layering.packagelist import packages_of
from layering.querycache import QueryCache
from layering.repo import Repo
from solver import Nevra


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeView:
    """A deployment's or a commit's tree."""

    commit: str
    base_commit: str
    version: str  # "" if the commit names none
    layers: Mapping[Nevra, LayerRecord | None]  # None: made by others, who say no more of it
    requested: tuple[str, ...]  # as the solver knows them: of a file, the NEVRA
    links: Mapping[str, str]  # linked directories: "/bin" to "/usr/bin"
    installroot: Path  # holds the rpmdb, for the solver
    etc: Path | None  # of the host, whose repositories are asked; None if nothing is deployed
    releasever: str | None

    @property
    def database(self) -> Path:
        """Returns the directory that holds the rpmdb."""
        return rpmdb.database_in(self.installroot)

    def __str__(self) -> str:
        short = self.commit[:12]
        return f"version {self.version} ({short})" if self.version else f"commit {short}"


@contextmanager
def tree_view(
    sysroot: Deployed, stateroot: str | None, revision: str | None, cache: QueryCache
) -> Iterator[TreeView]:
    """Gives the tree of a revision, or of the pending deployment if none is named.

    Raises:
        SysrootError, UnknownRevisionError: there is none such.
        RepoError: only a part of the commit is here.
        RpmdbError: it has no package database.
    """
    name = sysroot.chosen_stateroot(stateroot)
    pending = sysroot.pending_deployment(name)
    if revision is None and pending is None:
        raise SysrootError(f"nothing is deployed in stateroot {name}: sysroot {sysroot.path}")
    commit = pending.checksum if revision is None and pending else ""
    commit = commit or sysroot.commit_named(revision or "")
    repo = sysroot.repo
    found = repo.commit_of(commit)
    tree, base = read(found), base_of(found)
    layout = layout_of(repo, found.root_tree)
    config = sysroot.merge_deployment(name)
    with _installroot(repo, commit, cache, lasting=base == commit) as installroot:
        release = installroot / "usr/lib/os-release"
        text = release.read_text("utf-8", "replace") if release.is_file() else ""
        yield TreeView(
            commit=commit,
            base_commit=base,
            version=found.text("version") or "",
            layers=_layers(repo, base, tree, cache) if base != commit else {},
            requested=_requested(sysroot.deployments, commit, tree, revision),
            links={
                link.decode(): target.decode()
                for link, target in layout.links.items()
                if target.startswith(b"/usr/")
            },
            installroot=installroot,
            etc=config.path / "etc" if config else None,
            releasever=parse_os_release(text).get("VERSION_ID"),
        )


@contextmanager
def _installroot(repo: Repo, commit: str, cache: QueryCache, *, lasting: bool) -> Iterator[Path]:
    if not lasting:
        with tempfile.TemporaryDirectory(prefix="overlay-query-") as scratch:
            yield rpmdb.base_root(repo, commit, Path(scratch))
        return
    kept = rpmdb.kept_root(commit, cache.host) if cache.host else None
    yield kept or rpmdb.base_root(repo, commit, cache.own)


def _requested(
    deployments: Sequence[Deployment], commit: str, tree: TreeMetadata, revision: str | None
) -> tuple[str, ...]:
    """Returns what a deployment's origin asks for; of another commit, what it says itself."""
    of_it = [each for each in deployments if each.checksum == commit and not each.origin_error]
    if revision is not None and revision.isdecimal() and int(revision) < len(deployments):
        of_it = [deployments[int(revision)]]
    if not of_it:
        return tree.requested
    origin = of_it[0].origin
    return (*origin.requested, *(package.nevra for package in origin.requested_local))


def _layers(
    repo: Repo, base: str, tree: TreeMetadata, cache: QueryCache
) -> dict[Nevra, LayerRecord | None]:
    if tree.layers or tree.policy_version:
        return {Nevra.parse(layer.nevra): layer for layer in tree.layers}
    of_base = frozenset(packages_of(repo, base, cache.own))
    return {nevra: None for nevra in tree.packages if nevra not in of_base}
