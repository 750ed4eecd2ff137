# SPDX-License-Identifier: LGPL-2.1-or-later
"""The extended attributes that a package's header gives a file: capabilities, and a signature.

A signature for the kernel's integrity measurement (IMA) is kept for the files that rpm's own plugin
signs (`plugins/ima.c` in https://github.com/rpm-software-management/rpm). Signatures of fs-verity
are not: a file has one measurement, which OSTree's own verification of a whole tree is about.
"""

from layering.capabilities import XATTR, capability_xattr
from layering.fileentries import FileEntry
from layering.package_errors import FormatError, shown
from layering.rpmtags import FileFlag

IMA_XATTR = b"security.ima"

_IMA_HEAD = 9  # bytes; all of them are zero in what stands for no signature
_CONFIG = int(FileFlag.CONFIG)


def attributes(entry: FileEntry) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the names and values, sorted; FormatError for capabilities that cannot be read."""
    found = []
    if entry.capabilities:
        try:
            found.append((XATTR, capability_xattr(entry.capabilities)))
        except FormatError as error:
            raise FormatError(f"{shown(entry.path)}: {error}") from None
    if entry.signature and _is_signed(entry):
        found.append((IMA_XATTR, entry.signature))
    return tuple(found)


def _is_signed(entry: FileEntry) -> bool:
    head = entry.signature[:_IMA_HEAD]
    # Configuration may be changed, which a signature would not survive; programs are not.
    changes = int(entry.flags) & _CONFIG and not entry.mode & 0o111
    return len(head) == _IMA_HEAD and any(head) and not changes
