# SPDX-License-Identifier: LGPL-2.1-or-later
"""A hundred small packages, of which each tenth brings what a trigger watches."""

from pathlib import Path

from bench.measure import plain, say

_FEEDS = (
    "/usr/share/icons/hicolor/48x48/apps/{name}.png",
    "/usr/share/applications/{name}.desktop",
    "/usr/share/mime/packages/{name}.xml",
    "/usr/share/glib-2.0/schemas/{name}.gschema.xml",
)
_CONTENT = {
    ".desktop": "[Desktop Entry]\nType=Application\nName={name}\nExec={name}\n"
    "MimeType=application/x-{name};\n",
    ".gschema.xml": '<schemalist><schema id="{name}" path="/{name}/">'
    '<key name="on" type="b"><default>true</default></key></schema></schemalist>\n',
    ".xml": '<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">'
    '<mime-type type="application/x-{name}"><glob pattern="*.{name}"/></mime-type></mime-info>\n',
    ".png": "{name}",
}
_SPEC = """\
Name: {name}
Version: 1
Release: 1
Summary: To be measured with
License: LGPL-2.1-or-later
BuildArch: noarch
%global __os_install_post %{{nil}}
%description
To be measured with.
%install
cp -r {tree}/. %{{buildroot}}
%files
{files}
"""


def hundred_packages(directory: Path) -> tuple[str, ...]:
    """Builds the packages and returns their paths."""
    say("building a hundred packages")
    directory.mkdir()
    return tuple(_built(directory, f"bench{number:03}", number) for number in range(100))


def _built(directory: Path, name: str, number: int) -> str:
    files = {
        f"/usr/bin/{name}": "#!/bin/sh\n",
        f"/usr/share/man/man1/{name}.1": f".TH {name} 1\n",
        f"/usr/share/{name}/data": name,
    }
    if number % 10 == 0:
        path = _FEEDS[number // 10 % len(_FEEDS)].format(name=name)
        kind = next(suffix for suffix in _CONTENT if path.endswith(suffix))
        files[path] = _CONTENT[kind].format(name=name)
    tree = directory / name
    for path, content in files.items():
        place = tree / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")
    spec = directory / f"{name}.spec"
    spec.write_text(_SPEC.format(name=name, tree=tree, files="\n".join(files)), encoding="utf-8")
    defines = {
        "_topdir": directory / "rpmbuild",
        "_rpmdir": directory,
        "_rpmfilename": f"{name}.rpm",
    }
    words = [word for each in defines.items() for word in ("--define", f"{each[0]} {each[1]}")]
    plain(["rpmbuild", "-bb", "--quiet", str(spec), *words])
    return str(directory / f"{name}.rpm")
