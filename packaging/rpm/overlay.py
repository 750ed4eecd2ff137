#!/usr/bin/python3 -I
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the installed `overlay`.

Isolated (-I): no variable of the caller's environment, no directory of its user's and not the
working directory decide which modules run as root.
"""

import sys

sys.path.insert(0, "/usr/lib/overlay")

from layering.cli import run

run()
