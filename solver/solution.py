# SPDX-License-Identifier: LGPL-2.1-or-later
"""A solved libdnf5 transaction, turned into our own values at once.

libdnf5's packages abort the process when they are used after their Base is gone, so nothing of
them is kept. Who asked for a package follows from the solution's own dependencies, those that the
base meets left out.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import libdnf5

from solver.candidates import Candidates
from solver.identity import nevra_of
from solver.matching import reldep_list
from solver.model import (
    COMMANDLINE_REPO,
    LAYERS_REPO,
    Package,
    Reason,
    Source,
)
from solver.nevra import Nevra
from solver.transaction import Step

_REASONS = {
    libdnf5.transaction.TransactionItemReason_USER: Reason.USER,
    libdnf5.transaction.TransactionItemReason_GROUP: Reason.GROUP,
    libdnf5.transaction.TransactionItemReason_WEAK_DEPENDENCY: Reason.WEAK,
}


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Returns "algorithm:hex" of a whole file."""
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def digest_of(package: Any) -> str:
    """Returns the digest that the repository's metadata has of the RPM file."""
    checksum = package.get_checksum()
    return f"{checksum.get_type_str()}:{checksum.get_checksum()}"


def steps_of(transaction: Any) -> tuple[Step, ...]:
    """Returns what a libdnf5 transaction would do; changes of reasons alone are no steps."""
    steps = []
    for item in transaction.get_transaction_packages():
        action = item.get_action()
        if action == libdnf5.transaction.TransactionItemAction_REASON_CHANGE:
            continue
        steps.append(
            Step(
                nevra=nevra_of(item.get_package()),
                repo_id=str(item.get_package().get_repo_id()),
                inbound=bool(libdnf5.transaction.transaction_item_action_is_inbound(action)),
                replaces=tuple(nevra_of(package) for package in item.get_replaces()),
            )
        )
    return tuple(steps)


def incoming(transaction: Any) -> list[tuple[Any, Reason]]:
    """Returns the packages that come in and why, sorted by NEVRA."""
    found = [
        (item.get_package(), _REASONS.get(item.get_reason(), Reason.DEPENDENCY))
        for item in transaction.get_transaction_packages()
        if libdnf5.transaction.transaction_item_action_is_inbound(item.get_action())
    ]
    return sorted(found, key=lambda pair: str(nevra_of(pair[0])))


def twins_to_avoid(candidates: Candidates, packages: Iterable[Any]) -> Any:
    """Returns a set of packages which another one of the same NEVRA is to be taken for.

    Which of several repositories a package comes from must not depend on the order in which they
    were loaded: the caller's files first, then layers, then by priority, cost and id. In an upgrade
    layers come last where the best repository has another build of the package.
    """
    chosen = list(packages)
    avoided = libdnf5.rpm.PackageSet(candidates.base)
    if not chosen:
        return avoided
    query = _twins_of(candidates, chosen)
    rebuilt = _rebuilt(candidates, query) if candidates.upgrade else frozenset()
    best: dict[Nevra, tuple[tuple[object, ...], Any]] = {}
    for package in query:
        nevra = nevra_of(package)
        entry = (_preference(candidates, package, rebuilt), package)
        if nevra not in best or entry[0] < best[nevra][0]:
            best[nevra] = entry
    wanted = {int(package.get_id().id) for _, package in best.values()}
    if all(int(package.get_id().id) in wanted for package in chosen):
        return avoided
    for package in query:
        if int(package.get_id().id) not in wanted:
            avoided.add(package)
    return avoided


def preferred(candidates: Candidates, twins: Sequence[Any]) -> Any:
    """Returns which of several packages of one NEVRA is to be taken."""
    known = _twins_of(candidates, twins)
    rebuilt = _rebuilt(candidates, known) if candidates.upgrade else frozenset()
    return min(twins, key=lambda package: _preference(candidates, package, rebuilt))


def _twins_of(candidates: Candidates, packages: Sequence[Any]) -> Any:
    query = libdnf5.rpm.PackageQuery(candidates.visible)
    query.filter_available()
    query.filter_nevra([str(package.get_nevra()) for package in packages])
    return query


def needs_of(
    candidates: Candidates, packages: Iterable[Any], *, weak: bool
) -> dict[Nevra, set[Nevra]]:
    """Returns for each package the others of the set that it pulls in."""
    base = candidates.base
    chosen = libdnf5.rpm.PackageSet(base)
    for package in packages:
        chosen.add(package)
    seen: dict[str, frozenset[Nevra]] = {}

    def providers(reldep: Any) -> frozenset[Nevra]:
        text = str(reldep.to_string())
        if text not in seen:
            wanted = reldep_list(base, [reldep])
            query = libdnf5.rpm.PackageQuery(chosen)
            query.filter_provides(wanted)
            met = libdnf5.rpm.PackageQuery(candidates.staying)
            if query.size():
                met.filter_provides(wanted)
            by_base = query.size() and met.size()
            seen[text] = frozenset() if by_base else frozenset(nevra_of(one) for one in query)
        return seen[text]

    needs: dict[Nevra, set[Nevra]] = {nevra_of(package): set() for package in chosen}
    for package in chosen:
        nevra = nevra_of(package)
        for reldep in package.get_requires():
            needs[nevra] |= providers(reldep)
        if not weak:
            continue
        for reldep in package.get_recommends():
            needs[nevra] |= providers(reldep)
        for reldep in package.get_supplements():
            for other in providers(reldep):
                needs[other].add(nevra)
    return needs


def package_values(
    candidates: Candidates,
    packages: Iterable[tuple[Any, Reason]],
    requests: Mapping[Nevra, tuple[str, ...]],
) -> tuple[Package, ...]:
    """Returns our own values for libdnf5's packages, sorted by NEVRA."""
    values = [
        _package_value(candidates, package, reason, requests[nevra_of(package)])
        for package, reason in packages
    ]
    return tuple(sorted(values, key=lambda value: str(value.nevra)))


def _package_value(
    candidates: Candidates, package: Any, reason: Reason, requested_by: tuple[str, ...]
) -> Package:
    stub = candidates.stubs.get(int(package.get_id().id))
    if stub is not None:
        source, repo_id, path, digest = Source.LAYER, LAYERS_REPO, stub.path, stub.digest
    elif str(package.get_repo_id()) == COMMANDLINE_REPO:
        file = candidates.files.path_of(package)
        source, repo_id, path, digest = Source.LOCAL, COMMANDLINE_REPO, file, file_digest(file)
    else:
        source, repo_id, path = Source.REPOSITORY, str(package.get_repo_id()), None
        digest = digest_of(package)
    return Package(
        nevra=nevra_of(package),
        repo_id=repo_id,
        digest=digest,
        download_size=0 if stub is not None else int(package.get_download_size()),
        install_size=int(package.get_install_size()),
        reason=reason,
        requested_by=requested_by,
        source=source,
        path=path,
        summary=str(package.get_summary()),
    )


def _rebuilt(candidates: Candidates, packages: Any) -> frozenset[Nevra]:
    """Returns the layers that the best repository has under the same name, but not as they are."""
    offered: dict[Nevra, tuple[tuple[object, ...], str]] = {}
    layers: dict[Nevra, set[str]] = {}
    for package in packages:
        nevra = nevra_of(package)
        stub = candidates.stubs.get(int(package.get_id().id))
        if stub is not None:
            layers.setdefault(nevra, set()).add(stub.digest)
        elif str(package.get_repo_id()) != COMMANDLINE_REPO:
            entry = (_preference(candidates, package, frozenset()), digest_of(package))
            offered[nevra] = min(entry, offered.get(nevra, entry))
    return frozenset(
        nevra
        for nevra, digests in layers.items()
        if nevra in offered and offered[nevra][1] not in digests
    )


def _preference(
    candidates: Candidates, package: Any, rebuilt: AbstractSet[Nevra]
) -> tuple[object, ...]:
    number = int(package.get_id().id)
    if number in {int(local.get_id().id) for local in candidates.given}:
        return (0, 0, 0, "", "")
    if number in candidates.stubs:
        place = 3 if nevra_of(package) in rebuilt else 1
        return (place, 0, 0, "", candidates.stubs[number].digest)
    repo = package.get_repo()
    return (2, repo.get_priority(), repo.get_cost(), str(repo.get_id()), digest_of(package))
