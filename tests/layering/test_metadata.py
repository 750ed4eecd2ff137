# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commit metadata: rpm-ostree's complete set, and what others leave out."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pytest

from layering._ostree import GLib
from layering.allowances import Allowances
from layering.metadata import (
    LayerRecord,
    RepositoryRecord,
    SkippedRecord,
    TreeMetadata,
    WarningRecord,
)
from layering.metadata_read import base_of, is_layered, read
from layering.objects import Commit
from layering.repo import Repo
from solver import Nevra
from tests.sysroots import run


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A key of a layered commit: its type, who reads it, and what happens to them without it."""

    key: str
    kind: str
    reader: str
    why: str


# What `rpmostree_context_commit` writes for version 6 (src/libpriv/rpmostree-core.cxx in
# https://github.com/coreos/rpm-ostree), with the types that it builds there.
RPM_OSTREE = (
    Row(
        key="rpmostree.clientlayer",
        kind="b",
        reader="deployment_layeredmeta_from_commit",
        why="else the commit is a base, which `upgrade` drops with all layers",
    ),
    Row(
        key="rpmostree.clientlayer_version",
        kind="u",
        reader="deployment_layeredmeta_from_commit",
        why="else version 0, of which a treespec is asserted",
    ),
    Row(
        key="rpmostree.packages",
        kind="as",
        reader="rpmostree_deployment_get_layered_info",
        why="asserted: the daemon aborts on `status`",
    ),
    Row(
        key="rpmostree.modules",
        kind="as",
        reader="rpmostree_deployment_get_layered_info",
        why="asserted by the releases that know modules",
    ),
    Row(
        key="rpmostree.removed-base-packages",
        kind="av",
        reader="rpmostree_deployment_get_layered_info",
        why="asserted from version 2 on",
    ),
    Row(
        key="rpmostree.replaced-base-packages",
        kind="a(vv)",
        reader="rpmostree_deployment_get_layered_info",
        why="asserted from version 2 on",
    ),
    Row(
        key="rpmostree.replaced-base-remote-packages",
        kind="a{sv}",
        reader="rpmostree_deployment_get_layered_info",
        why="asserted in version 6",
    ),
    Row(
        key="rpmostree.rpmmd-repos",
        kind="aa{sv}",
        reader="`rpm-ostree status -v`",
        why="the tree's repositories are not shown",
    ),
    Row(
        key="rpmostree.rpmdb.pkglist",
        kind="a(sssss)",
        reader="`rpm-ostree db diff`, automatic updates",
        why="the commit is checked out to know its packages",
    ),
    Row(
        key="rpmostree.state-sha512",
        kind="s",
        reader="rpmostree_sysroot_upgrader_prep_layering",
        why="required: every further transaction fails",
    ),
)
# What `ostree_commit_metadata_for_bootable` adds, and the version that is copied from the base.
OSTREE_ROWS = (
    Row(key="version", kind="s", reader="boot loader entries, `status`", why="shown nowhere"),
    Row(
        key="ostree.bootable",
        kind="b",
        reader="`ostree container`, composefs",
        why="not taken for a tree that boots",
    ),
    Row(
        key="ostree.linux",
        kind="s",
        reader="`ostree show`, installers",
        why="the kernel's release is not known without a checkout",
    ),
)
OURS = {
    "overlay.layers": "a(sssssas)",
    "overlay.warnings": "a(ssis)",
    "overlay.policy-version": "u",
}
RPM_OSTREE_V6 = {row.key: row.kind for row in RPM_OSTREE}
OSTREE = {row.key: row.kind for row in OSTREE_ROWS}


def nevra(text: str) -> Nevra:
    return Nevra.parse(text)


LAYER = LayerRecord(
    nevra="strace-6.1-1.x86_64",
    digest="sha256:" + "1" * 64,
    commit="2" * 64,
    repo="world",
    reason="user",
    requested_by=("/usr/bin/strace", "strace"),
)
FULL = TreeMetadata(
    layered=True,
    version="1.2",
    linux="6.1.0",
    requested=("htop", "strace"),
    packages=(nevra("a-1:2-3.noarch"), nevra("strace-6.1-1.x86_64")),
    removed=(nevra("gone-1-1.noarch"),),
    replaced_local=((nevra("bash-2:6-1.x86_64"), nevra("bash-5-1.x86_64")),),
    replaced_remote=(("repo=two", ((nevra("vim-9-1.noarch"), nevra("vim-8-1.noarch")),)),),
    repositories=(RepositoryRecord(id="world", timestamp=1_700_000_000),),
    layers=(LAYER,),
    warnings=(
        WarningRecord(package="a-1:2-3.noarch", phase="%post", status=1, message="exit status 1"),
    ),
    policy_version=7,
)


def commit_of(metadata: dict[str, GLib.Variant], parent: str | None = "b" * 64) -> Commit:
    return Commit(
        checksum="c" * 64,
        parent=parent,
        timestamp=0,
        subject="",
        metadata=GLib.Variant("a{sv}", metadata),
        root_tree="",
        root_meta="",
    )


@pytest.mark.parametrize("metadata", [FULL, TreeMetadata(layered=True)])
@pytest.mark.parametrize(("key", "kind"), (RPM_OSTREE_V6 | OURS).items())
def test_a_layered_tree_has_every_key_in_the_type_that_readers_want(
    metadata: TreeMetadata, key: str, kind: str
) -> None:
    assert metadata.pack()[key].get_type_string() == kind


def test_of_rpm_ostrees_namespace_there_is_its_set_and_nothing_else() -> None:
    packed = FULL.pack()
    there = {key: packed[key].get_type_string() for key in packed if key.startswith("rpmostree.")}
    assert there == RPM_OSTREE_V6


def test_the_values_within_are_typed_as_rpm_ostree_builds_them() -> None:
    packed = FULL.pack()
    removed = packed["rpmostree.removed-base-packages"].get_child_value(0).get_variant()
    new, old = packed["rpmostree.replaced-base-packages"].get_child_value(0).unpack()
    repository = packed["rpmostree.rpmmd-repos"].get_child_value(0)
    values = {
        key: repository.lookup_value(key, None).get_type_string() for key in ("id", "timestamp")
    }
    assert removed.get_type_string() == "(sstsss)"  # as `rpmostree_nevra_to_variant` has it
    assert (len(new), len(old)) == (6, 6)
    assert values == {"id": "s", "timestamp": "t"}


@pytest.mark.parametrize(("key", "kind"), OSTREE.items())
def test_a_bootable_tree_says_so(key: str, kind: str) -> None:
    assert FULL.pack()[key].get_type_string() == kind
    assert key not in TreeMetadata(layered=True).pack()


def test_nothing_else_is_written() -> None:
    assert FULL.pack().keys() == (RPM_OSTREE_V6 | OURS | OSTREE).keys()


def test_a_composed_base_is_no_client_layer() -> None:
    """Else rpm-ostree looks for a base in its parent."""
    packed = dataclasses.replace(FULL, layered=False).pack()
    assert packed.keys() == OURS.keys() | OSTREE.keys() | {
        "rpmostree.rpmmd-repos",
        "rpmostree.rpmdb.pkglist",
    }


def test_what_was_packed_is_read_back() -> None:
    assert read(commit_of(FULL.pack())) == FULL


def test_what_is_said_only_where_there_is_something_to_say_is_read_back() -> None:
    more = dataclasses.replace(
        FULL,
        allowances=Allowances(noscripts=frozenset({"strace", "htop"})),
        skip=("a.%post", "b"),
        triggers=(("a.toml", "0" * 64), ("b.toml", "")),
        skipped=(SkippedRecord(label="%post(a-1-1.noarch)", reason="a rule"),),
        notes=("left out: /dev/x",),
    )
    packed = more.pack()
    new = {key: packed[key].get_type_string() for key in packed.keys() - FULL.pack().keys()}
    assert new == {
        "overlay.allowances": "a{sas}",
        "overlay.skip": "as",
        "overlay.triggers": "a(ss)",
        "overlay.skipped": "a(ss)",
        "overlay.notes": "as",
    }
    assert packed["overlay.allowances"].unpack() == {"noscripts": ["htop", "strace"]}
    assert read(commit_of(packed)) == more


def test_the_order_of_what_came_in_is_not_to_be_seen() -> None:
    second = dataclasses.replace(LAYER, nevra="b-1-1.noarch", requested_by=("y", "x"))
    one = dataclasses.replace(
        FULL,
        requested=("b", "a"),
        layers=(LAYER, second),
        packages=FULL.packages[::-1],
    )
    other = dataclasses.replace(
        FULL,
        requested=("a", "b"),
        layers=(dataclasses.replace(second, requested_by=("x", "y")), LAYER),
        repositories=FULL.repositories,
    )
    assert commit_of(one.pack()).metadata.equal(commit_of(other.pack()).metadata)


def test_the_package_list_is_sorted_as_rpm_sorts_versions() -> None:
    texts = ["b-1-1.x86_64", "a-10-1.noarch", "a-9-1.noarch", "a-1:1-1.noarch", "a-9-1.i686"]
    packed = TreeMetadata(packages=tuple(map(nevra, texts))).pack()
    assert packed["rpmostree.rpmdb.pkglist"].unpack() == [
        ("a", "0", "9", "1", "i686"),
        ("a", "0", "9", "1", "noarch"),
        ("a", "0", "10", "1", "noarch"),
        ("a", "1", "1", "1", "noarch"),
        ("b", "0", "1", "1", "x86_64"),
    ]


def test_packages_of_overrides_are_written_as_rpm_ostree_reads_them() -> None:
    packed = FULL.pack()
    (removed,) = (packed["rpmostree.removed-base-packages"].get_child_value(0),)
    assert removed.get_variant().print_(True) == (
        "('gone-1-1.noarch', 'gone', uint64 0, '1', '1', 'noarch')"
    )
    remote = packed["rpmostree.replaced-base-remote-packages"]
    value = remote.lookup_value("repo=two", None)
    assert value.get_type_string() == "a(vv)"
    assert value.unpack()[0][0][0] == "vim-9-1.noarch"  # the new one first


def test_a_change_of_any_input_changes_the_state() -> None:
    variants = [
        FULL,
        dataclasses.replace(FULL, requested=("strace",)),
        dataclasses.replace(FULL, layers=()),
        dataclasses.replace(FULL, removed=()),
        dataclasses.replace(FULL, replaced_local=()),
        dataclasses.replace(FULL, replaced_remote=()),
        dataclasses.replace(FULL, policy_version=8),
    ]
    states = {metadata.pack()["rpmostree.state-sha512"].get_string() for metadata in variants}
    assert len(states) == len(variants)
    assert {len(state) for state in states} == {128}


def test_a_commit_that_says_nothing_is_an_empty_base() -> None:
    assert read(commit_of({})) == TreeMetadata()
    assert base_of(commit_of({})) == "c" * 64


@pytest.mark.parametrize("key", [*RPM_OSTREE_V6, *OURS, *OSTREE])
@pytest.mark.parametrize("wrong", [None, GLib.Variant("d", 1.5), GLib.Variant("a{sv}", {})])
def test_a_key_that_is_missing_or_odd_is_empty(key: str, wrong: GLib.Variant | None) -> None:
    packed = FULL.pack()
    del packed[key]
    if wrong is not None:
        packed[key] = wrong
    found = read(commit_of(packed))
    unlike = {
        field.name
        for field in dataclasses.fields(TreeMetadata)
        if getattr(found, field.name) != getattr(FULL, field.name)
    }
    assert len(unlike) <= 1


ODD_ROWS = {
    "rpmostree.removed-base-packages": GLib.Variant(
        "av", [GLib.Variant("s", "x"), GLib.Variant("(ss)", ("a", "b"))]
    ),
    "rpmostree.replaced-base-packages": GLib.Variant(
        "a(vv)", [(GLib.Variant("s", "x"), GLib.Variant("u", 1))]
    ),
    "rpmostree.replaced-base-remote-packages": GLib.Variant("a{sv}", {"x": GLib.Variant("s", "")}),
    "rpmostree.rpmmd-repos": GLib.Variant("aa{sv}", [{}, {"id": GLib.Variant("u", 1)}]),
    "rpmostree.rpmdb.pkglist": GLib.Variant("a(sssss)", [("a", "x", "1", "1", "noarch")]),
}


def test_rows_that_make_no_sense_are_left_out() -> None:
    found = read(commit_of(ODD_ROWS))
    assert not (found.removed or found.replaced_local or found.repositories)
    assert found.replaced_remote == (("x", ()),)
    assert found.packages == (nevra("a-1-1.noarch"),)


def test_trees_that_rpm_ostree_layered_are_known_by_their_flag() -> None:
    flagged = commit_of({"rpmostree.clientlayer": GLib.Variant("b", True)})
    assert is_layered(flagged) and base_of(flagged) == "b" * 64
    old = commit_of({"rpmostree.spec": GLib.Variant("a{sv}", {})})
    assert is_layered(old) and base_of(old) == "b" * 64
    denied = commit_of({"rpmostree.clientlayer": GLib.Variant("b", False)})
    assert not is_layered(denied) and base_of(denied) == "c" * 64
    orphan = commit_of({"rpmostree.clientlayer": GLib.Variant("b", True)}, parent=None)
    assert not is_layered(orphan) and base_of(orphan) == "c" * 64


def test_the_ostree_command_line_shows_what_was_written(tmp_path: Path) -> None:
    """Through a real commit: the repository's byte order and nesting are its own."""
    repo = Repo.create(tmp_path / "repo", mode="bare-user-only")
    with repo.transaction():
        tree = repo.write_tree(repo.new_tree())
        checksum = repo.write_commit(tree=tree, timestamp=1, metadata=FULL.pack())
    show = ("ostree", "show", f"--repo={repo.path}", checksum)
    assert run(*show, "--print-metadata-key=rpmostree.packages") == "['htop', 'strace']\n"
    assert run(*show, "--print-metadata-key=rpmostree.modules") == "@as []\n"
    assert dataclasses.replace(read(repo.commit_of(checksum)), layered=True) == FULL
