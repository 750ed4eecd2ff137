# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line on a running system: in a sandbox that looks like one."""

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import BASE, binary
from tests.rpms import Spec, build_rpm
from tests.sysroots import REF, TestSysroot, make_sysroot, run

pytestmark = [pytest.mark.root, pytest.mark.bwrap]

# What every program begins with: `overlay`, a command that shows how it ended, and a systemd that
# writes down what it is asked.
HEAD = """
import os, subprocess, sys
from pathlib import Path

def overlay(*words):
    command = "import sys; from layering.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", command, "--progress=none", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    print(done.stdout, end="")
    if done.returncode:
        print("status", done.returncode)

def systemd(**answers):
    for name, script in answers.items():
        path = Path("/run/answers", name)
        path.write_text("#!/bin/sh\\n" + script)
        path.chmod(0o755)

def shut_down():
    subprocess.run(["ostree", "admin", "finalize-staged"], check=True, capture_output=True)

CALM = 'case "$1" in reboot) echo "$@" >>/run/asked ;; is-failed) exit 1 ;; esac'

def asked():
    print("asked of systemd:", Path("/run/asked").read_text().strip())

os.environ["PATH"] = "/run/answers:" + os.environ["PATH"]
Path("/run/answers").mkdir()
Path("/run/asked").touch()
systemd(systemctl=CALM)
SOURCE = "--repofrompath=tests,/sysroot/repository"
"""


PACKAGES = ", ".join(f"('{name}', '0', '1', '1', 'noarch')" for name in BASE)


@pytest.fixture
def made(ground: Path, repository: Path) -> TestSysroot:
    """A host with the command line tests' base, and their repository where it can see it.

    The base's commit has a list of its packages, as those of rpm-ostree and of ours do.
    """
    directory = Path(tempfile.mkdtemp(prefix="booted-", dir=ground))
    rpms = [build_rpm(directory, f"{name}-1-1.noarch", Spec(files=binary(name))) for name in BASE]
    made = make_sysroot(directory / "sysroot", rpms=rpms, deploy=False)
    shutil.copytree(repository, made.path / "repository")
    listed = f"--add-metadata=rpmostree.rpmdb.pkglist=[{PACKAGES}]"
    again = ["--bootable", "--add-metadata-string=version=1", "--timestamp=@1700000000", listed]
    command = ["ostree", "commit", f"--repo={made.repo}", f"--branch={REF}", f"--tree=ref={REF}"]
    made = replace(made, commit=run(*command, *again).strip())
    made.deploy(REF, "--karg=root=LABEL=test", "--karg=quiet")
    return made


def test_what_is_staged_is_shown_against_what_runs(made: TestSysroot) -> None:
    program = """
overlay("install", SOURCE, "app", "--uninstall=nothing") # fails
overlay("install", SOURCE, "app", "-q")
overlay("status")
overlay("diff", "--packages")
overlay("install", "-n", SOURCE, "setup", "-q")
"""
    refused, *lines = made.booted(HEAD + program).splitlines()
    assert refused.startswith("error: nobody requested 'nothing'")
    new = next(line.split()[1] for line in lines if "commit:" in line)
    shown = lines[lines.index("  0: test/base (1) [staged]") :]
    assert shown == [
        "  0: test/base (1) [staged]",
        "     stateroot:  test",
        f"     commit:     {new}",
        f"     base:       {made.commit}",
        "     timestamp:  2023-11-14T22:13:20Z",
        "     requested:  app",
        "     layers:     3 packages",
        "     changes:    3 added",
        "",
        "● 1: test/base (1) [booted]",
        "     stateroot:  test",
        f"     commit:     {made.commit}",
        "     timestamp:  2023-11-14T22:13:20Z",
        "Added:",
        "  app-1-1.noarch",
        "  extra-1-1.noarch",
        "  lib-1-1.noarch",
    ]


def test_a_locked_tree_is_told_and_a_reboot_comes_after_something_was_done(
    made: TestSysroot,
) -> None:
    program = """
overlay("install", SOURCE, "tool", "-q", "--lock-finalization")
overlay("status")
overlay("finalize")
overlay("install", SOURCE, "tool", "-r")
overlay("kargs", "--append-if-missing=quiet", "--reboot")
overlay("upgrade", "-r")
asked()
overlay("kargs", "--append=x", "--reboot")
asked()
overlay("finalize", "-r")
asked()
"""
    lines = made.booted(HEAD + program).splitlines()
    assert lines[:2] == [
        "  0: test/base (1) [staged, locked]",
        "     finalization locked: 'overlay finalize' releases it",
    ]
    end = lines[lines.index("● 1: test/base (1) [booted]") + 4 :]
    new = lines[3].split()[1]
    assert end == [
        f"test-{new}.0 is finalized at the next shutdown.",
        "Nothing to do.",
        "Nothing to do.",
        "No upgrade available.",
        "asked of systemd: ",
        "Kernel arguments: root=LABEL=test quiet x",
        f"test-{new}.1 is staged for the next boot.",
        "Rebooting.",
        "asked of systemd: reboot",
        f"error: not locked, it is finalized at shutdown anyway: test-{new}.1: sysroot /",
        "status 1",
        "asked of systemd: reboot",
    ]


def test_a_second_command_does_not_release_what_waits_for_the_word(made: TestSysroot) -> None:
    program = """
overlay("-q", "kargs", "--append=first", "--lock-finalization")
overlay("-q", "install", SOURCE, "tool")
overlay("-q", "kargs", "--append=second")
overlay("status")
"""
    lines = made.booted(HEAD + program).splitlines()
    assert lines[0] == "  0: test/base (1) [staged, locked]"
    assert "     requested:  tool" in lines


def test_a_finalization_that_failed_is_the_first_thing_that_is_told(made: TestSysroot) -> None:
    program = """
overlay("status")
systemd(systemctl='case "$1" in is-failed) exit 0 ;; esac', journalctl="echo 'error: no space'")
overlay("status")
overlay("--color=always", "status", "-q")
overlay("status", "--json")
"""
    told = made.booted(HEAD + program)
    head = "● 0: test/base (1) [booted]\n"
    notice = (
        "THE STAGED DEPLOYMENT DID NOT TAKE EFFECT: ostree-finalize-staged.service failed at the "
        "last shutdown."
    )
    rest = (
        "\n  error: no space\n"
        "The system booted what it had before. Mend the cause, and stage the change again.\n\n"
    )
    before, plain, loud = told.split(head)[:3]
    assert (before, plain.partition(notice)[2]) == ("", rest)
    assert loud.endswith(f"\x1b[31m\x1b[1m{notice}\x1b[0m{rest}")
    document = json.loads(told[told.index("{") :])
    assert document["finalization_failure"] == {
        "unit": "ostree-finalize-staged.service",
        "journal": ["error: no space"],
    }


def test_without_anything_pending_the_rollback_is_what_differs(made: TestSysroot) -> None:
    listed = f"--add-metadata=rpmostree.rpmdb.pkglist=[{PACKAGES.replace(BASE[0], 'other')}]"
    command = ["ostree", "commit", f"--repo={made.repo}", f"--branch={REF}", f"--tree=ref={REF}"]
    newer = replace(made, commit=run(*command, "--bootable", listed).strip())
    newer.deploy(REF)
    program = 'overlay("diff", "--packages")'
    assert newer.booted(HEAD + program).splitlines() == [
        "Added:",
        "  other-1-1.noarch",
        "Removed:",
        f"  {BASE[0]}-1-1.noarch",
    ]


def test_a_tree_that_waits_for_the_boot_is_what_differs(made: TestSysroot) -> None:
    program = """
overlay("install", SOURCE, "tool", "-q")
shut_down()
overlay("diff", "--packages")
overlay("cleanup", "-p", "-q")
overlay("diff", "--packages")
"""
    assert made.booted(HEAD + program).splitlines() == [
        "Added:",
        "  tool-1-1.noarch",
        "error: stateroot test has one deployment: nothing to compare it with",
        "hint: name a commit or ref: overlay diff FROM [TO]",
        "status 1",
    ]


def test_what_scripts_write_is_kept_with_the_other_logs_of_the_running_system(
    made: TestSysroot,
) -> None:
    program = """
from layering.cli.session import cache_directory, log_directory
from layering.sysroot import Sysroot
running = Sysroot.open(Path("/"))
os.environ.pop("OVERLAY_CACHE_DIR", None)
print(log_directory(running, None), cache_directory(running, None))
os.environ["OVERLAY_CACHE_DIR"] = "/elsewhere"
print(log_directory(running, None), cache_directory(running, None))
"""
    assert made.booted(HEAD + program).splitlines() == [
        "/var/log/overlay /var/cache/overlay",
        "/elsewhere/log /elsewhere",
    ]
