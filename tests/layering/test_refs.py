# SPDX-License-Identifier: LGPL-2.1-or-later
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layering._ostree import OSTree
from layering.refs import (
    LayerRef,
    base_ref,
    escape,
    layer_ref,
    merged_ref,
    parse_layer_ref,
    unescape,
)


@dataclass(frozen=True)
class Nevra:
    name: str
    evr: str
    arch: str = "x86_64"


DIGEST = "sha256:" + "ab" * 32


@given(st.text(min_size=1) | st.text("_+2B.-", min_size=1))
def test_any_text_becomes_a_component_that_ostree_accepts_and_back(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # no package's tag holds half a surrogate pair
        return
    assert OSTree.validate_rev(f"overlay/{escape(text)}")
    assert unescape(escape(text)) == text


@pytest.mark.parametrize(
    ("nevra", "start"),
    [
        (Nevra("strace", "6.1-1"), "overlay/layer/strace/6.1-1.x86_64/"),
        (
            Nevra("gtk+", "1:2.0~rc1^git-3"),
            "overlay/layer/gtk_2B_/1_3A_2.0_7E_rc1_5E_git-3.x86_64/",
        ),
        (Nevra("python3_x", "1-1", "noarch"), "overlay/layer/python3_x/1-1.noarch/"),
        (Nevra("a_2B_b", "1-1", "noarch"), "overlay/layer/a_5F_2B_b/1-1.noarch/"),
    ],
)
def test_a_layers_ref_reads_as_its_package(nevra: Nevra, start: str) -> None:
    ref = layer_ref(nevra, DIGEST, 1)
    assert ref.startswith(start)
    assert OSTree.validate_rev(ref)
    assert parse_layer_ref(ref) == LayerRef(
        name=nevra.name, evr_arch=f"{nevra.evr}.{nevra.arch}", key=ref[-16:]
    )


def test_whatever_shapes_a_layer_gives_it_another_ref() -> None:
    nevra = Nevra("strace", "6.1-1")
    refs = {
        layer_ref(nevra, DIGEST, 1),
        layer_ref(nevra, DIGEST, 2),
        layer_ref(nevra, DIGEST, 1, layout="usrlocal"),
        layer_ref(nevra, "sha256:" + "cd" * 32, 1),
        layer_ref(Nevra("strace", "1:6.1-1"), DIGEST, 1),
        layer_ref(nevra, DIGEST, 1, labels="policy"),
        layer_ref(nevra, DIGEST, 1, dropping=True),
    }
    assert len(refs) == 7


@pytest.mark.parametrize(
    "ref",
    ["overlay/base/x", "overlay/layer/a/b", "rpmostree/pkg/a/b/c", "overlay/layer/a+/1/k", ""],
)
def test_what_layer_ref_did_not_make_is_refused(ref: str) -> None:
    with pytest.raises(ValueError, match=r"^not a"):
        parse_layer_ref(ref)


def test_other_refs_are_ours_and_valid() -> None:
    for ref in (merged_ref("ab" * 16), base_ref("ab" * 32)):
        assert ref.startswith("overlay/")
        assert OSTree.validate_rev(ref)
