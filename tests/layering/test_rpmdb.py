# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rpmdb of trees, judged by the rpm command line."""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from layering.header import read_header
from layering.repo import Repo
from layering.rpmdb import base_root, copy_base, database_path, drop_copies, settle, write
from layering.sysroot_errors import RpmdbError
from tests.rpms import File, Spec, build_rpm
from tests.sysroots import DATABASE, REF, commit_tree, make_tree, run

pytestmark = pytest.mark.root

EPOCH = 1_700_000_000
# Everything that an installation adds to a header, beside what the package brought.
STATES = "[%{=NEVRA} %{FILENAMES} %{FILESTATES} %{FILEMODES:octal}\n]"
RECORDS = "%{NEVRA} %{INSTALLTIME} %{INSTALLTID} %{INSTALLCOLOR} %{SIGMD5} %{SHA256HEADER}\n"

TOOL = Spec(
    files={
        "/usr/bin/tool": File(content=b"tool", mode=0o4755),
        "/usr/bin/same": File(hard_link="/usr/bin/tool", mode=0o4755),
        "/usr/bin/t": File(link="tool"),
        "/etc/tool.conf": File(content=b"a=1", directives="%config(noreplace)"),
        "/usr/share/doc/tool/README": File(content=b"read", directives="%doc"),
        "/usr/share/locale/de/tool.mo": File(content=b"de", directives="%lang(de)"),
        "/usr/lib/tool": File(directory=True, mode=0o2775, group="games"),
        "/var/log/tool.log": File(directives="%ghost"),
    },
    sections="""
    %post
    touch /this-must-not-run
    %transfiletriggerin -- /usr
    touch /this-must-not-run
    """,
)


@pytest.fixture(scope="module")
def rpms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("rpms")
    build_rpm(directory, "base-1-1.noarch", Spec(files={"/usr/bin/base": File(content=b"base")}))
    build_rpm(directory, "tool-1:2.0-3.x86_64", TOOL)
    build_rpm(
        directory,
        "old-1-1.noarch",
        Spec(files={"/usr/share/old": File(content=b"o")}, rpm_format=4, payload="w6.xzdio"),
    )
    return directory


@pytest.fixture
def base(scratch: Path, rpms: Path) -> Iterator[Path]:
    """A plain root in which rpm has installed the base package."""
    tree = scratch / "base"
    make_tree(tree, rpms=[rpms / "base-1-1.noarch.rpm"])
    (tree / "usr/etc").rename(tree / "etc")
    yield tree


def copy_database(root: Path, directory: Path) -> Path:
    directory.mkdir(parents=True)
    shutil.copyfile(root / DATABASE / "rpmdb.sqlite", directory / "rpmdb.sqlite")
    return directory


def prefixes(rpms: Path, *names: str) -> list[bytes]:
    return [read_header(rpms / f"{name}.rpm").prefix for name in names]


def query(directory: Path, form: str) -> list[str]:
    """Asks the rpm command line about a copy: it leaves files beside what it opens."""
    copy = directory.with_name(f"{directory.name}.asked")
    shutil.copytree(directory, copy)
    try:
        return sorted(run("rpm", "-qa", "--dbpath", str(copy), "--qf", form).splitlines())
    finally:
        shutil.rmtree(copy)


def digest(directory: Path) -> str:
    return hashlib.sha256((directory / "rpmdb.sqlite").read_bytes()).hexdigest()


def test_layers_are_recorded_as_rpm_itself_records_them(
    scratch: Path, base: Path, rpms: Path
) -> None:
    ours = copy_database(base, scratch / "ours")
    write(ours, prefixes(rpms, "tool-2.0-3.x86_64", "old-1-1.noarch"), source_date_epoch=EPOCH)
    files = [str(rpms / name) for name in ("tool-2.0-3.x86_64.rpm", "old-1-1.noarch.rpm")]
    command = ["rpm", "-U", "--justdb", "--root", str(base), "--dbpath", f"/{DATABASE}"]
    subprocess.run(
        [*command, "--nodeps", "--noplugins", *files],
        env={"SOURCE_DATE_EPOCH": str(EPOCH), "PATH": "/usr/sbin:/usr/bin"},
        check=True,
    )
    theirs = copy_database(base, scratch / "theirs")
    assert query(ours, STATES) == query(theirs, STATES)
    added = [line for line in query(ours, RECORDS) if not line.startswith("base-")]
    assert added == [line for line in query(theirs, RECORDS) if not line.startswith("base-")]
    assert len(added) == 2
    assert sum(line.startswith("tool-1:2.0-3.x86_64 /") for line in query(ours, STATES)) == 8
    assert run("rpmdb", "--verifydb", "--dbpath", str(theirs)) == ""


def test_rpm_finds_nothing_wrong_with_the_files_of_a_recorded_package(
    scratch: Path, base: Path, rpms: Path
) -> None:
    ours = copy_database(base, scratch / "ours")
    write(ours, prefixes(rpms, "tool-2.0-3.x86_64"), source_date_epoch=EPOCH)
    command = ["rpm", "-U", "--root", str(base), "--dbpath", f"/{DATABASE}", "--nodeps"]
    command += ["--noscripts", "--notriggers", "--noplugins"]
    run(*command, str(rpms / "tool-2.0-3.x86_64.rpm"))
    shutil.copyfile(ours / "rpmdb.sqlite", base / DATABASE / "rpmdb.sqlite")
    verify = ["rpm", "-V", "--root", str(base), "--dbpath", f"/{DATABASE}", "--nodeps", "tool"]
    assert run(*verify) == ""
    (base / "usr/bin/tool").write_bytes(b"other")
    assert "/usr/bin/tool" in subprocess.run(verify, capture_output=True, text=True).stdout


def test_the_same_set_gives_the_same_bytes(scratch: Path, base: Path, rpms: Path) -> None:
    names = ("tool-2.0-3.x86_64", "old-1-1.noarch")
    first = copy_database(base, scratch / "first")
    write(first, prefixes(rpms, *names), source_date_epoch=EPOCH)
    time.sleep(1.1)  # a clock's second later
    second = copy_database(base, scratch / "elsewhere/second")
    write(second, prefixes(rpms, *reversed(names)), source_date_epoch=EPOCH)
    assert digest(first) == digest(second)


def test_this_machines_settings_do_not_reach_the_result(
    scratch: Path, base: Path, rpms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = copy_database(base, scratch / "plain")
    write(plain, prefixes(rpms, "tool-2.0-3.x86_64"), source_date_epoch=EPOCH)
    home = scratch / "home"
    (home / ".config/rpm").mkdir(parents=True)
    settings = "%_install_langs en\n%_excludedocs 1\n%_netsharedpath /usr/lib\n"
    settings += "%_transaction_color 1\n"
    for path in (home / ".rpmmacros", home / ".config/rpm/macros"):
        path.write_text(settings)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.chdir(home)
    other = copy_database(base, scratch / "other")
    write(other, prefixes(rpms, "tool-2.0-3.x86_64"), source_date_epoch=EPOCH)
    assert digest(plain) == digest(other)


def test_one_file_is_left_that_needs_no_log(scratch: Path, base: Path, rpms: Path) -> None:
    ours = copy_database(base, scratch / "ours")
    assert journal(ours) == "wal"  # as rpm left the base's
    write(ours, prefixes(rpms, "tool-2.0-3.x86_64"), source_date_epoch=EPOCH)
    assert [path.name for path in ours.iterdir()] == ["rpmdb.sqlite"]
    assert journal(ours) == "delete"


def journal(directory: Path) -> str:
    copy = directory.with_name(f"{directory.name}.journal")
    shutil.copyfile(directory / "rpmdb.sqlite", copy)
    with sqlite3.connect(copy) as database:
        return str(database.execute("PRAGMA journal_mode").fetchone()[0])


def test_what_only_the_log_holds_is_not_lost(scratch: Path, base: Path) -> None:
    """A database copied while a writer had it open: its last records are in the log alone."""
    live = copy_database(base, scratch / "live")
    settle(live)
    with sqlite3.connect(live / "rpmdb.sqlite", isolation_level=None) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE late (x)")
        copy = scratch / "copy"
        shutil.copytree(live, copy)
    assert (copy / "rpmdb.sqlite-wal").stat().st_size
    settle(copy)
    assert [path.name for path in copy.iterdir()] == ["rpmdb.sqlite"]
    with sqlite3.connect(copy / "rpmdb.sqlite") as database:
        assert database.execute("SELECT count(*) FROM late").fetchone() == (0,)


def test_a_database_is_made_where_there_was_none(scratch: Path, rpms: Path) -> None:
    ours = scratch / "new"
    ours.mkdir()
    write(ours, prefixes(rpms, "tool-2.0-3.x86_64"), source_date_epoch=EPOCH)
    assert query(ours, "%{NEVRA}\n") == ["tool-1:2.0-3.x86_64"]


def test_packages_can_be_dropped(scratch: Path, base: Path, rpms: Path) -> None:
    ours = copy_database(base, scratch / "ours")
    write(ours, prefixes(rpms, "tool-2.0-3.x86_64"), source_date_epoch=EPOCH)
    write(ours, [], source_date_epoch=EPOCH, remove=["base-1-1.noarch"])
    assert query(ours, "%{NEVRA}\n") == ["tool-1:2.0-3.x86_64"]
    with pytest.raises(RpmdbError) as caught:
        write(ours, [], source_date_epoch=EPOCH, remove=["base-1-1.noarch"])
    assert str(caught.value) == f"librpm refused: not installed: base-1-1.noarch: rpmdb {ours}"


@pytest.mark.parametrize(
    ("links", "state"),
    [({}, "normal"), ({"/bin": "usr/bin", "/usr/sbin": "bin"}, "replaced")],
)
def test_paths_are_one_where_the_tree_links_their_directories(
    scratch: Path, links: dict[str, str], state: str
) -> None:
    """The base's file is told to be replaced only if both names lead to one place in the tree."""
    for name, path in (("one", "/usr/bin/x"), ("two", "/usr/sbin/x")):
        content = File(content=name.encode(), mode=0o755)
        build_rpm(scratch, f"{name}-1-1.noarch", Spec(files={path: content}))
    ours = scratch / "ours"
    ours.mkdir()
    for name in ("one", "two"):
        write(ours, prefixes(scratch, f"{name}-1-1.noarch"), source_date_epoch=EPOCH, links=links)
    assert query(ours, "[%{=NAME} %{FILESTATES:fstate}\n]") == [f"one {state}", "two normal"]


def test_a_file_that_is_not_there_for_its_colour_is_noted(
    scratch: Path, base: Path, rpms: Path
) -> None:
    names = ("tool-2.0-3.x86_64", "old-1-1.noarch")
    plain = copy_database(base, scratch / "plain")
    write(plain, prefixes(rpms, *names), source_date_epoch=EPOCH)
    lost = {"tool-1:2.0-3.x86_64": [b"/usr/bin/tool", b"/usr/bin/t"]}
    marked = [copy_database(base, scratch / name) for name in ("one", "two")]
    for directory in marked:
        write(directory, prefixes(rpms, *names), source_date_epoch=EPOCH, wrong_colour=lost)
    states = "[%{=NEVRA} %{FILENAMES} %{FILESTATES:fstate}\n]"
    assert set(query(plain, states)) ^ set(query(marked[0], states)) == {
        f"tool-1:2.0-3.x86_64 {path} {state}"
        for path in ("/usr/bin/tool", "/usr/bin/t")
        for state in ("normal", "wrong color")
    }
    assert query(plain, RECORDS) == query(marked[0], RECORDS)
    assert digest(marked[0]) == digest(marked[1])
    assert [path.name for path in marked[0].iterdir()] == ["rpmdb.sqlite"]
    assert run("rpmdb", "--verifydb", "--dbpath", str(marked[1])) == ""


def test_a_stub_that_is_no_package_is_told(scratch: Path, rpms: Path) -> None:
    ours = scratch / "ours"
    ours.mkdir()
    with pytest.raises(RpmdbError) as caught:
        write(ours, [b"\0" * 200], source_date_epoch=EPOCH)
    assert str(caught.value).startswith("librpm refused: ")
    assert str(caught.value).endswith(f": rpmdb {ours}")


def make_repo(scratch: Path, rpms: Path) -> tuple[Repo, str]:
    repo = Repo.create(scratch / "repo")
    tree = scratch / "tree"
    make_tree(tree, rpms=[rpms / "base-1-1.noarch.rpm"])
    return repo, commit_tree(repo.path, tree)


def test_the_solver_gets_the_bases_packages_and_nothing_else(scratch: Path, rpms: Path) -> None:
    repo, commit = make_repo(scratch, rpms)
    root = base_root(repo, commit, scratch / "cache")
    names = run("rpm", "-qa", "--root", str(root), "--qf", "%{NEVRA}\n").split()
    assert names == ["base-1-1.noarch"]
    shutil.rmtree(root)
    root = base_root(repo, commit, scratch / "cache")
    place = run("rpm", "--eval", "%_dbpath").strip().lstrip("/")
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    assert files == sorted([f"{place}/rpmdb.sqlite", "usr/lib/os-release"])
    assert "VERSION_ID=1" in (root / "usr/lib/os-release").read_text()


def test_a_bases_database_is_a_copy(scratch: Path, rpms: Path) -> None:
    repo, commit = make_repo(scratch, rpms)
    root = base_root(repo, commit, scratch / "cache")
    for path in root.rglob("*"):
        assert path.is_dir() or path.stat().st_nlink == 1
        if path.is_file():
            path.write_bytes(b"scribble")
    run("ostree", "fsck", "--quiet", f"--repo={repo.path}")


def test_a_base_is_copied_once(scratch: Path, rpms: Path) -> None:
    repo, commit = make_repo(scratch, rpms)
    root = base_root(repo, commit, scratch / "cache")
    before = root.stat().st_ino
    assert base_root(repo, commit, scratch / "cache") == root
    assert root.stat().st_ino == before


def test_runs_at_the_same_time_get_the_same_complete_root(scratch: Path, rpms: Path) -> None:
    _repo, commit = make_repo(scratch, rpms)
    found: list[Path] = []

    def ask() -> None:
        found.append(base_root(Repo.open(scratch / "repo"), commit, scratch / "cache"))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6 and len(set(found)) == 1
    assert [path.name for path in (scratch / "cache/base").iterdir()] == [found[0].name]


def test_what_a_killed_run_left_is_removed_but_not_what_another_is_making(
    scratch: Path, rpms: Path
) -> None:
    repo, commit = make_repo(scratch, rpms)
    bases = scratch / "cache/base"
    for name in (".new-killed", ".new-running"):
        (bases / name / "var").mkdir(parents=True)
    day_ago = time.time() - 86400
    os.utime(bases / ".new-killed", (day_ago, day_ago))
    root = base_root(repo, commit, scratch / "cache")
    assert {path.name for path in bases.iterdir()} == {".new-running", root.name}


def test_copies_of_bases_that_are_not_kept_go_and_nothing_else(scratch: Path, rpms: Path) -> None:
    repo, commit = make_repo(scratch, rpms)
    cache = scratch / "cache"
    root, empty = base_root(repo, commit, cache), base_root(repo, None, cache)
    for name in ("somebody-elses", "abc-else"):
        (cache / "base" / name).mkdir()
    assert drop_copies(cache, {commit}) == ()
    assert root.is_dir()
    assert drop_copies(cache, set()) == (commit,)
    names = {path.name for path in (cache / "base").iterdir()}
    assert names == {empty.name, "somebody-elses", "abc-else"}
    assert drop_copies(scratch / "no-cache", set()) == ()


def test_an_empty_base_is_an_empty_root(scratch: Path) -> None:
    repo = Repo.create(scratch / "repo")
    root = base_root(repo, None, scratch / "cache")
    assert run("rpm", "-qa", "--root", str(root)) == ""


def test_the_rpmdb_is_found_through_links(scratch: Path, rpms: Path) -> None:
    repo, commit = make_repo(scratch, rpms)
    assert database_path(repo, commit) == "/usr/share/rpm"
    tree = scratch / "linked"
    make_tree(tree, rpms=[rpms / "base-1-1.noarch.rpm"])
    (tree / "usr/lib/sysimage/rpm").unlink()
    (tree / "usr/share/rpm").rename(tree / "usr/lib/sysimage/rpm")
    (tree / "usr/share/rpm").symlink_to("../lib/sysimage/rpm")
    assert database_path(repo, commit_tree(repo.path, tree)) == "/usr/lib/sysimage/rpm"


def test_a_base_without_an_rpmdb_is_told(scratch: Path) -> None:
    repo = Repo.create(scratch / "repo")
    make_tree(scratch / "tree")
    commit = commit_tree(repo.path, scratch / "tree")
    assert database_path(repo, REF) is None
    with pytest.raises(RpmdbError) as caught:
        base_root(repo, commit, scratch / "cache")
    assert str(caught.value) == (
        "no rpmdb.sqlite in /usr/share/rpm or /usr/lib/sysimage/rpm or /var/lib/rpm: "
        f"rpmdb of commit {commit}"
    )
    assert list((scratch / "cache/base").iterdir()) == []


def test_a_database_of_another_kind_is_told(scratch: Path) -> None:
    repo = Repo.create(scratch / "repo")
    make_tree(scratch / "tree", files={"usr/share/rpm/Packages": b"Berkeley"})
    commit = commit_tree(repo.path, scratch / "tree")
    (scratch / "copy").mkdir()
    with pytest.raises(RpmdbError) as caught:
        copy_base(repo, commit, scratch / "copy")
    assert str(caught.value) == (
        f"Packages is of a kind that is not supported: rpmdb {commit}:/usr/share/rpm"
    )
