# SPDX-License-Identifier: LGPL-2.1-or-later
"""Triggers that packages and hosts bring as drop-in files, from the package to the booted tree."""

from pathlib import Path

import pytest

from tests.integration.conftest import MakeHost
from tests.integration.hosts import Host
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

DROP_IN = b"""\
[trigger]
paths = ["/usr/lib/plug/{kind}/*.plug"]
tools = ["plug-index"]
arguments = ["{kind}"]
reads = ["/usr/lib/plug/{kind}/*"]
writes = ["/usr/lib/plug/{kind}/index"]
reason = "the names of plugins"
"""
# What the program makes: the judge is the program, run by hand on the finished tree.
INDEX = b"""\
#!/bin/sh
cd "${2-}/usr/lib/plug/$1" && ls *.plug > index
"""
IN_USR = "/usr/lib/overlay/triggers.d/plug.toml"
IN_ETC = "etc/overlay/triggers.d/plug.toml"


def program(drop_in: bytes = DROP_IN) -> Spec:
    return Spec(
        files={
            "/usr/bin/plug-index": File(content=INDEX, mode=0o755),
            "/usr/lib/plug/a/own.plug": File(),
            IN_USR: File(content=drop_in),
        }
    )


def plugin(*paths: str) -> Spec:
    return Spec(files={f"/usr/lib/plug/{path}": File() for path in paths})


def rpms(scratch: Path, drop_in: bytes = DROP_IN) -> dict[str, str]:
    specs = {
        "plug": program(drop_in),
        "one": plugin("a/one.plug", "b/one.plug"),
        "two": plugin("a/two.plug"),
    }
    return {
        name: str(build_rpm(scratch, f"{name}-1-1.noarch", spec)) for name, spec in specs.items()
    }


def index(host: Host, kind: str) -> list[str] | None:
    path = host.checkout() / f"usr/lib/plug/{kind}/index"
    return path.read_text().split() if path.exists() else None


def test_a_package_brings_a_trigger_that_follows_what_others_bring_and_take_away(
    make_host: MakeHost, scratch: Path
) -> None:
    host, files = make_host(), rpms(scratch)
    host.change("install", files["plug"])
    assert (index(host, "a"), index(host, "b")) == (["own.plug"], None)
    first = host.checksum()
    host.change("install", files["one"], files["two"])
    assert index(host, "a") == ["one.plug", "own.plug", "two.plug"]
    assert index(host, "b") == ["one.plug"]
    host.change("uninstall", "two")
    assert (index(host, "a"), index(host, "b")) == (["one.plug", "own.plug"], ["one.plug"])
    host.change("uninstall", "one")
    assert host.checksum() == first  # as if the plugins had never been there
    assert (index(host, "a"), index(host, "b")) == (["own.plug"], None)


def test_the_order_of_requests_is_of_no_consequence(make_host: MakeHost, scratch: Path) -> None:
    one, other, files = make_host(), make_host(), rpms(scratch)
    one.change("install", files["one"])
    one.change("install", files["plug"])
    other.change("install", files["plug"], files["one"])
    assert one.checksum() == other.checksum()
    assert index(one, "b") == ["one.plug"]


def own_drop_in(host: Host, text: str) -> None:
    """Writes a drop-in of the host's, into the /etc that goes on."""
    path = host.checkout() / IN_ETC
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_host_says_otherwise_and_gets_another_tree(make_host: MakeHost, scratch: Path) -> None:
    host, other, files = make_host(), make_host(), rpms(scratch)
    other.change("install", files["plug"])
    own_drop_in(host, "")
    host.change("install", files["plug"])
    assert (index(host, "a"), host.checksum() == other.checksum()) == (None, False)
    text = DROP_IN.decode().replace("plug-index", "/bin/sh")
    own_drop_in(host, text.replace('"{kind}"', '"-c", "echo > /usr/lib/plug/{kind}/index mine"'))
    host.change("install", files["two"])
    assert index(host, "a") == ["mine"]
    # Without a word of its own the host has the tree that all have.
    (host.checkout() / IN_ETC).unlink()
    host.change("uninstall", "two")
    assert host.checksum() == other.checksum()


def test_a_hosts_trigger_looks_at_what_the_base_has_as_well(host: Host, scratch: Path) -> None:
    text = """
    [trigger]
    paths = ["/usr/bin/{program:tru?}"]
    tools = ["sh"]
    arguments = ["-c", "echo {program} > /usr/share/found"]
    reason = "x"
    """
    own_drop_in(host, text)
    ended = host.overlay("-v", "--progress=plain", "install", rpms(scratch)["two"])
    assert ended.status == 0, ended.stderr
    assert "plug true: the trigger is new: /usr/bin/true" in ended.stderr.splitlines()
    assert (host.checkout() / "usr/share/found").read_text() == "true\n"


def test_a_broken_drop_in_of_the_host_stops_everything_before_it_begins(
    host: Host, scratch: Path
) -> None:
    own_drop_in(host, '[trigger]\npaths = ["usr/x"]\ntools = ["x"]\nreason = "x"\n')
    before = host.checksum()
    ended = host.overlay("install", rpms(scratch)["two"])
    assert (ended.status, host.checksum()) == (1, before)
    assert ended.stderr.splitlines()[-2:] == [
        "error: 'paths' has \"usr/x\": no slash at the beginning: "
        "/etc/overlay/triggers.d/plug.toml of this host",
        "hint: 'overlay triggers --check' looks at all of them",
    ]


def test_a_broken_drop_in_of_a_package_is_left_out_and_told(host: Host, scratch: Path) -> None:
    files = rpms(scratch, DROP_IN.replace(b"paths", b"path"))
    ended = host.overlay("install", files["plug"])
    assert ended.status == 0, ended.stderr
    warning = f"trigger left out: unknown key 'path' in [trigger]: {IN_USR} of plug-1-1.noarch"
    assert f"warning: {warning}" in ended.stderr.splitlines()
    assert warning in host.overlay("status", "-v").stdout
    assert index(host, "a") is None
    listed = host.overlay("triggers", "--check")
    assert (listed.status, listed.stdout) == (
        1,
        f"unknown key 'path' in [trigger]: {IN_USR} of plug-1-1.noarch (did you mean paths?)\n",
    )


def test_a_trigger_that_fails_is_a_warning_unless_it_says_that_it_is_fatal(
    make_host: MakeHost, scratch: Path
) -> None:
    failing = DROP_IN.replace(b"arguments", b"body = 'exit 3'\narguments")
    host = make_host()
    ended = host.overlay("install", rpms(scratch, failing)["plug"])
    assert ended.status == 0
    assert "warning: plug a failed with exit status 3" in ended.stderr
    host, before = make_host(), host.base
    ended = host.overlay("install", rpms(scratch, failing + b"fatal = true\n")["plug"])
    assert (ended.status, host.checksum()) == (1, before)
    assert f"error: plug a failed with exit status 3, {IN_USR}" in ended.stderr
