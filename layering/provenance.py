# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which repository each package came from: this host's own record, beside its caches.

It is no part of any commit: the same package comes from a mirror here and from a local directory
there, and both make the same tree. So it may be lost, and then nobody knows any more.
"""

import json
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

_FILE = "provenance.json"
_VERSION = 1


def read(cache_dir: Path) -> dict[str, str]:
    """Returns the repositories' ids by the packages' digests; {} if the record is unreadable."""
    try:
        document = json.loads((cache_dir / _FILE).read_bytes())
    except (OSError, ValueError):
        return {}
    match document:
        case {"version": 1, "repositories": dict(found)}:
            return {str(digest): str(repo_id) for digest, repo_id in found.items()}
    return {}


def record(cache_dir: Path, repositories: Mapping[str, str]) -> None:
    """Adds packages, by digest; a package that came again came from where it came last."""
    present = read(cache_dir)
    _write(cache_dir, present, present | dict(repositories))


def keep_only(cache_dir: Path, digests: Collection[str]) -> None:
    """Forgets every package but these."""
    present = read(cache_dir)
    _write(cache_dir, present, {key: present[key] for key in present if key in digests})


def _write(cache_dir: Path, present: Mapping[str, str], following: Mapping[str, str]) -> None:
    if following == present:
        return
    document = {"version": _VERSION, "repositories": dict(sorted(following.items()))}
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=cache_dir, prefix=f".{_FILE}-", delete=False) as new:
        json.dump(document, new, indent=1)
    path = Path(new.name)
    path.chmod(0o644)  # `status` needs no root
    path.replace(cache_dir / _FILE)
