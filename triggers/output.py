# SPDX-License-Identifier: LGPL-2.1-or-later
"""Keeps the beginning and the end of what a script writes, in bounded memory."""

LIMIT = 1 << 16  # bytes: more than anybody reads, and a thousand scripts still fit in memory


class Capture:
    """Collects bytes; of more than `limit` the first and the last halves stay."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._lost = 0

    def add(self, data: bytes) -> None:
        """Takes the next bytes."""
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        surplus = len(self._tail) - self._half
        if surplus > 0:
            del self._tail[:surplus]
            self._lost += surplus

    @property
    def complete(self) -> bool:
        """Whether nothing has been left out."""
        return self._lost == 0

    def data(self) -> bytes:
        """Returns what was kept."""
        gap = f"\n[{self._lost} bytes left out]\n".encode() if self._lost else b""
        return bytes(self._head) + gap + bytes(self._tail)

    def text(self) -> str:
        """Returns what was kept, with bytes that are no UTF-8 replaced."""
        return self.data().decode("utf-8", "replace")
