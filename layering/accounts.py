# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users and groups that layers bring: what they are, and the record that a tree keeps of them.

OSTree merges `/etc` three ways: a host whose `/etc/passwd` was changed (every one that has a user)
keeps its own, and lacks the accounts of the layers. The record is a sysusers.d file in the tree,
from which systemd-sysusers makes them at boot with the very ids that the tree's files have; it runs
at the first boot of each deployment, as libostree removes `/etc/.updated`. The record sorts first,
as the first line for a name wins: for an account that a package's own file leaves without an id,
systemd-sysusers notes in the journal that it ignores that line.
https://www.freedesktop.org/software/systemd/man/sysusers.d.html
https://github.com/ostreedev/ostree/pull/1631
"""

import posixpath
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

RECORD = "usr/lib/sysusers.d/00-overlay.conf"

_HEAD = "# Accounts of layered packages, with the ids that their files have.\n"
# What systemd takes for a name; a line with another would make systemd-sysusers fail.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,30}")


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """One line of passwd."""

    name: str
    uid: int
    gid: int
    gecos: str = ""
    home: str = "/"
    shell: str = "/usr/sbin/nologin"
    locked: bool = False  # expired since 1970, as `u!` in sysusers.d has it


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One line of group, without its members."""

    name: str
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Users, groups, and who is a member of which group beside the primary one."""

    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    members: tuple[tuple[str, str], ...] = ()  # user, group

    def __bool__(self) -> bool:
        return bool(self.users or self.groups or self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountClash:
    """An account of a tree that the host's own accounts are in the way of."""

    kind: str  # "user" or "group"
    name: str
    number: int  # in the tree
    host_name: str  # which has the number, or is the name with another one
    host_number: int

    def __str__(self) -> str:
        what, tool = ("uid", "usermod --uid") if self.kind == "user" else ("gid", "groupmod --gid")
        if self.host_name == self.name:
            return (
                f"{self.kind} {self.name} has the {what} {self.host_number} on this host, and its "
                f"files in the new tree have {self.number}: after the boot run "
                f"`{tool} {self.number} {self.name}`, and give it what it has in /var"
            )
        return (
            f"the {what} {self.number} of {self.kind} {self.name} in the new tree is that of "
            f"{self.kind} {self.host_name} on this host, who would own its files: before the boot "
            f"give {self.host_name} another one, with `{tool} NUMBER {self.host_name}`"
        )


def parse_accounts(passwd: str, group: str, shadow: str = "") -> Accounts:
    """Returns what texts of passwd, group and shadow say; lines that are none are passed over."""
    locked = {fields[0] for fields in _fields(shadow, 8) if fields[7] == "1"}
    users, groups, members = [], [], []
    for fields in _fields(passwd, 7):
        if _number(fields[2]) and _number(fields[3]):
            user = User(
                name=fields[0],
                uid=int(fields[2]),
                gid=int(fields[3]),
                gecos=fields[4],
                home=fields[5],
                shell=fields[6],
                locked=fields[0] in locked,
            )
            users.append(user)
    for fields in _fields(group, 4):
        if _number(fields[2]):
            groups.append(Group(name=fields[0], gid=int(fields[2])))
            members += [(user, fields[0]) for user in fields[3].split(",") if user]
    return Accounts(users=tuple(users), groups=tuple(groups), members=tuple(members))


def added(before: Accounts, now: Accounts) -> Accounts:
    """Returns the accounts that `before` has not, by name, and the memberships; sorted."""
    users = {user.name for user in before.users}
    groups = {group.name for group in before.groups}
    known = {user.name for user in now.users}
    return Accounts(
        users=_sorted_users(user for user in now.users if user.name not in users),
        groups=_sorted_groups(group for group in now.groups if group.name not in groups),
        members=tuple(
            sorted({pair for pair in now.members if pair[0] in known} - set(before.members))
        ),
    )


def record_text(accounts: Accounts, kept: str = "") -> str:
    """Returns the record of accounts, after the text of one that the base may have."""
    lines = [f"g {group.name} {group.gid}" for group in accounts.groups if _valid(group.name)]
    lines += [_user_line(user) for user in accounts.users if _valid(user.name)]
    lines += [f"m {user} {group}" for user, group in accounts.members if _valid(user, group)]
    return (kept or _HEAD) + "".join(f"{line}\n" for line in lines)


def parse_record(text: str) -> Accounts:
    """Returns the accounts of a record; lines that are not of its kind are passed over."""
    users, groups, members = [], [], []
    for line in text.split("\n"):
        try:
            words = [word.replace("%%", "%") for word in shlex.split(line)]
        except ValueError:  # an unclosed quote
            continue
        match words:
            case ["g", name, gid] if _number(gid):
                groups.append(Group(name=name, gid=int(gid)))
            case ["u" | "u!" as kind, name, ids, gecos, home, shell]:
                uid, _colon, gid = ids.partition(":")
                if _number(uid) and _number(gid):
                    user = User(
                        name=name,
                        uid=int(uid),
                        gid=int(gid),
                        gecos="" if gecos == "-" else gecos,
                        home="" if home == "-" else home,
                        shell="" if shell == "-" else shell,
                        locked=kind == "u!",
                    )
                    users.append(user)
            case ["m", user_name, group_name]:
                members.append((user_name, group_name))
    return Accounts(users=tuple(users), groups=tuple(groups), members=tuple(members))


def clashes(record: Accounts, passwd: str, group: str) -> tuple[AccountClash, ...]:
    """Returns where a host's passwd and group keep accounts of a record from having their ids."""
    host = parse_accounts(passwd, group)
    users = [(user.name, user.uid) for user in host.users]
    groups = [(each.name, each.gid) for each in host.groups]
    found = [each for user in record.users for each in _clash("user", user.name, user.uid, users)]
    return (
        *found,
        *(each for one in record.groups for each in _clash("group", one.name, one.gid, groups)),
    )


def _clash(
    kind: str, name: str, number: int, host: Iterable[tuple[str, int]]
) -> Iterator[AccountClash]:
    for host_name, host_number in host:
        if (host_name == name) != (host_number == number):
            yield AccountClash(
                kind=kind,
                name=name,
                number=number,
                host_name=host_name,
                host_number=host_number,
            )


def _user_line(user: User) -> str:
    kind = "u!" if user.locked else "u"
    words = (_quoted(user.gecos), _quoted(_path(user.home)), _quoted(_path(user.shell)))
    return f"{kind} {user.name} {user.uid}:{user.gid} {' '.join(words)}"


def _path(text: str) -> str:
    # systemd refuses others, and with the line the whole service fails.
    return posixpath.normpath(f"/{text.lstrip('/')}") if text.startswith("/") else ""


def _quoted(text: str) -> str:
    if not text or not text.isprintable():
        return "-"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return escaped if re.fullmatch(r"[\w/.+-]+", escaped, re.ASCII) else f'"{escaped}"'


def _valid(*names: str) -> bool:
    return all(_NAME.fullmatch(name) for name in names)


def _sorted_users(users: Iterable[User]) -> tuple[User, ...]:
    return tuple(sorted(users, key=lambda user: user.name))


def _sorted_groups(groups: Iterable[Group]) -> tuple[Group, ...]:
    return tuple(sorted(groups, key=lambda group: group.name))


def _fields(text: str, count: int) -> Iterator[list[str]]:
    for line in text.split("\n"):
        fields = line.split(":")
        if len(fields) >= count:
            yield fields


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit()
