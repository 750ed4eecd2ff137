# SPDX-License-Identifier: LGPL-2.1-or-later
"""All triggers of a tree over all of its files: what an operation costs that runs them regardless.

`python -m bench.alltriggers DEPLOYMENT SCRATCH` prints seconds, triggers and files as JSON. The
same sandbox and the same table of built-in triggers as ours, so that only the choice differs; what
follows a kernel's modules is left out, as nobody runs that at each operation. Finding the files is
not part of the seconds: who keeps no list of them would pay for that as well.
"""

import json
import os
import sys
import time
from pathlib import Path

from bench.measure import plain
from layering import mounts, rpmdb_query
from triggers import (
    TRIGGER_TAGS,
    FileTrigger,
    PackageScripts,
    Sandbox,
    TreeChange,
    file_triggers_of,
    plan,
    run,
    tools_in,
)

_KERNEL = ("depmod",)
_DATABASES = ("usr/share/rpm", "usr/lib/sysimage/rpm")


def main(deployment: Path, scratch: Path) -> None:
    """Runs them over an overlay of the deployment, and prints what it took."""
    mounts.enter_own_namespace()
    work = scratch / "all-triggers"
    plain(["rm", "-rf", str(work)])
    root = work / "root"
    for each in (root, work / "upper", work / "work"):
        each.mkdir(parents=True)
    options = f"lowerdir={deployment},upperdir={work / 'upper'},workdir={work / 'work'}"
    plain(["mount", "-t", "overlay", "-o", options, "overlay", str(root)])
    try:
        files = _files(root)
        change = TreeChange(
            added=(PackageScripts(package="everything-1-1.noarch", files=files),),
            base_file_triggers=_base_triggers(root, work),
            tools=tools_in(root),
        )
        every = [each for each in plan(change).after if each.owner not in _KERNEL]
        sandbox = Sandbox.over(
            root, var=work / "var", rpm_state=work / "state", source_date_epoch=1700000000
        )
        began = time.monotonic()
        outcomes = run(every, sandbox)
        seconds = time.monotonic() - began
    finally:
        plain(["umount", str(root)])
    failed = [each.invocation.label for each in outcomes if each.status]
    print(
        json.dumps(
            {"seconds": seconds, "triggers": len(every), "files": len(files), "failed": failed}
        )
    )


def _files(root: Path) -> tuple[str, ...]:
    found = []
    for top, shown in (("usr", "/usr"), ("usr/etc", "/etc")):
        for directory, _names, names in os.walk(root / top):
            place = shown + directory.removeprefix(str(root / top))
            if top == "usr" and place.startswith("/usr/etc"):
                continue
            found += [f"{place}/{name}" for name in names]
    return tuple(found)


def _base_triggers(root: Path, work: Path) -> tuple[FileTrigger, ...]:
    database = next(root / each for each in _DATABASES if (root / each / "rpmdb.sqlite").exists())
    packages = rpmdb_query.tagged(database, TRIGGER_TAGS | {1000}, work / "triggers.json")
    return tuple(
        trigger
        for package in packages
        for trigger in file_triggers_of(str(package.nevra), package.tags)
    )


main(Path(sys.argv[1]), Path(sys.argv[2]))
