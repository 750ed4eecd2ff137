# SPDX-License-Identifier: LGPL-2.1-or-later
"""The merged commit of a base and layers: looked up if it was made before, else made.

Its key holds everything that it is made from, the requests included, for they stand in its
metadata. Nothing else may reach it: not which repository a package came from, nor when.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from layering import failedtree, progress, seal
from layering.allowances import NOTHING, Allowances
from layering.assembly import Assembled, assemble
from layering.errors import LayeringError
from layering.failures import keep_failures
from layering.foresight import Foresight, foresee
from layering.host import Host
from layering.importer import Layer, layer_info
from layering.metadata import LayerRecord, SkippedRecord, TreeMetadata
from layering.metadata_read import read
from layering.overriddentree import departures_of, overrides_key, replaced_pairs
from layering.recipe import Recipe
from layering.refs import FAILED_REF, base_ref, merged_ref
from layering.repo import Repo
from layering.requests import Wanted
from layering.rpmdb import database_in
from layering.rpmdb_query import packages as installed_packages
from layering.scriptlog import ScriptLog
from layering.target import Target, nearest_checkout
from layering.versions import POLICY_VERSION
from layering.warnings import noted, strict_error, warn_of_tree, warning_records
from solver import Nevra, Transaction
from triggers import Phase, Plan, TriggerError


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeOptions:
    """How scripts run, and what is to happen where they fail."""

    strict: bool = False  # any failure is an error
    keep_failed: bool = False  # the tree as it was then is kept, to be looked at
    recall: bool = True  # what scripts gave before is used where all that they read is the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What is put on top of the base, and what is allowed to it."""

    wanted: Wanted
    transaction: Transaction
    layers: tuple[Layer, ...]
    allowances: Allowances = NOTHING


def merged_commit(host: Host, target: Target, parts: Parts, options: MergeOptions) -> str:
    """Returns the checksum of the merged commit, which a ref holds.

    Raises:
        FileConflictError, UnknownOwnerError, ScriptletFailedError, StrictError: no merged commit
            was made; the tree as it was then is kept if the options say so.
    """
    repo, report = host.sysroot.repo, host.report
    records = _records(parts.transaction, parts.layers)
    ref = merged_ref(_key(target, parts, records))
    known = _made_before(repo, ref, options)
    if known is not None:
        progress.note(report, "merge", "merged tree: known from before")
        notes = read(repo.commit_of(known)).notes
        warn_of_tree((), notes, report, before=_said_before(target))
        return known
    head = [f"base {target.base_commit}", *(f"layer {record.nevra}" for record in records)]
    log = ScriptLog(host.log_dir, head, report)
    if options.keep_failed:
        failedtree.forget(repo)  # what is told of it later is of this operation
    try:
        return _made(host, target, parts, records, options, ref, log)
    except (LayeringError, TriggerError) as error:
        _explain(error, repo, options, log)
        raise
    finally:
        log.close()


def foreseen(host: Host, target: Target, parts: Parts, options: MergeOptions) -> Foresight:
    """Returns which scripts `merged_commit` would run; raises what that would before any does."""
    repo, records = host.sysroot.repo, _records(parts.transaction, parts.layers)
    if _made_before(repo, merged_ref(_key(target, parts, records)), options) is not None:
        return Foresight(made_before=True)
    return foresee(repo, _recipe(host, target, parts, options), host.report)


def _made_before(repo: Repo, ref: str, options: MergeOptions) -> str | None:
    """Returns the commit that was made from the same, if it may be used.

    What failed once, by a time limit perhaps, is tried again, and told again if it fails again.
    """
    known = repo.try_resolve(ref) if options.recall else None
    return None if known is None or read(repo.commit_of(known)).warnings else known


def _made(
    host: Host,
    target: Target,
    parts: Parts,
    records: tuple[LayerRecord, ...],
    options: MergeOptions,
    ref: str,
    log: ScriptLog,
) -> str:
    repo, report = host.sysroot.repo, host.report
    recipe = _recipe(host, target, parts, options)
    with repo.held():
        done = assemble(repo, recipe, report, after=log)
        if log.failed and options.strict:
            if options.keep_failed:
                failedtree.keep(
                    repo, done.tree, base=target.base_commit, timestamp=recipe.timestamp
                )
            raise strict_error(log.failed, report)
        notes = noted(recipe.layers, done.warnings, done.dropped)
        before = _said_before(target)
        warn_of_tree(done.outcomes, notes, report, before=before, log=log.path)
        described = _described(host, target, parts, records, done, notes)
        with progress.phase(report, "commit"), repo.transaction():
            repo.set_ref(base_ref(target.base_commit), target.base_commit)
            repo.write_tree(done.tree)  # all files land before the first commit
            done.remember()
            commit = seal.commit(
                repo,
                done.tree,
                parent=target.base_commit,
                subject=f"layered: {len(parts.layers)}",
                timestamp=recipe.timestamp,
                metadata=described.pack(),
                refs=[ref],
            )
        keep_failures(repo, commit, done.outcomes)
        return commit


def _said_before(target: Target) -> frozenset[str]:
    """Returns what was said when the pending tree was made."""
    failed = (warning.message for warning in target.tree.warnings)
    return frozenset((*failed, *target.tree.notes))


def _recipe(host: Host, target: Target, parts: Parts, options: MergeOptions) -> Recipe:
    sysroot = host.sysroot
    return Recipe(
        base=target.base,
        layers=tuple(layer_info(sysroot.repo, layer) for layer in parts.layers),
        departures=departures_of(parts.transaction),
        checkout=nearest_checkout(sysroot.deployments, target.base_commit),
        noscripts=parts.allowances.noscripts,
        skip=target.skip,
        triggers=target.triggers,
        replacing=parts.allowances.replacefiles,
        time_limit=target.settings.time_limit,
        keep_failed=options.keep_failed,
        recall=options.recall,
    )


def _explain(error: Exception, repo: Repo, options: MergeOptions, log: ScriptLog) -> None:
    """Adds where to look to an error that ended a merge."""
    if log.path is not None:
        error.add_note(f"all that scripts wrote is in {log.path}")
    kept = repo.try_resolve(FAILED_REF) if options.keep_failed else None
    if kept is not None:
        keep_failures(repo, kept, log.failed)
        error.add_note("'overlay shell failed' enters the tree as it was then")
        if log.failed:
            error.add_note("'overlay shell failed --replay' runs the script again in it")
    elif log.failed and not options.keep_failed:
        error.add_note("--keep-failed keeps the tree as it is then, for 'overlay shell failed'")


def _described(
    host: Host,
    target: Target,
    parts: Parts,
    records: tuple[LayerRecord, ...],
    done: Assembled,
    notes: tuple[str, ...],
) -> TreeMetadata:
    installed = installed_packages(database_in(target.base.installroot))
    local = (package.nevra for package in parts.wanted.requested_local)
    removed, (held, followed) = (
        parts.transaction.removed,
        replaced_pairs(parts.wanted.overrides, parts.transaction),
    )
    going = {*removed, *(each.old for each in parts.transaction.replaced)}
    return TreeMetadata(
        layered=True,
        version=target.base.version,
        linux=done.linux or read(host.sysroot.repo.commit_of(target.base_commit)).linux,
        requested=tuple(sorted((*parts.wanted.requested, *local))),
        packages=(
            *(package.nevra for package in installed if package.nevra not in going),
            *(Nevra.parse(record.nevra) for record in records),
        ),
        removed=removed,
        replaced_local=held,
        replaced_remote=followed,
        layers=records,
        warnings=warning_records(done.outcomes),
        policy_version=POLICY_VERSION,
        allowances=parts.allowances,
        skip=target.settings.skip,
        triggers=_host_triggers(target),
        skipped=_skipped(done.plan),
        notes=notes,
    )


def _host_triggers(target: Target) -> tuple[tuple[str, str], ...]:
    return tuple((each.name, each.digest) for each in target.triggers)


def _skipped(plan: Plan) -> tuple[SkippedRecord, ...]:
    """Returns what packages would have run; not what is overlay's own and had nothing to do."""
    return tuple(
        SkippedRecord(label=each.label, reason=each.reason)
        for each in plan.skipped
        if each.phase is not Phase.BUILTIN
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


def _key(target: Target, parts: Parts, records: Sequence[LayerRecord]) -> str:
    material = {
        "policy": POLICY_VERSION,
        "base": target.base_commit,
        "requested": parts.wanted.requested,
        "local": [str(package) for package in parts.wanted.requested_local],
        "layers": sorted(
            (record.nevra, record.digest, record.commit, record.reason, record.requested_by)
            for record in records
        ),
        "allowances": parts.allowances.to_dict(),
        "skip": target.settings.skip,
        "triggers": _host_triggers(target),
        **overrides_key(parts.wanted.overrides, parts.transaction),
    }
    text = json.dumps(material, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
