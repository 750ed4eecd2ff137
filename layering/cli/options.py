# SPDX-License-Identifier: LGPL-2.1-or-later
"""The options that verbs share, and what they become: frozen values, read once.

Those that hold for every verb may stand before it or behind it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from layering.allowances import NEW
from layering.cli.showing import Level

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    _Text = click.ParamType[str]
    _Pair = click.ParamType[tuple[str, str]]
else:  # before 8.4 click's types take no parameter
    _Text = _Pair = click.ParamType


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options that hold for every verb."""

    sysroot: Path
    stateroot: str | None
    verbose: int
    quiet: bool
    json: bool
    progress: Level

    @property
    def talks(self) -> bool:
        """Whether sentences go to stderr: not where that holds one JSON object a line."""
        return not self.quiet and self.progress is not Level.JSON

    color: bool | None  # None: on a terminal, unless NO_COLOR is set


class SomeText(_Text):
    """An argument that is not empty."""

    def __init__(self, name: str) -> None:
        self.name = name

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Returns the text without spaces around it; a usage error if nothing is left."""
        if not value.strip():
            self.fail("it is empty", param, ctx)
        return value.strip()


class PairType(_Pair):
    """An option's value in two parts around a separator."""

    def __init__(self, name: str, separator: str) -> None:
        self.name = name
        self._separator = separator

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Returns the two parts; a usage error if there are not two."""
        if isinstance(value, tuple):
            return value
        first, found, second = value.partition(self._separator)
        if not (first and found):
            self.fail(f"{value!r} is not of the form {self.name}", param, ctx)
        return first, second


def shown_options(function: F) -> F:
    """Lets the options that hold for every verb stand behind it, too."""
    late: dict[str, Any] = {"expose_value": False, "callback": _add}
    return _with_options(
        function,
        click.option("-v", "--verbose", count=True, help="Say more.", **late),
        click.option("-q", "--quiet", is_flag=True, help="Say only warnings and errors.", **late),
        click.option("--json", is_flag=True, help="Data on stdout as one JSON document.", **late),
        click.option(
            "--progress",
            type=click.Choice([str(level) for level in Level]),
            metavar="FORM",
            help="How progress is shown.",
            **late,
        ),
        click.option(
            "--sysroot",
            type=click.Path(path_type=Path),
            metavar="PATH",
            help="The OSTree sysroot to work on.",
            **late,
        ),
        click.option("--stateroot", metavar="NAME", help="The stateroot.", **late),
    )


def _add(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """Puts an option that stands behind the verb into the settings."""
    settings = ctx.find_object(Settings)
    if not value or settings is None:
        return
    match param.name:
        case "verbose":
            ctx.obj = replace(settings, verbose=settings.verbose + value)
        case "quiet":
            ctx.obj = replace(settings, quiet=True)
        case "json":
            ctx.obj = replace(settings, json=True)
        case "sysroot":
            ctx.obj = replace(settings, sysroot=value.absolute())
        case "stateroot":
            ctx.obj = replace(settings, stateroot=value)
        case "progress":
            ctx.obj = replace(settings, progress=Level(value))


def _with_options(function: F, *options: Callable[[Any], Any]) -> F:
    """Adds options; help lists them in the order in which they stand here."""
    for option in reversed(options):
        function = option(function)
    return function


def repository_options(function: F) -> F:
    """Adds the options that choose repositories."""
    return _with_options(
        function,
        click.option("--enablerepo", multiple=True, metavar="GLOB", help="Enable repositories."),
        click.option("--disablerepo", multiple=True, metavar="GLOB", help="Disable repositories."),
        click.option(
            "--repofrompath",
            multiple=True,
            type=PairType("ID,URL", ","),
            metavar="ID,URL",
            help="Use one more repository, a URL or directory, for this command.",
        ),
        click.option(
            "--setopt",
            multiple=True,
            type=PairType("OPTION=VALUE", "="),
            metavar="OPTION=VALUE",
            help="Set an option of dnf.conf, or REPO.OPTION of a repository.",
        ),
        click.option("-C", "--cache-only", is_flag=True, help="Use what is cached, no network."),
        click.option("--releasever", metavar="VERSION", help="Override $releasever."),
    )


def swallowed(word: str) -> click.UsageError:
    """Returns the error of a --noscripts that took the word after it for its package."""
    error = click.UsageError(f"no package to run no scripts of: {word}")
    error.add_note(
        f"--noscripts took '{word}' as its package: put it last, or write --noscripts=NAME"
    )
    return error


def _packages(
    ctx: click.Context, param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    """Refuses RPM files where names of packages are to stand."""
    for word in value:
        if word.endswith(".rpm") or "/" in word:
            raise swallowed(word)
    return value


def change_options(function: F) -> F:
    """Adds the options of verbs that make a new deployment."""
    return _with_options(
        function,
        click.option("-y", "--assumeyes", is_flag=True, help="Do not ask."),
        click.option(
            "-n",
            "--dry-run",
            is_flag=True,
            help="Show what would change, and stop; with -v import, and tell what runs.",
        ),
        click.option("--download-only", is_flag=True, help="Download and import, and stop."),
        click.option("--no-weak-deps", is_flag=True, help="Leave out recommended packages."),
        click.option("--exclude", multiple=True, metavar="GLOB", help="Ignore these packages."),
        click.option(
            "--noscripts",
            multiple=True,
            is_flag=False,
            flag_value=NEW,
            metavar="[PACKAGE]",
            callback=_packages,
            help="Run no scriptlet of this package, or of those that are new.",
        ),
        click.option(
            "--force-replacefiles",
            is_flag=True,
            help="Let files of new packages take the place of others.",
        ),
        click.option(
            "--drop-device-nodes",
            is_flag=True,
            help="Leave device nodes, pipes and sockets of new packages out.",
        ),
        click.option("--strict", is_flag=True, help="A failing scriptlet of any kind is an error."),
        click.option(
            "--keep-failed",
            is_flag=True,
            help="Keep the tree of a failure, for 'overlay shell failed'.",
        ),
        no_memo_option,
        deployment_options,
    )


def no_memo_option(function: F) -> F:
    """Adds `--no-memo`."""
    return click.option(
        "--no-memo", is_flag=True, help="Use no result of an earlier run: let every script run."
    )(function)


def deployment_options(function: F) -> F:
    """Adds the options of whatever makes a new deployment, be it of the tree that is there."""
    return _with_options(
        function,
        reboot_option,
        click.option(
            "--lock-finalization",
            is_flag=True,
            help="Stage, but let no shutdown take it up before 'overlay finalize'.",
        ),
        unchanged_option,
    )


def reboot_option(function: F) -> F:
    """Adds `--reboot`."""
    return click.option("-r", "--reboot", is_flag=True, help="Reboot into it afterwards.")(function)


def unchanged_option(function: F) -> F:
    """Adds `--unchanged-exit-77`."""
    return click.option(
        "--unchanged-exit-77", is_flag=True, help="Exit with 77 if nothing had to be done."
    )(function)


def install_option(function: F) -> F:
    """Adds `--install`, for verbs that do something else in the first place."""
    return click.option("--install", multiple=True, metavar="SPEC", help="Add a request, too.")(
        function
    )


def uninstall_option(function: F) -> F:
    """Adds `--uninstall`, for verbs that do something else in the first place."""
    return click.option("--uninstall", multiple=True, metavar="SPEC", help="Drop a request, too.")(
        function
    )
