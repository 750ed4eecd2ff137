# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be read of another process: its memory, where a call's arguments point to, and links.

What a call's argument points to can be written, too.

process_vm_readv(2) and not /proc/PID/mem: an open file of that name goes on showing the memory that
a process had before it executed something else, or that of whoever had its number before.
"""

import ctypes
import os
import re
from collections.abc import Callable
from functools import partial

_PATH_MAX = 4096
_PAGE = 4096  # the smallest there is: what begins in a page of it can be read to its end
_USUAL = 256
_LOADER = re.compile(r"/ld[^/]*\.so[^/ ]*$")  # ld-linux-x86-64.so.2, or ld-2.31.so where that leads

_libc = ctypes.CDLL(None, use_errno=True)


class _Span(ctypes.Structure):  # struct iovec
    _fields_ = (("base", ctypes.c_uint64), ("length", ctypes.c_size_t))


class Peek:
    """Reads what belongs to other processes; not to be shared between threads."""

    def __init__(self) -> None:
        self._proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._buffer = ctypes.create_string_buffer(_PATH_MAX)
        self._view = memoryview(self._buffer).cast("B")
        self._here = _Span(ctypes.addressof(self._buffer), _PATH_MAX)
        self._there = (_Span * 2)()
        self._first, self._second = self._there
        self._read = _libc.process_vm_readv
        self._read.restype = ctypes.c_ssize_t
        self._read.argtypes = (
            *(ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong),
            *(ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong),
        )
        self._write = _libc.process_vm_writev
        self._write.restype = ctypes.c_ssize_t
        self._write.argtypes = self._read.argtypes
        self._here_at, self._there_at = ctypes.addressof(self._here), ctypes.addressof(self._there)

    def close(self) -> None:
        """Gives back what is open."""
        os.close(self._proc)

    def link(self, process: int, name: str) -> str:
        """Returns where one of a process's links in /proc leads, as a name inside the sandbox.

        Raises:
            OSError: it leads nowhere.
        """
        return os.readlink(f"{process}/{name}", dir_fd=self._proc)

    def open_file(self, process: int, number: int) -> str:
        """Returns the name of an open file, "/" where a process has none of that number.

        A call with such a number fails whatever the tree holds.

        Raises:
            OSError: that is not to be known.
        """
        try:
            return self.link(process, f"fd/{number & 0xFFFFFFFF}")
        except FileNotFoundError:
            return "/"

    def mapped(self, process: int, address: int) -> str:
        """Returns the name of the file that is mapped at an address, "" if there is none.

        Raises:
            OSError: that is not to be known.
        """
        with open(f"{process}/maps", "rb", opener=partial(os.open, dir_fd=self._proc)) as file:
            for line in file:
                span, _, rest = line.partition(b" ")
                first, last = (int(each, 16) for each in span.split(b"-"))
                if first <= address < last:
                    return os.fsdecode(b"".join(rest.split(maxsplit=4)[4:]).strip())
        return ""

    def in_loader(self, process: int, address: int) -> bool:
        """Returns whether an address is within the dynamic loader, by that file's name.

        Raises:
            OSError: that is not to be known.
        """
        return bool(_LOADER.search(self.mapped(process, address)))

    def root(self, process: int) -> int:
        """Returns a process's root directory, opened to name what is below.

        Raises:
            OSError: it is not to be had.
        """
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        return os.open(f"{process}/root", flags, dir_fd=self._proc)

    def lives(self, process: int) -> bool:
        """Returns whether a process has not gone yet."""
        return os.access(str(process), os.F_OK, dir_fd=self._proc)

    def children(self, process: int) -> list[int]:
        """Returns the children of a process that run.

        Raises:
            OSError: that is not to be known.
        """
        opener = partial(os.open, dir_fd=self._proc)
        with open(f"{process}/task/{process}/children", "rb", opener=opener) as file:
            every = [int(each) for each in file.read().split()]
        return [each for each in every if self._runs(each, opener)]

    def _runs(self, process: int, opener: Callable[[str, int], int]) -> bool:
        try:
            with open(f"{process}/stat", "rb", opener=opener) as file:
                return file.read().rpartition(b") ")[2][:1] not in b"ZX"
        except OSError:
            return False

    def path(self, process: int, address: int) -> bytes:
        """Returns the bytes before the NUL at or after an address.

        Raises:
            OSError: there is no such memory, or no NUL within what a path may have.
        """
        in_page = _PAGE - address % _PAGE
        data = self._take(process, address, min(in_page, _USUAL), 0)
        end = data.find(b"\0")
        if end < 0:
            data = self._take(process, address, in_page, _PATH_MAX - in_page)
            end = data.find(b"\0")
            if end < 0:
                raise OSError("a path without an end")
        return data[:end]

    def data(self, process: int, address: int, length: int) -> bytes:
        """Returns up to `length` bytes at an address.

        Raises:
            OSError: there is no such memory.
        """
        in_page = min(_PAGE - address % _PAGE, length)
        return self._take(process, address, in_page, min(length, _PATH_MAX) - in_page)

    def write(self, process: int, address: int, data: bytes) -> None:
        """Writes a few bytes at an address.

        Raises:
            OSError: there is no such memory, or it cannot be written to.
        """
        source = ctypes.create_string_buffer(data, len(data))
        here = _Span(ctypes.addressof(source), len(data))
        there = _Span(address, len(data))
        spans = ctypes.addressof(here), 1, ctypes.addressof(there), 1
        if self._write(process, *spans, 0) != len(data):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def _take(self, process: int, address: int, first: int, second: int) -> bytes:
        self._first.base, self._first.length = address, first
        self._second.base, self._second.length = address + first, second
        spans = 2 if second > 0 else 1
        taken = self._read(process, self._here_at, 1, self._there_at, spans, 0)
        if taken < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return self._view[:taken].tobytes()
