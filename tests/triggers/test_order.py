# SPDX-License-Identifier: LGPL-2.1-or-later
"""The order of scripts; that it is rpm's is shown in test_against_rpm."""

from hypothesis import given
from hypothesis import strategies as st

from triggers import RULES, FileTrigger, PackageScripts, Phase, Scriptlet, TreeChange, plan
from triggers.installed import by_priority
from triggers.order import after, before

NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


def nothing(tool: str) -> bool:
    return False


def package(name: str) -> PackageScripts:
    """A package with every kind of script, one of each."""
    nevra = f"{name}-1-1.noarch"
    scriptlets = [
        Scriptlet(package=nevra, phase=phase, interpreter=("/bin/sh",), body="true")
        for phase in Phase
        if "trigger" not in phase and phase is not Phase.BUILTIN
    ]
    triggers = [
        FileTrigger(package=nevra, phase=phase, prefixes=("/usr/share/",))
        for phase in Phase
        if "filetrigger" in phase
    ]
    files = (f"/usr/share/{name}/x",)
    return PackageScripts(
        package=nevra, files=files, scriptlets=tuple(scriptlets), file_triggers=tuple(triggers)
    )


@given(st.lists(st.integers(0, 3), max_size=20))
def test_equal_priorities_keep_the_order_of_installation(priorities: list[int]) -> None:
    triggers = [
        FileTrigger(
            package=f"p{at}-1-1.noarch",
            phase=Phase.FILETRIGGERIN,
            prefixes=("/",),
            priority=priority,
        )
        for at, priority in enumerate(priorities)
    ]
    ordered = by_priority(triggers)
    places = [(-each.priority, triggers.index(each)) for each in ordered]
    assert places == sorted(places)


@given(NAMES)
def test_no_phase_runs_that_the_table_says_does_not(names: list[str]) -> None:
    change = TreeChange(added=tuple(map(package, names)), removed=(package("gone"),), tools=nothing)
    made = plan(change)
    ran = {each.phase for each in (*made.before, *made.after)}
    assert all(RULES[phase].runs for phase in ran)
    if names:
        plain = {phase for phase in Phase if RULES[phase].runs} - {Phase.BUILTIN}
        assert ran == plain - {Phase.TRIGGERIN, Phase.TRIGGERPREIN, Phase.TRIGGERPOSTUN}
    reasons = {each.phase: each.reason for each in made.skipped}
    assert all(reasons[phase] == RULES[phase].reason for phase in (Phase.PREUN, Phase.PREUNTRANS))


@given(NAMES)
def test_packages_keep_the_order_they_are_given_in(names: list[str]) -> None:
    change = TreeChange(added=tuple(map(package, names)), tools=nothing)
    steps = [*before(change), *after(change)]
    for phase in (Phase.PRETRANS, Phase.PRE, Phase.POST, Phase.POSTTRANS):
        owners = [step.source.package for step in steps if step.source.phase is phase]
        assert owners == [f"{name}-1-1.noarch" for name in names]


def test_everything_that_may_refuse_a_package_precedes_everything_else() -> None:
    change = TreeChange(added=(package("a"), package("b")), tools=nothing)
    assert [step.source.phase for step in before(change)] == [
        Phase.PRETRANS,
        Phase.PRETRANS,
        Phase.PRE,
        Phase.PRE,
    ]
    assert not any(RULES[step.source.phase].fatal for step in after(change))
