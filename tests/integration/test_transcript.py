# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm is the judge: scripts of a real install note the same as when rpm installs the packages.

A base is made with packages that watch files and other packages; more are put on it, by the base's
own rpm in a copy of the deployment, and by `overlay install`. Every script notes its slot, its
arguments and what it reads. The transcripts are equal but for one thing: `%pretrans` and `%pre` of
all packages come first here, over the final files, because owners are settled after them.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.hosts import Host, command
from tests.integration.live import LiveTree, live_tree
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

LOG = "/usr/share/transcript"
EPOCH = 1767225600

SHELL = """%{slot}{options}
echo "{who} {name} $# $*" >> {log}
while read -r line; do echo "  $line" >> {log}; done
"""
PYTHON = """%{slot} -p "/usr/bin/python3 -E"
import sys
with open("{log}", "a") as log:
    print("{who} {name}", len(sys.argv) - 1, *sys.argv[1:], file=log)
    for line in sys.stdin:
        print("  " + line.rstrip("\\n"), file=log)
"""
LUA = """%{slot}{options}
local log = io.open("{log}", "a")
log:write("{who} {name} ", #arg - 1, " ", table.concat(arg, " ", 2), "\\n")
local line = rpm.next_file and rpm.next_file()
while line do log:write("  ", line, "\\n") line = rpm.next_file() end
log:close()
"""


def shell(who: str, slot: str, options: str = "") -> str:
    name = slot.split()[0]
    return SHELL.format(slot=slot, options=f" {options}".rstrip(), who=who, name=name, log=LOG)


def scriptlets(who: str) -> str:
    return "".join(shell(who, slot) for slot in ("pretrans", "pre", "post", "posttrans"))


def file_triggers(who: str, *options: str) -> str:
    slots = ("filetriggerin", "transfiletriggerin")
    return "".join(
        shell(f"{who}{at}", slot, each) for slot in slots for at, each in enumerate(options)
    )


BASE = {
    "watcher": Spec(
        files={"/usr/share/case/watcher": File(), "/etc/case/watcher.conf": File()},
        sections=file_triggers(
            "watcher", "-- /usr/share/case", "-P 10 -- /etc/case", "-P 20000 -- /usr/share/ca"
        )
        + shell("watcher", "triggerin -- one = 1-1, two")
        + shell("watcher-old", "triggerin -- three < 1")
        + shell("watcher", "triggerprein -- three"),
    ),
    "another": Spec(
        requires=["watcher"],
        files={"/usr/share/case/another": File()},
        sections=file_triggers("another", "-- /usr/share/case", "-P 1000001 -- /usr/share/case/t")
        + LUA.format(
            slot="transfiletriggerin",
            options=" -p <lua> -- /etc",
            who="another-lua",
            name="transfiletriggerin",
            log=LOG,
        ),
    ),
}
NEW = {
    "one": Spec(
        tags="Requires(pre): two\nRequires(post): four",
        files={"/usr/share/case/one": File(), "/etc/case/one.conf": File()},
        sections=scriptlets("one")
        + shell("one", "triggerin -- watcher")
        + shell("one-never", "triggerin -- another > 1-1"),
    ),
    "two": Spec(
        requires=["three"],
        files={"/usr/share/case/two words": File(), "/usr/share/case/t/inner": File()},
        sections=scriptlets("two")
        + file_triggers("two", "-- /usr/share/case", "-P 10 -- /etc/case /usr/share/case/t"),
    ),
    "three": Spec(  # a circle with two
        tags="Requires: two\nRequires(pre): four",
        files={"/usr/share/case/three": File()},
        sections=scriptlets("three") + shell("three", "triggerprein -- watcher, another"),
    ),
    "four": Spec(
        tags="OrderWithRequires: five\nProvides: virtual(four) = 4",
        sections="".join(
            PYTHON.format(slot=slot, who="four", name=slot, log=LOG)
            for slot in ("pre", "post", "posttrans")
        ),
    ),
    "five": Spec(
        tags="Requires(postun): virtual(four) >= 3",
        files={"/usr/share/case/five": File()},
        sections=f"%post -e\necho five post %%{{_datadir}} %%%% $* >> {LOG}\n"
        f"%posttrans -q\necho five posttrans %%{{nevra}} $* >> {LOG}\n"
        + LUA.format(slot="pre", options=" -p <lua>", who="five", name="pre", log=LOG),
    ),
    "six": Spec(
        tags="Recommends(post): one",
        files={"/usr/share/case/six": File(), "/usr/share/case/six.d": File(directory=True)},
        sections=scriptlets("six").replace("%posttrans", "exit 3\n%posttrans"),
    ),
}


def built(directory: Path, specs: dict[str, Spec]) -> list[Path]:
    directory.mkdir()
    return [build_rpm(directory, f"{name}-1-1.noarch", specs[name]) for name in sorted(specs)]


def taken(root: Path) -> list[str]:
    """Returns the notes in a tree, each with what its script read, and forgets them."""
    log = root / LOG.lstrip("/")
    text = log.read_text(encoding="utf-8") if log.exists() else ""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("  "):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def two_passes(notes: Sequence[str]) -> list[str]:
    """Puts rpm's transcript into our order."""
    ordered: list[str] = []
    for slots in (("pretrans",), ("triggerprein", "pre")):
        ordered += [each for each in notes if each.split()[1] in slots]
    early = ("pretrans", "triggerprein", "pre")
    return ordered + [each for each in notes if each.split()[1] not in early]


def commit_with(host: Host, packages: Sequence[Path], scratch: Path) -> None:
    """Deploys a base that is the host's with more packages, installed by its own rpm."""
    tree = scratch / "tree"
    tree.mkdir()
    with live_tree(host.checkout(), scratch, time=EPOCH) as live:
        _install(live, packages)
        assert taken(live.root)
        (live.root / LOG.lstrip("/")).unlink()
        for entry in sorted(host.checkout().iterdir()):
            if entry.is_symlink():
                (tree / entry.name).symlink_to(entry.readlink())
            elif entry.is_dir() and entry.name not in ("usr", "etc"):
                (tree / entry.name).mkdir()
        command("cp", "-a", live.root / "usr", tree / "usr")
        command("cp", "-a", live.root / "etc", tree / "usr/etc")
    ref = "case/base"
    metadata = "--add-metadata-string=version=case"
    repo = f"--repo={host.repo}"
    command(
        "ostree", "commit", repo, f"--branch={ref}", f"--tree=dir={tree}", metadata, "--bootable"
    )
    shutil.rmtree(tree)
    command("ostree", "admin", "deploy", f"--sysroot={host.path}", "--os=demo", ref)


def _install(live: LiveTree, packages: Sequence[Path]) -> None:
    ended = live.install(packages[0].parent, [path.name for path in packages])
    installed = live.ask("rpm", "-qa", "--qf", "%{NAME}\n").split()
    names = {path.name.removesuffix("-1-1.noarch.rpm") for path in packages}
    assert names <= set(installed), ended.stderr


def test_scripts_of_a_real_install_note_what_they_note_under_rpm(host: Host, scratch: Path) -> None:
    commit_with(host, built(scratch / "base", BASE), scratch)
    packages = built(scratch / "new", NEW)
    with live_tree(host.checkout(), scratch, time=EPOCH) as live:
        _install(live, packages)
        expected = two_passes(taken(live.root))
    host.change("install", *map(str, packages))
    noted = taken(host.checkout())
    assert len(expected) > 40
    assert noted == expected
    host.fsck()


def test_a_dropped_layer_leaves_no_trace_in_caches(host: Host, scratch: Path) -> None:
    # strace brings libunwind along; what remains makes the tree anew, its caches included.
    host.change("install", "strace", "jq")
    with live_tree(host.checkout(), scratch, time=EPOCH) as live:
        assert "libunwind" in live.ask("/usr/sbin/ldconfig", "-p")
    host.change("uninstall", "strace")
    with live_tree(host.checkout(), scratch, time=EPOCH) as live:
        known = live.ask("/usr/sbin/ldconfig", "-p")
    assert "libunwind" not in known
    assert "libjq" in known
