# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a deployed tree once more, with no result recalled, and says what came out otherwise.

All that a tree is made from is in its commit, or named there by a digest: the base, the layers, the
overrides, what was allowed and turned off. Of the host's own drop-ins only digests are recorded;
their text is looked for in the `/etc` of every deployment. Nothing that is written stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from layering import progress
from layering.assembly import assemble
from layering.base import load_base
from layering.configuration import IN_ETC, Configuration, load
from layering.departures import Departure
from layering.dirtree import ChangeKind, diff
from layering.errors import LayeringError, SysrootError
from layering.hosttriggers import HostFile, found_files
from layering.importer import Layer, layer_info
from layering.memojudge import MemoJudge, Rerun, State
from layering.metadata import TreeMetadata
from layering.metadata_read import base_of, is_layered, read
from layering.objects import Commit
from layering.recipe import Recipe
from layering.sysroot import Sysroot
from layering.target import nearest_checkout
from layering.versions import POLICY_VERSION
from solver import Nevra
from triggers import SkipRule


class UnverifiableError(LayeringError):
    """A tree of which not all is there any more that it was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathDifference:
    """A path at which the tree that was made anew is another."""

    path: str
    kind: ChangeKind  # from the deployed tree to the new one
    writers: tuple[str, ...]  # the scripts that wrote it now, of those that may be remembered


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What came of it."""

    commit: str
    version: str
    layers: int
    scripts: tuple[Rerun, ...] = ()
    paths: tuple[PathDifference, ...] = ()

    @property
    def as_remembered(self) -> bool:
        """Whether nothing differs."""
        return not self.paths and all(each.state is not State.DIFFERS for each in self.scripts)


def verified(
    sysroot: Sysroot,
    stateroot: str | None,
    revision: str | None,
    cache_dir: Path,
    report: progress.Report,
) -> Verified:
    """Returns how the tree of a revision, or of the pending deployment, is when made anew.

    For who holds the sysroot's lock.

    Raises:
        SysrootError, UnknownRevisionError: there is no such tree.
        UnverifiableError: something that it was made from is no longer there.
        ScriptletFailedError, …: it cannot be made any more.
    """
    name, repo = sysroot.chosen_stateroot(stateroot), sysroot.repo
    pending, config = sysroot.pending_deployment(name), sysroot.merge_deployment(name)
    if pending is None or config is None:
        raise SysrootError(f"nothing is deployed in stateroot {name}: sysroot {sysroot.path}")
    commit = repo.commit_of(sysroot.commit_named(revision) if revision else pending.checksum)
    tree = read(commit)
    found = Verified(
        commit=commit.checksum, version=commit.text("version") or "", layers=len(tree.layers)
    )
    if not is_layered(commit):
        return found
    recipe = _recipe(sysroot, commit, tree, load(config.path / "etc" / IN_ETC), cache_dir)
    judge = MemoJudge(repo)
    with repo.discarded():
        done = assemble(repo, recipe, report, judge=judge)
        root_tree, root_meta = repo.write_tree(done.tree)
        changes = [(c.path, c.kind) for c in diff(repo.dirtree, commit.root_tree, root_tree)]
        if root_meta != commit.root_meta:
            changes.insert(0, ("/", ChangeKind.METADATA))
        paths = tuple(
            PathDifference(path=path, kind=kind, writers=judge.writers(path))
            for path, kind in changes
        )
    return Verified(
        commit=found.commit,
        version=found.version,
        layers=found.layers,
        scripts=tuple(judge.reruns),
        paths=paths,
    )


def _recipe(
    sysroot: Sysroot, commit: Commit, tree: TreeMetadata, settings: Configuration, cache_dir: Path
) -> Recipe:
    """Returns what a tree was made from, as its commit says it."""
    where = f"tree {commit.checksum[:12]}"
    if tree.policy_version != POLICY_VERSION:
        made = f"version {tree.policy_version}" if tree.policy_version else "another program"
        error = UnverifiableError(f"made by other rules, of {made}: {where}")
        error.add_note("any change of packages makes a tree anew, by the rules of now")
        raise error
    base = load_base(sysroot.repo, base_of(commit), cache_dir, allowed=settings.allow_top_level)
    return Recipe(
        base=base,
        layers=tuple(layer_info(sysroot.repo, each) for each in _layers(sysroot, tree, where)),
        departures=tuple(_departures(tree)),
        checkout=nearest_checkout(sysroot.deployments, commit.checksum),
        noscripts=tree.allowances.noscripts,
        skip=tuple(SkipRule.parse(text) for text in tree.skip),
        triggers=tuple(_host_files(sysroot, tree.triggers, where)),
        replacing=tree.allowances.replacefiles,
        time_limit=settings.time_limit,
        recall=False,
    )


def _layers(sysroot: Sysroot, tree: TreeMetadata, where: str) -> Sequence[Layer]:
    gone = [each.nevra for each in tree.layers if not sysroot.repo.try_resolve(each.commit)]
    if gone:
        names = ", ".join(sorted(gone))
        error = UnverifiableError(f"no longer in the repository: layer {names} of {where}")
        error.add_note("'overlay upgrade' gets layers of the pending tree from their repositories")
        raise error
    return [
        Layer(nevra=Nevra.parse(each.nevra), digest=each.digest, ref="", commit=each.commit)
        for each in tree.layers
    ]


def _departures(tree: TreeMetadata) -> Iterator[Departure]:
    yield from (Departure(package=nevra) for nevra in tree.removed)
    for pairs in (tree.replaced_local, *(pairs for _source, pairs in tree.replaced_remote)):
        yield from (Departure(package=old, replaced_by=str(new)) for new, old in pairs)


def _host_files(
    sysroot: Sysroot, recorded: Sequence[tuple[str, str]], where: str
) -> Iterator[HostFile]:
    """Yields the drop-ins of the host that a tree was made with, from wherever they still are."""
    there = _drop_ins(sysroot) if any(digest for _name, digest in recorded) else {}
    for name, digest in recorded:
        file = there.get((name, digest)) if digest else HostFile(name=name, text=None)
        if file is None:
            path = HostFile(name=name, text=None).path
            error = UnverifiableError(f"another or gone since it counted: {path} for {where}")
            error.add_note("only its digest is recorded: put back what it was, or change packages")
            raise error
        yield file


def _drop_ins(sysroot: Sysroot) -> Mapping[tuple[str, str], HostFile]:
    found = (file for each in sysroot.deployments for file in found_files(each.path)[0])
    return {(file.name, file.digest): file for file in found}
