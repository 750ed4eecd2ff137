# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is to say of a deployment, from its commit and origin alone: no rpmdb, no solver.

What a pending tree changes is told where both it and the booted one have a list of packages in
their commits, as all have that rpm-ostree or we made.
"""

from dataclasses import dataclass

from layering.deployments import Deployment
from layering.metadata import LayerRecord, TreeMetadata, WarningRecord
from layering.metadata_read import read
from layering.origin import Origin
from layering.packagediff import PackageDifference, compare_packages
from layering.repo import Repo


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentReport:
    """A deployment with what its commit says of its layers."""

    deployment: Deployment
    layers: tuple[LayerRecord, ...]
    inactive: tuple[str, ...]  # requests that no layer answers: the base does
    warnings: tuple[WarningRecord, ...]
    changes: PackageDifference | None  # of a pending tree against the booted one, if it can be said


def report_of(
    repo: Repo, deployment: Deployment, booted: Deployment | None = None
) -> DeploymentReport:
    """Returns what the deployment's commit says; of layers nothing for an unlayered tree.

    With the booted deployment, what a pending one changes is said, too.
    """
    tree = read(repo.commit_of(deployment.checksum))
    layered = tree.layered
    compared = read(repo.commit_of(booted.checksum)) if booted and deployment.pending else None
    return DeploymentReport(
        deployment=deployment,
        layers=tree.layers if layered else (),
        inactive=inactive_requests(deployment.origin, tree),
        warnings=tree.warnings if layered else (),
        changes=_changes(compared, tree) if compared else None,
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


def _changes(before: TreeMetadata, after: TreeMetadata) -> PackageDifference | None:
    if not (before.packages and after.packages):
        return None
    return compare_packages(before.packages, after.packages)
