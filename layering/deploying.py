# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writing a deployment through libostree: into the boot order at once, or staged for shutdown.

Staged, the checkout is made, and what is to be done with it is a file in /run, replaced as a whole:
after a power cut there is either a staged deployment or none, and the rest of a checkout goes with
the next cleanup (https://ostreedev.github.io/ostree/atomic-upgrades/#the-staged-deployment-model).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layering._ostree import Gio, GLib, OSTree
from layering.interrupts import Interrupt
from layering.origin import Origin

# The other way to lock one, which older tools use; libostree looks for it when it finalizes.
_LOCK_FILE = Path("/run/ostree/staged-deployment-locked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What is to be deployed."""

    stateroot: str
    commit: str
    origin: Origin
    kargs: tuple[str, ...] | None  # None: those of `merge`
    merge: OSTree.Deployment | None  # whose /etc goes on
    locked: bool = False  # staged, and not finalized until it is unlocked


def deploy(sysroot: OSTree.Sysroot, new: Tree, interrupt: Interrupt) -> None:
    """Puts a tree on top of the boot order, in place of the last but one of its stateroot.

    An interrupt is heeded up to the moment at which the boot order is written.
    """
    arguments = (new.stateroot, new.commit, _keyfile(new.origin), new.merge, new.kargs)
    made = interrupt.run(lambda cancel: sysroot.deploy_tree(*arguments, cancel))[1]
    interrupt.cancellable.set_error_if_cancelled()
    flags = OSTree.SysrootSimpleWriteDeploymentFlags.NO_CLEAN
    sysroot.simple_write_deployment(new.stateroot, made, new.merge, flags, None)
    sysroot.prepare_cleanup(None)  # all of cleaning up but the pruning


def stage(sysroot: OSTree.Sysroot, new: Tree, interrupt: Interrupt) -> None:
    """Stages a tree on a running system, in place of what was staged before."""
    before = _staged_id(sysroot)
    try:
        interrupt.run(lambda cancel: _stage(sysroot, new, cancel))
    except GLib.Error:
        _tell_of_change(sysroot, sysroot.get_booted_deployment())
        sysroot.load(None)
        if _staged_id(sysroot) in (None, before):
            raise
        # Interrupted while the one before was removed: the new one is in its place already.
        sysroot.prepare_cleanup(None)
    staged = sysroot.get_staged_deployment()
    assert staged is not None
    if not new.locked and is_locked(staged):  # by a file that somebody left
        unlock(sysroot, staged)
    if new.locked and new.kargs is not None:
        sysroot.deployment_set_kargs_in_place(staged, " ".join(new.kargs), None)
        _tell_of_change(sysroot, staged)


def _stage(sysroot: OSTree.Sysroot, new: Tree, cancel: Gio.Cancellable) -> None:
    arguments = (new.stateroot, new.commit, _keyfile(new.origin), new.merge)
    if not new.locked:
        sysroot.stage_tree(*arguments, new.kargs, cancel)
        return
    # PyGObject cannot set the options' kernel arguments, so they come second. What is killed
    # between the two leaves a tree that is locked, and so never booted without being asked for.
    options: Any = OSTree.SysrootDeployTreeOpts()  # Any: the stubs are of an older libostree
    options.locked = True
    sysroot.stage_tree_with_options(*arguments, options, cancel)


def _staged_id(sysroot: OSTree.Sysroot) -> tuple[str, str, int] | None:
    staged = sysroot.get_staged_deployment()
    if staged is None:
        return None
    return staged.get_osname(), staged.get_csum(), staged.get_deployserial()


def is_locked(deployment: OSTree.Deployment) -> bool:
    """Returns whether a deployment is staged, and is not finalized at shutdown."""
    return deployment.is_staged() and (_says_locked(deployment) or _LOCK_FILE.exists())


def unlock(sysroot: OSTree.Sysroot, staged: OSTree.Deployment) -> None:
    """Lets a locked staged deployment be finalized at shutdown."""
    if _says_locked(staged):
        untyped: Any = sysroot
        untyped.change_finalization(staged)  # which toggles, and removes the file
    else:
        _LOCK_FILE.unlink(missing_ok=True)
    _tell_of_change(sysroot, staged)


def _says_locked(deployment: OSTree.Deployment) -> bool:
    untyped: Any = deployment
    return bool(untyped.is_finalization_locked())


def _tell_of_change(sysroot: OSTree.Sysroot, deployment: OSTree.Deployment | None) -> None:
    """Makes everybody read anew who goes by the sysroot's time, which a file in /run leaves.

    Writing an origin again, as it is, is what sets it.
    """
    if deployment is not None:
        sysroot.write_origin_file(deployment, None, None)


def _keyfile(origin: Origin) -> GLib.KeyFile:
    keyfile, text = GLib.KeyFile(), origin.without_transient().format()
    keyfile.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.KEEP_COMMENTS)
    return keyfile
