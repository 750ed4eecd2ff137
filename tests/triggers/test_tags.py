# SPDX-License-Identifier: LGPL-2.1-or-later
"""Headers are untrusted: arrays that do not fit together are errors that name the package."""

import pytest

from triggers.errors import BrokenScriptTagsError
from triggers.filetrigger import file_triggers_of
from triggers.packagetrigger import package_triggers_of
from triggers.phase import FILE_TRIGGER_TAGS, Phase, ScriptFlags
from triggers.scriptlet import scriptlets_of
from triggers.tags import TagValue

F = FILE_TRIGGER_TAGS
FOO = "foo-1-1.noarch"
IN = 1 << 16


def file_trigger_tags(**changed: TagValue) -> dict[int, TagValue]:
    values: dict[str, TagValue] = {
        "scripts": [b"one", b"two"],
        "programs": [b"/bin/sh", b"/bin/bash"],
        "script_flags": [0, 1],
        "names": [b"/usr/a", b"/usr/b", b"/usr/c"],
        "index": [0, 1, 0],
        "versions": [b"", b"", b""],
        "senses": [IN, 1 << 18, IN],
        "priorities": [5, 1000000],
    }
    numbers = {
        "scripts": F.scripts,
        "programs": F.programs,
        "script_flags": F.script_flags,
        "names": F.names,
        "index": F.index,
        "versions": F.versions,
        "senses": F.senses,
        "priorities": F.priorities or 0,
    }
    return {numbers[name]: value for name, value in (values | changed).items()}


def test_conditions_belong_to_the_script_that_their_index_says() -> None:
    first, second = file_triggers_of(FOO, file_trigger_tags())
    assert (first.phase, first.prefixes, first.body) == (
        Phase.FILETRIGGERIN,
        ("/usr/a", "/usr/c"),
        "one",
    )
    assert (second.phase, second.prefixes, second.interpreter) == (
        Phase.FILETRIGGERPOSTUN,
        ("/usr/b",),
        ("/bin/bash",),
    )
    assert (first.priority, second.priority) == (5, 1000000)
    assert (first.flags, second.flags) == (ScriptFlags.NONE, ScriptFlags.EXPAND)


def test_a_package_without_priorities_has_rpms_default() -> None:
    triggers = file_triggers_of(FOO, file_trigger_tags(priorities=()))
    assert [each.priority for each in triggers] == [1000000, 1000000]


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"index": [0, 2, 0]}, "trigger index 2 of 2 scripts"),
        ({"index": [0, -1, 0]}, "trigger index -1 of 2 scripts"),
        ({"programs": [b"/bin/sh"]}, "2 trigger scripts with 1 interpreters"),
        ({"names": [b"/a"]}, "1 trigger names, 3 indexes, 3 flags, 3 versions"),
        ({"senses": [0, 0, 0]}, "trigger of unknown kind 0x0"),
        ({"index": [0, 0, 0]}, "trigger of unknown kind 0x0"),  # the second has no condition
        ({"scripts": [1, 2]}, f"tag {F.scripts} is no string"),
        ({"index": [b"0", b"1", b"0"]}, f"tag {F.index} is no number"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changed: dict[str, TagValue], what: str) -> None:
    with pytest.raises(BrokenScriptTagsError) as caught:
        file_triggers_of(FOO, file_trigger_tags(**changed))
    assert str(caught.value) == f"broken scriptlet tags, {what}, foo-1-1.noarch"


def test_a_package_without_scripts_has_none() -> None:
    assert scriptlets_of(FOO, {}) == ()
    assert file_triggers_of(FOO, {}) == ()
    assert package_triggers_of(FOO, {}) == ()


@pytest.mark.parametrize("body", [b"echo \xff\xfe", "echo ä"])
def test_a_body_keeps_every_byte(body: bytes | str) -> None:
    (scriptlet,) = scriptlets_of(FOO, {1024: body})
    assert scriptlet.body is not None
    kept = scriptlet.body.encode("utf-8", "surrogateescape")
    assert kept == (body if isinstance(body, bytes) else body.encode())
