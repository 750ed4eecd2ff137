# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two trees of the same packages, rpm's and ours, booted as far as tmpfiles.d goes and compared."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.integration.comparison import Tree, unexplained, unlinked
from tests.integration.hosts import Host
from tests.integration.live import LiveTree, live_tree
from tests.integration.manifest import manifest

# Caches that the world's packages leave to somebody else, where Fedora's have a trigger: ours has
# them built in, and beside rpm these run once, where there is what feeds them. The bytes are
# compared like all others.
CACHES = {
    "/usr/share/applications": ("update-desktop-database", "--quiet", "/usr/share/applications"),
    **{
        f"/usr/share/icons/{theme}": (
            *("gtk-update-icon-cache", "--force", "--quiet"),
            f"/usr/share/icons/{theme}",
        )
        for theme in ("hicolor", "CaseTrigger")
    },
    # The only kernel's.
    "/usr/lib/modules/*/extra/case-trigger.ko.xz": ("sh", "-c", "depmod $(ls /usr/lib/modules)"),
    "/etc/dconf/db/*.d": ("sh", "-c", "dconf update"),
    "/usr/share/ca-certificates/case-trigger": ("sh", "-c", "update-ca-certificates --fresh"),
    **{
        f"/usr/share/info/{page}.info.gz": (
            *("install-info", f"/usr/share/info/{page}.info.gz"),
            "/usr/share/info/dir",
        )
        for page in ("case-trigger", "case-trigger-other")
    },
}

_TOLD = 40  # differences


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The base, for rpm to install into, and the layered tree of the same packages."""

    rpm: LiveTree
    ours: LiveTree
    nevras: tuple[str, ...]  # of the layered packages

    def install(self, directory: Path, files: Sequence[str], *options: str) -> None:
        """Has rpm install packages, by their paths below `directory`."""
        before = self._installed()
        ended = self.rpm.install(directory, files, *options)
        assert len(self._installed() - before) == len(files), ended.stdout + ended.stderr

    def replace(self, directory: Path, files: Sequence[str]) -> None:
        """Has rpm update packages of the base, or take older ones, by their paths."""
        ended = self.rpm.install(directory, files, "--oldpackage")
        assert ended.status == 0, ended.stdout + ended.stderr

    def erase(self, *names: str) -> None:
        """Has rpm erase packages of the base."""
        before = self._installed()
        self.rpm.ask("/usr/bin/rpm", "-e", *names)
        assert len(before - self._installed()) == len(names)

    def compare(self, *, verify: frozenset[str] = frozenset()) -> frozenset[str]:
        """Fails unless both are equal, but for the conventions; returns the names of those used.

        `verify` are the lines that `rpm -V` has for our tree and not for rpm's.
        """
        for feeds, (tool, *arguments) in CACHES.items():
            has_tool = (self.rpm.root / "usr/bin" / tool).exists()
            if has_tool and any(self.rpm.root.glob(feeds[1:])):
                self.rpm.ask(tool, *arguments)
        self.rpm.boot()
        theirs = Tree(root=self.rpm.root, entries=manifest(self.rpm.root, by_name=True))
        mine = Tree(root=self.ours.root, entries=manifest(self.ours.root, by_name=True))
        used: set[str] = set()
        found = list(unexplained(theirs, mine, used))
        assert not found, "\n" + "\n".join(found[:_TOLD])
        assert unlinked(mine) == []
        databases = _database(self.ours) ^ _database(self.rpm)
        assert not databases, "\n" + "\n".join(sorted(databases))
        complaints = self._verified(self.ours) - self._verified(self.rpm)
        assert complaints == verify, "\n" + "\n".join(sorted(complaints ^ verify))
        return frozenset(used)

    def _installed(self) -> set[str]:
        return set(self.rpm.ask("rpm", "-qa", "--qf", "%{NEVRA} %{SHA256HEADER}\n").splitlines())

    def _verified(self, tree: LiveTree) -> set[str]:
        # Deployed files have no times: every image has the same.
        return set(tree.run("rpm", "-V", "--nodeps", "--nomtime", *self.nevras).stdout.splitlines())


@contextmanager
def side_by_side(host: Host, scratch: Path) -> Iterator[Pair]:
    """Gives the trees of a host that layers packages on its base, and on nothing else."""
    pending = host.deployments()[0]
    with ExitStack() as stack:
        rpm, ours = (
            stack.enter_context(live_tree(host.checkout(index), scratch, time=pending["timestamp"]))
            for index in (1, 0)
        )
        nevras = tuple(package["nevra"] for package in pending["packages"])
        yield Pair(rpm=rpm, ours=ours, nevras=nevras)


def _database(tree: LiveTree) -> set[str]:
    """Packages by the digest of their header, and the state of each of their files."""
    packages = tree.ask("rpm", "-qa", "--qf", "%{NEVRA} %{SHA256HEADER} %{INSTALLTID}\n")
    lines = {line.rpartition(" ")[0] for line in packages.splitlines()}
    states = "[%{=NEVRA} %{FILENAMES} %{FILESTATES}\n]"
    return lines | set(tree.ask("rpm", "-qa", "--qf", states).splitlines())
