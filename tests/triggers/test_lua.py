# SPDX-License-Identifier: LGPL-2.1-or-later
"""How Lua bodies reach the tree's rpm; that they do what they do in rpm: test_against_rpm."""

from collections.abc import Callable

from triggers.lua import LuaRun, lua_run


def found(
    body: str = "",
    *,
    arguments: int = 0,
    reads: bool = False,
    prefixes: tuple[str, ...] = (),
    rpm_version: str = "",
    formatted: bool = False,
    tools: Callable[[str], bool] = lambda tool: True,
) -> LuaRun | None:
    return lua_run(
        body,
        arguments=arguments,
        reads=reads,
        prefixes=prefixes,
        rpm_version=rpm_version,
        formatted=formatted,
        tools=tools,
    )


def test_the_prelude_stays_on_the_first_line() -> None:
    run = found("one()\ntwo()\n", arguments=2, reads=True, prefixes=("/usr",))
    assert run is not None
    assert run.interpreter == ("rpmlua",)
    assert run.body.endswith(" one()\ntwo()\n")
    assert run.body.count("\n") == 2


def test_only_a_file_trigger_gets_a_reader() -> None:
    run = found("x()", arguments=1)
    assert run is not None
    assert run.body == "arg[1] = '<lua>' arg[2] = tonumber(arg[2]) x()"


def test_a_prefix_cannot_break_out_of_its_string() -> None:
    run = found(prefixes=("a' ..",))
    assert run is not None
    assert run.body == r"arg[1] = '<lua>' RPM_INSTALL_PREFIX = {'\097\039\032\046\046'} "


def test_a_tree_without_rpm_runs_no_lua() -> None:
    assert found(arguments=1, tools=lambda tool: False) is None


def test_old_functions_stay_for_packages_that_an_old_rpm_built() -> None:
    run = found(rpm_version="4.16")
    assert run is not None
    version = r"'\052\046\049\054'"
    assert f"debug.getregistry().RPM_PACKAGE_RPMVERSION = {version} " in run.body


def test_a_query_format_gives_the_prelude_back_as_it_was() -> None:
    run = found("x()", arguments=1, prefixes=("/",), formatted=True)
    assert run is not None
    assert run.body == (
        r"arg\[1\] = '<lua>' arg\[2\] = tonumber(arg\[2\]) "
        r"RPM_INSTALL_PREFIX = \{'\\047'\} x()"
    )
