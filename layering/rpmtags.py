# SPDX-License-Identifier: LGPL-2.1-or-later
"""Numbers of the RPM format: tags, types of values, digest algorithms, flags of files.

They are rpm's own (https://rpm-software-management.github.io/rpm/manual/tags.html), under the names
that rpm gives them.
"""

from enum import IntEnum, IntFlag


class Tag(IntEnum):
    """The tags of a header, or of an rpmdb's record, that this room reads by name."""

    NAME = 1000
    VERSION = 1001
    RELEASE = 1002
    EPOCH = 1003
    BUILDTIME = 1006
    SIZE = 1009
    ARCH = 1022
    OLDFILENAMES = 1027
    FILESIZES = 1028
    FILESTATES = 1029
    FILEMODES = 1030
    FILERDEVS = 1033
    FILEMTIMES = 1034
    FILEDIGESTS = 1035
    FILELINKTOS = 1036
    FILEFLAGS = 1037
    FILEUSERNAME = 1039
    FILEGROUPNAME = 1040
    FILEDEVICES = 1095
    FILEINODES = 1096
    SOURCEPACKAGE = 1106
    DIRINDEXES = 1116
    BASENAMES = 1117
    DIRNAMES = 1118
    ORIGDIRINDEXES = 1119
    ORIGBASENAMES = 1120
    ORIGDIRNAMES = 1121
    PAYLOADFORMAT = 1124
    PAYLOADCOMPRESSOR = 1125
    FILECOLORS = 1140
    LONGFILESIZES = 5008
    LONGSIZE = 5009
    FILECAPS = 5010
    FILEDIGESTALGO = 5011
    FILESIGNATURES = 5090
    PAYLOADSHA256 = 5092
    PAYLOADSHA256ALGO = 5093
    PAYLOADSHA256ALT = 5097
    PAYLOADSHA512 = 5121
    PAYLOADSHA512ALT = 5122
    PAYLOADSHA3_256 = 5123
    PAYLOADSHA3_256ALT = 5124


class SignatureTag(IntEnum):
    """The tags of a signature header that this room reads."""

    SHA1HEADER = 269
    SHA256HEADER = 273
    FILESIGNATURES = 274
    SHA3_256HEADER = 279
    MD5 = 1004


class TagType(IntEnum):
    """How a tag's value is stored."""

    CHAR = 1
    INT8 = 2
    INT16 = 3
    INT32 = 4
    INT64 = 5
    STRING = 6
    BIN = 7
    STRING_ARRAY = 8
    I18NSTRING = 9


class FileFlag(IntFlag):
    """What a package says of one of its files."""

    CONFIG = 1
    DOC = 2
    MISSINGOK = 8
    NOREPLACE = 16
    GHOST = 64
    LICENSE = 128
    README = 256
    ARTIFACT = 4096


# hashlib's name of each number that FILEDIGESTALGO and PAYLOADSHA256ALGO may hold.
DIGEST_ALGORITHMS = {
    1: "md5",
    2: "sha1",
    8: "sha256",
    9: "sha384",
    10: "sha512",
    11: "sha224",
    12: "sha3_256",
    14: "sha3_512",
}

# What `PackageHeader.tags` keeps beside nothing: scriptlets, triggers and dependencies, for the
# planning of scripts and the order of installation.
SCRIPT_TAGS = frozenset(
    {
        *range(1023, 1027),  # %pre, %post, %preun, %postun
        *range(1065, 1070),  # triggers: scripts, names, versions, flags, index
        1079,  # %verifyscript
        *range(1085, 1089),  # interpreters
        1091,
        1092,
        1098,  # prefixes
        *range(1151, 1155),  # %pretrans, %posttrans and their interpreters
        *range(5020, 5028),  # flags of scriptlets
        *range(5063, 5083),  # file triggers
        5084,  # and their priorities
        5085,
        *range(5103, 5110),  # %preuntrans, %postuntrans; sysusers
    }
)
DEPENDENCY_TAGS = frozenset(
    {
        *range(1047, 1051),  # provided names; required flags, names, versions
        *range(1053, 1056),  # conflicts
        1090,  # obsoletes
        *range(1112, 1116),  # flags and versions of provided and obsoleted names
        *range(5035, 5038),  # OrderWithRequires
        *range(5046, 5058),  # recommends, suggests, supplements, enhances
    }
)
DESCRIPTION_TAGS = frozenset(
    {1004, 1011, 1014, 1020, 1044, 1064}
)  # summary, vendor, licence, URL, source, and the rpm that built it
