# SPDX-License-Identifier: LGPL-2.1-or-later
"""Patterns of paths: what fits, what is captured, what is refused."""

import random
import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import pytest

from triggers.errors import PatternError
from triggers.filetrigger import PathList
from triggers.pattern import compiled

CASES = [
    ("/usr/lib/x", "/usr/lib/x", ()),
    ("/usr/lib/x", "/usr/lib/x/y", None),
    ("/usr/lib/x", "/usr/lib/xy", None),
    ("/usr/lib/*.so", "/usr/lib/a.so", ()),
    ("/usr/lib/*.so", "/usr/lib/.so", ()),
    ("/usr/lib/*.so", "/usr/lib/a/b.so", None),
    ("/usr/lib/*", "/usr/lib/.hidden", ()),
    ("/usr/lib/?.so", "/usr/lib/a.so", ()),
    ("/usr/lib/?.so", "/usr/lib/.so", None),
    ("/usr/lib/[ab]", "/usr/lib/a", ()),
    ("/usr/lib/[!ab]", "/usr/lib/c", ()),
    ("/usr/lib/[!ab]", "/usr/lib/a", None),
    ("/usr[!a]lib", "/usr/lib", None),
    ("/usr/lib/[*]", "/usr/lib/*", ()),
    ("/usr/lib/[*]", "/usr/lib/a", None),
    ("/usr/lib/[]a-]", "/usr/lib/]", ()),
    ("/usr/lib/[]a-]", "/usr/lib/-", ()),
    ("/usr/**/x", "/usr/x", ()),
    ("/usr/**/x", "/usr/a/b/x", ()),
    ("/usr/**/x", "/usr/ax", None),
    ("/usr/**", "/usr/a/b", ()),
    ("/usr/**", "/usr", None),
    ("/**/a/**/b", "/a/b", ()),
    ("/**/a/**/b", "/x/a/y/a/z/b", ()),
    ("/**/a*/**/*b/c", "/ab/c", None),
    ("/usr/(lib|share)/x", "/usr/share/x", ()),
    ("/usr/(lib|share)/x", "/usr/lib|share/x", None),
    ("/usr/lib(|64)/x", "/usr/lib/x", ()),
    ("/(usr/lib|etc)/udev", "/etc/udev", ()),
    # What a star has passed is not looked at again; alternatives are none the worse for it.
    ("/*(abcd|c)*d", "/abcd", ()),
    ("/usr/share/icons/{theme}/**", "/usr/share/icons/hicolor/a/b", ("hicolor",)),
    ("/usr/share/icons/{theme}/**", "/usr/share/icons/hicolor", None),
    ("/usr/{lib:lib*}/{file:*.so}", "/usr/lib64/a.so", ("lib64", "a.so")),
    ("/usr/{lib:lib*}/x", "/usr/share/x", None),
    ("/usr/{lib:lib*/*-linux-*}/x", "/usr/lib/x86_64-linux-gnu/x", ("lib/x86_64-linux-gnu",)),
    ("/usr/{lib:(lib|lib64)}/x", "/usr/lib64/x", ("lib64",)),
    ("/usr/{a:[{}]}", "/usr/{", ("{",)),
    ("/**/{x}/b/**", "/a/b/c/b/d", ("a",)),
    ("/usr/a b/\u00e4.+$", "/usr/a b/\u00e4.+$", ()),
]


@pytest.mark.parametrize(("pattern", "path", "captured"), CASES)
def test_a_pattern_takes_a_path_so(
    pattern: str, path: str, captured: tuple[str, ...] | None
) -> None:
    assert compiled(pattern).match(path) == captured
    found = dict(compiled(pattern).matches(PathList([path, "/zz"])))
    assert found == ({} if captured is None else {path: captured})


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("usr/x", "no slash at the beginning"),
        ("", "no slash at the beginning"),
        ("/", "an empty name"),
        ("/usr//x", "an empty name"),
        ("/usr/", "an empty name"),
        ("/usr/../x", "'..' between slashes"),
        ("/usr/./x", "'.' between slashes"),
        ("/usr/**x", "'**' that is a part of a name"),
        ("/usr/***", "'**' that is a part of a name"),
        ("/usr/[ab", "a '[' that is not closed"),
        ("/usr/[a/b]", "a slash in a set"),
        ("/usr/[z-a]", "a set from 'z' down to 'a'"),
        ("/usr/(a|b", "a '(' that is not closed"),
        ("/usr/((a|b)|c)", "a '(' that is out of place"),
        ("/usr/a|b", "a '|' that is out of place"),
        ("/usr/a)", "a ')' that is out of place"),
        ("/usr/{theme", "a '{' that is not closed"),
        ("/usr/x{theme}", "a capture that is a part of a name"),
        ("/usr/{theme}x", "a capture that is a part of a name"),
        ("/usr/{Theme}", "a capture called 'Theme'"),
        ("/usr/{}", "a capture called ''"),
        ("/usr/{a:}", "an empty name"),
        ("/usr/{a:**}", "'**' in a capture"),
        ("/usr/{a}/{a}", "two captures called 'a'"),
        ("/usr/({a}|b)", "alternatives that capture different names"),
        ("/usr/\\*", "a backslash or what cannot be printed"),
        ("/usr/a\n", "a backslash or what cannot be printed"),
        ("/" + "(a|b)" * 7, "more than 64 alternatives"),
    ],
)
def test_what_means_nothing_is_refused(pattern: str, what: str) -> None:
    with pytest.raises(PatternError, match=f"^no pattern of paths, {re.escape(what)}, "):
        compiled(pattern)


def test_a_very_long_pattern_is_refused_in_few_words() -> None:
    with pytest.raises(PatternError) as caught:
        compiled("/" + "a" * 2000)
    assert str(caught.value) == (
        f"no pattern of paths, more than 1024 characters, '/{'a' * 39}\u2026'"
    )


@pytest.mark.parametrize(
    ("pattern", "prefixes", "directories"),
    [
        ("/usr/lib*/x", ("/usr/lib",), ("/usr/lib",)),
        ("/usr/{lib:lib*}/x", ("/usr/lib",), ("/usr/lib",)),
        ("/usr/{lib:lib}/x", ("/usr/lib",), ("/usr/lib",)),
        ("/usr/{lib}/x", ("/usr/",), ("/usr/",)),
        ("/usr/lib*", ("/usr/lib",), ("/usr/",)),
        ("/usr/{lib:lib*}", ("/usr/lib",), ("/usr/",)),
        ("/usr/lib/x", ("/usr/lib/x",), ("/usr/lib/",)),
        ("/(usr/lib|etc)/a/**", ("/usr/lib/a/", "/etc/a/"), ("/usr/lib/a/", "/etc/a/")),
    ],
)
def test_what_a_path_and_its_directory_must_begin_with_is_known(
    pattern: str, prefixes: tuple[str, ...], directories: tuple[str, ...]
) -> None:
    assert compiled(pattern).prefixes == prefixes
    assert compiled(pattern).directories == directories


def fits(pattern: Sequence[str], names: Sequence[str]) -> bool:
    """The judge: names one by one, each by Python's own fnmatch."""
    if not pattern:
        return not names
    if pattern == ["**"]:
        return bool(names)
    if pattern[0] == "**":
        return any(fits(pattern[1:], names[at:]) for at in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and fits(pattern[1:], names[1:])


def worlds() -> Iterator[tuple[list[str], list[str]]]:
    chance = random.Random(4)
    globs = ["**", "*", "a*", "*b", "*a*b*", "?", "[ab]*", "[!a]", "a?b", "*ab*a", "ab"]
    for _ in range(20000):
        pattern = [chance.choice(globs) for _ in range(chance.randint(1, 5))]
        names = ["".join(chance.choices("ab", k=chance.randint(1, 5))) for _ in range(5)]
        yield pattern, names[: chance.randint(1, 5)]


def test_random_patterns_take_what_fnmatch_takes_name_by_name() -> None:
    taken = 0
    for pattern, names in worlds():
        path = "/" + "/".join(names)
        expected = fits(pattern, names)
        taken += expected
        made = compiled("/" + "/".join(pattern))
        assert (made.match(path) is not None) is expected, (pattern, path)
        assert [each for each, _ in made.matches(PathList([path]))] == [path] * expected, pattern
    assert taken > 1000  # both answers are among them


@pytest.mark.parametrize(
    "pattern", ["/" + "*a" * 120 + "b", "/**/a" * 60 + "/b", "/**/*a*a*a" * 40 + "/b"]
)
def test_no_pattern_takes_long(pattern: str) -> None:
    # Searched in the usual way, any of these would still run when the stars have gone out.
    for path in ("/" + "a" * 250, "/a" * 1000, "/aaaaaa" * 500):
        assert compiled(pattern).match(path) is None
