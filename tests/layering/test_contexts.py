# SPDX-License-Identifier: LGPL-2.1-or-later
import pytest

from layering.contexts import affected, literal_beginning

BIN = "/usr/bin(/.*)?  system_u:object_r:bin_t:s0\n"
ETC = "/etc(/.*)?  system_u:object_r:etc_t:s0\n"
OTHER = "/usr/bin/greet  --  system_u:object_r:greet_exec_t:s0\n"


def policy(lines: str, **others: str) -> dict[str, str]:
    names = {f"file_contexts.{name}": text for name, text in others.items()}
    return {"file_contexts": lines, **names}


@pytest.mark.parametrize(
    ("regex", "beginning"),
    [
        ("/usr/bin/bash", "/usr/bin/bash"),
        ("/usr/bin(/.*)?", "/usr/bin"),
        (r"/usr/lib/lib.*\.so", "/usr/lib/lib"),
        (r"/etc/rc\.d/init\.d/.*", "/etc/rc.d/init.d/"),
        ("/a?quota", "/"),
        ("/usr/x+y", "/usr/x"),
        ("/usr/x{2}y", "/usr/"),
        (r"/usr/x\.?y", "/usr/x"),
        (r"/usr/\d+", "/usr/"),
        ("/usr/[ab]|c", ""),
        ("/usr/[|]c", "/usr/"),
        ("/usr/(a|b)", "/usr/"),
        (r"/usr/(a\)|b)", "/usr/"),
        ("/usr|/opt", ""),
        ("(/usr)?/local", ""),
        ("", ""),
    ],
)
def test_what_a_pattern_begins_with(regex: str, beginning: str) -> None:
    assert literal_beginning(regex) == beginning


def test_equal_policies_disagree_on_nothing() -> None:
    assert affected(policy(BIN + ETC), policy(f"# a comment\n\n{BIN}{ETC}")) == ()


def test_spacing_is_no_difference() -> None:
    assert affected(policy(BIN), policy(BIN.replace("  ", "\t"))) == ()


def test_a_new_line_is_about_what_it_could_match() -> None:
    assert affected(policy(BIN), policy(BIN + OTHER)) == ("/usr/bin/greet",)
    assert affected(policy(BIN + OTHER), policy(BIN)) == ("/usr/bin/greet",)


def test_a_place_within_another_is_not_named_twice() -> None:
    assert affected(policy(""), policy(BIN + OTHER + ETC)) == ("/etc", "/usr/bin")


def test_another_order_of_the_same_lines_may_be_about_anything() -> None:
    assert affected(policy(BIN + OTHER), policy(OTHER + BIN)) == ("/",)


def test_a_line_between_others_changes_no_order() -> None:
    assert affected(policy(BIN + ETC), policy(BIN + OTHER + ETC)) == ("/usr/bin/greet",)


@pytest.mark.parametrize("name", ["homedirs", "local"])
def test_lines_of_the_other_files_count_as_well(name: str) -> None:
    assert affected(policy(BIN), policy(BIN, **{name: ETC})) == ("/etc",)


def test_a_directory_with_another_name_is_affected_by_both() -> None:
    subs = "/opt/greet /usr/bin/greet\n"
    assert affected(policy(BIN, subs=subs), policy(BIN + OTHER, subs=subs)) == (
        "/opt/greet",
        "/usr/bin/greet",
    )


def test_a_part_of_a_directory_with_another_name_is_affected_alone() -> None:
    subs = "/local/bin /usr/bin\n"
    assert affected(policy(BIN, subs_dist=subs), policy(BIN + OTHER, subs_dist=subs)) == (
        "/local/bin/greet",
        "/usr/bin/greet",
    )


def test_other_names_are_followed_through_both_lists() -> None:
    lists = {"subs": "/a /b\n", "subs_dist": "/b /usr/bin\n"}
    found = affected(policy(BIN, **lists), policy(BIN + OTHER, **lists))
    assert found == ("/a/greet", "/b/greet", "/usr/bin/greet")


def test_a_name_that_is_new_affects_what_it_names() -> None:
    assert affected(policy(BIN), policy(BIN, subs="/bin /usr/bin\n")) == ("/bin",)
