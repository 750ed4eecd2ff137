# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results that are recalled on a base with a policy: the labels are those of a tree that ran all.

libselinux judges with the policy of the tree that is deployed, and the same command with --no-memo
on a fresh host says which commit is right.
"""

from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host, command
from tests.rpms import File, Spec, build_rpm
from tests.selinux import label_on_disk, wrongly_labelled
from triggers import Invocation, execution

pytestmark = [pytest.mark.root, pytest.mark.bwrap, pytest.mark.world]

LABELLED = "base/labelled"
# Relabels what the trigger below makes, changes and leaves alone.
MODULE = """\
(filecon "/usr/share/made(/.*)?" any (system_u object_r etc_t ((s0)(s0))))
(filecon "/usr/share/victims/appended" file (system_u object_r bin_t ((s0)(s0))))
(filecon "/usr/share/victims/kept" file (system_u object_r etc_t ((s0)(s0))))
"""
INSTALLS = "%post\nsemodule -n -X 200 -i /usr/share/selinux/packages/labels.cil\n"
# New files where labels differ, a file and a directory of the base changed, one moved, one gone.
# Calls that a signal cuts off start over in bash, which dash would leave in doubt.
MAKES = """\
%transfiletriggerin -P 10 -p /bin/bash -- /usr/share/parts
cat > /usr/share/all-parts
mkdir -p /usr/share/made/deep /etc/made
echo made | tee /usr/share/made/deep/file /etc/made/made.conf > /usr/lib/systemd/system/made.service
printf '#!/bin/sh\\n' > /usr/bin/made
chmod 755 /usr/bin/made
ln -s ../bin/made /usr/share/made/link
echo more >> /usr/share/victims/appended
chmod 700 /usr/share/victims
mv /usr/share/victims/renamed /etc/made/renamed-here
rm -f /usr/share/victims/deleted
"""
# Not remembered for what it writes to /var, so that it finds on the mount what was recalled.
LATE = """\
%transfiletriggerin -P 1 -- /usr/share/parts
echo x > /var/lib/late
echo late >> /usr/share/made/deep/file
cp /usr/bin/made /usr/bin/late
"""
TRIGGER, LATER, POST = (
    "%transfiletriggerin(makes-1-1.noarch)",
    "%transfiletriggerin(late-1-1.noarch)",
    "%post(module-1-1.noarch)",
)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The labels of all that really ran."""
    labels: list[str] = []
    really = execution.execute

    def execute(invocation: Invocation, *words: object, **options: object) -> execution.Ended:
        labels.append(invocation.label)
        return really(invocation, *words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("triggers.runner.execute", execute)
    return labels


@pytest.fixture
def rpms(scratch: Path) -> dict[str, str]:
    """A trigger, one after it, a policy module, and packages that have nothing to do with them."""
    module = {"/usr/share/selinux/packages/labels.cil": File(content=MODULE.encode())}
    specs = {
        "makes": Spec(files={"/usr/share/parts/x": File(content=b"x")}, sections=MAKES),
        "late": Spec(files={"/usr/share/late": File(content=b"x")}, sections=LATE),
        "module": Spec(files=module, requires=["policycoreutils"], sections=INSTALLS),
        "library": Spec(files={"/usr/lib64/libmine.so.1": File(content=b"mine")}),
        "plain": Spec(files={"/usr/bin/plain": File(content=b"#!/bin/sh\n", mode=0o755)}),
    }
    return {
        name: str(build_rpm(scratch, f"{name}-1-1.noarch", spec)) for name, spec in specs.items()
    }


def forget_trees(host: Host) -> None:
    """Has the next operation make its tree, be it one that was made before."""
    command("ostree", "refs", f"--repo={host.repo}", "--delete", "overlay/merged")


@pytest.mark.parametrize("beside", [(), ("module", "late")])
def test_what_is_recalled_is_labelled_as_what_runs(
    make_host: MakeHost, rpms: dict[str, str], ran: list[str], beside: tuple[str, ...]
) -> None:
    host, other = make_host(LABELLED), make_host(LABELLED)
    host.change("install", rpms["makes"], rpms["library"])
    assert {TRIGGER, "ldconfig"} <= set(ran)
    ran.clear()
    forget_trees(host)
    words = [rpms[name] for name in ("plain", *beside)]
    recalled = host.change("install", *words)
    assert not {TRIGGER, "ldconfig"} & set(ran)
    assert set(ran) >= {{"module": POST, "late": LATER}[name] for name in beside}
    tree = host.checkout()
    assert wrongly_labelled(tree, tree) == []
    kind = "etc_t" if "module" in beside else "usr_t"
    assert label_on_disk(tree / "usr/share/made/deep/file") == f"system_u:object_r:{kind}:s0"
    assert label_on_disk(tree / "usr/bin/made") == "system_u:object_r:bin_t:s0"
    whole = [rpms["makes"], rpms["library"], *words]
    assert other.change("install", "--no-memo", *whole) == recalled


def test_what_ran_beside_a_module_is_recalled_without_it(
    make_host: MakeHost, rpms: dict[str, str], ran: list[str]
) -> None:
    host, other = make_host(LABELLED), make_host(LABELLED)
    host.change("install", rpms["makes"], rpms["library"], rpms["module"])
    ran.clear()
    recalled = host.change("uninstall", "module")
    assert ran == []
    tree = host.checkout()
    assert wrongly_labelled(tree, tree) == []
    assert other.change("install", "--no-memo", rpms["makes"], rpms["library"]) == recalled
