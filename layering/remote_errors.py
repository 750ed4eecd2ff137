# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can go wrong with an OSTree remote, said by remote, address and branch.

libostree has few error codes of its own; where the code says nothing, its text is all there is.
"""

import difflib
from collections.abc import Sequence

from layering._ostree import Gio, GLib, OSTree
from layering.errors import LayeringError
from layering.refspec import Refspec

_NEAR, _SHOWN = 0.5, 5  # how alike, and how many


class RemoteError(LayeringError):
    """A remote is unknown, out of reach, lacks what is asked for, or isn't to be trusted."""


def check_remote(handle: OSTree.Repo, name: str) -> None:
    """Raises RemoteError if the repository knows no such remote."""
    remotes: Sequence[str] = sorted(handle.remote_list() or ())
    if name in remotes:
        return
    there = (
        f"there are {', '.join(remotes)}" if len(remotes) > 1 else f"there is {''.join(remotes)}"
    )
    error = RemoteError(f"no remote '{name}'; {there if remotes else 'there is none'}")
    near = difflib.get_close_matches(name, remotes, 1)
    if near:
        error.add_note(f"did you mean {near[0]}?")
    elif not remotes:
        error.add_note(f"add it with 'ostree remote add {name} URL'")
    raise error


def explained(handle: OSTree.Repo, refspec: Refspec, ref: str, error: GLib.Error) -> RemoteError:
    """Returns what libostree says of a pull of `ref` that failed, in words that help."""
    assert refspec.remote  # else nothing was pulled
    whose = f"remote {refspec.remote}{_address(handle, refspec.remote)}"
    said: str = error.message
    absent = _is(error, Gio.IOErrorEnum.NOT_FOUND)
    if "No such branch" in said or (absent and f"/refs/heads/{ref}:" in said):
        return _no_branch(handle, refspec, said, whose)
    if absent and f"Refspec '{ref}'" in said:  # a remote that is a directory, without a summary
        return _no_branch(handle, refspec, said, whose)
    if absent and ref in said.replace("/", ""):  # as the path of an object has it
        return RemoteError(f"no commit {ref}: {whose}")
    ours = RemoteError(f"cannot pull {refspec}: {said}: {whose}")
    if error.domain == "OstreeGpgError":
        ours.add_note(
            f"import the key that you trust with 'ostree remote gpg-import {refspec.remote}'"
        )
    # Space that libostree keeps free has no error code of its own, only its option's name.
    elif _is(error, Gio.IOErrorEnum.NO_SPACE) or "min-free-space-" in said:
        ours.add_note("free some space, or remove old deployments with 'overlay cleanup'")
    return ours


def _address(handle: OSTree.Repo, remote: str) -> str:
    try:
        return f" at {handle.remote_get_url(remote)[1]}"
    except GLib.Error:  # it has mirrors, and no address of its own
        return ""


def _is(error: GLib.Error, code: Gio.IOErrorEnum) -> bool:
    matches: bool = error.matches(Gio.io_error_quark(), code)
    return matches


def _no_branch(handle: OSTree.Repo, refspec: Refspec, said: str, whose: str) -> RemoteError:
    ours = RemoteError(f"no branch '{refspec.branch}': {whose}")
    if "HTTP" in said:  # a server that has no repository at all answers the same
        ours = RemoteError(f"no branch '{refspec.branch}', or no repository: {whose}")
    try:
        branches: Sequence[str] = sorted(handle.remote_list_refs(str(refspec.remote), None)[1])
    except GLib.Error:  # a remote need not tell
        return ours
    near = difflib.get_close_matches(refspec.branch, branches, _SHOWN, _NEAR) or branches[:_SHOWN]
    if near:
        more = ", …" if len(near) < len(branches) else ""
        ours.add_note(f"it has {', '.join(near)}{more}")
    return ours
