# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay list`."""

import sys
from typing import TYPE_CHECKING, Any

import click

from layering.cli.asking import (
    asked,
    cropped,
    document,
    head,
    revision_option,
    tell_unmatched,
    whereabouts,
)
from layering.cli.options import Settings, SomeText, repository_options, shown_options
from layering.cli.output import show_json
from layering.cli.printable import printable

if TYPE_CHECKING:
    from layering.packagequeries import KnownPackage

_TREE, _AVAILABLE = "In the tree:", "Available:"


@click.command(epilog="Example: overlay list --layered; overlay list 'glib*'")
@click.argument("specs", metavar="[SPEC…]", nargs=-1, type=SomeText("SPEC"))
@click.option("--installed", "scope", flag_value="installed", help="What the tree has.")
@click.option("--available", "scope", flag_value="available", help="What the repositories have.")
@click.option("--layered", "scope", flag_value="layered", help="The tree's layers.")
@click.option("--base", "scope", flag_value="base", help="What the tree has from its base.")
@click.option("--showduplicates", is_flag=True, help="All versions, not the newest alone.")
@revision_option
@repository_options
@shown_options
@click.pass_obj
def list(
    settings: Settings,
    /,
    *,
    specs: tuple[str, ...],
    scope: str | None,
    showduplicates: bool,
    rev: str | None,
    **given: Any,
) -> int:
    """List packages of the tree and of the repositories.

    SPEC is a name, a NEVRA in any of its forms, or a glob of either; without one all packages are
    listed. The tree is the pending deployment's.
    """
    from layering.packagequeries import Scope

    wanted = Scope(scope or "all")
    needed = wanted in (Scope.ALL, Scope.AVAILABLE)
    with asked(settings, rev, given, repositories=needed) as questions:
        found = questions.select(specs, wanted, all_versions=showduplicates)
        start, where = head(questions), questions.where
        nothing = not (found.tree or found.available)
        failure = questions.nothing_matches(specs) if nothing and specs else None
    if settings.json:
        documents = [document(each) for each in (*found.tree, *found.available)]
        show_json({**start, "packages": documents, "unmatched": [*found.unmatched]})
    if failure is not None:
        raise failure
    tell_unmatched(settings, found.unmatched)
    if nothing and settings.talks:
        what = "layered package" if wanted is Scope.LAYERED else "package"
        print(f"No {what}: {where}", file=sys.stderr)
    for title, packages in ((_TREE, found.tree), (_AVAILABLE, found.available)):
        if packages and not settings.json:
            print(title)
            for line in cropped([_row(each) for each in packages]):
                print(printable(line))
    return 0


def _row(package: "KnownPackage") -> tuple[str, ...]:
    nevra = package.info.nevra
    return nevra.name, nevra.evr, nevra.arch, whereabouts(package)
