# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a call that a signal cut off, before it was told to us, can have changed a result.

The tree was not asked then, so nothing was seen of it. As a rule the call starts over once the
signal has been handled (SA_RESTART, signal(7)), is told anew, and nobody can tell the difference.
But it fails with EINTR where the handler does not ask for that; and as no file of a tree ever does,
few programs expect it: one may take the file for absent. What it then gives is our doing and no
function of the tree, neither of this one nor of another, and must not be remembered.

One shell does that to any script: dash handles SIGCHLD without the flag, and looks for a program
along PATH while the one before it in a pipeline ends. It needs no call to fail for that: it waits
by sigsuspend(2), which nothing starts over, and tries again whatever else fails with EINTR
(https://git.kernel.org/pub/scm/utils/dash/dash.git/tree/src/jobs.c). So its handler gets the flag.

Of all others two things are watched: a handler like that of SIGCHLD, which comes by itself whenever
a child ends, and any other signal that is sent, whose handlers are not looked at, as shells set
many that never run. Without either a call that was cut off has started over.
"""

import struct
from contextlib import suppress
from pathlib import PurePath

from triggers.pathcalls import Kind, PathCall
from triggers.peek import Peek

_RESTART = 0x10000000  # SA_RESTART
_ACTION = struct.Struct("=QQ")  # handler and flags of struct sigaction, as the kernel has it
_FLAGS_AT = 8  # where it has the flags
_SHELLS = frozenset({"dash", "sh"})  # the same one, called by its own name or packed as another's
_NO_HANDLERS = (0, 1)  # SIG_DFL, SIG_IGN
_NO_HANDLING = (0, 9)  # no signal at all, and SIGKILL


def let_start_over(peek: Peek, row: PathCall, thread: int, arguments: tuple[int, ...]) -> None:
    """Has a shell's calls start over after SIGCHLD, where it is about to ask for the contrary."""
    if row.kind is not Kind.HANDLE or not arguments[1]:
        return
    with suppress(OSError):  # it stays as it is, and is a doubt then
        handler, flags = _ACTION.unpack(peek.data(thread, arguments[1], _ACTION.size))
        if handler in _NO_HANDLERS or flags & _RESTART:
            return
        if PurePath(peek.link(thread, "exe")).name in _SHELLS:
            peek.write(thread, arguments[1] + _FLAGS_AT, (flags | _RESTART).to_bytes(8, "little"))


def may_fail(peek: Peek, row: PathCall, thread: int, arguments: tuple[int, ...]) -> bool:
    """Returns whether, from this call on, a signal may make another one fail that it cuts off.

    Raises:
        OSError: the caller's memory cannot be read.
    """
    if row.kind is Kind.SEND:
        return row.signal is None or arguments[row.signal] & 0xFFFFFFFF not in _NO_HANDLING
    if row.kind is not Kind.HANDLE or not arguments[1]:
        return False
    handler, flags = _ACTION.unpack(peek.data(thread, arguments[1], _ACTION.size))
    return handler not in _NO_HANDLERS and not flags & _RESTART
