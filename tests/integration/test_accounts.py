# SPDX-License-Identifier: LGPL-2.1-or-later
"""Users that layers bring: the same ids in every tree, in each file, and after any boot.

The judge of what a boot makes of a tree is the tree's own systemd-sysusers, over the `/etc` that
libostree's merge made.
"""

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from layering.accounts import RECORD, Accounts, clashes, parse_accounts, parse_record
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, command
from tests.integration.sidebyside import side_by_side
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

PERSON = "me:x:1000:1000:Me:/home/me:/bin/bash\n"
BOOT = {"SOURCE_DATE_EPOCH": "1700000000"}


def accounts(etc: Path) -> Accounts:
    return parse_accounts((etc / "passwd").read_text(), (etc / "group").read_text())


def ids(etc: Path) -> dict[str, tuple[int, ...]]:
    """Users with both their ids, and groups with theirs."""
    found = accounts(etc)
    numbers: dict[str, tuple[int, ...]] = {f"@{each.name}": (each.gid,) for each in found.groups}
    return {**numbers, **{user.name: (user.uid, user.gid) for user in found.users}}


def tree_ids(host: Host) -> dict[str, tuple[int, ...]]:
    return ids(host.checkout() / "usr/etc")


def boot(host: Host) -> str:
    """Runs what makes users at boot, over the deployment's own /etc; returns what it says."""
    checkout = host.checkout()
    words = ["bwrap", "--ro-bind", f"{checkout}/usr", "/usr", "--bind", f"{checkout}/etc", "/etc"]
    for name in ("bin", "sbin", "lib", "lib64"):
        words += ["--symlink", f"usr/{name}", f"/{name}"]
    words += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run", "--tmpfs", "/var"]
    done = subprocess.run(
        [*words, "--unshare-pid", "--", "/usr/bin/systemd-sysusers"],
        env={**os.environ, **BOOT},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def change_accounts(host: Host) -> None:
    """What an admin does: from now on /etc/passwd and its kin are the host's own."""
    etc = host.checkout() / "etc"
    for name, line in (
        ("passwd", PERSON),
        ("group", "me:x:1000:\n"),
        ("shadow", "me:!:20000::::::\n"),
        ("gshadow", "me:!::\n"),
    ):
        with (etc / name).open("a") as file:
            file.write(line)


def owners(tree: Path, *paths: str) -> list[tuple[int, int]]:
    found = [(tree / path).lstat() for path in paths]
    return [(each.st_uid, each.st_gid) for each in found]


def test_ids_stay_when_another_daemon_comes_and_goes(host: Host) -> None:
    base = tree_ids(host)
    host.change("install", "memcached")
    alone = tree_ids(host)
    host.change("install", "redis", "dnsmasq-base")
    both = tree_ids(host)
    host.change("uninstall", "memcached")
    rest = tree_ids(host)
    assert alone.items() <= both.items()
    assert rest.items() <= both.items()
    assert base.items() <= rest.items()
    assert both.keys() - base.keys() >= {"memcache", "@memcache", "redis", "@redis", "dnsmasq"}


def test_a_user_has_the_same_id_on_every_host_and_beside_other_packages(
    make_host: MakeHost,
) -> None:
    first, second = make_host(), make_host("base/server")
    first.change("install", "redis")
    second.change("install", "case-user-sysusers", "memcached", "redis")
    assert tree_ids(first)["redis"] == tree_ids(second)["redis"]


def test_an_id_that_the_package_asks_for_is_kept(host: Host) -> None:
    host.change("install", "case-user-pre", "redis")
    assert tree_ids(host)["casepre"] == (751, 751)
    assert tree_ids(host)["redis"] != (750, 750)


def test_files_have_the_ids_that_passwd_and_record_say(host: Host) -> None:
    host.change("install", "redis", "case-user-sysusers", "case-user-pre")
    checkout = host.checkout()
    now, record = tree_ids(host), parse_record((checkout / RECORD).read_text())
    assert {user.name: (user.uid, user.gid) for user in record.users} == {
        name: now[name] for name in ("redis", "casesys", "casepre")
    }
    sysusers = (now["casesys"][0], now["@casesysgroup"][0])
    assert owners(checkout / "usr", "lib/case-user/sysusers", "lib/case-user/pre") == [
        sysusers,
        (751, 751),
    ]
    assert owners(checkout / "usr/etc", "case-user-sysusers.conf") == [(0, now["casesys"][1])]
    assert owners(checkout / "etc", "redis/redis.conf")[0][1] == now["@redis"][0]


def test_on_a_host_with_users_of_its_own_a_boot_makes_the_accounts_that_files_belong_to(
    host: Host,
) -> None:
    change_accounts(host)
    (host.checkout() / "etc/.updated").touch()  # as every boot leaves it
    host.change("install", "redis", "memcached", "case-user-sysusers", "case-user-pre")
    etc = host.checkout() / "etc"
    assert not (etc / ".updated").exists()  # or systemd-sysusers.service would not run
    assert "redis" not in ids(etc)
    assert PERSON in (etc / "passwd").read_text()
    boot(host)
    wanted = {name: found for name, found in tree_ids(host).items() if name not in ("me", "@me")}
    assert wanted.items() <= ids(etc).items()
    assert ("casesys", "casesysgroup") in accounts(etc).members
    before = (etc / "passwd").read_text()
    boot(host)
    assert (etc / "passwd").read_text() == before


def test_on_a_host_that_never_changed_its_users_a_boot_changes_nothing(host: Host) -> None:
    host.change("install", "redis", "memcached")
    etc = host.checkout() / "etc"
    before = {name: (etc / name).read_bytes() for name in ("passwd", "group", "shadow", "gshadow")}
    boot(host)
    assert {name: (etc / name).read_bytes() for name in before} == before


def test_a_boot_says_only_that_the_record_goes_before_packages_own_lines(host: Host) -> None:
    change_accounts(host)
    host.change("install", "redis", "memcached")
    said = [line for line in boot(host).splitlines() if not line.startswith("Creating ")]
    assert [line.rpartition("/")[2] for line in said if "memcached.conf" not in line] == []


def test_a_tree_without_new_accounts_has_no_record_and_the_bases_own_database(host: Host) -> None:
    before = {
        name: (host.checkout() / "usr/etc" / name).read_bytes()
        for name in ("passwd", "group", "shadow", "gshadow", "login.defs")
    }
    host.change("install", "case-post-appends", "strace")
    checkout = host.checkout()
    assert not (checkout / RECORD).exists()
    assert {name: (checkout / "usr/etc" / name).read_bytes() for name in before} == before


def test_login_defs_and_the_tools_leftovers_are_not_part_of_the_tree(host: Host) -> None:
    before = (host.checkout() / "usr/etc/login.defs").read_bytes()
    names = {path.name for path in (host.checkout() / "usr/etc").iterdir()}
    host.change("install", "redis", "case-user-sysusers")
    etc = host.checkout() / "usr/etc"
    assert (etc / "login.defs").read_bytes() == before
    assert {path.name for path in etc.iterdir()} - names == {"redis", "case-user-sysusers.conf"}


def test_the_users_of_a_base_stay_as_they_are(host: Host) -> None:
    before = (host.checkout() / "usr/etc/passwd").read_text()
    shadow = (host.checkout() / "usr/etc/shadow").read_text()
    host.change("install", "redis", "memcached")
    after = (host.checkout() / "usr/etc/passwd").read_text()
    assert after.startswith(before)
    assert [line.split(":")[0] for line in after.removeprefix(before).splitlines()] == [
        "memcache",
        "redis",
    ]
    dates = (host.checkout() / "usr/etc/shadow").read_text().removeprefix(shadow).splitlines()
    assert [line.split(":")[2] for line in dates] == ["", ""]


@pytest.fixture
def daemon(scratch: Path) -> Iterator[Path]:
    """A package whose %pre makes a user, gives it files, and puts it into a group of the base."""
    script = """\
        %pre
        getent group straced >/dev/null || groupadd -r straced
        getent passwd straced >/dev/null || useradd -r -g straced -s /usr/sbin/nologin straced
        usermod -aG video straced
        echo 'u inline - "As package macros do it"' |
            systemd-sysusers --replace=/usr/lib/sysusers.d/straced.conf -
        mkdir -p /usr/share/straced /var/lib/straced
        echo made > /usr/share/straced/file
        chown straced:straced /usr/share/straced/file /usr/share/straced /var/lib/straced
        chmod 4750 /usr/share/straced/file
        %post
        test "$(stat -c %U:%G /var/lib/straced)" = straced:straced || exit 1
        useradd -U late
        install -o late -g late -m 0640 /dev/null /usr/share/straced/late
        """
    files = {"/usr/lib/straced/own": File(mode=0o2755, user="straced", group="straced")}
    yield build_rpm(scratch, "straced-1-1.noarch", Spec(files=files, sections=script))


def test_what_scripts_give_to_a_new_user_is_renumbered_with_it(host: Host, daemon: Path) -> None:
    host.change("install", str(daemon))
    now, usr = tree_ids(host), host.checkout() / "usr"
    made = (now["straced"][0], now["@straced"][0])
    assert made[0] in range(300, 900)
    assert made[0] == made[1]
    assert now["inline"][0] in range(300, 900)
    late = (now["late"][0], now["@late"][0])
    assert late[0] in range(300, 900)
    paths = ("share/straced", "share/straced/file", "lib/straced/own", "share/straced/late")
    assert owners(usr, *paths) == [made, made, made, late]
    assert (usr / "share/straced/file").stat().st_mode & 0o7777 == 0o4750
    assert ("straced", "video") in accounts(usr / "etc").members


def test_the_order_of_requests_does_not_reach_ids(make_host: MakeHost, daemon: Path) -> None:
    first, second = make_host(), make_host()
    first.change("install", "redis", str(daemon), "case-user-sysusers")
    for package in ("case-user-sysusers", str(daemon), "redis"):
        second.change("install", package)
    assert first.checksum() == second.checksum()


def test_memberships_reach_a_host_with_groups_of_its_own(host: Host, daemon: Path) -> None:
    change_accounts(host)
    host.change("install", str(daemon))
    boot(host)
    assert ("straced", "video") in accounts(host.checkout() / "etc").members


def test_an_account_that_a_host_has_with_another_id_is_told(host: Host) -> None:
    etc = host.checkout() / "etc"
    change_accounts(host)
    with (etc / "passwd").open("a") as file:
        file.write("redis:x:977:977::/:/bin/false\n")
    host.change("install", "redis")
    checkout = host.checkout()
    uid = tree_ids(host)["redis"][0]
    record = parse_record((checkout / RECORD).read_text())
    found = clashes(record, (checkout / "etc/passwd").read_text(), "")
    assert [str(clash) for clash in found] == [
        f"user redis has the uid 977 on this host, and its files in the new tree have {uid}: "
        f"after the boot run `usermod --uid {uid} redis`, and give it what it has in /var"
    ]


def provide(name: str, line: str) -> str:
    """Returns a line of sysusers.d as rpmbuild writes it into what a package provides."""
    data = line.encode() + b"\0" * (-len(line) % 3)
    return f"{name} = {base64.b64encode(data).decode()}"


@pytest.fixture
def provider(scratch: Path) -> Path:
    """A package without a sysusers.d file whose header alone asks for its users."""
    provides = [
        provide("user(asked)", 'u asked - "Asked for" /var/lib/asked'),
        provide("group(asking)", "g asking 777"),
        provide("groupmember(asked/asking)", "m asked asking"),
        provide("user(fixed)", "u fixed 776"),
        "group(asked)",
        "user(numbered) = 1.0-1",
    ]
    files = {
        "/usr/lib/asked/own": File(content=b"own", user="asked", group="asking"),
        "/etc/asked.conf": File(user="fixed", group="asked", mode=0o640),
        "/var/lib/asked": File(directory=True, user="asked", group="asked"),
    }
    sections = "%pre\ngetent passwd asked && id -nG asked | grep -qw asking || exit 1"
    return build_rpm(
        scratch, "provider-1-1.noarch", Spec(provides=provides, files=files, sections=sections)
    )


def test_users_that_a_package_asks_for_in_what_it_provides_are_those_of_rpm(
    host: Host, provider: Path, scratch: Path
) -> None:
    host.change("install", str(provider))
    with side_by_side(host, scratch) as pair:
        pair.install(provider.parent, [provider.name])
        theirs, mine = (accounts(tree.root / "etc") for tree in (pair.rpm, pair.ours))
        pair.compare()
    assert {"asked", "fixed"} <= {user.name for user in mine.users}
    described = [
        {(user.name, user.gecos, user.home, user.shell) for user in each.users}
        for each in (theirs, mine)
    ]
    assert described[0] == described[1]
    assert {group.name for group in theirs.groups} == {group.name for group in mine.groups}
    assert set(theirs.members) == set(mine.members)


def test_users_that_a_package_provides_have_their_ids_on_every_host_and_after_a_boot(
    make_host: MakeHost, provider: Path
) -> None:
    host, other = make_host(), make_host("base/server")
    change_accounts(host)
    host.change("install", str(provider), "redis")
    other.change("install", str(provider))
    now, usr = tree_ids(host), host.checkout() / "usr"
    assert now["asked"][0] in range(300, 900)
    assert {"fixed": now["fixed"][0], "asking": now["@asking"][0]} == {"fixed": 776, "asking": 777}
    assert owners(usr, "lib/asked/own", "etc/asked.conf") == [
        (now["asked"][0], 777),
        (776, now["@asked"][0]),
    ]
    assert tree_ids(other)["asked"] == now["asked"]
    boot(host)
    wanted = {name: now[name] for name in ("asked", "@asked", "@asking", "fixed", "@fixed")}
    assert wanted.items() <= ids(host.checkout() / "etc").items()
    assert ("asked", "asking") in accounts(host.checkout() / "etc").members


def test_a_package_is_refused_that_provides_what_is_no_account(host: Host, scratch: Path) -> None:
    spec = Spec(provides=[provide("user(zz)", "r - 300-400\nu zz -")])
    path = build_rpm(scratch, "zz-1-1.noarch", spec)
    ended = host.overlay("-q", "install", str(path))
    assert ended.status == 1
    assert ended.stderr == (
        "error: no line of sysusers.d, more than one line: user(zz) provided by zz-1-1.noarch\n"
    )


ALTFILES = """\
set -e
cd "$1/usr"
mv etc/passwd lib/passwd
mv etc/group lib/group
echo root:x:0:0:Super User:/root:/bin/bash > etc/passwd
printf 'root:x:0:\\nsudo:x:27:\\n' > etc/group
sed -i 's/^\\(passwd\\|group\\):.*/\\1: files altfiles/' etc/nsswitch.conf
sed -i '/^root:/!d' etc/shadow
sed -i '/^\\(root\\|sudo\\):/!d' etc/gshadow
"""


@pytest.fixture
def altfiles(host: Host, scratch: Path) -> Host:
    """A host whose base has its users in /usr/lib, as Fedora's have."""
    tree, repo = scratch / "tree", f"--repo={host.repo}"
    command("ostree", "checkout", repo, host.base, tree)
    command("cp", "-a", "--reflink=auto", f"{tree}/usr/etc", f"{tree}/usr/etc.new")
    command("rm", "-rf", f"{tree}/usr/etc")
    command("mv", f"{tree}/usr/etc.new", f"{tree}/usr/etc")
    command("sh", "-c", ALTFILES, "sh", str(tree))
    branch = command("ostree", "admin", "status", f"--sysroot={host.path}")
    assert "world:base/minimal" in branch
    command(
        *("ostree", "commit", repo, "--branch=altfiles", f"--tree=dir={tree}"),
        *("--timestamp=@1767225600", "--add-metadata-string=version=1", "--bootable"),
    )
    sysroot = f"--sysroot={host.path}"
    command("ostree", "admin", "deploy", sysroot, "--os=demo", "altfiles")
    return host


def test_on_a_base_with_altfiles_new_users_are_out_of_the_hosts_reach(
    altfiles: Host, daemon: Path
) -> None:
    before = altfiles.checkout() / "usr"
    old_etc = {name: (before / "etc" / name).read_bytes() for name in ("passwd", "shadow")}
    old_lib, old_groups = ids(before / "lib"), (before / "etc/group").read_text()
    altfiles.change("install", "redis", "memcached", str(daemon))
    usr = altfiles.checkout() / "usr"
    assert {name: (usr / "etc" / name).read_bytes() for name in old_etc} == old_etc
    assert (usr / "etc/group").read_text() == old_groups
    new = {name: found for name, found in ids(usr / "lib").items() if name not in old_lib}
    assert new.keys() >= {"redis", "@redis", "memcache", "@memcache", "straced", "@straced"}
    assert old_lib.items() <= ids(usr / "lib").items()
    assert ("straced", "video") in accounts(usr / "lib").members
    assert owners(usr, "lib/straced/own") == [(new["straced"][0], new["@straced"][0])]
    altfiles.change("uninstall", "--all")
    assert ids(altfiles.checkout() / "usr/lib") == old_lib


def test_users_of_layers_have_the_same_ids_with_altfiles_and_without(
    make_host: MakeHost, altfiles: Host
) -> None:
    plain = make_host()
    for each in (plain, altfiles):
        each.change("install", "redis", "case-user-sysusers")
    found = ids(altfiles.checkout() / "usr/lib")
    names = ("redis", "@redis", "casesys", "@casesys", "@casesysgroup")
    assert {name: found[name] for name in names} == {name: tree_ids(plain)[name] for name in names}
    record = (plain.checkout() / RECORD).read_text()
    assert (altfiles.checkout() / RECORD).read_text() == record
