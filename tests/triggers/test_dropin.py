# SPDX-License-Identifier: LGPL-2.1-or-later
"""Drop-in files: what they may say, and what is said of one that is wrong."""

import pytest

from triggers import CATALOG, DeclaredTrigger, DropInError, parse_dropin
from triggers.dropin import LARGEST_DROPIN, check_file_name

PATH = "/etc/overlay/triggers.d/x.toml"
LEAST = """\
[trigger]
paths = ["/usr/share/x/*.conf"]
tools = ["x-update"]
reason = "an index"
"""


def test_the_least_that_a_file_says() -> None:
    assert parse_dropin(LEAST, PATH) == DeclaredTrigger(
        name="x",
        origin=PATH,
        paths=("/usr/share/x/*.conf",),
        tools=("x-update",),
        reason="an index",
    )


def test_all_that_a_file_can_say() -> None:
    text = """
    [trigger]
    paths = ["/usr/lib/x/{kind}/**/*.so", "/usr/lib64/x/{kind}/*.so"]
    but = ["/usr/lib/x/*/skip/**"]
    tools = ["x-update", "/usr/libexec/{kind}/update"]
    aliases = ["x-cache"]
    arguments = ["--all", "/usr/lib/x/{kind}", "--all"]
    body = 'exec "$1" "$2"'
    environment = { LC_ALL = "C", A = "" }
    reads = ["/usr/lib/x/{kind}/**", "/etc/x.conf"]
    writes = ["/usr/lib/x/{kind}/index", "/usr/lib/x/*"]
    before = ["ldconfig"]
    after = ["depmod"]
    on-removal = false
    first = true
    supersedes = true
    skipped = "not today"
    fatal = true
    reason = "x"
    """
    assert parse_dropin(text, "/usr/lib/overlay/triggers.d/a.b.toml") == DeclaredTrigger(
        name="a.b",
        origin="/usr/lib/overlay/triggers.d/a.b.toml",
        paths=("/usr/lib/x/{kind}/**/*.so", "/usr/lib64/x/{kind}/*.so"),
        but=("/usr/lib/x/*/skip/**",),
        tools=("x-update", "/usr/libexec/{kind}/update"),
        aliases=("x-cache",),
        arguments=("--all", "/usr/lib/x/{kind}", "--all"),
        body='exec "$1" "$2"',
        environment=(("A", ""), ("LC_ALL", "C")),
        reads=("/usr/lib/x/{kind}/**", "/etc/x.conf"),
        writes=("/usr/lib/x/{kind}/index", "/usr/lib/x/*"),
        before=("ldconfig",),
        after=("depmod",),
        on_removal=False,
        first=True,
        supersedes=True,
        skipped="not today",
        fatal=True,
        reason="x",
    )


def with_line(line: str) -> str:
    key = line.split(" ")[0]
    kept = [each for each in LEAST.splitlines() if not each.startswith(f"{key} ")]
    return "\n".join([*kept, line])


EVERY = (
    "paths, but, tools, aliases, arguments, reads, writes, caches, before, after, body, skipped, "
    "reason, environment, on-removal, first, supersedes, fatal"
)

WRONG = [
    ("trigger", "not TOML: Expected '=' after a key in a key/value pair (at end of document)", ""),
    (
        "[trigger",
        "not TOML: Expected ']' at the end of a table declaration (at end of document)",
        "",
    ),
    ("a = " + "[" * 5000, "not TOML: nested too deeply", ""),
    ("# nothing", "there is no [trigger]", "a file without a byte turns off what it shadows"),
    ("trigger = 1", "[trigger] is 1 and not a table", "write [trigger] on a line of its own"),
    ("[triggers]", "unknown table [triggers]", "there is [trigger]"),
    (f"{LEAST}\n[more]", "unknown table [more]", "there is [trigger]"),
    ("x = 1", "unknown key 'x'", "there is [trigger]"),
    (
        'paths = ["/x"]',
        "key 'paths' stands in no table",
        "it belongs below a line that says [trigger]",
    ),
    (with_line("pathes = 1"), "unknown key 'pathes' in [trigger]", "did you mean paths?"),
    (with_line("zzz = 1"), "unknown key 'zzz' in [trigger]", f"there is {EVERY}"),
    (with_line("paths = []"), "'paths' is missing", 'write paths = ["/usr/share/x/*.conf"]'),
    (
        with_line('reason = ""'),
        "'reason' is missing",
        'write reason = "why there is such a trigger"',
    ),
    (
        with_line('paths = "/usr/x"'),
        "'paths' is \"/usr/x\", no array of texts",
        'write paths = ["/usr/share/x/*.conf"]',
    ),
    (
        with_line("tools = [1]"),
        "'tools' has 1, which is no text to use",
        'write tools = ["x-update"]',
    ),
    (
        with_line('arguments = ["\\u0000"]'),
        "'arguments' has \"\\u0000\", which is no text to use",
        "write arguments = […]",
    ),
    (
        with_line(f"before = {['x'] * 65}"),
        "'before' has more than 64 texts",
        "",
    ),
    (
        with_line('paths = ["usr/x"]'),
        "'paths' has \"usr/x\": no slash at the beginning",
        "",
    ),
    (with_line('paths = ["/usr/../x"]'), "'paths' has \"/usr/../x\": '..' between slashes", ""),
    (
        with_line('paths = ["/usr/{a}/x", "/usr/x"]'),
        '\'paths\': "/usr/x" does not capture what "/usr/{a}/x" captures',
        "",
    ),
    (with_line('but = ["/usr/{a}"]'), "'but' has \"/usr/{a}\", which captures for nothing", ""),
    (
        with_line('tools = ["a b"]'),
        "'tools' has \"a b\", which names no program",
        "write the name of a program, or its absolute path",
    ),
    (
        with_line('tools = ["/usr/bin/../x"]'),
        "'tools' has \"/usr/bin/../x\", which names no program",
        "write the name of a program, or its absolute path",
    ),
    (
        with_line('aliases = ["/usr/bin/x"]'),
        "'aliases' has \"/usr/bin/x\", which names no program",
        "write the name of a program, without a directory",
    ),
    (
        with_line('arguments = ["{theme}"]'),
        "'arguments' has \"{theme}\", and no path captures 'theme'",
        "write {NAME} in 'paths' to capture a name",
    ),
    (
        with_line('paths = ["/usr/{theme}/x"]') + '\nreads = ["/usr/{them}"]',
        "'reads' has \"/usr/{them}\", and no path captures 'them'",
        "did you mean theme?",
    ),
    *(
        (
            with_line(f'reads = ["{place}"]'),
            f"'reads' has \"{place}\", which is no place",
            "write PATH, DIR/* for what is in a directory, or DIR/** for all below",
        )
        for place in ("usr/x", "/usr/../x", "/usr/*/x", "/usr/x/", "/", "/usr/x*")
    ),
    (
        with_line("environment = []"),
        "'environment' is an array, no table of texts",
        'write environment = { LC_ALL = "C" }',
    ),
    (
        with_line('environment = { "A-B" = "" }'),
        "'environment' has 'A-B', which is no variable",
        'write environment = { LC_ALL = "C" }',
    ),
    (
        with_line("environment = { A = 1 }"),
        "'environment' has 1, which is no text to use",
        'write environment = { LC_ALL = "C" }',
    ),
    (with_line("body = 1979-05-27"), "'body' is 1979-05-27, no text to use", ""),
    (with_line('first = "yes"'), "'first' is \"yes\", neither true nor false", ""),
    (with_line("fatal = 1"), "'fatal' is 1, neither true nor false", ""),
    (with_line("on-removal = []"), "'on-removal' is an array, neither true nor false", ""),
]


@pytest.mark.parametrize(("text", "what", "hint"), WRONG)
def test_what_is_wrong_is_said_with_what_would_be_right(text: str, what: str, hint: str) -> None:
    with pytest.raises(DropInError) as caught:
        parse_dropin(text, PATH)
    assert str(caught.value) == f"{what}: {PATH}"
    assert getattr(caught.value, "__notes__", []) == ([hint] if hint else [])


def test_a_number_without_end_is_no_way_to_stop_us() -> None:
    with pytest.raises(DropInError, match=r"^not TOML: Exceeds the limit .* digits\b"):
        parse_dropin(f"x = {'1' * (LARGEST_DROPIN - 4)}", PATH)


@pytest.mark.parametrize("name", [".toml", "a b.toml", "-x.toml", "ä.toml", f"{'x' * 65}.toml"])
def test_a_file_whose_name_is_no_triggers_is_refused(name: str) -> None:
    with pytest.raises(DropInError) as caught:
        check_file_name(name, f"/etc/{name}")
    assert str(caught.value) == f"no name for a trigger: /etc/{name}"


def test_a_file_can_say_whatever_the_catalog_says() -> None:
    # What is written for one must be allowed for the other.
    def written(row: DeclaredTrigger) -> str:
        def array(texts: tuple[str, ...]) -> str:
            return f"[{', '.join(map(quoted, texts))}]"

        def quoted(text: str) -> str:
            return "'''\n" + text + "'''"

        environment = ", ".join(f"{name} = {quoted(value)}" for name, value in row.environment)
        lines = [f"{key} = {array(getattr(row, key))}" for key in ARRAYS]
        lines += [f"{key.replace('_', '-')} = {str(getattr(row, key)).lower()}" for key in CHOICES]
        lines += [f"{key} = {quoted(getattr(row, key) or '')}" for key in TEXTS]
        return "\n".join(["[trigger]", *lines, f"environment = {{ {environment} }}"])

    for row in CATALOG:
        path = f"/usr/lib/overlay/triggers.d/{row.name}.toml"
        found = parse_dropin(written(row), path)
        assert {key: getattr(found, key) for key in FIELDS} == {
            key: getattr(row, key) for key in FIELDS
        }


ARRAYS = ("paths", "but", "tools", "aliases", "arguments", "reads", "writes", "before", "after")
CHOICES = ("on_removal", "first", "supersedes", "fatal")
TEXTS = ("body", "skipped", "reason")
FIELDS = (*ARRAYS, *CHOICES, *TEXTS, "name")
