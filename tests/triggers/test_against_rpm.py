# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm is the judge: the same packages, installed by rpm and run by us, must note the same.

Scripts note slot, arguments and what they read in a file of the root. What may differ:

| slots                 | rpm                          | here                                 |
|-----------------------|------------------------------|--------------------------------------|
| %triggerprein, %pre   | before each package's unpack | of all packages, on the final files  |
| failing %pre          | that package is left out     | the whole operation stops            |
| %preun, %postun, …    | when a package goes          | never: the tree is derived anew      |
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.triggers.roots import (
    LOG,
    add_rpm,
    add_script,
    build,
    compare_evr,
    every_scriptlet,
    file_trigger,
    make_root,
    note,
    read_package,
    sandbox_over,
    scriptlet,
    take_log,
    transact,
)
from triggers import (
    Bind,
    Outcome,
    PackageScripts,
    PathList,
    Phase,
    ScriptletFailedError,
    TreeChange,
    plan,
    run,
    tools_in,
)

pytestmark = [pytest.mark.root, pytest.mark.bwrap]

BEFORE_ALL = (("pretrans",), ("triggerprein", "pre"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pkg:
    """A package of a case."""

    name: str
    sections: str = ""
    files: Sequence[str] = ()
    version: str = "1"
    requires: Sequence[str] = ()
    tags: str = ""

    def build(self, directory: Path) -> Path:
        return build(
            directory,
            self.name,
            self.sections,
            self.files,
            version=self.version,
            requires=self.requires,
            tags=self.tags,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Packages that are there, and packages that come in one transaction, in install order."""

    base: Sequence[Pkg] = ()
    new: Sequence[Pkg] = ()
    prepare: Callable[[Path], None] = field(default=lambda root: None)


def entries(log: str) -> list[str]:
    """Splits a log into notes, each with the lines that its script read."""
    found: list[str] = []
    for line in log.splitlines():
        if line.startswith("  "):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def two_passes(log: str) -> list[str]:
    """Puts rpm's log into our order: see the table."""
    rest = entries(log)
    ordered: list[str] = []
    for slots in BEFORE_ALL:
        ordered += [each for each in rest if each.split()[1] in slots]
        rest = [each for each in rest if each.split()[1] not in slots]
    return ordered + rest


def change_of(
    root: Path, base: Sequence[PackageScripts], new: Sequence[PackageScripts]
) -> TreeChange:
    versions: dict[str, tuple[str, ...]] = {}
    for each in base:
        name, version, release = each.package.rsplit("-", 2)
        versions[name] = (*versions.get(name, ()), f"{version}-{release.removesuffix('.noarch')}")
    return TreeChange(
        added=tuple(new),
        base_file_triggers=tuple(trigger for each in base for trigger in each.file_triggers),
        base_package_triggers=tuple(trigger for each in base for trigger in each.package_triggers),
        tools=tools_in(root),
        base_files=lambda _prefixes: [PathList(each.files, each.package) for each in base],
        base_versions=versions,
        compare_evr=compare_evr,
    )


def rpms_of(case: Case, directory: Path) -> tuple[list[Path], list[Path]]:
    return (
        [each.build(directory / "rpms") for each in case.base],
        [each.build(directory / "rpms") for each in case.new],
    )


def by_rpm(case: Case, directory: Path) -> str:
    base, new = rpms_of(case, directory)
    root = make_root(directory / "by-rpm")
    case.prepare(root)
    if base:
        transact(root, "-U", *base)
    take_log(root)
    transact(root, "-U", *new)
    return take_log(root)


def by_us(case: Case, directory: Path) -> tuple[str, tuple[Outcome, ...]]:
    base, new = rpms_of(case, directory)
    root = make_root(directory / "by-us")
    case.prepare(root)
    for packages in (base, new):
        if packages:
            transact(root, "-U", "--noscripts", "--notriggers", *packages)
    assert take_log(root) == ""
    made = plan(change_of(root, [*map(read_package, base)], [*map(read_package, new)]))
    database = Bind(source=root / "var/lib/rpm", destination="/var/lib/rpm")
    sandbox = replace(sandbox_over(root), binds=(database,))
    outcomes = run(made.before, sandbox) + run(made.after, sandbox)
    return take_log(root), outcomes


def tell(root: Path) -> None:
    """A program for `-p`: notes how many arguments it got and what the last ones are."""
    add_script(root, "/usr/bin/tell", f'echo "tell $1 $#" >> {LOG}\ncat >> {LOG}')


LUA_NOTE = f"""
local log = io.open("{LOG}", "a")
log:write("%s ", #arg, " ", arg[1], " ", math.type(arg[2]), " ", arg[2] + 0, "\\n")
"""
LUA_READ = """
local line = rpm.next_file()
while line do
    log:write("  ", line, "\\n")
    line = rpm.next_file()
end
"""

CASES = {
    "plain scriptlets": Case(
        new=[
            Pkg(name="one", sections=every_scriptlet("one")),
            Pkg(name="two", sections=every_scriptlet("two"), requires=["one"]),
            Pkg(name="three", sections=every_scriptlet("three"), requires=["two"]),
        ],
    ),
    "a second instance counts": Case(
        base=[Pkg(name="one", version="1")],
        new=[Pkg(name="one", version="2", sections=every_scriptlet("one"))],
    ),
    "file triggers of base and of new packages": Case(
        base=[
            Pkg(
                name="base",
                sections=file_trigger("filetriggerin", "base", "-- /usr/share/a")
                + file_trigger("transfiletriggerin", "base", "-- /usr/share/a /usr/share/b"),
                files=["/usr/share/a/base", "/usr/share/b/base"],
            )
        ],
        new=[
            Pkg(
                name="one",
                sections=every_scriptlet("one")
                + file_trigger("filetriggerin", "one", "-- /usr/share/a")
                + file_trigger("transfiletriggerin", "one", "-- /usr/share/b /usr/share/a"),
                files=["/usr/share/a/one", "/usr/share/b/one"],
            ),
            Pkg(
                name="two",
                sections=every_scriptlet("two")
                + file_trigger("filetriggerin", "two", "-P 100 -- /usr/share/b"),
                files=["/usr/share/a/two"],
                requires=["one"],
            ),
        ],
    ),
    "a trigger of a new package alone does not fire on its own files twice": Case(
        new=[
            Pkg(
                name="one",
                sections=file_trigger("filetriggerin", "one", "-- /usr/share/a"),
                files=["/usr/share/a/one"],
            )
        ],
    ),
    "priorities": Case(
        base=[
            Pkg(
                name="base",
                sections="".join(
                    file_trigger(slot, f"base{priority}", f"-P {priority} -- /usr/share/a")
                    for slot in ("filetriggerin", "transfiletriggerin")
                    for priority in (9999, 10000, 1000000, 1000001)
                ),
            ),
            Pkg(
                name="other",
                sections=file_trigger("filetriggerin", "other", "-- /usr/share/a")
                + file_trigger("transfiletriggerin", "other", "-P 10001 -- /usr/share/a"),
                requires=["base"],
            ),
        ],
        new=[
            Pkg(
                name="one",
                sections=every_scriptlet("one")
                + file_trigger("filetriggerin", "one", "-P 10000 -- /usr/share/a")
                + file_trigger("filetriggerin", "onelate", "-P 1 -- /usr/share/a")
                + file_trigger("transfiletriggerin", "one", "-P 1 -- /usr/share/a")
                + file_trigger("transfiletriggerin", "onefirst", "-P 2 -- /usr/share/a"),
                files=["/usr/share/a/one"],
            )
        ],
    ),
    "a prefix is text, and only directories count in the database": Case(
        base=[
            Pkg(
                name="base",
                sections="".join(
                    file_trigger(slot, f"base{number}", f"-- {prefixes}")
                    for slot in ("filetriggerin", "transfiletriggerin")
                    for number, prefixes in enumerate(
                        (
                            "/usr/share/ab",
                            "/usr/share/a /usr/share/abc",
                            "/usr/share/only",
                            "/usr/share/only/",
                            "/usr/share/abc/exact",
                            "/usr/share/none",
                        )
                    )
                ),
            )
        ],
        new=[
            Pkg(name="one", files=["/usr/share/abc/exact", "/usr/share/a/", "/usr/share/a/z"]),
            Pkg(name="two", files=["/usr/share/only/"], requires=["one"]),
        ],
    ),
    "package triggers": Case(
        base=[
            Pkg(
                name="base",
                sections=scriptlet("triggerin -- one", "base")
                + scriptlet("triggerprein -- one", "base")
                + scriptlet("triggerin -- two < 1", "base-old")
                + scriptlet("triggerin -- two >= 1", "base-new"),
            )
        ],
        new=[
            Pkg(
                name="one",
                sections=every_scriptlet("one")
                + scriptlet("triggerin -- base = 1-1", "one")
                + scriptlet("triggerin -- base > 1-1", "one-newer")
                + scriptlet("triggerin -- two", "one-two")
                + scriptlet("triggerprein -- base, two", "one"),
            ),
            Pkg(
                name="two",
                sections=every_scriptlet("two") + scriptlet("triggerin -- one, base", "two"),
                requires=["one"],
            ),
        ],
    ),
    "an interpreter without a body gets no arguments": Case(
        base=[
            Pkg(
                name="base",
                sections="%filetriggerin -p /usr/bin/tell -- /usr/share/a\n"
                "%transfiletriggerin -p /usr/bin/tell -- /usr/share/a\n",
            )
        ],
        new=[
            Pkg(name="one", sections="%post -p /usr/bin/tell\n", files=["/usr/share/a/one"]),
            Pkg(name="two", sections='%post -p "/usr/bin/tell -x"\n', requires=["one"]),
        ],
        # Without a body there is no argument at all: only their number can be told apart here.
        prepare=lambda root: add_script(
            root,
            "/usr/bin/tell",
            f'echo "tell $#" >> {LOG}\nwhile read -r x; do echo "  $x" >> {LOG}; done',
        ),
    ),
    "lua": Case(
        base=[
            Pkg(
                name="base",
                sections="%filetriggerin -p <lua> -- /usr/share/a\n"
                + LUA_NOTE % "base filetriggerin"
                + LUA_READ
                + "log:close()\n",
            )
        ],
        new=[
            Pkg(
                name="one",
                sections="".join(
                    f"%{slot} -p <lua>\n{LUA_NOTE % f'one {slot}'}log:close()\n"
                    for slot in ("pretrans", "pre", "post", "posttrans")
                ),
                files=["/usr/share/a/one", "/usr/share/a/with space"],
            )
        ],
        prepare=add_rpm,
    ),
    "bodies of every kind": Case(
        new=[
            Pkg(name="empty", sections="%post\n%posttrans\n# nothing but this\n"),
            Pkg(name="crlf", requires=["empty"], sections=f"%post\necho crlf post >> {LOG}\r\n"),
            Pkg(
                name="bytes",
                requires=["crlf"],
                sections=f"%post\necho bytes post 'ü' $# >> {LOG}\n",
            ),
            Pkg(
                name="long",
                requires=["bytes"],
                sections="%post\n" + "# as long as a script may get\n" * 35_000 + note("long post"),
            ),
            Pkg(
                name="own",
                requires=["long"],
                sections='%post -p "/usr/bin/own -x y"\nthe body\n',
                files=["/usr/share/own"],
            ),
            Pkg(
                name="last", requires=["own"], sections=f'%post\ncd tmp; echo "last $PWD" >> {LOG}'
            ),
        ],
        prepare=lambda root: add_script(
            root, "/usr/bin/own", f'echo "own post $1 $2 $4 $#" >> {LOG}; cat "$3" >> {LOG}'
        ),
    ),
    "what is missing is a failure like any other": Case(
        base=[
            Pkg(name="base", sections="%filetriggerin -p /usr/bin/none -- /usr/share/a\ncat\n"),
        ],
        new=[
            Pkg(
                name="one",
                sections="%post -p /usr/bin/none\n%posttrans -p /usr/bin/none\nbody\n",
                files=["/usr/share/a/one"],
            ),
            Pkg(name="two", sections=every_scriptlet("two"), requires=["one"]),
        ],
    ),
    "bodies are queries of the package": Case(
        new=[
            Pkg(
                name="one",
                sections=f"%post -q\necho one post %%{{name}}-%%{{version}} >> {LOG}\n"
                f"%posttrans -e -q\necho one %%{{_libdir}} %%%%{{release}} $1 >> {LOG}\n"
                f"%triggerin -q -- one\necho %%{{name}} triggerin $* >> {LOG}\n"
                "%pre -q -p <lua>\n"
                f'local log = io.open("{LOG}", "a")\n'
                'log:write("one pre %%{arch} ", select(2, table.unpack(arg)), " ", #arg)\n'
                "log:close()\n",
                tags="Prefix: /usr/share",
                files=["/usr/share/one"],
            )
        ],
        prepare=add_rpm,
    ),
    "a relocatable package learns where it is": Case(
        new=[
            Pkg(
                name="one",
                tags="Prefix: /usr/share\nPrefix: /usr/lib",
                sections=f"%post\necho one post $RPM_INSTALL_PREFIX $RPM_INSTALL_PREFIX0"
                f" $RPM_INSTALL_PREFIX1 >> {LOG}\n"
                "%posttrans -p <lua>\n"
                f'local log = io.open("{LOG}", "a")\n'
                'log:write("one posttrans ", table.concat(RPM_INSTALL_PREFIX, " "), "\\n")\n'
                "log:close()\n",
                files=["/usr/share/one", "/usr/lib/one"],
            )
        ],
        prepare=add_rpm,
    ),
    "macros are expanded at run time": Case(
        new=[
            Pkg(
                name="one",
                sections=f"%post -e\necho one post %%{{_libdir}} %%%% $1 'a  b' >> {LOG}\n"
                f"\n%posttrans -e -p <lua>\n"
                f'local log = io.open("{LOG}", "a")\n'
                'log:write("one posttrans %%{_bindir}\\n")\nlog:close()\n',
            )
        ],
        prepare=add_rpm,
    ),
    "a failing script that may fail stops nothing": Case(
        base=[
            Pkg(
                name="base",
                sections=file_trigger("filetriggerin", "base", "-- /usr/share/a") + "exit 7\n",
            )
        ],
        new=[
            Pkg(
                name="one",
                sections=every_scriptlet("one").replace("%posttrans", "exit 3\n%posttrans"),
                files=["/usr/share/a/one"],
            ),
            Pkg(name="two", sections=every_scriptlet("two"), requires=["one"]),
        ],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_our_plan_notes_what_rpm_notes(name: str, scratch: Path) -> None:
    expected = by_rpm(CASES[name], scratch)
    assert expected
    noted, _ = by_us(CASES[name], scratch)
    assert entries(noted) == two_passes(expected)


def test_lua_runs_through_rpm_where_the_tree_has_no_rpmlua(scratch: Path) -> None:
    case = CASES["lua"]
    expected = by_rpm(case, scratch)
    without = Case(
        base=case.base, new=case.new, prepare=lambda root: add_rpm(root, programs=("rpm",))
    )
    noted, outcomes = by_us(without, scratch)
    assert entries(noted) == two_passes(expected)
    assert {each.invocation.interpreter[0] for each in outcomes} == {"/bin/sh"}


def test_failing_pre_stops_us_where_rpm_leaves_the_package_out(scratch: Path) -> None:
    case = Case(
        new=[
            Pkg(name="one", sections=every_scriptlet("one").replace("%post\n", "exit 5\n%post\n")),
            Pkg(name="two", sections=every_scriptlet("two"), requires=["one"]),
        ]
    )
    assert "one post" not in by_rpm(case, scratch)
    with pytest.raises(ScriptletFailedError) as caught:
        by_us(case, scratch)
    assert str(caught.value) == "%pre failed with exit status 5, one-1-1.noarch"
    assert take_log(scratch / "by-us") == "one pretrans 1 1\ntwo pretrans 1 1\none pre 1 1\n"


REMOVAL = "".join(
    file_trigger(slot, "base", f"-P {priority} -- /usr/share/a")
    for slot, priority in (
        ("filetriggerpostun", 20000),
        ("filetriggerpostun", 10),
        ("transfiletriggerpostun", 100),
        ("transfiletriggerun", 100),
        ("filetriggerun", 100),
        ("transfiletriggerin", 100),
    )
)
RUN_ON_REMOVAL = ("filetriggerpostun", "transfiletriggerpostun")


def test_removed_files_set_off_the_repairs_that_rpm_runs(scratch: Path) -> None:
    base = build(scratch / "rpms", "base", REMOVAL)
    gone = build(
        scratch / "rpms", "gone", files=["/usr/share/a/x", "/usr/share/a/y", "/usr/share/b"]
    )
    root = make_root(scratch / "by-rpm")
    transact(root, "-U", base, gone)
    take_log(root)
    transact(root, "-e", "gone")
    noted = entries(take_log(root))
    assert any(each.split()[1] not in RUN_ON_REMOVAL for each in noted)  # the table's last row
    expected = [each for each in noted if each.split()[1] in RUN_ON_REMOVAL]
    assert len(expected) == 3

    ours = make_root(scratch / "by-us")
    change = TreeChange(
        added=(),
        base_file_triggers=read_package(base).file_triggers,
        removed=(read_package(gone),),
        tools=tools_in(ours),
    )
    made = plan(change)
    assert made.before == ()
    run(made.after, sandbox_over(ours))
    assert entries(take_log(ours)) == expected


def test_outcome_tells_what_failed_and_with_what(scratch: Path) -> None:
    _, outcomes = by_us(CASES["a failing script that may fail stops nothing"], scratch)
    failed = {each.invocation.label: each.status for each in outcomes if each.status}
    assert failed == {
        "%filetriggerin(base-1-1.noarch)": 7,
        "%post(one-1-1.noarch)": 3,
    }
    assert {each.invocation.phase for each in outcomes} >= {Phase.POST, Phase.FILETRIGGERIN}
