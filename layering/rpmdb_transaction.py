# SPDX-License-Identifier: LGPL-2.1-or-later
"""The librpm transaction that records packages in an rpmdb: a program run by `layering.rpmdb`.

librpm compares file paths by what their directories are on disk, below a root that it changes to
for the while, and takes its settings from process-wide macros and the environment. In a process of
its own neither the caller's root, working directory and signals nor its settings are touched, a
hostile header can break nothing else, and the result depends on the request alone. Nothing is
imported from this project, so that the file runs by its path.

The standard input is a file: a request in JSON, as long as the argument says, then one header-only
RPM after the other, of the sizes that the request gives.
"""

import ctypes
import json
import os
import platform
import struct
import sys
from typing import Any

import rpm

# Whatever /etc/rpm/macros of this machine says, these are what the result depends on.
_MACROS = {
    "_db_backend": "sqlite",
    "_keyring": "fs",  # not the database's: keys are no part of a layer
    "_keyringpath": "/nowhere",
    "_install_langs": "all",
    "_netsharedpath": "%{nil}",
    "_excludedocs": "0",
    "_minimize_writes": "0",
    "_pkgverify_level": "none",  # verified before import; there is no payload here
    "_sqlite_vacuum_kb": "0",  # rpm's own default
    "_flush_io": "0",
    "__systemd_sysusers": "%{nil}",
}
_FLAGS = (
    rpm.RPMTRANS_FLAG_JUSTDB
    | rpm.RPMTRANS_FLAG_NOSCRIPTS
    | rpm.RPMTRANS_FLAG_NOTRIGGERS
    | rpm.RPMTRANS_FLAG_NOPLUGINS
    | rpm.RPMTRANS_FLAG_NOCONTEXTS
    | rpm.RPMTRANS_FLAG_NOCAPS
)
# The set was solved, and its files compared, before: nothing is left for librpm to object to.
_FILTERS = (
    rpm.RPMPROB_FILTER_IGNOREOS
    | rpm.RPMPROB_FILTER_IGNOREARCH
    | rpm.RPMPROB_FILTER_REPLACEPKG
    | rpm.RPMPROB_FILTER_REPLACENEWFILES
    | rpm.RPMPROB_FILTER_REPLACEOLDFILES
    | rpm.RPMPROB_FILTER_OLDPACKAGE
    | rpm.RPMPROB_FILTER_DISKSPACE
    | rpm.RPMPROB_FILTER_DISKNODES
)
# By machine: its number for seccomp (linux/audit.h), and those of its fsync, fdatasync, syncfs.
_SYNCS = {
    "x86_64": (0xC000003E, (74, 75, 306)),
    "aarch64": (0xC00000B7, (82, 83, 267)),
}
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_ALLOW, _SUCCEED = 0x7FFF0000, 0x00050000  # the latter is an error number of 0, without the call


def _forget_syncs() -> None:
    """Makes every wait for the disk succeed at once, where the kernel and machine are known.

    The database is a copy, which a crash would discard with all else of the operation. librpm,
    however, syncs whole file systems, which takes as long as there is anything left to write.
    """
    if platform.machine() not in _SYNCS:
        return
    machine, calls = _SYNCS[platform.machine()]
    rules = [(_LOAD, 0, 0, 4), (_JUMP_IF_EQUAL, 0, len(calls) + 1, machine), (_LOAD, 0, 0, 0)]
    rules += [(_JUMP_IF_EQUAL, len(calls) - at, 0, call) for at, call in enumerate(calls)]
    rules += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _SUCCEED)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
    filters = struct.pack("@HP", len(rules), ctypes.addressof(program))
    prctl = ctypes.CDLL(None).prctl
    if prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, filters, 0, 0)  # refused: only slower


def _add(ts: Any, offset: int, sizes: list[int]) -> None:
    packages = []
    for size in sizes:
        os.lseek(0, offset, os.SEEK_SET)
        header = ts.hdrFromFdno(0)
        packages.append((header["nevra"], offset, header))
        offset += size
    # librpm numbers packages as they come: in the order of names, the set alone decides.
    for _nevra, offset, header in sorted(packages, key=lambda package: package[0]):
        ts.addInstall(header, offset, "i")


def _remove(ts: Any, nevras: list[str]) -> None:
    for nevra in sorted(nevras):
        name = nevra.rsplit(".", 1)[0].rsplit("-", 2)[0]
        found = [header for header in ts.dbMatch("name", name) if header["nevra"] == nevra]
        if not found:
            raise SystemExit(f"not installed: {nevra}")
        for header in found:
            ts.addErase(header)


def _opened(what: int, _amount: int, _total: int, key: object, _data: object) -> int | None:
    if what == rpm.RPMCALLBACK_INST_OPEN_FILE and isinstance(key, int):
        os.lseek(0, key, os.SEEK_SET)
        return 0
    return None


def main() -> None:
    """Does what the request on the standard input says; a failure is told on standard error."""
    _forget_syncs()
    length = int(sys.argv[1])
    request = json.loads(os.pread(0, length, 0))
    for name, value in _MACROS.items():
        rpm.addMacro(name, value)
    for name, bits in zip(("_transaction_color", "_prefer_color"), request["colours"], strict=True):
        rpm.addMacro(name, str(bits))
    rpm.addMacro("_dbpath", request["database"])
    rpm.addMacro("_rpmlock_path", f"{request['database']}/.rpm.lock")
    ts = rpm.TransactionSet(request["root"])
    ts.setVSFlags(-1)
    ts.setVfyLevel(0)
    ts.setFlags(_FLAGS)
    ts.setProbFilter(_FILTERS)
    if request["create"]:
        ts.initDB()
    _remove(ts, request["remove"])
    _add(ts, length, request["sizes"])
    problems = ts.run(_opened, None)
    ts.closeDB()
    if problems is not None and problems != []:
        raise SystemExit("; ".join(str(problem) for problem in problems) or "librpm gave no reason")


if __name__ == "__main__":
    main()
