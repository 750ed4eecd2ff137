# SPDX-License-Identifier: LGPL-2.1-or-later
"""The few system calls that namespaces and capabilities do not take from scripts, as a filter.

Keyrings have no namespace: root's own, with what other programs of the machine keep there, are open
to whoever is root in a sandbox (keyrings(7)). And a user namespace of a script's own would give it
every capability over the new one, and so all the code of the kernel that only those reach. What
clone3 is asked for lies in memory, where no filter sees it; libraries fall back to clone.

Machines that are not in the table are not filtered. Each has its own numbers, and may run programs
of its 32-bit kin. https://docs.kernel.org/userspace-api/seccomp_filter.html
"""

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

_LOAD, _IF_EQUAL, _IF_AT_LEAST, _IF_SET, _RETURN = (
    0x20,
    0x15,
    0x35,
    0x45,
    0x06,
)  # linux/bpf_common.h
_NUMBER, _MACHINE, _FLAGS = 0, 4, 16  # where struct seccomp_data has them, little-endian
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000  # linux/seccomp.h
_NEW_USER = 0x10000000  # CLONE_NEWUSER
_X32 = 0x40000000  # a third set of numbers on x86-64, which nobody uses


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine's name in linux/audit.h, and its numbers of system calls."""

    audit: int
    keys: tuple[int, int, int]  # add_key, request_key, keyctl
    unshare: int
    clone: int
    clone3: int = 435


MACHINES = (
    Machine(audit=0xC000003E, keys=(248, 249, 250), unshare=272, clone=56),  # x86-64
    Machine(audit=0x40000003, keys=(286, 287, 288), unshare=310, clone=120),  # its 32-bit programs
    Machine(audit=0xC00000B7, keys=(217, 218, 219), unshare=97, clone=220),  # aarch64
    Machine(audit=0x40000028, keys=(309, 310, 311), unshare=337, clone=120),  # its 32-bit programs
    Machine(audit=0xC0000015, keys=(269, 270, 271), unshare=282, clone=120),  # ppc64le
    Machine(audit=0xC00000F3, keys=(217, 218, 219), unshare=97, clone=220),  # riscv64
)


@cache
def filter_program() -> bytes:
    """Returns the filter as the kernel takes it, and bubblewrap with --seccomp."""
    program: list[bytes] = []
    for machine in MACHINES:
        block = list(_block(machine))
        program += [_step(_LOAD, _MACHINE), _step(_IF_EQUAL, machine.audit, no=len(block)), *block]
    return b"".join((*program, _step(_RETURN, _ALLOW)))


def _block(machine: Machine) -> Iterator[bytes]:
    yield _step(_LOAD, _NUMBER)
    if machine is MACHINES[0]:
        yield from (_step(_IF_AT_LEAST, _X32, no=1), _refuse(errno.ENOSYS))
    for number in (*machine.keys, machine.clone3):
        yield from (_step(_IF_EQUAL, number, no=1), _refuse(errno.ENOSYS))
    for number in (machine.unshare, machine.clone):
        yield from (_step(_IF_EQUAL, number, no=4), _step(_LOAD, _FLAGS))
        yield from (_step(_IF_SET, _NEW_USER, no=1), _refuse(errno.EPERM))
        yield _step(_RETURN, _ALLOW)
    yield _step(_RETURN, _ALLOW)


def _refuse(number: int) -> bytes:
    return _step(_RETURN, _ERRNO | number)


def _step(code: int, value: int, *, no: int = 0) -> bytes:
    """Returns one instruction; of a condition that does not hold, `no` instructions are skipped."""
    return struct.pack("=HBBI", code, 0, no, value)
