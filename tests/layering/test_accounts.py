# SPDX-License-Identifier: LGPL-2.1-or-later
"""Accounts as passwd, group and the record say them."""

from hypothesis import given
from hypothesis import strategies as st

from layering.accounts import (
    Accounts,
    Group,
    User,
    added,
    clashes,
    parse_accounts,
    parse_record,
    record_text,
)

PASSWD = """\
root:x:0:0:Super User:/root:/bin/bash
# a comment: with: 3
+::::::
redis:x:456:456:Redis "5%" \\ server:/var/lib/redis:/usr/sbin/nologin
broken line
"""
GROUP = "root:x:0:\nvideo:x:44:redis,ghost\nredis:x:456:\n+:::\n"
SHADOW = "root:*:20000:0:99999:7:::\nredis:!*:20454:::::1:\n"
REDIS = User(
    name="redis",
    uid=456,
    gid=456,
    gecos='Redis "5%" \\ server',
    home="/var/lib/redis",
    locked=True,
)
ROOT = User(name="root", uid=0, gid=0, gecos="Super User", home="/root", shell="/bin/bash")


def test_lines_that_are_no_accounts_are_passed_over() -> None:
    assert parse_accounts(PASSWD, GROUP, SHADOW) == Accounts(
        users=(ROOT, REDIS),
        groups=(
            Group(name="root", gid=0),
            Group(name="video", gid=44),
            Group(name="redis", gid=456),
        ),
        members=(("redis", "video"), ("ghost", "video")),
    )


def test_what_came_is_told_by_name_and_members_that_are_no_users_are_not() -> None:
    before = parse_accounts("root:x:0:0::/:/bin/sh\n", "root:x:0:\nvideo:x:44:\n")
    assert added(before, parse_accounts(PASSWD, GROUP, SHADOW)) == Accounts(
        users=(REDIS,), groups=(Group(name="redis", gid=456),), members=(("redis", "video"),)
    )


def test_the_record_is_written_as_sysusers_reads_it() -> None:
    new = Accounts(
        users=(REDIS, User(name="worker", uid=501, gid=44, home="/var/lib/my worker")),
        groups=(Group(name="redis", gid=456),),
        members=(("redis", "video"),),
    )
    assert record_text(new) == (
        "# Accounts of layered packages, with the ids that their files have.\n"
        "g redis 456\n"
        'u! redis 456:456 "Redis \\"5%%\\" \\\\ server" /var/lib/redis /usr/sbin/nologin\n'
        'u worker 501:44 - "/var/lib/my worker" /usr/sbin/nologin\n'
        "m redis video\n"
    )


def test_a_record_that_the_base_has_is_kept_in_front() -> None:
    new = Accounts(groups=(Group(name="redis", gid=456),))
    assert record_text(new, kept="# base\ng old 5\n") == "# base\ng old 5\ng redis 456\n"


def test_a_name_that_sysusers_would_not_take_is_left_out() -> None:
    new = Accounts(
        users=(User(name="12", uid=5, gid=5),),
        groups=(Group(name="a b", gid=5), Group(name="good", gid=6)),
        members=(("good", "a b"),),
    )
    assert parse_record(record_text(new)) == Accounts(groups=(Group(name="good", gid=6),))


NAMES = st.from_regex(r"[a-z_][a-z0-9_-]{0,9}", fullmatch=True)
GECOS = st.text(st.characters(exclude_characters=":", exclude_categories=("C", "Z")), max_size=9)
PATHS = st.from_regex(r"(/[a-z %'\"\\]{1,5}){1,3}", fullmatch=True)
USERS = st.builds(
    User,
    name=NAMES,
    uid=st.integers(0, 70000),
    gid=st.integers(0, 70000),
    gecos=GECOS.map(lambda text: "" if text == "-" else text),
    home=PATHS,
    shell=PATHS,
    locked=st.booleans(),
)


@given(st.lists(USERS, max_size=3))
def test_a_record_says_what_it_was_made_from(users: list[User]) -> None:
    assert parse_record(record_text(Accounts(users=tuple(users)))).users == tuple(users)


def test_what_sysusers_would_refuse_is_left_to_its_defaults() -> None:
    odd = User(name="odd", uid=5, gid=5, gecos="\udcff", home="relative", shell="//bin/../sh")
    assert record_text(Accounts(users=(odd,))).splitlines()[1] == "u odd 5:5 - - /sh"


def test_lines_of_another_kind_are_none_of_the_record() -> None:
    text = 'u "unclosed\nr - 5-6\nu half 5\ng good 5\n\n# u no 5:5 - / /\nu x - - / /bin/sh\n'
    assert parse_record(text) == Accounts(groups=(Group(name="good", gid=5),))


RECORD = Accounts(users=(REDIS,), groups=(Group(name="redis", gid=456),))


def told(passwd: str, group: str = "") -> list[str]:
    return [str(clash) for clash in clashes(RECORD, passwd, group)]


def test_a_host_with_the_same_ids_or_none_clashes_with_nothing() -> None:
    assert told("") == []
    assert told("root:x:0:0::/:\nredis:x:456:456::/:/bin/false\n", "redis:x:456:\n") == []


def test_the_same_name_with_another_id_is_told_with_what_to_do() -> None:
    assert told("redis:x:977:976::/:/bin/false\n", "redis:x:976:\n") == [
        "user redis has the uid 977 on this host, and its files in the new tree have 456: after "
        "the boot run `usermod --uid 456 redis`, and give it what it has in /var",
        "group redis has the gid 976 on this host, and its files in the new tree have 456: after "
        "the boot run `groupmod --gid 456 redis`, and give it what it has in /var",
    ]


def test_another_name_with_the_id_is_told_with_what_to_do() -> None:
    assert told("bob:x:456:100::/:/bin/false\n", "") == [
        "the uid 456 of user redis in the new tree is that of user bob on this host, who would own "
        "its files: before the boot give bob another one, with `usermod --uid NUMBER bob`"
    ]
