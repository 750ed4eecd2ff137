# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other people's words on a terminal: what would move its cursor, or worse, is escaped.

Names of files, output of scripts and metadata of repositories are written by whoever made a
package; none of them is to clear a line, set a title or turn the direction of the text. Everything
that a person reads goes through here. Newlines and tabs stay.
"""

import re

# C0 and C1 controls, turns of the writing direction, and what no terminal could encode.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Returns a text in which control characters stand as a programmer writes them."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
