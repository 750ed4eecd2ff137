# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay status --json`: keys are only ever added, lists are there when they are empty."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from layering.lock import Holder
from layering.report import DeploymentReport

if TYPE_CHECKING:
    from layering.systemd import FinalizationFailure


def status_document(
    reports: Sequence[DeploymentReport],
    origins: Mapping[str, str],
    *,
    failure: "FinalizationFailure | None",
    holders: Sequence[Holder],
) -> dict[str, object]:
    """Returns the document; `origins` are repositories by the digests of packages."""
    failed = None if failure is None else {"unit": failure.unit, "journal": list(failure.lines)}
    running = [{"pid": holder.pid, "command": holder.command} for holder in holders]
    return {
        "version": 1,
        "deployments": [_deployment(report, origins) for report in reports],
        "finalization_failure": failed,
        "transaction": running[0] if running else None,
    }


def _deployment(report: DeploymentReport, origins: Mapping[str, str]) -> dict[str, object]:
    deployment, origin = report.deployment, report.deployment.origin
    return {
        "index": deployment.index,
        "id": deployment.id,
        "stateroot": deployment.stateroot,
        "checksum": deployment.checksum,
        "base_checksum": deployment.base_checksum,
        "origin": {
            "refspec": origin.refspec,
            "base": deployment.base_checksum,
            "held": origin.override_commit is not None,
            "container_image": origin.container_image,
            "unconfigured": origin.unconfigured,
        },
        "booted": deployment.booted,
        "staged": deployment.staged,
        "locked": deployment.locked,
        "pinned": deployment.pinned,
        "pending": deployment.pending,
        "rollback": deployment.rollback,
        "dropped_next": deployment.dropped_next,
        "timestamp": deployment.timestamp,
        "version": deployment.version,
        "kargs": list(deployment.kargs),
        "requested": list(origin.requested),
        "requested_local": [str(package) for package in origin.requested_local],
        "inactive": list(report.inactive),
        "overrides": {
            "remove": list(origin.overrides.remove),
            "replace": [str(each) for each in origin.overrides.replace]
            + [str(each) for each in origin.overrides.replace_local],
            "inactive": list(report.resting),
            "removed": list(report.removed),
            "replaced": [
                {"old": str(each.old), "new": str(each.new), "source": each.source}
                for each in report.replaced
            ],
        },
        "packages": [
            {
                "nevra": layer.nevra,
                "repo": origins.get(layer.digest, ""),
                "digest": layer.digest,
                "reason": layer.reason,
                "requested_by": list(layer.requested_by),
            }
            for layer in report.layers
        ],
        "allowances": {k: list(names) for k, names in report.allowances.to_dict().items()},
        "skipped": [{"script": each.label, "reason": each.reason} for each in report.skipped],
        "failures": failures_document(report),
        "changes": _changes(report),
        "warnings": list(report.warnings),
    }


def failures_document(report: DeploymentReport) -> list[dict[str, object]]:
    """Returns the scripts that failed, with the end of what they wrote."""
    return [
        {
            "script": each.invocation.label,
            "how": each.how,
            "output": list(each.output),
        }
        for each in report.failures
    ]


def _changes(report: DeploymentReport) -> dict[str, int] | None:
    if report.changes is None:
        return None
    return {
        "upgraded": len(report.changes.upgraded),
        "added": len(report.changes.added),
        "removed": len(report.changes.removed),
        "downgraded": len(report.changes.downgraded),
    }
