# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person wants of base packages, as an intent; and what its words came to once resolved.

Words are read against the packages of the base that is gone to. A word for a replacement is known
as a package only when the solver has answered, and as one to hold once its header is there.
"""

import fnmatch
import hashlib
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace

from layering import overriding, rpmdb, rpmdb_query
from layering.base import Base
from layering.errors import BadRequestError
from layering.importer import Layer, layer_info
from layering.intent import Intent
from layering.localrpm import local_packages, split_specs
from layering.origin import LocalPackage
from layering.originvalues import NO_OVERRIDES, Overrides
from layering.overriding import Instead, NotInBaseError, OverrideEdit
from layering.repo import Repo
from layering.requests import Wanted
from layering.target import Target
from solver import Nevra, Transaction


def overriding_as(intent: Intent, target: Target, edit: OverrideEdit) -> Intent:
    """Returns the intent with overrides dropped and added.

    Raises:
        NotOverriddenError: something is to be reset that is not overridden.
        BadRequestError, BrokenPackageError: a word is none, or means nothing of the base.
    """
    overrides = intent.wanted.overrides
    base = base_packages(target.base) if edit.remove or edit.replace or edit.reset else ()
    if edit.reset_all:
        overrides = NO_OVERRIDES
    if edit.reset:
        overrides = overriding.resetting(overrides, edit.reset, base)
    removed = _named(edit.remove, base, target, "remove")
    overrides = overriding.removing(overrides, removed) if removed else overrides
    words, files = split_specs(edit.replace)
    given = local_packages(files)
    for package in given:
        _check_replaces(package, base)
    overrides = overriding.holding(overrides, tuple(given)) if given else overrides
    instead = {name for word in words for name in overriding.matching(word, base)}
    _refuse_both({package.name for package in given} | instead, removed)
    return replace(
        intent,
        wanted=replace(intent.wanted, overrides=overrides),
        new_local={**intent.new_local, **given},
        removing=frozenset(removed),
        instead=tuple(Instead(spec=word, repo_id=edit.repo_id) for word in sorted({*words})),
        needs_repositories=intent.needs_repositories or bool(words or given),
    )


def refuse_contradiction(wanted: Wanted) -> None:
    """Raises BadRequestError where a package is removed from the base, and asked for."""
    names = {*wanted.requested, *(package.name for package in wanted.requested_local)}
    both = sorted(names.intersection(wanted.overrides.remove))
    if both:
        listed = " ".join(both)
        error = BadRequestError(f"both removed from the base and requested: {', '.join(both)}")
        error.add_note(f"'overlay override reset {listed}' takes the base's again")
        error.add_note(f"--uninstall, or 'overlay uninstall {listed}', drops the request")
        raise error


def base_packages(base: Base) -> tuple[Nevra, ...]:
    """Returns the packages of a base; RpmdbError if they cannot be read."""
    database = rpmdb.database_in(base.installroot)
    return tuple(package.nevra for package in rpmdb_query.packages(database))


def refuse_resting(intent: Intent, target: Target, transaction: Transaction) -> None:
    """Raises BadRequestError where a word of this command would replace nothing, or what goes."""
    _refuse_both({old.name for old, _new, _word in _resolved(intent, transaction)}, intent.removing)
    resting = [each.spec for each in intent.instead if each.spec in transaction.resting]
    if not resting:
        return
    base = base_packages(target.base)
    strange = [spec for spec in resting if not overriding.matching(spec, base)]
    if strange and len(strange) == len(resting):
        unknown = NotInBaseError(strange, "replace")
        layered = [spec for spec in strange if overriding.matching(spec, _layered(target))]
        verb = "its version is chosen by" if layered else "to layer it:"
        unknown.add_note(f"{verb} 'overlay install {' '.join(strange)}'")
        raise unknown
    same = sorted(set(resting) - set(strange))
    named = {name for spec in same for name in overriding.matching(spec, base)}
    versions = not any(fnmatch.fnmatchcase(name, spec) for name in named for spec in same)
    what = "it" if versions else "the newest"
    error = BadRequestError(f"the base has {what} itself: {', '.join(same)}")
    changed = sorted(named & overriding.overridden(intent.wanted.overrides))
    if changed:
        error.add_note(f"'overlay override reset {' '.join(changed)}' takes the base's again")
    error.add_note("name a version to go to another one: overlay override replace NAME-VERSION")
    raise error


def settled(
    repo: Repo, intent: Intent, transaction: Transaction, layers: Sequence[Layer]
) -> Wanted:
    """Returns what is wanted, with this command's words as the packages that they came to."""
    overrides = intent.wanted.overrides
    by_nevra = {layer.nevra: layer for layer in layers}
    for old, new, instead in _resolved(intent, transaction):
        if instead.follows(new):
            overrides = overriding.following(overrides, instead.repo_id, (old.name,))
    held = [
        _held(repo, by_nevra[new])
        for _old, new, instead in _resolved(intent, transaction)
        if not instead.follows(new)
    ]
    overrides = overriding.holding(overrides, held) if held else overrides
    return replace(intent.wanted, overrides=overrides)


def changes_overrides(intent: Intent, present: Overrides, transaction: Transaction) -> bool:
    """Returns whether this command's words would change what is overridden, and how."""
    held = {package.nevra for package in present.replace_local}
    followed = {(each.source, name) for each in present.replace for name in each.packages}
    for old, new, instead in _resolved(intent, transaction):
        source = f"{overriding.FROM_REPOSITORY}{instead.repo_id}"
        known = (source, old.name) in followed if instead.follows(new) else str(new) in held
        if not known:
            return True
    return False


def sources_of(intent: Intent, transaction: Transaction) -> dict[Nevra, str]:
    """Returns the source that each replacement follows, "" of one that is held."""
    follows = {
        name: each.source for each in intent.wanted.overrides.replace for name in each.packages
    }
    sources = {each.new: follows.get(each.old.name, "") for each in transaction.replaced}
    for _old, new, instead in _resolved(intent, transaction):
        followed = instead.follows(new)
        sources[new] = f"{overriding.FROM_REPOSITORY}{instead.repo_id}" if followed else ""
    return sources


def _resolved(intent: Intent, transaction: Transaction) -> Iterator[tuple[Nevra, Nevra, Instead]]:
    """Yields what was replaced for words of this command, with what, and for which word."""
    words = {(each.spec, each.repo_id): each for each in intent.instead}
    for each in transaction.replaced:
        word = words.get((each.replacing.spec, each.replacing.repo_id))
        if word is not None and each.replacing.renewed:
            yield each.old, each.new, word


def _held(repo: Repo, layer: Layer) -> LocalPackage:
    digest = hashlib.sha256(layer_info(repo, layer).stub).hexdigest()
    return LocalPackage(digest=digest, nevra=str(layer.nevra))


def _named(
    specs: Sequence[str], base: Sequence[Nevra], target: Target, verb: str
) -> tuple[str, ...]:
    found = {spec: overriding.matching(spec, base) for spec in specs}
    missing = [spec for spec, names in found.items() if not names]
    if missing:
        error = NotInBaseError(missing, verb)
        layered = [spec for spec in missing if overriding.matching(spec, _layered(target))]
        if layered:
            error.add_note(f"it is layered: overlay uninstall {' '.join(layered)}")
        raise error
    return tuple(sorted({name for names in found.values() for name in names}))


def _layered(target: Target) -> tuple[Nevra, ...]:
    return tuple(Nevra.parse(layer.nevra) for layer in target.tree.layers)


def _refuse_both(replaced: Set[str], removed: Iterable[str]) -> None:
    for name in sorted(replaced & {*removed}):
        raise BadRequestError(f"both to be removed from the base and replaced: {name}")


def _check_replaces(package: LocalPackage, base: Sequence[Nevra]) -> None:
    """Raises BadRequestError for a file of a package that the base has not, or just so."""
    asked = Nevra.parse(package.nevra)
    if asked in base:
        raise BadRequestError(f"the base has it itself: {package.nevra}")
    if asked.name not in {nevra.name for nevra in base}:
        error = NotInBaseError([asked.name], "replace")
        error.add_note(f"to layer it: overlay install ./{package.nevra}.rpm")
        raise error
