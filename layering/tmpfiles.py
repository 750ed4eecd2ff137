# SPDX-License-Identifier: LGPL-2.1-or-later
"""Lines of tmpfiles.d: how a tree says what the host's /var, /run and /opt must hold.

systemd splits a line at blanks outside of quotes and expands specifiers (`%`) in every field used
here (https://www.freedesktop.org/software/systemd/man/latest/tmpfiles.d.html). C escapes are undone
in the argument, which is not unquoted; in the fields before it only by newer versions (not 252), so
that those are quoted, and escaped only where nothing else would do: a line break in a file name.
"""

import re
from collections.abc import Iterable

_NEEDS_QUOTES = frozenset("\t\n\v\f\r \"'\\")
_MAKERS = frozenset(b"%c" % kind for kind in b"dDvqQLCfFpcb")
_SECOND_FIELD = re.compile(rb"""\S+\s+("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\S+)""")
_ESCAPED = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|(.))", re.DOTALL)
_VAR_RUN = re.compile(rb"^/var/run(?=/|$)")
_NO_UTF8 = range(0xDC80, 0xDD00)  # how `surrogateescape` shows bytes that are not UTF-8


def directory_line(path: bytes, mode: int, user: str, group: str) -> str:
    """Returns the line that makes a directory, or corrects its mode and owner."""
    return _line("d", path, f"{mode & 0o7777:04o}", user, group)


def link_line(path: bytes, target: bytes, user: str = "root", group: str = "root") -> str:
    """Returns the line that makes a symbolic link where nothing is."""
    # Versions that know no owner of a link warn about one, so that the usual owner goes unsaid.
    owners = ("-", "-") if user == group == "root" else (user, group)
    return _line("L", path, "-", *owners, target)


def factory_line(path: bytes, mode: int, user: str, group: str) -> str:
    """Returns the line that copies a file from /usr/share/factory where nothing is."""
    return _line("C", path, f"{mode & 0o7777:04o}", user, group)


def file_line(path: bytes, mode: int, user: str, group: str) -> str:
    """Returns the line that makes an empty file where nothing is."""
    return _line("f", path, f"{mode & 0o7777:04o}", user, group)


def render(lines: Iterable[str], package: str) -> bytes:
    """Returns the file of a package's lines: sorted by path, each once."""
    return render_under(f"The files of {package} outside of /usr and /etc", lines)


def render_under(heading: str, lines: Iterable[str]) -> bytes:
    """Returns a file that says in its first line what it is; sorted by path, each line once."""
    kept = sorted(set(lines), key=lambda line: (line[2:], line))
    text = "\n".join([f"# {heading}", *kept, ""])
    return text.encode("utf-8", "surrogateescape")


def made_paths(configuration: bytes) -> frozenset[bytes]:
    """Returns the paths that the lines of a tmpfiles.d file make, whoever wrote it.

    Lines whose path depends on the machine (`%b` and the like) are passed over.
    """
    rows = (line.strip() for line in configuration.splitlines())
    made = (_path_of(row) for row in rows if row[:1] in _MAKERS)
    return frozenset(_VAR_RUN.sub(b"/run", path) for path in made if path)


def without(configuration: bytes, known: frozenset[bytes]) -> bytes:
    """Returns a file that `render` wrote without lines for known paths, or nothing if none is left.

    Of two lines for one path systemd takes the one whose file sorts first, so that a package's bare
    directory could replace the line of the tree that also says how old its files may become.
    """
    head, *lines = configuration.splitlines(keepends=True)
    kept = [line for line in lines if _path_of(line) not in known]
    return b"".join([head, *kept]) if kept else b""


def _path_of(line: bytes) -> bytes | None:
    """Returns the second field, unquoted and unescaped, or None if there is none to know."""
    match = _SECOND_FIELD.match(line)
    if not match:
        return None
    quoted = match[1].startswith((b'"', b"'"))
    text = _ESCAPED.sub(_unescaped, match[1][1:-1] if quoted else match[1])
    return None if b"%" in text.replace(b"%%", b"") else text.replace(b"%%", b"%")


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1], 16)]) if match[1] else match[2]


def _line(kind: str, path: bytes, mode: str, user: str, group: str, argument: bytes = b"") -> str:
    fields = [_field(path.decode("utf-8", "surrogateescape")), mode, _field(user), _field(group)]
    return " ".join([kind, *fields, "-", _argument(argument) or "-"])


def _field(text: str) -> str:
    """Returns one of the fields that are unquoted."""
    escaped = "".join(_ESCAPES.get(char, char) for char in text)
    return f'"{escaped}"' if not _NEEDS_QUOTES.isdisjoint(text) else escaped


def _argument(text: bytes) -> str:
    """Returns the last field, which is not."""
    if text == b"-":
        return r"\x2d"  # by itself it would stand for no argument
    out = []
    for char in text.decode("utf-8", "surrogateescape"):
        if char == "%":
            out.append("%%")
        elif char == "\\" or char.isspace() or ord(char) < 0x20 or ord(char) in _NO_UTF8:
            out += [f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape")]
        else:
            out.append(char)
    return "".join(out)


_CONTROLS = {chr(code): f"\\x{code:02x}" for code in range(1, 0x20) if chr(code) != "\t"}
_ESCAPES = _CONTROLS | {"%": "%%", '"': '\\"', "\\": "\\\\"}
