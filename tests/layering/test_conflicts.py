# SPDX-License-Identifier: LGPL-2.1-or-later
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from layering.claims import Claim
from layering.errors import FileConflictError
from layering.mtree import put_file, set_meta
from layering.objects import DirMeta
from layering.repo import Repo
from layering.union import LayerTree, union
from tests.rpms import File, Spec, build_rpm
from tests.trees import commit_tree, describe, layer


@pytest.fixture
def repo(scratch: Path) -> Repo:
    # Owners need a repository that stores them, not the right to make files that have them.
    return Repo.create(scratch / "repo", "archive")


def bash_owns(path: str) -> Sequence[Claim]:
    return [Claim(package="bash-5-1.x86_64")] if path.startswith("/usr/owned") else []


def conflict(repo: Repo, base: str | None, *layers: LayerTree) -> str:
    """The whole message, which does not depend on the order, after which nothing is written."""
    before = sorted(repo.path.rglob("*"))
    with pytest.raises(FileConflictError) as raised:
        union(repo, base, layers, base_claims=bash_owns)
    with pytest.raises(FileConflictError) as reverse:
        union(repo, base, layers[::-1], base_claims=bash_owns)
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
    result = union(repo, base, [unlisted], base_claims=bash_owns)
    assert "f usr/lib/x 0644" in describe(repo, result.root_tree)


FORCE = "--force-replacefiles lets a's files replace those of others"
FILES_ONLY = "--force-replacefiles is for files only: it exchanges none for a directory"


def hints(repo: Repo, base: str | None, *layers: LayerTree, replacing: str = "") -> list[str]:
    """What is said beside the message."""
    with pytest.raises(FileConflictError) as raised:
        union(repo, base, layers, base_claims=bash_owns, replacing=frozenset(replacing.split()))
    return getattr(raised.value, "__notes__", [])


def test_the_hint_to_force_is_given_where_it_would_help_and_only_there(repo: Repo) -> None:
    base = commit_tree(repo, "f usr/a 0644 one", "f usr/b 0644 one", "d usr/owned/d 0755")
    one = layer(repo, "a-1-1", "f usr/a 0644 two")
    assert hints(repo, base, one) == [FORCE]
    mode = layer(repo, "a-1-1", "d usr/owned/d 0700", owned=("/usr/owned/d",))
    assert hints(repo, base, mode) == [FORCE]
    # Force puts no directory in a file's place: of two conflicts it would leave this one.
    both = layer(repo, "a-1-1", "f usr/a 0644 two", "f usr/b/c 0644 two")
    assert hints(repo, base, both) == []


def test_what_is_forced_takes_the_place_of_the_bases_and_of_layers_files(repo: Repo) -> None:
    base = commit_tree(repo, "f usr/a 0644 base", "l usr/b base", "f usr/c 04755 base")
    forced = layer(repo, "f-2:1-1.noarch", "f usr/a 0600 f", "f usr/b 0644 f", "l usr/c f")
    other = layer(repo, "a-1-1.noarch", "f usr/d 0644 a")
    also = layer(repo, "z-1-1.noarch", "f usr/d 0755 z")
    for order in ([forced, other], [other, forced]):
        united = union(repo, base, order, replacing=frozenset({"f", "nobody"}))
        assert describe(repo, united.root_tree)[1:] == [
            "f usr/a 0600 f",
            "f usr/b 0644 f",
            "l usr/c f",
            "f usr/d 0644 a",
        ]
        assert united.replaced == tuple(
            (f"/usr/{name}", "the base", "f-2:1-1.noarch") for name in "abc"
        )
    united = union(repo, base, [also, other], replacing=frozenset({"a"}))
    assert united.replaced == (("/usr/d", "z-1-1.noarch", "a-1-1.noarch"),)
    assert "f usr/d 0644 a" in describe(repo, united.root_tree)
    with pytest.raises(FileConflictError):
        union(repo, base, [forced, other, also], replacing=frozenset({"f"}))


def test_of_two_forced_the_later_in_install_order_stands(repo: Repo) -> None:
    one = layer(repo, "a-1-1.noarch", "f usr/x 0644 a", "d usr/d 0711", owned=("/usr/d",))
    two = layer(repo, "b-1-1.noarch", "f usr/x 0644 b", "d usr/d 0700", owned=("/usr/d",))
    both = frozenset("ab")
    assert describe(repo, union(repo, None, [one, two], replacing=both).root_tree)[1:] == [
        "d usr/d 0700",
        "f usr/x 0644 b",
    ]
    assert describe(repo, union(repo, None, [two, one], replacing=both).root_tree)[1:] == [
        "d usr/d 0711",
        "f usr/x 0644 a",
    ]


def test_what_two_that_may_not_disagree_about_is_not_settled_by_a_third_that_may(
    repo: Repo,
) -> None:
    """Else taking the third away would be what brings a conflict."""
    layers = [layer(repo, f"{name}-1-1.noarch", f"f usr/x 0644 {name}") for name in "abc"]
    with pytest.raises(FileConflictError) as raised:
        union(repo, None, layers, replacing=frozenset("c"))
    assert str(raised.value) == "content differs: /usr/x of a-1-1.noarch and of b-1-1.noarch"


@pytest.mark.parametrize(
    ("base", "line"),
    [
        ("d usr/x 0755", "f usr/x 0644 file"),
        ("d usr/x 0755", "l usr/x elsewhere"),
        ("f usr/x 0644 file", "f usr/x/y 0644 below"),
        ("f usr/x 0644 file", "d usr/x 0755"),
        ("l usr/x nowhere", "f usr/x/y 0644 below"),
    ],
)
def test_not_even_force_makes_a_file_of_a_directory_or_the_reverse(
    repo: Repo, base: str, line: str
) -> None:
    tree, one = commit_tree(repo, base), layer(repo, "a-1-1", line)
    assert hints(repo, tree, one, replacing="a") == [FILES_ONLY]
    assert hints(repo, tree, one) == []
    two = layer(repo, "b-1-1", base)
    assert hints(repo, None, one, two, replacing="a b") == [FILES_ONLY]


def test_of_what_is_replaced_the_owners_are_told_and_the_path_a_running_system_has(
    repo: Repo,
) -> None:
    base = commit_tree(repo, "f usr/etc/x 0644 base", "f usr/same 0644 same", "f usr/owned 0644 b")
    lines = ["f usr/etc/x 0644 a", "f usr/same 0644 same", "f usr/owned 0644 a", "f usr/n 0644 a"]
    one = layer(repo, "a-1-1.noarch", *lines)
    two = layer(repo, "b-1-1.noarch", "f usr/n 0644 b", "f usr/same 0644 same")
    united = union(repo, base, [one, two], replacing=frozenset("a"), base_claims=bash_owns)
    assert united.replaced == (
        ("/etc/x", "the base", "a-1-1.noarch"),
        ("/usr/n", "b-1-1.noarch", "a-1-1.noarch"),
        ("/usr/owned", "bash-5-1.x86_64", "a-1-1.noarch"),
    )
    assert union(repo, base, [two], replacing=frozenset("b")).replaced == ()


def test_where_a_file_lost_its_owner_is_not_given_to_what_stands(repo: Repo) -> None:
    mine = {"/usr/x": "games:games", "/usr/d": "games:games"}
    lines = ["f usr/x 0644 a", "d usr/d 0755"]
    one = layer(repo, "a-1-1.noarch", *lines, owners=mine, owned=("/usr/d",))
    lines = ["f usr/x 0644 b", "d usr/d 0755"]
    two = layer(repo, "b-1-1.noarch", *lines, owned=("/usr/d",))
    united = union(repo, None, [one, two], replacing=frozenset("b"))
    assert united.placed == {
        ("a-1-1.noarch", b"/usr/d"): None,
        ("a-1-1.noarch", b"/usr/x"): None,
    }
    united = union(repo, None, [one, two], replacing=frozenset("a"))
    assert ("a-1-1.noarch", b"/usr/x") not in united.placed


def test_many_conflicts_are_counted_and_the_first_ones_told(repo: Repo) -> None:
    names = [f"{at:02}" for at in range(25)]
    base = commit_tree(repo, *(f"f usr/{name} 0644 one" for name in names))
    one = layer(repo, "a-1-1", *(f"f usr/{name} 0644 two" for name in names))
    message = conflict(repo, base, one).splitlines()
    assert message[:2] == [
        "25 file conflicts:",
        "  content differs: /usr/00 of the base and of a-1-1",
    ]
    assert message[20:] == [
        "  content differs: /usr/19 of the base and of a-1-1",
        "  and 5 more",
    ]


def test_a_path_with_a_newline_forges_no_line_of_the_message(repo: Repo) -> None:
    with repo.transaction():
        commits = []
        for text in (b"one", b"two"):
            tree = repo.new_tree()
            set_meta(tree, repo.write_dirmeta(DirMeta()))
            put_file(tree, "a\n\x1b[2Jb", repo.write_regular(text, length=3, mode=0o644))
            commits.append(repo.write_commit(tree=repo.write_tree(tree), timestamp=1))
            repo.set_ref(f"test/{len(commits)}", commits[-1])
    one = LayerTree(name="a-1-1", commit=commits[1])
    assert conflict(repo, commits[0], one) == (
        "content differs: /a\\n\\x1b[2Jb of the base and of a-1-1"
    )


@pytest.mark.parametrize("name", ["security.selinux", "security.ima"])
def test_labels_and_signatures_are_no_difference_and_the_first_ones_stand(
    repo: Repo, name: str
) -> None:
    base = commit_tree(repo, f"f usr/a 0644 xattr:{name}=base one")
    one = layer(repo, "a-1-1", f"f usr/a 0644 xattr:{name}=a one", f"f usr/b 0644 xattr:{name}=a x")
    two = layer(repo, "b-1-1", "f usr/a 0644 one", f"f usr/b 0644 xattr:{name}=b x")
    for order in ([one, two], [two, one]):
        assert describe(repo, union(repo, base, order).root_tree)[1:] == [
            f"f usr/a 0644 xattr:{name}=base one",
            f"f usr/b 0644 xattr:{name}=a x",
        ]


def test_capabilities_are_a_difference(repo: Repo) -> None:
    one = layer(repo, "a-1-1", "f usr/a 0755 xattr:security.capability=1 one")
    two = layer(repo, "b-1-1", "f usr/a 0755 one")
    assert conflict(repo, None, one, two) == (
        "extended attributes differ: /usr/a of a-1-1 and of b-1-1"
    )


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
