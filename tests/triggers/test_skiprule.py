# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a person turns off in the configuration."""

import pytest

from tests.triggers.test_planning import everything, foo, labels, post, skipped, trigger
from triggers import Phase, SkipRule, SkipRuleError, TreeChange, plan

SLOTS = (
    "slots that run: %pretrans, %pre, %post, %posttrans, %postun, %postuntrans, %triggerprein, "
    "%triggerin, %triggerpostun, %filetriggerin, %filetriggerpostun, %transfiletriggerin, "
    "%transfiletriggerpostun"
)


@pytest.mark.parametrize(
    ("text", "matched", "not_matched"),
    [
        ("foo", [("foo", Phase.POST), ("foo", Phase.PRE)], [("foobar", Phase.POST)]),
        ("foo.%post", [("foo", Phase.POST)], [("foo", Phase.POSTTRANS), ("bar", Phase.POST)]),
        ("akmod-*", [("akmod-nvidia", Phase.POST)], [("kmod", Phase.POST)]),
        ("python3.14.%post", [("python3.14", Phase.POST)], [("python3", Phase.POST)]),
        ("python3.14", [("python3.14", Phase.POST)], [("python3", Phase.POST)]),
        ("*.%filetriggerin", [("any", Phase.FILETRIGGERIN)], [("any", Phase.TRANSFILETRIGGERIN)]),
    ],
)
def test_a_rule_is_a_package_and_perhaps_a_slot(
    text: str, matched: list[tuple[str, Phase]], not_matched: list[tuple[str, Phase]]
) -> None:
    rule = SkipRule.parse(text)
    assert str(rule) == text
    assert all(rule.matches(*each) for each in matched)
    assert not any(rule.matches(*each) for each in not_matched)


@pytest.mark.parametrize(
    ("text", "what", "notes"),
    [
        ("", "no rule for scripts, it has to be NAME or NAME.%SLOT, ''", []),
        (".%post", "no rule for scripts, it has to be NAME or NAME.%SLOT, '.%post'", []),
        ("%post", "no rule for scripts, it has to be NAME or NAME.%SLOT, '%post'", []),
        ("two words", "no rule for scripts, it has to be NAME or NAME.%SLOT, 'two words'", []),
        ("foo.%pots", "no rule for scripts, there is no slot %pots, 'foo.%pots'", [SLOTS]),
        ("foo.%preun", "no rule for scripts, %preun never runs, 'foo.%preun'", [SLOTS]),
        (
            "foo.post",
            "no rule for scripts, a slot has a percent sign, 'foo.post'",
            ['did you mean "foo.%post"?'],
        ),
        ("foo.%", "no rule for scripts, there is no slot %, 'foo.%'", [SLOTS]),
    ],
)
def test_a_rule_that_could_turn_nothing_off_is_an_error(
    text: str, what: str, notes: list[str]
) -> None:
    with pytest.raises(SkipRuleError) as caught:
        SkipRule.parse(text)
    assert str(caught.value) == what
    assert getattr(caught.value, "__notes__", []) == notes


def test_rules_hold_for_the_bases_triggers_as_well() -> None:
    package = foo("/usr/share/x/a", scriptlets=(post(),))
    base = (
        trigger("true", "/usr/share/x"),
        trigger("true", "/usr/share/x", package="b-1-1.noarch"),
    )
    change = TreeChange(added=(package,), base_file_triggers=base, tools=everything)
    made = plan(change, skip=(SkipRule.parse("base"), SkipRule.parse("f*.%post")))
    assert labels(made.after) == ["%transfiletriggerin(b-1-1.noarch)"]
    assert skipped(made) == {
        "%transfiletriggerin(base-1-1.noarch)": "turned off in the configuration",
        "%post(foo-1-1.noarch)": "turned off in the configuration",
    }


def test_a_built_in_trigger_does_what_a_skipped_one_would_have_done() -> None:
    package = foo("/usr/share/applications/a.desktop")
    body = "for x in y; do update-desktop-database; done"
    base = trigger(body, "/usr/share/applications")
    change = TreeChange(added=(package,), base_file_triggers=(base,), tools=everything)
    assert labels(plan(change).after) == ["%transfiletriggerin(base-1-1.noarch)"]
    made = plan(change, skip=(SkipRule.parse("base"),))
    assert labels(made.after) == ["update-desktop-database"]
