# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay provides`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from layering.cli.asking import (
    asked,
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
    from solver import Provider

_SHOWN = 10  # capabilities or paths of one package


@click.command(epilog="Example: overlay provides /usr/bin/strace 'libz.so.1*'")
@click.argument("specs", metavar="WHAT…", nargs=-1, required=True, type=SomeText("WHAT"))
@revision_option
@repository_options
@shown_options
@click.pass_obj
def provides(
    settings: Settings, /, *, specs: tuple[str, ...], rev: str | None, **given: Any
) -> int:
    """Tell which packages provide something.

    WHAT is a capability, with a version or without, a path, a glob of either, or the name of a
    program.
    """
    paths = any("/" in spec for spec in specs)
    with asked(settings, rev, given, paths=paths) as questions:
        found = {spec: questions.providers(spec) for spec in specs}
        known = [
            (spec, questions.known(each.package), each)
            for spec, providers in found.items()
            for each in providers
        ]
        start = head(questions)
        failure = None if known else questions.nothing_matches(specs)
    unmatched = tuple(spec for spec, providers in found.items() if not providers)
    if settings.json:
        packages = [_document(*each) for each in known]
        show_json({**start, "packages": packages, "unmatched": [*unmatched]})
    if failure is not None:
        raise failure
    tell_unmatched(settings, unmatched)
    for _spec, package, provider in () if settings.json else known:
        for line in _lines(package, provider):
            print(printable(line))
    return 0


def _document(spec: str, package: "KnownPackage", provider: "Provider") -> dict[str, object]:
    return {
        **document(package),
        "asked": spec,
        "capabilities": list(provider.capabilities),
        "paths": list(provider.paths),
    }


def _lines(package: "KnownPackage", provider: "Provider") -> Iterator[str]:
    yield f"{package.info.nevra} ({whereabouts(package)}): {package.info.summary}"
    provided = (*provider.capabilities, *provider.paths)
    yield from (f"  {each}" for each in provided[:_SHOWN])
    if len(provided) > _SHOWN:
        yield f"  and {len(provided) - _SHOWN} more"
