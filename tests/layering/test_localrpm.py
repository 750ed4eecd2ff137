# SPDX-License-Identifier: LGPL-2.1-or-later
import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from layering.errors import BadRequestError, BrokenPackageError
from layering.localrpm import local_packages, split_specs
from layering.origin import LocalPackage
from tests.rpms import build_rpm


def test_words_that_end_in_rpm_are_files_and_all_else_is_for_the_solver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.rpm").touch()
    monkeypatch.chdir(tmp_path)
    names = ["strace", "/usr/bin/htop", "lib*", "@tools", "libc.so.6()(64bit)", "rpm", "a >= 1"]
    files = ["x.rpm", "./x.rpm", f"{tmp_path}/x.rpm", f"file://{tmp_path}/x.rpm"]
    assert split_specs([*names, *files]) == (tuple(names), (tmp_path / "x.rpm",) * 4)


@pytest.mark.parametrize("spec", ["none.rpm", "./none.rpm", "*.rpm"])
def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRequestError) as caught:
        split_specs([spec])
    assert str(caught.value) == f"no such file: {spec}"


@pytest.mark.parametrize("spec", ["", " ", "a\nb", "a;b"])
def test_words_that_no_origin_could_hold_are_refused(spec: str) -> None:
    with pytest.raises(BadRequestError) as caught:
        split_specs([spec])
    assert str(caught.value) == f"not a package, path or file: {spec!r}"


def test_a_url_is_refused_with_what_to_do_instead() -> None:
    url = "https://example.org/strace-6.1-1.x86_64.rpm"
    with pytest.raises(BadRequestError) as caught:
        split_specs([url])
    assert str(caught.value) == f"packages cannot be installed from a URL: {url}"
    assert caught.value.__notes__ == [
        "download it, and give the file: overlay install ./package.rpm"
    ]


def test_a_file_is_known_by_the_digest_of_all_before_its_payload(tmp_path: Path) -> None:
    path = build_rpm(tmp_path, "tool-2:1.0-1.noarch")
    query = ["rpm", "-qp", "--nosignature", "--qf", "%{PAYLOADSIZE}", str(path)]
    size = int(subprocess.run(query, capture_output=True, text=True, check=True).stdout)
    digest = hashlib.sha256(path.read_bytes()[:-size]).hexdigest()
    package = LocalPackage(digest=digest, nevra="tool-2:1.0-1.noarch")
    assert local_packages([path, path]) == {package: path}
    assert local_packages([]) == {}


@pytest.mark.parametrize(
    ("content", "error", "what"),
    [
        (b"", BadRequestError, "empty file: {path}"),
        (b"<html>", BadRequestError, "not an RPM: {path}"),
        (b"\xed\xab\xee\xdb\3", BrokenPackageError, "broken package {path}: "),
    ],
)
def test_a_file_that_is_no_rpm_is_told_from_one_that_is_broken(
    tmp_path: Path, content: bytes, error: type[Exception], what: str
) -> None:
    path = tmp_path / "x.rpm"
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        local_packages([path])
    assert str(caught.value).startswith(what.format(path=path))


def test_what_is_no_file_is_called_what_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir.rpm").mkdir()
    os.mkfifo("pipe.rpm")
    (tmp_path / "dangling.rpm").symlink_to("gone.rpm")
    (tmp_path / "circle.rpm").symlink_to("circle.rpm")
    said = []
    for spec in ("dir.rpm", "./pipe.rpm", "dangling.rpm", "circle.rpm"):
        with pytest.raises(BadRequestError) as caught:
            split_specs([spec])
        said.append(str(caught.value))
    assert said == [
        "is a directory: dir.rpm",
        "is a pipe: ./pipe.rpm",
        "link to gone.rpm, which is not there: dangling.rpm",
        "too many levels of symbolic links: circle.rpm",
    ]


def test_an_rpm_under_another_name_is_known_by_its_content(tmp_path: Path) -> None:
    path = build_rpm(tmp_path, "tool-1-1.noarch").rename(tmp_path / "tool.download")
    with pytest.raises(BadRequestError) as caught:
        split_specs([str(path)])
    assert str(caught.value) == f"the file's name has to end in .rpm: {path}"
    assert split_specs(["/usr/bin/env"]) == (("/usr/bin/env",), ())
