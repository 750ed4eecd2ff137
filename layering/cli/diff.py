# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay diff`: packages and files between deployments or commits."""

from collections.abc import Iterator
from pathlib import Path

import click

from layering.cli.options import Settings, shown_options
from layering.cli.output import show_json
from layering.cli.packages import difference_document, difference_lines
from layering.cli.printable import printable
from layering.cli.render import size, table
from layering.cli.session import cache_directory
from layering.deployments import Deployment
from layering.difference import FileDifference, TreeDifference, difference
from layering.dirtree import ChangeKind
from layering.errors import RepoError, SysrootError
from layering.packagediff import compare_packages
from layering.packagelist import packages_of
from layering.remotes import is_complete
from layering.repo import Repo
from layering.sysroot import Sysroot
from solver import Nevra

_MARKS = {
    ChangeKind.ADDED: "+",
    ChangeKind.REMOVED: "-",
    ChangeKind.MODIFIED: "M",
    ChangeKind.METADATA: "m",
}


@click.command(epilog="Example: overlay diff 1 0")
@click.argument("from_", metavar="[FROM]", required=False)
@click.argument("to", required=False)
@click.option("--packages", "only_packages", is_flag=True, help="Leave the files out.")
@shown_options
@click.pass_obj
def diff(settings: Settings, /, *, from_: str | None, to: str | None, only_packages: bool) -> int:
    """Show what differs between two trees.

    FROM and TO are deployments by number, commits, refs, or 'failed' for the tree that
    --keep-failed kept. Without TO, up to the pending deployment; without FROM, from the booted to
    the pending one, or else from the rollback one to the default.
    """
    sysroot = Sysroot.open(settings.sysroot)
    before, after = _ends(sysroot, settings, from_, to)
    cache = cache_directory(sysroot, settings.stateroot)
    compare = _packages_only if only_packages else _everything
    found = compare(sysroot.repo, before, after, cache)
    if settings.json:
        show_json(_document(found, files=not only_packages))
        return 0
    for line in [*difference_lines(found.packages), *_file_lines(found)] or ["No difference."]:
        print(printable(line))
    return 0


def _everything(repo: Repo, before: str, after: str, cache: Path) -> TreeDifference:
    for commit in (before, after):
        if not is_complete(repo, commit):
            what = f"only a part of {commit} is here: its packages can be compared with --packages"
            raise _partial(what, repo)
    return difference(repo, before, after, cache)


def _packages_only(repo: Repo, before: str, after: str, cache: Path) -> TreeDifference:
    packages = compare_packages(_packages(repo, before, cache), _packages(repo, after, cache))
    return TreeDifference(before=before, after=after, packages=packages, files=())


def _packages(repo: Repo, commit: str, cache: Path) -> tuple[Nevra, ...]:
    try:
        return packages_of(repo, commit, cache)
    except RepoError:
        if is_complete(repo, commit):
            raise
        what = f"only a part of {commit} is here, without its packages"
        raise _partial(what, repo) from None


def _partial(what: str, repo: Repo) -> RepoError:
    error = RepoError(repo.path, what)
    error.add_note("'overlay upgrade --download-only' fetches it")
    return error


def _ends(
    sysroot: Sysroot, settings: Settings, from_: str | None, to: str | None
) -> tuple[str, str]:
    stateroot = sysroot.chosen_stateroot(settings.stateroot)
    mine = [each for each in sysroot.deployments if each.stateroot == stateroot]
    if not mine:
        raise SysrootError(f"nothing is deployed in stateroot {stateroot}: sysroot {sysroot.path}")
    before = sysroot.commit_named(from_) if from_ else _default_before(mine, stateroot)
    return before, sysroot.commit_named(to) if to else mine[0].checksum


def _default_before(mine: list[Deployment], stateroot: str) -> str:
    booted = next((each for each in mine if each.booted and each is not mine[0]), None)
    rollback = next((each for each in mine if each.rollback), None)
    found = booted or rollback
    if found is None:
        error = SysrootError(
            f"stateroot {stateroot} has one deployment: nothing to compare it with"
        )
        error.add_note("name a commit or ref: overlay diff FROM [TO]")
        raise error
    return found.checksum


def _file_lines(found: TreeDifference) -> Iterator[str]:
    if not found.files:
        return
    yield f"Files: {len(found.files)}"
    rows = [(f"  {_MARKS[each.kind]}", _change(each), _path(each)) for each in found.files]
    yield from table(rows, right=frozenset({1}))


def _path(file: FileDifference) -> str:
    return printable(file.path).replace("\n", "\\n")  # one line each


def _change(file: FileDifference) -> str:
    grown = file.size_after - file.size_before
    return f"{'-' if grown < 0 else '+'}{size(abs(grown))}" if grown else ""


def _document(found: TreeDifference, *, files: bool) -> dict[str, object]:
    document: dict[str, object] = {"version": 1, "from": found.before, "to": found.after}
    document |= difference_document(found.packages)
    if files:
        document["files"] = [
            {
                "path": each.path,
                "kind": str(each.kind),
                "size_before": each.size_before,
                "size_after": each.size_after,
            }
            for each in found.files
        ]
    return document
