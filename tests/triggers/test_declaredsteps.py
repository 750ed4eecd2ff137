# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which declared triggers a change calls for, and how they run."""

from collections.abc import Sequence
from dataclasses import replace

from triggers import (
    CATALOG,
    DeclaredTrigger,
    FileTrigger,
    Invocation,
    PackageScripts,
    PathList,
    Phase,
    Plan,
    Scriptlet,
    TreeChange,
    plan,
)

FOO = "foo-1-1.noarch"
PATH = "/etc/overlay/triggers.d/x.toml"
X = DeclaredTrigger(
    name="x",
    origin=PATH,
    paths=("/usr/share/x/{kind}/**",),
    but=("/usr/share/x/*/index",),
    tools=("x-update", "/usr/libexec/{kind}/x"),
    arguments=("--dir", "/usr/share/x/{kind}"),
    reads=("/usr/share/x/{kind}/**",),
    writes=("/usr/share/x/{kind}/index",),
    reason="an index",
)


def foo(*files: str, scriptlets: tuple[Scriptlet, ...] = ()) -> PackageScripts:
    return PackageScripts(package=FOO, files=files, scriptlets=scriptlets)


def everything(tool: str) -> bool:
    return True


def planned(
    *declared: DeclaredTrigger,
    added: Sequence[PackageScripts] = (),
    removed: Sequence[PackageScripts] = (),
    **more: object,
) -> Plan:
    change = TreeChange(
        added=tuple(added), removed=tuple(removed), declared=declared, tools=everything
    )
    return plan(replace(change, **more))  # type: ignore[arg-type]


def labels(made: Plan) -> list[str]:
    return [each.label for each in (*made.before, *made.after)]


def test_a_drop_in_runs_for_what_it_captures() -> None:
    made = planned(X, added=[foo("/usr/share/x/a/1", "/usr/share/x/a/2", "/usr/share/x/a/index")])
    assert made.after == (
        Invocation(
            phase=Phase.BUILTIN,
            owner="x",
            label="x a",
            interpreter=("x-update", "--dir", "/usr/share/x/a"),
            origin=PATH,
            memo=True,
            reads=("/usr/share/x/a/**",),
            writes=("/usr/share/x/a/index",),
            why="changed: /usr/share/x/a/1 and 1 more",
        ),
    )


def test_its_own_output_does_not_set_it_off() -> None:
    assert planned(X, added=[foo("/usr/share/x/a/index")]) == Plan()


def test_with_a_body_the_tool_is_the_first_argument() -> None:
    made = planned(replace(X, body='exec "$1" "$3"'), added=[foo("/usr/share/x/a/1")])
    (run,) = made.after
    assert run.interpreter == ("/bin/sh",)
    assert (run.body, run.args) == ('exec "$1" "$3"', ("x-update", "--dir", "/usr/share/x/a"))


def test_a_tool_may_be_where_the_captures_say() -> None:
    made = planned(X, added=[foo("/usr/share/x/a/1")], tools=lambda tool: tool.startswith("/"))
    assert made.after[0].interpreter[0] == "/usr/libexec/a/x"


def test_what_went_sets_it_off_unless_it_says_that_it_does_not() -> None:
    gone = [foo("/usr/share/x/a/1")]
    assert labels(planned(X, removed=gone)) == ["x a"]
    assert planned(replace(X, on_removal=False), removed=gone) == Plan()


def test_one_that_never_runs_is_told_with_its_reason() -> None:
    made = planned(replace(X, skipped="its index lies in /var"), added=[foo("/usr/share/x/a/1")])
    assert made.after == ()
    assert made.why == ("x a is skipped: its index lies in /var",)


def test_a_failure_ends_the_operation_where_it_says_so() -> None:
    added = [foo("/usr/share/x/a/1")]
    assert [each.fatal for each in planned(X, added=added).after] == [False]
    assert [each.fatal for each in planned(replace(X, fatal=True), added=added).after] == [True]


def test_they_run_as_they_say_of_each_other() -> None:
    added = [foo("/usr/share/x/a/1")]
    others = [replace(X, name=name) for name in ("a", "b", "c")]
    others[0] = replace(others[0], after=("c",))
    others[1] = replace(others[1], first=True)
    assert labels(planned(*others, added=added)) == ["b a", "c a", "a a"]


def test_one_that_the_base_does_not_know_runs_for_what_the_base_has() -> None:
    asked: list[Sequence[str]] = []

    def base_files(prefixes: Sequence[str]) -> list[PathList]:
        asked.append(prefixes)
        return [PathList(["/usr/share/x/a/there", "/usr/share/other"], "base-1-1.noarch")]

    made = planned(X, anew=frozenset({"x"}), base_files=base_files)
    assert [(each.label, each.why) for each in made.after] == [
        ("x a", "the trigger is new: /usr/share/x/a/there")
    ]
    assert asked == [["/usr/share/x/"]]
    assert planned(X, base_files=base_files) == Plan()  # the base's own has run there
    made = planned(
        X, anew=frozenset({"x"}), base_files=base_files, added=[foo("/usr/share/x/a/new")]
    )
    assert [each.why for each in made.after] == ["changed: /usr/share/x/a/new"]


def test_what_went_with_a_base_package_is_not_there_any_more() -> None:
    there = PathList(["/usr/share/x/a/there"], FOO)
    made = planned(
        replace(X, on_removal=False),
        removed=[foo("/usr/share/x/a/there")],
        anew=frozenset({"x"}),
        base_files=lambda _prefixes: [there],
    )
    assert made == Plan()


def test_a_drop_in_that_calls_a_known_program_is_nobodys_twin() -> None:
    shell = replace(X, tools=("sh",))
    base = FileTrigger(
        package="base-1-1.noarch",
        phase=Phase.TRANSFILETRIGGERIN,
        prefixes=("/usr/share/x",),
        body="sh -c true",
    )
    made = planned(shell, added=[foo("/usr/share/x/a/1")], base_file_triggers=(base,))
    assert labels(made) == ["%transfiletriggerin(base-1-1.noarch)", "x a"]


LDCONFIG = Scriptlet(package=FOO, phase=Phase.POST, interpreter=("/sbin/ldconfig",), body=None)


def test_what_has_taken_the_place_of_a_built_in_trigger_is_run_for_scriptlets_as_well() -> None:
    own = DeclaredTrigger(
        name="ldconfig", origin=PATH, paths=("/usr/lib*/*.so*",), tools=("ldconfig",), reason="x"
    )
    made = planned(own, added=[foo(scriptlets=(LDCONFIG,))])
    assert [(each.label, each.why) for each in made.after] == [
        ("ldconfig", f"asked for by %post({FOO})")
    ]
    assert [each.reason for each in made.skipped] == [f"{PATH} runs once for all"]


def test_where_a_built_in_trigger_is_turned_off_scriptlets_run_themselves() -> None:
    rest = [each for each in CATALOG if each.name != "ldconfig"]
    made = planned(*rest, added=[foo("/usr/lib64/libx.so.1", scriptlets=(LDCONFIG,))])
    assert labels(made) == [f"%post({FOO})"]


def test_one_that_makes_the_initramfs_otherwise_takes_the_place_of_ours() -> None:
    own = DeclaredTrigger(
        name="dracut", origin=PATH, paths=("/etc/dracut.conf",), tools=("mkinit",), reason="x"
    )
    made = planned(own, added=[foo("/etc/dracut.conf")])
    assert [each.interpreter for each in made.after] == [("mkinit",)]
