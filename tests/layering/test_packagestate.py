# SPDX-License-Identifier: LGPL-2.1-or-later
"""What packages bring below /var is where their scripts look for it, with its owner."""

import stat
from pathlib import Path

import pytest

from layering.errors import UnknownOwnerError
from layering.importer import LayerInfo, import_packages, layer_info
from layering.owners import UserDatabase
from layering.packagestate import apply_owners, put, state_paths
from layering.paths import BaseLayout
from layering.repo import Repo
from tests.layering.test_importer import verified
from tests.rpms import File, Spec, build_rpm

pytestmark = pytest.mark.root

TIME = 1_234_567_890
LAYOUT = BaseLayout.of({"bin": "usr/bin", "opt": "var/opt"}, {"local": "../var/usrlocal"})
USERS = UserDatabase.parse(["root:x:0:0::/:\njane:x:123:124::/:\n"], ["mail:x:124:\n"])


def layer(scratch: Path, spec: Spec, name: str = "x") -> tuple[LayerInfo, Path]:
    """Returns a layer, and where its tree is checked out."""
    repo = Repo.create(scratch / f"repo-{name}")
    (made,) = import_packages(
        [verified(build_rpm(scratch, f"{name}-1-1.noarch", spec))], repo, LAYOUT
    )
    repo.checkout(made.commit, scratch / f"root-{name}")
    return layer_info(repo, made), scratch / f"root-{name}"


STATE = Spec(
    files={
        "/var/lib/x": File(directory=True, mode=0o2750, user="jane", group="mail"),
        "/var/lib/x/data": File(content=b"data", mode=0o640, user="jane"),
        "/var/lib/x/setuid": File(content=b"s", mode=0o4711, user="jane"),
        "/var/lib/x/link": File(link="data"),
        "/var/lib/x/ghost": File(directives="%ghost"),
        "/usr/local/share/y": File(content=b"local"),
        "/usr/share/z": File(content=b"of the tree"),
    }
)


def test_scripts_find_directories_links_and_files(scratch: Path) -> None:
    info, root = layer(scratch, STATE)
    var = scratch / "var"
    var.mkdir()
    paths = state_paths([info], LAYOUT)
    put(root, var, paths, TIME)
    apply_owners(var, paths, USERS)
    found = {}
    for path in sorted(var.rglob("*")):
        status = path.lstat()
        mode = oct(stat.S_IMODE(status.st_mode)) if not path.is_symlink() else str(path.readlink())
        found[str(path.relative_to(var))] = (mode, status.st_uid, status.st_gid)
    assert found == {
        "lib": ("0o755", 0, 0),
        "lib/x": ("0o2750", 123, 124),
        "lib/x/data": ("0o640", 123, 0),
        "lib/x/link": ("data", 0, 0),
        "lib/x/setuid": ("0o4711", 123, 0),
        "usrlocal": ("0o755", 0, 0),
        "usrlocal/share": ("0o755", 0, 0),
        "usrlocal/share/y": ("0o644", 0, 0),
    }
    assert (var / "lib/x/data").read_text() == "data"


@pytest.mark.parametrize(
    ("file", "path", "what"),
    [
        (File(directory=True, user="ghost"), "/var/lib/x", "user ghost"),
        (File(content=b"x", group="ghosts"), "/var/lib/x", "group ghosts"),
        (File(directory=True, user="ghost"), "/run/x", "user ghost"),
    ],
)
def test_an_owner_that_nobody_makes_is_an_error_naming_file_and_package(
    scratch: Path, file: File, path: str, what: str
) -> None:
    info, root = layer(scratch, Spec(files={path: file}))
    var = scratch / "var"
    var.mkdir()
    paths = state_paths([info], LAYOUT)
    put(root, var, paths, TIME)
    with pytest.raises(UnknownOwnerError) as caught:
        apply_owners(var, paths, USERS)
    assert str(caught.value) == f"unknown {what}: owner of {path} of x-1-1.noarch"


def test_of_two_packages_the_first_says_mode_and_owner(scratch: Path) -> None:
    shared = {"/var/lib/shared": File(directory=True, mode=0o700, user="jane")}
    first, root = layer(scratch, Spec(files=shared), "a")
    second, _ = layer(scratch, Spec(files={"/var/lib/shared": File(directory=True)}), "b")
    (path,) = state_paths([second, first], LAYOUT)
    assert (path.package, stat.S_IMODE(path.mode), path.user) == ("a-1-1.noarch", 0o700, "jane")
    del root


def test_what_stands_in_the_way_is_left_there(scratch: Path) -> None:
    files = {"/var/lib/x/data": File(content=b"data"), "/var/lib/y": File(link="z")}
    info, root = layer(scratch, Spec(files=files))
    var, outside = scratch / "var", scratch / "outside"
    (var / "lib/y").mkdir(parents=True)
    outside.mkdir()
    (var / "lib/x").symlink_to(outside)
    put(root, var, state_paths([info], LAYOUT), TIME)
    assert list(outside.iterdir()) == []
    assert (var / "lib/y").is_dir()


def test_whatever_is_put_there_has_the_scripts_time_and_no_clocks(scratch: Path) -> None:
    info, root = layer(scratch, STATE)
    var = scratch / "var"
    var.mkdir()
    paths = state_paths([info], LAYOUT)
    put(root, var, paths, TIME)
    apply_owners(var, paths, USERS)
    times = {path.lstat().st_mtime_ns for path in (var, *var.rglob("*"))}
    assert times == {TIME * 10**9}
