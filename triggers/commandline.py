# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command inside the sandbox, and the line for a shell that runs an invocation again by hand.

The line holds the script, what it reads, and the sandbox. It works in any POSIX shell for as long
as the tree is mounted and the scratch directories beside it are there: in the run itself, or where
they have been kept.
"""

import re
import shlex

from triggers.invocation import Invocation
from triggers.phase import Phase
from triggers.sandbox import PATH, SCRIPT_DIRECTORY, Descriptors, Sandbox

# Numbers in the line: 3 is the script, 4 is empty, 5 is what the script reads.
_REPLAYED = Descriptors(null=4, script=3)


def script_path_of(invocation: Invocation) -> str | None:
    """Returns where an invocation's script is in the sandbox: what it sees as $0."""
    if invocation.body is None:
        return None
    # An owner is text from a package header: it must not lead out of the directory.
    name = re.sub(r"[^\w.+~^:-]", "-", f"{invocation.owner}.{invocation.phase.strip('%')}")
    return f"{SCRIPT_DIRECTORY}/{name}"


def command_of(invocation: Invocation) -> tuple[str, ...]:
    """Returns the command inside the sandbox: as rpm calls it, interpreter, script, arguments."""
    path = script_path_of(invocation)
    return (*invocation.interpreter, *([path] if path else []), *invocation.args)


def environment_of(invocation: Invocation) -> tuple[tuple[str, str], ...]:
    """Returns the variables that an invocation has on top of the sandbox's own.

    Built-in triggers, dracut for one, find the tree's tools alone.
    """
    path = (("PATH", PATH),) if invocation.phase is Phase.BUILTIN else ()
    return (*path, *invocation.environment)


def replay_line(invocation: Invocation, sandbox: Sandbox) -> str:
    """Returns the line for a shell: the sandbox, without limits and filter of system calls."""
    argv = sandbox.argv(
        command_of(invocation),
        descriptors=_REPLAYED,
        script_path=script_path_of(invocation),
        environment=environment_of(invocation),
    )
    line = f"{shlex.join(argv)} 4</dev/null"
    reads = invocation.stdin is not None
    source = "<&5" if reads else "</dev/null"
    if invocation.body is None:
        line = f"{line} {source}"
    else:
        line = f"printf %s {shlex.quote(invocation.body)} | {line} 3<&0 {source}"
    if invocation.stdin is not None:
        text = invocation.stdin.decode("utf-8", "surrogateescape")
        line = f"printf %s {shlex.quote(text)} | {{ {line}; }} 5<&0"
    return line
