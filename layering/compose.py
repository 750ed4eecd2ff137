# SPDX-License-Identifier: LGPL-2.1-or-later
"""Composing a base tree: the client's engine, started from the empty base.

The same layers, union, scripts and rpmdb; what a base has beside them (units, kernel and
initramfs, the top level, files of the treefile) is made in the mounted tree before it is sealed.
Labels come last: a tree is labelled by the policy that its own packages and scripts have made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layering import (
    assembly,
    beneath,
    kernel,
    mtree,
    progress,
    relabel,
    rpmdb_query,
    seal,
    selinux,
    skeleton,
    treedatabase,
)
from layering._ostree import GLib
from layering.base import COMPOSED_DATABASE, Base, empty_base, parse_os_release
from layering.dirtree import FileNode
from layering.errors import LayeringError
from layering.importer import LayerInfo, import_packages, layer_info
from layering.labels import UNLABELLED
from layering.metadata import TreeMetadata, WarningRecord
from layering.mtree import MutableTree
from layering.recipe import Recipe
from layering.repo import Repo
from layering.scriptruns import Work
from layering.treefile import Treefile
from layering.versions import POLICY_VERSION
from layering.warnings import warn_of, warn_of_dropped, warning_records
from solver import Goal, Nevra, Sack, SackConfig
from solver import Progress as SolverProgress
from triggers import Invocation, Outcome, Phase, run


class ComposeError(LayeringError):
    """A tree cannot be composed as its treefile says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where a composer's packages come from."""

    cache_dir: Path
    repo_dirs: tuple[Path, ...] = ()
    repos_from_path: tuple[tuple[str, str], ...] = ()
    cache_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A base tree that was composed."""

    ref: str
    commit: str
    packages: tuple[Nevra, ...]
    warnings: tuple[WarningRecord, ...]
    unchanged: bool


def compose_tree(
    treefile: Treefile,
    repo: Repo,
    sources: Sources,
    report: progress.Report,
    *,
    recall: bool = True,
) -> Composed:
    """Composes the tree, points its ref at the commit, and returns what came of it.

    The ref stays where it is if the tree is what it was. Without `recall` every script runs,
    whatever is known of earlier runs.

    Raises:
        ComposeError: naming what the treefile asks for and the tree lacks.
    """
    base = empty_base(repo, sources.cache_dir)
    layers = _layers(treefile, repo, sources, base, report)
    recipe = Recipe(base=base, layers=layers, checkout=None, time_limit=1800.0, recall=recall)
    with repo.held():
        finished = _Finish(treefile, report)
        done = assembly.assemble(repo, recipe, report, finish=finished)
        outcomes = (*done.outcomes, *finished.outcomes)
        warn_of(outcomes, report)
        warn_of_dropped(done.dropped, report)
        for text in done.warnings:
            progress.warn(report, "seal", text)
        with repo.transaction():
            skeleton.put_top_level(repo, done.tree)
            _copy_base_database(repo, done.tree)
        tree = _labelled(repo, done.tree, sources, report) if treefile.selinux else done.tree
        described = finished.describe(layers, outcomes)
        with repo.transaction():
            repo.write_tree(tree)  # all files land before the first commit
            done.remember()
            commit = _commit(repo, treefile, recipe, tree, described, report)
    return Composed(
        ref=treefile.ref,
        commit=commit.checksum,
        packages=described.packages,
        warnings=described.warnings,
        unchanged=commit.unchanged,
    )


def _layers(
    treefile: Treefile, repo: Repo, sources: Sources, base: Base, report: progress.Report
) -> tuple[LayerInfo, ...]:
    config = SackConfig(
        installroot=base.installroot,
        cache_dir=sources.cache_dir,
        repo_dirs=sources.repo_dirs,
        repos_from_path=sources.repos_from_path,
        disable_repos=("*",),
        enable_repos=treefile.repos,
        releasever=treefile.releasever or None,
        cache_only=sources.cache_only,
        need_filelists=any(spec.startswith("/") for spec in treefile.packages),
    )
    goal = Goal(
        install=treefile.packages,
        exclude=treefile.exclude_packages,
        weak_deps=treefile.recommends,
    )

    def tell(event: SolverProgress) -> None:
        progress.step(report, event)

    with Sack.open(config, tell) as sack:
        with progress.phase(report, "resolve"):
            transaction = sack.resolve(goal)
        progress.note(report, "resolve", f"{len(transaction.packages)} packages")
        with progress.phase(report, "download"):
            rpms = sack.download(transaction.packages)
    with progress.phase(report, "import"):
        imported = import_packages(rpms, repo, base.layout, report)
    return tuple(layer_info(repo, layer) for layer in imported)


class _Finish:
    """The steps that make a base of a mounted merged tree; keeps what they found out."""

    def __init__(self, treefile: Treefile, report: progress.Report) -> None:
        self._treefile = treefile
        self._report = report
        self.outcomes: tuple[Outcome, ...] = ()
        self.linux = ""
        self.version = ""

    def __call__(self, work: Work) -> None:
        """Does the steps in order."""
        root = work.workspace.root
        skeleton.write_files(root)
        self._edit_files(root)
        self._run_tools(work)
        self.linux = kernel.kernel_version(root)
        if self.linux:
            self._make_initramfs(work)
        release = parse_os_release(beneath.read_text(root, "usr/lib/os-release"))
        prefix = self._treefile.automatic_version_prefix
        self.version = prefix or release.get("VERSION_ID", "")

    def describe(self, layers: Sequence[LayerInfo], outcomes: Sequence[Outcome]) -> TreeMetadata:
        """Returns what the commit says of the tree."""
        return TreeMetadata(
            version=self.version,
            linux=self.linux,
            packages=tuple(layer.layer.nevra for layer in layers),
            warnings=warning_records(outcomes),
            policy_version=POLICY_VERSION,
        )

    def _make_initramfs(self, work: Work) -> None:
        work.memory.complete()
        with progress.phase(self._report, "initramfs", self.linux):
            outcome = kernel.make_initramfs(
                work.workspace.root,
                work.sandbox,
                self.linux,
                self._treefile.initramfs_args,
                time_limit=1800.0,
                memory=work.memory,
            )
        self.outcomes += (outcome,)

    def _edit_files(self, root: Path) -> None:
        for path in self._treefile.remove_files:
            try:
                beneath.remove(root, _stored(path))
            except OSError as error:
                what = f"remove-files: cannot remove /{path.lstrip('/')}: {error.strerror}"
                raise ComposeError(what) from error
        for added in self._treefile.add_files:
            mode = 0o755 if added.source.stat().st_mode & 0o100 else 0o644
            target = _stored(added.target)
            try:
                beneath.make_directories(root, target.rpartition("/")[0])
                with added.source.open("rb") as content:
                    beneath.write_file(root, target, content, mode)
            except OSError as error:
                what = f"add-files: cannot write {added.target}: {error.strerror}"
                raise ComposeError(what) from error
        if self._treefile.default_target:
            beneath.make_directories(root, "usr/etc/systemd/system")
            wanted = f"/usr/lib/systemd/system/{self._treefile.default_target}"
            beneath.make_link(root, "usr/etc/systemd/system/default.target", wanted)

    def _run_tools(self, work: Work) -> None:
        invocations = [
            _tool(f"enable {unit}", ("/usr/bin/systemctl", "enable", unit), None)
            for unit in self._treefile.units
        ]
        invocations += [
            _tool(f"postprocess {number}", ("/bin/bash",), script)
            for number, script in enumerate(self._treefile.postprocess, start=1)
        ]
        if invocations:
            with progress.phase(self._report, "postprocess"):
                self.outcomes += run(invocations, work.sandbox)


def _tool(label: str, interpreter: tuple[str, ...], body: str | None) -> Invocation:
    return Invocation(
        phase=Phase.BUILTIN,
        owner="treefile",
        label=label,
        interpreter=interpreter,
        body=body,
        fatal=True,
        why="the treefile says so",
    )


def _stored(path: str) -> str:
    """Returns where a path of the running system is kept in the tree: below the root, /usr/etc."""
    inner = path.lstrip("/")
    return f"usr/{inner}" if inner.split("/")[0] == "etc" else inner


def _labelled(
    repo: Repo, tree: MutableTree, sources: Sources, report: progress.Report
) -> MutableTree:
    """Returns the tree with the labels of its own policy, which is only there now."""
    with repo.transaction():
        root = repo.write_tree(tree)
    labels = selinux.labels_of(repo, root[0], sources.cache_dir)
    if labels is UNLABELLED:
        raise ComposeError(f"'selinux' is true, and no policy is enabled in {selinux.CONFIG}")
    with progress.phase(report, "labels"):
        labelled, count = relabel.relabelled(repo, root, None, labels)
    progress.note(report, "labels", f"{count} files and directories labelled")
    return labelled


def _copy_base_database(repo: Repo, tree: MutableTree) -> None:
    """Puts the rpmdb a second time where rpm-ostree looks for a base's: the same object."""
    found = tree
    for name in COMPOSED_DATABASE.strip("/").split("/"):
        found = mtree.enter(found, name)
    node = mtree.child(found, rpmdb_query.DATABASE)
    if isinstance(node, FileNode):
        treedatabase.put_base_database(repo, tree, node, UNLABELLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    checksum: str
    unchanged: bool


def _commit(
    repo: Repo,
    treefile: Treefile,
    recipe: Recipe,
    tree: MutableTree,
    described: TreeMetadata,
    report: progress.Report,
) -> _Written:
    values = described.pack()
    if described.linux:
        arguments = treefile.initramfs_args or kernel.INITRAMFS_ARGUMENTS
        values["rpmostree.initramfs-args"] = GLib.Variant("as", list(arguments))
    for key, value in treefile.add_commit_metadata.items():
        values[key] = GLib.Variant("s", value)
    previous = repo.try_resolve(treefile.ref)
    with progress.phase(report, "commit"):
        checksum = seal.commit(
            repo,
            tree,
            parent=None,
            subject=f"{treefile.ref} {described.version}".strip(),
            timestamp=recipe.timestamp,
            metadata=values,
            refs=[treefile.ref],
        )
    return _Written(checksum=checksum, unchanged=checksum == previous)
