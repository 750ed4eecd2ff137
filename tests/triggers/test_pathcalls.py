# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of system calls holds together; strace judges it by use (`test_observer`)."""

from triggers.pathcalls import MACHINES, Kind


def test_a_call_that_one_machine_has_under_a_newer_name_is_seen_on_both() -> None:
    x86, arm = (
        {call.name for call in MACHINES[name].calls.values()} for name in ("x86_64", "aarch64")
    )
    assert arm - x86 == set()
    # aarch64 has never had these: their kin with a directory's descriptor are used.
    assert x86 - arm == {
        *("open", "creat", "stat", "lstat", "access", "readlink", "getdents", "uselib"),
        *("mkdir", "mknod", "chmod", "chown", "lchown", "utime", "utimes", "futimesat"),
        *("unlink", "rmdir", "rename", "link", "symlink", "alarm"),
    }


def test_whatever_is_in_doubt_says_why_and_nothing_else_does() -> None:
    for machine in MACHINES.values():
        for call in machine.calls.values():
            assert bool(call.doubt) == (call.kind is Kind.DOUBT), call.name
