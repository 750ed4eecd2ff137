# SPDX-License-Identifier: LGPL-2.1-or-later
"""Questions to an rpmdb, with the answers that the rpm command line gives."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from layering.header import read_header
from layering.rpmdb_blob import decode_tags, with_bytes
from layering.rpmdb_claims import InstalledFiles
from layering.rpmdb_query import DATABASE, InstalledPackage, owners_of, packages, tagged
from layering.rpmtags import SCRIPT_TAGS, Tag
from layering.spellings import canonical, spellings
from layering.sysroot_errors import RpmdbError
from solver import Nevra
from tests.rpms import File, Spec, build_rpm
from tests.sysroots import run

MATERIAL = Path(__file__).parents[3] / "shared/material/rpmdb"
LINKS = {"/bin": "usr/bin", "/sbin": "usr/sbin", "/usr/sbin": "bin", "/lib": "/usr/lib"}

TRIGGERED = Spec(
    files={"/usr/bin/triggered": File(content=b"x" * 1000, mode=0o755)},
    sections="""
    %post -p <lua>
    print("é")
    %filetriggerin -P 100 -- /usr/lib /usr/share
    cat
    %transfiletriggerpostun -- /usr/lib
    cat
    %triggerin -- plain > 1
    true
    """,
)


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("rpms")
    build_rpm(directory, "plain-1-1.noarch", Spec(files={"/bin/plain": File(content=b"p")}))
    build_rpm(directory, "triggered-2:1.0-1.x86_64", TRIGGERED)
    return directory


@pytest.fixture
def database(tmp_path: Path, rpms: Path) -> Path:
    """An rpmdb that rpm made, in which the write-ahead log is still on."""
    directory = tmp_path / "db"
    paths = sorted(map(str, rpms.glob("*.rpm")))
    run("rpm", "-U", "--justdb", "--nodeps", "--noplugins", "--dbpath", str(directory), *paths)
    return directory


def ask(directory: Path, *arguments: str) -> list[str]:
    """Asks rpm about a copy: it leaves files beside what it opens."""
    copy = directory.with_name(f"{directory.name}.asked")
    copy.mkdir()
    shutil.copyfile(directory / DATABASE, copy / DATABASE)
    try:
        return sorted(run("rpm", "-q", "--dbpath", str(copy), *arguments).splitlines())
    finally:
        shutil.rmtree(copy)


def shown(package: InstalledPackage) -> str:
    return f"{package.nevra}|{package.size}|{package.build_time}|{package.summary}|{package.source}"


FORM = "%{NEVRA}|%{LONGSIZE}|%{BUILDTIME}|%{SUMMARY}|%{SOURCERPM}\n"


def test_packages_are_those_that_rpm_lists(database: Path) -> None:
    assert sorted(map(shown, packages(database))) == ask(database, "-a", "--qf", FORM)
    assert [str(package.nevra) for package in packages(database)] == [
        "plain-1-1.noarch",
        "triggered-2:1.0-1.x86_64",
    ]


@pytest.mark.skipif(not MATERIAL.is_dir(), reason="needs ../shared/material")
@pytest.mark.parametrize("name", ["amazonlinux2023-plain"])
def test_a_distributions_database_is_read_as_rpm_reads_it(name: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    shutil.copyfile(MATERIAL / name / DATABASE, copy / DATABASE)
    # By itself rpm leaves out what is signed with a key that has expired since.
    listed = ask(copy, "-a", "--nosignature", "--qf", FORM)
    expected = [line for line in listed if not line.startswith("gpg-pubkey")]
    assert len(expected) > 100
    assert sorted(map(shown, packages(MATERIAL / name))) == expected


def test_asking_leaves_no_trace(database: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in database.iterdir()}
    digest = (database / DATABASE).read_bytes()
    packages(database)
    owners_of(database, "/bin/plain")
    tagged(database, SCRIPT_TAGS, database.with_name("cache"))
    assert {path.name: path.stat().st_mtime_ns for path in database.iterdir()} == before
    assert (database / DATABASE).read_bytes() == digest


def test_what_only_the_log_holds_is_seen(database: Path, tmp_path: Path) -> None:
    with sqlite3.connect(database / DATABASE, isolation_level=None) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("DELETE FROM Packages WHERE hnum = 1")
        assert (database / f"{DATABASE}-wal").stat().st_size
        assert len(packages(database)) == 1


def test_a_file_has_the_owner_that_rpm_names(database: Path) -> None:
    assert [str(nevra) for nevra in owners_of(database, "/bin/plain")] == ask(
        database, "--whatprovides", "/bin/plain", "--qf", "%{NEVRA}\n"
    )
    assert owners_of(database, "/usr/bin/plain") == ()
    assert owners_of(database, "/bin/plai") == ()


@pytest.mark.parametrize("path", ["/bin/plain", "/usr/bin/plain", "/usr/sbin/plain", "/sbin/plain"])
def test_an_owner_is_found_by_every_name_that_the_tree_gives_a_file(
    database: Path, path: str
) -> None:
    owner = Nevra(name="plain", version="1", release="1", arch="noarch")
    assert owners_of(database, path, LINKS) == (owner,)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/usr/sbin/x", "/usr/bin/x"),
        ("/sbin/x", "/usr/bin/x"),
        ("/lib/a/../b/./c", "/usr/lib/b/c"),
        ("/sbin", "/usr/bin"),
        ("/../..//etc", "/etc"),
        ("/", "/"),
        ("/loop/x", "/loop/x"),
    ],
)
def test_a_path_has_one_canonical_name(path: str, expected: str) -> None:
    assert canonical(path, LINKS | {"/loop": "loop"}) == expected


def test_a_path_is_spelled_through_every_link() -> None:
    assert spellings("/usr/sbin/x/y", LINKS) == {
        "/usr/bin/x/y",
        "/usr/sbin/x/y",
        "/bin/x/y",
        "/sbin/x/y",
    }
    assert spellings("/bin", LINKS) == {"/bin"}  # the link itself, not what it leads to


def test_tags_are_those_of_the_package(database: Path, rpms: Path, tmp_path: Path) -> None:
    header = read_header(rpms / "triggered-1.0-1.x86_64.rpm")
    expected = {tag: value for tag, value in header.tags.items() if tag in SCRIPT_TAGS}
    (found,) = tagged(database, SCRIPT_TAGS, tmp_path / "cache")
    assert found.nevra == header.nevra
    assert found.tags == expected
    assert len(expected) > 8


def test_the_second_answer_comes_from_the_cache(database: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = tagged(database, SCRIPT_TAGS, cache)
    (database / DATABASE).unlink()
    assert tagged(database, SCRIPT_TAGS, cache) == first


@pytest.mark.parametrize("content", ["", "[]", "[1, 2", '[[0, []], [["x", []]]]', "{}"])
def test_a_broken_cache_is_made_anew(database: Path, tmp_path: Path, content: str) -> None:
    cache = tmp_path / "cache"
    cache.write_text(content)
    (found,) = tagged(database, SCRIPT_TAGS, cache)
    assert found.nevra.name == "triggered"
    (database / DATABASE).unlink()
    assert tagged(database, SCRIPT_TAGS, cache) == (found,)


def test_other_tags_are_another_question(database: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    tagged(database, SCRIPT_TAGS, cache)
    found = tagged(database, frozenset({1004}), cache)
    assert [package.tags for package in found] == [{1004: b"test package"}] * 2


def test_a_missing_database_is_told(tmp_path: Path) -> None:
    with pytest.raises(RpmdbError) as caught:
        packages(tmp_path)
    assert str(caught.value) == f"no rpmdb.sqlite: rpmdb {tmp_path}"


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_bytes(b"no database" * 100)
    with pytest.raises(RpmdbError) as caught:
        packages(tmp_path)
    assert str(caught.value) == f"cannot read: file is not a database: rpmdb {tmp_path}"


def test_a_cut_record_is_told(database: Path) -> None:
    with sqlite3.connect(database / DATABASE, isolation_level=None) as writer:
        writer.execute("UPDATE Packages SET blob = substr(blob, 1, 100) WHERE hnum = 1")
        writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with pytest.raises(RpmdbError) as caught:
        packages(database)
    assert str(caught.value) == f"record is cut off: rpmdb {database}"


@pytest.mark.parametrize("length", [0, 4, 8, 20])
def test_a_record_of_any_length_is_decoded_or_refused(length: int) -> None:
    with pytest.raises(ValueError, match="cut off"):
        decode_tags((b"\0\0\0\x01" * 16)[:length], {1})


def test_claims_are_what_rpm_says_of_files(database: Path) -> None:
    installed = InstalledFiles(database, LINKS)
    form = "[%{FILENAMES}|%{FILEMODES:octal}|%{FILEUSERNAME}|%{FILEDIGESTS}|%{=NEVRA}\n]"
    for path in ("/bin/plain", "/usr/bin/triggered"):
        (claim,) = installed.at([f"/usr/bin/{path.rpartition('/')[2]}", "/usr/bin/none"])
        assert claim.entry is not None and claim.installed
        entry = claim.entry
        told = f"{path}|{entry.mode:o}|{entry.user}|{entry.digest}|{claim.package}"
        assert [told] == ask(database, "-f", path, "--qf", form)
        assert claim.algorithm == "sha256"
    assert installed.at(["/usr/bin/none", "/plain"]) == ()


def test_one_byte_of_a_record_is_changed_and_nothing_else(database: Path) -> None:
    with sqlite3.connect(f"file:{database / DATABASE}?immutable=1", uri=True) as connection:
        blob = connection.execute("SELECT blob FROM Packages ORDER BY hnum").fetchone()[0]
    changed = with_bytes(blob, Tag.FILESTATES, {0: 4})
    assert decode_tags(changed, [Tag.FILESTATES]) == {Tag.FILESTATES: (4,)}
    assert sum(one != other for one, other in zip(blob, changed, strict=True)) == 1
    for tag, index in ((Tag.FILESTATES, 1), (Tag.NAME, 0), (9999, 0)):
        with pytest.raises(ValueError, match=f"tag {int(tag)} of a record is not as it should be"):
            with_bytes(blob, tag, {index: 4})
