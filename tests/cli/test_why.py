# SPDX-License-Identifier: LGPL-2.1-or-later
"""`why` and `tree`: what brought a package into a tree, told and drawn."""

import json
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.cli.conftest import Host, binary
from tests.rpms import Spec, build_rpm, make_repo
from tests.sysroots import run

pytestmark = pytest.mark.root

_SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """one and two need core through left and right; core needs the base; lone stands alone."""
    directory = tmp_path_factory.mktemp("mine")
    for name, requires in {
        "one": ["left", "right"],
        "two": ["right"],
        "left": ["core"],
        "right": ["core >= 1", "base"],
        "core": ["setup"],
        "lone": [],
    }.items():
        spec = Spec(files=binary(name), requires=requires, provides=[f"the-{name}"])
        build_rpm(directory, f"{name}-1-1.noarch", spec)
    make_repo(directory)
    return directory


@pytest.fixture
def layered(host: Host, mine: Path) -> Host:
    where = f"--repofrompath=mine,{mine}"
    ended = host.overlay("install", where, "one", "two", "the-lone", "/usr/bin/base", "left")
    assert ended.status == 0, ended.err
    return host


def test_all_shortest_chains_are_told_with_what_is_asked_for_on_them(layered: Host) -> None:
    assert layered.overlay("why", "core").out == (
        "core-1-1.noarch: a layer, needed for 3 requests:\n"
        "  left\n"
        "    └─ left-1-1.noarch (layer)\n"
        "       └─ core-1-1.noarch (layer)\n"
        "          needed as core\n"
        "  one\n"
        "    └─ one-1-1.noarch (layer)\n"
        "       └─ left-1-1.noarch (layer)\n"
        "          needed as left\n"
        "          └─ core-1-1.noarch (layer)\n"
        "             needed as core\n"
        "    └─ one-1-1.noarch (layer)\n"
        "       └─ right-1-1.noarch (layer)\n"
        "          needed as right\n"
        "          └─ core-1-1.noarch (layer)\n"
        "             needed as core >= 1\n"
        "  two\n"
        "    └─ two-1-1.noarch (layer)\n"
        "       └─ right-1-1.noarch (layer)\n"
        "          needed as right\n"
        "          └─ core-1-1.noarch (layer)\n"
        "             needed as core >= 1\n"
    )


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("lone", "lone-1-1.noarch: a layer, requested as the-lone\n"),
        ("the-one", "one-1-1.noarch: a layer, requested as one\n"),
        ("/usr/bin/two", "two-1-1.noarch: a layer, requested as two\n"),
        ("left", "left-1-1.noarch: a layer, requested as left, needed for 1 request:\n"),
        (
            "base",
            "base-1-1.noarch: the base's, requested as /usr/bin/base, needed for 2 requests:\n",
        ),
        ("setup", "setup-1-1.noarch: the base's, needed for 3 requests:\n"),
    ],
)
def test_a_package_is_a_request_the_bases_or_needed(layered: Host, spec: str, said: str) -> None:
    ended = layered.overlay("why", spec)
    assert (ended.status, ended.out.splitlines(keepends=True)[0]) == (0, said)


def test_a_base_package_that_nobody_needs_is_said_to_be_one(host: Host) -> None:
    assert host.overlay("why", "base").out == "base-1-1.noarch: the base's, needed by no layer\n"


def test_what_was_recommended_is_said_to_be_wanted(host: Host) -> None:
    host.change("install", "app")
    assert host.overlay("why", "extra").out == (
        "extra-1-1.noarch: a layer, needed for 1 request:\n"
        "  app\n"
        "    └─ app-1-1.noarch (layer)\n"
        "       └─ extra-1-1.noarch (layer)\n"
        "          wanted as extra\n"
    )


def test_a_package_that_came_as_a_file_is_said_to_have(host: Host) -> None:
    files = [str(host.repository / f"{name}-1-1.noarch.rpm") for name in ("app", "lib")]
    assert host.overlay("install", "--disablerepo=*", *files).status == 0
    assert host.overlay("why", "lib").out.splitlines()[:2] == [
        "lib-1-1.noarch: a layer, requested, needed for 1 request:",
        "  app-1-1.noarch",
    ]
    assert host.overlay("list", "--layered").out == (
        "In the tree:\n"
        "  app  1-1  noarch  layer from a file, requested\n"
        "  lib  1-1  noarch  layer from a file, requested\n"
    )
    assert host.overlay("info", "--installed", "lib").out.splitlines()[3:7] == [
        "In the tree:  as a layer",
        "Repository:   none: it came as a file",
        "Requested:    yes",
        "Needed for:   app-1-1.noarch, lib-1-1.noarch",
    ]


def test_another_tree_can_be_asked(layered: Host) -> None:
    ended = layered.overlay("why", "core", "1")
    commit = layered.sysroot.commit
    assert (ended.status, ended.out) == (1, "")
    assert ended.err == (
        f"error: no package of the tree matches 'core': version 1 ({commit[:12]})\n"
        "hint: 'overlay info core' looks in the repositories, too\n"
    )
    assert layered.overlay("why", "setup", commit).out == (
        "setup-1-1.noarch: the base's, needed by no layer\n"
    )


def test_a_name_that_is_near_is_offered(layered: Host) -> None:
    assert "hint: names like 'coer': core\n" in layered.overlay("why", "coer").err


def test_the_document_of_a_chain(layered: Host) -> None:
    document = layered.document("why", "two")
    assert document["packages"] == [
        {
            "nevra": "two-1-1.noarch",
            "place": "layer",
            "requests": ["two"],
            "needed_by": [],
            "chains": [
                {
                    "request": "two",
                    "steps": [
                        {
                            "nevra": "two-1-1.noarch",
                            "place": "layer",
                            "capabilities": [],
                            "weak": False,
                        }
                    ],
                }
            ],
        }
    ]
    (base,) = json.loads(layered.overlay("--json", "why", "base").out)["packages"]
    assert (base["needed_by"], base["place"]) == (["right-1-1.noarch"], "base")


TREE = """\
/usr/bin/base
└─ base-1-1.noarch (the base has it)
left
└─ left-1-1.noarch
   └─ core-1-1.noarch
      └─ base: setup
one
└─ one-1-1.noarch
   ├─ left-1-1.noarch …
   └─ right-1-1.noarch
      ├─ base: base
      └─ core-1-1.noarch …
the-lone
└─ lone-1-1.noarch
two
└─ two-1-1.noarch
   └─ right-1-1.noarch …
"""


def test_a_tree_shows_what_each_request_brought(layered: Host) -> None:
    assert layered.overlay("tree").out == TREE


def test_nothing_that_is_requested_is_no_error(host: Host) -> None:
    ended = host.overlay("tree")
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == f"Nothing is requested: version 1 ({host.sysroot.commit[:12]})\n"


def test_the_document_of_a_tree(layered: Host) -> None:
    document = layered.document("tree")
    assert document.keys() == {
        *("version", "checksum", "base_checksum", "requests", "packages", "needs")
    }
    assert {"request": "the-lone", "packages": ["lone-1-1.noarch"]} in document["requests"]  # type: ignore[operator]
    assert {"nevra": "setup-1-1.noarch", "place": "base"} in document["packages"]  # type: ignore[operator]
    assert {
        "from": "right-1-1.noarch",
        "to": "core-1-1.noarch",
        "capabilities": ["core >= 1"],
        "weak": False,
    } in document["needs"]  # type: ignore[operator]


def test_the_picture_has_every_node_and_no_arrow_that_follows_from_others(
    layered: Host, tmp_path: Path
) -> None:
    assert layered.overlay("tree", "--svg", str(tmp_path / "a.svg")).status == 0
    drawn = layered.overlay("tree", "--svg", "-").out
    assert (tmp_path / "a.svg").read_text() == drawn
    picture = ElementTree.fromstring(drawn)
    names = [text.text for text in picture.iter(f"{_SVG}text")][1:]
    assert sorted(map(str, names)) == sorted(
        ["/usr/bin/base", "left", "one", "the-lone", "two", "base", "setup"]
        + [f"{name} 1-1" for name in ("core", "left", "lone", "one", "right", "two")]
    )
    arrows = [
        title.text.partition(":")[0]
        for path in picture.iter(f"{_SVG}path")
        for title in path
        if title.text
    ]
    assert sorted(arrows) == sorted(
        [
            "/usr/bin/base → base-1-1.noarch",
            "left → left-1-1.noarch",
            "one → one-1-1.noarch",
            "the-lone → lone-1-1.noarch",
            "two → two-1-1.noarch",
            "one-1-1.noarch → left-1-1.noarch",
            "one-1-1.noarch → right-1-1.noarch",
            "two-1-1.noarch → right-1-1.noarch",
            "left-1-1.noarch → core-1-1.noarch",
            "right-1-1.noarch → core-1-1.noarch",
            "right-1-1.noarch → base-1-1.noarch",
            "core-1-1.noarch → setup-1-1.noarch",
        ]
    )


def test_json_and_a_picture_at_once_is_a_usage_error(host: Host) -> None:
    ended = host.overlay("--json", "tree", "--svg", "-")
    assert (ended.status, ended.err.splitlines()[0]) == (2, "error: either --svg or --json")


def test_neither_root_nor_a_repository_is_needed(layered: Host) -> None:
    import solver.queries  # noqa: F401  what a child without root could not import

    assert layered.as_nobody("tree").out == TREE
    ended = layered.as_nobody("why", "lone")
    assert ended.out == "lone-1-1.noarch: a layer, requested as the-lone\n", ended.err


def test_the_layers_of_a_tree_of_which_nothing_is_recorded_are_explained(layered: Host) -> None:
    """As rpm-ostree leaves it: its own keys alone."""
    commit = json.loads(layered.overlay("--json", "status").out)["deployments"][0]["checksum"]
    repo = str(layered.sysroot.repo)
    script = f"""
import gi
gi.require_version("OSTree", "1.0")
from gi.repository import GLib, Gio, OSTree
repo = OSTree.Repo.new(Gio.File.new_for_path({repo!r})); repo.open(None)
_ok, commit, _state = repo.load_commit({commit!r})
kept = GLib.VariantDict.new(commit.get_child_value(0))
for key in list(commit.get_child_value(0).keys()):
    if key.startswith("overlay."):
        kept.remove(key)
parts = [kept.end()] + [commit.get_child_value(at) for at in range(1, commit.n_children())]
_ok, checksum = repo.write_metadata(
    OSTree.ObjectType.COMMIT, None, GLib.Variant.new_tuple(*parts), None
)
print(OSTree.checksum_from_bytes(checksum))
"""
    done = subprocess.run(
        ["/usr/bin/python3", "-c", script], check=True, capture_output=True, text=True
    )
    theirs = done.stdout.strip()
    assert run("ostree", "show", f"--repo={repo}", theirs)
    assert layered.overlay("tree", theirs).out == TREE
