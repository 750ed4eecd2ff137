# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the verbs that ask about packages share: their options, how they open a tree, documents.

A question takes no time worth telling: of its progress only what is still going on is shown, unless
more was asked for.
"""

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from layering.cli.options import Settings
from layering.cli.output import shown_progress
from layering.cli.render import counted, table
from layering.cli.session import cache_directory
from layering.cli.showing import Level
from layering.progress import Event, Kind, Report
from layering.repositories import RepositoryOptions
from layering.sysroot import Sysroot

if TYPE_CHECKING:
    from layering.explaining import Explanations
    from layering.packagequeries import KnownPackage, Questions

FILES = "@commandline"  # where a layer is said to be from that came as a file

F = TypeVar("F", bound=Callable[..., Any])


def revision_option(function: F) -> F:
    """Adds `--rev`."""
    return click.option(
        "--rev",
        metavar="REV",
        help="Ask about this tree: a deployment's number, a commit or a ref.",
    )(function)


def options_of(given: dict[str, Any]) -> RepositoryOptions:
    """Returns what the options say of repositories."""
    return RepositoryOptions(
        enable=given["enablerepo"],
        disable=given["disablerepo"],
        from_path=given["repofrompath"],
        setopts=given["setopt"],
        cache_only=given["cache_only"],
        releasever=given["releasever"],
    )


@contextmanager
def passing_progress(settings: Settings) -> Iterator[Report]:
    """Gives a report that shows what is going on, and nothing of it afterwards."""
    with shown_progress(settings) as shown:

        def report(event: Event) -> None:
            if event.kind is not Kind.END or settings.verbose or settings.progress is Level.JSON:
                shown(event)

        yield report


@contextmanager
def explained(settings: Settings, revision: str | None) -> "Iterator[Explanations]":
    """Gives what there is to say of a tree; needs neither root, the lock nor a repository."""
    from layering.explaining import explanations

    sysroot = Sysroot.open(settings.sysroot)
    cache = cache_directory(sysroot, settings.stateroot)
    with (
        passing_progress(settings) as report,
        explanations(sysroot, settings.stateroot, revision, cache, report) as found,
    ):
        yield found


@contextmanager
def asked(
    settings: Settings,
    revision: str | None,
    given: dict[str, Any],
    *,
    repositories: bool = True,
    paths: bool = False,
) -> "Iterator[Questions]":
    """Gives the answers about a tree; needs neither root nor the lock."""
    # libdnf5 costs 100 ms, which a usage error does not pay.
    from layering.packagequeries import questions

    sysroot = Sysroot.open(settings.sysroot)
    with passing_progress(settings) as report:
        cache = cache_directory(sysroot, settings.stateroot)
        options = options_of(given)
        with questions(
            sysroot,
            settings.stateroot,
            revision,
            options,
            cache,
            report,
            repositories=repositories,
            paths=paths,
        ) as answers:
            yield answers


def document(package: "KnownPackage") -> dict[str, object]:
    """Returns a package as JSON has it."""
    info, nevra = package.info, package.info.nevra
    return {
        "nevra": str(nevra),
        "name": nevra.name,
        "epoch": nevra.epoch,
        "version": nevra.version,
        "release": nevra.release,
        "arch": nevra.arch,
        "place": str(package.place),
        "repository": package.repository,
        "reason": package.reason,
        "requested_by": list(package.requested_by),
        "summary": info.summary,
        "description": info.description,
        "url": info.url,
        "license": info.license,
        "vendor": info.vendor,
        "source": info.source,
        "download_size": info.download_size,
        "install_size": info.install_size,
        "build_time": info.build_time,
    }


def head(questions: "Questions") -> dict[str, object]:
    """Returns the keys with which every answer begins."""
    return {
        "version": 1,
        "checksum": questions.view.commit,
        "base_checksum": questions.view.base_commit,
        "repositories": list(questions.repositories),
    }


def whereabouts(package: "KnownPackage") -> str:
    """Returns what a package is to the tree, in a few words."""
    names = ", ".join(package.requested_by)
    match package.place:
        case "base":
            return f"base, requested as {names}" if names else "base"
        case "layer":
            source = "a file" if package.repository == FILES else package.repository
            came = f" from {source}" if source else ""
            if package.reason in ("user", ""):
                return f"layer{came}{', requested' if package.reason else ''}"
            return f"layer{came}, for {names}"
        case _:
            return package.repository


def cropped(rows: Sequence[Sequence[str]], indent: str = "  ") -> Iterator[str]:
    """Yields the rows as a table; on a terminal each keeps to one line of it."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for line in table(rows):
        text = f"{indent}{line}"
        yield f"{text[: width - 1]}…" if width and len(text) > width else text


def tell_unmatched(settings: Settings, unmatched: Sequence[str]) -> None:
    """Says on stderr what of several words selected nothing."""
    if unmatched and settings.talks:
        words = ", ".join(f"'{word}'" for word in unmatched)
        print(f"No match for {counted(len(unmatched), 'word')}: {words}", file=sys.stderr)
