# SPDX-License-Identifier: LGPL-2.1-or-later
"""`compose tree`: from a treefile and a repository to a commit."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from layering.cli import main
from layering.dirtree import FileNode, find, walk
from layering.metadata_read import is_layered, read
from layering.repo import Repo
from tests import policies
from tests.cli.conftest import Ended
from tests.rpms import File, Spec, build_rpm, make_repo
from tests.selinux import FileContexts, labels_on_disk
from tests.sysroots import run

pytestmark = pytest.mark.root

TREE = "ref: test/tree\nrepos: [tests]\npackages: [app]\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """A build server's directory."""

    directory: Path
    repository: Path
    capsys: pytest.CaptureFixture[str]

    @property
    def repo(self) -> Repo:
        return Repo.open(self.directory / "repo")

    def compose(self, text: str, *options: str, repository: Path | None = None) -> Ended:
        file = self.directory / "tree.yaml"
        file.write_text(text)
        words = ["--progress=none", "compose", "tree", f"--repo={self.directory}/repo", str(file)]
        words += [f"--repofrompath=tests,{repository or self.repository}", *options]
        self.capsys.readouterr()
        status = main(words)
        out, err = self.capsys.readouterr()
        return Ended(status=status, out=out, err=err)

    def lines(self) -> list[str]:
        """The composed tree without its directories: a link with its target, a file its mode."""
        repo, found = self.repo, []
        for path, node in walk(repo.dirtree, repo.commit_of("test/tree").root_tree):
            if isinstance(node, FileNode):
                info = repo.file_info(node.checksum)
                found.append(f"{path} {info.target or oct(info.mode)}")
        return found

    def content(self, path: str) -> bytes:
        node = find(self.repo.dirtree, self.repo.commit_of("test/tree").root_tree, path)
        assert isinstance(node, FileNode)
        return b"".join(self.repo.file_chunks(node.checksum))


@pytest.fixture
def builder(scratch: Path, repository: Path, capsys: pytest.CaptureFixture[str]) -> Builder:
    return Builder(directory=scratch, repository=repository, capsys=capsys)


def test_a_tree_is_composed_and_the_second_time_found_unchanged(builder: Builder) -> None:
    ended = builder.compose(TREE)
    commit = builder.repo.resolve("test/tree")
    assert (ended.status, ended.out, ended.err) == (0, f"test/tree {commit}\n", "")
    again = json.loads(builder.compose(TREE, "--json").out)
    assert again == {
        "version": 1,
        "ref": "test/tree",
        "commit": commit,
        "unchanged": True,
        "packages": ["app-1-1.noarch", "extra-1-1.noarch", "lib-1-1.noarch"],
        "warnings": [],
    }
    run("ostree", "fsck", "-q", f"--repo={builder.directory}/repo")


def test_another_builder_makes_the_same_commit(builder: Builder, tmp_path: Path) -> None:
    builder.compose(TREE)
    other = Builder(directory=tmp_path, repository=builder.repository, capsys=builder.capsys)
    other.compose(TREE)
    assert other.repo.resolve("test/tree") == builder.repo.resolve("test/tree")


def test_the_tree_is_a_base_with_its_rpmdb_where_rpm_ostree_has_it(builder: Builder) -> None:
    builder.compose(TREE)
    commit = builder.repo.commit_of("test/tree")
    found = read(commit)
    assert (commit.parent, commit.timestamp, is_layered(commit)) == (None, 1_700_000_000, False)
    assert [str(nevra) for nevra in found.packages] == [
        "app-1-1.noarch",
        "extra-1-1.noarch",
        "lib-1-1.noarch",
    ]
    assert found.linux == ""
    links = {"/bin usr/bin", "/home var/home", "/usr/local ../var/usrlocal"}
    assert links <= set(builder.lines())
    databases = [
        builder.content("/usr/share/rpm/rpmdb.sqlite"),
        builder.content("/usr/lib/sysimage/rpm-ostree-base-db/rpmdb.sqlite"),
    ]
    assert databases[0] == databases[1]
    asked = builder.directory / "asked"
    asked.mkdir()
    (asked / "rpmdb.sqlite").write_bytes(databases[0])
    listed = run("rpm", "-qa", "--dbpath", str(asked)).split()
    assert sorted(listed) == ["app-1-1.noarch", "extra-1-1.noarch", "lib-1-1.noarch"]


def test_the_treefiles_own_wishes_are_in_the_tree(builder: Builder) -> None:
    (builder.directory / "motd").write_text("hello\n")
    (builder.directory / "script").write_text("#!/bin/sh\n")
    (builder.directory / "script").chmod(0o750)
    ended = builder.compose(
        f"{TREE}recommends: false\nexclude-packages: [tool]\nautomatic-version-prefix: '44'\n"
        "remove-files: [usr/lib/lib.so]\ndefault-target: multi-user.target\n"
        "add-files: [[motd, /etc/motd], [script, /usr/libexec/a/script]]\n"
        "add-commit-metadata: {team: base}\n"
    )
    assert ended.status == 0, ended.err
    lines = builder.lines()
    assert builder.content("/usr/etc/motd") == b"hello\n"
    assert {"/usr/etc/motd 0o644", "/usr/libexec/a/script 0o755"} <= set(lines)
    target = "/usr/etc/systemd/system/default.target"
    assert f"{target} /usr/lib/systemd/system/multi-user.target" in lines
    assert not [line for line in lines if "lib.so" in line or "extra" in line]
    commit = builder.repo.commit_of("test/tree")
    assert (commit.text("version"), commit.text("team")) == ("44", "base")


def test_the_version_is_the_releases(builder: Builder, tmp_path: Path) -> None:
    release = {"/usr/lib/os-release": File(content=b"VERSION_ID=7\n")}
    build_rpm(tmp_path, "release-1-1.noarch", Spec(files=release))
    make_repo(tmp_path)
    builder.compose(TREE.replace("[app]", "[release]"), repository=tmp_path)
    assert builder.repo.commit_of("test/tree").text("version") == "7"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            "remove-files: [/usr/none/x]\n",
            "remove-files: cannot remove /usr/none/x: No such file or directory",
        ),
        (
            "remove-files: [usr/../../../../etc]\n",
            "remove-files: cannot remove /usr/../../../../etc: Leads out of the tree",
        ),
        (
            "add-files: [[tree.yaml, /usr/bin/app/x]]\n",
            "add-files: cannot write /usr/bin/app/x: Not a directory",
        ),
    ],
)
def test_a_wish_that_cannot_be_met_is_named_and_nothing_is_committed(
    builder: Builder, more: str, said: str
) -> None:
    ended = builder.compose(f"{TREE}{more}")
    assert (ended.status, ended.err.splitlines()[0]) == (1, f"error: {said}")
    assert builder.repo.try_resolve("test/tree") is None


def test_an_unknown_package_and_a_broken_treefile_are_named(builder: Builder) -> None:
    ended = builder.compose(TREE.replace("app", "none"))
    assert ended.err.splitlines()[0] == "error: no package matches 'none'"
    ended = builder.compose(f"{TREE}boot: new\n")
    assert ended.err == f"error: treefile {builder.directory}/tree.yaml: unknown key 'boot'\n"


def test_a_repository_that_cannot_be_worked_in_is_named(builder: Builder) -> None:
    repo = builder.directory / "repo"
    run("ostree", "init", "--mode=archive", f"--repo={repo}")
    ended = builder.compose(TREE)
    assert ended.err == f"error: cannot work in a repository that is not of mode bare: {repo}\n"


HOST = {"file": b"host", "rpmdb.sqlite": b"host"}


@pytest.fixture
def outside(scratch: Path) -> Path:
    """A directory of the host that hostile packages aim at."""
    directory = scratch / "outside"
    directory.mkdir()
    for name, content in HOST.items():
        (directory / name).write_bytes(content)
    return directory


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/usr/share/rpm", ""),
        ("/usr/share", ""),
        ("/usr/share/rpm/rpmdb.sqlite", "file"),
        ("/usr/share/rpm/rpmdb.sqlite-wal", "file"),
        ("/usr/share/rpm/rpmdb.sqlite-journal", "new"),
        ("/usr/share/rpm/.rpm.lock", "new"),
        ("/usr/lib/tmpfiles.d", ""),
        ("/usr/lib/tmpfiles.d/overlay.conf", "file"),
        ("/usr/lib/sysimage", ""),
        ("/usr/lib/modules", ""),
    ],
)
def test_no_link_of_a_package_leads_the_composer_out_of_the_tree(
    builder: Builder, tmp_path: Path, outside: Path, path: str, target: str
) -> None:
    evil = {path: File(link=str(outside / target) if target else str(outside))}
    build_rpm(tmp_path, "evil-1-1.noarch", Spec(files=evil))
    make_repo(tmp_path)
    builder.compose(TREE.replace("app", "evil"), repository=tmp_path)
    assert {each.name: each.read_bytes() for each in outside.iterdir()} == HOST


@pytest.fixture
def labelling(tmp_path: Path) -> Path:
    """A repository with a package, and with one that brings a policy."""
    directory = tmp_path / "labelling"
    directory.mkdir()
    contents = {path: File(content=text.encode()) for path, text in policies.files().items()}
    build_rpm(directory, "policy-1-1.noarch", Spec(files=contents))
    programs = {
        "/usr/bin/greet": File(content=b"#!/bin/sh\n", mode=0o755),
        "/usr/bin/hello": File(link="greet"),
        "/etc/greet.conf": File(content=b"x", directives="%config"),
        "/usr/share/free/data": File(content=b"x"),
    }
    build_rpm(directory, "greet-1-1.noarch", Spec(files=programs))
    make_repo(directory)
    return directory


LABELLED = "ref: test/tree\nrepos: [tests]\npackages: [greet, policy]\nselinux: true\n"


def test_a_tree_is_labelled_by_the_policy_that_it_brings(builder: Builder, labelling: Path) -> None:
    ended = builder.compose(LABELLED, repository=labelling)
    assert (ended.status, ended.err) == (0, "")
    checkout = builder.directory / "checkout"
    builder.repo.checkout("test/tree", checkout)
    contexts = builder.directory / "file_contexts"
    contexts.write_text(policies.CONTEXTS)
    judge = FileContexts(contexts)
    found = list(labels_on_disk(checkout))
    assert [(path, label) for path, mode, label in found if label != judge.label(path, mode)] == []
    labels = {path: label for path, _mode, label in found}
    assert labels["/usr/bin/greet"] == "system_u:object_r:bin_t:s0"
    assert labels["/usr/share/rpm/rpmdb.sqlite"] == "system_u:object_r:usr_t:s0"
    assert (labels["/usr/share/free"], labels["/"]) == (None, "system_u:object_r:default_t:s0")
    run("ostree", "fsck", "-q", f"--repo={builder.directory}/repo")


def test_another_builder_labels_it_the_same(
    builder: Builder, labelling: Path, tmp_path: Path
) -> None:
    builder.compose(LABELLED, repository=labelling)
    other = Builder(directory=tmp_path, repository=labelling, capsys=builder.capsys)
    other.compose(LABELLED.replace("selinux: true\n", ""))  # layers are there, and not labelled
    other.compose(LABELLED)
    assert other.repo.resolve("test/tree") == builder.repo.resolve("test/tree")
    assert json.loads(other.compose(LABELLED, "--json").out)["unchanged"] is True


@pytest.mark.parametrize("packages", ["greet", "greet, policy"])
def test_without_being_asked_for_no_label_is_made(
    builder: Builder, labelling: Path, packages: str
) -> None:
    tree = LABELLED.replace("greet, policy", packages).replace("selinux: true\n", "")
    assert builder.compose(tree, repository=labelling).status == 0
    builder.repo.checkout("test/tree", builder.directory / "checkout")
    found = labels_on_disk(builder.directory / "checkout")
    assert [path for path, _mode, label in found if label is not None] == []


def test_labels_without_a_policy_are_an_error(builder: Builder, labelling: Path) -> None:
    ended = builder.compose(LABELLED.replace(", policy", ""), repository=labelling)
    assert (ended.status, ended.err) == (
        1,
        "error: 'selinux' is true, and no policy is enabled in /usr/etc/selinux/config\n",
    )
    assert builder.repo.refs("test") == {}
