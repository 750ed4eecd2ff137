# SPDX-License-Identifier: LGPL-2.1-or-later
import pytest

from layering._ostree import GLib, OSTree
from layering.refspec import Refspec, RefspecError

CHECKSUM = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "remote", "branch"),
    [
        ("fedora:fedora/44/x86_64/silverblue", "fedora", "fedora/44/x86_64/silverblue"),
        ("base/minimal", None, "base/minimal"),
        (":base/minimal", "", "base/minimal"),
        ("fedora:", "fedora", ""),
        ("my-remote_2.0:b", "my-remote_2.0", "b"),
    ],
)
def test_a_refspec_reads_as_it_is_written(text: str, remote: str | None, branch: str) -> None:
    refspec = Refspec.parse(text)
    assert refspec == Refspec(remote=remote, branch=branch)
    assert str(refspec) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "x y", "a:b:c", "a/b:c", "/a", "a/", "a//b", "../a", "a/.b", ".a:b", "a:b/"),
        *("ä", "-", "_", "a.b", "a/b.c/d-e_f", "9/8", "a:b c", "a;b", "a:b", "a-:b-"),
        *("-a:b", "a:-b", "a/-b", "_a:b", "a:_b", "a/_b", "a.:b.", "a:b..c", "a:b~c", "a:b^"),
    ],
)
def test_names_are_those_that_libostree_takes(text: str) -> None:
    try:
        OSTree.parse_refspec(text)
    except GLib.Error:
        with pytest.raises(RefspecError) as caught:
            Refspec.parse(text)
        assert str(caught.value) == f"not [REMOTE:]BRANCH: {text!r}"
    else:
        assert str(Refspec.parse(text)) == text


@pytest.mark.parametrize("text", ["a\n", "a:b\n", "a:b\0"])
def test_control_characters_are_in_no_name(text: str) -> None:
    with pytest.raises(RefspecError) as caught:
        Refspec.parse(text)
    assert str(caught.value) == f"not [REMOTE:]BRANCH: {text!r}"


def test_a_commit_is_no_branch() -> None:
    with pytest.raises(RefspecError) as caught:
        Refspec.parse(f"fedora:{CHECKSUM}")
    assert str(caught.value) == f"not [REMOTE:]BRANCH, but a commit: 'fedora:{CHECKSUM}'"
    assert caught.value.__notes__ == ["go to a commit of the branch with 'overlay deploy'"]


@pytest.mark.parametrize(
    ("text", "current", "meant"),
    [
        ("other:there", "world:here", "other:there"),
        ("there", "world:here", "world:there"),
        ("other:", "world:here", "other:here"),
        (":there", "world:here", "there"),
        ("there", "here", "there"),
        ("there", None, "there"),
        ("other:there", CHECKSUM, "other:there"),
    ],
)
def test_what_is_left_out_stays(text: str, current: str | None, meant: str) -> None:
    assert str(Refspec.parse_against(text, current)) == meant


@pytest.mark.parametrize("current", [None, CHECKSUM])
def test_a_remote_alone_needs_a_branch_to_keep(current: str | None) -> None:
    with pytest.raises(RefspecError) as caught:
        Refspec.parse_against("other:", current)
    assert str(caught.value) == "no branch is followed, and none is named: 'other:'"
