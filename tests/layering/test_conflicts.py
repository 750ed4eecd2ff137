# SPDX-License-Identifier: LGPL-2.1-or-later
import subprocess
from pathlib import Path

import pytest

from layering.errors import FileConflictError
from layering.repo import Repo
from layering.union import LayerTree, union
from tests.rpms import File, Spec, build_rpm
from tests.trees import commit_tree, describe, layer


@pytest.fixture
def repo(scratch: Path) -> Repo:
    # Owners need a repository that stores them, not the right to make files that have them.
    return Repo.create(scratch / "repo", "archive")


def bash_owns(path: str) -> str | None:
    return "bash-5-1.x86_64" if path.startswith("/usr/owned") else None


def conflict(repo: Repo, base: str | None, *layers: LayerTree) -> str:
    """The whole message, which does not depend on the order, after which nothing is written."""
    before = sorted(repo.path.rglob("*"))
    with pytest.raises(FileConflictError) as raised:
        union(repo, base, layers, base_owner=bash_owns)
    with pytest.raises(FileConflictError) as reverse:
        union(repo, base, layers[::-1], base_owner=bash_owns)
    assert str(raised.value) == str(reverse.value)
    assert sorted(repo.path.rglob("*")) == before
    return str(raised.value)


@pytest.mark.parametrize(
    ("base", "layer_line", "message"),
    [
        (
            "f usr/x 0644 one",
            "f usr/x 0644 two",
            "content differs: /usr/x of the base and of a-1-1",
        ),
        (
            "f usr/owned 0644 one",
            "f usr/owned 0755 two, longer",
            "content and mode differ: /usr/owned of bash-5-1.x86_64 and of a-1-1",
        ),
        ("f usr/x 0644 one", "f usr/x 04755 one", "mode differs: /usr/x of the base and of a-1-1"),
        (
            "f usr/x 0644 uid=4 one",
            "f usr/x 0644 one",
            "owner differs: /usr/x of the base and of a-1-1",
        ),
        (
            "f usr/x 0644 xattr:user.a=1 one",
            "f usr/x 0644 xattr:user.a=2 one",
            "extended attributes differ: /usr/x of the base and of a-1-1",
        ),
        ("l usr/x one", "l usr/x two", "link target differs: /usr/x of the base and of a-1-1"),
        ("l usr/x one", "f usr/x 0644 one", "type differs: /usr/x of the base and of a-1-1"),
        ("f usr/x 0644 one", "d usr/x 0755", "type differs: /usr/x of the base and of a-1-1"),
        ("d usr/x 0755", "l usr/x one", "type differs: /usr/x of the base and of a-1-1"),
        ("l usr/x nowhere", "f usr/x/y", "type differs: /usr/x of the base and of a-1-1"),
        ("l usr/x x", "f usr/x/y", "type differs: /usr/x of the base and of a-1-1"),
        ("l usr/x ../../../etc", "f usr/x/y", "type differs: /usr/x of the base and of a-1-1"),
    ],
)
def test_the_message_names_path_owners_and_difference(
    repo: Repo, base: str, layer_line: str, message: str
) -> None:
    assert conflict(repo, commit_tree(repo, base), layer(repo, "a-1-1", layer_line)) == message


def test_every_conflict_is_in_the_one_error(repo: Repo) -> None:
    base = commit_tree(repo, "f usr/a 0644 one", "f usr/owned/b 0644 one", "f usr/c 0644 same")
    one = layer(repo, "a-1-1", "f usr/a 0644 two", "f usr/c 0644 same", "f usr/d 0644 one")
    two = layer(repo, "b-1-1", "f usr/owned/b 0600 one", "f usr/d/e")
    assert conflict(repo, base, one, two) == (
        "3 file conflicts:\n"
        "  content differs: /usr/a of the base and of a-1-1\n"
        "  type differs: /usr/d of a-1-1 and of b-1-1\n"
        "  mode differs: /usr/owned/b of bash-5-1.x86_64 and of b-1-1"
    )


def test_identical_files_are_shared(repo: Repo) -> None:
    base = commit_tree(repo, "f usr/a 0644 one", "l usr/b a")
    one = layer(repo, "a-1-1", "f usr/a 0644 one", "l usr/b a", "f usr/c 0755 c")
    two = layer(repo, "b-1-1", "f usr/a 0644 one", "f usr/c 0755 c")
    lines = describe(repo, union(repo, base, [one, two]).root_tree)
    assert lines == ["d usr 0755", "f usr/a 0644 one", "l usr/b a", "f usr/c 0755 c"]


def test_a_recorded_owner_is_not_held_against_the_bases_file(repo: Repo) -> None:
    # The base's file belongs to uid 81; the layer's says root until its owner is resolved.
    base = commit_tree(repo, "f usr/a 04750 uid=81 gid=81 one")
    lines = ["f usr/a 04750 one"]
    one = layer(repo, "a-1-1", *lines, owners={"/usr/a": "dbus:dbus"})
    result = union(repo, base, [one])
    assert describe(repo, result.root_tree)[1:] == ["f usr/a 04750 uid=81 gid=81 one"]
    unresolved = layer(repo, "a-1-1", "f usr/a 04755 one", owners={"/usr/a": "dbus:dbus"})
    assert conflict(repo, base, unresolved) == "mode differs: /usr/a of the base and of a-1-1"


def test_layers_that_record_different_owners_conflict_though_their_objects_are_one(
    repo: Repo,
) -> None:
    one = layer(repo, "a-1-1", "f usr/a/x 0644 one")
    two = layer(repo, "b-1-1", "f usr/a/x 0644 one", owners={"/usr/a/x": "bin:bin"})
    assert one.commit == two.commit
    two_apart = layer(
        repo, "b-1-1", "f usr/a/x 0644 one", "f usr/z", owners={"/usr/a/x": "bin:bin"}
    )
    message = "owner differs: /usr/a/x of a-1-1 and of b-1-1"
    assert conflict(repo, None, one, two_apart) == message
    assert conflict(repo, None, one, two) == message


def test_a_label_that_only_the_base_has_is_no_difference(repo: Repo) -> None:
    base = commit_tree(
        repo,
        "d usr/d 0755 xattr:security.selinux=usr_t",
        "f usr/a 0644 xattr:security.selinux=bin_t one",
    )
    one = layer(repo, "a-1-1", "f usr/a 0644 one", "d usr/d 0711", owned=("/usr/d",))
    assert describe(repo, union(repo, base, [one]).root_tree)[1:] == [
        "f usr/a 0644 xattr:security.selinux=bin_t one",
        "d usr/d 0711 xattr:security.selinux=usr_t",
    ]


def test_a_listed_directory_conflicts_with_one_that_a_base_package_owns(repo: Repo) -> None:
    base = commit_tree(repo, "d usr/owned/x 0755", "d usr/y 0755")
    one = layer(
        repo, "a-1-1", "d usr/owned/x 0700", "d usr/y 0700", owned=("/usr/owned/x", "/usr/y")
    )
    assert conflict(repo, base, one) == "mode differs: /usr/owned/x of bash-5-1.x86_64 and of a-1-1"


def test_a_listed_directory_does_not_replace_a_link_that_a_base_package_owns(repo: Repo) -> None:
    base = commit_tree(repo, "l usr/owned lib", "d usr/lib 0755")
    listed = layer(repo, "a-1-1", "f usr/owned/x", owned=("/usr/owned",))
    unlisted = layer(repo, "a-1-1", "f usr/owned/x")
    assert (
        conflict(repo, base, listed) == "type differs: /usr/owned of bash-5-1.x86_64 and of a-1-1"
    )
    result = union(repo, base, [unlisted], base_owner=bash_owns)
    assert "f usr/lib/x 0644" in describe(repo, result.root_tree)


def listed(mode: int, user: str = "root") -> File:
    return File(directory=True, mode=mode, user=user)


@pytest.mark.root
@pytest.mark.parametrize(
    ("ours", "theirs", "refused"),
    [
        ({"/usr/x": File(content=b"a")}, {"/usr/x": File(content=b"b")}, True),
        ({"/usr/x": File(content=b"a")}, {"/usr/x": File(content=b"a")}, False),
        ({"/usr/x": File(content=b"a")}, {"/usr/x": File(content=b"a", mode=0o755)}, True),
        ({"/usr/x": File(content=b"a")}, {"/usr/x": File(content=b"a", user="bin")}, True),
        ({"/usr/x": File(link="a")}, {"/usr/x": File(link="b")}, True),
        ({"/usr/x": File(link="a")}, {"/usr/x": File(link="a")}, False),
        ({"/usr/x": listed(0o755)}, {"/usr/x": listed(0o700)}, True),
        ({"/usr/x": listed(0o755)}, {"/usr/x": listed(0o755)}, False),
        ({"/usr/x": listed(0o755)}, {"/usr/x": listed(0o755, user="bin")}, True),
        ({"/usr/x": listed(0o700)}, {"/usr/x/y": File()}, False),
        ({"/usr/x": File(content=b"a")}, {"/usr/x/y": File()}, True),
    ],
)
def test_rpm_refuses_what_we_refuse(
    scratch: Path, repo: Repo, ours: dict[str, File], theirs: dict[str, File], refused: bool
) -> None:
    layers = [_layer(repo, name, files) for name, files in (("a", ours), ("b", theirs))]
    rpms = [
        build_rpm(scratch, f"{name}-1-1.noarch", Spec(files=files))
        for name, files in (("a", ours), ("b", theirs))
    ]
    command = ["rpm", "-U", "--root", str(scratch / "root"), "--nodeps", "--nosignature"]
    (scratch / "root").mkdir()
    done = subprocess.run([*command, *map(str, rpms)], capture_output=True, check=False)
    assert bool(done.returncode) is refused
    if refused:
        conflict(repo, None, *layers)
    else:
        union(repo, None, layers)


def _layer(repo: Repo, name: str, files: dict[str, File]) -> LayerTree:
    """What an import of the package's files would give."""
    lines, owned, owners = [], [], {}
    for path, file in files.items():
        if file.user != "root":
            owners[path] = f"{file.user}:{file.group}"
        if file.directory:
            owned.append(path)
            lines.append(f"d {path[1:]} {file.mode:04o}")
        elif file.link is not None:
            lines.append(f"l {path[1:]} {file.link}")
        else:
            lines.append(f"f {path[1:]} {file.mode:04o} {file.content.decode()}".rstrip())
    return layer(repo, f"{name}-1-1", *lines, owned=tuple(owned), owners=owners)
