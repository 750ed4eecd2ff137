# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of phases, against librpm's own numbers."""

import pytest
import rpm

from triggers.phase import (
    FILE_TRIGGER_TAGS,
    INSTALL_PREFIXES_TAG,
    PACKAGE_TRIGGER_TAGS,
    RULES,
    SCRIPT_TAGS,
    TRANSACTION_FILE_TRIGGER_TAGS,
    TRIGGER_TAGS,
    Phase,
    TriggerTags,
)

RPM_NAMES = {
    Phase.PRETRANS: "PRETRANS",
    Phase.PRE: "PREIN",
    Phase.POST: "POSTIN",
    Phase.POSTTRANS: "POSTTRANS",
    Phase.PREUN: "PREUN",
    Phase.POSTUN: "POSTUN",
    Phase.PREUNTRANS: "PREUNTRANS",
    Phase.POSTUNTRANS: "POSTUNTRANS",
}


def rpmtag(name: str) -> int:
    number = getattr(rpm, f"RPMTAG_{name}")
    assert isinstance(number, int)
    return number


@pytest.mark.parametrize(("phase", "name"), RPM_NAMES.items())
def test_script_tags_are_those_of_librpm(phase: Phase, name: str) -> None:
    row = SCRIPT_TAGS[phase]
    assert (row.body, row.program, row.flags) == (
        rpmtag(name),
        rpmtag(f"{name}PROG"),
        rpmtag(f"{name}FLAGS"),
    )


def test_every_plain_script_has_its_tags() -> None:
    assert set(SCRIPT_TAGS) == set(RPM_NAMES)


@pytest.mark.parametrize(
    ("family", "name"),
    [
        (PACKAGE_TRIGGER_TAGS, "TRIGGER"),
        (FILE_TRIGGER_TAGS, "FILETRIGGER"),
        (TRANSACTION_FILE_TRIGGER_TAGS, "TRANSFILETRIGGER"),
    ],
)
def test_trigger_tags_are_those_of_librpm(family: TriggerTags, name: str) -> None:
    assert family.scripts == rpmtag(f"{name}SCRIPTS")
    assert family.programs == rpmtag(f"{name}SCRIPTPROG")
    assert family.script_flags == rpmtag(f"{name}SCRIPTFLAGS")
    assert family.names == rpmtag(f"{name}NAME")
    assert family.index == rpmtag(f"{name}INDEX")
    assert family.versions == rpmtag(f"{name}VERSION")
    assert family.senses == rpmtag(f"{name}FLAGS")
    if family.priorities is not None:
        assert family.priorities == rpmtag(f"{name}PRIORITIES")
    senses = {
        "PREIN": rpm.RPMSENSE_TRIGGERPREIN,
        "IN": rpm.RPMSENSE_TRIGGERIN,
        "UN": rpm.RPMSENSE_TRIGGERUN,
        "POSTUN": rpm.RPMSENSE_TRIGGERPOSTUN,
    }
    prefix = name.lower()
    expected = {
        senses[phase.removeprefix(f"%{prefix}").upper()] for phase in family.phases.values()
    }
    assert set(family.phases) == expected


def test_trigger_tags_hold_every_tag_that_is_read() -> None:
    assert rpmtag("PREFIXES") == INSTALL_PREFIXES_TAG
    assert INSTALL_PREFIXES_TAG in TRIGGER_TAGS
    assert {row.body for row in SCRIPT_TAGS.values()} <= TRIGGER_TAGS
    for family in (PACKAGE_TRIGGER_TAGS, FILE_TRIGGER_TAGS, TRANSACTION_FILE_TRIGGER_TAGS):
        assert {family.scripts, family.index, family.senses} <= TRIGGER_TAGS


def test_every_phase_has_a_rule_with_a_reason() -> None:
    assert set(RULES) == set(Phase)
    assert all(rule.reason for rule in RULES.values())


def test_only_what_rpm_refuses_a_package_for_is_fatal() -> None:
    assert {phase for phase, rule in RULES.items() if rule.fatal} == {
        Phase.PRETRANS,
        Phase.TRIGGERPREIN,
        Phase.PRE,
    }
