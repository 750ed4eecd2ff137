# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts left in /var comes back on the host: systemd-tmpfiles is the judge where it is."""

import os
import shutil
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import pytest

from layering import statewarnings, statewrites
from layering.capabilities import XATTR, capability_xattr
from layering.owners import UserDatabase
from layering.repo import Repo
from layering.statewatch import Watch
from layering.statewrites import StateWrites
from layering.tmpfiles import directory_line, factory_line, link_line, render
from tests.integration.manifest import manifest
from tests.trees import make_tree

pytestmark = pytest.mark.root

PASSWD = "root:x:0:0::/:\njane:x:123:124::/:\n"
GROUP = "root:x:0:\nmail:x:124:\n"
CONF = "usr/lib/tmpfiles.d"
Script = Callable[[Path], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What came of it."""

    checkout: Path
    var: Path
    warnings: tuple[str, ...]

    def lines(self, name: str = "00-overlay.conf") -> list[str]:
        """The lines of one of the tree's files."""
        path = self.checkout / CONF / name
        text = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
        return [line for line in text.splitlines() if not line.startswith("#")]

    def factory(self, path: str) -> Path:
        """Where the content of a path waits."""
        return self.checkout / "usr/share/factory/var" / path


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A tree with layers whose state is in /var already."""

    directory: Path
    tree: tuple[str, ...] = ()
    base: tuple[str, ...] | None = None
    files: tuple[tuple[str, bytes], ...] = ()  # of tmpfiles.d
    packages: Collection[str] = ()

    def after(self, script: Script, *, before: Script | None = None) -> Kept:
        """Runs `before` as what packages brought, `script` as a script, and keeps what it wrote."""
        var, upper = self.directory / "var", self.directory / "upper"
        for path in (var / "lib", var / "log", upper):
            path.mkdir(parents=True)
        if before is not None:
            before(var)
        watch = Watch(var)
        script(var)
        watch.look("%post(x-1-1.noarch)")
        return self.kept(var, upper, watch)

    def kept(self, var: Path, upper: Path, watch: Watch) -> Kept:
        repo = Repo.create(self.directory / "repo")
        with repo.transaction():
            base = make_tree(repo, *self.base) if self.base is not None else None
            root = repo.write_tree(base)[0] if base is not None else None
            tree = make_tree(repo, *(self.base or ()), *self.tree)
            for name, content in self.files:
                below = tree
                for part in CONF.split("/"):
                    below = below.ensure_dir(part)[1]
                    below.set_metadata_checksum(tree.get_metadata_checksum())
                checksum = repo.write_regular(content, length=len(content), mode=0o644)
                below.replace_file(name, checksum)
            writes = StateWrites(
                repo=repo,
                base_root=root,
                watch=watch,
                var=var,
                upper=upper,
                users=UserDatabase.parse([PASSWD], [GROUP]),
                packages=self.packages,
                opt=b"/var/opt",
            )
            warnings = writes.keep(tree)
            commit = repo.write_commit(tree=repo.write_tree(tree), timestamp=0)
            repo.set_ref("test/kept", commit)
        subprocess.run(["ostree", "fsck", "--quiet", f"--repo={repo.path}"], check=True)
        repo.checkout(commit, self.directory / "checkout")
        return Kept(checkout=self.directory / "checkout", var=var, warnings=warnings)


@pytest.fixture
def world(scratch: Path) -> World:
    return World(directory=scratch)


def everything(var: Path) -> None:
    """Leaves one of each, but for a directory of one user in another's: systemd enters none."""
    (var / "lib/x/deep").mkdir(parents=True)
    (var / "lib/x/state").write_text("state\n")
    (var / "lib/x/state").chmod(0o640)
    os.chown(var / "lib/x/state", 123, 0)
    (var / "lib/x/unnamed").write_text("no name for these")
    os.chown(var / "lib/x/unnamed", 4711, 4712)
    (var / "lib/x/link").symlink_to("../y")
    (var / "lib/x/setuid").write_text("s")
    (var / "lib/x/setuid").chmod(0o4755)
    (var / 'lib/x/deep/two words "quoted" 100%').write_text("n")
    (var / "lib/x/deep/back\\slash").mkdir()
    (var / "lib/x/deep/new\nline").mkdir()
    (var / "lib/x/hard").write_text("linked")
    (var / "lib/x/link2").hardlink_to(var / "lib/x/hard")
    (var / "log/x.log").write_text("on this host, now")
    (var / "log/x.log").chmod(0o600)
    (var / "lib/x/empty").touch()
    (var / "lib/jane").mkdir()
    os.chown(var / "lib/jane", 123, 124)
    (var / "lib/jane").chmod(0o2770)
    (var / "lib/jane/inbox").touch()


def test_a_host_gets_at_boot_what_a_script_left(world: World) -> None:
    kept = world.after(everything)
    root = kept.checkout
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text(PASSWD)
    (root / "etc/group").write_text(GROUP)
    subprocess.run(["systemd-tmpfiles", "--create", f"--root={root}"], check=True)
    (kept.var / "log/x.log").write_text("")
    expected, found = manifest(kept.var), manifest(root / "var")
    assert found == expected
    assert len(expected) > 14


if not shutil.which("systemd-tmpfiles"):
    test_a_host_gets_at_boot_what_a_script_left = pytest.mark.skip("no systemd-tmpfiles here")(
        test_a_host_gets_at_boot_what_a_script_left
    )


def test_what_waits_in_usr_is_roots_and_has_no_setuid_bit(world: World) -> None:
    kept = world.after(everything)
    for path, mode in (("lib/x/setuid", 0o755), ("lib/x/state", 0o640)):
        status = kept.factory(path).stat()
        assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (0, 0, mode)
    assert "C /var/lib/x/setuid 4755 root root - -" in kept.lines()
    assert "C /var/lib/x/state 0640 jane root - -" in kept.lines()
    assert "C /var/lib/x/unnamed 0644 4711 4712 - -" in kept.lines()


def test_the_script_is_named_with_what_it_wrote(world: World) -> None:
    kept = world.after(lambda var: (var / "lib/x").write_text("x"))
    assert kept.warnings == (
        "%post(x-1-1.noarch) wrote /var/lib/x: kept, the host gets it when it boots the tree",
    )


def test_of_many_paths_the_first_are_named(world: World) -> None:
    def script(var: Path) -> None:
        for number in range(7):
            (var / f"lib/{number}").touch()

    assert world.after(script).warnings == (
        "%post(x-1-1.noarch) wrote /var/lib/0, /var/lib/1, /var/lib/2, /var/lib/3 and 3 more: "
        "kept, the host gets them when it boots the tree",
    )


def test_nothing_written_leaves_the_tree_as_it_was(world: World) -> None:
    kept = world.after(lambda var: None)
    assert (list(kept.checkout.iterdir()), kept.warnings) == ([], ())


@pytest.mark.parametrize("row", statewarnings.NOT_KEPT, ids=lambda row: row.path)
def test_caches_are_left_to_who_makes_them(world: World, row: statewarnings.NotKept) -> None:
    def script(var: Path) -> None:
        (var / row.path).mkdir(parents=True)
        (var / row.path / "index").write_text("x")

    kept = world.after(script)
    made = f"/var/{row.path}"
    assert not [line for line in kept.lines() if made in line]
    assert not [line for line in kept.warnings if made in line]
    assert row.reason


def test_only_the_row_itself_is_a_cache(world: World) -> None:
    kept = world.after(lambda var: (var / "lib/rpmfusion").mkdir())
    assert kept.lines() == ["d /var/lib/rpmfusion 0755 root root - -"]


OWN = render(
    [
        directory_line(b"/var/lib/x", 0o755, "root", "root"),
        factory_line(b"/var/lib/x/data", 0o644, "root", "root"),
        factory_line(b"/var/lib/x/other", 0o644, "root", "root"),
    ],
    "x",
)


def brought(var: Path) -> None:
    (var / "lib/x").mkdir()
    (var / "lib/x/data").write_text("of the package")
    (var / "lib/x/other").write_text("other")


def with_package(directory: Path) -> World:
    factory = "usr/share/factory/var/lib/x"
    return World(
        directory=directory,
        tree=(f"f {factory}/data 0644 of the package", f"f {factory}/other 0644 other"),
        files=(("overlay-x.conf", OWN),),
        packages=["x"],
    )


def test_what_a_package_brings_and_its_script_changes_is_as_the_script_left_it(
    scratch: Path,
) -> None:
    def script(var: Path) -> None:
        (var / "lib/x").chmod(0o700)
        (var / "lib/x/data").write_text("of the script")

    kept = with_package(scratch).after(script, before=brought)
    assert kept.lines() == [
        "d /var/lib/x 0700 root root - -",
        "C /var/lib/x/data 0644 root root - -",
    ]
    assert kept.lines("overlay-x.conf") == ["C /var/lib/x/other 0644 root root - -"]
    assert kept.factory("lib/x/data").read_text() == "of the script"


def test_what_a_script_takes_away_the_host_does_not_get(scratch: Path) -> None:
    kept = with_package(scratch).after(lambda var: (var / "lib/x/data").unlink(), before=brought)
    assert kept.lines() == []
    assert kept.lines("overlay-x.conf") == [
        "d /var/lib/x 0755 root root - -",
        "C /var/lib/x/other 0644 root root - -",
    ]
    assert not kept.factory("lib/x/data").exists()
    assert kept.warnings == ("%post(x-1-1.noarch) removed /var/lib/x/data: left out of the tree",)


def test_a_file_written_anew_with_what_was_in_it_is_no_change(scratch: Path) -> None:
    def script(var: Path) -> None:
        (var / "lib/x/data").unlink()
        (var / "lib/x/data").write_text("of the package")

    kept = with_package(scratch).after(script, before=brought)
    assert (kept.lines(), kept.warnings) == ([], ())
    assert len(kept.lines("overlay-x.conf")) == 3


def test_a_directory_that_became_a_link_is_a_link_and_nothing_is_reached_through_it(
    scratch: Path,
) -> None:
    outside = scratch / "outside"
    outside.mkdir()
    (outside / "secret").write_text("of the host")

    def script(var: Path) -> None:
        shutil.rmtree(var / "lib/x")
        (var / "lib/x").symlink_to(outside)

    kept = with_package(scratch).after(script, before=brought)
    assert kept.lines() == [f"L /var/lib/x - - - - {outside}"]
    assert kept.lines("overlay-x.conf") == []
    assert list((kept.checkout / "usr/share/factory/var/lib/x").iterdir()) == []


def test_what_the_tree_makes_by_itself_it_makes(world: World) -> None:
    tree = World(
        directory=world.directory,
        files=(("x.conf", b"d /var/lib/x 0700 jane mail 10d\nf /var/lib/x/list 0600\n"),),
    )

    def script(var: Path) -> None:
        (var / "lib/x").mkdir()
        (var / "lib/x/list").touch()

    kept = tree.after(script)
    assert (kept.lines(), kept.warnings) == ([], ())


def test_a_file_that_the_tree_makes_otherwise_is_told(world: World) -> None:
    tree = World(directory=world.directory, files=(("x.conf", b"f /var/lib/list 0600\n"),))
    kept = tree.after(lambda var: (var / "lib/list").write_text("entry\n"))
    assert kept.lines() == []
    assert kept.warnings == (
        "%post(x-1-1.noarch) wrote /var/lib/list: made by the tree's own tmpfiles.d: left out",
    )


def test_a_file_of_the_base_is_not_replaced_by_what_a_script_made_without_it(
    world: World,
) -> None:
    base = "f usr/share/factory/var/lib/list 0644 of the base"
    tree = World(directory=world.directory, base=(base,))
    kept = tree.after(lambda var: (var / "lib/list").write_text("entry\n"))
    assert kept.factory("lib/list").read_text() == "of the base"
    assert len(kept.warnings) == 1


def test_a_base_composed_with_such_lines_keeps_them(world: World) -> None:
    earlier = b"# What scripts of packages left in /var\nd /var/lib/base 0700 root root - -\n"
    tree = World(directory=world.directory, files=(("00-overlay.conf", earlier),))
    kept = tree.after(lambda var: (var / "lib/x").mkdir())
    assert kept.lines() == [
        "d /var/lib/base 0700 root root - -",
        "d /var/lib/x 0755 root root - -",
    ]


def odd(var: Path) -> None:
    os.mkfifo(var / "lib/pipe")
    os.mknod(var / "lib/null", 0o600 | 0o020000, os.makedev(1, 3))
    Path(os.fsdecode(os.fsencode(var) + b"/lib/\xff")).write_text("no UTF-8")
    Path(os.fsdecode(os.fsencode(var) + b"/lib/\xfe")).mkdir()
    (var / "lib/capable").write_text("c")
    os.setxattr(var / "lib/capable", XATTR, capability_xattr("cap_net_raw=ep"))


def test_what_cannot_be_kept_is_told(world: World) -> None:
    kept = world.after(odd)
    who, got = "%post(x-1-1.noarch) wrote", "the host gets it when it boots the tree"
    assert kept.warnings == (
        f"{who} /var/lib/\\xff: a name that is not valid UTF-8: left out",
        f"{who} /var/lib/\\xfe: kept, {got}",
        f"{who} /var/lib/capable: kept, but for security.capability, {got}",
        f"{who} /var/lib/null, /var/lib/pipe: not a file, directory or link: left out",
    )
    assert kept.lines() == [
        "C /var/lib/capable 0644 root root - -",
        "d /var/lib/\udcfe 0755 root root - -",
    ]
    assert os.listxattr(kept.factory("lib/capable")) == []


def test_more_than_an_image_should_hold_is_left_out_and_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statewrites, "PATHS_MAX", 3)
    monkeypatch.setattr(statewrites, "BYTES_MAX", 1 << 20)

    def script(var: Path) -> None:
        for name in "abcdef":
            (var / "lib" / name).touch()
        with (var / "lib/Large").open("wb") as file:
            file.truncate(1 << 40)

    kept = world.after(script)
    assert [line.split()[1] for line in kept.lines()] == [f"/var/lib/{name}" for name in "abc"]
    assert [line.partition(" wrote ")[2] for line in kept.warnings] == [
        "/var/lib/a, /var/lib/b, /var/lib/c: kept, the host gets them when it boots the tree",
        "/var/lib/Large: past the limit of 1 MiB: left out",
        "/var/lib/d, /var/lib/e, /var/lib/f: past the limit of 3 paths: left out",
    ]


def test_a_directory_put_into_opt_is_linked_from_there(world: World) -> None:
    upper = world.directory / "upper"
    (upper / "usr/lib/opt/tool").mkdir(parents=True)
    var = world.directory / "var"
    var.mkdir()
    kept = world.kept(var, upper, Watch(var))
    assert kept.lines() == ["L /var/opt/tool - - - - ../../usr/lib/opt/tool"]


def test_what_a_package_links_from_opt_is_not_linked_again(scratch: Path) -> None:
    line = link_line(b"/var/opt/tool", b"../../usr/lib/opt/tool")
    world = World(
        directory=scratch, files=(("overlay-x.conf", render([line], "x")),), packages=["x"]
    )
    # So it is where the owner of a file in it was set.
    (scratch / "upper/usr/lib/opt/tool").mkdir(parents=True)
    (scratch / "var").mkdir()
    kept = world.kept(scratch / "var", scratch / "upper", Watch(scratch / "var"))
    assert (kept.lines(), kept.lines("overlay-x.conf")) == ([], [line])


def test_the_same_writes_give_the_same_tree_whatever_their_order(scratch: Path) -> None:
    def forwards(var: Path) -> None:
        for name in "abc":
            (var / "lib" / name).write_text(name)

    def backwards(var: Path) -> None:
        for name in "cba":
            (var / "lib" / name).write_text(name)
            os.utime(var / "lib" / name, (1, 1))

    found = []
    for script in (forwards, backwards):
        directory = scratch / script.__name__
        directory.mkdir()
        World(directory=directory).after(script)
        refs = ["ostree", "rev-parse", f"--repo={directory}/repo", "test/kept"]
        found.append(subprocess.run(refs, check=True, capture_output=True).stdout)
    assert found[0] == found[1]
