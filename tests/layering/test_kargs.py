# SPDX-License-Identifier: LGPL-2.1-or-later
"""Edits to kernel arguments, judged by libostree's own functions for them."""

import ctypes
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layering.kargs import EditKind, KargEdit, KargError, edited

PRESENT = ("root=UUID=12", "quiet", "console=tty0", "console=ttyS0", 'dyndbg="file x +p"')


def edit(kind: str, text: str) -> KargEdit:
    return KargEdit(kind=EditKind(kind), text=text)


def after(present: Sequence[str], *edits: tuple[str, str]) -> tuple[str, ...]:
    return edited(present, [edit(*each) for each in edits])


@pytest.mark.parametrize(
    ("kind", "text", "following"),
    [
        ("append", "console=hvc0", (*PRESENT, "console=hvc0")),
        ("append", "quiet", (*PRESENT, "quiet")),
        ("append", 'x="a b"', (*PRESENT, 'x="a b"')),
        ("append-if-missing", "quiet", PRESENT),
        ("append-if-missing", "console=hvc0", (*PRESENT, "console=hvc0")),
        ("append-if-missing", "console", (*PRESENT, "console")),
        ("delete", "quiet", (PRESENT[0], *PRESENT[2:])),
        ("delete", "root", PRESENT[1:]),
        ("delete", "root=UUID=12", PRESENT[1:]),
        ("delete", "console=tty0", (*PRESENT[:2], *PRESENT[3:])),
        ("delete", 'dyndbg="file x +p"', PRESENT[:4]),
        ("delete-if-present", "quiet", (PRESENT[0], *PRESENT[2:])),
        ("delete-if-present", "console=hvc0", PRESENT),
        ("delete-if-present", "nosuch", PRESENT),
        ("replace", "quiet=1", (PRESENT[0], "quiet=1", *PRESENT[2:])),
        ("replace", "console=tty0=tty1", (*PRESENT[:2], "console=tty1", *PRESENT[3:])),
        ("replace", "root=UUID=12=LABEL=x", ("root=LABEL=x", *PRESENT[1:])),
        ("replace", "root", ("root", *PRESENT[1:])),
    ],
)
def test_an_edit_gives(kind: str, text: str, following: tuple[str, ...]) -> None:
    assert after(PRESENT, (kind, text)) == following


def test_edits_are_made_one_after_the_other() -> None:
    assert after(
        ("a=1",), ("append", "a=2"), ("delete", "a=1"), ("replace", "a=3"), ("append", "b")
    ) == ("a=3", "b")


def test_a_bare_key_means_the_argument_without_a_value_if_there_is_one() -> None:
    assert after(("a=1", "a", "a=2"), ("delete", "a")) == ("a=1", "a=2")


@pytest.mark.parametrize(
    ("kind", "text", "said", "hints"),
    [
        ("delete", "nosuch", "no kernel argument 'nosuch'", ["'overlay kargs' shows them"]),
        (
            "delete",
            "root=UUID=13",
            "no kernel argument 'root=UUID=13': there is root=UUID=12",
            ["'overlay kargs' shows them"],
        ),
        (
            "delete",
            "console",
            "kernel argument 'console' is there several times: console=tty0, console=ttyS0",
            ["say which: --delete console=tty0"],
        ),
        (
            "delete-if-present",
            "console",
            "kernel argument 'console' is there several times: console=tty0, console=ttyS0",
            ["say which: --delete-if-present console=tty0"],
        ),
        ("replace", "nosuch=1", "no kernel argument 'nosuch'", ["'overlay kargs' shows them"]),
        (
            "replace",
            "console=hvc0",
            "kernel argument 'console' is there several times: console=tty0, console=ttyS0",
            ["say which: --replace console=tty0=NEW"],
        ),
        (
            "replace",
            "root=LABEL=x",
            "no kernel argument 'root=LABEL': there is root=UUID=12",
            [
                "'overlay kargs' shows them",
                "to give root=UUID=12 another value: --replace root=UUID=12=NEW",
            ],
        ),
        ("append", "", "a kernel argument needs a name: '--append '", []),
        ("append", "=x", "a kernel argument needs a name: '--append =x'", []),
        ("append", 'x="a b', "a quote is not closed: kernel argument 'x=\"a b'", []),
        (
            "append",
            "x=a b",
            "a kernel argument with a space needs double quotes around it: 'x=a b'",
            ["write --append 'x=\"a b\"'"],
        ),
        (
            "append",
            "a b",
            "a kernel argument with a space needs double quotes around it: 'a b'",
            ["give the option once for each argument"],
        ),
    ],
)
def test_what_cannot_be_done_is_said(kind: str, text: str, said: str, hints: list[str]) -> None:
    with pytest.raises(KargError) as caught:
        after(PRESENT, (kind, text))
    assert (str(caught.value), getattr(caught.value, "__notes__", [])) == (said, hints)


def test_a_key_without_values_several_times_has_no_hint_that_would_not_help() -> None:
    with pytest.raises(KargError) as caught:
        after(("a", "a"), ("replace", "a=1"))
    assert str(caught.value) == "kernel argument 'a' is there several times: a, a"
    assert not hasattr(caught.value, "__notes__")


ARGUMENT = st.builds(
    lambda key, value: key if value is None else f"{key}={value}",
    st.sampled_from(["a", "b", "root"]),
    st.none() | st.sampled_from(["", "1", "2", "x=1", '"p q"', "1=2"]),
)
ARGUMENTS = st.lists(ARGUMENT, max_size=6)


@given(ARGUMENTS, ARGUMENT)
def test_append_then_delete_gives_the_same_arguments_back(present: list[str], text: str) -> None:
    # The first of its equals goes, and the appended one stays for it.
    following = after(present, ("append", text), ("delete", text))
    assert sorted(following) == sorted(present)
    if text not in present:
        assert list(following) == present


@given(ARGUMENTS, ARGUMENT)
def test_an_argument_is_appended_if_missing_only_if_its_equal_is(
    present: list[str], text: str
) -> None:
    expected = present if text in present else [*present, text]
    assert list(after(present, ("append-if-missing", text))) == expected


@given(ARGUMENTS, st.sampled_from(["append", "delete", "replace"]), ARGUMENT)
def test_where_libostree_succeeds_the_result_is_libostrees(
    present: list[str], kind: str, text: str
) -> None:
    judged = libostree_edited(present, kind, text)
    if judged is not None:
        assert after(present, (kind, text)) == judged
    elif kind == "delete":
        with pytest.raises(KargError):
            after(present, (kind, text))


# libostree's functions, which its introspection leaves out.

_FUNCTIONS = {"append": "append", "delete": "delete", "replace": "new_replace"}


def libostree() -> ctypes.CDLL:
    library = ctypes.CDLL("libostree-1.so.1")
    library.ostree_kernel_args_from_string.restype = ctypes.c_void_p
    library.ostree_kernel_args_to_strv.restype = ctypes.POINTER(ctypes.c_char_p)
    return library


def libostree_edited(present: Sequence[str], kind: str, text: str) -> tuple[str, ...] | None:
    """The arguments after an edit by libostree; None if it refuses."""
    library = libostree()
    handle = ctypes.c_void_p(library.ostree_kernel_args_from_string(" ".join(present).encode()))
    function = getattr(library, f"ostree_kernel_args_{_FUNCTIONS[kind]}")
    done = function(handle, text.encode(), None)
    if kind != "append" and not done:
        return None
    found = library.ostree_kernel_args_to_strv(handle)
    following: list[str] = []
    while found[len(following)] is not None:
        following.append(found[len(following)].decode())
    return tuple(following)


@pytest.mark.parametrize("text", ["a\nb", 'a="x\ny"', "esc\x1b[31m"])
def test_what_would_break_a_boot_entry_is_refused(text: str) -> None:
    with pytest.raises(KargError) as caught:
        edited(("quiet",), [KargEdit(kind=EditKind.APPEND, text=text)])
    assert str(caught.value) == f"a control character cannot stand in a kernel argument: {text!r}"


def test_what_libostree_sets_itself_is_left_to_it() -> None:
    with pytest.raises(KargError) as caught:
        edited(("quiet",), [KargEdit(kind=EditKind.APPEND, text="ostree=/foo")])
    assert str(caught.value) == (
        "libostree itself sets 'ostree=' for each deployment: '--append ostree=/foo'"
    )
