# SPDX-License-Identifier: LGPL-2.1-or-later
from pathlib import Path

import pytest

from layering.treefile import AddedFile, Treefile, TreefileError, read_treefile

WHOLE = """
ref: base/minimal
repos: [base, updates]
packages:
  - bash coreutils
  - strace
exclude-packages: [nano]
releasever: 1
recommends: false
units: [a.service b.service]
default-target: multi-user.target
selinux: true
initramfs-args: [--no-hostonly]
remove-files: [usr/share/doc]
postprocess:
  - |
    echo one two
automatic-version-prefix: "1.10"
add-files: [[motd, /etc/motd]]
add-commit-metadata: {team: base, build: 7}
"""
LEAST = "ref: r\nrepos: [base]\npackages: [bash]\n"


def write(directory: Path, text: str, name: str = "tree.yaml") -> Path:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    """What is said of a treefile, after its name."""
    with pytest.raises(TreefileError) as caught:
        read_treefile(path)
    return str(caught.value).replace(str(path.parent), "DIR").removeprefix("treefile DIR/")


def test_every_key_is_read(tmp_path: Path) -> None:
    write(tmp_path, "hello", "motd")
    assert read_treefile(write(tmp_path, WHOLE)) == Treefile(
        ref="base/minimal",
        repos=("base", "updates"),
        packages=("bash", "coreutils", "strace"),
        exclude_packages=("nano",),
        releasever="1",
        recommends=False,
        units=("a.service", "b.service"),
        default_target="multi-user.target",
        selinux=True,
        initramfs_args=("--no-hostonly",),
        remove_files=("usr/share/doc",),
        add_files=(AddedFile(source=tmp_path / "motd", target="/etc/motd"),),
        postprocess=("echo one two\n",),
        automatic_version_prefix="1.10",
        add_commit_metadata={"team": "base", "build": "7"},
    )


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    tree = read_treefile(write(tmp_path, LEAST))
    assert tree == Treefile(ref="r", repos=("base",), packages=("bash",))
    assert (tree.recommends, tree.releasever, tree.units) == (True, "", ())


def test_included_lists_come_first_and_single_values_give_way(tmp_path: Path) -> None:
    below = tmp_path / "below"
    below.mkdir()
    write(below, "text", "file")
    write(
        below,
        "packages: [a, b]\nrecommends: false\nreleasever: 1\nadd-files: [[file, /usr/f]]\n"
        "add-commit-metadata: {x: 1, y: 1}\n",
    )
    write(tmp_path, "packages: [c]\nunits: [u]\n", "other.yaml")
    text = (
        "include: [below/tree.yaml, other.yaml]\nref: r\nrepos: [base]\npackages: [b, d]\n"
        "recommends: true\nadd-commit-metadata: {y: 2}\n"
    )
    tree = read_treefile(write(tmp_path, text))
    assert tree == Treefile(
        ref="r",
        repos=("base",),
        packages=("a", "b", "c", "d"),
        recommends=True,  # said, though it is the default
        releasever="1",
        units=("u",),
        add_files=(AddedFile(source=below / "file", target="/usr/f"),),
        add_commit_metadata={"x": "1", "y": "2"},
    )


def test_a_file_may_be_included_twice_but_never_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "packages: [x]\n", "common.yaml")
    write(tmp_path, "include: common.yaml\nunits: [u]\n", "left.yaml")
    tree = write(tmp_path, f"include: [left.yaml, common.yaml]\n{LEAST}")
    assert read_treefile(tree).packages == ("x", "bash")
    write(tmp_path, "include: tree.yaml\n", "common.yaml")
    with pytest.raises(TreefileError) as caught:
        read_treefile(tree)
    assert str(caught.value) == f"treefile {tmp_path}/tree.yaml: includes itself"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ref: r\nrepos: [b]\n", "has no 'packages'"),
        ("ref: r\npackages: [b]\n", "has no 'repos'"),
        ("repos: [b]\npackages: [b]\n", "has no 'ref'"),
        ("", "is not a mapping of keys to values"),
        ("[a]", "is not a mapping of keys to values"),
        (f"{LEAST}boot-location: new\n", "unknown key 'boot-location'"),
        (f"{LEAST}7: new\n", "unknown key '7'"),
        (f"{LEAST}units: one\n", "'units' is not a list"),
        (f"{LEAST}units:\n", "'units' is not a list"),
        (f"{LEAST}units: [[a]]\n", "'units' has ['a'], which is not a text: quote it"),
        (f"{LEAST}units: [yes]\n", "'units' has True, which is not a text: quote it"),
        (f"{LEAST}releasever: 1.10\n", "'releasever' has 1.1, which is not a text: quote it"),
        (f"{LEAST}recommends: 1\n", "'recommends' is neither true nor false"),
        (f"{LEAST}selinux: 1\n", "'selinux' is neither true nor false"),
        (f"{LEAST}add-commit-metadata: [a]\n", "'add-commit-metadata' is not a mapping"),
        (
            f"{LEAST}add-commit-metadata: {{a: [b]}}\n",
            "'add-commit-metadata' has ['b'], which is not a text: quote it",
        ),
        (f"{LEAST}add-files: [a]\n", "'add-files' is not a list of pairs [source, target]"),
        (f"{LEAST}add-files: x\n", "'add-files' is not a list of pairs [source, target]"),
        (
            f"{LEAST}add-files: [[a, ../x]]\n",
            "'add-files' target is not in /usr or /etc: '../x'",
        ),
        (
            f"{LEAST}add-files: [[a, usr/../../x]]\n",
            "'add-files' target is not in /usr or /etc: 'usr/../../x'",
        ),
        (
            f"{LEAST}add-files: [[a, /var/x]]\n",
            "'add-files' target is not in /usr or /etc: '/var/x'",
        ),
        (f"{LEAST}add-files: [[a, /usr]]\n", "'add-files' target is not in /usr or /etc: '/usr'"),
        (f"{LEAST}add-files: [[a, /usr/x]]\n", "'add-files' names no file: DIR/a"),
        (f"{LEAST}include: 5\n", "'include' is not a list"),
        (LEAST.replace("ref: r", "ref: /r"), "'ref' is no name of a ref: '/r'"),
        (LEAST.replace("ref: r", "ref: 'a b'"), "'ref' is no name of a ref: 'a b'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    assert complaint(write(tmp_path, text)) == f"tree.yaml: {said}"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    said = "cannot be read: no such file or directory"
    assert complaint(tmp_path / "tree.yaml") == f"tree.yaml: {said}"
    tree = write(tmp_path, f"include: gone.yaml\n{LEAST}")
    assert complaint(tree) == f"gone.yaml: {said}"
    tree.write_bytes(b"ref: \xff")
    assert complaint(tree) == "tree.yaml: cannot be read: it is not UTF-8"


def test_text_that_is_no_yaml_says_where(tmp_path: Path) -> None:
    said = complaint(write(tmp_path, "ref: [\n"))
    assert said.startswith("tree.yaml: is not YAML: while parsing a flow")
    assert "line 2" in said and "\n" not in said
