# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong between a request and verified RPM files, in the words of the domain.

Every message fits on one line: what, where, whose. `details` holds the lines that explain it (dnf's
own problem texts, each moved package), and what a person can do is in the notes (PEP 678).
"""

from collections.abc import Sequence
from pathlib import Path

from solver.model import BaseMove, Link, Replacing

_NAMED = 10  # packages that a message names at most


class SolverError(Exception):
    """The root of everything this package raises on purpose."""

    details: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()  # whose failure it is: without them the rest could be had
    removing: tuple[str, ...] = ()  # overrides that would do for these requests
    replacing: tuple[Replacing, ...] = ()
    chain: tuple[Link, ...] = ()  # from the requests to what stops them; in words in `details`


class ConfigurationError(SolverError):
    """An option, a `.repo` file or a `dnf.conf` that cannot be used."""

    def __init__(self, where: str, cause: str) -> None:
        self.where = where
        super().__init__(f"{where}: {cause}")


class UnknownPackageError(SolverError):
    """Requests that no package matches; all of them at once."""

    def __init__(self, specs: Sequence[str], hidden: Sequence[str] = ()) -> None:
        self.specs = self.requests = tuple(specs)
        self.hidden = tuple(hidden)  # of them, those that excludes hide the packages of
        super().__init__("no package matches " + ", ".join(f"'{spec}'" for spec in specs))


class UnsatisfiableError(SolverError):
    """Requests whose packages exist, but cannot be installed beside the base and each other."""

    def __init__(self, requests: Sequence[str], cause: str, problems: Sequence[str]) -> None:
        self.requests = tuple(requests)
        self.details = tuple(problems)
        wanted = ", ".join(f"'{request}'" for request in requests)
        super().__init__(f"cannot install {wanted}: {cause}")


class BaseMovedError(SolverError):
    """Requests that could only be met by replacing or removing packages of the base."""

    def __init__(self, moves: Sequence[BaseMove], problems: Sequence[str] = ()) -> None:
        self.moves = tuple(moves)
        self.requests = tuple(sorted({spec for move in self.moves for spec in move.requests}))
        lines = [str(move) for move in self.moves]
        self.details = (*lines[1:], *problems)
        more = f" (and moves {len(lines) - 1} more)" if len(lines) > 1 else ""
        super().__init__(lines[0] + more)


class OverrideError(SolverError):
    """Base packages that cannot be removed or replaced while others stay as they are."""

    def __init__(
        self,
        going: Sequence[str],
        needing: Sequence[str],
        moves: Sequence[BaseMove],
        problems: Sequence[str],
    ) -> None:
        self.moves = tuple(moves)
        removed = [str(move.base) for move in self.moves if move.replacement is None]
        others = [str(move.base) for move in self.moves if move.replacement is not None]
        self.details = tuple(problems)
        through = len(removed) - len(needing)
        more = f", and through these by {through} more" if through else ""
        if len(needing) > _NAMED:
            needing, more = needing[:_NAMED], f" and {len(removed) - _NAMED} more"
        causes = [f"needed by {', '.join(needing)}{more}"] if removed else []
        causes += [f"{_some(others)} would have to be replaced with it"] if others else []
        what = f"cannot remove or replace {_some(going)}: "
        super().__init__(what + ("; ".join(causes) or next(iter(problems), "it does not fit")))


def _some(names: Sequence[str]) -> str:
    """Returns names, of many the first ones, with how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


class RepositoryError(SolverError):
    """A repository whose metadata cannot be had."""

    def __init__(self, repo_id: str, url: str, cause: str) -> None:
        self.repo_id = repo_id
        self.url = url
        place = f" from {url}" if url else ""
        super().__init__(f"cannot load repository '{repo_id}'{place}: {cause}")


class DownloadError(SolverError):
    """A package that could not be fetched."""

    def __init__(self, package: str, repo_id: str, cause: str) -> None:
        self.package = package
        self.repo_id = repo_id
        super().__init__(f"cannot download {package} from repository '{repo_id}': {cause}")


class BrokenDownloadError(SolverError):
    """A file that is not the one which the metadata, or an earlier look at it, announced."""

    def __init__(self, package: str, repo_id: str, *, expected: str, found: str) -> None:
        self.package = package
        self.repo_id = repo_id
        self.expected = expected
        self.found = found
        super().__init__(
            f"{package} from repository '{repo_id}' is broken: "
            f"expected digest {expected}, found {found}"
        )


class SignatureError(SolverError):
    """A package whose signature the repository's configuration demands, and that fails it."""

    def __init__(self, package: str, repo_id: str, cause: str) -> None:
        self.package = package
        self.repo_id = repo_id
        super().__init__(f"refused {package} from repository '{repo_id}': {cause}")


class UnreadableRpmError(SolverError):
    """A local file that is not a whole RPM."""

    def __init__(self, path: Path, cause: str) -> None:
        self.path = path
        super().__init__(f"cannot read {path} as an RPM: {cause}")
