# SPDX-License-Identifier: LGPL-2.1-or-later
"""Ids for users and groups that were to get just any: a function of the name, the same everywhere.

Whatever allocates ids takes the next free one, so that each depends on what else is installed. In a
layered tree it takes one of a pool that nobody else uses (systemd's table has it as unused), which
tells it from an id that the package asks for; then the name decides. The stable ids lie where
allocators, which count down from 999, come last, and no distribution has fixed ones.

Two layered names may want one id: then the one that sorts first has it, on every host alike, and
the other moves for as long as both are there. With ten accounts that happens on one set in
fourteen. https://systemd.io/UIDS-GIDS/
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from layering.accounts import Accounts, added
from layering.errors import LayeringError

POOL = range(60706, 61184)
STABLE = range(300, 900)

# For systemd-sysusers, in a file that only the sandbox has: whoever starts it there reads it.
POOL_CONFIG_PATH = "/run/sysusers.d/overlay-ids.conf"
POOL_CONFIG = f"r - {POOL[0]}-{POOL[-1]}\n"

_HALF = POOL[len(POOL) // 2]
_SETTINGS = """\
SYS_{0}_MIN {1}
SYS_{0}_MAX {2}
{0}_MIN {3}
{0}_MAX {4}
"""
# For useradd and groupadd, in login.defs: system accounts are given downwards, others upwards.
POOL_LOGIN_DEFS = (
    "\n# only while this tree is made: overlay numbers new accounts itself\n"
    + "".join(
        _SETTINGS.format(kind, POOL[0], _HALF - 1, _HALF, POOL[-1]) for kind in ("UID", "GID")
    )
)

_TRIES = 16  # by the name's own order; what is free comes after them


class NoFreeIdError(LayeringError):
    """Every id that a layered account could have is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no id between {STABLE[0]} and {STABLE[-1]} is free: account {name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Renumbering:
    """New ids by the old ones."""

    users: Mapping[int, int]
    groups: Mapping[int, int]

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)


def candidates(name: str) -> Iterator[int]:
    """Yields the ids that an account of this name may have, the one it has by rights first."""
    for attempt in range(_TRIES):
        digest = hashlib.sha256(f"{attempt}:{name}".encode("utf-8", "surrogateescape")).digest()
        yield STABLE[int.from_bytes(digest[:8], "big") % len(STABLE)]
    yield from STABLE


def stable_ids(before: Accounts, now: Accounts) -> Renumbering:
    """Returns stable ids for what `now` has beyond `before` with ids of the pool.

    Ids that are not of the pool were asked for, and stay. A user and the group of its name have
    the same id.

    Raises:
        NoFreeIdError: there are more accounts than ids.
    """
    new = added(before, now)
    # An id may be given to several users on purpose: the first name stands for all.
    users = {user.uid: user.name for user in reversed(new.users) if user.uid in POOL}
    groups = {group.gid: group.name for group in reversed(new.groups) if group.gid in POOL}
    uids = {user.uid for user in (*before.users, *now.users)}
    gids = {group.gid for group in (*before.groups, *now.groups)}
    gids |= {user.gid for user in (*before.users, *now.users)}
    fixed = {group.name: group.gid for group in now.groups if group.gid not in POOL}
    given: dict[str, int] = {}
    taken = uids | gids
    for name in sorted({*users.values(), *groups.values()}):
        twin = fixed.get(name)
        if twin is None or twin in uids or twin in given.values():
            twin = next((number for number in candidates(name) if number not in taken), None)
        if twin is None:
            raise NoFreeIdError(name)
        given[name] = twin
        taken.add(twin)
    return Renumbering(
        users={old: given[name] for old, name in sorted(users.items())},
        groups={old: given[name] for old, name in sorted(groups.items())},
    )
