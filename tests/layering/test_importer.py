# SPDX-License-Identifier: LGPL-2.1-or-later
"""Layers: where they come from, that they come once, whole or not at all, and always the same."""

import hashlib
import os
import signal
import stat
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from layering.dirtree import DirNode, walk
from layering.errors import BrokenObjectError, BrokenPackageError, UnsupportedPathError
from layering.header import read_header
from layering.importer import (
    IMPORTER_VERSION,
    Layer,
    OwnedPath,
    cached_layer,
    import_packages,
    known_layer,
    layer_info,
)
from layering.labels import UNLABELLED
from layering.objects import Xattrs
from layering.paths import EMPTY_BASE, BaseLayout
from layering.progress import Event
from layering.refs import parse_layer_ref
from layering.repo import Repo
from layering.rpmtags import Tag
from solver import Nevra, Package, Reason, Source, VerifiedRpm
from tests.layering.rpmbytes import Member, Rpm, newc, text
from tests.rpms import File, Spec, build_rpm

A = Member(path=b"/usr/bin/a", mode=stat.S_IFREG | 0o755, content=b"a" * 5000)
B = Member(path=b"/etc/b", content=b"contents of b", user=b"jane")


def verified(path: Path, digest: str = "") -> VerifiedRpm:
    """What a download hands over."""
    package = Package(
        nevra=read_header(path).nevra,
        repo_id="@commandline",
        digest=digest or f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}",
        download_size=0,
        install_size=0,
        reason=Reason.USER,
        requested_by=(),
        source=Source.LOCAL,
        path=path,
        summary="",
    )
    return VerifiedRpm(package=package, path=path)


@pytest.fixture
def repo(scratch: Path) -> Repo:
    """A repository that stores owners and modes without being root."""
    return Repo.create(scratch / "repo", "bare-user")


def paths_of(repo: Repo, layer: Layer) -> list[str]:
    root = repo.commit_of(layer.commit).root_tree
    return [path for path, _node in walk(repo.dirtree, root)]


def fsck(repo: Repo) -> None:
    subprocess.run(["ostree", "fsck", f"--repo={repo.path}"], check=True, capture_output=True)


def test_a_layer_holds_the_files_in_their_places(repo: Repo, tmp_path: Path) -> None:
    (layer,) = import_packages(
        [verified(Rpm(members=[A, B]).write(tmp_path / "x"))], repo, EMPTY_BASE
    )
    assert paths_of(repo, layer) == [
        "/usr",
        "/usr/bin",
        "/usr/bin/a",
        "/usr/etc",
        "/usr/etc/b",
    ]
    fsck(repo)


def test_a_layer_says_what_it_was_made_of(repo: Repo, tmp_path: Path) -> None:
    rpm = verified(Rpm(members=[A, B, Member(path=b"/opt/x", mode=0o40755)]).write(tmp_path / "x"))
    (layer,) = import_packages([rpm], repo, EMPTY_BASE)
    commit = repo.commit_of(layer.commit)
    assert (commit.timestamp, commit.subject, commit.parent) == (
        1_700_000_000,
        "x-1-1.noarch",
        None,
    )
    assert commit.text("overlay.nevra") == "x-1-1.noarch"
    assert commit.text("overlay.digest") == rpm.package.digest == layer.digest
    assert commit.text("overlay.layout") == EMPTY_BASE.key
    assert repo.refs("overlay/layer") == {layer.ref: layer.commit}
    assert parse_layer_ref(layer.ref).name == "x"
    info = layer_info(repo, layer)
    owned = OwnedPath(path=b"/usr/etc/b", user="jane", group="root", mode=0o644, capabilities="")
    assert info.owners == (owned,)
    assert info.owned_dirs == (b"/usr/lib/opt/x",)
    assert info.header == read_header(rpm.path)


def test_a_commit_that_is_no_layer_is_told_apart(repo: Repo) -> None:
    with repo.transaction():
        commit = repo.write_commit(tree=repo.write_tree(repo.new_tree()), timestamp=0)
    layer = Layer(
        nevra=Nevra(name="x", version="1", release="1", arch="noarch"),
        digest="sha256:",
        ref="x",
        commit=commit,
    )
    with pytest.raises(BrokenObjectError) as caught:
        layer_info(repo, layer)
    assert str(caught.value) == f"broken object {commit}: no overlay.header"


def test_what_is_cached_is_not_even_opened(repo: Repo, tmp_path: Path) -> None:
    rpm = verified(Rpm(members=[A]).write(tmp_path / "x"))
    first = import_packages([rpm], repo, EMPTY_BASE)
    rpm.path.unlink()
    told: list[Event] = []
    assert import_packages([rpm], repo, EMPTY_BASE, told.append) == first
    assert told == []


def test_a_package_of_another_digest_or_layout_is_another_layer(repo: Repo, tmp_path: Path) -> None:
    rpm = verified(Rpm(members=[A]).write(tmp_path / "x"))
    import_packages([rpm], repo, EMPTY_BASE)
    nevra, digest = rpm.package.nevra, rpm.package.digest
    assert cached_layer(repo, nevra, digest, EMPTY_BASE)
    assert not cached_layer(repo, nevra, "sha256:" + "0" * 64, EMPTY_BASE)
    assert not cached_layer(repo, nevra, digest, BaseLayout.of({}, {}))


def test_a_newer_importer_does_not_take_an_older_ones_layer(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rpm = verified(Rpm(members=[A]).write(tmp_path / "x"))
    import_packages([rpm], repo, EMPTY_BASE)
    monkeypatch.setattr("layering.importer.IMPORTER_VERSION", IMPORTER_VERSION + 1)
    assert not cached_layer(repo, rpm.package.nevra, rpm.package.digest, EMPTY_BASE)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> Sequence[VerifiedRpm]:
    """Six packages, of which each holds thirty files."""
    directory = tmp_path_factory.mktemp("batch")
    return [
        verified(
            Rpm(
                members=[
                    Member(path=b"/usr/share/%d/%d" % (at, file), content=b"%d" % file * at)
                    for file in range(30)
                ],
                tags={1000: text(b"p%d" % at)},
            ).write(directory / f"p{at}.rpm")
        )
        for at in range(6)
    ]


def test_layers_come_in_the_order_of_the_packages(repo: Repo, batch: Sequence[VerifiedRpm]) -> None:
    import_packages([batch[2], batch[4]], repo, EMPTY_BASE)
    told: list[Event] = []
    layers = import_packages(batch, repo, EMPTY_BASE, told.append)
    assert [layer.nevra.name for layer in layers] == [f"p{at}" for at in range(6)]
    assert [(event.done, event.total, event.unit) for event in told] == [
        (done, 4, "packages") for done in range(1, 5)
    ]
    assert len({event.item for event in told}) == 4


def test_the_same_packages_give_the_same_commits_anywhere(
    scratch: Path, batch: Sequence[VerifiedRpm]
) -> None:
    one, other = (Repo.create(scratch / name, "bare-user") for name in ("one", "other"))
    together = import_packages(batch, one, EMPTY_BASE)
    alone = [import_packages([rpm], other, EMPTY_BASE)[0] for rpm in reversed(batch)]
    assert list(together) == alone[::-1]


def test_a_broken_package_leaves_nothing_of_the_others(
    repo: Repo, tmp_path: Path, batch: Sequence[VerifiedRpm]
) -> None:
    lying = Rpm(members=[A, B], payload=newc([A, B]).replace(b"contents of b", b"contents of c"))
    path = lying.write(tmp_path / "lying.rpm")
    with pytest.raises(BrokenPackageError) as caught:
        import_packages([*batch, verified(path)], repo, EMPTY_BASE)
    assert str(caught.value) == f"broken package {path}: /etc/b does not match its sha256 digest"
    assert repo.refs() == {}
    assert not list(repo.path.glob("objects/*/*"))
    fsck(repo)
    assert len(import_packages(batch, repo, EMPTY_BASE)) == 6


def test_a_file_that_is_not_the_verified_one_is_refused(repo: Repo, tmp_path: Path) -> None:
    path = Rpm(members=[A]).write(tmp_path / "x.rpm")
    with pytest.raises(BrokenPackageError, match="file does not match its sha256 digest"):
        import_packages([verified(path, "sha256:" + "0" * 64)], repo, EMPTY_BASE)
    assert repo.refs() == {}


def test_a_file_of_another_package_is_refused(repo: Repo, tmp_path: Path) -> None:
    rpm = verified(Rpm(members=[A]).write(tmp_path / "x.rpm"))
    Rpm(members=[A], tags={1000: text(b"other")}).write(rpm.path)
    with pytest.raises(BrokenPackageError) as caught:
        import_packages([rpm], repo, EMPTY_BASE)
    what = "it is other-1-1.noarch, not x-1-1.noarch"
    assert str(caught.value) == f"broken package {rpm.path}: {what}"


class ByPlace:
    """A policy that labels a file with where it lies."""

    key = "by place"

    def xattrs(self, place: bytes, mode: int) -> Xattrs:
        return ((b"security.selinux", b"%s %o" % (place, stat.S_IFMT(mode))),)


def test_everything_in_a_layer_carries_its_label(repo: Repo, tmp_path: Path) -> None:
    members = [
        A,
        B,
        Member(path=b"/usr/l", mode=stat.S_IFLNK | 0o777, target=b"x"),
        Member(path=b"/usr/share/d", mode=stat.S_IFDIR | 0o700),
        Member(path=b"/var/lib/d", mode=stat.S_IFDIR | 0o700),
    ]
    rpm = verified(Rpm(members=members).write(tmp_path / "x"))
    (layer,) = import_packages([rpm], repo, EMPTY_BASE, labels=ByPlace())
    commit = repo.commit_of(layer.commit)
    found = {"/": repo.dirmeta(commit.root_meta).xattrs}
    for path, node in walk(repo.dirtree, commit.root_tree):
        if isinstance(node, DirNode):
            found[path] = repo.dirmeta(node.meta).xattrs
        else:
            found[path] = repo.file_info(node.checksum).xattrs
    kinds = {"a": "100000", "b": "100000", "l": "120000", "overlay-x.conf": "100000"}
    assert found == {
        path: ((b"security.selinux", f"{path} {kinds.get(Path(path).name, '40000')}".encode()),)
        for path in found
    }
    assert {"/", "/usr", "/usr/share/d", "/usr/lib/tmpfiles.d/overlay-x.conf"} <= found.keys()
    assert commit.text("overlay.labels") == "by place"


def test_labels_make_another_layer(repo: Repo, tmp_path: Path) -> None:
    rpm = verified(Rpm(members=[A]).write(tmp_path / "x"))
    (plain,) = import_packages([rpm], repo, EMPTY_BASE)
    (labelled,) = import_packages([rpm], repo, EMPTY_BASE, labels=ByPlace())
    assert plain.ref != labelled.ref
    nevra, digest = rpm.package.nevra, rpm.package.digest
    assert cached_layer(repo, nevra, digest, EMPTY_BASE, labels=UNLABELLED) == plain
    assert cached_layer(repo, nevra, digest, EMPTY_BASE, labels=ByPlace()) == labelled


NIX = Member(path=b"/nix/store/file", content=b"nix")
NO_PLACE = "no place in an image-based tree: /nix/store/file of x-1-1.noarch"


def test_a_layer_serves_whatever_the_host_allows_as_long_as_it_needs_no_leave(
    repo: Repo, tmp_path: Path
) -> None:
    rpm = verified(Rpm(members=[A]).write(tmp_path / "x"))
    (layer,) = import_packages([rpm], repo, EMPTY_BASE)
    for allowed in (frozenset({b"nix"}), frozenset({b"nix", b"srv"})):
        layout = replace(EMPTY_BASE, allowed=allowed)
        assert cached_layer(repo, layer.nevra, layer.digest, layout) == layer
        assert import_packages([rpm], repo, layout) == (layer,)


def test_a_layer_is_the_same_whatever_else_is_allowed(scratch: Path) -> None:
    rpm = verified(Rpm(members=[A, NIX]).write(scratch / "x"))
    sets = (frozenset({b"nix"}), frozenset({b"nix", b"srv", b"opt"}))
    layouts = [replace(EMPTY_BASE, allowed=each) for each in sets]
    layers = [
        import_packages([rpm], Repo.create(scratch / f"repo-{at}", "bare-user"), layout)
        for at, layout in enumerate(layouts)
    ]
    assert layers[0] == layers[1]


def test_a_layer_that_fills_what_is_not_allowed_any_more_is_refused_as_if_it_were_new(
    repo: Repo, tmp_path: Path
) -> None:
    leave = replace(EMPTY_BASE, allowed=frozenset({b"nix"}))
    rpm = verified(Rpm(members=[A, NIX]).write(tmp_path / "x"))
    nevra, digest = rpm.package.nevra, rpm.package.digest
    said = []
    for layout in (EMPTY_BASE, leave, EMPTY_BASE):
        try:
            import_packages([rpm], repo, layout)
            said.append("")
        except UnsupportedPathError as error:
            said.append(f"{error}; {error.__notes__[0]}")
    hint = 'allow-top-level = ["nix"] below [packages] in /etc/overlay/overlay.toml allows it'
    refused = f"{NO_PLACE}; {hint}"
    assert said == [refused, "", refused]
    with pytest.raises(UnsupportedPathError, match=NO_PLACE):
        cached_layer(repo, nevra, digest, EMPTY_BASE)
    assert known_layer(repo, nevra, digest, EMPTY_BASE) == cached_layer(repo, nevra, digest, leave)


DEVICE = Member(path=b"/usr/lib/null", mode=stat.S_IFCHR | 0o666)


def test_a_device_is_left_out_of_the_packages_that_were_named(repo: Repo, tmp_path: Path) -> None:
    rpm = verified(Rpm(members=[A, DEVICE]).write(tmp_path / "x"))
    with pytest.raises(UnsupportedPathError) as caught:
        import_packages([rpm], repo, EMPTY_BASE, drop_special=frozenset({"y"}))
    message = "device nodes are not supported: /usr/lib/null of x-1-1.noarch"
    assert str(caught.value) == message
    (layer,) = import_packages([rpm], repo, EMPTY_BASE, drop_special=frozenset({"x", "y"}))
    assert paths_of(repo, layer) == ["/usr", "/usr/bin", "/usr/bin/a"]
    assert layer_info(repo, layer).dropped == ("/usr/lib/null: device node",)


def test_the_leave_to_drop_makes_another_layer_of_the_named_package_alone(
    repo: Repo, tmp_path: Path
) -> None:
    rpm = verified(Rpm(members=[A]).write(tmp_path / "x"))
    (layer,) = import_packages([rpm], repo, EMPTY_BASE)
    (same,) = import_packages([rpm], repo, EMPTY_BASE, drop_special=frozenset({"y"}))
    (other,) = import_packages([rpm], repo, EMPTY_BASE, drop_special=frozenset({"x"}))
    assert same == layer
    assert other.ref != layer.ref
    nevra, digest = rpm.package.nevra, rpm.package.digest
    named = frozenset({"x"})
    assert cached_layer(repo, nevra, digest, EMPTY_BASE, drop_special=named) == other
    assert layer_info(repo, other).dropped == ()


def test_capabilities_that_cannot_be_read_are_refused(repo: Repo, tmp_path: Path) -> None:
    path = Rpm(members=[replace(A, capabilities=b"cap_fly=ep")]).write(tmp_path / "x.rpm")
    with pytest.raises(BrokenPackageError) as caught:
        import_packages([verified(path)], repo, EMPTY_BASE)
    what = "/usr/bin/a: capabilities 'cap_fly=ep' hold the unknown 'cap_fly'"
    assert str(caught.value) == f"broken package {path}: {what}"


def test_nothing_of_the_machine_is_in_a_layer(scratch: Path) -> None:
    rpm = build_rpm(scratch, "tool-1-1.noarch", Spec(files={"/usr/bin/tool": File(content=b"t")}))
    moved = scratch / "elsewhere.rpm"
    moved.write_bytes(rpm.read_bytes())
    repos = [Repo.create(scratch / name, "bare-user") for name in "ab"]
    layers = [
        import_packages([verified(path)], repo, EMPTY_BASE)
        for path, repo in zip((rpm, moved), repos, strict=True)
    ]
    assert layers[0] == layers[1]


def test_an_impatient_interrupt_leaves_no_thread_and_no_commit_without_its_files(
    repo: Repo, tmp_path: Path
) -> None:
    rpms = []
    for name in "abcdef":
        members = [
            Member(path=f"/usr/share/{name}{number}".encode(), content=b"%d" % number * 500)
            for number in range(300)
        ]
        named = Rpm(members=members, tags={Tag.NAME: text(name.encode())})
        rpms.append(verified(named.write(tmp_path / name)))
    pressing = threading.Event()

    def press() -> None:
        while not pressing.wait(0.002):
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    with pytest.raises(KeyboardInterrupt):
        try:
            thread.start()
            import_packages(rpms, repo, EMPTY_BASE)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            pressing.set()
            thread.join()
            signal.signal(signal.SIGINT, signal.default_int_handler)
    assert [each.name for each in threading.enumerate() if each.name.startswith("import")] == []
    assert list(repo.path.glob("objects/*/*.commit")) == []
    fsck(repo)
    assert len(import_packages(rpms, Repo.open(repo.path), EMPTY_BASE)) == 6
    fsck(repo)
