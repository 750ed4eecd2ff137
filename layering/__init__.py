# SPDX-License-Identifier: LGPL-2.1-or-later
"""How packages become a bootable tree: RPMs in, OSTree commits out, deployed.

This room drives the other two: `solver` says what goes in, `triggers` says what runs.
"""

__version__ = "0.1.0"
