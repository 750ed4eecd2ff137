# SPDX-License-Identifier: LGPL-2.1-or-later
"""Labels of merged trees, judged by libselinux with the policy of the tree that is deployed."""

import os
import random
from pathlib import Path

import pytest

from fixtures.forest import World
from layering.contexts import affected
from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, command
from tests.rpms import File, Spec, build_rpm
from tests.selinux import FileContexts, label_on_disk, labels_on_disk, wrongly_labelled

pytestmark = [pytest.mark.root, pytest.mark.bwrap, pytest.mark.world]

LABELLED = "base/labelled"
# What a policy module for a program of one's own says: where its data is, and in CIL for brevity.
MODULE = """\
(filecon "/usr/share/greeter(/.*)?" any (system_u object_r etc_t ((s0)(s0))))
(filecon "/usr/share/victims" dir (system_u object_r etc_t ((s0)(s0))))
(filecon "/usr/share/victims/kept" file (system_u object_r etc_t ((s0)(s0))))
"""
ALLOWS_ONLY = "(allow etc_t etc_t (file (read)))\n"
INSTALLS = "%post\nsemodule -n -X 200 -i /usr/share/selinux/packages/{name}.cil\n"


@pytest.fixture
def host(make_host: MakeHost) -> Host:
    """A fresh host whose tree has a policy."""
    return make_host(LABELLED)


def policy_module(directory: Path, name: str, text: str, **files: File) -> Path:
    module = File(content=text.encode())
    spec = Spec(
        files={f"/usr/share/selinux/packages/{name}.cil": module, **files},
        requires=["policycoreutils"],
        sections=INSTALLS.format(name=name),
    )
    return build_rpm(directory, f"{name}-1-1.noarch", spec)


def test_every_file_of_a_composed_tree_has_its_label(host: Host) -> None:
    tree = host.checkout()
    assert wrongly_labelled(tree, tree) == []
    assert label_on_disk(tree / "usr/bin/bash") == "system_u:object_r:shell_exec_t:s0"
    assert label_on_disk(tree) == FileContexts.of(tree).label("/", 0o40755)


def test_what_packages_and_their_scripts_bring_is_labelled(host: Host, scratch: Path) -> None:
    files = {
        "/etc/greeter/greeter.conf": File(content=b"x", directives="%config(noreplace)"),
        "/usr/bin/greeter": File(content=b"#!/bin/sh\n", mode=0o755),
        "/usr/lib/systemd/system/greeter.service": File(content=b"[Unit]\n"),
        "/usr/share/greeter/linked": File(hard_link="/usr/bin/greeter", mode=0o755),
        "/usr/sbin/greeterd": File(link="../bin/greeter"),
        "/usr/share/greeter": File(directory=True, mode=0o750),
        "/var/lib/greeter/state": File(content=b"state"),
        "/opt/greeter/bin/greet": File(content=b"#!/bin/sh\n", mode=0o755),
    }
    script = """\
        %post
        mkdir -p /usr/lib/greeter/plugins /etc/greeter/more
        echo made > /usr/lib/greeter/plugins/index
        ln -s index /usr/lib/greeter/plugins/current
        echo made > /etc/greeter/more/made.conf
        echo more >> /usr/share/victims/appended
        mv /usr/share/victims/renamed /etc/victims/renamed-here
        """
    rpm = build_rpm(scratch, "greeter-1-1.noarch", Spec(files=files, sections=script))
    host.change("install", str(rpm), "htop", "redis")
    tree = host.checkout()
    assert wrongly_labelled(tree, tree) == []
    found = {path: label for path, _mode, label in labels_on_disk(tree)}
    assert found["/usr/bin/greeter"] == "system_u:object_r:bin_t:s0"
    assert found["/usr/share/greeter/linked"] == "system_u:object_r:usr_t:s0"
    assert found["/etc/victims/renamed-here"] == "system_u:object_r:etc_t:s0"
    assert found["/usr/lib/greeter/plugins/current"] == "system_u:object_r:lib_t:s0"


def test_tools_that_label_are_content_and_change_nothing(host: Host, scratch: Path) -> None:
    script = """\
        %post
        set -e
        restorecon -v /usr/bin/env
        restorecon -RF /usr/share/mine /var/lib
        chcon -t bin_t /usr/share/mine/data
        """
    files = {"/usr/share/mine/data": File(content=b"data")}
    rpm = build_rpm(scratch, "mine-1-1.noarch", Spec(files=files, sections=script))
    ended = host.overlay("-q", "install", str(rpm))
    assert (ended.status, ended.stderr) == (0, "")
    tree = host.checkout()
    assert label_on_disk(tree / "usr/share/mine/data") == "system_u:object_r:usr_t:s0"
    assert wrongly_labelled(tree, tree) == []


def test_a_module_that_labels_relabels_what_it_is_about_and_nothing_else(
    host: Host, scratch: Path
) -> None:
    before = host.checkout()
    data = {"/usr/share/greeter/data": File(content=b"data")}
    rpm = policy_module(scratch, "greeter", MODULE, **data)
    host.change("install", str(rpm))
    tree = host.checkout()
    assert wrongly_labelled(tree, tree) == []
    etc = "system_u:object_r:etc_t:s0"
    for path in ("greeter", "greeter/data", "victims", "victims/kept"):
        assert label_on_disk(tree / "usr/share" / path) == etc
    changed = command(
        "ostree", "diff", f"--repo={host.repo}", host.base, host.checksum()
    ).splitlines()
    beside = [line for line in changed if "/selinux/" not in line and "rpm" not in line]
    assert sorted(line.split()[1] for line in beside) == [
        "/usr/share/greeter",
        "/usr/share/greeter/data",
        "/usr/share/victims",
        "/usr/share/victims/kept",
    ]
    assert label_on_disk(before / "usr/share/victims/kept") == "system_u:object_r:usr_t:s0"


def test_a_module_that_labels_nothing_relabels_nothing(host: Host, scratch: Path) -> None:
    ended = host.overlay("-v", "install", str(policy_module(scratch, "reader", ALLOWS_ONLY)))
    assert ended.status == 0, ended.stderr
    assert "relabelled" not in ended.stderr
    tree = host.checkout()
    assert wrongly_labelled(tree, tree) == []


def test_the_policy_of_a_module_is_in_the_tree_and_goes_with_its_package(
    host: Host, make_host: MakeHost, scratch: Path
) -> None:
    host.change("install", "tree", str(policy_module(scratch, "greeter", MODULE)))
    store = "usr/etc/selinux/default/active/modules/200/greeter"
    assert (host.checkout() / store).is_dir()
    assert list((host.checkout() / "usr/etc/selinux/default").glob("*.LOCK")) == []
    # Beside a package that stays: without any, the base itself would be deployed.
    assert host.change("uninstall", "greeter") == make_host(LABELLED).change("install", "tree")
    assert not (host.checkout() / store).exists()


@pytest.mark.slow
def test_two_hosts_make_the_same_bytes_of_a_module(make_host: MakeHost, scratch: Path) -> None:
    rpm = policy_module(scratch, "greeter", MODULE)
    one, other = make_host(LABELLED), make_host(LABELLED)
    other.change("install", "htop")
    other.change("uninstall", "htop")
    assert one.change("install", str(rpm), "htop") == other.change("install", "htop", str(rpm))


def test_a_tree_without_a_policy_carries_no_labels(make_host: MakeHost, scratch: Path) -> None:
    host = make_host()
    host.change("install", "htop", "redis")
    assert [path for path, _mode, label in labels_on_disk(host.checkout()) if label] == []


def test_layers_follow_to_a_base_with_a_policy_and_back(make_host: MakeHost, scratch: Path) -> None:
    host = make_host()
    rpm = build_rpm(scratch, "own-1-1.noarch", Spec(files={"/usr/bin/own": File(mode=0o755)}))
    first = host.change("install", str(rpm))
    rpm.unlink()
    host.change("rebase", f"world:{LABELLED}")
    tree = host.checkout()
    assert wrongly_labelled(tree, tree) == []
    assert label_on_disk(tree / "usr/bin/own") == "system_u:object_r:bin_t:s0"
    assert host.change("rebase", "world:base/minimal") == first
    assert not os.listxattr(host.checkout() / "usr/bin/own")


@pytest.mark.slow
def test_no_path_is_missed_on_which_two_policies_disagree(host: Host, scratch: Path) -> None:
    """Lines are taken out of a real policy, and libselinux is asked before and after."""
    tree, files = host.checkout(), "usr/etc/selinux/default/contexts/files"
    texts = [path for path in (tree / files).glob("file_contexts*") if path.suffix != ".bin"]
    policy = {path.name: path.read_text() for path in texts}
    whole = contexts_of(scratch / "whole", policy)
    paths = [(path, mode, whole.label(path, mode)) for path, mode, _ in labels_on_disk(tree)]
    chosen, missed, differing = random.Random(1), [], 0
    for number in range(12):
        other = dict(policy)
        for name in ("file_contexts", "file_contexts.subs_dist"):
            lines = [line for line in policy[name].splitlines() if line.startswith("/")]
            taken = set(chosen.sample(lines, 60 if name == "file_contexts" else number % 2))
            other[name] = "".join(f"{line}\n" for line in lines if line not in taken)
        judge = contexts_of(scratch / str(number), other)
        different = [path for path, mode, label in paths if judge.label(path, mode) != label]
        differing += len(different)
        missed += [path for path in different if not path.startswith(affected(policy, other))]
    assert missed == []
    assert differing > 100


def contexts_of(directory: Path, policy: dict[str, str]) -> FileContexts:
    directory.mkdir()
    for name, text in policy.items():
        (directory / name).write_text(text)
    return FileContexts(directory / "file_contexts")


@pytest.mark.slow
def test_a_policy_that_a_layer_brings_labels_the_whole_tree(
    make_host: MakeHost, world: World
) -> None:
    host = make_host()
    wanted = {"base": ["libsemanage-common"], "extras": ["policycoreutils", "selinux-utils"]}
    wanted["extras"].append("selinux-policy-default")
    rpms = [
        next(Path(world.repositories[name]["directory"]).glob(f"{package}-[0-9]*.rpm"))
        for name, packages in wanted.items()
        for package in packages
    ]
    host.change("install", *map(str, rpms))
    tree = host.checkout()
    assert wrongly_labelled(tree, tree) == []
    assert label_on_disk(tree / "usr/bin/bash") == "system_u:object_r:shell_exec_t:s0"
