# SPDX-License-Identifier: LGPL-2.1-or-later
"""The kernel of a tree: where it is, and the initramfs that is made for it inside the tree.

libostree boots `/usr/lib/modules/KVER/vmlinuz` with the `initramfs.img` beside it; exactly one
kernel may be there (https://ostreedev.github.io/ostree/deployment/).
"""

from collections.abc import Sequence
from pathlib import Path

from layering import beneath
from layering.errors import LayeringError
from triggers import Invocation, Outcome, Phase, Sandbox, run

INITRAMFS_ARGUMENTS = ("--no-hostonly", "--add", "ostree")
_MODULES = "usr/lib/modules"
_PLACE = "tmp-initramfs"  # below /var, which is scratch


class KernelError(LayeringError):
    """A tree has no kernel, or several, or no initramfs could be made for it."""


def kernel_version(root: Path) -> str:
    """Returns the version of the tree's one kernel, "" if it has none.

    Raises:
        KernelError: several are there.
    """
    found = [
        version
        for version in beneath.names(root, _MODULES)
        if beneath.exists(root, f"{_MODULES}/{version}/vmlinuz")
    ]
    if len(found) > 1:
        raise KernelError(f"several kernels in one tree: {', '.join(found)}")
    return found[0] if found else ""


def make_initramfs(
    root: Path, sandbox: Sandbox, version: str, arguments: Sequence[str], *, time_limit: float
) -> Outcome:
    """Makes `initramfs.img` beside the kernel with the tree's own dracut, and returns its outcome.

    Raises:
        KernelError: dracut failed or made nothing.
        ScriptletFailedError: with dracut's output and a line that runs it again.
    """
    beneath.make_directories(sandbox.var, _PLACE)
    command = ("/usr/bin/dracut", "--force", "--reproducible", "--kver", version)
    invocation = Invocation(
        phase=Phase.BUILTIN,
        owner="dracut",
        label=f"dracut {version}",
        interpreter=(*command, *(arguments or INITRAMFS_ARGUMENTS), f"/var/{_PLACE}/image"),
        # Device nodes cannot be made in the sandbox; the kernel's own devtmpfs brings them.
        environment=(("DRACUT_NO_MKNOD", "1"), ("TMPDIR", "/tmp")),
        fatal=True,
        why="the tree has a kernel",
    )
    (outcome,) = run([invocation], sandbox, time_limit=time_limit)
    try:
        # A regular file of that very place: a link would lead out of the sandbox.
        with beneath.opened(sandbox.var, f"{_PLACE}/image") as image:
            beneath.write_file(root, f"{_MODULES}/{version}/initramfs.img", image, 0o600)
    except OSError as error:
        what = f"dracut made no initramfs for kernel {version}: {error.strerror}"
        raise KernelError(f"{what}: {outcome.output[-500:].strip()}") from error
    beneath.remove(sandbox.var, _PLACE)
    return outcome
