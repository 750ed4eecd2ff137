# SPDX-License-Identifier: LGPL-2.1-or-later
"""rpm is the judge of Lua: what a scriptlet finds in rpm's own interpreter it finds in the tree's.

Each case is a script whose values are noted, once by rpm in its chroot and once by us in the
sandbox. What differs, and why:

| in rpm                                   | here                                          |
|------------------------------------------|-----------------------------------------------|
| one interpreter for a whole transaction  | one for each script: globals do not stay      |
| the environment of whoever started rpm   | the sandbox's: PATH, HOME, SOURCE_DATE_EPOCH  |
"""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.triggers.roots import (
    LOG,
    add_programs,
    add_rpm,
    build,
    make_root,
    read_package,
    sandbox_over,
    take_log,
    transact,
)
from triggers import TreeChange, plan, run, tools_in

pytestmark = [pytest.mark.root, pytest.mark.bwrap]

NOTE = f"""
local log = io.open("{LOG}", "a")
local function note(what, ...)
    local words = table.pack(...)
    for at = 1, words.n do words[at] = tostring(words[at]) end
    log:write(what, ": ", table.concat(words, " "), "\\n")
    log:flush()
end
"""

CASES = {
    "arguments": """
note("arg", #arg, arg[1], arg[2], math.type(arg[2]), arg[3])
note("opt", type(opt), next(opt))
note("global", rawget(_G, "arg"), rawget(_G, "opt"))
""",
    "macros": """
note("expand", rpm.expand("%{_datadir} %{nothing} %{?nothing} %{lua: print(1 + 1)}"))
rpm.define("mine() 1%{1}3")
note("define", rpm.expand("%mine 2"), rpm.isdefined("mine"), macros.mine({"2"}))
rpm.undefine("mine")
note("undefine", rpm.isdefined("mine"))
note("macros", macros._libdir, macros.nothing)
""",
    "versions": """
note("vercmp", rpm.vercmp("1.0", "1:0.9"), rpm.vercmp("1~rc", "1"), rpm.vercmp("2-1", "2-1"))
note("ver", rpm.ver("1:2-3").e, rpm.ver("1:2-3").v, rpm.ver("2") < rpm.ver("10"))
""",
    "strings": """
note("base64", rpm.b64encode("abc", 0), rpm.b64decode("YWJj"))
note("split", table.unpack(rpm.splitargs("a 'b c' d")))
note("unsplit", rpm.unsplitargs({"a", "b c"}))
""",
    "files": """
posix.mkdir("/usr/share/made")
note("stat", posix.stat("/usr/share/made", "type"), posix.stat("/usr/share/made", "mode"))
note("none", posix.stat("/usr/share/none"))
posix.symlink("made", "/usr/share/link")
note("link", posix.readlink("/usr/share/link"), posix.stat("/usr/share/link", "type"))
posix.chmod("/usr/share/made", "0700")
note("chmod", posix.stat("/usr/share/made", "mode"))
note("access", posix.access("/usr/share/made", "w"), posix.access("/usr/share/none"))
local names = posix.dir("/usr/share/made") table.sort(names)
note("dir", table.unpack(names))
note("glob", table.unpack(rpm.glob("/usr/share/mad*")))
note("rmdir", posix.rmdir("/usr/share/made"), posix.unlink("/usr/share/link"))
note("here", posix.getcwd(), posix.umask())
note("user", posix.getpasswd("root", "uid"), posix.getgroup("root").name)
note("open", pcall(rpm.open, "/usr/share/none"))
local file = rpm.open("/usr/share/file", "w") file:write("text") file:close()
note("read", rpm.open("/usr/share/file"):read())
""",
    "programs": """
note("execute", rpm.execute("sh", "-c", "exit 0"))
note("failing", rpm.execute("sh", "-c", "exit 3"))
note("missing", rpm.execute("/usr/bin/none"))
note("signal", rpm.execute("sh", "-c", "kill -9 $$"))
note("spawn", rpm.spawn({"cat", "/usr/share/none"}, {stderr = "/usr/share/err"}))
note("redirected", rpm.spawn({"sh", "-c", "cat; echo out"},
    {stdin = "/usr/share/one", stdout = "/usr/share/out"}))
for line in io.lines("/usr/share/out") do note("out", line) end
note("os", os.execute("exit 4"))
local pipe = io.popen("echo $0 $#; pwd") note("popen", pipe:read("a")) pipe:close()
""",
    "what is forbidden": """
note("exit", pcall(os.exit, 3))
note("fork", pcall(posix.fork))
note("exec", pcall(posix.exec, "/bin/sh"))
note("wait", pcall(posix.wait))
note("null", pcall(posix.redirect2null, 1))
""",
    "what there is": """
for _, name in ipairs({"rpm", "posix", "os", "io", "debug", "package", "macros"}) do
    local names = {}
    for key in pairs(type(_G[name]) == "table" and _G[name] or {}) do
        if key ~= "next_file" and key ~= "next_line" and key ~= "input" then
            names[#names + 1] = key
        end
    end
    table.sort(names)
    note(name, table.unpack(names))
end
note("version", _VERSION, package.path)
""",
    "an error": """
note("before")
error("on purpose")
note("after")
""",
    "nothing": "",
    "no newline at the end": 'note("last line")',
}


def root_of(directory: Path) -> Path:
    root = make_root(directory, ("sh", "cat", "mkdir"))
    add_rpm(root)
    add_programs(root, ["true"])
    for etc in (root / "etc", root / "usr/etc"):  # rpm's chroot has the one, the sandbox the other
        etc.mkdir(exist_ok=True)
        (etc / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (etc / "group").write_text("root:x:0:\n")
    (root / "usr/share/one").write_text("one\n")
    return root


@pytest.mark.parametrize("name", CASES)
def test_lua_finds_what_it_finds_in_rpm(name: str, scratch: Path) -> None:
    body = CASES[name].replace("%", "%%")  # rpmbuild expands it once
    sections = f"%post -p <lua>\n{NOTE}{body}\n" if body else "%post -p <lua>\n"
    package = build(scratch / "rpms", "one", sections, ["/usr/share/packaged"])
    theirs, ours = root_of(scratch / "by-rpm"), root_of(scratch / "by-us")
    said = transact(theirs, "-U", package)
    transact(ours, "-U", "--noscripts", package)
    made = plan(TreeChange(added=(read_package(package),), tools=tools_in(ours)))
    (outcome,) = run(made.after, sandbox_over(ours))
    assert take_log(ours) == take_log(theirs)
    assert bool(outcome.status) is ("lua script failed" in said), said


def test_old_packages_may_still_fork(scratch: Path) -> None:
    body = """
local child = posix.fork()
if child == 0 then posix.exec("/bin/sh", "-c", "echo from the child >> /usr/share/log") end
posix.wait(child)
note("parent goes on")
"""
    package = build(scratch / "rpms", "one", f"%post -p <lua>\n{NOTE}{body}\n")
    root = root_of(scratch / "root")
    scripts = read_package(package)
    old = tuple(replace(each, rpm_version="4.18.2") for each in scripts.scriptlets)
    made = plan(TreeChange(added=(replace(scripts, scriptlets=old),), tools=tools_in(root)))
    (outcome,) = run(made.after, sandbox_over(root))
    assert outcome.status == 0, outcome.output
    assert take_log(root) == "from the child\nparent goes on: \n"
