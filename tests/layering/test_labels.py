# SPDX-License-Identifier: LGPL-2.1-or-later
import pytest

from layering.labels import UNLABELLED, label_of, live_place, with_label

LABEL = ((b"security.selinux", b"system_u:object_r:bin_t:s0\0"),)


@pytest.mark.parametrize(
    ("place", "live"),
    [
        (b"/usr/etc/passwd", b"/etc/passwd"),
        (b"/usr/etc", b"/etc"),
        (b"/usr/etcetera", b"/usr/etcetera"),
        (b"/usr/bin/sh", b"/usr/bin/sh"),
        (b"/", b"/"),
    ],
)
def test_a_file_below_usr_etc_is_known_by_its_place_in_etc(place: bytes, live: bytes) -> None:
    assert live_place(place) == live


def test_without_a_policy_there_are_no_labels() -> None:
    assert UNLABELLED.xattrs(b"/usr/bin/sh", 0o100755) == ()
    assert UNLABELLED.key == ""


def test_a_label_takes_the_place_of_another_and_of_nothing_else() -> None:
    others = ((b"security.capability", b"\1"), (b"user.a", b"1"))
    old = (others[0], (b"security.selinux", b"old\0"), others[1])
    assert with_label(old, LABEL) == (others[0], *LABEL, others[1])
    assert with_label(others, LABEL) == (others[0], *LABEL, others[1])
    assert with_label(old, ()) == others


def test_the_label_is_found_among_other_attributes() -> None:
    assert label_of(((b"security.capability", b"\1"), *LABEL)) == LABEL
    assert label_of(((b"user.a", b"1"),)) == ()
