# SPDX-License-Identifier: LGPL-2.1-or-later
"""Values as text: tables, sizes, times. Everything here returns strings; verbs print them."""

from collections.abc import Iterator, Sequence

from layering.allowances import sentences
from layering.cli.packages import difference_lines, difference_summary
from layering.deployments import Deployment
from layering.proposal import BaseChange, Overridden, Proposal, ProposedPackage
from solver import compare_evr

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: int) -> str:
    """Returns a number of bytes with a unit: `1.2 MiB`."""
    value = float(count)
    for unit in _UNITS:
        if value < 1024 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def counted(number: int, noun: str) -> str:
    """Returns a number with its noun: `1 package`, `2 packages`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def table(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> Iterator[str]:
    """Yields the rows with their columns aligned, two spaces between; the last is not padded."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    for row in rows:
        cells = [
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def deployed(deployment: Deployment) -> str:
    """Returns the sentence that says what became of a new deployment."""
    if deployment.locked:
        return f"{deployment.id} is staged and locked: 'overlay finalize' releases it."
    how = "staged for" if deployment.staged else "deployed for"
    return f"{deployment.id} is {how} the next boot."


def commit_name(commit: str, version: str) -> str:
    """Returns how a commit is called: `2 (5e9d3fe0c1aa)`, or without a version its beginning."""
    return f"{version} ({commit[:12]})" if version else commit[:12]


def proposal_lines(proposal: Proposal, *, verbose: bool = False) -> Iterator[str]:
    """Yields what a person is asked to agree to; when verbose, each package of another base."""
    if proposal.base is not None:
        yield from _base_lines(proposal.base, verbose=verbose)
    if proposal.added:
        yield "Installing:"
        yield from _indented(_package_rows(proposal.added))
    for title, changed in _by_direction(proposal.changed):
        yield f"{title}:"
        rows = _package_rows([package for _evr, package in changed])
        olds = [f"{evr} →" for evr, _package in changed]
        yield from _indented([(old, *row) for old, row in zip(olds, rows, strict=True)])
    if proposal.removed:
        yield "Removing:"
        yield from (f"  {nevra}" for nevra in proposal.removed)
    yield from _overridden_lines(proposal.overridden)
    for request in proposal.inactive:
        yield f"Already in the base: {request}"
    for request in proposal.returning:
        yield f"No longer in the base: {request}"
    newly = sentences(proposal.allowances)
    if newly:
        yield "Allowed from now on:"
        yield from (f"  {line}" for line in newly)
    moved = proposal.added or proposal.changed or proposal.overridden
    if proposal.download_size:
        yield f"Download: {size(proposal.download_size)}"
    if not (moved or proposal.removed or proposal.inactive or proposal.base or newly):
        yield "No package changes: only what is requested or overridden, or where the base is held."


def _overridden_lines(overridden: Overridden) -> Iterator[str]:
    if overridden.replaced:
        yield "Replacing in the base:"
        rows = _package_rows([each.package for each in overridden.replaced])
        olds = [f"{each.old_evr} →" for each in overridden.replaced]
        yield from _indented(
            [
                (row[0], old, *row[1:-1], override_source(each.source))
                for old, row, each in zip(olds, rows, overridden.replaced, strict=True)
            ]
        )
    if overridden.removed:
        yield "Removing from the base:"
        yield from (f"  {nevra}" for nevra in overridden.removed)
    if overridden.restored:
        yield "As the base has it again:"
        yield from (f"  {nevra}" for nevra in overridden.restored)
    for override in overridden.resting:
        yield f"Override without effect on this base: {override}"


def override_source(source: str) -> str:
    """Returns how long a replacement stays what it is."""
    return f"follows {source}" if source else "held"


def _base_lines(base: BaseChange, *, verbose: bool) -> Iterator[str]:
    before = commit_name(base.commit_before, base.version_before)
    after = commit_name(base.commit_after, base.version_after)
    branch = "" if base.refspec_after == base.refspec_before else base.refspec_after
    words = ("Base:", base.refspec_before, before, "→", branch, after)
    yield " ".join(word for word in words if word)
    yield f"Base packages: {difference_summary(base.packages, zeros=True)}"
    if verbose:
        yield from (f"  {line}" for line in difference_lines(base.packages))


def _package_rows(packages: Sequence[ProposedPackage]) -> list[tuple[str, ...]]:
    return [
        (
            package.name,
            package.evr,
            package.arch,
            package.repository,
            size(package.install_size),
            package.why,
        )
        for package in packages
    ]


def _by_direction(
    changed: Sequence[tuple[str, ProposedPackage]],
) -> Iterator[tuple[str, list[tuple[str, ProposedPackage]]]]:
    """Yields what changes below a title that says which way; of one version, another build."""
    for title, sign in (("Upgrading", 1), ("Downgrading", -1), ("Replacing", 0)):
        found = [each for each in changed if compare_evr(each[1].evr, each[0]) == sign]
        if found:
            yield title, found


def _indented(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    return (f"  {line}" for line in table(rows))
