# SPDX-License-Identifier: LGPL-2.1-or-later
from dataclasses import dataclass

from layering.proposal import Proposal, ProposedPackage, compare


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A package of the present tree."""

    nevra: str
    digest: str = "sha256:1"

    @property
    def name(self) -> str:
        return self.nevra.rsplit("-", 2)[0]


def package(nevra: str, *, digest: str = "sha256:1", download: int = 0) -> ProposedPackage:
    name_evr, arch = nevra.rsplit(".", 1)
    name, version, release = name_evr.rsplit("-", 2)
    return ProposedPackage(
        name=name,
        evr=f"{version}-{release}",
        arch=arch,
        digest=digest,
        repository="base",
        download_size=download,
        install_size=0,
        why="requested",
    )


def changes(present: list[str], following: list[str]) -> dict[str, object]:
    """What changes from one set to another, as texts."""
    found = compare([Layer(nevra=nevra) for nevra in present], [package(n) for n in following])
    return {
        "added": [each.nevra for each in found.added],
        "changed": [(evr, each.nevra) for evr, each in found.changed],
        "removed": list(found.removed),
        "kept": list(found.kept),
    }


def test_packages_are_added_changed_removed_and_kept() -> None:
    assert changes(
        ["a-1-1.noarch", "b-1-1.noarch", "c-1-1.noarch"],
        ["a-1-1.noarch", "c-2-1.noarch", "d-1-1.noarch"],
    ) == {
        "added": ["d-1-1.noarch"],
        "changed": [("1-1", "c-2-1.noarch")],
        "removed": ["b-1-1.noarch"],
        "kept": ["a-1-1.noarch"],
    }


def test_an_epoch_and_a_dashed_name_stay_whole() -> None:
    assert changes(["x-y-1:2-3.noarch"], ["x-y-2:1-1.noarch"])["changed"] == [
        ("1:2-3", "x-y-2:1-1.noarch")
    ]


def test_two_architectures_of_a_package_are_two() -> None:
    both = ["lib-1-1.i686", "lib-1-1.x86_64"]
    assert changes(both, [])["removed"] == both
    assert changes(both, ["lib-2-1.i686", "lib-2-1.x86_64"])["changed"] == [
        ("1-1", "lib-2-1.i686"),
        ("1-1", "lib-2-1.x86_64"),
    ]
    one_left = changes(both, ["lib-2-1.x86_64"])
    assert (one_left["changed"], one_left["removed"]) == (
        [("1-1", "lib-2-1.x86_64")],
        ["lib-1-1.i686"],
    )


def test_a_package_that_changes_its_architecture_is_a_change() -> None:
    found = changes(["doc-1-1.x86_64"], ["doc-2-1.noarch"])
    assert (found["changed"], found["removed"]) == ([("1-1", "doc-2-1.noarch")], [])


def test_another_build_of_the_same_nevra_is_a_change() -> None:
    found = compare([Layer(nevra="a-1-1.noarch")], [package("a-1-1.noarch", digest="sha256:2")])
    assert [(evr, each.evr) for evr, each in found.changed] == [("1-1", "1-1")]
    assert (found.kept, found.removed, found.empty) == ((), (), False)


def test_a_proposal_is_empty_where_the_next_tree_is_the_present_one() -> None:
    assert Proposal().empty
    assert compare([Layer(nevra="a-1-1.noarch")], [package("a-1-1.noarch")]).empty
    assert not compare([], [], requests_changed=True).empty
    assert compare([], [], inactive=("bash",)).empty


def test_what_is_fetched_is_added_up() -> None:
    following = [package("a-2-1.noarch", download=5), package("b-1-1.noarch", download=7)]
    found = compare([Layer(nevra="a-1-1.noarch")], following)
    assert found.download_size == 12
