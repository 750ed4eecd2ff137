# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where Debian packages come from: the mirror that this machine's own apt uses.

Both of apt's formats are read (https://manpages.debian.org/sources.list). `OVERLAY_DEBIAN_MIRROR`
overrides, and is needed on machines whose apt, if any, knows no Debian archive.
"""

import os
import re
from pathlib import Path

from devenv.steps import StepFailedError

SUITE = "forky"


def debian_mirror() -> str:
    """Returns the URI of a Debian archive.

    Raises:
        StepFailedError: if apt's sources name none and the environment does neither.
    """
    given = os.environ.get("OVERLAY_DEBIAN_MIRROR")
    if given:
        return given
    sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    for path in sources:
        if path.is_file():
            for uri in uris(path.read_text(encoding="utf-8", errors="replace")):
                if re.search(r"/debian/?$", uri):
                    return uri
    raise StepFailedError(
        "no Debian archive in /etc/apt/sources.list*: set OVERLAY_DEBIAN_MIRROR to the URI of one"
    )


def uris(text: str) -> list[str]:
    """Returns the archive URIs of one sources file, one-line or deb822, in order."""
    found: list[str] = []
    for line in text.splitlines():
        one_line = re.match(r"\s*deb\s+(?:\[[^]]*\]\s+)?(\S+)", line)
        deb822 = re.match(r"\s*URIs:\s*(.+)", line)
        if one_line:
            found.append(one_line[1])
        elif deb822:
            found += deb822[1].split()
    return found


def sources_line() -> str:
    """Returns the one-line apt source that the toolbox and the test world are made from."""
    return f"deb {debian_mirror()} {SUITE} main\n"
