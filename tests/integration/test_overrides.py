# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm is the judge: base packages removed and replaced leave the tree that rpm leaves.

`rpm -e` and `rpm -U` of the same packages in a copy of the base give the tree, the database and the
notes of scripts that `overlay override` has to give, but for the slots that do not run here.
"""

import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from layering.metadata_read import read
from layering.repo import Repo
from tests.integration.conftest import MakeHost
from tests.integration.conventions import ALWAYS
from tests.integration.hosts import Host, untouched
from tests.integration.live import live_tree
from tests.integration.sidebyside import side_by_side
from tests.integration.test_transcript import (
    EPOCH,
    commit_with,
    shell,
    taken,
    two_passes,
)
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

# rpm runs these while the files are still there: no script of ours ever sees such a tree.
NOT_HERE = ("preun", "preuntrans", "triggerun", "filetriggerun", "transfiletriggerun")


def repository(host: Host, name: str) -> Path:
    return Path(host.world.repositories[name]["directory"])


def update(host: Host, name: str) -> Path:
    (found,) = repository(host, "updates").glob(f"{name}-[0-9]*.rpm")
    return found


def replaced(host: Host) -> list[tuple[str, str, str]]:
    found = host.deployments()[0]["overrides"]["replaced"]
    return [(each["old"], each["new"], each["source"]) for each in found]


def packages_of(host: Host) -> list[str]:
    with live_tree(host.checkout(), host.path.parent, time=EPOCH) as live:
        return live.ask("rpm", "-qa", "--qf", "%{NEVRA}\n").split()


# The tree


def test_removed_packages_leave_what_rpm_leaves(host: Host, scratch: Path) -> None:
    host.change("override", "remove", "nano", "less")
    with side_by_side(host, scratch) as pair:
        pair.erase("nano", "less")
        assert pair.compare() - ALWAYS == set()
    host.fsck()


def test_replaced_packages_leave_what_rpm_leaves(host: Host, scratch: Path) -> None:
    files = [update(host, name) for name in ("nano", "world-abi")]
    host.change("override", "replace", *map(str, files))
    with side_by_side(host, scratch) as pair:
        pair.replace(files[0].parent, [file.name for file in files])
        assert pair.compare() - ALWAYS == set()
    assert [(old.rsplit("-", 2)[0], source) for old, _new, source in replaced(host)] == [
        ("nano", ""),
        ("world-abi", ""),
    ]
    host.fsck()


def test_going_down_is_as_going_up(make_host: MakeHost, scratch: Path) -> None:
    host = make_host("base/next")
    (older,) = repository(host, "base").glob("nano-[0-9]*.rpm")
    host.change("override", "replace", str(older))
    with side_by_side(host, scratch) as pair:
        pair.replace(older.parent, [older.name])
        assert pair.compare() - ALWAYS == set()


def test_one_takes_the_place_of_another_in_one_operation(host: Host, scratch: Path) -> None:
    host.change("override", "remove", "nano", "--install", "vim-tiny")
    added = host.deployments()[0]["packages"]
    with side_by_side(host, scratch) as pair:
        pair.erase("nano")
        repositories = repository(host, "extras").parent
        pair.install(repositories, [_file(repositories, each["nevra"]) for each in added])
        assert pair.compare() - ALWAYS == {"tmpfiles"}  # vim's own directory in /var


def _file(repositories: Path, nevra: str) -> str:
    name, version, release = nevra.rsplit("-", 2)
    (found,) = repositories.glob(f"*/{name}-{version.rpartition(':')[2]}-{release}.rpm")
    return str(found.relative_to(repositories))


# Scripts

WATCHER = Spec(
    files={"/usr/share/case/watcher": File()},
    sections=shell("watcher", "filetriggerin", "-- /usr/share/case")
    + shell("watcher", "filetriggerun", "-- /usr/share/case")
    + shell("watcher", "filetriggerpostun", "-- /usr/share/case")
    + shell("watcher", "transfiletriggerin", "-- /usr/share/case")
    + shell("watcher", "transfiletriggerpostun", "-- /usr/share/case")
    + shell("watcher", "triggerin", "-- going")
    + shell("watcher", "triggerun", "-- going")
    + shell("watcher", "triggerpostun", "-- going"),
)


def _scripts(who: str) -> str:
    slots = ("pretrans", "pre", "post", "posttrans", "preun", "postun")
    return "".join(shell(who, slot) for slot in slots)


def _going(version: int) -> Spec:
    files = {f"/usr/share/case/going{version}": File(), "/usr/share/case/same": File()}
    return Spec(files=files, sections=_scripts(f"going{version}"))


def _based(host: Host, scratch: Path) -> None:
    """Gives the host a base with a package that watches, and one that goes."""
    directory = scratch / "based"
    directory.mkdir()
    packages = [
        build_rpm(directory, "going-1-1.noarch", _going(1)),
        build_rpm(directory, "watcher-1-1.noarch", WATCHER),
    ]
    commit_with(host, packages, scratch)


def here(notes: Sequence[str]) -> list[str]:
    return two_passes([each for each in notes if each.split()[1] not in NOT_HERE])


def test_scripts_of_a_removal_note_what_they_note_under_rpm(host: Host, scratch: Path) -> None:
    _based(host, scratch)
    with live_tree(host.checkout(), scratch, time=EPOCH) as live:
        live.ask("/usr/bin/rpm", "-e", "going")
        expected = here(taken(live.root))
    host.change("override", "remove", "going")
    assert len(expected) > 2
    assert taken(host.checkout()) == expected


def test_scripts_of_a_replacement_note_what_they_note_under_rpm(host: Host, scratch: Path) -> None:
    _based(host, scratch)
    newer = build_rpm(scratch, "going-2-1.noarch", _going(2))
    with live_tree(host.checkout(), scratch, time=EPOCH) as live:
        assert live.install(newer.parent, [newer.name]).status == 0
        expected = here(taken(live.root))
    host.change("override", "replace", str(newer))
    assert len(expected) > 6
    assert taken(host.checkout()) == expected


# What is recorded, and held


@pytest.fixture
def upgradable(make_host: MakeHost) -> Host:
    """A host of base/minimal, and base/next where it is rebased to."""
    make_host("base/next")
    return make_host()


def test_the_commit_says_what_rpm_ostree_asks_of_it(host: Host) -> None:
    host.change("override", "replace", str(update(host, "nano")), "--remove", "less")
    tree = read(Repo.open(host.repo).commit_of(host.checksum()))
    assert [nevra.name for nevra in tree.removed] == ["less"]
    ((new, old),) = tree.replaced_local
    assert (new.name, old.name) == ("nano", "nano")
    packages = [str(nevra) for nevra in tree.packages if nevra.name in ("nano", "less")]
    assert packages == [str(new)]


def test_the_same_overrides_are_the_same_commit_in_whatever_order(
    make_host: MakeHost,
) -> None:
    one, other = make_host(), make_host()
    nano = str(update(one, "nano"))
    one.change("override", "replace", nano)
    first = one.change("override", "remove", "less")
    assert other.change("override", "remove", "less", "--replace", nano) == first


def test_a_held_version_stays_over_an_upgrade_until_it_is_reset(upgradable: Host) -> None:
    host = upgradable
    old = build_rpm(host.path.parent, "nano-0-1.x86_64", Spec(files={"/usr/bin/nano": File()}))
    host.change("override", "replace", str(old))
    host.change("rebase", "base/next")
    ((before, now, source),) = replaced(host)
    assert (before.startswith("nano-9"), now, source) == (True, "nano-0-1.x86_64", "")
    shown = host.overlay("status").stdout
    assert f"     replaced:   {before} → 0-1 (held)\n" in shown
    base = host.deployments()[0]["base_checksum"]
    assert host.change("override", "reset", "nano", "-C") == base


def test_what_follows_a_repository_takes_its_newer_version_at_an_upgrade(host: Host) -> None:
    url = f"u,{repository(host, 'updates')}"
    host.change("override", "replace", "world-abi", "--from", "repo=u", "--repofrompath", url)
    assert "replace=repo=u,world-abi;" in host.origin()
    assert replaced(host) == [("world-abi-1-1.noarch", "world-abi-2-1.noarch", "repo=u")]
    # The layer is kept where its repository is not asked, or not there.
    host.change("override", "remove", "less")
    said = host.overlay("upgrade").stderr
    assert "warning: world-abi cannot follow repo=u: it is not enabled\n" in said
    assert replaced(host) == [("world-abi-1-1.noarch", "world-abi-2-1.noarch", "repo=u")]


def test_overrides_take_each_others_place(host: Host) -> None:
    (before,) = (each for each in packages_of(host) if each.startswith("nano-"))
    after = update(host, "nano").name.removesuffix(".rpm")
    updates = ("--repofrompath", f"u,{repository(host, 'updates')}")
    host.change("override", "remove", "nano")
    host.change("override", "replace", "nano", *updates)
    assert replaced(host) == [(before, after, "")]
    assert host.overlay("override", "replace", "nano", *updates).stderr.endswith("Nothing to do.\n")
    host.change("override", "replace", "nano", "--from", "repo=u", *updates)
    assert replaced(host) == [(before, after, "repo=u")]
    host.change("override", "remove", before)
    assert replaced(host) == []
    assert host.change("override", "reset", before) == host.base


def test_words_that_replace_nothing_are_refused_with_the_way_back(host: Host) -> None:
    (before,) = (each for each in packages_of(host) if each.startswith("nano-"))
    updates = ("--repofrompath", f"u,{repository(host, 'updates')}")
    host.change("override", "replace", "nano", *updates)
    reset = "hint: 'overlay override reset nano' takes the base's again\n"
    other = "hint: name a version to go to another one: overlay override replace NAME-VERSION\n"
    for word, what in (("nano", "the newest"), (before.removesuffix(".x86_64"), "it")):
        ended = host.overlay("-q", "override", "replace", word)
        assert ended.stderr == f"error: the base has {what} itself: {word}\n{reset}{other}"
    version = update(host, "nano").name.removesuffix(".x86_64.rpm")
    ended = host.overlay("-q", "override", "replace", version, "--remove", "nano", *updates)
    assert (ended.status, ended.stderr) == (
        1,
        "error: both to be removed from the base and replaced: nano\n",
    )


def test_an_override_of_what_the_next_base_lacks_rests_and_comes_back(upgradable: Host) -> None:
    host = upgradable
    host.change("override", "remove", "file", "nano")
    host.change("rebase", "base/next")  # which has no `file`
    found = host.deployments()[0]["overrides"]
    assert (found["remove"], found["inactive"]) == (["file", "nano"], ["file"])
    assert "     inactive:   override of file\n" in host.overlay("status").stdout
    host.change("rebase", "base/minimal", "--allow-downgrade")
    assert host.deployments()[0]["overrides"]["inactive"] == []


def test_an_install_takes_overrides_along(host: Host) -> None:
    host.change("override", "remove", "nano")
    host.change("install", "strace")
    assert [each.rsplit("-", 2)[0] for each in host.deployments()[0]["overrides"]["removed"]] == [
        "nano"
    ]
    host.change("uninstall", "--all")
    assert not (host.checkout() / "usr/bin/nano").exists()
    assert host.change("reset") == host.base


@pytest.mark.parametrize("after", [0.2, 0.5, 0.9])
def test_a_killed_override_leaves_the_base_and_works_the_next_time(
    host: Host, after: float
) -> None:
    words = ("override", "remove", "nano", "less")
    running = subprocess.Popen(host.argv(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(after)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    if host.checksum() == host.base:
        host.overlay("status")
    host.change(*words)
    assert not (host.checkout() / "usr/bin/nano").exists()
    assert host.leftovers() == []
    host.fsck()


def test_a_tree_does_not_lose_its_kernel(host: Host) -> None:
    ended = host.overlay("-q", "override", "remove", "kernel")
    (nevra,) = (each for each in packages_of(host) if each.startswith("kernel-"))
    assert (ended.status, ended.stderr) == (
        1,
        f"error: no kernel would be left in the tree without {nevra}\n"
        "hint: a kernel may be replaced: overlay override replace NAME-VERSION\n",
    )
    untouched(host)


def test_a_replaced_kernel_boots_with_an_initramfs_of_its_own(host: Host) -> None:
    (before,) = (host.checkout() / "usr/lib/modules").glob("*/vmlinuz")
    files = {
        "/usr/lib/modules/9.9-new": File(directory=True, mode=0o755),
        "/usr/lib/modules/9.9-new/vmlinuz": File(content=b"MZ"),
        "/usr/lib/modules/9.9-new/modules.order": File(),
        "/usr/lib/modules/9.9-new/modules.builtin": File(),
    }
    kernel = build_rpm(host.path.parent, "kernel-9.9-1.x86_64", Spec(files=files))
    host.change("override", "replace", str(kernel))
    modules = host.checkout() / "usr/lib/modules"
    assert [path.name for path in modules.iterdir()] == ["9.9-new"]
    assert before.parent.name != "9.9-new"
    assert (modules / "9.9-new/initramfs.img").stat().st_size > 1_000_000
    tree = read(Repo.open(host.repo).commit_of(host.checksum()))
    assert tree.linux == "9.9-new"
    host.fsck()
