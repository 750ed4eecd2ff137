# SPDX-License-Identifier: LGPL-2.1-or-later
"""The solver's packages as a proposal shows them."""

from layering.proposal import ProposedPackage
from layering.resolution import Resolution
from solver import Package, Reason


def proposed_packages(resolution: Resolution) -> tuple[ProposedPackage, ...]:
    """Returns the packages of a resolution; what is cached as a layer has nothing to download."""
    return tuple(
        ProposedPackage(
            name=package.nevra.name,
            evr=package.nevra.evr,
            arch=package.nevra.arch,
            digest=package.digest,
            repository=package.repo_id,
            download_size=0 if resolution.layer_of(package) else package.download_size,
            install_size=package.install_size,
            why=why(package),
        )
        for package in resolution.transaction.packages
    )


def why(package: Package) -> str:
    """Returns in words why a package is there."""
    by = ", ".join(package.requested_by)
    if package.reason in (Reason.USER, Reason.GROUP):
        return "requested" if package.nevra.name in package.requested_by else f"requested as {by}"
    return f"recommended for {by}" if package.reason is Reason.WEAK else f"needed for {by}"
