# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random packages whose scripts note themselves: a pool of them, built once, drawn from by seed.

Each package has scriptlets and triggers of every kind with some probability, in shell or Lua, some
with their macros expanded or tags formatted by rpm, and needs others of the pool in every way that
orders packages. Some exist in two versions, some obsolete others.
"""

import random
import string
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.rpms import File, Spec, build_rpm
from tests.triggers.roots import LOG

NAMES = tuple(string.ascii_lowercase[:14])
UPDATED = NAMES[:7]  # these exist in version 1 and 2
OBSOLETING = {"m": "c", "n": "d"}
NEEDS = (
    *("Requires", "Requires(pre)", "Requires(post)", "Requires(preun)", "Requires(meta)"),
    *("Requires(posttrans)", "OrderWithRequires", "Recommends", "Recommends(post)"),
)
SLOTS = ("pretrans", "pre", "post", "posttrans", "preun", "postun", "preuntrans", "postuntrans")
PREFIXES = (
    "/usr/share/a",
    "/usr/share/a/",
    "/usr/share/ab",
    "/usr/share/b/inner",
    "/usr/share",
    "/etc",
)
PATHS = (
    "/usr/share/a/{name}",
    "/usr/share/ab/{name}-{version}",
    "/usr/share/b/inner/{name} two words",
    "/usr/share/b/{name}",
    "/etc/{name}.conf",
)
_SHELL = (
    'echo "{who} $# $*" >> {log}\n'
    'while IFS= read -r line; do echo "  $line" >> {log}; done\n'
    "{ending}\n"
)
_LUA = (
    'local log = io.open("{log}", "a")\n'
    'log:write("{who} ", #arg - 1)\n'
    'for at = 2, #arg do log:write(" ", arg[at]) end log:write("\\n")\n'
    "local line = rpm.next_file and rpm.next_file()\n"
    'while line do log:write("  ", line, "\\n") line = rpm.next_file() end\n'
    "log:close()\n"
)


def build_pool(directory: Path, seed: int) -> dict[tuple[str, str], Path]:
    """Builds the pool; returns the RPMs by name and version."""
    directory.mkdir(exist_ok=True)
    chance = random.Random(seed)
    wanted = [(name, version) for name in NAMES for version in _versions(name)]
    specs = {each: _spec(*each, chance) for each in wanted}

    def build(each: tuple[str, str]) -> Path:
        name, version = each
        return build_rpm(directory, f"{name}-{version}-1.noarch", specs[each])

    with ThreadPoolExecutor(2) as workers:
        return dict(zip(wanted, workers.map(build, wanted), strict=True))


def _versions(name: str) -> Sequence[str]:
    return ("1", "2") if name in UPDATED else ("1",)


def _spec(name: str, version: str, chance: random.Random) -> Spec:
    # Where a %config becomes a %ghost in an update rpm keeps the file, and tells nobody of it.
    kinds = ["", "", "%config", "%doc", "" if name in UPDATED else "%ghost"]
    files = {
        path.format(name=name, version=version): File(
            directives=chance.choice(kinds) if "share" in path else "%config(noreplace)"
        )
        for path in PATHS
        if chance.random() < 0.5
    }
    if chance.random() < 0.3:
        files[f"/usr/share/a/{name}.d"] = File(directory=True)
    if chance.random() < 0.3:
        files[f"/usr/share/b/{name}.link"] = File(link="nowhere")
    return Spec(
        files=files,
        sections="".join(_sections(f"{name}{version}", chance)),
        tags="\n".join(_tags(name, chance)),
        obsoletes=[f"{OBSOLETING[name]} < 9"] if name in OBSOLETING else [],
    )


def _tags(name: str, chance: random.Random) -> list[str]:
    others = [other for other in NAMES if other != name]
    tags = [
        f"{chance.choice(NEEDS)}: {chance.choice(others)}" for _ in range(chance.choice([0, 1, 2]))
    ]
    if chance.random() < 0.2:
        one, two, three = chance.sample(others, 3)
        tags.append(chance.choice([f"Requires: ({one} or {two})", f"Requires: ({one} if {three})"]))
    return tags


def _sections(who: str, chance: random.Random) -> list[str]:
    found = [_script(f"%{slot}", who, slot, chance) for slot in SLOTS if chance.random() < 0.6]
    for slot in ("triggerprein", "triggerin", "triggerun", "triggerpostun"):
        names = chance.sample(NAMES, len(NAMES))  # a slot has one script at most for each of them
        for number in range(chance.choice([0, 0, 1, 2])):
            targets = [names.pop() for _ in range(chance.choice([1, 1, 2]))]
            ranges = (chance.choice(["", "", " < 2", " = 1", " >= 1-1", " > 1-1"]) for _ in targets)
            conditions = ", ".join(map("".join, zip(targets, ranges, strict=True)))
            options = f" -- {conditions}"
            found.append(_script(f"%{slot}", f"{who}.{number}", slot, chance, options=options))
    for kind in ("filetrigger", "transfiletrigger"):
        for slot in (f"{kind}in", f"{kind}un", f"{kind}postun"):
            for number in range(chance.choice([0, 0, 1, 2])):
                prefixes = " ".join(chance.sample(PREFIXES, chance.choice([1, 1, 2])))
                priority = chance.choice(["", "", " -P 10", " -P 10000", " -P 1000001"])
                options = f"{priority} -- {prefixes}"
                found.append(_script(f"%{slot}", f"{who}.{number}", slot, chance, options=options))
    return found


def _script(section: str, who: str, slot: str, chance: random.Random, *, options: str = "") -> str:
    label = f"{who} {slot}"
    kind = chance.choice(["shell"] * 5 + ["lua", "expanded", "formatted"])
    if kind == "lua":
        head, _, tail = options.partition(" -- ")
        tail = f" -- {tail}" if tail else ""
        return f"{section}{head} -p <lua>{tail}\n" + _LUA.format(log=LOG, who=label)
    ending = chance.choice(["", "", "", "exit 3"]) if slot in _MAY_FAIL else ""
    body = _SHELL.format(log=LOG, who=label, ending=ending)
    if kind == "expanded":  # %% stands for one percent sign in a spec, and macros wait until then
        head, _, tail = options.partition(" -- ")
        tail = f" -- {tail}" if tail else ""
        return f"{section}{head} -e{tail}\n" + body.replace(label, f"{label} %%{{_datadir}} %%%%")
    if kind == "formatted":
        head, _, tail = options.partition(" -- ")
        tail = f" -- {tail}" if tail else ""
        return f"{section}{head} -q{tail}\n" + body.replace(
            label, f"{label} %%{{name}}-%%{{version}}"
        )
    return f"{section}{options}\n{body}"


_MAY_FAIL = frozenset({"post", "posttrans", "postun", "triggerin", "filetriggerin"})
