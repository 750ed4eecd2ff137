# SPDX-License-Identifier: LGPL-2.1-or-later
"""What else does the job, or a part of it, to be measured beside: dnf5, and a union by checkout."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from bench.host import REQUEST, Host
from bench.measure import BenchError, Run, measured, plain

_INCUMBENT = "bench/incumbent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A plain root directory that dnf5 installs into: the base's files, copied, and its rpmdb."""

    path: Path
    options: tuple[str, ...]

    def install(self) -> Run:
        """Measures dnf5 installing the request."""
        return measured(["dnf5", "-y", *self.options, "install", REQUEST])

    def reset(self) -> None:
        """Takes the request away again, with what it brought."""
        plain(["dnf5", "-y", *self.options, "remove", REQUEST])


def copied_root(path: Path, host: Host) -> Root:
    """Makes the root: copies, as what dnf5 writes to must not be the repository's objects."""
    checkout = ["ostree", "checkout", host.repo, "--force-copy", host.padded.commit, str(path)]
    plain(checkout)
    (path / "usr/etc").rename(path / "etc")
    database = path / plain(["rpm", "-E", "%_dbpath"]).strip().lstrip("/")
    source = path / "usr/share/rpm/rpmdb.sqlite"
    if not (database / source.name).exists():
        database.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, database / source.name)
    options = (
        f"--installroot={path}",
        f"--releasever={_releasever(path)}",
        "--setopt=keepcache=True",
    )
    return Root(path=path, options=options)


@dataclass(frozen=True, slots=True, kw_only=True)
class ByCheckout:
    """The union made the usual way: a checkout of both trees, committed again."""

    checkout: Run
    layer: Run
    commit: Run

    @property
    def seconds(self) -> float:
        """Returns the seconds of the three commands."""
        return sum(run.seconds for run in self.runs)

    @property
    def runs(self) -> tuple[Run, ...]:
        """Returns the three commands in order."""
        return self.checkout, self.layer, self.commit

    @property
    def result(self) -> str:
        """Returns the checksum of the commit."""
        return self.commit.stdout.strip()


def by_checkout(host: Host, layer: str, directory: Path) -> ByCheckout:
    """Measures checkout, union and commit with ostree's own tool, and leaves nothing behind."""
    checkout = ["ostree", "checkout", host.repo, "--require-hardlinks"]
    target = str(directory)
    commit = ["ostree", "commit", host.repo, "--link-checkout-speedup", f"--tree=dir={target}"]
    commit += [f"--branch={_INCUMBENT}", "--subject=union", "--parent=none"]
    try:
        return ByCheckout(
            checkout=measured([*checkout, host.padded.commit, target]),
            layer=measured([*checkout, "--union", layer, target]),
            commit=measured(commit),
        )
    finally:
        shutil.rmtree(directory)
        plain(["ostree", "refs", host.repo, "--delete", _INCUMBENT])


def _releasever(root: Path) -> str:
    for line in (root / "usr/lib/os-release").read_text(encoding="utf-8").splitlines():
        name, _equals, value = line.partition("=")
        if name == "VERSION_ID":
            return value.strip('"')
    raise BenchError("the base's os-release has no VERSION_ID")
