# SPDX-License-Identifier: LGPL-2.1-or-later
"""Errors as a person sees them, whole: what went wrong, where, whose, and what to do about it."""

import subprocess
from pathlib import Path

import pytest

from tests.integration.hosts import Ended, Host, untouched

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

FORCE = "hint: --force-replacefiles lets {}'s files replace those of others\n"

# A request, the repository beside those of the tree, and all of stderr.
REFUSED = {
    "unknown": (
        "no-such-package neither-this",
        "",
        "error: no package matches 'neither-this', 'no-such-package'\n"
        "hint: run 'overlay refresh-md' if a repository has it since recently\n",
    ),
    "nothing provides": (
        "case-requires-missing",
        "broken",
        "error: cannot install 'case-requires-missing': nothing provides case-nobody-has-this >= 3 "
        "needed by case-requires-missing-1-1.noarch from 'broken'\n",
    ),
    "newer than the base": (
        "case-requires-newer-base",
        "broken",
        "error: cannot install 'case-requires-newer-base': nothing provides bash >= 1000 "
        "needed by case-requires-newer-base-1-1.noarch from 'broken'\n"
        "  the base has {bash}, the repositories only have {bash}\n",
    ),
    "two that exclude each other": (
        "greet-old greet-new",
        "",
        "error: cannot install 'greet-new', 'greet-old': cannot install both "
        "libgreet-1.0-1.noarch from 'world-extras' and "
        "libgreet-2.0-1.noarch from 'world-extras'\n"
        "  greet-new-1-1.noarch from 'world-extras' needs libgreet >= 2\n"
        "  greet-old-1-1.noarch from 'world-extras' needs libgreet < 2\n"
        "hint: leave out 'greet-new'\n"
        "hint: leave out 'greet-old'\n",
    ),
    "conflicts with the base": (
        "case-conflicts-tag",
        "broken",
        "error: 'case-conflicts-tag' would remove base package {nano}\n"
        "  case-conflicts-tag-1-1.noarch from 'broken' conflicts with base package {nano}\n"
        "hint: to change the base: overlay override remove nano --install case-conflicts-tag\n",
    ),
    "obsoletes a base package": (
        "case-obsoletes-base",
        "broken",
        "error: 'case-obsoletes-base' would replace base package {nano} "
        "with case-obsoletes-base-1-1.noarch from 'broken'\n"
        "hint: to change the base: overlay override remove nano --install case-obsoletes-base\n",
    ),
    "another version of a base package": (
        "{newer}",
        "updates",
        "error: '{newer}' would replace base package {nano} with {newer} from 'updates'\n"
        "hint: a base with {newer} would do: see 'overlay upgrade --check'\n"
        "hint: to change the base: overlay override replace {newer}\n",
    ),
    "another file than the base's": (
        "case-conflicts-base-file",
        "broken",
        "error: content differs: /usr/share/victims/kept of world-victims-1-1.noarch "
        "and of case-conflicts-base-file-1-1.noarch\n" + FORCE.format("case-conflicts-base-file"),
    ),
    "another type than the base's": (
        "case-conflicts-base-type",
        "broken",
        "error: 2 file conflicts:\n"
        "  type differs: /etc/victims of world-victims-1-1.noarch "
        "and of case-conflicts-base-type-1-1.noarch\n"
        "  type differs: /usr/share/victims/kept of world-victims-1-1.noarch "
        "and of case-conflicts-base-type-1-1.noarch\n",
    ),
    "another file than another layer's": (
        "case-conflict-a case-conflict-b",
        "",
        "error: content differs: /usr/share/case-conflict/file of case-conflict-a-1-1.noarch "
        "and of case-conflict-b-1-1.noarch\n"
        + FORCE.format("case-conflict-a's or case-conflict-b"),
    ),
    "a device": (
        "case-device-node",
        "broken",
        "error: device nodes are not supported: /usr/lib/case-device/null "
        "of case-device-node-1-1.x86_64\n"
        "hint: --drop-device-nodes leaves them out\n",
    ),
    "a place of its own": (
        "case-srv",
        "broken",
        "error: no place in an image-based tree: /case of case-srv-1-1.noarch\n"
        'hint: allow-top-level = ["case"] below [packages] in /etc/overlay/overlay.toml '
        "allows it\n",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_installed_is_refused_with_the_reason(case: str, stable: Host) -> None:
    specs, repository, message = REFUSED[case]
    words = []
    if repository:
        words = ["--repofrompath", f"{repository},{stable.world.repositories[repository]['url']}"]
    names = {name: nevra(stable, "base", name) for name in ("bash", "nano")}
    names["newer"] = nevra(stable, "updates", "nano")
    ended = stable.overlay("-q", "install", *words, *specs.format(**names).split())
    assert ended == Ended(status=1, stdout="", stderr=message.format(**names))
    untouched(stable)


def nevra(host: Host, repository: str, name: str) -> str:
    """Returns a package of the world, as its file is called."""
    directory = Path(host.world.repositories[repository]["directory"])
    (found,) = [path for path in directory.glob(f"{name}-*.rpm") if path.name.count("-") == 2]
    return found.name.removesuffix(".rpm")


def test_a_failing_pre_shows_its_output_and_how_to_run_it_again(host: Host) -> None:
    broken = host.world.repositories["broken"]["url"]
    ended = host.overlay("-q", "install", "--repofrompath", f"broken,{broken}", "case-pre-fails")
    lines = ended.stderr.splitlines()
    assert lines[0] == "error: %pre failed with exit status 4, case-pre-fails-1-1.noarch"
    assert lines[1] == "  this package does not want to be here"
    assert lines[2] == (
        "hint: '--noscripts case-pre-fails' installs the package without its scriptlets"
    )
    assert lines[3].startswith("hint: all that scripts wrote is in ")
    assert "it ran as: printf %s" in Path(lines[3].rpartition(" ")[2]).read_text()
    assert ended.status == 1
    untouched(host)


def test_a_failing_post_is_a_warning_and_with_strict_an_error(host: Host) -> None:
    strict = host.overlay("-q", "install", "--strict", "case-post-fails")
    label = "%post(case-post-fails-1-1.noarch)"
    assert strict.status == 1
    lines = strict.stderr.splitlines()
    assert lines[:2] == [
        f"error: failed, and --strict makes that an error: {label}",
        f"  {label} failed with exit status 3",
    ]
    assert lines[-2].startswith("hint: all that scripts wrote is in ")
    untouched(host)
    ended = host.overlay("-q", "install", "case-post-fails")
    assert ended.status == 0
    assert ended.stderr.startswith(f"warning: {label} failed with exit status 3")
    (warning,) = host.deployments()[0]["warnings"]
    assert warning.startswith(f"{label} failed with exit status 3")


def test_a_file_that_is_not_there_is_named(stable: Host, scratch: Path) -> None:
    path = scratch / "none.rpm"
    assert stable.overlay("-q", "install", str(path)) == Ended(
        status=1, stdout="", stderr=f"error: no such file: {path}\n"
    )


def test_a_repository_that_is_gone_stops_installs_and_nothing_else(host: Host) -> None:
    host.change("install", "strace", "htop")
    file = host.checkout() / "etc/yum.repos.d/world.repo"
    file.write_text("[gone]\nname=Gone\nbaseurl=http://127.0.0.1:9/\nenabled=1\ngpgcheck=0\n")
    ended = host.overlay("-q", "install", "tree")
    first, hint = ended.stderr.splitlines()
    assert first.startswith("error: cannot load repository 'gone' from http://127.0.0.1:9/: ")
    assert hint == (
        "hint: go on without it by --disablerepo=gone, "
        "or set skip_if_unavailable=1 in its .repo file"
    )
    assert ended.status == 1
    host.change("uninstall", "htop")
    assert [each["nevra"].split("-")[0] for each in host.deployments()[0]["packages"]] == [
        "libunwind8",
        "strace",
    ]
    host.change("rollback")
    assert host.deployments()[0]["requested"] == ["htop", "strace"]
    assert host.change("uninstall", "--all") == host.base


def test_what_nobody_asked_for_cannot_be_uninstalled(host: Host) -> None:
    host.change("install", "strace")
    assert host.overlay("-q", "uninstall", "htop").stderr == (
        "error: nobody requested 'htop': nothing to uninstall\n"
        "hint: 'overlay status' lists the requests\n"
    )
    ended = host.overlay("-q", "uninstall", "libunwind8")
    error, hint = ended.stderr.splitlines()
    assert error == "error: nobody requested 'libunwind8': nothing to uninstall"
    assert hint.startswith("hint: libunwind8-")
    assert hint.endswith(" is there because of strace")
    assert ended.status == 1


def test_there_is_nothing_to_roll_back_to_at_first(stable: Host) -> None:
    assert stable.overlay("rollback") == Ended(
        status=1,
        stdout="",
        stderr=f"error: demo has nothing to roll back to: sysroot {stable.path}\n",
    )


@pytest.mark.parametrize("verb", [["status"], ["install", "strace"], ["rollback"], ["cleanup"]])
def test_a_sysroot_that_is_none_is_named(verb: list[str], stable: Host, scratch: Path) -> None:
    nowhere = Host(path=scratch / "nowhere", world=stable.world, tree=stable.tree)
    assert nowhere.overlay(*verb) == Ended(
        status=1,
        stdout="",
        stderr=f"error: not an OSTree sysroot: {nowhere.path}: it has no ostree/repo\n"
        "hint: name one with --sysroot, or make one with 'ostree admin init-fs'\n",
    )


def test_only_root_may_change_and_everybody_may_look(stable: Host) -> None:
    install = _as_nobody(stable, "install", "strace")
    assert install.status == 1
    assert install.stderr == (
        f"error: changing deployments needs root: sysroot {stable.path}\n"
        "hint: run it with sudo or as root\n"
    )
    status = _as_nobody(stable, "--json", "status")
    assert (status.status, status.stderr) == (0, "")
    assert status.stdout == stable.overlay("--json", "status").stdout


def _as_nobody(host: Host, *words: str) -> Ended:
    """Runs `overlay` as another user, who may read what root's Python stands on."""
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *reading, "--"]
    done = subprocess.run(
        [*prefix, *host.argv(*words)], capture_output=True, text=True, check=False, cwd="/"
    )
    return Ended(status=done.returncode, stdout=done.stdout, stderr=done.stderr)
