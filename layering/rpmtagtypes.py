# SPDX-License-Identifier: LGPL-2.1-or-later
"""Of which type the value of each tag must be: librpm refuses a header in which one is of another.

The three types of strings may stand for each other. A tag that is not here may have any type. The
numbers are rpm's (https://rpm-software-management.github.io/rpm/manual/tags.html); that the table
is librpm's own is tested against it, tag by tag.
"""

from collections.abc import Iterator, Mapping

from layering.rpmtags import TagType

_STRINGS = frozenset({TagType.STRING, TagType.STRING_ARRAY, TagType.I18NSTRING})

_TABLE: Mapping[frozenset[TagType], str] = {
    _STRINGS: """
        100 266 269 273 276 278-279 1000-1002 1004-1005 1007 1010-1011 1014-1016 1018-1027
        1035-1036 1039-1040 1044 1047 1049-1050 1054-1055 1059-1062 1064-1067 1079 1081-1082
        1085-1092 1094 1097-1099 1113 1115 1117-1118 1120-1126 1132-1133 1135 1142 1147-1157
        1159-1160 1196 5000-5002 5005-5007 5010 5012-5016 5030-5031 5034-5036 5040-5044 5046-5047
        5049-5050 5052-5053 5055-5056 5058-5062 5066-5067 5069 5071 5076-5077 5079 5081 5086-5090
        5092 5096-5101 5103-5106 5109 5116-5118 5120-5124""",
    frozenset({TagType.INT32}): """
        257 277 1003 1006 1008-1009 1028 1034 1037 1045-1046 1048 1051-1053 1068-1069 1080
        1095-1096 1106 1112 1114 1116 1119 1127-1129 1134 1140-1141 1143-1145 1158 1161 1195 5011
        5017-5027 5032-5033 5037 5045 5048 5051 5054 5057 5068 5070 5072 5078 5080 5082 5084-5085
        5091 5093 5107-5108 5114-5115 5119""",
    frozenset({TagType.BIN}): "259 261-262 267-268 1012-1013 1043 1146",
    frozenset({TagType.INT64}): "270-271 5008-5009 5112-5113",
    frozenset({TagType.CHAR}): "1029",
    frozenset({TagType.INT16}): "1030 1033",
}


def _numbers(ranges: str) -> Iterator[int]:
    for word in ranges.split():
        first, _dash, last = word.partition("-")
        yield from range(int(first), int(last or first) + 1)


TYPES: Mapping[int, frozenset[TagType]] = {
    tag: types for types, ranges in _TABLE.items() for tag in _numbers(ranges)
}
