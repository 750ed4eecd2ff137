# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay status`: what is deployed, from what, and why."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from layering import provenance
from layering.allowances import sentences
from layering.cli.options import Settings, shown_options
from layering.cli.output import colored, show_json
from layering.cli.packages import difference_summary
from layering.cli.printable import printable
from layering.cli.render import counted, override_source
from layering.cli.session import cache_directory
from layering.cli.status_json import status_document
from layering.lock import holders_of
from layering.metadata import LayerRecord
from layering.report import DeploymentReport, report_of
from layering.sysroot import Sysroot

if TYPE_CHECKING:
    from layering.systemd import FinalizationFailure


@click.command(epilog="Example: overlay status -v")
@shown_options
@click.pass_obj
def status(settings: Settings) -> int:
    """Show the deployments, their base and requests.

    With -v every layer and why it is there, what scripts that failed wrote, which did not run and
    why, and the kernel arguments.
    """
    sysroot = Sysroot.open(settings.sysroot)
    if settings.stateroot is not None:
        sysroot.chosen_stateroot(settings.stateroot)
    booted = next((each for each in sysroot.deployments if each.booted), None)
    reports = [
        report_of(sysroot.repo, deployment, booted)
        for deployment in sysroot.deployments
        if settings.stateroot in (None, deployment.stateroot)
    ]
    origins = _repositories(sysroot, reports)
    failure = _finalization_failure() if booted else None
    holders = holders_of(sysroot.path / "ostree/lock")
    if settings.json:
        show_json(status_document(reports, origins, failure=failure, holders=holders))
        return 0
    blocks = [
        list(_lines(report, origins, verbose=bool(settings.verbose))) for report in reports
    ] or [[f"No deployments in {settings.sysroot}."]]
    if holders:
        blocks.insert(0, [f"At work: {' and '.join(map(str, holders))}"])
    if failure is not None:
        blocks.insert(0, list(_notice(failure, settings)))
    for number, block in enumerate(blocks):
        if number:
            print()
        for line in block:
            print(line if number == 0 and failure is not None else printable(line))
    return 0


def _finalization_failure() -> "FinalizationFailure | None":
    from layering import systemd

    return systemd.finalization_failure()


def _notice(failure: "FinalizationFailure", settings: Settings) -> Iterator[str]:
    """Yields what has to be seen first: that the last shutdown did not do what was staged."""
    head = f"THE STAGED DEPLOYMENT DID NOT TAKE EFFECT: {failure.unit} failed at the last shutdown."
    yield click.style(head, fg="red", bold=True) if colored(settings) else head
    yield from (f"  {printable(line)}" for line in failure.lines)
    yield "The system booted what it had before. Mend the cause, and stage the change again."


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
    origin = deployment.origin
    followed = origin.refspec or origin.container_image or deployment.base_checksum
    yield f"{mark} {deployment.index}: {followed}{version}{_flags(report)}"
    if deployment.locked:
        yield "     finalization locked: 'overlay finalize' releases it"
    if deployment.dropped_next:
        yield "     dropped when the staged tree is finalized"
    for name, value in _fields(report, origins, verbose=verbose):
        yield f"     {name + ':' if name else '':<11} {value}"


def _flags(report: DeploymentReport) -> str:
    deployment = report.deployment
    flags = [
        name
        for name, set_ in (
            ("booted", deployment.booted),
            ("staged", deployment.staged),
            ("locked", deployment.locked),
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
    if origin.override_commit is not None:
        yield "held", "at this base until the next upgrade"
    if origin.unconfigured is not None:
        yield "origin", f"not configured yet: {origin.unconfigured}"
    if not deployment.commit_error:
        when = datetime.datetime.fromtimestamp(deployment.timestamp, tz=datetime.UTC)
        yield "timestamp", f"{when:%Y-%m-%dT%H:%M:%SZ}"
    if origin.requested:
        yield "requested", ", ".join(origin.requested)
    if origin.requested_local:
        yield "local", ", ".join(sorted(package.nevra for package in origin.requested_local))
    if report.inactive:
        yield "inactive", ", ".join(report.inactive)
    if report.removed:
        yield "removed", ", ".join(report.removed)
    for each in report.replaced:
        how = override_source(each.source)
        yield "replaced", f"{each.old} → {each.new.evr} ({how})"
    if report.resting:
        yield "inactive", f"override of {', '.join(report.resting)}"
    if report.layers and verbose:
        yield from (("layer", _layer(layer, origins)) for layer in report.layers)
    elif report.layers:
        yield "layers", counted(len(report.layers), "package")
    if report.changes is not None:
        yield "changes", difference_summary(report.changes) or "no package"
    if verbose and deployment.kargs:
        yield "kargs", " ".join(deployment.kargs)
    if report.allowances and not verbose:
        yield "allowed", ", ".join(sorted(set(_allowed(report))))
    for warning in report.told:
        yield "warning", warning.line
        if verbose:
            yield from (("", f"  {line}") for line in warning.output)
    if verbose:
        yield from (("allowed", line) for line in sentences(report.allowances))
        yield from (("skipped", f"{each.label}: {each.reason}") for each in report.skipped)


def _allowed(report: DeploymentReport) -> Iterator[str]:
    """Yields the names of packages that are allowed something."""
    for names in report.allowances.to_dict().values():
        yield from names


def _layer(layer: LayerRecord, origins: Mapping[str, str]) -> str:
    by = f", for {', '.join(layer.requested_by)}" if layer.reason != "user" else ""
    source = f", from {origins[layer.digest]}" if layer.digest in origins else ""
    return f"{layer.nevra} ({layer.reason}{by}{source})"
