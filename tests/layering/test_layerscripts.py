# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts and order are read from headers of packages that rpmbuild made."""

from pathlib import Path

import pytest

from layering.header import read_header
from layering.layerinfo import Layer, LayerInfo
from layering.layerscripts import install_sequence, scripts_of
from layering.paths import BaseLayout
from tests.rpms import File, Spec, build_rpm

LAYOUT = BaseLayout.of({"bin": "usr/bin", "opt": "var/opt"}, {})
SECTIONS = """
%post
echo post
%filetriggerin -- /usr/share/icons
cat
%triggerin -- other
true
"""


def layer(directory: Path, nevra: str, spec: Spec) -> LayerInfo:
    header = read_header(build_rpm(directory, nevra, spec))
    return LayerInfo(
        layer=Layer(nevra=header.nevra, digest="sha256:0", ref="", commit="0" * 64),
        owners=(),
        owned_dirs=(),
        stub=header.prefix,
    )


def test_files_have_the_running_systems_names_and_ghosts_are_told_apart(tmp_path: Path) -> None:
    files = {
        "/bin/tool": File(content=b"x", mode=0o755),
        "/etc/tool.conf": File(),
        "/opt/tool/data": File(),
        "/var/log/tool.log": File(directives="%ghost"),
        "/var/lib/tool": File(directory=True),
    }
    scripts = scripts_of(
        layer(tmp_path, "tool-1:2-3.noarch", Spec(files=files, sections=SECTIONS)), LAYOUT
    )
    assert sorted(scripts.files) == [
        "/etc/tool.conf",
        "/opt/tool/data",
        "/usr/bin/tool",
        "/var/lib/tool",
        "/var/log/tool.log",
    ]
    assert scripts.ghosts == {"/var/log/tool.log"}
    assert scripts.package == "tool-1:2-3.noarch"
    assert [(str(each.phase), (each.body or "").strip()) for each in scripts.scriptlets] == [
        ("%post", "echo post")
    ]
    assert [each.prefixes for each in scripts.file_triggers] == [("/usr/share/icons",)]
    assert len(scripts.package_triggers) == 1


@pytest.mark.parametrize("backwards", [False, True])
def test_a_provider_comes_before_who_requires_it(tmp_path: Path, backwards: bool) -> None:
    layers = [
        layer(tmp_path, "a-1-1.noarch", Spec(requires=["b >= 2", "/usr/bin/c"])),
        layer(tmp_path, "b-2-1.noarch", Spec(requires=["virtual"])),
        layer(tmp_path, "c-1-1.noarch", Spec(files={"/usr/bin/c": File(mode=0o755)})),
        layer(tmp_path, "d-1-1.noarch", Spec(provides=["virtual = 1"])),
    ]
    given = layers[:: -1 if backwards else 1]
    names = [each.layer.nevra.name for each in install_sequence(given, LAYOUT)]
    assert names.index("d") < names.index("b") < names.index("a")
    assert names.index("c") < names.index("a")
    assert names == [each.layer.nevra.name for each in install_sequence(layers, LAYOUT)]


def test_one_layer_and_none_need_no_order(tmp_path: Path) -> None:
    one = layer(tmp_path, "a-1-1.noarch", Spec())
    assert (install_sequence([one], LAYOUT), install_sequence([], LAYOUT)) == ((one,), ())
