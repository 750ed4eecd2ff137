# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scriptlets and triggers: what runs over a changed tree, in which order, and how it is run.

`plan` is pure: packages with their scripts go in, an ordered list of invocations comes out. `run`
runs such a list, each script in a sandbox over the tree. Nothing here knows how trees are stored.
"""

from triggers.catalog import CATALOG, INITRAMFS
from triggers.change import KernelChange, PackageScripts, TreeChange
from triggers.commandline import replay_line
from triggers.declared import BUILT_IN, DeclaredTrigger
from triggers.declaredorder import in_order
from triggers.declaredsteps import dracut
from triggers.dropin import LARGEST_DROPIN, check_file_name
from triggers.dropin import parse as parse_dropin
from triggers.errors import (
    BrokenScriptTagsError,
    DropInError,
    PatternError,
    SandboxError,
    ScriptletFailedError,
    SkipRuleError,
    StoppedError,
    TriggerError,
    TriggerOrderError,
    UnsupportedScriptletError,
)
from triggers.filetrigger import FileTrigger, PathList, file_triggers_of
from triggers.givingway import why_never
from triggers.interactive import replay, shell
from triggers.invocation import (
    Invocation,
    Outcome,
    Plan,
    Progress,
    Skipped,
    describe_end,
    describe_status,
)
from triggers.limits import Limits
from triggers.memory import Memory
from triggers.observed import Observed
from triggers.packagetrigger import PackageTrigger, package_triggers_of
from triggers.pattern import tool_places
from triggers.phase import RULES, TRIGGER_TAGS, Phase, PhaseRule, ScriptFlags
from triggers.planning import plan
from triggers.policy import POLICY, Row
from triggers.runner import Report, run
from triggers.sandbox import Bind, Descriptors, Sandbox
from triggers.scriptlet import Scriptlet, scriptlets_of
from triggers.skiprule import SkipRule
from triggers.table import DROPIN_DIRECTORIES, DropIn, Shadowed, Table, table_of
from triggers.tags import Condition, Tags, TagValue
from triggers.tools import STOOD_IN_FOR, tools_in

__all__ = [
    "BUILT_IN",
    "CATALOG",
    "DROPIN_DIRECTORIES",
    "INITRAMFS",
    "LARGEST_DROPIN",
    "POLICY",
    "RULES",
    "STOOD_IN_FOR",
    "TRIGGER_TAGS",
    "Bind",
    "BrokenScriptTagsError",
    "Condition",
    "DeclaredTrigger",
    "Descriptors",
    "DropIn",
    "DropInError",
    "FileTrigger",
    "Invocation",
    "KernelChange",
    "Limits",
    "Memory",
    "Observed",
    "Outcome",
    "PackageScripts",
    "PackageTrigger",
    "PathList",
    "PatternError",
    "Phase",
    "PhaseRule",
    "Plan",
    "Progress",
    "Report",
    "Row",
    "Sandbox",
    "SandboxError",
    "ScriptFlags",
    "Scriptlet",
    "ScriptletFailedError",
    "Shadowed",
    "SkipRule",
    "SkipRuleError",
    "Skipped",
    "StoppedError",
    "Table",
    "TagValue",
    "Tags",
    "TreeChange",
    "TriggerError",
    "TriggerOrderError",
    "UnsupportedScriptletError",
    "check_file_name",
    "describe_end",
    "describe_status",
    "dracut",
    "file_triggers_of",
    "in_order",
    "package_triggers_of",
    "parse_dropin",
    "plan",
    "replay",
    "replay_line",
    "run",
    "scriptlets_of",
    "shell",
    "table_of",
    "tool_places",
    "tools_in",
    "why_never",
]
