# SPDX-License-Identifier: LGPL-2.1-or-later
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from layering.errors import PolicyError
from layering.labels import UNLABELLED, Labels
from layering.mtree import enter, put_file
from layering.repo import Repo
from layering.selinux import Policy, drop_copies, labels_of, paths_of
from tests import policies
from tests.policies import xattr
from tests.selinux import FileContexts

FILE, LINK, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o755


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo.create(tmp_path / "repo", "bare-user")


def root_of(repo: Repo, policy: dict[str, str]) -> str:
    with repo.transaction():
        tree = repo.new_tree()
        policies.put(repo, tree, policy)
        return repo.write_tree(tree)[0]


def loaded(repo: Repo, policy: dict[str, str]) -> Labels:
    return labels_of(repo, root_of(repo, policy), repo.path.parent / "cache")


@pytest.mark.parametrize(
    ("place", "mode", "name"),
    [
        (b"/usr/bin/greet", FILE, "bin_t"),
        (b"/usr/bin/greet", LINK, "link_t"),
        (b"/usr/bin", DIRECTORY, "bin_t"),
        (b"/usr/lib/a.so", FILE, "lib_t"),
        (b"/usr/lib/a.so", DIRECTORY, "usr_t"),
        (b"/usr/etc", DIRECTORY, "etc_t"),
        (b"/usr/etc/greet.conf", FILE, "etc_t"),
        ("/usr/bin/größe\n".encode(), FILE, "bin_t"),
        (b"/boot", DIRECTORY, "default_t"),
    ],
)
def test_the_place_on_the_running_system_and_the_kind_decide(
    repo: Repo, place: bytes, mode: int, name: str
) -> None:
    assert loaded(repo, policies.files()).xattrs(place, mode) == xattr(name)


def test_a_place_that_the_policy_leaves_alone_has_no_label(repo: Repo) -> None:
    assert loaded(repo, policies.files()).xattrs(b"/usr/share/free/x", FILE) == ()


def test_all_files_of_a_policy_are_asked(repo: Repo) -> None:
    more = {
        "homedirs": "/usr/home/.* system_u:object_r:home_t:s0\n",
        "local": "/usr/mine system_u:object_r:mine_t:s0\n",
        "subs": "/opt/greet /usr/bin\n",
        "subs_dist": "/sbin /usr/bin\n",
    }
    labels = loaded(repo, policies.files(**more))
    found = [
        labels.xattrs(place, FILE)
        for place in (b"/usr/home/a", b"/usr/mine", b"/opt/greet/a", b"/sbin/a")
    ]
    assert found == [xattr(name) for name in ("home_t", "mine_t", "bin_t", "bin_t")]


def test_libselinux_asked_by_itself_says_the_same(repo: Repo, tmp_path: Path) -> None:
    place = tmp_path / "file_contexts"
    place.write_text(policies.CONTEXTS)
    labels, contexts = loaded(repo, policies.files()), FileContexts(place)
    for path in ("/usr", "/usr/bin/a", "/usr/lib/b.so", "/etc/a", "/usr/share/free", "/x"):
        for mode in (FILE, LINK, DIRECTORY):
            wanted = contexts.label(path, mode)
            found = labels.xattrs(path.encode(), mode)
            assert found == (xattr(wanted.split(":")[2]) if wanted else ())


@pytest.mark.parametrize(
    "config",
    [
        "",
        "SELINUX=disabled\nSELINUXTYPE=small\n",
        "SELINUXTYPE=small\n",
        "# SELINUX=enforcing\nSELINUXTYPE=small\n",
    ],
)
def test_without_an_enabled_policy_there_are_no_labels(repo: Repo, config: str) -> None:
    assert loaded(repo, policies.files(config=config)) is UNLABELLED


def test_a_tree_without_configuration_has_no_labels(repo: Repo) -> None:
    assert loaded(repo, {}) is UNLABELLED


@pytest.mark.parametrize("kind", ["../../var", "", ".", "a/b"])
def test_a_policy_whose_name_is_none_is_an_error(repo: Repo, kind: str) -> None:
    config = f"SELINUX=enforcing\nSELINUXTYPE={kind}\n"
    with pytest.raises(PolicyError) as raised:
        loaded(repo, policies.files(config=config))
    assert str(raised.value) == f"/usr/etc/selinux/config names no policy: SELINUXTYPE={kind}"


def test_a_policy_that_is_not_there_is_an_error(repo: Repo) -> None:
    config = "SELINUX=enforcing\nSELINUXTYPE=other\n"
    with pytest.raises(PolicyError) as raised:
        loaded(repo, policies.files(config=config))
    assert str(raised.value) == (
        "/usr/etc/selinux/config says SELINUXTYPE=other, and "
        "/usr/etc/selinux/other/contexts/files/file_contexts is not there"
    )


def test_a_link_in_its_place_is_no_policy(repo: Repo) -> None:
    with repo.transaction():
        tree = repo.new_tree()
        policies.put(repo, tree, policies.files())
        directory = tree
        for name in ("usr", "etc", "selinux", "small", "contexts", "files"):
            directory = enter(directory, name)
        put_file(directory, "file_contexts", repo.write_symlink("/etc/passwd"))
        root = repo.write_tree(tree)[0]
    with pytest.raises(PolicyError, match="is not there"):
        labels_of(repo, root, repo.path.parent / "cache")


def test_a_policy_that_libselinux_cannot_read_is_an_error(repo: Repo) -> None:
    labels = loaded(repo, policies.files("/usr(/.* system_u:object_r:usr_t:s0\n"))
    with pytest.raises(PolicyError, match="cannot"):
        labels.xattrs(b"/usr/bin", DIRECTORY)


def test_a_policy_that_would_fill_the_memory_is_an_error(repo: Repo) -> None:
    with pytest.raises(PolicyError) as raised:
        loaded(repo, policies.files("#" * (20 << 20)))
    assert str(raised.value) == (
        "20971520 bytes, more than a policy can have: "
        "/usr/etc/selinux/small/contexts/files/file_contexts"
    )


def test_the_key_is_what_labels_depend_on(repo: Repo) -> None:
    labels = loaded(repo, policies.files())
    beside = {"/etc/selinux/small/policy/policy.33": "binary", "/etc/selinux/semanage.conf": "a=b"}
    compiled = {"/etc/selinux/small/contexts/files/file_contexts.bin": "compiled"}
    assert loaded(repo, {**policies.files(), **beside, **compiled}).key == labels.key
    others = [
        policies.files(f"{policies.CONTEXTS}/usr/x system_u:object_r:x_t:s0\n"),
        policies.files(local="/usr/x system_u:object_r:x_t:s0\n"),
        policies.files(subs="/opt /usr\n"),
    ]
    assert len({labels.key, *(loaded(repo, other).key for other in others)}) == 4
    assert labels == loaded(repo, policies.files())


def test_threads_get_the_same_answers(repo: Repo) -> None:
    labels = loaded(repo, policies.files())
    places = [f"/usr/{where}/{n}.so".encode() for where in ("bin", "lib") for n in range(200)]
    alone = [labels.xattrs(place, FILE) for place in places]
    fresh = Policy(labels.key, repo.path.parent / "cache/policy" / labels.key)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda place: fresh.xattrs(place, FILE), places)) == alone


def test_what_is_copied_out_is_copied_once_and_can_be_dropped(repo: Repo) -> None:
    cache = repo.path.parent / "cache"
    labels = loaded(repo, policies.files())
    (kept,) = (cache / "policy").iterdir()
    assert kept.name == labels.key
    before = kept.stat()
    loaded(repo, policies.files())
    assert kept.stat() == before
    drop_copies(cache)
    assert not (cache / "policy").exists()
    assert loaded(repo, policies.files()).xattrs(b"/usr/bin/a", FILE) == xattr("bin_t")


def test_the_paths_that_labels_come_from_are_known_by_the_policys_name() -> None:
    assert paths_of("small")[:2] == (
        "/usr/etc/selinux/config",
        "/usr/etc/selinux/small/contexts/files/file_contexts",
    )
