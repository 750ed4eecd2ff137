# SPDX-License-Identifier: LGPL-2.1-or-later
import itertools
import subprocess
from pathlib import Path

import pytest

from layering.dirtree import DirTree
from layering.repo import Repo
from layering.union import LayerTree, union
from tests.rpms import File, Spec, build_rpm
from tests.trees import commit_tree, describe, layer

BASE = [
    "d usr/bin 0755",
    "f usr/bin/bash 0755 shell",
    "d usr/share 0755",
    "d usr/share/doc 0755",
    "f usr/share/doc/readme 0644 text",
    "l bin usr/bin",
]


@pytest.fixture
def repo(scratch: Path) -> Repo:
    return Repo.create(scratch / "repo", "bare-user-only")


def united(repo: Repo, base: str | None, *layers: LayerTree) -> list[str]:
    """The lines of the union, leaving out directories that are 0755."""
    result = union(repo, base, layers)
    subprocess.run(["ostree", f"--repo={repo.path}", "fsck", "-q"], check=True)
    lines = describe(repo, result.root_tree)
    return [line for line in lines if not (line.startswith("d ") and line.endswith(" 0755"))]


def test_a_layer_adds_files_to_shared_and_to_new_directories(repo: Repo) -> None:
    base = commit_tree(repo, *BASE)
    strace = layer(
        repo, "strace-1-1", "f usr/bin/strace 0755 elf", "f usr/share/strace/a/b 0600 deep"
    )
    assert united(repo, base, strace) == [
        "l bin usr/bin",
        "f usr/bin/bash 0755 shell",
        "f usr/bin/strace 0755 elf",
        "f usr/share/doc/readme 0644 text",
        "f usr/share/strace/a/b 0600 deep",
    ]


def test_no_layers_give_back_the_base_itself(repo: Repo) -> None:
    base = commit_tree(repo, *BASE)
    result = union(repo, base, [])
    read = repo.commit_of(base)
    assert (result.root_tree, result.root_meta) == (read.root_tree, read.root_meta)


def test_an_empty_base_gives_the_union_of_the_layers(repo: Repo) -> None:
    one = layer(repo, "a-1-1", "f usr/bin/a 0755 a", "d usr/share/x 0700", owned=("/usr/share/x",))
    two = layer(repo, "b-1-1", "f usr/bin/b 0755 b", "f usr/share/x/b")
    assert united(repo, None, one, two) == [
        "f usr/bin/a 0755 a",
        "f usr/bin/b 0755 b",
        "d usr/share/x 0700",
        "f usr/share/x/b 0644",
    ]
    alone = union(repo, None, [one])
    read = repo.commit_of(one.commit)
    assert (alone.root_tree, alone.root_meta) == (read.root_tree, read.root_meta)
    assert describe(repo, union(repo, None, []).root_tree) == []


def test_the_order_of_the_layers_leaves_no_trace(repo: Repo) -> None:
    base = commit_tree(repo, *BASE, "l usr/lib64 lib", "d usr/lib 0755")
    layers = [
        layer(
            repo, "a-1-1", "f usr/bin/a 0755 a", "f usr/lib64/liba 0755 elf", "f usr/same 0644 s"
        ),
        layer(repo, "b-1-1", "f usr/lib/liba 0755 elf", "d usr/x 0711", owned=("/usr/x",)),
        layer(repo, "c-1-1", "f usr/x/c 0644 c", "f usr/s 0644 s"),
        layer(repo, "d-1-1", "f usr/share/doc/d 0644 d", "f usr/x/d 0644 d"),
    ]
    results = [union(repo, base, order) for order in itertools.permutations(layers)]
    assert len({(result.root_tree, result.root_meta) for result in results}) == 1
    assert "d usr/x 0711" in describe(repo, results[0].root_tree)


def test_a_directory_on_one_side_only_is_never_read(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = commit_tree(repo, *BASE)
    strace = layer(repo, "strace-1-1", "f usr/share/strace/deep/er/file")
    read = []
    real = Repo.dirtree

    def noted(self: Repo, checksum: str) -> DirTree:
        read.append(checksum)
        return real(self, checksum)

    monkeypatch.setattr(Repo, "dirtree", noted)
    union(repo, base, [strace])
    monkeypatch.undo()

    def tree_at(commit: str, *names: str) -> str:
        tree = repo.commit_of(commit).root_tree
        for name in names:
            tree = next(below for each, below, _meta in repo.dirtree(tree).dirs if each == name)
        return tree

    shared = [("usr",), ("usr", "share"), ()]
    assert set(read) == {tree_at(side, *at) for side in (base, strace.commit) for at in shared}


def test_a_directory_keeps_the_bases_metadata_unless_the_package_lists_it(repo: Repo) -> None:
    base = commit_tree(repo, "d usr/a 0700", "d usr/b 0700", "f usr/a/x", "f usr/b/x")
    one = layer(repo, "a-1-1", "f usr/a/y", "d usr/b 0711", "f usr/b/y", owned=("/usr/b",))
    assert united(repo, base, one) == [
        "d usr/a 0700",
        "f usr/a/x 0644",
        "f usr/a/y 0644",
        "d usr/b 0711",
        "f usr/b/x 0644",
        "f usr/b/y 0644",
    ]


def test_a_listed_directory_with_the_bases_very_content_still_gets_its_mode(repo: Repo) -> None:
    base = commit_tree(repo, "d usr/a 0700", "f usr/a/x")
    one = layer(repo, "a-1-1", "d usr/a 0711", "f usr/a/x", owned=("/usr/a",))
    assert united(repo, base, one) == ["d usr/a 0711", "f usr/a/x 0644"]


def test_a_layers_path_follows_a_link_of_the_base(repo: Repo) -> None:
    base = commit_tree(
        repo,
        "f usr/lib/libc 0755 elf",
        "l usr/lib64 lib",
        "l lib64 /usr/lib64",
        "d usr/lib/deep 0755",
        "l usr/lib/out ../../../../usr/lib/deep",
    )
    one = layer(
        repo,
        "a-1-1",
        "f usr/lib64/liba 0755 elf",
        "f lib64/libb 0755 elf",
        "f lib64/out/c 0644 c",
        "f usr/lib64/own/d 0644 d",
    )
    assert united(repo, base, one) == [
        "l lib64 /usr/lib64",
        "f usr/lib/deep/c 0644 c",
        "f usr/lib/liba 0755 elf",
        "f usr/lib/libb 0755 elf",
        "f usr/lib/libc 0755 elf",
        "l usr/lib/out ../../../../usr/lib/deep",
        "f usr/lib/own/d 0644 d",
        "l usr/lib64 lib",
    ]


def test_a_directory_found_behind_a_link_meets_those_already_there(repo: Repo) -> None:
    base = commit_tree(repo, "f usr/aaa/x 0644 x", "l usr/zzz aaa")
    one = layer(repo, "a-1-1", "f usr/zzz/y 0644 through the link")
    two = layer(repo, "b-1-1", "f usr/aaa/z 0644 straight")
    assert united(repo, base, one, two) == [
        "f usr/aaa/x 0644 x",
        "f usr/aaa/y 0644 through the link",
        "f usr/aaa/z 0644 straight",
        "l usr/zzz aaa",
    ]


def rpm_upgrade(root: Path, *rpms: Path) -> int:
    command = ["rpm", "-U", "--root", str(root), "--nodeps", "--nosignature", "--noplugins"]
    return subprocess.run([*command, *map(str, rpms)], capture_output=True, check=False).returncode


def listing(root: Path) -> list[str]:
    """Type, mode, path and link target of everything below /usr but rpm's own database."""
    command = ["find", "usr", "-path", "usr/lib/sysimage", "-prune", "-o"]
    command += ["-printf", "%y %m %p %l\n"]
    found = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    return sorted(line.rstrip() for line in found.splitlines())


@pytest.mark.root
@pytest.mark.parametrize(
    ("base", "files", "lines", "owned"),
    [
        pytest.param(
            ["d usr/lib 0755", "d usr/share/x 0711"],
            {"/usr/share/x": File(directory=True, mode=0o700), "/usr/share/x/b": File()},
            ["d usr/share/x 0700", "f usr/share/x/b"],
            ("/usr/share/x",),
            id="a listed directory gets the package's mode",
        ),
        pytest.param(
            ["d usr/lib 0755", "d usr/share/x 0711"],
            {"/usr/share/x/b": File()},
            ["f usr/share/x/b"],
            (),
            id="an unlisted directory keeps its own",
        ),
        pytest.param(
            ["d usr/lib 0755", "l usr/lib64 lib"],
            {"/usr/lib64/c": File()},
            ["f usr/lib64/c"],
            (),
            id="an unlisted directory is taken through a link",
        ),
        pytest.param(
            ["d usr/lib 0755", "l usr/lib64 lib"],
            {"/usr/lib64": File(directory=True, mode=0o711), "/usr/lib64/c": File()},
            ["d usr/lib64 0711", "f usr/lib64/c"],
            ("/usr/lib64",),
            id="a listed directory sets the mode behind a link that nobody owns",
        ),
    ],
)
def test_rpm_makes_the_same_tree(
    scratch: Path,
    base: list[str],
    files: dict[str, File],
    lines: list[str],
    owned: tuple[str, ...],
) -> None:
    repo = Repo.create(scratch / "bare")
    # rpm's database directory, so that rpm changes no directory that we compare.
    commit = commit_tree(repo, *base, "d usr/lib/sysimage/rpm 0755")
    one = layer(repo, "a-1-1", *lines, owned=owned)
    result = union(repo, commit, [one])
    with repo.transaction():
        merged = repo.write_commit(tree=(result.root_tree, result.root_meta), timestamp=1)
    repo.checkout(merged, scratch / "ours")
    repo.checkout(commit, scratch / "rpms")
    rpm = build_rpm(scratch, "a-1-1.noarch", Spec(files=files))
    assert rpm_upgrade(scratch / "rpms", rpm) == 0
    assert listing(scratch / "ours") == listing(scratch / "rpms")
