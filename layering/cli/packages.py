# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happened to packages, as lines, in one line, and as a document."""

from collections.abc import Iterator

from layering.packagediff import PackageDifference


def difference_lines(packages: PackageDifference) -> Iterator[str]:
    """Yields every package below a title that says what happened to it."""
    for title, nevras in (("Added", packages.added), ("Removed", packages.removed)):
        if nevras:
            yield f"{title}:"
            yield from (f"  {nevra}" for nevra in nevras)
    for title, pairs in (("Upgraded", packages.upgraded), ("Downgraded", packages.downgraded)):
        if pairs:
            yield f"{title}:"
            yield from (f"  {old.name} {old.evr} → {new.evr}" for old, new in pairs)


def difference_summary(packages: PackageDifference, *, zeros: bool = False) -> str:
    """Returns the numbers: `3 upgraded, 1 added`; "" if there is no difference."""
    counts = {
        "upgraded": len(packages.upgraded),
        "added": len(packages.added),
        "removed": len(packages.removed),
        "downgraded": len(packages.downgraded),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count or zeros)


def difference_document(packages: PackageDifference) -> dict[str, object]:
    """Returns the lists as JSON has them; pairs are `[before, after]`."""
    return {
        "added": [str(nevra) for nevra in packages.added],
        "removed": [str(nevra) for nevra in packages.removed],
        "upgraded": [[str(old), str(new)] for old, new in packages.upgraded],
        "downgraded": [[str(old), str(new)] for old, new in packages.downgraded],
    }
