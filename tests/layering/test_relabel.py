# SPDX-License-Identifier: LGPL-2.1-or-later
import os
from pathlib import Path

import pytest

from layering.dirtree import DirNode, FileNode, find
from layering.importer import Layer, cached_layer, import_packages
from layering.labels import UNLABELLED, Labels
from layering.paths import EMPTY_BASE
from layering.progress import silent
from layering.relabel import by_own_policy, labelled, places, relabelled, relabelled_layer
from layering.repo import Repo
from layering.selinux import labels_of
from tests import policies
from tests.layering.test_importer import verified
from tests.policies import CONTEXTS, xattr
from tests.rpms import File, Spec, build_rpm
from tests.trees import describe, make_tree

TREE = [
    "d usr/bin 0755",
    "f usr/bin/greet 04755 uid=3 gid=4 xattr:user.a=1 hello",
    "l usr/bin/hello greet",
    "f usr/lib/greet.so 0644 library",
    "f usr/share/free/data 0644 data",
    "f usr/etc/greet.conf 0600 hello",
    "l bin usr/bin",
]
GREET = "/usr/bin/greet -- system_u:object_r:greet_exec_t:s0\n"


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user")


def policy(repo: Repo, contexts: str = CONTEXTS, **more: str) -> Labels:
    with repo.transaction():
        tree = repo.new_tree()
        policies.put(repo, tree, policies.files(contexts, **more))
        root = repo.write_tree(tree)[0]
    return labels_of(repo, root, repo.path.parent / "cache")


def written(repo: Repo, *lines: str) -> tuple[str, str]:
    with repo.transaction():
        return repo.write_tree(make_tree(repo, *lines))


def changed(
    repo: Repo, root: tuple[str, str], old: Labels | None, new: Labels
) -> tuple[tuple[str, str], int]:
    tree, count = relabelled(repo, root, old, new)
    with repo.transaction():
        return repo.write_tree(tree), count


def label_at(repo: Repo, root: tuple[str, str], path: str) -> str:
    """Returns the type of a path's label, "" if it has none."""
    node = find(repo.dirtree, root[0], path) if path != "/" else DirNode(tree=root[0], meta=root[1])
    if isinstance(node, DirNode):
        xattrs = repo.dirmeta(node.meta).xattrs
    else:
        assert node is not None
        xattrs = repo.file_info(node.checksum).xattrs
    value = dict(xattrs).get(b"security.selinux", b"")
    return value.decode().rstrip("\0").split(":")[2] if value else ""


def test_a_tree_without_labels_gets_them_all(repo: Repo) -> None:
    root, count = changed(repo, written(repo, *TREE), UNLABELLED, policy(repo))
    assert {path: label_at(repo, root, path) for path in ("/", "/bin", "/usr", "/usr/bin")} == {
        "/": "default_t",
        "/bin": "default_t",
        "/usr": "usr_t",
        "/usr/bin": "bin_t",
    }
    assert label_at(repo, root, "/usr/bin/greet") == "bin_t"
    assert label_at(repo, root, "/usr/bin/hello") == "link_t"
    assert label_at(repo, root, "/usr/lib/greet.so") == "lib_t"
    assert label_at(repo, root, "/usr/etc/greet.conf") == "etc_t"
    assert label_at(repo, root, "/usr/share/free/data") == ""
    assert count == 11  # of 13: the policy leaves two alone


def test_nothing_but_the_label_is_another(repo: Repo) -> None:
    root, _count = changed(repo, written(repo, *TREE), UNLABELLED, policy(repo))
    back, _count = changed(repo, root, None, UNLABELLED)
    assert back == written(repo, *TREE)
    greet = next(line for line in describe(repo, root[0]) if "bin/greet " in line)
    assert greet.startswith("f usr/bin/greet 04755 uid=3 gid=4 xattr:security.selinux=")
    assert greet.endswith(" xattr:user.a=1 hello")


def test_a_line_more_changes_what_it_is_about(repo: Repo) -> None:
    old, new = policy(repo), policy(repo, CONTEXTS + GREET)
    before, _count = changed(repo, written(repo, *TREE), UNLABELLED, old)
    objects = set((repo.path / "objects").rglob("*.file"))
    after, count = changed(repo, before, old, new)
    assert count == 1
    assert len(set((repo.path / "objects").rglob("*.file")) - objects) == 1
    assert label_at(repo, after, "/usr/bin/greet") == "greet_exec_t"
    assert changed(repo, after, new, old) == (before, 1)
    assert after == changed(repo, written(repo, *TREE), UNLABELLED, new)[0]


def test_only_where_the_policies_disagree_is_an_object_read(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = policy(repo), policy(repo, CONTEXTS + GREET)
    before, _count = changed(repo, written(repo, *TREE), UNLABELLED, old)
    read: list[str] = []
    file_info = repo.file_info

    def told(checksum: str) -> object:
        read.append(checksum)
        return file_info(checksum)

    monkeypatch.setattr(repo, "file_info", told)
    relabelled(repo, before, old, new)
    greet = find(repo.dirtree, before[0], "/usr/bin/greet")
    assert isinstance(greet, FileNode)
    assert set(read) == {greet.checksum}


def test_a_label_that_the_base_chose_stays_where_the_policies_agree(repo: Repo) -> None:
    root = written(repo, *TREE, "f usr/bin/own 0755 xattr:security.selinux=a:b:chosen_t:s0 text")
    after, count = changed(repo, root, policy(repo), policy(repo, CONTEXTS + GREET))
    assert (label_at(repo, after, "/usr/bin/own"), count) == ("chosen_t", 1)


def test_a_path_that_the_new_policy_leaves_alone_loses_its_label(repo: Repo) -> None:
    old, new = policy(repo), policy(repo, f"{CONTEXTS}/usr/bin/greet <<none>>\n")
    before, _count = changed(repo, written(repo, *TREE), UNLABELLED, old)
    after, _count = changed(repo, before, old, new)
    assert label_at(repo, after, "/usr/bin/greet") == ""


def test_one_object_at_two_places_may_become_two(repo: Repo) -> None:
    root = written(repo, "f usr/bin/same 0644 text", "f usr/etc/same 0644 text")
    after, _count = changed(repo, root, UNLABELLED, policy(repo))
    assert label_at(repo, after, "/usr/bin/same") == "bin_t"
    assert label_at(repo, after, "/usr/etc/same") == "etc_t"


def test_a_large_file_is_copied_as_a_stream(repo: Repo) -> None:
    content = os.urandom(3 * (1 << 20) + 17)
    with repo.transaction():
        checksum = repo.write_regular(content, length=len(content), mode=0o644)
    other = labelled(repo, "/usr/bin/large", FileNode(checksum=checksum), policy(repo))
    assert b"".join(repo.file_chunks(other)) == content
    assert repo.file_info(other).xattrs == xattr("bin_t")
    assert labelled(repo, "/usr/bin/large", FileNode(checksum=other), policy(repo)) == other


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("", ()),
        ("/usr/bin/greet system_u:object_r:x_t:s0\n", ("/usr/bin/greet",)),
        ("/etc/greet.* system_u:object_r:x_t:s0\n", ("/etc/greet", "/usr/etc/greet")),
        ("/e?quota system_u:object_r:x_t:s0\n", ("/", "/usr/etc")),
    ],
)
def test_places_are_the_trees_own(repo: Repo, line: str, wanted: tuple[str, ...]) -> None:
    assert places(policy(repo), policy(repo, CONTEXTS + line)) == wanted


def test_where_one_side_is_unknown_or_none_everything_is_looked_at(repo: Repo) -> None:
    assert places(None, policy(repo)) == ("/",)
    assert places(UNLABELLED, policy(repo)) == ("/",)
    assert places(UNLABELLED, UNLABELLED) == ()


def with_policy(repo: Repo, *lines: str, contexts: str) -> str:
    """Commits a tree with a policy, not labelled by it."""
    with repo.transaction():
        tree = make_tree(repo, *lines)
        policies.put(repo, tree, policies.files(contexts))
        commit = repo.write_commit(tree=repo.write_tree(tree), timestamp=1)
        repo.set_ref(f"test/{commit}", commit)
    return commit


def test_a_merged_tree_with_the_bases_policy_is_left_as_it_is(repo: Repo, tmp_path: Path) -> None:
    base = with_policy(repo, *TREE, contexts=CONTEXTS)
    tree = repo.tree_of(base)
    assert by_own_policy(repo, tree, base, policy(repo), tmp_path, silent) is tree


def test_a_merged_tree_is_labelled_by_its_own_policy(repo: Repo, tmp_path: Path) -> None:
    base = with_policy(repo, *TREE, contexts=CONTEXTS)
    merged = with_policy(repo, *TREE, contexts=CONTEXTS + GREET)
    labels = labels_of(repo, repo.commit_of(base).root_tree, tmp_path)
    tree = by_own_policy(repo, repo.tree_of(merged), base, labels, tmp_path, silent)
    with repo.transaction():
        root = repo.write_tree(tree)
    assert label_at(repo, root, "/usr/bin/greet") == "greet_exec_t"
    assert label_at(repo, root, "/usr/bin/hello") == ""


def a_layer(repo: Repo, directory: Path, labels: Labels) -> Layer:
    files = {
        "/usr/bin/greet": File(content=b"hello", mode=0o755),
        "/usr/bin/hello": File(link="greet"),
        "/etc/greet.conf": File(content=b"x", directives="%config"),
        "/var/lib/greet": File(directory=True),
        "/opt/greet/data": File(content=b"x"),
        "/usr/share/greet": File(directory=True, mode=0o750, user="jane"),
    }
    rpm = build_rpm(directory, "greet-1-1.noarch", Spec(files=files))
    (layer,) = import_packages([verified(rpm)], repo, EMPTY_BASE, labels=labels)
    return layer


def test_a_relabelled_layer_is_the_one_that_an_import_would_make(
    repo: Repo, scratch: Path, tmp_path: Path
) -> None:
    labels = policy(repo)
    plain = a_layer(repo, tmp_path, UNLABELLED)
    made = relabelled_layer(repo, plain, EMPTY_BASE, labels)
    found = cached_layer(repo, plain.nevra, plain.digest, EMPTY_BASE, labels=labels)
    assert found == made != plain
    assert relabelled_layer(repo, made, EMPTY_BASE, labels) is made
    assert relabelled_layer(repo, made, EMPTY_BASE, UNLABELLED) == plain
    other = Repo.create(scratch / "other", "bare-user")
    assert a_layer(other, tmp_path, labels).commit == made.commit
