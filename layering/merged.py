# SPDX-License-Identifier: LGPL-2.1-or-later
"""The merged commit of a base and layers: looked up if it was made before, else made.

Its key holds everything that it is made from, the requests included, for they stand in its
metadata. Nothing else may reach it: not which repository a package came from, nor when.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from layering import progress, seal
from layering.assembly import Assembled, Recipe, assemble
from layering.errors import StrictError
from layering.importer import Layer, layer_info
from layering.metadata import LayerRecord, TreeMetadata
from layering.metadata_read import read
from layering.refs import base_ref, merged_ref
from layering.requests import Wanted
from layering.rpmdb import database_in
from layering.rpmdb_query import packages as installed_packages
from layering.sysroot import Sysroot
from layering.target import Target, nearest_checkout
from layering.versions import POLICY_VERSION
from layering.warnings import warn_of, warn_of_dropped, warning_records
from solver import Nevra, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOptions:
    """What may make a merged tree another one than the default."""

    noscripts: frozenset[str] = frozenset()
    strict: bool = False


def merged_commit(
    sysroot: Sysroot,
    target: Target,
    wanted: Wanted,
    transaction: Transaction,
    layers: Sequence[Layer],
    options: MergeOptions,
    report: progress.Report,
) -> str:
    """Returns the checksum of the merged commit, which a ref holds.

    Raises:
        FileConflictError, UnknownOwnerError, ScriptletFailedError, StrictError: nothing was kept.
    """
    records = _records(transaction, layers)
    ref = merged_ref(_key(target, wanted, records, options))
    known = sysroot.repo.try_resolve(ref)
    # What failed once, by a time limit perhaps, is tried again, and told again if it fails again.
    if known is not None and not read(sysroot.repo.commit_of(known)).warnings:
        progress.note(report, "merge", "merged tree: known from before")
        return known
    return _made(sysroot, target, wanted, records, layers, options, ref, report)


def _made(
    sysroot: Sysroot,
    target: Target,
    wanted: Wanted,
    records: tuple[LayerRecord, ...],
    layers: Sequence[Layer],
    options: MergeOptions,
    ref: str,
    report: progress.Report,
) -> str:
    repo = sysroot.repo
    recipe = Recipe(
        base=target.base,
        layers=tuple(layer_info(repo, layer) for layer in layers),
        checkout=nearest_checkout(sysroot.deployments, target.base_commit),
        noscripts=options.noscripts,
    )
    with repo.held():
        done = assemble(repo, recipe, report)
        warn_of(done.outcomes, report)
        failed = [outcome.invocation.label for outcome in done.outcomes if outcome.status]
        if failed and options.strict:
            raise StrictError(failed)
        warn_of_dropped(done.dropped, report)
        described = _described(sysroot, target, wanted, records, done)
        with progress.phase(report, "commit"), repo.transaction():
            repo.set_ref(base_ref(target.base_commit), target.base_commit)
            return seal.commit(
                repo,
                done.tree,
                parent=target.base_commit,
                subject=f"layered: {len(layers)}",
                timestamp=recipe.timestamp,
                metadata=described.pack(),
                refs=[ref],
            )


def _described(
    sysroot: Sysroot,
    target: Target,
    wanted: Wanted,
    records: tuple[LayerRecord, ...],
    done: Assembled,
) -> TreeMetadata:
    installed = installed_packages(database_in(target.base.installroot))
    local = (package.nevra for package in wanted.requested_local)
    return TreeMetadata(
        layered=True,
        version=target.base.version,
        linux=read(sysroot.repo.commit_of(target.base_commit)).linux,
        requested=tuple(sorted((*wanted.requested, *local))),
        packages=(
            *(package.nevra for package in installed),
            *(Nevra.parse(record.nevra) for record in records),
        ),
        layers=records,
        warnings=warning_records(done.outcomes),
        policy_version=POLICY_VERSION,
    )


def _records(transaction: Transaction, layers: Sequence[Layer]) -> tuple[LayerRecord, ...]:
    by_nevra = {layer.nevra: layer for layer in layers}
    return tuple(
        LayerRecord(
            nevra=str(package.nevra),
            digest=package.digest,
            commit=by_nevra[package.nevra].commit,
            repo="",  # where it came from differs by host and day, and the commit must not
            reason=str(package.reason),
            requested_by=package.requested_by,
        )
        for package in transaction.packages
    )


def _key(
    target: Target, wanted: Wanted, records: Sequence[LayerRecord], options: MergeOptions
) -> str:
    material = {
        "policy": POLICY_VERSION,
        "base": target.base_commit,
        "requested": wanted.requested,
        "local": [str(package) for package in wanted.requested_local],
        "layers": sorted(
            (record.nevra, record.digest, record.commit, record.reason, record.requested_by)
            for record in records
        ),
        "noscripts": sorted(options.noscripts),
    }
    text = json.dumps(material, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
