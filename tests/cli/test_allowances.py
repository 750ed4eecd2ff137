# SPDX-License-Identifier: LGPL-2.1-or-later
"""What packages are allowed: on which packages it falls, what becomes of it later, who is told.

The base owns /usr/bin/base; the package "rival" brings another, "special" a device node.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import Host, binary
from tests.rpms import File, Spec, build_rpm, make_repo
from tests.sysroots import run

pytestmark = pytest.mark.root

RIVAL = Spec(files=binary("base", "rival's"))
SPECIAL = Spec(
    files={
        "/usr/lib/special/null": File(directives="%dev(c,1,3)"),
        "/usr/lib/special/file": File(content=b"file"),
    },
    sections="rm %{buildroot}/usr/lib/special/null",  # rpmbuild makes it of what it is told
)


@pytest.fixture(scope="module")
def more(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with packages beside that need leave."""
    directory = tmp_path_factory.mktemp("more")
    for path in repository.glob("*.rpm"):
        shutil.copy(path, directory)
    build_rpm(directory, "rival-1-1.noarch", RIVAL)
    build_rpm(directory, "special-1-1.noarch", SPECIAL)
    build_rpm(directory, "also-1-1.noarch", Spec(files=binary("also"), requires=["rival"]))
    make_repo(directory)
    return directory


@pytest.fixture
def host(host: Host, more: Path) -> Host:
    return replace(host, repository=more)


def allowed(host: Host) -> dict[str, list[str]]:
    (first, *_rest) = json.loads(host.overlay("--json", "status").out)["deployments"]
    found: dict[str, list[str]] = first["allowances"]
    return found


def origin(host: Host) -> str:
    words = host.sysroot.status().splitlines()[0].split()
    at = words[-2 if words[-1].startswith("(") else -1]
    return (host.path / f"ostree/deploy/test/deploy/{at}.origin").read_text()


def deployed(host: Host, path: str) -> Path:
    words = host.sysroot.status().splitlines()[0].split()
    at = words[-2 if words[-1].startswith("(") else -1]
    return host.path / "ostree/deploy/test/deploy" / at / path


def test_a_new_package_may_take_the_place_of_others_files_and_only_if_it_is_said(
    host: Host,
) -> None:
    refused = host.change("install", "rival")
    assert refused.status == 1
    assert "\nerror: content differs: /usr/bin/base of base-1-1.noarch" in refused.err
    ended = host.change("install", "--force-replacefiles", "rival")
    assert ended.status == 0, ended.err
    assert "Allowed from now on:\n  rival: its files may take the place of others'\n" in ended.err
    assert deployed(host, "usr/bin/base").read_text() == "rival's"
    replaced = "replaced: /usr/bin/base of base-1-1.noarch by rival-1-1.noarch"
    assert f"warning: {replaced}\n" in ended.err
    assert replaced in host.overlay("status", "-v").out
    assert allowed(host) == {"replacefiles": ["rival"]}
    host.sysroot.fsck()


def test_it_goes_along_while_the_package_is_layered_and_goes_with_it(host: Host) -> None:
    host.change("install", "--force-replacefiles", "rival")
    assert host.change("install", "tool").status == 0
    assert allowed(host) == {"replacefiles": ["rival"]}
    assert host.overlay("uninstall", "tool").status == 0
    assert allowed(host) == {"replacefiles": ["rival"]}
    assert host.overlay("uninstall", "rival").status == 0
    assert allowed(host) == {}
    assert host.change("install", "rival").status == 1


def test_it_falls_on_what_is_new_or_named_and_on_nothing_else(host: Host) -> None:
    host.change("install", "tool")
    host.change("install", "--force-replacefiles", "also")
    assert allowed(host) == {"replacefiles": ["also", "rival"]}
    host.change("install", "--noscripts", "tool", "--", "lib")
    assert allowed(host)["noscripts"] == ["tool"]
    ended = host.change("install", "app", "--noscripts")
    assert "  app: its own scripts do not run\n" in ended.err
    assert allowed(host)["noscripts"] == ["app", "extra", "tool"]


def test_a_package_that_is_layered_already_can_be_given_leave_by_name(host: Host) -> None:
    host.change("install", "tool")
    assert host.change("install", "tool").err == "Nothing to do.\n"
    ended = host.change("install", "tool", "--noscripts")
    assert ended.err.splitlines()[:2] == [
        "Allowed from now on:",
        "  tool: its own scripts do not run",
    ]
    assert allowed(host) == {"noscripts": ["tool"]}
    assert host.change("install", "tool", "--noscripts").err == "Nothing to do.\n"


def test_a_name_that_is_not_layered_is_an_error_and_changes_nothing(host: Host) -> None:
    before = host.sysroot.status()
    ended = host.change("install", "--noscripts=nosuch", "tool")
    assert (ended.status, ended.err) == (
        1,
        "error: no package of that name is layered: --noscripts=nosuch\nhint: there is tool\n",
    )
    assert host.change("install", "--noscripts=tol", "tool").err == (
        "error: no package of that name is layered: --noscripts=tol\nhint: did you mean tool?\n"
    )
    assert host.sysroot.status() == before


@pytest.mark.parametrize("words", [["tool"], ["./x.rpm"], ["./x.rpm", "./y.rpm"]])
def test_a_word_that_an_option_took_is_said_to_be_missing(host: Host, words: list[str]) -> None:
    assert host.change("install", "--noscripts", *words).err == (
        f"error: no package to run no scripts of: {words[0]}\n"
        f"hint: --noscripts took '{words[0]}' as its package: put it last, "
        "or write --noscripts=NAME\n"
    )


def test_what_a_commit_cannot_hold_is_left_out_with_a_warning_that_stays(host: Host) -> None:
    refused = host.change("install", "special")
    assert refused.status == 1
    ended = host.change("install", "--drop-device-nodes", "special")
    assert ended.status == 0, ended.err
    warning = (
        "device node left out: /usr/lib/special/null of special-1-1.noarch (--drop-device-nodes)"
    )
    assert f"warning: {warning}\n" in ended.err
    assert f"     warning:    {warning}\n" in host.overlay("status").out
    assert deployed(host, "usr/lib/special/file").read_text() == "file"
    assert not deployed(host, "usr/lib/special/null").exists()
    assert host.change("install", "tool").status == 0
    assert allowed(host) == {"drop_special": ["special"]}
    host.sysroot.fsck()


def test_they_are_part_of_what_a_tree_is_made_from(host: Host) -> None:
    host.change("install", "tool")
    plain = host.overlay("--json", "status").out
    host.change("install", "tool", "--noscripts")
    other = host.overlay("--json", "status").out
    first, second = (json.loads(each)["deployments"][0]["checksum"] for each in (plain, other))
    assert first != second
    printed = run(
        "ostree",
        "show",
        f"--repo={host.sysroot.repo}",
        "--print-metadata-key=overlay.allowances",
        second,
    )
    assert printed.strip() == "{'noscripts': ['tool']}"


def test_status_says_it_in_short_and_when_asked_in_words(host: Host) -> None:
    host.change("install", "--force-replacefiles", "rival", "--noscripts")
    assert "     allowed:    rival\n" in host.overlay("status").out
    shown = host.overlay("status", "-v").out
    assert "     allowed:    rival: its own scripts do not run\n" in shown
    assert "     allowed:    rival: its files may take the place of others'\n" in shown


def test_a_file_with_leave_stands_where_rpm_ostree_keeps_such(host: Host, tmp_path: Path) -> None:
    mine = build_rpm(tmp_path, "mine-1-1.noarch", RIVAL)
    assert host.overlay("install", "--force-replacefiles", str(mine)).status == 0
    text = origin(host)
    assert "requested-local-fileoverride=" in text and "requested-local=" not in text
    assert host.change("install", "tool").status == 0
    assert "requested-local-fileoverride=" in origin(host)
    assert host.overlay("uninstall", "mine").status == 0
    assert "mine" not in origin(host)


def test_what_rpm_ostree_kept_so_has_leave(host: Host, tmp_path: Path) -> None:
    plain = build_rpm(tmp_path, "mine-1-1.noarch", Spec(files=binary("mine")))
    assert host.overlay("install", str(plain)).status == 0
    words = host.sysroot.status().splitlines()[0].split()
    at = words[-2 if words[-1].startswith("(") else -1]
    path = host.path / f"ostree/deploy/test/deploy/{at}.origin"
    path.write_text(path.read_text().replace("requested-local=", "requested-local-fileoverride="))
    assert host.change("install", "tool").status == 0
    assert allowed(host) == {"replacefiles": ["mine"]}
    assert "requested-local-fileoverride=" in origin(host)


def test_a_top_level_directory_that_the_host_allows_can_be_filled(
    host: Host, tmp_path: Path
) -> None:
    spec = Spec(files={"/nix/store/file": File(content=b"nix")})
    rpm = str(build_rpm(tmp_path, "nix-1-1.noarch", spec))
    assert host.overlay("-q", "install", rpm).err.startswith(
        "error: no place in an image-based tree: /nix/store/file of nix-1-1.noarch\n"
        'hint: allow-top-level = ["nix"] below [packages] in /etc/overlay/overlay.toml allows it\n'
    )
    settings = deployed(host, "etc/overlay/overlay.toml")
    settings.parent.mkdir()
    settings.write_text('[packages]\nallow-top-level = ["nix"]\n')
    assert host.overlay("-q", "install", rpm).status == 0
    assert deployed(host, "nix/store/file").read_text() == "nix"


def test_a_word_that_is_both_asked_for_and_given_up_is_an_error(host: Host) -> None:
    ended = host.change("install", "tool", "--uninstall=tool")
    assert (ended.status, ended.err) == (
        1,
        "error: both to be installed and uninstalled: tool\n",
    )


@pytest.mark.parametrize("word", ["./", ".", "../x", "./tool"])
def test_a_path_that_is_no_rpm_is_named_as_that(host: Host, word: str) -> None:
    assert host.change("install", word).err == (
        f"error: not an RPM file, whose name ends in .rpm: {word}\n"
    )


def test_where_every_repository_is_off_that_is_what_is_said(host: Host) -> None:
    ended = host.change("install", "--disablerepo=*", "nosuch")
    assert ended.err == (
        "error: no package matches 'nosuch'\n"
        "hint: no repository is enabled: see --enablerepo and --disablerepo\n"
    )
