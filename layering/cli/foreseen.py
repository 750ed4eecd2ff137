# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which scripts a change would run, as `-n -v` shows it, and as data."""

import shutil
import textwrap
from collections import Counter
from collections.abc import Iterator

from layering.foresight import Foreseen, Foresight, How

_WIDTH = 80  # where there is no terminal
_WORDS = {How.RUNS: "run", How.REMEMBERED: "from memory", How.SKIPPED: "skipped"}
NO_RIGHT = "only root can tell: packages are imported for it"


def foresight_lines(foresight: Foresight) -> Iterator[str]:
    """Yields what a person reads."""
    if foresight.untold:
        yield f"triggers: not known, {foresight.untold}"
        return
    if foresight.made_before:
        yield "triggers: none, this very tree was made before"
        return
    counts = Counter(each.how for each in foresight.scripts)
    if not (counts[How.RUNS] or counts[How.REMEMBERED]):
        yield "triggers: none"
    else:
        told = [f"{counts[how]} {_WORDS[how]}" for how in How if counts[how]]
        yield f"triggers and scriptlets: {', '.join(told)}"
    for each in foresight.scripts:
        yield from _script(each)
    if any(each.after_another for each in foresight.scripts):
        yield from _wrapped(
            "After the first that runs this holds unless it changes what later ones read.", "  "
        )


def _script(each: Foreseen) -> Iterator[str]:
    head = f"  {_WORDS[each.how]:<{max(map(len, _WORDS.values()))}}  "
    yield from _wrapped(f"{head}{each.label}: {each.why}", " " * len(head))


def _wrapped(text: str, indent: str) -> Iterator[str]:
    width = max(40, shutil.get_terminal_size((_WIDTH, 0)).columns)
    first = text if text.startswith(" ") else f"{indent}{text}"
    yield from textwrap.wrap(
        first,
        width,
        subsequent_indent=indent,
        drop_whitespace=True,
        break_long_words=False,
        break_on_hyphens=False,
    )


def foresight_document(foresight: Foresight) -> dict[str, object]:
    """Returns it as JSON has it."""
    return {
        "untold": foresight.untold or None,
        "made_before": foresight.made_before,
        "scripts": [
            {
                "label": each.label,
                "how": str(each.how),
                "why": each.why,
                "after_another": each.after_another,
            }
            for each in foresight.scripts
        ],
    }
