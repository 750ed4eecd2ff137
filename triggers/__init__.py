# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scriptlets and triggers: what runs over a changed tree, in which order, and how it is run.

`plan` is pure: packages with their scripts go in, an ordered list of invocations comes out. `run`
runs such a list, each script in a sandbox over the tree. Nothing here knows how trees are stored.
"""

from triggers.catalog import BUILTINS, Builtin
from triggers.change import PackageScripts, TreeChange
from triggers.errors import (
    BrokenScriptTagsError,
    SandboxError,
    ScriptletFailedError,
    TriggerError,
    UnsupportedScriptletError,
)
from triggers.filetrigger import FileTrigger, file_triggers_of
from triggers.invocation import Invocation, Outcome, Plan, Progress, Skipped, describe_status
from triggers.packagetrigger import PackageTrigger, package_triggers_of
from triggers.phase import RULES, TRIGGER_TAGS, Phase, PhaseRule, ScriptFlags
from triggers.planning import plan
from triggers.policy import POLICY, Row
from triggers.replay import replay_line
from triggers.runner import Report, run
from triggers.sandbox import Bind, Descriptors, Sandbox, tools_in
from triggers.scriptlet import Scriptlet, scriptlets_of
from triggers.tags import Condition, Tags, TagValue

__all__ = [
    "BUILTINS",
    "POLICY",
    "RULES",
    "TRIGGER_TAGS",
    "Bind",
    "BrokenScriptTagsError",
    "Builtin",
    "Condition",
    "Descriptors",
    "FileTrigger",
    "Invocation",
    "Outcome",
    "PackageScripts",
    "PackageTrigger",
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
    "Skipped",
    "TagValue",
    "Tags",
    "TreeChange",
    "TriggerError",
    "UnsupportedScriptletError",
    "describe_status",
    "file_triggers_of",
    "package_triggers_of",
    "plan",
    "replay_line",
    "run",
    "scriptlets_of",
    "tools_in",
]
