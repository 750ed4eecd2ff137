# SPDX-License-Identifier: LGPL-2.1-or-later
"""System calls of a process and of all that it starts, told to us before they are carried out.

The kernel stops the caller until we answer, and every answer is to go on as if nothing had been. So
whoever receives has to answer, whatever happens; and since the kernel refuses all these calls once
the listener is closed, it may be closed only when nothing lives that they are told of.

While a call waits to be received, a signal interrupts it like any slow call. No later: Linux 5.19
has a flag for that, and kernels without it are refused. (Before Linux 6.18 a signal still can in
the moment in which we answer: nothing tells of that.)

https://docs.kernel.org/userspace-api/seccomp_filter.html#userspace-notification
https://github.com/torvalds/linux/blob/master/include/uapi/linux/seccomp.h
"""

import array
import ctypes
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from triggers.pathcalls import Machine, Only

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06  # linux/bpf_common.h
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, 16  # where struct seccomp_data has them, little-endian
_ALLOW, _TELL = 0x7FFF0000, 0x7FC00000  # SECCOMP_RET_ALLOW, SECCOMP_RET_USER_NOTIF
_X32 = 0x40000000  # a third set of numbers on x86-64

_SET_FILTER = 1  # SECCOMP_SET_MODE_FILTER
_FLAGS = (1 << 3) | (1 << 5)  # SECCOMP_FILTER_FLAG_NEW_LISTENER, …_WAIT_KILLABLE_RECV

_RECEIVE = 0xC0502100  # SECCOMP_IOCTL_NOTIF_RECV
_SEND = 0xC0182101  # SECCOMP_IOCTL_NOTIF_SEND
_SET_FLAGS = 0x40082104  # SECCOMP_IOCTL_NOTIF_SET_FLAGS
_SYNC_WAKE_UP = 1  # SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
_GO_ON = 1  # SECCOMP_USER_NOTIF_FLAG_CONTINUE

_NOTIFICATION = struct.Struct("=QIIiIQ6Q")  # struct seccomp_notif
_RESPONSE = struct.Struct("=QqiI")  # struct seccomp_notif_resp
_EMPTY = bytes(_NOTIFICATION.size)

_libc = ctypes.CDLL(None, use_errno=True)

# Identifier, thread, machine, number of the call, its arguments, where in memory it is made.
Call = tuple[int, int, int, int, tuple[int, ...], int]


class _Program(ctypes.Structure):  # struct sock_fprog
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def filter_program(machine: Machine) -> bytes:
    """Returns the filter that tells of the calls in a machine's table, and of any other machine's.

    Calls that are always allowed cost next to nothing: the kernel remembers them by number.
    """
    program = [_step(_LOAD, _MACHINE), _step(_IF_EQUAL, machine.audit, yes=1), _return(_TELL)]
    program += [_step(_LOAD, _NUMBER), _step(_IF_AT_LEAST, _X32, no=1), _return(_TELL)]
    for number, row in machine.calls.items():
        block = [_return(_TELL)] if row.only is None else _only(row.only)
        program += [_step(_IF_EQUAL, number, no=len(block)), *block]
    return b"".join((*program, _return(_ALLOW)))


def _only(told: Only) -> list[bytes]:
    """Returns what decides on a call by the lower half of one of its arguments, all that counts."""
    block = [_step(_LOAD, _ARGUMENTS + 8 * told.argument)]
    for value in told.values:
        block += [_step(_IF_EQUAL, value, no=1), _return(_TELL)]
    return [*block, _return(_ALLOW)]


def installer(machine: Machine, to: socket.socket) -> Callable[[], None]:
    """Returns what a new process has to call to have its calls told, and sends the listener `to`.

    It sends b"no" instead where the kernel refuses. It runs after a fork of a process that may have
    other threads: nothing in it imports, opens or waits for a lock that one of them could hold.
    """
    code = filter_program(machine)
    program = _Program(len(code) // 8, code)
    words = (
        ctypes.c_long(machine.seccomp),
        ctypes.c_long(_SET_FILTER),
        ctypes.c_long(_FLAGS),
        ctypes.byref(program),
    )
    call = _libc.syscall
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS)

    def install() -> None:
        listener = call(*words)
        if listener < 0:
            to.sendmsg([b"no"])
        else:
            to.sendmsg([b"ok"], [(*rights, array.array("i", [listener]))])
            os.close(listener)

    return install


def take_listener(source: socket.socket) -> int | None:
    """Returns the listener that an installer has sent, None where there is none."""
    _, listeners, _, _ = socket.recv_fds(source, 8, 1)
    if not listeners:
        return None
    with suppress(OSError):  # kernels before 6.6: slower, and no less right
        fcntl.ioctl(listeners[0], _SET_FLAGS, _SYNC_WAKE_UP)
    return listeners[0]


def receive(listener: int, buffer: bytearray) -> Call | None:
    """Returns a call that waits for its answer, None where the caller has gone.

    `buffer` is the caller's, of any use to nobody else.
    """
    buffer[:] = _EMPTY
    try:
        fcntl.ioctl(listener, _RECEIVE, buffer, True)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINTR):
            return None
        raise
    identifier, thread, _, number, machine, place, *arguments = _NOTIFICATION.unpack(buffer)
    return identifier, thread, machine, number, tuple(arguments), place


def answer(listener: int, identifier: int) -> bool:
    """Lets a call be carried out; returns whether the caller was there all the time until now."""
    try:
        fcntl.ioctl(listener, _SEND, _RESPONSE.pack(identifier, 0, 0, _GO_ON))
    except OSError as error:
        if error.errno == errno.ENOENT:
            return False
        raise
    return True


def _return(what: int) -> bytes:
    return _step(_RETURN, what)


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Returns one instruction; `yes` or `no` are skipped as its condition holds or not."""
    return struct.pack("=HBBI", code, yes, no, value)
