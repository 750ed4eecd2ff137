# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lua scriptlets, run by the tree's own rpm instead of inside ours.

rpm runs `-p <lua>` in its own process, with the host's privileges and rpm's extensions. Here the
tree's `rpmlua`, or its `rpm` where that is missing, runs the same text in the sandbox. A prelude on
the body's first line (so that line numbers in messages stay) supplies what the scriptlet slot adds
to the language: numbers in `arg`; the reader of a file trigger's paths, which has had several
names; and with which rpm the package was built, by which rpm tells whether a script may still
`posix.fork`. One thing differs: rpm has one interpreter for a whole transaction, so that a global
of one script is there in the next. https://rpm.org/docs/latest/man/rpm-lua.7, rpm's
lib/rpmscript.cc (runLuaScript) and rpmio/rpmlua.cc.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

LUA = "<lua>"

_READER = "rpm.next_file = function() return io.read('l') end "
_READER += "rpm.next_line = rpm.next_file rpm.input = rpm.next_file "


@dataclass(frozen=True, slots=True, kw_only=True)
class LuaRun:
    """How to run a Lua body: a program that gets the body's file as its next argument."""

    interpreter: tuple[str, ...]
    body: str


def lua_run(
    body: str,
    *,
    arguments: int,
    reads: bool,
    prefixes: tuple[str, ...],
    rpm_version: str,
    formatted: bool = False,
    tools: Callable[[str], bool],
) -> LuaRun | None:
    """Returns how the tree runs a Lua scriptlet with so many `arguments`, None if it cannot.

    `reads` says whether it is a file trigger that gets paths to read; `rpm_version` is that of the
    rpm which built the package, "" if it did not say. If `formatted`, the whole is a query format.
    """
    prelude = f"arg[1] = '{LUA}' "
    prelude += "".join(f"arg[{each}] = tonumber(arg[{each}]) " for each in range(2, arguments + 2))
    prelude += _READER if reads else ""
    if rpm_version:
        prelude += f"debug.getregistry().RPM_PACKAGE_RPMVERSION = {_quoted(rpm_version)} "
    if prefixes:
        prelude += f"RPM_INSTALL_PREFIX = {{{', '.join(map(_quoted, prefixes))}}} "
    if formatted:
        prelude = re.sub(r"[\\\[\]{}%]", r"\\\g<0>", prelude)
    if tools("rpmlua"):
        return LuaRun(interpreter=("rpmlua",), body=prelude + body)
    if tools("rpm"):
        return LuaRun(interpreter=_through_eval(), body=prelude + body)
    return None


def _through_eval() -> tuple[str, ...]:
    # `rpm --eval` takes no arguments for the Lua chunk, so a shell hands them over in the
    # environment; the chunk prints through a macro, which is why print is put back to plain output.
    chunk = (
        "%{lua: _G.arg = {} _G.opt = {} for word in os.getenv('OVERLAY_ARGS'):gmatch('[^ ]+') do "
        "_G.arg[#_G.arg + 1] = word end _G.print = function(...) local words = table.pack(...) "
        "for at = 1, words.n do words[at] = tostring(words[at]) end "
        "io.write(table.concat(words, '\\t'), '\\n') end "
        "local chunk, why = loadfile(_G.arg[1]) local fine = chunk "
        "if chunk then fine, why = pcall(chunk) end io.flush() "
        "if not fine then io.stderr:write(tostring(why), '\\n') error('failed') end}"
    )
    script = 'OVERLAY_ARGS=$* exec rpm --eval "$0"'
    return ("/bin/sh", "-c", script, chunk)


def _quoted(text: str) -> str:
    escaped = "".join(f"\\{byte:03d}" for byte in text.encode("utf-8", "surrogateescape"))
    return f"'{escaped}'"
