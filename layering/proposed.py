# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an operation would change, found out from the solver's answer and two bases."""

from collections.abc import Sequence
from pathlib import Path

from layering import requests, rpmdb, rpmdb_query
from layering.allowances import Allowances
from layering.departures import instances
from layering.intent import Intent
from layering.overridden import changes_overrides, sources_of
from layering.packagediff import compare_packages
from layering.proposal import (
    BaseChange,
    Instead,
    Overridden,
    Proposal,
    ProposedPackage,
    compare,
)
from layering.report import inactive_requests
from layering.resolution import Resolution
from layering.target import Target
from solver import Nevra, Package, Reason, Transaction

_NOTHING = Transaction(packages=(), inactive=())


def propose(
    target: Target, intent: Intent, found: Resolution | None, allowances: Allowances
) -> Proposal:
    """Returns how the next tree would differ; without a resolution nothing is layered in it.

    `allowances` are the next tree's: those that the pending one does not have are part of it.
    """
    inactive = found.transaction.inactive if found else ()
    packages = proposed_packages(found, allowances.drop_special) if found else ()
    instead = {str(each.new) for each in found.transaction.replaced} if found else set()
    dormant = set(inactive_requests(target.pending.origin, target.tree))
    return compare(
        [layer for layer in target.tree.layers if layer.reason != Reason.OVERRIDE],
        [package for package in packages if package.nevra not in instead],
        inactive=inactive,
        returning=tuple(sorted((dormant & intent.wanted.names) - set(inactive))),
        requests_changed=asks_for_else(target, intent)
        or (
            found is not None
            and changes_overrides(intent, target.pending.origin.overrides, found.transaction)
        ),
        base=_base_change(target, intent),
        allowances=allowances - target.allowances,
        overridden=_overridden(target, intent, found.transaction if found else _NOTHING, packages),
    )


def _overridden(
    target: Target,
    intent: Intent,
    transaction: Transaction,
    packages: Sequence[ProposedPackage],
) -> Overridden:
    """Returns what becomes of base packages that is not so in the pending tree."""
    tree = target.tree
    pairs = (*tree.replaced_local, *(pair for _, found in tree.replaced_remote for pair in found))
    digests = {layer.nevra: layer.digest for layer in tree.layers}
    before = {(str(old), str(new), digests.get(str(new), "")) for new, old in pairs}
    by_nevra = {package.nevra: package for package in packages}
    sources = sources_of(intent, transaction)
    replaced = [
        Instead(old=str(each.old), package=by_nevra[str(each.new)], source=sources[each.new])
        for each in transaction.replaced
    ]
    overridden = {*tree.removed, *(old for _new, old in pairs)}
    still = {*transaction.removed, *(each.old for each in transaction.replaced)}
    gone = {nevra.name for nevra in overridden} - {nevra.name for nevra in still}
    return Overridden(
        removed=tuple(str(each) for each in transaction.removed if each not in tree.removed),
        replaced=tuple(
            each
            for each in replaced
            if (each.old, each.package.nevra, each.package.digest) not in before
        ),
        restored=tuple(map(str, instances(target.base, sorted(gone)))) if gone else (),
        resting=transaction.resting,
    )


def asks_for_else(target: Target, intent: Intent) -> bool:
    """Returns whether the next origin says something else than the pending one."""
    present, following = target.pending.origin, intent.origin
    if intent.wanted != requests.current(present):
        return True
    return following.without_transient().format() != present.without_transient().format()


def _base_change(target: Target, intent: Intent) -> BaseChange | None:
    pending, before = target.pending, target.pending_base
    refspec = intent.origin.refspec or ""
    if target.base_commit == pending.base_checksum and refspec == (pending.origin.refspec or ""):
        return None
    return BaseChange(
        refspec_before=pending.origin.refspec or pending.origin.container_image or "",
        refspec_after=refspec,
        commit_before=pending.base_checksum,
        commit_after=target.base_commit,
        version_before=before.version,
        version_after=target.base.version,
        packages=compare_packages(
            _installed(before.installroot), _installed(target.base.installroot)
        ),
    )


def _installed(root: Path) -> tuple[Nevra, ...]:
    return tuple(each.nevra for each in rpmdb_query.packages(rpmdb.database_in(root)))


def proposed_packages(
    resolution: Resolution, dropping: frozenset[str] = frozenset()
) -> tuple[ProposedPackage, ...]:
    """Returns the packages of a resolution; what is cached as a layer has nothing to download."""
    return tuple(
        ProposedPackage(
            name=package.nevra.name,
            evr=package.nevra.evr,
            arch=package.nevra.arch,
            digest=package.digest,
            repository=package.repo_id,
            download_size=0 if resolution.layer_of(package, dropping) else package.download_size,
            install_size=package.install_size,
            why=why(package),
        )
        for package in resolution.transaction.packages
    )


def why(package: Package) -> str:
    """Returns in words why a package is there."""
    by = ", ".join(package.requested_by)
    if package.reason in (Reason.USER, Reason.GROUP):
        return "requested" if package.nevra.name in package.requested_by else f"requested as {by}"
    return f"recommended for {by}" if package.reason is Reason.WEAK else f"needed for {by}"
