# SPDX-License-Identifier: LGPL-2.1-or-later
"""A libdnf5 package known by what rpm knows it by.

No epoch is epoch 0, as rpm has it when it compares two:
https://rpm-software-management.github.io/rpm/man/rpm-version.7
"""

from typing import Any

from solver.nevra import Nevra


def nevra_of(package: Any) -> Nevra:
    """Returns the identity of a libdnf5 package."""
    return Nevra(
        name=str(package.get_name()),
        epoch=int(package.get_epoch() or 0),
        version=str(package.get_version()),
        release=str(package.get_release()),
        arch=str(package.get_arch()),
    )
