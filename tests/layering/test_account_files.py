# SPDX-License-Identifier: LGPL-2.1-or-later
"""The texts of passwd and its kin."""

from layering.account_files import Database, combined, renumbered, settled, split
from layering.account_ids import Renumbering

BEFORE = Database(
    passwd="root:x:0:0::/root:/bin/sh\n\nnobody:x:65534:65534::/:/bin/false\n+::::::\n",
    group="root:x:0:\nvideo:x:44:zoe,bob\n",
    shadow="root:*:20000:0:99999:7:::\n",
    gshadow="root:*::\nvideo:*::zoe,bob\n",
)


def test_etc_goes_before_lib() -> None:
    assert combined("root:x:0:\nsudo:x:27:me\n", "root:x:0:x\nbin:x:1:\n") == (
        "root:x:0:\nsudo:x:27:me\nbin:x:1:\n"
    )


def test_ids_are_replaced_where_they_are_ids() -> None:
    database = Database(
        passwd="a:x:60999:60998:60999:/60999:/bin/sh\nb:x:60998:5::/:\n+::60999::::\n",
        group="a:x:60998:60999\n",
        shadow="a:!:60999::::::\n",
    )
    numbers = Renumbering(users={60999: 301}, groups={60998: 302})
    assert renumbered(database, numbers) == Database(
        passwd="a:x:301:302:60999:/60999:/bin/sh\nb:x:60998:5::/:\n+::301::::\n",
        group="a:x:302:60999\n",
        shadow="a:!:60999::::::\n",
    )


def test_a_database_that_nobody_changed_stays_as_it_is_to_the_byte() -> None:
    assert settled(BEFORE, BEFORE) == BEFORE


def test_new_accounts_come_sorted_behind_those_of_the_base_and_before_nis() -> None:
    now = Database(
        passwd="root:x:0:0::/root:/bin/zsh\nnobody:x:65534:65534::/:/bin/false\n"
        "redis:x:5:5::/:\nalso:x:6:6::/:\n+::::::\n",
        group="root:x:0:\nredis:x:5:\nvideo:x:44:zoe,bob,redis,also\n",
        shadow="root:*:20000:0:99999:7:::\nredis:!:20454::99999:7:::\nalso:!*:20454:::::1:\n",
        gshadow="root:*::\nvideo:*::redis,zoe,bob,also\nredis:!::\n",
    )
    assert settled(BEFORE, now) == Database(
        passwd="root:x:0:0::/root:/bin/zsh\nnobody:x:65534:65534::/:/bin/false\n"
        "also:x:6:6::/:\nredis:x:5:5::/:\n+::::::\n",
        group="root:x:0:\nvideo:x:44:zoe,bob,also,redis\nredis:x:5:\n",
        shadow="root:*:20000:0:99999:7:::\nalso:!*::::::1:\nredis:!:::99999:7:::\n",
        gshadow="root:*::\nvideo:*::zoe,bob,also,redis\nredis:!::\n",
    )


def test_settling_twice_is_settling_once() -> None:
    now = Database(passwd=BEFORE.passwd + "b:x:1:1::/:\na:x:2:2::/:\n", shadow="b:!:3:\na:!:4:\n")
    once = settled(BEFORE, now)
    assert settled(BEFORE, once) == once


def test_with_altfiles_each_account_stays_where_it_was_and_new_ones_go_to_lib() -> None:
    etc = Database(
        passwd="root:x:0:0::/root:/bin/sh\n",
        group="root:x:0:\nsudo:x:27:\n",
        shadow="root:*:20000::\n",
        gshadow="root:*::\nsudo:*::\n",
    )
    lib = Database(
        passwd="root:x:0:0:root:/root:/bin/bash\nbin:x:1:1::/:\n",
        group="bin:x:1:\nroot:x:0:\nvideo:x:44:\n",
    )
    now = Database(
        passwd="root:x:0:0::/root:/bin/zsh\nbin:x:1:1::/:\nredis:x:301:301::/:\n",
        group="root:x:0:\nsudo:x:27:redis\nbin:x:1:\nvideo:x:44:redis\nredis:x:301:\n",
        shadow="root:!:20000::\nredis:!:::\n",
        gshadow="root:*::\nsudo:*::redis\nredis:!::\n",
    )
    places = split(etc, lib, now)
    assert places.etc == Database(
        passwd="root:x:0:0::/root:/bin/zsh\n",
        group="root:x:0:\nsudo:x:27:redis\n",
        shadow="root:!:20000::\n",
        gshadow="root:*::\nsudo:*::redis\n",
    )
    assert places.lib == Database(
        passwd="root:x:0:0:root:/root:/bin/bash\nbin:x:1:1::/:\nredis:x:301:301::/:\n",
        group="bin:x:1:\nroot:x:0:\nvideo:x:44:redis\nredis:x:301:\n",
    )


def test_an_account_that_a_script_removed_is_in_neither_place() -> None:
    etc, lib = Database(passwd="root:x:0:0::/:\n"), Database(passwd="bin:x:1:1::/:\nx:x:2:2::/:\n")
    now = Database(passwd="root:x:0:0::/:\nx:x:2:2::/:\n")
    assert split(etc, lib, now).lib.passwd == "x:x:2:2::/:\n"
