# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ids that follow from names."""

import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layering.account_ids import POOL, STABLE, NoFreeIdError, candidates, stable_ids
from layering.accounts import Accounts, Group, User

BASE = Accounts(
    users=(User(name="root", uid=0, gid=0), User(name="bus", uid=991, gid=992)),
    groups=(Group(name="root", gid=0), Group(name="bus", gid=992)),
)
NAMES = st.sets(st.from_regex(r"[a-z_][a-z0-9_-]{0,9}", fullmatch=True), max_size=40)
NAMES = NAMES.map(lambda names: names - {"root", "bus"})


def with_users(base: Accounts, names: Mapping[str, int]) -> Accounts:
    """The base and users of these names and ids, each with a group of its own."""
    users = tuple(User(name=name, uid=number, gid=number) for name, number in names.items())
    groups = tuple(Group(name=name, gid=number) for name, number in names.items())
    return Accounts(users=(*base.users, *users), groups=(*base.groups, *groups))


def given_ids(names: Mapping[str, int], base: Accounts = BASE) -> dict[str, int]:
    """The id of each name, which its user and its group must share."""
    numbers = stable_ids(base, with_users(base, names))
    assert numbers.users == numbers.groups
    return {name: numbers.users.get(number, number) for name, number in names.items()}


def allocated(names: set[str], *, reverse: bool = False) -> dict[str, int]:
    """What an allocator gives to names that come one after the other."""
    return dict(zip(sorted(names, reverse=reverse), reversed(POOL), strict=False))


@given(NAMES)
def test_ids_are_a_function_of_the_names_and_not_of_the_order_they_came_in(
    names: set[str],
) -> None:
    assert given_ids(allocated(names)) == given_ids(allocated(names, reverse=True))


@given(NAMES)
def test_every_account_gets_an_id_of_its_own_that_nobody_else_allocates(names: set[str]) -> None:
    found = given_ids(allocated(names))
    assert found.keys() == names
    assert len(set(found.values())) == len(names)
    assert all(number in STABLE for number in found.values())


@given(NAMES, st.from_regex(r"[a-z_][a-z0-9_-]{0,9}", fullmatch=True))
def test_an_account_that_comes_moves_none_but_whom_it_collides_with(
    names: set[str], name: str
) -> None:
    every = names | {name}
    rights = {each: next(candidates(each)) for each in every}
    wanted = list(rights.values())
    alone = {each: right for each, right in rights.items() if wanted.count(right) == 1}
    if len(alone) == len(every):
        assert given_ids(allocated(every - {"root", "bus"})).items() <= rights.items()


@given(NAMES, st.sets(st.sampled_from(STABLE)))
def test_no_id_of_the_base_is_given_twice(names: set[str], taken: set[int]) -> None:
    base = with_users(BASE, {f"base.{number}": number for number in taken})
    assert not set(given_ids(allocated(names), base).values()) & taken


def test_two_names_that_want_one_id_are_told_apart_by_their_order() -> None:
    wanted: dict[int, str] = {}
    for number in range(1000):
        name = f"user{number:04}"
        first = wanted.setdefault(next(candidates(name)), name)
        if first != name:
            break
    found = given_ids(allocated({first, name}))
    assert found[first] == next(candidates(first))
    assert found[name] == list(candidates(name))[1]
    assert given_ids(allocated({name})) == {name: next(candidates(name))}


def test_ids_that_a_package_asks_for_stay() -> None:
    numbers = stable_ids(BASE, with_users(BASE, {"fixed": 751, "low": 123}))
    assert not numbers


def test_a_user_whose_group_has_a_fixed_id_gets_the_same_one() -> None:
    now = Accounts(
        users=(*BASE.users, User(name="case", uid=POOL[0], gid=751)),
        groups=(*BASE.groups, Group(name="case", gid=751)),
    )
    assert stable_ids(BASE, now).users == {POOL[0]: 751}


def test_users_who_share_an_id_on_purpose_still_share_one() -> None:
    now = Accounts(
        users=(
            *BASE.users,
            User(name="twin", uid=POOL[0], gid=0),
            User(name="other", uid=POOL[0], gid=0),
        ),
        groups=BASE.groups,
    )
    assert stable_ids(BASE, now).users == {POOL[0]: next(candidates("other"))}


def test_more_accounts_than_ids_are_an_error() -> None:
    base = with_users(BASE, {f"base{number}": number for number in STABLE})
    with pytest.raises(NoFreeIdError) as caught:
        given_ids(allocated({"redis"}), base)
    assert str(caught.value) == "no id between 300 and 899 is free: account redis"


def test_the_id_of_a_name_is_for_ever() -> None:
    # A change here moves accounts on every host: raise POLICY_VERSION, and say so.
    digest = hashlib.sha256(b"0:redis").hexdigest()
    assert next(candidates("redis")) == 300 + int(digest[:16], 16) % 600
