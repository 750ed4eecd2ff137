# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay compose tree`: base trees from package sets."""

from pathlib import Path

import click

from layering.cli.options import PairType, Settings, no_memo_option, shown_options
from layering.cli.output import show_json, shown_progress


@click.group(epilog="Example: overlay compose tree --repo repo minimal.yaml")
def compose() -> None:
    """Compose base trees on a build server."""


@compose.command(epilog="Example: overlay compose tree --repo repo minimal.yaml")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--repo",
    "repo_path",
    type=click.Path(path_type=Path),
    required=True,
    help="The OSTree repository that gets the tree; made (bare) if it is not there.",
)
@click.option(
    "--cachedir",
    type=click.Path(path_type=Path),
    help="Where metadata and packages are kept; default: below the repository.",
)
@click.option(
    "--repofrompath",
    multiple=True,
    type=PairType("ID,URL", ","),
    metavar="ID,URL",
    help="A repository, a URL or directory, beside those in .repo files next to FILE.",
)
@click.option("-C", "--cache-only", is_flag=True, help="Use what is cached, no network.")
@no_memo_option
@shown_options
@click.pass_obj
def tree(
    settings: Settings,
    /,
    *,
    file: Path,
    repo_path: Path,
    cachedir: Path | None,
    repofrompath: tuple[tuple[str, str], ...],
    cache_only: bool,
    no_memo: bool,
) -> int:
    """Compose the tree that a treefile describes.

    It is committed to the ref that FILE names, unless it is there already.
    """
    from layering.compose import Sources, compose_tree
    from layering.repo import Repo
    from layering.treefile import read_treefile

    treefile = read_treefile(file)
    repo = Repo.open(repo_path) if repo_path.exists() else Repo.create(repo_path)
    sources = Sources(
        cache_dir=(cachedir or repo_path / "extensions" / "overlay").absolute(),
        repo_dirs=(file.parent.absolute(),),
        repos_from_path=repofrompath,
        cache_only=cache_only,
    )
    with shown_progress(settings) as report:
        composed = compose_tree(treefile, repo, sources, report, recall=not no_memo)
    if settings.json:
        document: dict[str, object] = {"version": 1, "ref": composed.ref}
        document |= {"commit": composed.commit, "unchanged": composed.unchanged}
        document |= {"packages": [str(nevra) for nevra in composed.packages]}
        document |= {"warnings": [warning.message for warning in composed.warnings]}
        show_json(document)
    else:
        print(f"{composed.ref} {composed.commit}")
    return 0
