# SPDX-License-Identifier: LGPL-2.1-or-later
"""The system calls through which a program can learn something of a tree, as a table.

Whoever names a path learns whether it is there, even by a call that fails: so calls that make or
remove something are in the table like those that read. A call on an open file is not, as its
opening was seen; but reading a directory is, since the names in it are more than its opening tells.
And so are those by which signals come, since a signal can cut a call off (`triggers.cutoff`).

Nor are calls that the sandbox denies whatever the tree holds (`triggers.syscalls`).
Numbers: https://github.com/torvalds/linux/blob/master/arch/x86/entry/syscalls/syscall_64.tbl and
https://github.com/torvalds/linux/blob/master/scripts/syscall.tbl
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a call does with the paths that it names."""

    LOOK = "look"
    RUN = "run"  # the kernel itself then opens an interpreter
    REMOVE = "remove"  # a link, perhaps, so that other names lead elsewhere
    MOVE = "move"
    LINK = "link"
    SYMLINK = "symlink"
    EMPTY = "empty"  # succeeds only for a directory without names
    LIST = "list"  # reads the names in an open directory
    CONNECT = "connect"  # the path is in a socket's address
    ROOT = "root"  # absolute paths start somewhere else from then on
    END = "end"  # bubblewrap's own is when everything should be over
    HANDLE = "handle"  # says what a signal does
    SEND = "send"  # has a signal sent, at once or later
    DOUBT = "doubt"  # nothing that comes after it can be followed


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Where a call's arguments have a path."""

    path: int
    directory: int | None = None  # a descriptor that the path is relative to


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """A call that is told only where one of its arguments has one of these values."""

    argument: int
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathCall:
    """A system call, and what it tells of the tree."""

    name: str
    kind: Kind
    named: tuple[Named, ...] = ()
    doubt: str = ""  # why nothing may be concluded of a script that makes it
    only: Only | None = None
    signal: int | None = None  # the argument that says which signal is sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine on which scripts can be observed."""

    name: str  # uname's
    audit: int  # linux/audit.h
    elf: int  # elf.h, e_machine
    seccomp: int  # the number of seccomp(2)
    calls: dict[int, PathCall]


def _plain(*paths: int) -> tuple[Named, ...]:
    return tuple(Named(path=each) for each in paths)


def _at(*paths: int) -> tuple[Named, ...]:
    """Returns paths that stand right after the descriptors that they are relative to."""
    return tuple(Named(path=each, directory=each - 1) for each in paths)


_L, _D = Kind.LOOK, Kind.DOUBT
_FIRST, _FIRST_AT = _plain(0), _at(1)

_MOUNTS = "a mount"
_USER = "another user"  # what it may read depends on the modes of directories

SIGCHLD = 17
# F_SETOWN, F_SETOWN_EX, F_SETLEASE, F_NOTIFY; PR_SET_PDEATHSIG.
_ONLY = {
    "rt_sigaction": Only(argument=0, values=(SIGCHLD,)),
    "fcntl": Only(argument=1, values=(8, 15, 1024, 1026)),
    "prctl": Only(argument=0, values=(1,)),
}
_SIGNAL = {"kill": 1, "tkill": 1, "tgkill": 2, "rt_sigqueueinfo": 1, "rt_tgsigqueueinfo": 2}
_SIGNAL["pidfd_send_signal"] = 1
_SENDING: tuple[tuple[str, int | None, int | None], ...] = (
    *(("kill", 62, 129), ("tkill", 200, 130), ("tgkill", 234, 131)),
    *(("rt_sigqueueinfo", 129, 138), ("rt_tgsigqueueinfo", 297, 240)),
    *(("pidfd_send_signal", 424, 424), ("alarm", 37, None), ("setitimer", 38, 103)),
    *(("timer_create", 222, 107), ("mq_notify", 244, 184)),
    *(("fcntl", 72, 25), ("prctl", 157, 167)),
)

# Name, kind, paths, why in doubt; number on x86-64 and on aarch64.
_Row = tuple[str, Kind, tuple[Named, ...], str, int | None, int | None]
_ROWS: tuple[_Row, ...] = (
    ("open", _L, _FIRST, "", 2, None),
    ("openat", _L, _FIRST_AT, "", 257, 56),
    ("openat2", _L, _FIRST_AT, "", 437, 437),
    ("creat", _L, _FIRST, "", 85, None),
    ("stat", _L, _FIRST, "", 4, None),
    ("lstat", _L, _FIRST, "", 6, None),
    ("newfstatat", _L, _FIRST_AT, "", 262, 79),
    ("statx", _L, _FIRST_AT, "", 332, 291),
    ("access", _L, _FIRST, "", 21, None),
    ("faccessat", _L, _FIRST_AT, "", 269, 48),
    ("faccessat2", _L, _FIRST_AT, "", 439, 439),
    ("readlink", _L, _FIRST, "", 89, None),
    ("readlinkat", _L, _FIRST_AT, "", 267, 78),
    ("execve", Kind.RUN, _FIRST, "", 59, 221),
    ("execveat", Kind.RUN, _FIRST_AT, "", 322, 281),
    ("getdents", Kind.LIST, (), "", 78, None),
    ("getdents64", Kind.LIST, (), "", 217, 61),
    ("uselib", _L, _FIRST, "", 134, None),
    ("chdir", _L, _FIRST, "", 80, 49),
    ("statfs", _L, _FIRST, "", 137, 43),
    ("getxattr", _L, _FIRST, "", 191, 8),
    ("lgetxattr", _L, _FIRST, "", 192, 9),
    ("listxattr", _L, _FIRST, "", 194, 11),
    ("llistxattr", _L, _FIRST, "", 195, 12),
    ("getxattrat", _L, _FIRST_AT, "", 464, 464),
    ("listxattrat", _L, _FIRST_AT, "", 465, 465),
    ("file_getattr", _L, _FIRST_AT, "", 468, 468),
    ("inotify_add_watch", _L, _plain(1), "", 254, 27),
    ("fanotify_mark", _L, _at(4), "", 301, 263),
    ("name_to_handle_at", _L, _FIRST_AT, "", 303, 264),
    ("open_tree", _L, _FIRST_AT, "", 428, 428),
    # Mutators: whether they succeed tells what is there.
    ("mkdir", _L, _FIRST, "", 83, None),
    ("mkdirat", _L, _FIRST_AT, "", 258, 34),
    ("mknod", _L, _FIRST, "", 133, None),
    ("mknodat", _L, _FIRST_AT, "", 259, 33),
    ("truncate", _L, _FIRST, "", 76, 45),
    ("chmod", _L, _FIRST, "", 90, None),
    ("fchmodat", _L, _FIRST_AT, "", 268, 53),
    ("fchmodat2", _L, _FIRST_AT, "", 452, 452),
    ("chown", _L, _FIRST, "", 92, None),
    ("lchown", _L, _FIRST, "", 94, None),
    ("fchownat", _L, _FIRST_AT, "", 260, 54),
    ("utime", _L, _FIRST, "", 132, None),
    ("utimes", _L, _FIRST, "", 235, None),
    ("futimesat", _L, _FIRST_AT, "", 261, None),
    ("utimensat", _L, _FIRST_AT, "", 280, 88),
    ("setxattr", _L, _FIRST, "", 188, 5),
    ("lsetxattr", _L, _FIRST, "", 189, 6),
    ("removexattr", _L, _FIRST, "", 197, 14),
    ("lremovexattr", _L, _FIRST, "", 198, 15),
    ("setxattrat", _L, _FIRST_AT, "", 463, 463),
    ("removexattrat", _L, _FIRST_AT, "", 466, 466),
    ("file_setattr", _L, _FIRST_AT, "", 469, 469),
    ("unlink", Kind.REMOVE, _FIRST, "", 87, None),
    # With AT_REMOVEDIR it is rmdir: whether it is, the flags say.
    ("unlinkat", Kind.REMOVE, _FIRST_AT, "", 263, 35),
    ("rmdir", Kind.EMPTY, _FIRST, "", 84, None),
    ("rename", Kind.MOVE, _plain(0, 1), "", 82, None),
    ("renameat", Kind.MOVE, _at(1, 3), "", 264, 38),
    ("renameat2", Kind.MOVE, _at(1, 3), "", 316, 276),
    ("link", Kind.LINK, _plain(0, 1), "", 86, None),
    ("linkat", Kind.LINK, _at(1, 3), "", 265, 37),
    # What a link shall hold is not looked up.
    ("symlink", Kind.SYMLINK, _plain(1), "", 88, None),
    ("symlinkat", Kind.SYMLINK, _at(2), "", 266, 36),
    # A tree holds no sockets, but the error tells whether something else is there.
    ("connect", Kind.CONNECT, (), "", 42, 203),
    ("bind", Kind.CONNECT, (), "", 49, 200),
    ("exit_group", Kind.END, (), "", 231, 94),
    ("chroot", Kind.ROOT, _FIRST, "", 161, 51),
    # A child's end sends SIGCHLD by itself; any other signal somebody has asked for.
    ("rt_sigaction", Kind.HANDLE, (), "", 13, 134),
    *((*each[:1], Kind.SEND, (), "", *each[1:]) for each in _SENDING),
    # Names would mean something else from then on.
    ("pivot_root", _D, (), _MOUNTS, 155, 41),
    ("mount", _D, (), _MOUNTS, 165, 40),
    ("umount2", _D, (), _MOUNTS, 166, 39),
    ("move_mount", _D, (), _MOUNTS, 429, 429),
    ("fspick", _D, (), _MOUNTS, 433, 433),
    ("mount_setattr", _D, (), _MOUNTS, 442, 442),
    ("open_tree_attr", _D, (), _MOUNTS, 467, 467),
    ("setns", _D, (), "another namespace", 308, 268),
    # Ways to a file that name no path, or not where it could be read.
    ("io_uring_setup", _D, (), "io_uring", 425, 425),
    ("open_by_handle_at", _D, (), "a file opened by its number", 304, 265),
    ("bpf", _D, (), "bpf", 321, 280),
    ("quotactl", _D, (), "quotas", 179, 60),
    ("swapon", _D, (), "swap", 167, 224),
    ("swapoff", _D, (), "swap", 168, 225),
    ("acct", _D, (), "process accounting", 163, 89),
    # Another process could change a path between our look and the kernel's.
    ("ptrace", _D, (), "a traced process", 101, 117),
    ("process_vm_readv", _D, (), "another process's memory", 310, 270),
    ("process_vm_writev", _D, (), "another process's memory", 311, 271),
    # Root reads whatever the modes of the directories above it.
    ("setuid", _D, (), _USER, 105, 146),
    ("setreuid", _D, (), _USER, 113, 145),
    ("setresuid", _D, (), _USER, 117, 147),
    ("setfsuid", _D, (), _USER, 122, 151),
    ("capset", _D, (), "capabilities given up", 126, 91),
)


def _calls(column: int) -> dict[int, PathCall]:
    calls: dict[int, PathCall] = {}
    for row in _ROWS:
        name, kind, named, doubt, *numbers = row
        number = numbers[column]
        if number is not None:
            calls[number] = PathCall(
                name=name,
                kind=kind,
                named=named,
                doubt=doubt,
                only=_ONLY.get(name),
                signal=_SIGNAL.get(name),
            )
    return calls


MACHINES = {
    each.name: each
    for each in (
        Machine(name="x86_64", audit=0xC000003E, elf=62, seccomp=317, calls=_calls(0)),
        Machine(name="aarch64", audit=0xC00000B7, elf=183, seccomp=277, calls=_calls(1)),
    )
}
