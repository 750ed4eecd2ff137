# SPDX-License-Identifier: LGPL-2.1-or-later
"""dnf5's command line as a judge: it is asked about the same world, and nothing is installed.

What it would do is read from the table that it prints before its question. A change of the reason
for which a package is installed does nothing to that package.
"""

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from solver import Reason

_ROW = re.compile(r"^ (\S+)\s+(\S+)\s+(\d+):(\S+)\s+\S+\s+[\d.]+ +\S+$")
_REPLACED = re.compile(r"^   replacing (\S+)\s+(\S+)\s+(\d+):(\S+)", re.MULTILINE)
_TITLE = re.compile(r"^[A-Z][\w/ ]+:$")
_ADDED = {
    "Installing:": Reason.USER,
    "Installing dependencies:": Reason.DEPENDENCY,
    "Installing weak dependencies:": Reason.WEAK,
    "Installing group/module packages:": Reason.GROUP,
    "Upgrading:": Reason.USER,
    "Downgrading:": Reason.USER,
}
_REMOVED = ("Removing:", "Removing dependent packages:", "Removing unused dependencies:")
# What dnf says where it does not even try, or finds no way.
_FAILURES = ("Failed to resolve the transaction", "No match for argument")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What dnf5 would do."""

    added: Mapping[str, Reason]  # NEVRAs, and why they come
    replaced: frozenset[str]  # NEVRAs of installed packages that something comes in place of
    removed: frozenset[str]  # and of those that just go
    failed: bool  # no solution, or nothing matches a request
    text: str

    @property
    def touches(self) -> frozenset[str]:
        """Returns the installed packages that would not stay as they are."""
        return self.replaced | self.removed


@dataclass(frozen=True, slots=True, kw_only=True)
class Dnf5:
    """dnf5 over an installed root and repositories; all that it writes goes to a scratch place."""

    root: Path
    repositories: Mapping[str, Path]
    scratch: Path
    releasever: str = "1"

    def command(self, *words: str) -> list[str]:
        """Returns a dnf5 command that asks, and takes no for an answer."""
        places = {"cachedir": "cache", "system_cachedir": "cache", "logdir": "log"}
        command = ["dnf5", f"--installroot={self.root}", "--use-host-config", "--no-gpgchecks"]
        command += [f"--setopt={name}={self.scratch}/{at}" for name, at in places.items()]
        command += ["--setopt=reposdir=/nowhere", "--setopt=plugins=0", "--setopt=installonlypkgs="]
        command += [f"--releasever={self.releasever}", "--forcearch=x86_64", "-q"]
        command += [f"--repofrompath={id},file://{at}" for id, at in self.repositories.items()]
        return [*command, "--assumeno", *words]

    def install(self, specs: Sequence[str], *, weak_deps: bool = True, best: bool = True) -> Answer:
        """Asks what an installation would do."""
        options = [f"--setopt=install_weak_deps={weak_deps}", f"--setopt=best={best}"]
        return self.ask("install", *options, "--", *specs)

    def ask(self, *words: str) -> Answer:
        """Runs a command and reads what it would do."""
        done = self.run(*words)
        return read(done.stdout, done.stderr)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs a command."""
        return subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin", "LC_ALL": "C.UTF-8", "COLUMNS": "400"},
        )


def read(output: str, complaints: str) -> Answer:
    """Reads the table of a transaction."""
    added: dict[str, Reason] = {}
    removed = set()
    title = ""
    for line in output.splitlines():
        title = line.strip() if _TITLE.match(line) else title
        row = _ROW.match(line)
        if row is None:
            continue
        if title in _ADDED:
            added[_nevra(row)] = _ADDED[title]
        elif title in _REMOVED:
            removed.add(_nevra(row))
    return Answer(
        added=added,
        replaced=frozenset(map(_nevra, _REPLACED.finditer(output))),
        removed=frozenset(removed),
        failed=any(failure in complaints for failure in _FAILURES),
        text=output + complaints,
    )


def _nevra(row: re.Match[str]) -> str:
    epoch = f"{row[3]}:" if row[3] != "0" else ""
    return f"{row[1]}-{epoch}{row[4]}.{row[2]}"
