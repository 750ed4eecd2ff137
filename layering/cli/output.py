# SPDX-License-Identifier: LGPL-2.1-or-later
"""What verbs write with: data to stdout, progress to stderr."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from layering.cli.options import Settings
from layering.cli.showing import Level, renderer
from layering.progress import Report


def show_json(document: object) -> None:
    """Prints one JSON document on stdout."""
    print(json.dumps(document, indent=2))


def colored(settings: Settings) -> bool:
    """Returns whether what goes to stdout has colours: on a terminal, unless somebody minds."""
    if settings.color is not None:
        return settings.color
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


@contextmanager
def shown_progress(settings: Settings) -> Iterator[Report]:
    """Gives the report that shows progress as the options say."""
    level = Level.NONE if settings.quiet else settings.progress
    shown = renderer(level, verbose=settings.verbose, color=settings.color)
    try:
        yield shown
    finally:
        shown.close()
