# SPDX-License-Identifier: LGPL-2.1-or-later
"""Origins, judged by GLib's own key file parser."""

from dataclasses import dataclass
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layering._ostree import GLib
from layering.keyfile import KeyFile, escape, join_list, split_list, unescape
from layering.origin import LocalPackage, Origin, Overrides, Replacement
from layering.sysroot_errors import OriginError

DIGEST = "4ed748ba060fce4571e7ef19f3f5ed6209f67dbac8327af0d38ea70b96d2f723"

# As rpm-ostree writes it, every key that it knows in use.
COMPLETE = dedent(
    f"""\
    [origin]
    baserefspec=fedora:fedora/34/x86_64/silverblue
    override-commit=41af286dc0b172ed2f1ca934fd2278de4a1192302ffa07087cea2682e7d372e3

    [rpmostree]
    regenerate-initramfs=true
    initramfs-etc=/etc/cmdline.d/foobar.conf;

    [packages]
    requested=libvirt;fish;
    requested-local={DIGEST}:foo-1.2-3.x86_64;

    [modules]
    enable=foo:2.0;bar:rolling;

    [overrides]
    remove=docker;
    replace-local={DIGEST}:bar-1:2-3.x86_64;
    replace=repo=one,systemd;repo=two,kernel,kernel-core;

    [libostree-transient]
    pinned=true
    """
)

UNTOUCHED = [
    "[origin]\nrefspec=demo:base/minimal\n",
    "[origin]\nrefspec=demo:base/minimal",  # no line end
    "# made by hand\n\n[origin]\n refspec = base \n\n",
    "[origin]\nrefspec=base\nunconfigured-state=run subscription first\n",
    "[strange]\nkey=1\n\n[origin]\nfirst=1\nrefspec=base\nlast=2\n\n[libostree-transient]\npinned=true\n",
    "[origin]\ncontainer-image-reference=ostree-unverified-registry:example.org/os:1\n",
    "[origin]\nbaserefspec=base\n\n[rpmostree]\nregenerate-initramfs=true\n",
    "",
]


def glib_values(text: str) -> dict[tuple[str, str], str]:
    parsed = GLib.KeyFile()
    parsed.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.NONE)
    groups = parsed.get_groups()[0]
    return {(g, k): parsed.get_value(g, k) for g in groups for k in parsed.get_keys(g)[0]}


def glib_list(text: str, group: str, key: str) -> list[str]:
    parsed = GLib.KeyFile()
    parsed.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.NONE)
    found: list[str] = parsed.get_string_list(group, key)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of rpm-ostree's origins: its type in GLib's terms, an example, what it does."""

    group: str
    key: str
    kind: str  # "string", "list" or "boolean"
    example: str
    does: str


# What `origin_to_treefile_inner` and `treefile_to_origin_inner` know (rust/src/origin.rs in
# https://github.com/coreos/rpm-ostree), less the base itself.
KEYS = (
    Key(
        group="origin",
        key="override-commit",
        kind="string",
        example="a" * 64,
        does="holds the base where `deploy` put it",
    ),
    Key(
        group="origin",
        key="unconfigured-state",
        kind="string",
        example="register first",
        does="what `upgrade` says instead of upgrading",
    ),
    Key(
        group="origin",
        key="custom-url",
        kind="string",
        example="pivot://example.org/os",
        does="shown in place of the refspec",
    ),
    Key(
        group="origin",
        key="custom-description",
        kind="string",
        example="Provisioned elsewhere",
        does="shown beside it",
    ),
    Key(
        group="packages",
        key="requested",
        kind="list",
        example="strace;",
        does="layered from the repositories",
    ),
    Key(
        group="packages",
        key="requested-local",
        kind="list",
        example=f"{DIGEST}:foo-1.2-3.x86_64;",
        does="layered from a file, never upgraded",
    ),
    Key(
        group="packages",
        key="requested-local-fileoverride",
        kind="list",
        example=f"{DIGEST}:foo-1.2-3.x86_64;",
        does="the same, over files of other packages",
    ),
    Key(group="modules", key="enable", kind="list", example="foo:2.0;", does="opens streams"),
    Key(group="modules", key="install", kind="list", example="baz:1;", does="layers a profile"),
    Key(
        group="overrides", key="remove", kind="list", example="nano;", does="takes out of the base"
    ),
    Key(
        group="overrides",
        key="replace-local",
        kind="list",
        example=f"{DIGEST}:bar-1:2-3.x86_64;",
        does="replaces in the base by a file",
    ),
    Key(
        group="overrides",
        key="replace",
        kind="list",
        example="repo=one,systemd;",
        does="replaces in the base from a repository",
    ),
    Key(
        group="rpmostree",
        key="regenerate-initramfs",
        kind="boolean",
        example="true",
        does="runs dracut on the client",
    ),
    Key(group="rpmostree", key="initramfs-args", kind="list", example="-I;", does="dracut's"),
    Key(
        group="rpmostree",
        key="initramfs-etc",
        kind="list",
        example="/etc/crypttab;",
        does="goes into a second initrd",
    ),
    Key(
        group="rpmostree",
        key="ex-cliwrap",
        kind="boolean",
        example="true",
        does="wraps rpm, dnf, dracut",
    ),
)
# In none of these is a tree assembled: the base keeps the name of an untouched one.
IDLE = {key for key in KEYS if key.group == "origin"}


def read_by_glib(text: str, key: Key) -> object:
    parsed = GLib.KeyFile()
    parsed.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.NONE)
    readers = {
        "string": parsed.get_string,
        "list": parsed.get_string_list,
        "boolean": parsed.get_boolean,
    }
    return readers[key.kind](key.group, key.key)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.group}/{key.key}")
def test_a_key_of_rpm_ostrees_outlives_a_change_of_requests(key: Key) -> None:
    base = "refspec" if key in IDLE else "baserefspec"
    lines = [f"{base}=a:b"] + ([f"{key.key}={key.example}"] if key.group == "origin" else [])
    text = "[origin]\n" + "".join(f"{line}\n" for line in lines)
    if key.group != "origin":
        text += f"\n[{key.group}]\n{key.key}={key.example}\n"
    before = read_by_glib(text, key)
    origin = Origin.parse(text)
    changed = origin.with_requests(requested=("zsh", *origin.requested))
    assert glib_list(changed.format(), "packages", "requested")[0] == "zsh"
    assert glib_values(changed.format())["origin", "baserefspec"] == "a:b"
    if (key.group, key.key) != ("packages", "requested"):
        assert read_by_glib(changed.format(), key) == before
    assert changed.with_requests(requested=origin.requested).format() == text


@pytest.mark.parametrize("key", KEYS, ids=lambda key: f"{key.group}/{key.key}")
def test_what_is_written_is_of_the_type_that_rpm_ostree_reads(key: Key) -> None:
    """Of the keys that are written here; all others are only ever kept."""
    local = LocalPackage(digest=DIGEST, nevra="foo-1.2-3.x86_64")
    overrides = Overrides(
        remove=("nano",),
        replace_local=(LocalPackage(digest=DIGEST, nevra="bar-1:2-3.x86_64"),),
        replace=(Replacement(source="repo=one", packages=("systemd",)),),
    )
    text = (
        Origin.for_refspec("a:b")
        .with_requests(requested=("strace",), requested_local=(local,), overrides=overrides)
        .holding("a" * 64)
        .format()
    )
    if (key.group, key.key) in glib_values(text):
        assert glib_values(text)[key.group, key.key] == key.example
    else:
        assert key.group in ("modules", "rpmostree") or key.key.endswith(
            ("-state", "custom-url", "custom-description", "-fileoverride")
        )


def test_everything_that_rpm_ostree_writes_is_read() -> None:
    origin = Origin.parse(COMPLETE)
    assert origin.refspec == "fedora:fedora/34/x86_64/silverblue"
    assert origin.override_commit and origin.override_commit.startswith("41af286d")
    assert origin.requested == ("libvirt", "fish")
    assert origin.requested_local == (LocalPackage(digest=DIGEST, nevra="foo-1.2-3.x86_64"),)
    assert origin.overrides == Overrides(
        remove=("docker",),
        replace_local=(LocalPackage(digest=DIGEST, nevra="bar-1:2-3.x86_64"),),
        replace=(
            Replacement(source="repo=one", packages=("systemd",)),
            Replacement(source="repo=two", packages=("kernel", "kernel-core")),
        ),
    )
    assert origin.layered


@pytest.mark.parametrize("text", [COMPLETE, *UNTOUCHED])
def test_an_unchanged_origin_is_written_byte_for_byte(text: str) -> None:
    assert Origin.parse(text).format() == text


@pytest.mark.parametrize("text", UNTOUCHED)
def test_taking_every_request_away_gives_the_untouched_origin_back(text: str) -> None:
    untouched = Origin.parse(text)
    layered = untouched.with_requests(
        requested=("strace", "a b;c"),
        requested_local=(LocalPackage(digest=DIGEST, nevra="foo-1.2-3.x86_64"),),
        overrides=Overrides(remove=("nano",)),
    )
    assert layered.layered
    assert layered.format() != text
    empty = layered.with_requests(requested=(), requested_local=(), overrides=Overrides())
    assert empty == untouched
    assert empty.format() == text


def test_what_glib_reads_is_what_was_asked_for() -> None:
    requested = ("strace", "/usr/bin/a b", "odd;name", " leading", "back\\slash", "é")
    text = Origin.for_refspec("demo:base").with_requests(requested=requested).format()
    assert glib_list(text, "packages", "requested") == list(requested)
    assert glib_values(text)["origin", "baserefspec"] == "demo:base"
    assert ("origin", "refspec") not in glib_values(text)
    assert Origin.parse(text).requested == requested


def test_requests_change_in_place_and_leave_the_rest_alone() -> None:
    changed = Origin.parse(COMPLETE).with_requests(requested=("fish",)).format()
    assert changed == COMPLETE.replace("requested=libvirt;fish;", "requested=fish;")


def test_another_tools_reason_to_assemble_keeps_baserefspec() -> None:
    origin = Origin.parse(COMPLETE)
    empty = origin.with_requests(requested=(), requested_local=(), overrides=Overrides())
    assert ("origin", "baserefspec") in glib_values(empty.format())
    assert "regenerate-initramfs=true" in empty.format()
    assert "[packages]" not in empty.format()


def test_a_rebase_keeps_requests_and_lets_the_held_commit_go() -> None:
    text = Origin.parse(COMPLETE).with_refspec("other:branch").format()
    assert glib_values(text)["origin", "baserefspec"] == "other:branch"
    assert ("origin", "override-commit") not in glib_values(text)
    assert Origin.parse(text).requested == ("libvirt", "fish")
    plain = Origin.for_refspec("a").with_refspec("b").format()
    assert glib_values(plain) == {("origin", "refspec"): "b"}


def test_a_container_base_can_be_left_for_a_branch() -> None:
    origin = Origin.parse("[origin]\ncontainer-image-reference=registry:x\n")
    assert origin.container_image == "registry:x"
    assert origin.refspec is None
    assert origin.with_refspec("demo:base").format() == "[origin]\nrefspec=demo:base\n"


def test_a_new_deployment_does_not_inherit_a_pin() -> None:
    text = Origin.parse(COMPLETE).without_transient().format()
    assert "pinned" not in text
    assert text == COMPLETE.removesuffix("\n[libostree-transient]\npinned=true\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x=1\n", "line 1 stands before the first group: 'x=1', /o/x.0.origin"),
        ("[origin]\nfoo\n", "line 2 is no group, key or comment: 'foo', /o/x.0.origin"),
        (
            "[packages]\nrequested-local=12:foo;\n",
            "not SHA256:NEVRA: '12:foo', [packages] requested-local, /o/x.0.origin",
        ),
        (
            "[overrides]\nreplace=systemd;\n",
            "not repo=ID,NAME,…: 'systemd', [overrides] replace, /o/x.0.origin",
        ),
        (
            "[packages]\nrequested=a\\q;\n",
            "unknown escape \\q, [packages] requested, /o/x.0.origin",
        ),
        (
            "[origin]\nrefspec=a\nbaserefspec=b\n",
            "more than one of refspec, baserefspec, container-image-reference, [origin], "
            "/o/x.0.origin",
        ),
    ],
)
def test_a_broken_origin_is_named_with_group_and_key(text: str, message: str) -> None:
    with pytest.raises(OriginError) as caught:
        Origin.parse(text, source="/o/x.0.origin")
    assert str(caught.value) == message


VALUES = st.text(st.sampled_from("ab;\\ \t\n\ré=[]#,"), max_size=12)


@given(st.lists(VALUES, max_size=4))
def test_lists_are_escaped_as_glib_does_it(elements: list[str]) -> None:
    oracle = GLib.KeyFile()
    oracle.set_string_list("g", "k", elements)
    raw = oracle.get_value("g", "k")
    assert join_list(tuple(elements)) == raw
    assert list(split_list(raw)) == oracle.get_string_list("g", "k")


@given(VALUES)
def test_strings_are_escaped_as_glib_does_it(value: str) -> None:
    oracle = GLib.KeyFile()
    oracle.set_string("g", "k", value)
    assert escape(value) == oracle.get_value("g", "k")
    assert unescape(escape(value)) == value == oracle.get_string("g", "k")


LINES = st.sampled_from(
    [
        "[a]",
        "[b]",
        "x=1",
        "y = 2 ",
        " x=3",
        "# c",
        "",
        "z=",
        "q",
        "[c",
        "é=ü",
        "x\t=\t4",
        "=5",
        "[]",
        "[a] ",
        "[d]e",
        "f=g=h",
    ]
)


@given(st.lists(LINES, max_size=8).map("\n".join))
def test_files_are_read_as_glib_does_it(text: str) -> None:
    try:
        expected = glib_values(text)
    except GLib.Error:
        with pytest.raises(ValueError, match="line"):
            KeyFile.parse(text)
        return
    parsed = KeyFile.parse(text)
    assert parsed.format() == text
    found = {(line.group, line.key) for line in parsed.lines if line.group and line.key}
    assert {(g, k): parsed.get(g or "", k or "") for g, k in found} == expected


@given(st.lists(LINES, max_size=8).map("\n".join), st.sampled_from("abd"), VALUES)
def test_a_set_value_is_what_glib_then_reads(text: str, group: str, value: str) -> None:
    try:
        before = glib_values(text)
    except GLib.Error:
        return
    changed = KeyFile.parse(text).set(group, "new", escape(value))
    assert glib_values(changed.format()) == before | {(group, "new"): escape(value)}
    assert glib_values(changed.remove(group, "new").format()) == before


def test_a_file_with_leave_to_replace_others_is_kept_where_rpm_ostree_keeps_it() -> None:
    plain = LocalPackage(digest=DIGEST, nevra="foo-1.2-3.x86_64")
    with_leave = LocalPackage(digest=DIGEST, nevra="bar-1.2-3.x86_64")
    text = (
        "[origin]\nbaserefspec=a:b\n\n[packages]\n"
        f"requested-local={plain};\nrequested-local-fileoverride={with_leave};\n"
    )
    origin = Origin.parse(text)
    assert origin.requested_local == (plain, with_leave)
    assert origin.replacing_local == (with_leave,)
    assert origin.with_requests(requested_local=(with_leave, plain)).format() == text
    assert origin.replacing(frozenset({"bar"})).format() == text
    assert origin.replacing(frozenset({"foo"})).replacing_local == (plain,)
    without = origin.with_requests(requested_local=(plain,))
    assert (without.replacing_local, "fileoverride" in without.format()) == ((), False)
    assert "fileoverride" not in origin.replacing(frozenset()).format()
