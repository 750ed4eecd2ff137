# SPDX-License-Identifier: LGPL-2.1-or-later
"""Names of owners against the user database of a tree."""

import pytest

from layering.errors import UnknownOwnerError
from layering.owners import NumberedPath, OwnedPath, UserDatabase

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
# a comment: with: 3
daemon:x:2:2::/:/sbin/nologin
+::::::
games:x:12:100:games:/usr/games:/sbin/nologin
broken line
"""
ALTFILES = "games:x:99:99::/:\nstraced:x:990:988::/:\n"
GROUP = "root:x:0:\nmail:x:12:jane,bob\nstraced:x:988:\n"


def owned(user: str, group: str, path: bytes = b"/usr/bin/x") -> OwnedPath:
    return OwnedPath(path=path, user=user, group=group, mode=0o4755, capabilities="cap_net_raw=ep")


def test_names_become_the_numbers_of_the_tree() -> None:
    database = UserDatabase.parse([PASSWD, ALTFILES], [GROUP])
    assert database.resolve([owned("straced", "mail"), owned("root", "root")], "x-1-1") == (
        NumberedPath(
            path=b"/usr/bin/x", uid=990, gid=12, mode=0o4755, capabilities="cap_net_raw=ep"
        ),
        NumberedPath(path=b"/usr/bin/x", uid=0, gid=0, mode=0o4755, capabilities="cap_net_raw=ep"),
    )


def test_the_first_file_that_names_one_counts() -> None:
    database = UserDatabase.parse([PASSWD, ALTFILES], [GROUP])
    assert database.users == {"root": 0, "daemon": 2, "games": 12, "straced": 990}


def test_root_is_known_without_a_database() -> None:
    (path,) = UserDatabase.parse([], []).resolve([owned("root", "root")], "x-1-1")
    assert (path.uid, path.gid) == (0, 0)


def test_an_unknown_user_is_an_error_that_names_file_and_package() -> None:
    database = UserDatabase.parse([PASSWD], [GROUP])
    with pytest.raises(UnknownOwnerError) as caught:
        database.resolve([owned("straced", "mail", b"/usr/bin/\xffx")], "x-1-1.noarch")
    message = r"unknown user straced: owner of /usr/bin/\xffx of x-1-1.noarch"
    assert str(caught.value) == message


def test_an_unknown_group_is_an_error_that_names_file_and_package() -> None:
    database = UserDatabase.parse([PASSWD], [GROUP])
    with pytest.raises(UnknownOwnerError) as caught:
        database.resolve([owned("daemon", "wheel")], "x-1-1.noarch")
    assert str(caught.value) == "unknown group wheel: owner of /usr/bin/x of x-1-1.noarch"


@pytest.mark.parametrize("separator", ["\u2028", "\x85", "\x0b", "\x0c", "\x1e", "\r"])
def test_only_a_line_feed_ends_a_line(separator: str) -> None:
    text = f"jane:x:7:7:{separator}root2:x:0:0::/:/bin/sh\n"
    assert UserDatabase.parse([text], [text]) == UserDatabase(users={"jane": 7}, groups={"jane": 7})
