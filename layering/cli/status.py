# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay status`: what is deployed, from what, and why."""

import datetime
from collections.abc import Iterator, Mapping, Sequence

import click

from layering import provenance
from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json
from layering.cli.render import counted
from layering.cli.session import cache_directory
from layering.metadata import LayerRecord
from layering.report import DeploymentReport, report_of
from layering.sysroot import Sysroot


@click.command(epilog="Example: overlay status -v")
@shown_options
@click.pass_obj
def status(settings: Settings) -> int:
    """Show the deployments, their base and requests.

    With -v every layer, and why it is there.
    """
    sysroot = Sysroot.open(settings.sysroot)
    reports = [
        report_of(sysroot.repo, deployment)
        for deployment in sysroot.deployments
        if settings.stateroot in (None, deployment.stateroot)
    ]
    origins = _repositories(sysroot, reports)
    if settings.json:
        deployments = [_document(report, origins) for report in reports]
        show_json({"version": 1, "deployments": deployments, "transaction": None})
        return 0
    if not reports:
        print(f"No deployments in {settings.sysroot}.")
    for number, report in enumerate(reports):
        if number:
            print()
        for line in _lines(report, origins, verbose=bool(settings.verbose)):
            print(line)
    return 0


def _repositories(sysroot: Sysroot, reports: Sequence[DeploymentReport]) -> dict[str, str]:
    """Returns the repositories' ids by the packages' digests, as far as this host knows them."""
    found: dict[str, str] = {}
    for stateroot in sorted({report.deployment.stateroot for report in reports}):
        found |= provenance.read(cache_directory(sysroot, stateroot))
    return found


def _lines(report: DeploymentReport, origins: Mapping[str, str], *, verbose: bool) -> Iterator[str]:
    deployment = report.deployment
    mark = "●" if deployment.booted else " "
    version = f" ({deployment.version})" if deployment.version else ""
    origin = deployment.origin.refspec or deployment.base_checksum
    yield f"{mark} {deployment.index}: {origin}{version}{_flags(report)}"
    for name, value in _fields(report, origins, verbose=verbose):
        yield f"     {name + ':':<11} {value}"


def _flags(report: DeploymentReport) -> str:
    deployment = report.deployment
    flags = [
        name
        for name, set_ in (
            ("booted", deployment.booted),
            ("staged", deployment.staged),
            ("pending", deployment.pending and not deployment.staged),
            ("rollback", deployment.rollback),
            ("pinned", deployment.pinned),
        )
        if set_
    ]
    return f" [{', '.join(flags)}]" if flags else ""


def _fields(
    report: DeploymentReport, origins: Mapping[str, str], *, verbose: bool
) -> Iterator[tuple[str, str]]:
    deployment = report.deployment
    origin = deployment.origin
    yield "stateroot", deployment.stateroot
    yield "commit", deployment.checksum
    if deployment.base_checksum != deployment.checksum:
        yield "base", deployment.base_checksum
    when = datetime.datetime.fromtimestamp(deployment.timestamp, tz=datetime.UTC)
    yield "timestamp", f"{when:%Y-%m-%dT%H:%M:%SZ}"
    if origin.requested:
        yield "requested", ", ".join(origin.requested)
    if origin.requested_local:
        yield "local", ", ".join(package.nevra for package in origin.requested_local)
    if report.inactive:
        yield "inactive", ", ".join(report.inactive)
    if origin.overrides.remove:
        yield "removed", ", ".join(origin.overrides.remove)
    if report.layers and verbose:
        yield from (("layer", _layer(layer, origins)) for layer in report.layers)
    elif report.layers:
        yield "layers", counted(len(report.layers), "package")
    for warning in report.warnings:
        yield "warning", warning.message


def _layer(layer: LayerRecord, origins: Mapping[str, str]) -> str:
    by = f", for {', '.join(layer.requested_by)}" if layer.reason != "user" else ""
    source = f", from {origins[layer.digest]}" if layer.digest in origins else ""
    return f"{layer.nevra} ({layer.reason}{by}{source})"


def _document(report: DeploymentReport, origins: Mapping[str, str]) -> dict[str, object]:
    deployment, origin = report.deployment, report.deployment.origin
    return {
        "index": deployment.index,
        "id": deployment.id,
        "stateroot": deployment.stateroot,
        "checksum": deployment.checksum,
        "base_checksum": deployment.base_checksum,
        "origin": {"refspec": origin.refspec, "base": deployment.base_checksum},
        "booted": deployment.booted,
        "staged": deployment.staged,
        "pinned": deployment.pinned,
        "pending": deployment.pending,
        "rollback": deployment.rollback,
        "timestamp": deployment.timestamp,
        "version": deployment.version,
        "requested": list(origin.requested),
        "requested_local": [str(package) for package in origin.requested_local],
        "inactive": list(report.inactive),
        "overrides": {
            "remove": list(origin.overrides.remove),
            "replace": [str(each) for each in origin.overrides.replace]
            + [str(each) for each in origin.overrides.replace_local],
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
        "warnings": [warning.message for warning in report.warnings],
    }
