# SPDX-License-Identifier: LGPL-2.1-or-later
"""`triggers`: what a person is told of a tree's triggers, and of drop-ins that are wrong."""

import json
import re
from pathlib import Path

import pytest

from layering.cli import main
from tests.cli.conftest import Host
from tests.rpms import File, Spec, build_rpm
from triggers import CATALOG

pytestmark = pytest.mark.root

X = """\
[trigger]
paths = ["/usr/share/x/{kind}/**", "/etc/x/{kind}/*.conf"]
but = ["/usr/share/x/*/index"]
tools = ["app"]
arguments = ["--dir", "/usr/share/x/{kind}"]
environment = { LC_ALL = "C" }
reads = ["/usr/share/x/{kind}/**"]
writes = ["/usr/share/x/{kind}/index"]
after = ["ldconfig"]
on-removal = false
fatal = true
reason = "an index of x"
"""
USR, ETC = "/usr/lib/overlay/triggers.d", "/etc/overlay/triggers.d"
SECTIONS = """\
%transfiletriggerin -P 100 -- /usr/share/x /usr/share/y
echo x
echo y

%transfiletriggerun -- /usr/share/x
true
"""


@pytest.fixture
def layered(host: Host, tmp_path: Path) -> Host:
    """A host with a package that brings `app`, triggers of rpm's kind, and three drop-ins."""
    spec = Spec(
        files={
            "/usr/bin/app": File(content=b"", mode=0o755),
            f"{USR}/x.toml": File(content=X.encode()),
            f"{USR}/ldconfig.toml": File(content=X.replace("ldconfig", "depmod").encode()),
            f"{USR}/broken.toml": File(content=b"[trigger]\npath = 1\n"),
        },
        provides=["/bin/sh"],
        sections=SECTIONS,
    )
    rpm = build_rpm(tmp_path, "xapp-1-1.noarch", spec)
    ended = host.overlay("install", "-y", str(rpm))
    assert ended.status == 0, ended.err
    return host


def write(host: Host, name: str, text: str) -> None:
    """Writes a drop-in of the host's, into the /etc of every deployment."""
    for root in host.path.glob("ostree/deploy/*/deploy/*.0/etc/"):
        (root / "overlay/triggers.d").mkdir(parents=True, exist_ok=True)
        (root / "overlay/triggers.d" / name).write_text(text)


def lines_of(out: str, *names: str) -> list[str]:
    return [
        re.sub(" {2,}", "  ", line.strip()) for line in out.splitlines() if line.split()[0] in names
    ]


def test_a_bare_host_has_the_catalog_and_its_state(host: Host) -> None:
    ended = host.overlay("triggers")
    assert (ended.status, ended.err) == (0, "")
    head, *rows = ended.out.splitlines()
    assert head == "Declared, in the order in which they run:"
    assert sorted(row.split()[0] for row in rows) == sorted(each.name for each in CATALOG)
    assert lines_of(ended.out, "systemd-sysusers", "man-db") == [
        "systemd-sysusers  built-in  no tool  /usr/lib/sysusers.d/{file:*.conf}",
        "man-db  built-in  skipped  /usr/share/man/**",
    ]


def test_origin_state_and_what_sets_off_are_told_of_all(layered: Host) -> None:
    ended = layered.overlay("triggers")
    assert ended.err == (
        "warning: trigger left out: unknown key 'path' in [trigger]: "
        f"{USR}/broken.toml of xapp-1-1.noarch\n"
    )
    assert lines_of(ended.out, "x", "ldconfig", "xapp-1-1.noarch") == [
        f"ldconfig  {USR}/ldconfig.toml  active  /usr/share/x/{{kind}}/** and 1 more",
        f"x  {USR}/x.toml  active  /usr/share/x/{{kind}}/** and 1 more",
        f"ldconfig  built-in  shadowed  by {USR}/ldconfig.toml",
        "xapp-1-1.noarch  %transfiletriggerin  active  /usr/share/x and 1 more",
        "xapp-1-1.noarch  %transfiletriggerun  skipped  /usr/share/x",
    ]


def blocks(out: str) -> dict[str, str]:
    found = re.findall(r"^(\S.*)\n((?: .*\n)*)", out, re.M)
    return dict(found)


def test_more_is_told_where_more_is_asked(layered: Host) -> None:
    told = blocks(layered.overlay("triggers", "-v").out)
    assert told[f"x ({USR}/x.toml, xapp-1-1.noarch)"] == (
        "     state:      active\n"
        "     set off by: /usr/share/x/{kind}/**\n"
        "                 /etc/x/{kind}/*.conf\n"
        "     not by:     /usr/share/x/*/index\n"
        "     removal:    leaves it alone\n"
        "     command:    app --dir /usr/share/x/{kind}\n"
        "     environment: LC_ALL=C\n"
        "     reads:      /usr/share/x/{kind}/**\n"
        "     writes:     /usr/share/x/{kind}/index\n"
        "     after:      ldconfig\n"
        "     failure:    ends the operation\n"
        "     reason:     an index of x\n"
    )
    assert told["%transfiletriggerin of xapp-1-1.noarch"] == (
        "     state:      active\n"
        "     set off by: /usr/share/x\n"
        "                 /usr/share/y\n"
        "     priority:   100\n"
        "     command:    /bin/sh\n"
        "                   echo x\n"
        "                   echo y\n"
    )
    assert told["man-db (built-in)"].startswith(
        "     state:      skipped: its index lies in /var; the host's own timer makes it\n"
    )
    assert told["depmod (built-in)"].startswith(
        "     state:      no tool: the tree has no depmod\n"
    )


def test_the_same_is_there_as_json(layered: Host) -> None:
    document = layered.document("triggers")
    assert set(document) == {
        *("version", "checksum", "base_checksum", "declared", "of_packages", "problems")
    }
    assert document["version"] == 1
    declared = document["declared"]
    assert isinstance(declared, list)
    (found,) = [each for each in declared if each["name"] == "x"]
    assert found == {
        "name": "x",
        "origin": f"{USR}/x.toml",
        "owner": "xapp-1-1.noarch",
        "state": "active",
        "why": "",
        "tool": "app",
        "paths": ["/usr/share/x/{kind}/**", "/etc/x/{kind}/*.conf"],
        "but": ["/usr/share/x/*/index"],
        "tools": ["app"],
        "arguments": ["--dir", "/usr/share/x/{kind}"],
        "body": None,
        "environment": {"LC_ALL": "C"},
        "reads": ["/usr/share/x/{kind}/**"],
        "writes": ["/usr/share/x/{kind}/index"],
        "caches": [],
        "before": [],
        "after": ["ldconfig"],
        "on_removal": False,
        "first": False,
        "fatal": True,
        "reason": "an index of x",
    }
    of_packages = document["of_packages"]
    assert isinstance(of_packages, list)
    assert of_packages[0] == {
        "package": "xapp-1-1.noarch",
        "kind": "%transfiletriggerin",
        "priority": 100,
        "state": "active",
        "why": "",
        "prefixes": ["/usr/share/x", "/usr/share/y"],
        "interpreter": ["/bin/sh"],
        "body": "echo x\necho y",
    }
    assert document["problems"] == [
        {
            "path": f"{USR}/broken.toml",
            "owner": "xapp-1-1.noarch",
            "what": "unknown key 'path' in [trigger]",
            "hint": "did you mean paths?",
        }
    ]


def test_a_tree_can_be_named(layered: Host) -> None:
    assert lines_of(layered.overlay("triggers", "1").out, "x") == []
    assert len(lines_of(layered.overlay("triggers", "0").out, "x")) == 1
    ended = layered.overlay("triggers", "0", "1")
    assert (ended.status, ended.err.splitlines()[0]) == (
        2,
        "error: one REV, and not 2: files go with --check",
    )


def test_the_hosts_own_files_take_the_place_of_packages(layered: Host) -> None:
    write(layered, "x.toml", X)
    write(layered, "ldconfig.toml", "")
    out = layered.overlay("triggers").out
    assert lines_of(out, "x", "ldconfig") == [
        f"x  {ETC}/x.toml  active  /usr/share/x/{{kind}}/** and 1 more",
        f"ldconfig  built-in  shadowed  by {USR}/ldconfig.toml",
        f"ldconfig  {USR}/ldconfig.toml  shadowed  by {ETC}/ldconfig.toml",
        f"x  {USR}/x.toml  shadowed  by {ETC}/x.toml",
    ]


def test_whoever_is_not_root_may_ask(layered: Host) -> None:
    ended = layered.as_nobody("triggers", "1")
    assert ended.status == 0, ended.err
    assert ended.out == layered.overlay("triggers", "1").out


def test_a_check_of_what_is_right_says_how_much_that_is(host: Host) -> None:
    ended = host.overlay("triggers", "--check")
    assert (ended.status, ended.out) == (0, "0 drop-ins, nothing wrong.\n")
    write(host, "x.toml", X)
    ended = host.overlay("triggers", "--check")
    assert (ended.status, ended.out) == (0, "1 drop-in, nothing wrong.\n")


def test_a_check_has_a_line_for_all_that_is_wrong_in_tree_and_host(layered: Host) -> None:
    write(layered, "a.toml", X.replace("ldconfig", "ldconfg"))
    write(layered, "b.toml", "nonsense")
    ended = layered.overlay("triggers", "--check")
    assert (ended.status, ended.err) == (1, "")
    assert sorted(ended.out.splitlines()) == [
        f"'after' has \"ldconfg\", and there is no such trigger: {ETC}/a.toml of this host"
        " (did you mean ldconfig?)",
        "not TOML: Expected '=' after a key in a key/value pair (at end of document): "
        f"{ETC}/b.toml of this host",
        f"unknown key 'path' in [trigger]: {USR}/broken.toml of xapp-1-1.noarch"
        " (did you mean paths?)",
    ]


def test_files_are_checked_as_the_hosts_and_together(layered: Host, tmp_path: Path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(X.replace('["ldconfig"]', '["two", "x"]'))
    two.write_text(X)
    ended = layered.overlay("triggers", "--check", str(one), str(two))
    assert (ended.status, ended.out) == (0, "2 drop-ins, nothing wrong.\n")
    two.write_text(X.replace('["ldconfig"]', '["one"]'))
    ended = layered.overlay("triggers", "--check", str(one), str(two))
    assert ended.status == 1
    assert re.fullmatch(r"a circle: \w+ before \w+ before \w+: .*/two\.toml\n", ended.out)
    found = layered.overlay("--json", "triggers", "--check", str(two), str(tmp_path / "none.toml"))
    assert json.loads(found.out) == {
        "version": 1,
        "problems": [
            {
                "path": str(tmp_path / "none.toml"),
                "owner": "",
                "what": "cannot be read, no such file or directory",
                "hint": "",
            },
            {
                "path": str(two),
                "owner": "",
                "what": "'after' has \"one\", and there is no such trigger",
                "hint": "'overlay triggers' lists those that there are",
            },
        ],
    }


def test_a_package_is_checked_where_it_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.toml"
    file.write_text(X)
    nowhere = f"--sysroot={tmp_path / 'nowhere'}"
    assert main([nowhere, "triggers", "--check", str(file)]) == 0
    assert capsys.readouterr().out == "1 drop-in, nothing wrong.\n"


def test_a_newline_in_a_files_name_ends_no_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a\nnothing wrong.toml"
    file.write_text(X)
    assert main([f"--sysroot={tmp_path}", "triggers", "--check", str(file)]) == 1
    assert capsys.readouterr().out == (
        f"no name for a trigger: {tmp_path}/a\\nnothing wrong.toml"
        " (letters, digits and . _ + -, at most 64, and .toml behind)\n"
    )


def test_the_documented_example_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[2] / "docs/triggers.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.S)
    assert len(examples) == 2
    files = [tmp_path / f"example{number}.toml" for number in range(len(examples))]
    for file, text in zip(files, examples, strict=True):
        file.write_text(text)
    assert main([f"--sysroot={tmp_path}", "triggers", "--check", *map(str, files)]) == 0
    assert capsys.readouterr().out == "2 drop-ins, nothing wrong.\n"
