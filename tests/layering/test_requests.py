# SPDX-License-Identifier: LGPL-2.1-or-later
from dataclasses import dataclass

import pytest

from layering.origin import LocalPackage, Origin
from layering.requests import NOTHING, NotRequestedError, Wanted, adding, current, dropping

ORIGIN = "[origin]\nrefspec=world:base\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A layered package, as a commit's metadata tells of it."""

    nevra: str
    requested_by: tuple[str, ...]
    reason: str = "user"

    @property
    def name(self) -> str:
        return self.nevra.rsplit("-", 2)[0]


def wanted(*requested: str, local: tuple[LocalPackage, ...] = ()) -> Wanted:
    return Wanted(requested=requested, requested_local=local)


def local(nevra: str, digest: str = "a") -> LocalPackage:
    return LocalPackage(digest=digest * 64, nevra=nevra)


STRACE = Layer(nevra="strace-6.1-1.x86_64", requested_by=("/usr/bin/strace",))
UNWIND = Layer(nevra="libunwind-1-1.x86_64", requested_by=("/usr/bin/strace",), reason="dependency")


def test_requests_are_a_sorted_set_whatever_their_order() -> None:
    assert adding(wanted("b"), ["c", "a", "b", "a"]) == adding(wanted("a"), ["b", "c"])
    assert adding(wanted("b"), ["c", "a", "b", "a"]).requested == ("a", "b", "c")


def test_nothing_wanted_is_false() -> None:
    assert not NOTHING
    assert wanted("a")
    assert wanted(local=(local("a-1-1.noarch"),))


def test_an_origin_gets_the_requests_in_place_of_its_own() -> None:
    origin = Origin.parse(f"{ORIGIN}[packages]\nrequested=z;a;\n")
    assert current(origin) == wanted("a", "z")
    assert wanted("b").to_origin(origin).requested == ("b",)
    assert current(NOTHING.to_origin(origin)) == NOTHING


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ("x-1-1.x86_64", "x-2-1.x86_64", ["x-2-1.x86_64"]),
        ("x-1-1.noarch", "x-2-1.x86_64", ["x-2-1.x86_64"]),
        ("x-1-1.x86_64", "x-2-1.noarch", ["x-2-1.noarch"]),
        ("x-1-1.i686", "x-1-1.x86_64", ["x-1-1.i686", "x-1-1.x86_64"]),
        ("x-y-1-1.noarch", "x-2-1.noarch", ["x-2-1.noarch", "x-y-1-1.noarch"]),
    ],
)
def test_a_local_package_replaces_one_of_its_name_and_architecture(
    old: str, new: str, left: list[str]
) -> None:
    before = wanted(local=(local(old, "a"),))
    after = adding(before, [], [local(new, "b")])
    assert sorted(package.nevra for package in after.requested_local) == left


def test_another_build_of_a_local_package_takes_its_place() -> None:
    before = wanted(local=(local("x-1-1.noarch", "a"),))
    assert adding(before, [], [local("x-1-1.noarch", "b")]).requested_local == (
        local("x-1-1.noarch", "b"),
    )


@pytest.mark.parametrize("spec", ["htop", "ht*", "h[st]op"])
def test_a_request_is_dropped_by_its_text_or_a_glob(spec: str) -> None:
    assert dropping(wanted("htop", "jq"), [spec], []) == wanted("jq")


def test_a_glob_request_is_dropped_by_its_own_text() -> None:
    assert dropping(wanted("lib*", "library"), ["lib*"], []) == NOTHING
    assert dropping(wanted("lib[ab]", "liba"), ["lib[ab]"], []) == NOTHING


@pytest.mark.parametrize(
    "spec", ["strace", "strace.x86_64", "strace-6.1-1.x86_64", "stra*", "/usr/bin/strace"]
)
def test_a_package_stands_for_the_request_that_led_to_it(spec: str) -> None:
    assert dropping(wanted("/usr/bin/strace", "jq"), [spec], [STRACE, UNWIND]) == wanted("jq")


def test_the_same_spec_twice_and_overlapping_ones_are_no_error() -> None:
    specs = ["strace", "strace", "/usr/bin/*", "s*"]
    assert dropping(wanted("/usr/bin/strace"), specs, [STRACE]) == NOTHING


def test_a_dependency_is_not_dropped_and_the_hint_says_whose_it_is() -> None:
    with pytest.raises(NotRequestedError) as caught:
        dropping(wanted("/usr/bin/strace"), ["libunwind"], [STRACE, UNWIND])
    assert str(caught.value) == "nobody requested 'libunwind': nothing to uninstall"
    assert caught.value.__notes__ == ["libunwind-1-1.x86_64 is there because of /usr/bin/strace"]


def test_a_request_for_several_packages_is_not_dropped_by_one_of_them() -> None:
    layers = [Layer(nevra=f"lib{x}-1-1.noarch", requested_by=("lib*",)) for x in "ab"]
    with pytest.raises(NotRequestedError) as caught:
        dropping(wanted("lib*"), ["liba"], layers)
    assert caught.value.__notes__ == ["liba-1-1.noarch is there because of lib*"]


def test_a_group_is_not_dropped_by_one_of_its_packages() -> None:
    gcc = Layer(nevra="gcc-1-1.x86_64", requested_by=("@tools",), reason="group")
    with pytest.raises(NotRequestedError):
        dropping(wanted("@tools"), ["gcc"], [gcc])


def test_of_two_requests_the_one_that_names_the_package_is_dropped() -> None:
    lib = Layer(nevra="lib-1-1.noarch", requested_by=("/usr/lib/lib", "app"))
    app = Layer(nevra="app-1-1.noarch", requested_by=("app",))
    assert dropping(wanted("/usr/lib/lib", "app"), ["lib"], [lib, app]) == wanted("app")


def test_every_spec_that_names_nothing_is_told_at_once() -> None:
    with pytest.raises(NotRequestedError) as caught:
        dropping(wanted("jq"), ["jq", "one", "two"], [])
    assert str(caught.value) == "nobody requested 'one', 'two': nothing to uninstall"
    assert caught.value.__notes__ == ["'overlay status' lists the requests"]


@pytest.mark.parametrize(
    "spec",
    ["x-tool", "x-tool.noarch", "x-tool-1-1.noarch", "x-t*", f"{'a' * 64}:x-tool-1-1.noarch"],
)
def test_a_local_package_is_dropped_by_its_name_nevra_or_origin_text(spec: str) -> None:
    both = (local("x-tool-1-1.noarch"), local("y-1-1.noarch"))
    assert dropping(wanted(local=both), [spec], []) == wanted(local=both[1:])
