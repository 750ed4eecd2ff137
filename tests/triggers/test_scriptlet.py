# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plain scriptlets as headers have them."""

from pathlib import Path

import pytest

from tests.triggers.roots import build, read_package
from triggers import Phase, ScriptFlags, Scriptlet, scriptlets_of
from triggers.tags import TagValue

FOO = "foo-1-1.noarch"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (
            {1024: b"true"},
            Scriptlet(package=FOO, phase=Phase.POST, interpreter=("/bin/sh",), body="true"),
        ),
        (
            {1024: "x = 1", 1086: ["<lua>"]},
            Scriptlet(package=FOO, phase=Phase.POST, interpreter=("<lua>",), body="x = 1"),
        ),
        # Old packages have one string where newer ones have an array.
        (
            {1023: "x", 1085: b"/usr/bin/perl"},
            Scriptlet(package=FOO, phase=Phase.PRE, interpreter=("/usr/bin/perl",), body="x"),
        ),
        (
            {1086: (b"/usr/bin/tool", b"-v")},
            Scriptlet(
                package=FOO, phase=Phase.POST, interpreter=("/usr/bin/tool", "-v"), body=None
            ),
        ),
        (
            {1152: "%{x}", 5025: [3], 1098: ["/usr", "/opt"]},
            Scriptlet(
                package=FOO,
                phase=Phase.POSTTRANS,
                interpreter=("/bin/sh",),
                body="%{x}",
                flags=ScriptFlags.EXPAND | ScriptFlags.QFORMAT,
                install_prefixes=("/usr", "/opt"),
            ),
        ),
    ],
)
def test_a_scriptlet_is_its_body_interpreter_and_flags(
    tags: dict[int, TagValue], expected: Scriptlet
) -> None:
    assert scriptlets_of(FOO, tags) == (expected,)


def test_removal_scripts_are_read_too() -> None:
    found = scriptlets_of(FOO, {1025: "a", 1026: "b", 5103: "c", 5104: "d"})
    assert {each.phase: each.body for each in found} == {
        Phase.PREUN: "a",
        Phase.POSTUN: "b",
        Phase.PREUNTRANS: "c",
        Phase.POSTUNTRANS: "d",
    }


def test_flags_are_what_rpmbuild_writes_for_its_options(scratch: Path) -> None:
    sections = "%pre\ntrue\n%post -e\ntrue\n%posttrans -q\ntrue\n%pretrans -e -q\ntrue\n"
    package = read_package(build(scratch / "rpms", "foo", sections))
    assert {each.phase: each.flags for each in package.scriptlets} == {
        Phase.PRE: ScriptFlags.NONE,
        Phase.POST: ScriptFlags.EXPAND,
        Phase.POSTTRANS: ScriptFlags.QFORMAT,
        Phase.PRETRANS: ScriptFlags.EXPAND | ScriptFlags.QFORMAT,
    }
