# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of a tree's triggers: shadowing, order, and what becomes of files that are wrong."""

from dataclasses import replace
from itertools import pairwise

import pytest

from triggers import BUILT_IN, CATALOG, DeclaredTrigger, DropIn, DropInError, TriggerOrderError
from triggers.declaredorder import in_order
from triggers.table import Table, table_of

USR, ETC = "/usr/lib/overlay/triggers.d", "/etc/overlay/triggers.d"
FOO = "foo-1-1.noarch"


def text(*lines: str, tool: str = "x-update") -> str:
    head = ["[trigger]", 'paths = ["/usr/share/x/*"]', f'tools = ["{tool}"]', 'reason = "x"']
    return "\n".join([*head, *lines])


def of_package(path: str, content: str) -> DropIn:
    return DropIn(path=path, owner=FOO, text=content)


def of_base(path: str, content: str) -> DropIn:
    return DropIn(path=path, owner="the base", of_base=True, text=content)


def of_host(name: str, content: str) -> DropIn:
    return DropIn(path=f"{ETC}/{name}", owner="this host", of_host=True, text=content)


def names(table: Table) -> list[str]:
    return [each.name for each in table.triggers]


BUILT_INS = [each.name for each in CATALOG]


def test_drop_ins_stand_by_name_ahead_of_the_initramfs() -> None:
    table = table_of([of_package(f"{USR}/b.toml", text()), of_host("a.toml", text())])
    assert names(table) == [*BUILT_INS[:-1], "a", "b", "dracut"]
    assert table.anew == {"a", "b"}


def test_the_base_knows_its_own() -> None:
    assert table_of([of_base(f"{USR}/b.toml", text())]).anew == frozenset()


def test_a_file_in_etc_shadows_that_of_its_name_in_usr() -> None:
    files = [of_host("a.toml", text(tool="own")), of_package(f"{USR}/a.toml", text(tool="theirs"))]
    table = table_of(files)
    (row,) = [each for each in table.triggers if each.name == "a"]
    assert (row.origin, row.tools) == (f"{ETC}/a.toml", ("own",))
    ((shadowed),) = table.shadowed
    assert (shadowed.trigger.origin, shadowed.by) == (f"{USR}/a.toml", f"{ETC}/a.toml")


def test_an_empty_file_leaves_nothing_of_what_it_shadows() -> None:
    files = [of_package(f"{USR}/a.toml", text()), of_host("a.toml", " \n")]
    table = table_of(files)
    assert names(table) == BUILT_INS
    assert [(each.trigger.name, each.by) for each in table.shadowed] == [("a", f"{ETC}/a.toml")]


def test_a_drop_in_takes_the_place_of_the_built_in_one_of_its_name() -> None:
    table = table_of([of_host("ldconfig.toml", text())])
    assert names(table) == BUILT_INS
    (row,) = [each for each in table.triggers if each.name == "ldconfig"]
    assert row.tools == ("x-update",)
    assert [(each.trigger.origin, each.by) for each in table.shadowed] == [
        (BUILT_IN, f"{ETC}/ldconfig.toml")
    ]


def test_a_built_in_trigger_can_be_turned_off() -> None:
    table = table_of([of_package(f"{USR}/ldconfig.toml", "")])
    assert names(table) == [each for each in BUILT_INS if each != "ldconfig"]


def test_nothing_takes_the_place_of_what_makes_users() -> None:
    what = (
        "systemd-sysusers makes users before packages' %pre, and nothing can take its place: "
        f"{ETC}/systemd-sysusers.toml of this host"
    )
    with pytest.raises(DropInError) as caught:
        table_of([of_host("systemd-sysusers.toml", "")])
    assert str(caught.value) == what


BROKEN = "unknown key 'path' in [trigger]"


def test_a_broken_file_of_the_tree_is_left_out_and_told() -> None:
    files = [of_package(f"{USR}/a.toml", text("path = 1")), of_package(f"{USR}/b.toml", text())]
    table = table_of(files)
    assert names(table) == [*BUILT_INS[:-1], "b", "dracut"]
    assert [str(each) for each in table.problems] == [f"{BROKEN}: {USR}/a.toml of {FOO}"]


def test_a_broken_file_of_the_host_is_an_error() -> None:
    files = [of_host("a.toml", text("path = 1"))]
    with pytest.raises(DropInError) as caught:
        table_of(files)
    assert str(caught.value) == f"{BROKEN}: {ETC}/a.toml of this host"
    assert caught.value.__notes__ == [
        "did you mean paths?",
        "'overlay triggers --check' looks at all of them",
    ]
    table = table_of(files, lenient=True)
    assert [str(each) for each in table.problems] == [f"{BROKEN}: {ETC}/a.toml of this host"]


def test_a_name_that_nothing_has_is_an_error_of_the_host_and_none_of_a_package() -> None:
    line = 'after = ["ldconfg"]'
    assert table_of([of_package(f"{USR}/a.toml", text(line))]).problems == ()
    with pytest.raises(DropInError) as caught:
        table_of([of_host("a.toml", text(line))])
    assert str(caught.value) == (
        f"'after' has \"ldconfg\", and there is no such trigger: {ETC}/a.toml of this host"
    )
    assert caught.value.__notes__[0] == "did you mean ldconfig?"


def test_a_trigger_that_is_turned_off_may_still_be_named() -> None:
    table_of([of_host("ldconfig.toml", ""), of_host("a.toml", text('after = ["ldconfig"]'))])


def test_a_circle_is_the_fault_of_the_host_whose_files_come_last() -> None:
    theirs = of_package(f"{USR}/a.toml", text('after = ["b"]'))
    with pytest.raises(DropInError) as caught:
        table_of([theirs, of_host("b.toml", text('after = ["a"]'))])
    message = str(caught.value)
    assert message in {
        f"a circle: {way}: {ETC}/b.toml of this host"
        for way in ("a before b before a", "b before a before b")
    }


def test_of_packages_that_run_in_circles_the_last_is_left_out() -> None:
    files = [
        of_package(f"{USR}/a.toml", text('after = ["b"]')),
        of_package(f"{USR}/b.toml", text('after = ["a"]')),
    ]
    table = table_of(files)
    assert names(table) == [*BUILT_INS[:-1], "a", "dracut"]
    assert [each.path for each in table.problems] == [f"{USR}/b.toml"]


def test_what_is_left_out_gives_back_what_it_shadowed() -> None:
    files = [
        of_base(f"{USR}/b.toml", text()),
        of_package(f"{ETC}/b.toml", text('after = ["b"]')),
    ]
    table = table_of(files)
    (row,) = [each for each in table.triggers if each.name == "b"]
    assert (row.origin, table.shadowed, table.anew) == (f"{USR}/b.toml", (), frozenset())


def row(name: str, **more: object) -> DeclaredTrigger:
    made = DeclaredTrigger(name=name, paths=("/x",), tools=("x",), reason="x")
    return replace(made, **more)  # type: ignore[arg-type]


ORDERS = [
    ([row("b"), row("a")], ["b", "a"]),
    ([row("b", after=("a",)), row("a")], ["a", "b"]),
    ([row("b"), row("a", before=("b",))], ["a", "b"]),
    ([row("c", after=("a",)), row("b"), row("a")], ["b", "a", "c"]),
    ([row("b"), row("a", first=True)], ["a", "b"]),
    ([row("a", after=("nobody",), before=("nobody",))], ["a"]),
    ([row("d", after=("c",)), row("c", after=("b",)), row("a"), row("b")], ["a", "b", "c", "d"]),
]


@pytest.mark.parametrize(("table", "expected"), ORDERS)
def test_triggers_run_as_they_say_of_each_other_else_as_in_the_table(
    table: list[DeclaredTrigger], expected: list[str]
) -> None:
    assert [each.name for each in in_order(table)] == expected


def test_a_circle_is_named() -> None:
    table = [row("a", after=("c",)), row("b", after=("a",)), row("c", after=("b",))]
    with pytest.raises(TriggerOrderError) as caught:
        in_order(table)
    head, circle = str(caught.value).split(": ")
    assert head == "no order of triggers, a circle"
    steps = circle.split(" before ")
    assert set(pairwise(steps)) == {("a", "b"), ("b", "c"), ("c", "a")}


def test_one_that_runs_first_cannot_wait_for_one_that_does_not() -> None:
    with pytest.raises(TriggerOrderError) as caught:
        in_order([row("a", first=True, after=("b",)), row("b")])
    assert str(caught.value) == "no order of triggers, a runs first and b does not"


def test_the_built_in_ones_have_an_order() -> None:
    assert len(in_order(CATALOG)) == len(CATALOG)
