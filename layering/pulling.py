# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pulls from an OSTree remote that can be watched and interrupted.

libostree's pull blocks, so it has a thread of its own, with an own handle of the repository, while
the caller's thread looks how far it is: every event is reported from there, and Ctrl-C gets
through. A cancelled pull ends at once unless a server keeps it waiting: libostree with libcurl
looks at nothing until that answers, or until half a minute without data is over. Such a pull is
left behind; it holds the handle's transaction, not the caller's, and dies with the process. What it
had fetched stays in the repository's staging directory, where the next pull finds it.
"""

import os
import threading
from collections.abc import Sequence
from typing import cast

from layering._ostree import Gio, GLib, OSTree, reported
from layering.progress import Event, Kind, Report
from layering.progress import phase as reported_phase
from layering.refspec import Refspec
from layering.remote_errors import check_remote, explained
from layering.repo import Repo

_TICK, _PATIENCE = 0.1, 1.0  # seconds
_RETRIES = 2  # libostree's five add up to minutes where a server is silent


def pull(
    repo: Repo,
    refspec: Refspec,
    ref: str,
    report: Report,
    item: str,
    *,
    commit_only: bool = False,
    depth: int = 0,
    subdirs: Sequence[str] = (),
) -> None:
    """Pulls `ref` from the refspec's remote; `item` says in events what that is.

    `ref` is a branch, whose remote-tracking ref then moves, or a commit's checksum: no ref moves.
    `depth` parents come with it, as far as the remote has them. Of a tree that is to come in part,
    `subdirs` are the paths of files and directories; what leads to them comes as well.

    Raises:
        RemoteError: why it could not be.
    """
    handle = _opened(repo)
    assert refspec.remote  # only a remote can be pulled from
    check_remote(handle, refspec.remote)
    options = {
        "refs": GLib.Variant("as", [ref]),
        "depth": GLib.Variant("i", depth),
        "n-network-retries": GLib.Variant("u", _RETRIES),
    }
    if commit_only:
        flags = int(OSTree.RepoPullFlags.COMMIT_ONLY)
        options["flags"] = GLib.Variant("i", flags)
    if subdirs:
        options["subdirs"] = GLib.Variant("as", subdirs)
    if commit_only or subdirs:  # a delta brings everything
        options["disable-static-deltas"] = GLib.Variant("b", True)
    with reported_phase(report, "pull", item):
        error = _Pull(handle, refspec.remote, GLib.Variant("a{sv}", options)).run(report, item)
        if error is not None:
            raise explained(handle, refspec, ref, error) from error


def _opened(repo: Repo) -> OSTree.Repo:
    """Returns another handle of the same repository, with the same configuration of remotes."""
    given = repo.handle.props
    if cast("Gio.File | None", given.path) is None:
        # A sysroot's, which libostree opened by a descriptor: remotes are in the /etc there, too.
        path = Gio.File.new_for_path(os.fspath(repo.path))
        sysroot = Gio.File.new_for_path(os.fspath(repo.path.parents[1]))
        handle = OSTree.Repo.new_for_sysroot_path(path, sysroot)
    else:
        handle = OSTree.Repo(
            path=given.path,
            sysroot_path=given.sysroot_path,
            remotes_config_dir=given.remotes_config_dir,
        )
    with reported(repo.path, "cannot open"):
        handle.open(None)
    return handle


class _Pull:
    """One pull, in a thread."""

    def __init__(self, handle: OSTree.Repo, remote: str, options: GLib.Variant) -> None:
        self._handle = handle
        self._remote = remote
        self._options = options
        self._progress = OSTree.AsyncProgress.new()
        self._cancellable = Gio.Cancellable.new()
        self._error: GLib.Error | None = None

    def run(self, report: Report, item: str) -> GLib.Error | None:
        """Returns the error that the pull ended with; on Ctrl-C it is cancelled."""
        thread = threading.Thread(target=self._work, name="pull", daemon=True)
        try:
            thread.start()
            while thread.is_alive():
                thread.join(_TICK)
                self._tell(report, item)
        except BaseException:
            self._cancellable.cancel()
            if thread.is_alive():
                thread.join(_PATIENCE)
            raise
        return self._error

    def _work(self) -> None:
        context = GLib.MainContext.new()
        context.push_thread_default()
        try:
            self._handle.pull_with_options(
                self._remote, self._options, self._progress, self._cancellable
            )
        except GLib.Error as error:
            self._error = error
        finally:
            context.pop_thread_default()

    def _tell(self, report: Report, item: str) -> None:
        """Reports how far the pull is; libostree brings its figures up to date once a second."""
        numbers, sizes = self._progress.get_uint, self._progress.get_uint64
        if numbers("total-delta-parts"):
            done, total = sizes("fetched-delta-part-size"), sizes("total-delta-part-size")
            unit = "bytes"
        else:
            done, total, unit = numbers("fetched"), numbers("requested"), "objects"
        if total:
            kind = Kind.PROGRESS
            report(Event(kind=kind, phase="pull", item=item, done=done, total=total, unit=unit))
