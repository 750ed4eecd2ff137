# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is to say of a deployment, from its commit and origin alone: no rpmdb, no solver."""

from dataclasses import dataclass

from layering.deployments import Deployment
from layering.metadata import LayerRecord, WarningRecord
from layering.metadata_read import read
from layering.repo import Repo


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentReport:
    """A deployment with what its commit says of its layers."""

    deployment: Deployment
    layers: tuple[LayerRecord, ...]
    inactive: tuple[str, ...]  # requests that no layer answers: the base does
    warnings: tuple[WarningRecord, ...]


def report_of(repo: Repo, deployment: Deployment) -> DeploymentReport:
    """Returns what the deployment's commit says; nothing of it for an unlayered tree."""
    tree = read(repo.commit_of(deployment.checksum))
    layered = tree.layered
    answered = {request for layer in tree.layers for request in layer.requested_by}
    ours = layered and bool(tree.policy_version)
    origin = deployment.origin
    # The solver knows a local package by its NEVRA.
    requests = (*origin.requested, *(package.nevra for package in origin.requested_local))
    return DeploymentReport(
        deployment=deployment,
        layers=tree.layers if layered else (),
        inactive=tuple(
            request for request in requests if not layered or (ours and request not in answered)
        ),
        warnings=tree.warnings if layered else (),
    )
