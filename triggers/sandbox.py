# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sandbox that scripts run in: a bubblewrap command line, made without touching anything.

A script is root over the tree and over nothing else: of the machine it sees no file, no device that
holds data, no network, no other process; and of its writes only those below /usr and /etc last. /
itself is read-only, so that a write which cannot be kept fails rather than vanishes.

/proc is read-only as well: root owns the files in /proc/sys, so dropping capabilities alone leaves
them writable, core_pattern among them, and with that the whole machine. bubblewrap covers
/proc/sys only where a user namespace is in use. https://github.com/containers/bubblewrap

/sys is empty: what it tells differs from machine to machine, and the tree must not. No program of
the tree gains privileges by setuid or file capabilities, as bubblewrap sets no_new_privs; a script
that is root has no use for them, and a user that it becomes does not get back.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from triggers.ground import MACHINE_ID, is_file, make_ready
from triggers.tools import QUIET, STAND_INS, stand_ins_for

USR_MERGE = (
    ("bin", "usr/bin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
    ("sbin", "usr/sbin"),
)

# What a package's set-up needs on files that it owns, and no more: none to mount, to make devices,
# to load modules, to trace or to go around the file system's read-only flags.
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_SYS_CHROOT",
    "CAP_SETFCAP",
)

SCRIPT_DIRECTORY = "/run/overlay"

_HOME = "/root"

# Sizes of what is kept in memory, in bytes; more than is ever used, less than most machines have.
_LARGE, _SMALL = 2 << 30, 64 << 20
_TEMPORARY = ("--perms", "1777", "--size", str(_LARGE), "--tmpfs")

PATH = "/usr/sbin:/usr/bin"

# Top-level directories that the machine fills: what a tree has there is not what runs.
_HOSTS = frozenset({"boot", "home", "media", "mnt", "opt", "ostree", "srv", "sys", "sysroot"})
_OWN = frozenset({"usr", "etc", "var", "tmp", "run", "proc", "dev"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bind:
    """One more file or directory of the machine that scripts may see."""

    source: Path
    destination: str
    writable: bool = False
    device: bool = False  # device nodes in it work


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptors:
    """Open files that a run hands to bubblewrap, by number."""

    null: int  # at end of file
    script: int | None = None
    status: int | None = None
    tree: int | None = None  # a pipe that `tree_words` are to be read from
    calls: int | None = None  # the filter of system calls

    def numbers(self) -> tuple[int, ...]:
        """Returns those that there are."""
        every = (self.null, self.script, self.status, self.tree, self.calls)
        return tuple(each for each in every if each is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Over which tree scripts run, and what they see beside it."""

    root: Path  # the merged mount, with usr and usr/etc
    var: Path  # a scratch directory, bound at /var
    rpm_state: Path  # kept across the scripts of one transaction, at /var/lib/rpm-state
    source_date_epoch: int
    links: tuple[tuple[str, str], ...] = USR_MERGE  # top-level name, target
    directories: tuple[str, ...] = ("boot", "mnt", "sys", "sysroot")  # top-level, left empty
    tops: tuple[str, ...] = ()  # top-level directories of the tree's own, beside usr
    etc: bool = True  # whether root has usr/etc
    stand_ins: tuple[str, ...] = ()  # tools that do nothing and succeed
    machine_id: bool = False  # whether the tree has the file, which then cannot be written
    binds: tuple[Bind, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()  # on top of the fixed one

    @classmethod
    def over(
        cls,
        root: Path,
        *,
        var: Path,
        rpm_state: Path,
        source_date_epoch: int,
        binds: Sequence[Bind] = (),
    ) -> "Sandbox":
        """Returns the sandbox for the tree at `root`, whose top level is looked at once."""
        entries = sorted(each for each in root.iterdir() if each.name not in _OWN)
        links = {each.name: str(each.readlink()) for each in entries if each.is_symlink()}
        if (root / "usr/lib/opt").is_dir():
            links["opt"] = "usr/lib/opt"  # where packages' /opt is kept; /var/opt is the host's
        real = [each.name for each in entries if each.name not in links and each.is_dir()]
        return cls(
            root=root,
            var=var,
            rpm_state=rpm_state,
            source_date_epoch=source_date_epoch,
            links=tuple(sorted(links.items())),
            directories=tuple(sorted({"sys", *_HOSTS.intersection(real)})),
            tops=tuple(name for name in real if name not in _HOSTS and name != "root"),
            etc=(root / "usr/etc").is_dir(),
            stand_ins=stand_ins_for(root),
            machine_id=is_file(root / f"usr{MACHINE_ID}"),
            binds=tuple(binds),
        )

    def ready(self, label: str) -> None:
        """Makes what every script finds in /var; to be called before each one, `label`.

        Raises:
            SandboxError: an earlier script has put something else in the place of a directory.
        """
        make_ready(self, label)

    def argv(
        self,
        command: Sequence[str],
        *,
        descriptors: Descriptors,
        script_path: str | None = None,
        environment: Sequence[tuple[str, str]] = (),
        terminal: bool = False,
    ) -> tuple[str, ...]:
        """Returns the bubblewrap command that runs `command`; pure.

        With `script_path` the open file `descriptors.script` can be read there. With `terminal` it
        stays in the session that it is started in, which must be nobody else's.
        """
        words = ["bwrap", "--die-with-parent", *([] if terminal else ["--new-session"])]
        words += ["--unshare-pid", "--unshare-net"]
        words += ["--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
        words += ["--hostname", "localhost", "--cap-drop", "ALL"]
        words += [word for each in CAPABILITIES for word in ("--cap-add", each)]
        words += self._tree() if descriptors.tree is None else ["--args", str(descriptors.tree)]
        words += [*_TEMPORARY, "/tmp", "--size", str(_SMALL), "--tmpfs", "/run"]
        words += ["--dir", "/run/lock", *self._stand_ins()]
        words += _small_directory(_HOME, "0700") if self._home_is_ours() else []
        words += ["--perms", "0444", "--file", str(descriptors.null), "/run/ostree-booted"]
        words += ["--dev", "/dev", *_small_directory("/dev/shm", "1777")]
        # The command line of the kernel that runs here, which may hold secrets, looks empty.
        words += ["--proc", "/proc", "--dev-bind", "/dev/null", "/proc/cmdline"]
        words += ["--remount-ro", "/proc"]
        words += [word for each in self.binds for word in _bind(each)]
        if script_path is not None:
            words += ["--perms", "0500", "--ro-bind-data", str(descriptors.script), script_path]
        words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--clearenv"]
        variables = (*self._environment(), *self.environment, *environment)
        words += [word for name, value in variables for word in ("--setenv", name, value)]
        if descriptors.calls is not None:
            words += ["--seccomp", str(descriptors.calls)]
        if descriptors.status is not None:
            words += ["--json-status-fd", str(descriptors.status)]
        return (*words, "--", *command)

    def tree_words(self) -> bytes:
        """Returns what bubblewrap reads from `Descriptors.tree`."""
        return b"".join(os.fsencode(word) + b"\0" for word in self._tree())

    def _home_is_ours(self) -> bool:
        # A link leads into the scratch /var; anything else is replaced by an empty directory.
        return all(f"/{name}" != _HOME for name, _ in self.links)

    def _tree(self) -> list[str]:
        words = ["--bind", str(self.root / "usr"), "/usr"]
        words += ["--bind", str(self.root / "usr/etc"), "/etc"] if self.etc else ["--dir", "/etc"]
        for name in self.tops:
            words += ["--bind", str(self.root / name), f"/{name}"]
        for name, target in self.links:
            words += ["--symlink", target, f"/{name}"]
        for name in self.directories:
            words += ["--dir", f"/{name}"]
        words += ["--bind", str(self.var), "/var"]
        words += ["--bind", str(self.rpm_state), "/var/lib/rpm-state"]
        words += [*_TEMPORARY, "/var/tmp"]
        if self.machine_id:
            words += ["--ro-bind", str(self.root / f"usr{MACHINE_ID}"), MACHINE_ID]
        return words

    def _stand_ins(self) -> list[str]:
        words = (("--symlink", QUIET, f"{STAND_INS}/{each}") for each in self.stand_ins)
        return [word for each in words for word in each]

    def _environment(self) -> tuple[tuple[str, str], ...]:
        return (
            ("PATH", f"{STAND_INS}:{PATH}" if self.stand_ins else PATH),
            ("LANG", "C.UTF-8"),
            ("HOME", _HOME),
            # systemctl then only changes files: start, restart and daemon-reload do nothing.
            ("SYSTEMD_OFFLINE", "1"),
            ("SYSTEMD_IN_CHROOT", "1"),  # nor does udevadm
            ("SOURCE_DATE_EPOCH", str(self.source_date_epoch)),
            # What a script happens to import must not stay as byte code, which holds times.
            ("PYTHONDONTWRITEBYTECODE", "1"),
        )


def _bind(bind: Bind) -> tuple[str, ...]:
    how = "--dev-bind" if bind.device else "--bind" if bind.writable else "--ro-bind"
    return (how, str(bind.source), bind.destination)


def _small_directory(path: str, mode: str) -> list[str]:
    return ["--perms", mode, "--size", str(_SMALL), "--tmpfs", path]
