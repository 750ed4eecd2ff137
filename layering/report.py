# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is to say of a deployment, from its commit and origin alone: no rpmdb, no solver.

What a pending tree changes is told where both it and the booted one have a list of packages in
their commits, as all have that rpm-ostree or we made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from layering.allowances import NOTHING, Allowances
from layering.deployments import Deployment
from layering.failures import Failure, failures_of
from layering.metadata import LayerRecord, SkippedRecord, TreeMetadata
from layering.metadata_read import read
from layering.origin import Origin
from layering.packagediff import PackageDifference, compare_packages
from layering.repo import Repo
from layering.warnings import Told, folded
from solver import Nevra


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacedPackage:
    """A base package, and what stands in its place."""

    old: Nevra
    new: Nevra
    source: str  # "repo=ID" that it follows; "": it is held


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentReport:
    """A deployment with what its commit says of its layers."""

    deployment: Deployment
    layers: tuple[LayerRecord, ...]
    inactive: tuple[str, ...]  # requests that no layer answers: the base does
    warnings: tuple[str, ...]  # what is wrong with it, what its scripts failed at, what to know
    changes: PackageDifference | None  # of a pending tree against the booted one, if it can be said
    allowances: Allowances = NOTHING
    skipped: tuple[SkippedRecord, ...] = ()  # scripts of packages that did not run
    failures: tuple[Failure, ...] = ()  # scripts that failed, as far as more is known of them
    removed: tuple[str, ...] = ()  # base packages that it lacks
    replaced: tuple[ReplacedPackage, ...] = ()  # those that others stand for
    resting: tuple[str, ...] = ()  # overrides that change nothing in it
    told: tuple[Told, ...] = ()  # the warnings for people to read, with what scripts wrote


def report_of(
    repo: Repo, deployment: Deployment, booted: Deployment | None = None
) -> DeploymentReport:
    """Returns what the deployment's commit says; of layers nothing for an unlayered tree.

    With the booted deployment, what a pending one changes is said, too. Of a commit that cannot be
    read, nothing but that is said.
    """
    tree = _tree(repo, deployment)
    compared = _tree(repo, booted) if booted and deployment.pending else TreeMetadata()
    failures = () if deployment.commit_error else failures_of(repo, deployment.checksum)
    messages = (warning.message for warning in tree.warnings)
    said = (*messages, *tree.notes) if tree.layered else ()
    broken = tuple(_broken(deployment))
    return DeploymentReport(
        deployment=deployment,
        layers=tree.layers if tree.layered else (),
        inactive=() if deployment.commit_error else inactive_requests(deployment.origin, tree),
        warnings=(*broken, *said),
        changes=_changes(compared, tree),
        allowances=tree.allowances,
        skipped=tree.skipped,
        failures=failures,
        removed=tuple(map(str, tree.removed)),
        replaced=tuple(_replaced(tree)),
        resting=() if deployment.commit_error else resting_overrides(deployment.origin, tree),
        told=folded([*((text, ()) for text in broken), *_with_outputs(said, failures)]),
    )


def inactive_requests(origin: Origin, tree: TreeMetadata) -> tuple[str, ...]:
    """Returns the requests that no layer of a tree answers, by the words that the solver knows.

    Of a layered tree that rpm-ostree made, nothing can be said.
    """
    if tree.layered and not tree.policy_version:
        return ()
    layers = tree.layers if tree.layered else ()
    answered = {request for layer in layers for request in layer.requested_by}
    # The solver knows a local package by its NEVRA.
    requests = (*origin.requested, *(package.nevra for package in origin.requested_local))
    return tuple(request for request in requests if request not in answered)


def resting_overrides(origin: Origin, tree: TreeMetadata) -> tuple[str, ...]:
    """Returns the overrides that change nothing in a tree: names, and NEVRAs of what is held."""
    removed = {nevra.name for nevra in tree.removed}
    held = {str(new) for new, _old in tree.replaced_local}
    followed = {(source, old.name) for source, pairs in tree.replaced_remote for _, old in pairs}
    return (
        *(name for name in origin.overrides.remove if name not in removed),
        *(each.nevra for each in origin.overrides.replace_local if each.nevra not in held),
        *(
            name
            for each in origin.overrides.replace
            for name in each.packages
            if (each.source, name) not in followed
        ),
    )


def _tree(repo: Repo, deployment: Deployment) -> TreeMetadata:
    return TreeMetadata() if deployment.commit_error else read(repo.commit_of(deployment.checksum))


def _with_outputs(
    said: Sequence[str], failures: Sequence[Failure]
) -> Iterator[tuple[str, Sequence[str]]]:
    """Yields each warning with what its script wrote.

    Messages of failures come before all other warnings, in the order of the failures, of which
    perhaps only the first are known.
    """
    for at, text in enumerate(said):
        known = at < len(failures) and text.startswith(failures[at].invocation.label)
        yield text, failures[at].output if known else ()


def _broken(deployment: Deployment) -> Iterator[str]:
    if deployment.origin_error:
        yield f"origin cannot be read: {deployment.origin_error}"
    if deployment.commit_error:
        yield f"commit cannot be read: {deployment.commit_error}"


def _replaced(tree: TreeMetadata) -> Iterator[ReplacedPackage]:
    for source, pairs in (("", tree.replaced_local), *tree.replaced_remote):
        for new, old in pairs:
            yield ReplacedPackage(old=old, new=new, source=source)


def _changes(before: TreeMetadata, after: TreeMetadata) -> PackageDifference | None:
    if not (before.packages and after.packages):
        return None
    return compare_packages(before.packages, after.packages)
