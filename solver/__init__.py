# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes into a tree: a request, the repositories and the base's packages make a transaction.

The public names are these; a module that needs libdnf5 is only imported when its name is used.
"""

from typing import TYPE_CHECKING

from solver.errors import (
    BaseMovedError,
    BrokenDownloadError,
    ConfigurationError,
    DownloadError,
    OverrideError,
    RepositoryError,
    SignatureError,
    SolverError,
    UnknownPackageError,
    UnreadableRpmError,
    UnsatisfiableError,
)
from solver.model import (
    BaseMove,
    Goal,
    LayerStub,
    Package,
    Progress,
    Reason,
    Replaced,
    Replacing,
    Report,
    Repository,
    SackConfig,
    Source,
    Transaction,
    VerifiedRpm,
    ignore,
)
from solver.nearmisses import near_misses
from solver.nevra import Nevra, compare_evr
from solver.order import Dependency, OrderItem, erase_order, install_order
from solver.queried import Field, Found, PackageInfo, Provider, Selection
from solver.reldep import Sense, ordering_parts, satisfies

if TYPE_CHECKING:
    from solver.queries import Catalogue
    from solver.sack import Sack

__all__ = [
    "BaseMove",
    "BaseMovedError",
    "BrokenDownloadError",
    "Catalogue",
    "ConfigurationError",
    "Dependency",
    "DownloadError",
    "Field",
    "Found",
    "Goal",
    "LayerStub",
    "Nevra",
    "OrderItem",
    "OverrideError",
    "Package",
    "PackageInfo",
    "Progress",
    "Provider",
    "Reason",
    "Replaced",
    "Replacing",
    "Report",
    "Repository",
    "RepositoryError",
    "Sack",
    "SackConfig",
    "Selection",
    "Sense",
    "SignatureError",
    "SolverError",
    "Source",
    "Transaction",
    "UnknownPackageError",
    "UnreadableRpmError",
    "UnsatisfiableError",
    "VerifiedRpm",
    "compare_evr",
    "erase_order",
    "ignore",
    "install_order",
    "near_misses",
    "ordering_parts",
    "satisfies",
]


def __getattr__(name: str) -> object:
    """Imports `Sack` or `Catalogue`, and libdnf5 with it (100 ms), when somebody asks for it."""
    if name == "Sack":
        from solver.sack import Sack

        return Sack
    if name == "Catalogue":
        from solver.queries import Catalogue

        return Catalogue
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
