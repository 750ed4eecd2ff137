# SPDX-License-Identifier: LGPL-2.1-or-later
"""Refspecs: `REMOTE:BRANCH`, where a base comes from.

The habits of `rpm-ostree rebase` (https://coreos.github.io/rpm-ostree/): a branch alone keeps the
remote that is followed now, `REMOTE:` keeps the branch, and `:BRANCH` is a branch of the local
repository. What may stand in names is libostree's rule (`ostree_parse_refspec`).
"""

import re
from dataclasses import dataclass
from typing import Self

from layering.errors import LayeringError

_NAME = r"\w[\w.-]*"
_REFSPEC = re.compile(rf"(?:(?P<remote>{_NAME})?(?P<colon>:))?(?P<branch>{_NAME}(?:/{_NAME})*)?")
_CHECKSUM = re.compile(r"[0-9a-f]{64}")


class RefspecError(LayeringError):
    """A text that names no branch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refspec:
    """A branch of a remote, or of the local repository.

    `remote` is None where none is named, and empty where it was said that there is none; `branch`
    is empty where only a remote was named: such a refspec wants to be `resolved_against` another.
    """

    remote: str | None
    branch: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `REMOTE:BRANCH`, `BRANCH`, `REMOTE:` or `:BRANCH`; RefspecError if it is none."""
        found = _REFSPEC.fullmatch(text)
        if found is None or not (found["remote"] or found["branch"]):
            raise RefspecError(f"not [REMOTE:]BRANCH: {text!r}")
        branch = found["branch"] or ""
        if _CHECKSUM.fullmatch(branch):
            error = RefspecError(f"not [REMOTE:]BRANCH, but a commit: {text!r}")
            error.add_note("go to a commit of the branch with 'overlay deploy'")
            raise error
        return cls(remote=(found["remote"] or "") if found["colon"] else None, branch=branch)

    @classmethod
    def parse_against(cls, text: str, current: str | None) -> "Refspec":
        """Reads a refspec, with what it leaves out taken from the one that is followed now.

        Raises:
            RefspecError: it is none, or it names no branch and none is followed.
        """
        given = cls.parse(text)
        try:
            followed = cls.parse(current) if current else cls(remote=None, branch="")
        except RefspecError:  # a deployment made from a bare commit may name that instead
            followed = cls(remote=None, branch="")
        refspec = given.resolved_against(followed)
        if not refspec.branch:
            raise RefspecError(f"no branch is followed, and none is named: {text!r}")
        return refspec

    def __str__(self) -> str:
        return self.branch if self.remote is None else f"{self.remote}:{self.branch}"

    def resolved_against(self, current: "Refspec") -> "Refspec":
        """Returns the refspec with what it leaves out taken from the one that is followed now."""
        remote = current.remote if self.remote is None else self.remote
        return Refspec(remote=remote or None, branch=self.branch or current.branch)
