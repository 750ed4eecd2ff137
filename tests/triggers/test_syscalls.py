# SPDX-License-Identifier: LGPL-2.1-or-later
"""The filter of system calls: by its own text, and by what a kernel makes of it."""

import errno
import os
import struct
from pathlib import Path

import pytest

from tests.triggers.roots import make_root, sandbox_over
from triggers import Invocation, Outcome, Phase, run
from triggers.syscalls import filter_program

X86_64, I386, AARCH64, ARM, PPC64LE, RISCV64, S390X = (
    *(0xC000003E, 0x40000003, 0xC00000B7, 0x40000028, 0xC0000015, 0xC00000F3),
    0x80000016,
)
ALLOWED = 0
NEW_USER, NEW_PROCESS = 0x10000000, 0x20000000


def answer(machine: int, number: int, first: int = 0) -> int:
    """Returns the error that a call meets, by linux/bpf_common.h's rules for a program."""
    program = list(struct.iter_unpack("=HBBI", filter_program()))
    data = struct.pack("<IIQ6Q", number, machine, 0, first, *(0,) * 5)
    at, loaded = 0, 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        if code == 0x20:
            (loaded,) = struct.unpack_from("<I", data, value)
        elif code == 0x06:
            return ALLOWED if value == 0x7FFF0000 else value & 0xFFFF
        else:
            holds = {0x15: loaded == value, 0x35: loaded >= value, 0x45: loaded & value != 0}[code]
            at += yes if holds else no


# The numbers of asm/unistd.h: add_key, request_key, keyctl, unshare, clone; and of two others.
NUMBERS = {
    X86_64: (248, 249, 250, 272, 56),
    I386: (286, 287, 288, 310, 120),
    AARCH64: (217, 218, 219, 97, 220),
    ARM: (309, 310, 311, 337, 120),
    PPC64LE: (269, 270, 271, 282, 120),
    RISCV64: (217, 218, 219, 97, 220),
}


@pytest.mark.parametrize("machine", NUMBERS)
def test_keyrings_are_not_there_and_user_namespaces_are_refused(machine: int) -> None:
    *keys, unshare, clone = NUMBERS[machine]
    assert [answer(machine, number) for number in keys] == [errno.ENOSYS] * 3
    assert answer(machine, 435) == errno.ENOSYS  # clone3
    for number in (unshare, clone):
        assert answer(machine, number, NEW_USER | NEW_PROCESS) == errno.EPERM
        assert answer(machine, number, NEW_PROCESS) == ALLOWED


@pytest.mark.parametrize("machine", NUMBERS)
def test_everything_else_is_allowed(machine: int) -> None:
    named = {*NUMBERS[machine], 435}
    answers = {answer(machine, number, NEW_USER) for number in range(600) if number not in named}
    assert answers == {ALLOWED}


def test_another_machine_is_not_filtered() -> None:
    assert {answer(S390X, number, NEW_USER) for number in range(600)} == {ALLOWED}


def test_the_third_set_of_numbers_is_no_way_around() -> None:
    assert answer(X86_64, 0x40000000 | 250) == errno.ENOSYS


needs_known_machine = pytest.mark.skipif(
    os.uname().machine not in ("x86_64", "aarch64"), reason="numbers are known of two machines"
)


def sandboxed(body: str, root: Path) -> Outcome:
    script = Invocation(
        phase=Phase.POST,
        owner="foo-1-1.noarch",
        label="%post(foo-1-1.noarch)",
        interpreter=("/bin/sh",),
        body=body,
        why="a test",
    )
    (outcome,) = run([script], sandbox_over(root))
    return outcome


@pytest.mark.bwrap
@needs_known_machine
def test_a_script_makes_no_user_namespace(scratch: Path) -> None:
    root = make_root(scratch / "root", ("sh", "unshare", "true"))
    outcome = sandboxed("unshare --user true && echo got", root)
    assert "Operation not permitted" in outcome.output
    assert "got" not in outcome.output


@pytest.mark.bwrap
@needs_known_machine
def test_every_process_of_a_script_is_filtered(scratch: Path) -> None:
    root = make_root(scratch / "root", ("sh", "cat"))
    output = sandboxed("(cat /proc/self/status)", root).output
    status = dict(line.split(":\t", 1) for line in output.splitlines() if ":\t" in line)
    assert status["Seccomp"] == "2"  # a filter
