# SPDX-License-Identifier: LGPL-2.1-or-later
"""How failures reach a person: `error: …` on one line, causes under it, then hints.

A traceback is shown with `-vv` alone. Statuses: 0 done, 1 error, 2 usage, 77 nothing changed (when
asked for), 130 interrupted.
"""

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence

import click

ERROR = 1
USAGE = 2
UNCHANGED = 77
INTERRUPTED = 130


def exit_status(command: click.Command, arguments: list[str] | None) -> int:
    """Runs a click command, shows what it raises, and returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    try:
        status = command.main(args=words, prog_name="overlay", standalone_mode=False)
        # Here, where it can still be told, and not when the interpreter ends.
        sys.stdout.flush()
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        for line in _usage(error):
            print(line, file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; what is left of it must not fail again at the end.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return ERROR
    except Exception as error:  # noqa: BLE001  the border: whatever was raised becomes a message
        if _verbosity(words) > 1:
            traceback.print_exception(error)
        for line in lines(error):
            print(line, file=sys.stderr)
        return ERROR
    return status if isinstance(status, int) else 0


def lines(error: BaseException) -> Iterator[str]:
    """Yields the lines that tell of an error: itself, its causes, the hints of all of them."""
    text = _text(error)
    yield f"error: {text}"
    told = [text]
    for detail in getattr(error, "details", ()):
        if not any(detail in one for one in told):
            yield f"  {detail}"
            told.append(detail)
    hints = list(_hints(error))
    cause = error.__cause__
    while cause is not None:
        # What a library raised stands in our own error's message, as far as a person needs it.
        if _is_ours(cause) or isinstance(cause, OSError):
            text = _text(cause)
            if text and not any(text in one for one in told):
                yield f"  because: {text}"
                told.append(text)
            hints += _hints(cause)
        cause = cause.__cause__
    for hint in dict.fromkeys(hints):
        yield f"hint: {hint}"


def _usage(error: click.UsageError) -> Iterator[str]:
    """Yields click's words for a wrong command line, in the form of all our errors."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        yield error.format_message()
        return
    message = error.format_message().rstrip(".")
    yield f"error: {message[:1].lower()}{message[1:]}"
    where = error.ctx.command_path if error.ctx else "overlay"
    yield f"hint: try '{where} --help'"


def _verbosity(words: Sequence[str]) -> int:
    short = [word for word in words if re.fullmatch(r"-v+", word)]
    return sum(len(word) - 1 for word in short) + words.count("--verbose")


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
