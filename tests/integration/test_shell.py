# SPDX-License-Identifier: LGPL-2.1-or-later
"""`overlay shell`: in a tree as its scripts were, for a person to look around."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.hosts import Ended, Host, command

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]


def inside(host: Host, *words: str) -> Ended:
    return host.run("shell", *words)


def test_a_command_runs_in_the_pending_tree_and_its_status_is_ours(host: Host) -> None:
    host.change("install", "tree")
    assert inside(host, "--", "sh", "-c", "echo $HOME; exit 7") == Ended(
        status=7, stdout="/root\n", stderr=""
    )
    assert inside(host, "--", "rpm", "-q", "--qf", "%{NAME}\n", "tree").stdout == "tree\n"
    assert inside(host, "0", "--", "test", "-x", "/usr/bin/tree").status == 0


@pytest.mark.parametrize("name", ["1", "commit", "ref"])
def test_any_tree_can_be_entered(host: Host, name: str) -> None:
    host.change("install", "tree")
    named = {"1": "1", "commit": host.base, "ref": host.tree}[name]
    assert inside(host, named, "--", "test", "-e", "/usr/bin/tree").status == 1
    assert inside(host, named, "--", "test", "-e", "/usr/bin/env").status == 0


def test_what_is_changed_inside_is_thrown_away(host: Host) -> None:
    script = "rm -rf /usr/lib/* /usr/share/*; echo gone > /usr/bin/sh; echo x > /etc/x"
    assert inside(host, "--", "/bin/sh", "-c", script).status == 0
    assert inside(host, "--", "/bin/sh", "-c", "test ! -e /etc/x").status == 0
    assert host.leftovers() == []
    host.fsck()


def test_there_is_no_network_and_nothing_of_this_machine(stable: Host, scratch: Path) -> None:
    mine = scratch / "mine"
    mine.touch()
    assert inside(stable, "--", "test", "-e", str(mine)).status == 1
    assert inside(stable, "--", "cat", "/proc/net/dev").stdout.count(":") == 1  # lo alone


def test_others_go_on_working_while_somebody_is_inside(host: Host) -> None:
    argv = host.argv("shell", "--", "sh", "-c", "echo in; read line")
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline() == "in\n"
        host.change("install", "tree")
        assert host.overlay("-q", "cleanup").status == 0
        process.stdin.write("\n")
        process.stdin.close()
        assert process.wait() == 0
    host.fsck()
    assert host.leftovers() == []


@contextmanager
def somebody_inside(host: Host, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """Somebody who is in a tree by now, and whose shell does what is written to it."""
    argv = host.argv("shell", *words, "--", "sh")
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert told(process, "echo in") == "in"
        yield process
        process.communicate("exit 5\n")
        assert process.returncode == 5


def told(process: "subprocess.Popen[str]", line: str) -> str:
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return process.stdout.readline().rstrip("\n")


COUNT = "find /usr -xdev -type f -exec cat {} + | sha256sum"


def test_the_tree_stays_whole_when_its_deployment_and_its_commit_go(host: Host) -> None:
    host.change("install", "tree")
    commit, entered = host.checksum(), host.checkout()
    with somebody_inside(host) as process:
        whole = told(process, COUNT)
        host.change("uninstall", "tree")
        host.change("install", "strace")
        host.change("uninstall", "strace")
        assert not entered.exists()
        assert told(process, COUNT) == whole
        assert host.overlay("-q", "cleanup", "--rollback", "--pending", "--cache").status == 0
        assert not list(host.repo.glob(f"objects/{commit[:2]}/{commit[2:]}.commit"))
        assert told(process, COUNT) == whole
        assert told(process, "tree --version >/tmp/x; rm /usr/bin/tree; echo $?") == "0"
    host.fsck()
    assert host.leftovers() == []


def test_a_prune_waits_for_nobody_who_is_inside(host: Host) -> None:
    host.change("install", "tree")
    command("ostree", "config", f"--repo={host.repo}", "set", "core.lock-timeout-secs", "1")
    with somebody_inside(host):
        ended = host.overlay("cleanup", "--rollback", "--cache")
        assert (ended.status, ended.stderr.count("error")) == (0, 0)
        command("ostree", "prune", f"--repo={host.repo}", "--refs-only")
    host.fsck()


SLEEP = f"sleep\0{3600 + os.getpid()}"


def read(cmdline: Path) -> str:
    try:
        return cmdline.read_text()
    except OSError:  # it has ended
        return ""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_whatever_ends_it_the_next_command_leaves_nothing(
    host: Host, number: signal.Signals
) -> None:
    outer = [sys.executable, "-c", "from layering.cli import run; run()", f"--sysroot={host.path}"]
    inner = ["sh", "-c", f"echo in; rm -r /usr/share/*; {SLEEP.replace(chr(0), ' ')} & sleep 3600"]
    with subprocess.Popen(
        [*outer, "shell", "--", *inner], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        process.send_signal(number)
        process.communicate()  # when nobody has its output open any more
    assert host.overlay("-q", "cleanup").status == 0
    assert host.leftovers() == []
    assert [each for each in Path("/proc").glob("[0-9]*/cmdline") if SLEEP in read(each)] == []
    host.fsck()


def test_only_root_can_enter(stable: Host) -> None:
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    prefix += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"]
    done = subprocess.run(
        [*prefix, *stable.argv("shell")], capture_output=True, text=True, check=False, cwd="/"
    )
    assert (done.returncode, done.stderr) == (
        1,
        f"error: entering a tree needs root: sysroot {stable.path}\n"
        "hint: run it with sudo or as root\n",
    )


def test_what_is_no_tree_is_named(stable: Host) -> None:
    for words, message in (
        (["7"], f"no deployment 7, they are 0 to 0: sysroot {stable.path}"),
        (["no/such"], f"no such commit: no/such in repository {stable.repo}"),
        (["--replay", "--", "ls"], "--replay runs a script: no other command"),
    ):
        ended = stable.overlay("shell", *words)
        assert ended.stderr.splitlines()[0] == f"error: {message}"


def test_on_a_terminal_it_says_that_nothing_stays(stable: Host) -> None:
    """And gives the shell a terminal of its own."""
    ours, theirs = os.openpty()
    with subprocess.Popen(stable.argv("shell"), stdin=theirs, stdout=theirs, stderr=theirs) as run:
        os.close(theirs)
        os.write(ours, b"tty; exit 3\n")
        said = b""
        while True:
            try:
                data = os.read(ours, 4096)
            except OSError:  # how a terminal ends whose other side is gone
                break
            if not data:
                break
            said += data
        assert run.wait() == 3
    os.close(ours)
    assert f"In the tree of {stable.base[:12]}; changes are thrown away.".encode() in said
    assert b"/dev/pts/" in said or b"/dev/console" in said
