# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay refresh-md`."""

import datetime
import sys

import click

from layering.cli.options import Settings, repository_options, shown_options
from layering.cli.output import show_json
from layering.cli.render import counted, table
from layering.cli.session import client
from layering.repositories import RepositoryOptions
from solver import Repository


@click.command(name="refresh-md", epilog="Example: overlay refresh-md")
@repository_options
@shown_options
@click.pass_obj
def refresh_md(
    settings: Settings,
    /,
    *,
    enablerepo: tuple[str, ...],
    disablerepo: tuple[str, ...],
    repofrompath: tuple[tuple[str, str], ...],
    setopt: tuple[tuple[str, str], ...],
    cache_only: bool,
    releasever: str | None,
) -> int:
    """Fetch the repositories' metadata, and list them."""
    options = RepositoryOptions(
        enable=enablerepo,
        disable=disablerepo,
        from_path=repofrompath,
        setopts=setopt,
        cache_only=cache_only,
        refresh=not cache_only,
        releasever=releasever,
    )
    with client(settings, writable=True) as work:
        repositories = work.refresh_metadata(options)
    if settings.json:
        show_json({"version": 1, "repositories": [_document(each) for each in repositories]})
    else:
        rows = [
            (each.id, counted(each.packages, "package"), _generated(each)) for each in repositories
        ]
        for line in table(rows, right=frozenset({1})):
            print(line)
        if not rows:
            print("No repository is enabled.", file=sys.stderr)
    return 0


def _generated(repository: Repository) -> str:
    if repository.skipped:
        return f"skipped: {repository.skipped}"
    if not repository.generated:
        return "generated: not said"
    when = datetime.datetime.fromtimestamp(repository.generated, tz=datetime.UTC)
    return f"generated {when:%Y-%m-%d %H:%M} UTC"


def _document(repository: Repository) -> dict[str, object]:
    return {
        "id": repository.id,
        "name": repository.name,
        "urls": list(repository.urls),
        "packages": repository.packages,
        "generated": repository.generated,
        "skipped": repository.skipped,
    }
