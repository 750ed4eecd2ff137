# SPDX-License-Identifier: LGPL-2.1-or-later
"""The slots in which rpm runs scripts, where a header keeps them, and which of them run here.

A tree is always derived anew from the base. So a layer that is dropped leaves nothing to undo: the
next tree never had it, and nothing runs on its account. A package of the *base* that is replaced,
obsoleted or removed is another matter: what its scripts did is in the tree. rpm's slots that follow
the removal run; those that rpm runs while the files are still there do not, as scripts see the tree
put together, without them. Slots and their meaning: rpm-scriptlets(7),
https://rpm.org/docs/latest/man/rpm-scriptlets.7. Tag numbers: rpm's include/rpm/rpmtag.h.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntFlag, StrEnum


class Phase(StrEnum):
    """One slot, spelled as in a spec file."""

    PRETRANS = "%pretrans"
    PRE = "%pre"
    POST = "%post"
    POSTTRANS = "%posttrans"
    PREUN = "%preun"
    POSTUN = "%postun"
    PREUNTRANS = "%preuntrans"
    POSTUNTRANS = "%postuntrans"
    TRIGGERPREIN = "%triggerprein"
    TRIGGERIN = "%triggerin"
    TRIGGERUN = "%triggerun"
    TRIGGERPOSTUN = "%triggerpostun"
    FILETRIGGERIN = "%filetriggerin"
    FILETRIGGERUN = "%filetriggerun"
    FILETRIGGERPOSTUN = "%filetriggerpostun"
    TRANSFILETRIGGERIN = "%transfiletriggerin"
    TRANSFILETRIGGERUN = "%transfiletriggerun"
    TRANSFILETRIGGERPOSTUN = "%transfiletriggerpostun"
    BUILTIN = "built-in"


class ScriptFlags(IntFlag):
    """How rpm treats a body before it runs it (rpmscriptFlags)."""

    NONE = 0
    EXPAND = 1  # -e: macros are expanded
    QFORMAT = 2  # -q: the body is a query format over the package's header
    CRITICAL = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRule:
    """Whether a slot runs, whether its failure stops the operation, and why so."""

    runs: bool
    fatal: bool = False
    reason: str


_WANTS_FILES = "rpm runs it while the files that go are there; the tree no longer has them"
_CLEANS_UP = "cleans up after a base package that went; rpm only warns"

RULES: Mapping[Phase, PhaseRule] = {
    Phase.PRETRANS: PhaseRule(
        runs=True, fatal=True, reason="rpm refuses the package when it fails; runs before all %pre"
    ),
    Phase.PRE: PhaseRule(
        runs=True,
        fatal=True,
        reason="rpm refuses the package when it fails; makes users and groups",
    ),
    Phase.POST: PhaseRule(runs=True, reason="the package's own set-up; rpm only warns"),
    Phase.POSTTRANS: PhaseRule(runs=True, reason="set-up that needs every package; rpm only warns"),
    Phase.PREUN: PhaseRule(runs=False, reason=_WANTS_FILES),
    Phase.POSTUN: PhaseRule(runs=True, reason=_CLEANS_UP),
    Phase.PREUNTRANS: PhaseRule(runs=False, reason=_WANTS_FILES),
    Phase.POSTUNTRANS: PhaseRule(runs=True, reason=_CLEANS_UP),
    Phase.TRIGGERPREIN: PhaseRule(
        runs=True, fatal=True, reason="set off by a new package, which rpm refuses when it fails"
    ),
    Phase.TRIGGERIN: PhaseRule(runs=True, reason="set off by a new package; rpm only warns"),
    Phase.TRIGGERUN: PhaseRule(runs=False, reason=_WANTS_FILES),
    Phase.TRIGGERPOSTUN: PhaseRule(
        runs=True, reason="set off by a base package that went; rpm only warns"
    ),
    Phase.FILETRIGGERIN: PhaseRule(runs=True, reason="set off by new files; rpm only warns"),
    Phase.FILETRIGGERUN: PhaseRule(runs=False, reason=_WANTS_FILES),
    Phase.FILETRIGGERPOSTUN: PhaseRule(
        runs=True, reason="repairs what was made from removed files; rpm only warns"
    ),
    Phase.TRANSFILETRIGGERIN: PhaseRule(runs=True, reason="set off by new files; rpm only warns"),
    Phase.TRANSFILETRIGGERUN: PhaseRule(runs=False, reason=_WANTS_FILES),
    Phase.TRANSFILETRIGGERPOSTUN: PhaseRule(
        runs=True, reason="repairs what was made from removed files; rpm only warns"
    ),
    Phase.BUILTIN: PhaseRule(runs=True, reason="a cache of the tree that no package rebuilds"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptTags:
    """Where a header keeps one plain scriptlet."""

    body: int
    program: int
    flags: int


SCRIPT_TAGS: Mapping[Phase, ScriptTags] = {
    Phase.PRETRANS: ScriptTags(body=1151, program=1153, flags=5024),
    Phase.PRE: ScriptTags(body=1023, program=1085, flags=5020),
    Phase.POST: ScriptTags(body=1024, program=1086, flags=5021),
    Phase.POSTTRANS: ScriptTags(body=1152, program=1154, flags=5025),
    Phase.PREUN: ScriptTags(body=1025, program=1087, flags=5022),
    Phase.POSTUN: ScriptTags(body=1026, program=1088, flags=5023),
    Phase.PREUNTRANS: ScriptTags(body=5103, program=5105, flags=5107),
    Phase.POSTUNTRANS: ScriptTags(body=5104, program=5106, flags=5108),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerTags:
    """Where a header keeps one family of triggers.

    `scripts`, `programs`, `script_flags` and `priorities` have an entry for each script; the others
    have one for each condition, and `index` says to which script a condition belongs.
    """

    scripts: int
    programs: int
    script_flags: int
    names: int
    index: int
    versions: int
    senses: int
    priorities: int | None
    phases: Mapping[int, Phase]  # by the bit that the conditions carry


_IN, _UN, _POSTUN, _PREIN = 1 << 16, 1 << 17, 1 << 18, 1 << 25

PACKAGE_TRIGGER_TAGS = TriggerTags(
    scripts=1065,
    programs=1092,
    script_flags=5027,
    names=1066,
    index=1069,
    versions=1067,
    senses=1068,
    priorities=None,
    phases={
        _PREIN: Phase.TRIGGERPREIN,
        _IN: Phase.TRIGGERIN,
        _UN: Phase.TRIGGERUN,
        _POSTUN: Phase.TRIGGERPOSTUN,
    },
)

FILE_TRIGGER_TAGS = TriggerTags(
    scripts=5066,
    programs=5067,
    script_flags=5068,
    names=5069,
    index=5070,
    versions=5071,
    senses=5072,
    priorities=5084,
    phases={
        _IN: Phase.FILETRIGGERIN,
        _UN: Phase.FILETRIGGERUN,
        _POSTUN: Phase.FILETRIGGERPOSTUN,
    },
)

TRANSACTION_FILE_TRIGGER_TAGS = TriggerTags(
    scripts=5076,
    programs=5077,
    script_flags=5078,
    names=5079,
    index=5080,
    versions=5081,
    senses=5082,
    priorities=5085,
    phases={
        _IN: Phase.TRANSFILETRIGGERIN,
        _UN: Phase.TRANSFILETRIGGERUN,
        _POSTUN: Phase.TRANSFILETRIGGERPOSTUN,
    },
)

INSTALL_PREFIXES_TAG = 1098  # RPMTAG_PREFIXES: a relocatable package tells its scripts where it is
RPM_VERSION_TAG = 1064  # the rpm that built the package: Lua keeps old functions for old packages


def _trigger_tags(family: TriggerTags) -> frozenset[int]:
    numbers = {family.scripts, family.programs, family.script_flags, family.names}
    numbers |= {family.index, family.versions, family.senses}
    return frozenset(numbers | ({family.priorities} if family.priorities is not None else set()))


TRIGGER_TAGS: frozenset[int] = frozenset(
    {INSTALL_PREFIXES_TAG, RPM_VERSION_TAG}
    | {tag for row in SCRIPT_TAGS.values() for tag in (row.body, row.program, row.flags)}
    | _trigger_tags(PACKAGE_TRIGGER_TAGS)
    | _trigger_tags(FILE_TRIGGER_TAGS)
    | _trigger_tags(TRANSACTION_FILE_TRIGGER_TAGS)
)
"""Every header tag that this package looks at, so that a caller may drop all others."""
