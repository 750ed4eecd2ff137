# SPDX-License-Identifier: LGPL-2.1-or-later
"""File capabilities: from the text in an RPM's header to the extended attribute on a file.

The text is that of `cap_from_text(3)`, the attribute the kernel's `struct vfs_cap_data` in its
second revision (https://man7.org/linux/man-pages/man7/capabilities.7.html). rpm hands the text to
libcap; doing that here keeps the import free of a library that no Python binding comes with.
"""

import re
import struct

from layering.package_errors import FormatError

XATTR = b"security.capability"

# In the order of their numbers (linux/capability.h).
_IN_ORDER = """
    chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio
    sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time
    sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog
    wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore
"""
_NAMES = _IN_ORDER.split()
_BITS = {f"cap_{name}": 1 << number for number, name in enumerate(_NAMES)}
_ALL = (1 << len(_NAMES)) - 1
_BITS["all"] = _ALL
_NUMBERS = 64  # that the attribute has room for
_REVISION_2 = 0x02000000
_EFFECTIVE = 0x000001
# An empty list means all capabilities, and then the first thing done to it must be "=".
_CLAUSE = re.compile(r"(?=[^+-])([A-Za-z0-9_,]*)((?:=[eip]*|[+-][eip]+)(?:[+-][eip]+)*)")
_ACTION = re.compile(r"([=+-])([eip]*)")


def capability_xattr(text: str) -> bytes:
    """Returns the value of `security.capability` for a text such as "cap_net_raw=ep".

    Raises:
        FormatError: the text is none, or means what the attribute cannot hold.
    """
    effective, inheritable, permitted = (_sets(text)[flag] for flag in "eip")
    # A file has one bit for all of the effective set: whole, or empty.
    if effective and effective != permitted | inheritable:
        raise FormatError(f"capabilities {text!r} are not all effective, or none")
    low = 0xFFFFFFFF
    return struct.pack(
        "<5I",
        _REVISION_2 | (_EFFECTIVE if effective else 0),
        permitted & low,
        inheritable & low,
        permitted >> 32,
        inheritable >> 32,
    )


def _sets(text: str) -> dict[str, int]:
    sets = dict.fromkeys("eip", 0)
    for clause in text.split():
        match = _CLAUSE.fullmatch(clause)
        if not match:
            raise FormatError(f"capabilities {text!r} cannot be read")
        bits = _bits(match[1], text)
        for operator, flags in _ACTION.findall(match[2]):
            _apply(sets, bits, operator, flags)
    return sets


def _apply(sets: dict[str, int], bits: int, operator: str, flags: str) -> None:
    for flag in sets:
        if operator == "=" or (operator == "-" and flag in flags):
            sets[flag] &= ~bits
        if operator in "=+" and flag in flags:
            sets[flag] |= bits


def _bits(names: str, text: str) -> int:
    """Returns the capabilities that a list names; an empty list is all of them."""
    bits = 0
    for name in names.lower().split(",") if names else ["all"]:
        if name.isdigit() and int(name) < _NUMBERS:
            bits |= 1 << int(name)
        elif name in _BITS:
            bits |= _BITS[name]
        else:
            raise FormatError(f"capabilities {text!r} hold the unknown {name!r}")
    return bits
