# SPDX-License-Identifier: LGPL-2.1-or-later
"""What /etc/overlay/overlay.toml may say, and what is said about the rest."""

import re
from pathlib import Path

import pytest

from layering.configuration import PATH, AutomaticPolicy, Configuration, ConfigurationError, load

FILE = Path("/etc/overlay/overlay.toml")
SHIPPED = Path(__file__).parents[2] / "packaging/rpm/overlay.toml"


def complaint(text: str) -> list[str]:
    """Returns the message about a file's text, and its hints."""
    with pytest.raises(ConfigurationError) as caught:
        Configuration.parse(text, FILE)
    return [str(caught.value), *getattr(caught.value, "__notes__", [])]


def test_it_is_read_where_administrators_expect_it() -> None:
    assert PATH == FILE


@pytest.mark.parametrize("policy", list(AutomaticPolicy))
def test_each_policy_is_said_by_its_name(policy: AutomaticPolicy) -> None:
    text = f'[upgrade]\nautomatic = "{policy}"\n'
    assert Configuration.parse(text, FILE) == Configuration(automatic=policy)


@pytest.mark.parametrize("text", ["", "# nothing\n", "[upgrade]\n"])
def test_what_is_not_said_is_the_default_and_nothing_happens_by_itself(text: str) -> None:
    assert Configuration.parse(text, FILE) == Configuration(automatic=AutomaticPolicy.NONE)


def test_a_file_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert load(tmp_path / "none" / "overlay.toml") == Configuration()


def test_the_shipped_file_says_the_defaults_and_its_comments_are_true() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert Configuration.parse(text, SHIPPED) == Configuration()
    uncommented = re.sub(r"^#(?=[a-z-]+ = )", "", text, flags=re.MULTILINE)
    assert set(re.findall(r"^([a-z-]+) = ", uncommented, flags=re.MULTILINE)) == {
        "automatic",
        "time-limit",
        "skip",
        "allow-top-level",
    }
    assert Configuration.parse(uncommented, SHIPPED) == Configuration()
    for policy in AutomaticPolicy:
        assert f'#   "{policy}"' in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            '[upgrade]\nautomtic = "check"\n',
            [
                "unknown key 'automtic' in [upgrade]: /etc/overlay/overlay.toml",
                "did you mean automatic?",
            ],
            id="misspelt key",
        ),
        pytest.param(
            "[upgrade]\nreboot = true\n",
            [
                "unknown key 'reboot' in [upgrade]: /etc/overlay/overlay.toml",
                "there is automatic",
            ],
            id="unknown key",
        ),
        pytest.param(
            '[Upgrade]\nautomatic = "check"\n',
            ["unknown table [Upgrade]: /etc/overlay/overlay.toml", "did you mean [upgrade]?"],
            id="misspelt table",
        ),
        pytest.param(
            "[Daemon]\nIdleExitTimeout = 60\n",
            [
                "unknown table [Daemon]: /etc/overlay/overlay.toml",
                "there is [upgrade], [scripts], [packages]",
            ],
            id="unknown table",
        ),
        pytest.param(
            'automatic = "check"\n[upgrade]\n',
            [
                "key 'automatic' stands in no table: /etc/overlay/overlay.toml",
                "it belongs below a line that says [upgrade]",
            ],
            id="outside its table",
        ),
        pytest.param(
            'automatik = "check"\n',
            [
                "unknown key 'automatik' in no table: /etc/overlay/overlay.toml",
                "did you mean automatic?",
            ],
            id="misspelt outside its table",
        ),
        pytest.param(
            'upgrade = "stage"\n',
            [
                '[upgrade] is "stage" and not a table: /etc/overlay/overlay.toml',
                "write [upgrade] on a line of its own",
            ],
            id="value for a table",
        ),
        pytest.param(
            '[upgrade]\nautomatic = "staged"\n',
            [
                "'automatic' in [upgrade] is \"staged\", "
                'none of "none", "check", "stage": /etc/overlay/overlay.toml',
                'did you mean "stage"?',
            ],
            id="misspelt value",
        ),
        pytest.param(
            "[upgrade]\nautomatic = true\n",
            [
                "'automatic' in [upgrade] is true, "
                'none of "none", "check", "stage": /etc/overlay/overlay.toml'
            ],
            id="switch",
        ),
        pytest.param(
            '[upgrade]\nautomatic = ["check"]\n',
            [
                "'automatic' in [upgrade] is an array, "
                'none of "none", "check", "stage": /etc/overlay/overlay.toml'
            ],
            id="array",
        ),
        pytest.param(
            "[upgrade.automatic]\n",
            [
                "'automatic' in [upgrade] is a table, "
                'none of "none", "check", "stage": /etc/overlay/overlay.toml'
            ],
            id="table for a value",
        ),
        pytest.param(
            "[upgrade]\nautomatic = 2026-01-01\n",
            [
                "'automatic' in [upgrade] is 2026-01-01, "
                'none of "none", "check", "stage": /etc/overlay/overlay.toml'
            ],
            id="date",
        ),
    ],
)
def test_what_it_may_not_say_is_named_with_what_it_may(text: str, said: list[str]) -> None:
    assert complaint(text) == said


def test_what_scripts_and_packages_may_is_read_and_sorted() -> None:
    text = """
[scripts]
time-limit = 1.5
skip = ["kmod-b.%posttrans", "python3.12", "kmod-*", "python3.12"]
[packages]
allow-top-level = ["nix", "afs"]
"""
    assert Configuration.parse(text, FILE) == Configuration(
        time_limit=1.5,
        skip=("kmod-*", "kmod-b.%posttrans", "python3.12"),
        allow_top_level=("afs", "nix"),
    )


@pytest.mark.parametrize("value", ["0", "-1", "86400", "nan", "inf", "true", '"10 min"', "[]"])
def test_a_time_limit_is_a_number_of_seconds(value: str) -> None:
    shown = {"nan": "NaN", "inf": "Infinity", "[]": "an array"}.get(value, value)
    assert complaint(f"[scripts]\ntime-limit = {value}\n") == [
        f"'time-limit' in [scripts] is {shown}, no number of seconds up to a day: "
        "/etc/overlay/overlay.toml",
        "time-limit = 600 is ten minutes",
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            'skip = "x"',
            [
                "'skip' in [scripts] is \"x\", no array of texts",
                'write skip = ["kmod-x", "x.%post"]',
            ],
        ),
        (
            'skip = ["a", 1]',
            [
                "'skip' in [scripts] has 1, which is no text",
                'write skip = ["kmod-x", "x.%post"]',
            ],
        ),
        ('skip = ["a b"]', ["'skip' in [scripts] has \"a b\", neither PACKAGE nor PACKAGE.%PHASE"]),
        ('skip = [""]', ["'skip' in [scripts] has \"\", neither PACKAGE nor PACKAGE.%PHASE"]),
    ],
)
def test_a_rule_names_a_package_and_perhaps_a_script_of_it(line: str, said: list[str]) -> None:
    found = complaint(f"[scripts]\n{line}\n")
    assert found[0] == f"{said[0]}: /etc/overlay/overlay.toml"
    assert found[1:] == said[1:] or not said[1:]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("usr", "which is not for packages to fill"),
        ("var", "which is not for packages to fill"),
        ("srv", "which is not for packages to fill"),
        ("bin", "which is not for packages to fill"),
        ("a b", "which is no name"),
        ("/nix", "which is no name"),
        ("a/b", "which is no name"),
        ("..", "which is no name"),
        ("", "which is no name"),
    ],
)
def test_a_directory_that_packages_may_fill_is_a_name_of_the_top_level(name: str, why: str) -> None:
    found = complaint(f'[packages]\nallow-top-level = ["{name}"]\n')
    assert found[0] == (
        f"'allow-top-level' in [packages] has \"{name}\", {why}: /etc/overlay/overlay.toml"
    )


def test_what_is_not_toml_is_told_with_its_line() -> None:
    (said,) = complaint("[upgrade]\nautomatic = check\n")
    assert said.startswith("not TOML: ")
    assert said.endswith("(at line 2, column 13): /etc/overlay/overlay.toml")


def test_a_key_said_twice_is_told_with_its_line() -> None:
    (said,) = complaint('[upgrade]\nautomatic = "none"\nautomatic = "stage"\n')
    assert "at line 3" in said


def test_bytes_that_are_no_text_are_told_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "overlay.toml"
    path.write_bytes(b'[upgrade]\n# \xff\nautomatic = "none"\n')
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert str(caught.value) == f"not UTF-8 at line 2: {path}"


def test_a_file_that_cannot_be_read_is_not_taken_for_an_absent_one(tmp_path: Path) -> None:
    path = tmp_path / "overlay.toml"
    path.mkdir()
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert str(caught.value) == f"cannot read the configuration: is a directory: {path}"
