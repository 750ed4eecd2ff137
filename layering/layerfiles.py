# SPDX-License-Identifier: LGPL-2.1-or-later
"""The regular files of a package on their way from its payload into objects.

One thread reads, decompresses and checks; others digest and write, a bounded number of bytes
behind. Hard links stay one object where they can: a set that reaches from /usr into /var, or whose
names have different labels, becomes an object for each kind of name.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path

from layering.bytecode import HEAD_SIZE
from layering.header import PackageHeader
from layering.inorder import InOrder
from layering.layerplan import LayerPlan
from layering.objects import Xattrs
from layering.objectwriter import ObjectWriter
from layering.payload import Content, PayloadItem, read_payload
from layering.repo import Repo

_INLINE_MAX = 1 << 20  # bytes; larger files pass through in pieces
_SPOOL_MAX = 512 << 20  # bytes; up to here a file may be on the disk twice for a moment
_PIECE = 1 << 18  # bytes; what a processor keeps at hand from one thread to the next
_BATCH_BYTES = 1 << 20
_BATCH_FILES = 64
_WRITERS = 2  # threads
_BEHIND = 4  # batches or pieces that each of them has before it

_Kind = tuple[int, Xattrs]
_Places = dict[_Kind, list[bytes]]  # of one file: each kind of object, and where it will lie


def write_files(
    rpm: Path,
    header: PackageHeader,
    plan: LayerPlan,
    repo: Repo,
    *,
    digest: str,
    step: Callable[[], None],
) -> dict[bytes, str]:
    """Writes the objects of a package's regular files and returns their checksums by place.

    `digest` is that of the RPM; `step` is called again and again, and may raise to end it all.

    Raises:
        BrokenPackageError: header and payload disagree, or a digest does not match.
        RepoError: the repository cannot be written.
    """
    with ExitStack() as stack:
        threads = [InOrder("import-write", behind=_BEHIND) for _ in range(_WRITERS)]
        files = _Files(plan, repo, [stack.enter_context(thread) for thread in threads], step)
        for item in read_payload(rpm, header, digest=digest):
            step()
            if item.content is not None:
                files.add(item, item.content)
        files.finish()
    return files.written


class _Files:
    def __init__(
        self,
        plan: LayerPlan,
        repo: Repo,
        threads: Sequence[InOrder],
        step: Callable[[], None],
    ) -> None:
        self.written: dict[bytes, str] = {}
        self._plan = plan
        self._objects = ObjectWriter(repo)
        self._threads = threads
        self._turn = cycle(threads)
        self._step = step
        self._batch: list[tuple[bytes, _Places]] = []
        self._batch_bytes = 0

    def add(self, item: PayloadItem, content: Content) -> None:
        """Reads the content of a file, or of a set of hard links, and sees to its writing."""
        places = self._places(item)
        if content.size > _INLINE_MAX:
            self._stream(item, content, places)
            return
        self._batch.append((self._edited(item, content.read()), places))
        self._batch_bytes += content.size
        if self._batch_bytes >= _BATCH_BYTES or len(self._batch) >= _BATCH_FILES:
            self._flush()

    def finish(self) -> None:
        """Waits until all is written."""
        self._flush()
        for thread in self._threads:
            thread.finish()

    def _places(self, item: PayloadItem) -> _Places:
        places: _Places = {}
        for entry in item.entries:
            planned = self._plan.files[entry.path]
            places.setdefault((planned.mode, planned.xattrs), []).append(planned.place)
        return places

    def _edited(self, item: PayloadItem, content: bytes) -> bytes:
        """Returns the content as the tree is to have it; all names of a file must agree on that."""
        edits = [self._plan.edits.get(entry.path) for entry in item.entries]
        if None in edits:
            return content
        head = content[:HEAD_SIZE]
        heads = {edit(head) for edit in edits if edit}
        return heads.pop() + content[HEAD_SIZE:] if len(heads) == 1 else content

    def _flush(self) -> None:
        if self._batch:
            next(self._turn).give(partial(self._write, self._batch))
            self._batch, self._batch_bytes = [], 0

    def _write(self, batch: Sequence[tuple[bytes, _Places]]) -> None:
        for content, places in batch:
            for (mode, xattrs), lying in places.items():
                checksum = self._objects.write(content, mode=mode, xattrs=xattrs)
                self.written.update(dict.fromkeys(lying, checksum))

    def _stream(self, item: PayloadItem, content: Content, places: _Places) -> None:
        kinds = iter(places.items())
        (mode, xattrs), lying = next(kinds)
        pieces = self._pieces(item, content)
        if content.size > _SPOOL_MAX:
            write = self._objects.stream
            checksum = write(pieces, length=content.size, mode=mode, xattrs=xattrs)
        else:
            checksum = self._spooled(pieces, mode, xattrs)
        self.written.update(dict.fromkeys(lying, checksum))
        for (mode, xattrs), lying in kinds:
            copy = self._objects.copy
            other = copy(checksum, length=content.size, mode=mode, xattrs=xattrs)
            self.written.update(dict.fromkeys(lying, other))

    def _spooled(self, pieces: Iterator[bytes], mode: int, xattrs: Xattrs) -> str:
        thread = next(self._turn)  # one alone, so that the pieces stay in order
        with self._objects.spool(mode=mode, xattrs=xattrs) as spool:
            try:
                for piece in pieces:
                    thread.give(partial(spool.write, piece))
            finally:
                thread.finish()
            return spool.finish()

    def _pieces(self, item: PayloadItem, content: Content) -> Iterator[bytes]:
        head = b""
        while len(head) < HEAD_SIZE:
            head += content.some(HEAD_SIZE - len(head))
        yield self._edited(item, head)
        while piece := content.some(_PIECE):
            self._step()
            yield piece
