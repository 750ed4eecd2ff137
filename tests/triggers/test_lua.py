# SPDX-License-Identifier: LGPL-2.1-or-later
"""How Lua bodies reach the tree's rpm; that they do what they do in rpm: test_against_rpm."""

from triggers.lua import lua_run


def test_the_prelude_stays_on_the_first_line() -> None:
    run = lua_run(
        "one()\ntwo()\n", arguments=2, reads=True, prefixes=("/usr",), tools=lambda tool: True
    )
    assert run is not None
    assert run.interpreter == ("rpmlua",)
    assert run.body.endswith(" one()\ntwo()\n")
    assert run.body.count("\n") == 2


def test_only_a_file_trigger_gets_a_reader() -> None:
    run = lua_run("x()", arguments=1, reads=False, prefixes=(), tools=lambda tool: True)
    assert run is not None
    assert run.body == "arg[1] = '<lua>' arg[2] = tonumber(arg[2]) x()"


def test_a_prefix_cannot_break_out_of_its_string() -> None:
    run = lua_run("", arguments=0, reads=False, prefixes=("a' ..",), tools=lambda tool: True)
    assert run is not None
    assert run.body == r"arg[1] = '<lua>' RPM_INSTALL_PREFIX = {'\097\039\032\046\046'} "


def test_a_tree_without_rpm_runs_no_lua() -> None:
    assert lua_run("", arguments=1, reads=False, prefixes=(), tools=lambda tool: False) is None
