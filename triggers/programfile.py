# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the kernel opens by itself to run a program: the interpreter that its first bytes name.

No system call tells of it, so it has to be read as the kernel reads it: fs/binfmt_script.c and
fs/binfmt_elf.c, https://www.man7.org/linux/man-pages/man5/elf.5.html.
"""

import os
import struct

from triggers.observed import DoubtError

_SCRIPT_LINE = 256  # BINPRM_BUF_SIZE
_ELF = struct.Struct("<16sHHIQQQIHHHHHH")  # Elf64_Ehdr
_SEGMENT = struct.Struct("<IIQQQQQQ")  # Elf64_Phdr
_INTERPRETER = 3  # PT_INTERP
_PATH_MAX = 4096


def interpreter_of(file: int, machine: int) -> str | None:
    """Returns the path of the interpreter that an open program needs, None for none.

    Raises:
        DoubtError: a program of another machine, or in a format of its own.
        OSError: it cannot be read.
    """
    head = os.pread(file, _SCRIPT_LINE, 0)
    if head.startswith(b"#!"):
        words = head[2:].partition(b"\n")[0].split(maxsplit=1)
        return os.fsdecode(words[0]) if words else None
    if not head:
        return None  # it cannot be executed
    if not head.startswith(b"\x7fELF"):
        raise DoubtError("a program that is neither ELF nor a script")
    if head[4] != 2:
        raise DoubtError("a 32-bit program")
    if len(head) < _ELF.size:
        return None
    _, _, of, _, _, start, _, _, _, size, count, _, _, _ = _ELF.unpack_from(head)
    if of != machine:
        raise DoubtError("a program of another machine")
    if size != _SEGMENT.size:
        return None
    table = os.pread(file, size * count, start)
    for kind, _, offset, _, _, length, _, _ in _SEGMENT.iter_unpack(
        table[: len(table) // size * size]
    ):
        if kind == _INTERPRETER:
            return os.fsdecode(os.pread(file, min(length, _PATH_MAX), offset).partition(b"\0")[0])
    return None
