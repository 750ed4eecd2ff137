# SPDX-License-Identifier: LGPL-2.1-or-later
"""System calls, as they are told, made into what a script looks at.

Only what happens in the sandbox counts. bubblewrap itself looks at files of the machine while it
sets up, and starts no program until it is done: then another process than the one that we started
executes for the first time. From there on everything counts, but what is done by the processes that
were there before, which are bubblewrap's own and stay as long as the sandbox does.

What is not seen, since no tree decides it: the clock, random numbers, the machine (uname, sysinfo,
/proc but for its links into the tree), other processes, pipes and sockets; whoever is at their
other end was seen to get what it sends. A datagram sent to a path is not seen either: a tree holds
no sockets. Of what a tree does hold, these numbers are the file system's own and count no more than
the clock: inodes and devices, times, free space, the order of names, a directory's size and links.

A call is told before it is carried out. Names and links are read in that moment; what other
processes of the same script do to them at once is as open as the result of that script is.
"""

import os

from triggers import cutoff
from triggers.linkwalk import DELETED, LinkWalk
from triggers.notify import Call
from triggers.observed import DoubtError, Observed
from triggers.pathcalls import Kind, Machine, Named, PathCall
from triggers.peek import Peek
from triggers.programfile import interpreter_of

_CURRENT = 0xFFFFFF9C  # AT_FDCWD
_REMOVE_DIRECTORY = 0x200  # AT_REMOVEDIR
_EXCHANGE = 2  # RENAME_EXCHANGE
_IN_ROOT = 0x10  # RESOLVE_IN_ROOT
_UNIX, _ADDRESS_MOST = 1, 110  # AF_UNIX, sizeof(struct sockaddr_un)
_INTERPRETERS_MOST = 6
_CACHE, _OPENS = "ld.so.cache", ("open", "openat")
_OWN = ("/tmp/", "/run/", "/var/tmp/", "/root/", "/dev/")  # empty when a script begins


class Sightings:
    """What one script was seen to look at so far."""

    def __init__(self, machine: Machine) -> None:
        self._may_fail = False  # whether a call that was cut off can have failed for its program
        self._machine = machine
        self._peek = Peek()
        self._walk: LinkWalk | None = None  # None: nothing counts yet
        self._root = -1
        self._bubblewrap: set[int] = set()  # all its processes, while nothing counts
        self._first: int | None = None  # bubblewrap outside, which ends when the command does
        self._listed: set[str] = set()
        self._whole_cache = False
        self._doubts: list[str] = []
        # Whose last call may change where names lead, and may not be over.
        self._unsettled: set[int] = set()

    def close(self) -> None:
        """Gives back what is open."""
        self._peek.close()
        if self._root >= 0:
            os.close(self._root)

    def doubt(self, why: str) -> None:
        """Takes note that nothing may be concluded."""
        if why not in self._doubts:
            self._doubts.append(why)

    def cut_off(self) -> None:
        """Takes note that a call was cut off before it was received (`triggers.cutoff`)."""
        if self._may_fail:
            self.doubt("a system call that was cut off")

    def observed(self) -> Observed:
        """Returns what was seen."""
        walk = self._walk
        if walk is None and not self._doubts:
            self.doubt("a program that never started")
        return Observed(
            looked=frozenset(walk.looked if walk else ()),
            listed=frozenset(self._listed),
            whole_cache=self._whole_cache,
            doubts=tuple(self._doubts),
        )

    def see(self, call: Call) -> None:
        """Takes note of what a call that waits looks at."""
        _, thread, machine, number, arguments, _ = call
        row = self._machine.calls.get(number) if machine == self._machine.audit else None
        if self._walk is None:
            self._begin(row, thread)
        walk = self._walk
        if walk is not None and row is not None and thread not in self._bubblewrap:
            cutoff.let_start_over(self._peek, row, thread, arguments)
        if walk is None or self._doubts:
            return
        if thread in self._bubblewrap:
            if row is not None and row.kind is Kind.END and thread == self._first:
                self._end(thread)
            return
        if row is None:
            self.doubt("a 32-bit program")
            return
        if self._unsettled:
            self._settle(walk, thread)
        try:
            top = self._top(walk, row, thread, arguments)
            paths = self._paths(row, thread, arguments, top)
            if not self._whole_cache and any(path.endswith(_CACHE) for path in paths):
                self._whole_cache = row.name not in _OPENS or not self._peek.in_loader(
                    thread, call[5]
                )
            if row.kind is Kind.LOOK:
                for path in paths:
                    walk.look(path, thread, top)
            elif row.kind in (Kind.HANDLE, Kind.SEND):
                self._may_fail |= cutoff.may_fail(self._peek, row, thread, arguments)
            else:
                self._see_more(walk, row, paths, call, top)
        except DoubtError as error:
            self.doubt(str(error))
        except OSError:
            self.doubt("a path that could not be read")

    def _begin(self, row: PathCall | None, thread: int) -> None:
        self._first = self._first or thread
        if row is None or row.kind is not Kind.RUN or not self._bubblewrap - {thread}:
            self._bubblewrap.add(thread)
            return
        self._bubblewrap.discard(thread)
        self._bubblewrap = {each for each in self._bubblewrap if self._peek.lives(each)}
        try:
            self._root = self._peek.root(thread)
        except OSError:
            self.doubt("a root that could not be opened")
        else:
            self._walk = LinkWalk(self._root, self._peek)

    def _end(self, thread: int) -> None:
        # What is still there is about to be killed, wherever it is in its work.
        for init in self._bubblewrap - {thread}:
            try:
                if self._peek.children(init):
                    self.doubt("a process that was left running")
            except FileNotFoundError:
                continue  # it ends when nobody else is there
            except OSError:
                self.doubt("processes that cannot be counted")

    def _top(self, walk: LinkWalk, row: PathCall, thread: int, arguments: tuple[int, ...]) -> str:
        """Returns the place of the root that holds for a call, "" for the sandbox's own."""
        if row.name == "openat2":
            resolve = self._peek.data(thread, arguments[2], 24)[16:]
            if int.from_bytes(resolve, "little") & _IN_ROOT:
                return self._base(row.named[0], thread, arguments).rstrip("/")
        return self._directory(thread, "root").rstrip("/") if walk.other_roots else ""

    def _paths(self, row: PathCall, thread: int, arguments: tuple[int, ...], top: str) -> list[str]:
        """Returns the paths that a call names, from the sandbox's root."""
        if row.kind is Kind.DOUBT:
            raise DoubtError(row.doubt)
        if row.kind is Kind.LIST:
            return [self._peek.open_file(thread, arguments[0])]
        if row.kind is Kind.CONNECT:
            return self._address(thread, arguments[1], arguments[2], top)
        paths = []
        for named in row.named:
            address = arguments[named.path]
            if address == 0:
                continue  # the call is about an open file
            path = os.fsdecode(self._peek.path(thread, address))
            if path[:1] == "/":
                paths.append(top + path)
            elif path:
                paths.append(f"{self._base(named, thread, arguments)}/{path}")
            elif row.kind is Kind.RUN:
                paths.append(self._base(named, thread, arguments))
        return paths

    def _address(self, thread: int, address: int, length: int, top: str) -> list[str]:
        data = self._peek.data(thread, address, min(length, _ADDRESS_MOST)) if length > 2 else b""
        path = os.fsdecode(data[2:].partition(b"\0")[0])
        if int.from_bytes(data[:2], "little") != _UNIX or not path:
            return []  # of the network, or a name of no file
        return [self._from_root(path, thread, top)]

    def _from_root(self, path: str, thread: int, top: str) -> str:
        return top + path if path[0] == "/" else f"{self._current(thread)}/{path}"

    def _see_more(
        self, walk: LinkWalk, row: PathCall, paths: list[str], call: Call, top: str
    ) -> None:
        if row.kind is Kind.LIST:
            listed = [each for each in paths if each[0] == "/" and not walk.is_gone(each)]
            walk.looked.update(listed)
            self._listed.update(listed)
            return
        if row.kind is Kind.RUN:
            for path in paths:
                self._run(walk, path, call[1], top)
            return
        places = [walk.lead(path, call[1], top) for path in paths]
        if row.kind is Kind.ROOT:
            walk.other_roots = True
        elif row.kind is Kind.EMPTY or (row.name == "unlinkat" and call[4][2] & _REMOVE_DIRECTORY):
            self._listed.update(named for named, _ in places)
        elif row.kind is Kind.MOVE:
            # Onto a directory goes only another one, unless both change places.
            exchanged = row.name == "renameat2" and call[4][4] & _EXCHANGE
            for named, _ in places if exchanged else places[:1]:
                if walk.is_directory(named):
                    if not named.startswith(_OWN):
                        raise DoubtError("a directory that is moved")
                    self._unsettled.add(call[1])
        made = row.kind in (Kind.SYMLINK, Kind.LINK)  # of an open file, which may be a link
        if made or any(walk.is_link(named) for named, _ in places):
            self._unsettled.add(call[1])

    def _run(self, walk: LinkWalk, path: str, thread: int, top: str) -> None:
        for _ in range(_INTERPRETERS_MOST):
            _, reached = walk.lead(path, thread, top)
            if reached.endswith(DELETED):
                raise DoubtError("a program without a name")
            file = walk.open(reached)
            if file is None:
                return
            try:
                interpreter = interpreter_of(file, self._machine.elf)
            finally:
                os.close(file)
            if interpreter is None:
                return
            path = self._from_root(interpreter, thread, top)

    def _settle(self, walk: LinkWalk, thread: int) -> None:
        walk.forget()
        self._unsettled = {
            each for each in self._unsettled if each != thread and self._peek.lives(each)
        }

    def _base(self, named: Named, thread: int, arguments: tuple[int, ...]) -> str:
        if named.directory is None:
            return self._current(thread)
        number = arguments[named.directory] & 0xFFFFFFFF
        return self._current(thread) if number == _CURRENT else self._peek.open_file(thread, number)

    def _current(self, thread: int) -> str:
        return self._directory(thread, "cwd")

    def _directory(self, thread: int, name: str) -> str:
        path = self._peek.link(thread, name)
        if path.endswith(DELETED):
            raise DoubtError("a directory that was removed")
        return path
