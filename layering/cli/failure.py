# SPDX-License-Identifier: LGPL-2.1-or-later
"""How failures reach a person: `error: …` on one line, causes under it, then hints.

With `--progress json` the same is one JSON object on one line, so that a program can read the whole
of stderr. A traceback is shown with `-vv` alone. Statuses: 0 done, 1 error, 2 usage, 77 nothing
changed (when asked for), 130 interrupted.
"""

import errno
import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from layering.cli.printable import printable

if TYPE_CHECKING:
    from triggers import Outcome

ERROR = 1
USAGE = 2
UNCHANGED = 77
INTERRUPTED = 130
_LINES_SHOWN = 20  # of what a failed script wrote


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is told of an error: itself, its causes, and the hints of all of them."""

    message: str
    causes: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    chain: tuple[dict[str, str], ...] = ()  # of the solver: from requests to what stops them

    def lines(self) -> Iterator[str]:
        """Yields what a person reads."""
        yield f"error: {self.message}"
        yield from (f"  {cause}" for cause in self.causes)
        yield from (f"hint: {hint}" for hint in self.hints)

    def record(self) -> dict[str, object]:
        """Returns what stands on the one line that a program reads."""
        record: dict[str, object] = {
            "v": 1,
            "event": "error",
            "phase": "error",
            "item": self.message,
            "causes": list(self.causes),
            "hints": list(self.hints),
        }
        return record | {"chain": list(self.chain)} if self.chain else record


def exit_status(command: click.Command, arguments: list[str] | None) -> int:
    """Runs a click command, shows what it raises, and returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    unreadable = [word for word in words if not _is_utf8(word)]
    if unreadable:
        shown = os.fsencode(unreadable[0]).decode("utf-8", "backslashreplace")
        _tell(Failure(message=f"an argument is not UTF-8: '{shown}'"), words)
        return USAGE
    try:
        status = command.main(args=words, prog_name="overlay", standalone_mode=False)
        # Here, where it can still be told, and not when the interpreter ends.
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return USAGE
    except click.UsageError as error:
        _tell(_usage(error), words)
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        if _wants_json(words):
            _tell(Failure(message="interrupted"), words)
        else:
            print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; what is left of it must not fail again at the end.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return ERROR
    except Exception as error:  # noqa: BLE001  the border: whatever was raised becomes a message
        if _verbosity(words) > 1 and not _wants_json(words):
            traceback.print_exception(error)
        _tell(failure(error, verbose=_verbosity(words) > 0), words)
        return ERROR
    return status if isinstance(status, int) else 0


def failure(error: BaseException, *, verbose: bool = False) -> Failure:
    """Returns what is told of an exception; each thing once.

    Of a script that failed, that is the end of what it wrote; when verbose, all, and how it ran.
    """
    message = _text(error)
    outcome: Outcome | None = getattr(error, "outcome", None)  # of the script that it is about
    causes = [] if outcome is None else _output(outcome, verbose=verbose)
    causes += getattr(error, "causes", ())
    told = [message]
    for detail in getattr(error, "details", ()) if outcome is None else ():
        if not any(detail in one for one in told):
            causes.append(detail)
            told.append(detail)
    hints = list(_hints(error))
    cause = error.__cause__
    while cause is not None:
        # What a library raised stands in our own error's message, as far as a person needs it.
        if _is_ours(cause) or isinstance(cause, OSError):
            text = _text(cause)
            if text and not any(text in one for one in told):
                causes.append(f"because: {text}")
                told.append(text)
            hints += _hints(cause)
        cause = cause.__cause__
    return Failure(
        message=message,
        causes=tuple(causes),
        hints=tuple(dict.fromkeys(hints)),
        chain=tuple(asdict(link) for link in getattr(error, "chain", ())),
    )


def _output(outcome: "Outcome", *, verbose: bool) -> list[str]:
    lines = [line.rstrip() for line in outcome.output.strip().splitlines()]
    return [*lines, f"it ran as: {outcome.replay}"] if verbose else lines[-_LINES_SHOWN:]


def _tell(told: Failure, words: Sequence[str]) -> None:
    if _wants_json(words):
        print(json.dumps(told.record()), file=sys.stderr)
    else:
        for line in told.lines():
            print(printable(line), file=sys.stderr)


def _is_utf8(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:  # what Python makes of bytes that are none
        return False
    return True


def _usage(error: click.UsageError) -> Failure:
    """Returns click's words for a wrong command line, in the form of all our errors."""
    message = error.format_message().rstrip(".")
    where = error.ctx.command_path if error.ctx else "overlay"
    hints = tuple(getattr(error, "__notes__", ())) or (f"try '{where} --help'",)
    return Failure(message=f"{message[:1].lower()}{message[1:]}", hints=hints)


# The words themselves are looked at: an error may come before click has read them.


def _verbosity(words: Sequence[str]) -> int:
    short = [word for word in words if re.fullmatch(r"-v+", word)]
    return sum(len(word) - 1 for word in short) + words.count("--verbose")


def _wants_json(words: Sequence[str]) -> bool:
    found = re.findall(r"(?:^|\0)--progress[=\0]([^\0]*)", "\0".join(words))
    return found[-1:] == ["json"]


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f": {os.fsdecode(error.filename)}" if error.filename else ""
        return f"{error.strerror.lower()}{where}"
    if _is_ours(error) or isinstance(error, click.ClickException):
        return str(error)
    return f"{type(error).__name__}: {error}"


def _hints(error: BaseException) -> Iterator[str]:
    yield from getattr(error, "__notes__", ())
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        yield "free some space, for example with 'overlay cleanup', and run the command again"
    elif isinstance(error, PermissionError) and os.geteuid() != 0:
        yield "run it with sudo or as root"
    elif not _is_ours(error) and not isinstance(error, (OSError, click.ClickException)):
        yield "this is a defect of overlay: run again with -vv and report what it prints"


def _is_ours(error: BaseException) -> bool:
    """Tells whether an exception speaks our language: its message is for people as it is."""
    return type(error).__module__.partition(".")[0] in {"layering", "solver", "triggers"} and (
        not isinstance(error, (AssertionError, TypeError))
    )
