# SPDX-License-Identifier: LGPL-2.1-or-later
"""Scripts that fail: what is said, what is kept, and how a person looks into it.

Each test's package is its own, with one script; the host is the minimal tree.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.hosts import Ended, Host, command, untouched
from tests.rpms import File, Spec, build_rpm

pytestmark = [pytest.mark.world, pytest.mark.root, pytest.mark.bwrap]

LABEL = "{slot}(mine-1-1.noarch)"
FILE = {"/usr/share/mine/file": File(content=b"mine")}


@pytest.fixture
def package(scratch: Path) -> "Make":
    return Make(scratch)


class Make:
    """Builds the package "mine" with the given sections of a spec file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, sections: str, spec: Spec | None = None) -> str:
        made = replace(spec or Spec(files=FILE), sections=sections)
        return str(build_rpm(self.directory, "mine-1-1.noarch", made))


def log_of(host: Host) -> Path:
    """Returns the newest log: the sysroot is not the running one."""
    cache = (
        os.environ.get("OVERLAY_CACHE_DIR") or host.path / "ostree/deploy/demo/var/cache/overlay"
    )
    return max((Path(cache) / "log").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def test_a_fatal_one_is_said_with_its_last_words_where_the_rest_is_and_what_one_can_do(
    host: Host, package: Make
) -> None:
    rpm = package("%pre\nseq 30\necho no >&2\nexit 4")
    ended = host.overlay("-q", "install", rpm)
    log = log_of(host)
    assert ended.stderr.splitlines() == [
        "error: %pre failed with exit status 4, mine-1-1.noarch",
        *(f"  {number}" for number in range(12, 31)),
        "  no",
        "hint: '--noscripts mine' installs the package without its scriptlets",
        f"hint: all that scripts wrote is in {log}",
        "hint: --keep-failed keeps the tree as it is then, for 'overlay shell failed'",
    ]
    assert ended.status == 1
    text = log.read_text()
    assert "\n1\n2\n3\n" in text
    assert "it ran as: printf %s" in text and "bwrap" in text
    untouched(host)
    loud = host.overlay("-q", "-v", "install", rpm).stderr
    assert "\n  1\n  2\n" in loud
    assert "\n  it ran as: printf %s" in loud


def test_of_one_that_only_warns_the_command_line_is_shown_to_who_asks(
    host: Host, package: Make
) -> None:
    rpm = package("%post\necho oops\nexit 3")
    ended = host.overlay("-v", "--progress=plain", "install", rpm)
    assert ended.status == 0
    lines = ended.stderr.splitlines()
    at = lines.index("warning: %post(mine-1-1.noarch) failed with exit status 3")
    assert lines[at + 1] == "  oops"
    assert lines[at + 2] == f"  all that scripts wrote is in {log_of(host)}"
    assert lines[at + 3].startswith("  it ran as: ")
    host.change("uninstall", "mine")
    assert "it ran as" not in host.overlay("--progress=plain", "install", rpm).stderr


def test_silence_keeps_a_failures_words_and_no_script_writes_to_the_terminal(
    host: Host, package: Make
) -> None:
    rpm = package("%post\nprintf '\\033]0;pwn\\007\\033[2K\\rall is well\\n'; exit 1")
    warning = "%post(mine-1-1.noarch) failed with exit status 1"
    shown = r"\x1b]0;pwn\x07\x1b[2K" + "\n  all is well"
    strict = host.overlay("-q", "install", "--strict", rpm)
    assert strict.stderr.startswith(
        f"error: failed, and --strict makes that an error: %post(mine-1-1.noarch)\n  {warning}\n"
    )
    assert "all is well\nhint: " in strict.stderr and "\x1b" not in strict.stderr
    ended = host.overlay("-q", "--json", "install", rpm)
    assert ended.stderr == (
        f"warning: {warning}\n  {shown}\n  all that scripts wrote is in {log_of(host)}\n"
    )
    said = json.loads(ended.stdout)
    assert said["warnings"] == [warning]
    assert [(each["script"], each["how"]) for each in said["failures"]] == [
        ("%post(mine-1-1.noarch)", "exit status 1")
    ]
    status = host.overlay("status", "-v").stdout
    assert "\x1b" not in status and "\r" not in status and "all is well\n" in status
    again = host.overlay("--progress=plain", "install", "tree").stderr
    assert "warning: " not in again
    assert "\nas before: 1 warning ('overlay status -v' shows it)\n" in again


def test_each_failure_has_its_own_output_and_one_that_repeats_is_shown_once(
    host: Host, package: Make, scratch: Path
) -> None:
    settings = host.checkout() / "etc/overlay/overlay.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[scripts]\ntime-limit = 3\n")
    trigger = "%filetriggerin -- /usr/share/mine\necho triggered; exit 2"
    late = "%posttrans\necho slow; sleep 100"
    others = [
        str(build_rpm(scratch, f"o{n}-1-1.noarch", Spec(files={f"/usr/share/mine/{n}": File()})))
        for n in range(2)
    ]
    assert host.overlay("-q", "install", package(f"{trigger}\n{late}"), *others).status == 0
    lines = host.overlay("status", "-v").stdout.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("     warning:"))
    assert [line.strip() for line in lines[at : at + 4]] == [
        "warning:    %filetriggerin(mine-1-1.noarch) failed with exit status 2 (2 times)",
        "triggered",
        "warning:    %posttrans(mine-1-1.noarch) was stopped: no end after 3 seconds",
        "slow",
    ]


def test_what_failed_stays_visible_with_what_it_wrote_and_is_no_part_of_the_tree(
    host: Host, package: Make, make_host: object
) -> None:
    rpm = package("%post\ncat /proc/sys/kernel/random/uuid\necho oops\nexit 3")
    first = host.change("install", rpm)
    shown = host.overlay("status", "-v").stdout
    assert "     warning:    %post(mine-1-1.noarch) failed with exit status 3\n" in shown
    assert "\n                   oops\n" in shown
    assert "oops" not in host.overlay("status").stdout
    (failure,) = host.deployments()[0]["failures"]
    assert (failure["script"], failure["how"]) == ("%post(mine-1-1.noarch)", "exit status 3")
    assert failure["output"][1] == "oops"
    host.change("uninstall", "mine")
    assert host.change("install", rpm) == first
    host.fsck()


def test_a_tree_that_failed_is_kept_to_be_looked_into_and_nothing_is_deployed(
    host: Host, package: Make
) -> None:
    rpm = package("%pre\ntouch /usr/share/was-here\nexit 4")
    ended = host.overlay("-q", "install", "--keep-failed", rpm)
    assert ended.stderr.splitlines()[-2:] == [
        "hint: 'overlay shell failed' enters the tree as it was then",
        "hint: 'overlay shell failed --replay' runs the script again in it",
    ]
    untouched(host)
    listed = command("ostree", "ls", f"--repo={host.repo}", "overlay/failed", "/usr/share/was-here")
    assert listed.split()[-1] == "/usr/share/was-here"
    host.fsck()
    assert host.run("shell", "failed", "--", "cat", "/usr/share/mine/file") == Ended(
        status=0, stdout="mine", stderr=""
    )
    assert "+    " in host.overlay("diff", "0", "failed").stdout
    removed = host.overlay("cleanup").stderr
    assert "removed overlay/failed\n" in removed
    assert host.overlay("shell", "failed").stderr == (
        f"error: no tree of a failure is kept: sysroot {host.path}\n"
        "hint: --keep-failed keeps it, with 'overlay install' and its like\n"
    )
    host.fsck()


def test_one_kept_tree_takes_the_place_of_the_one_before(host: Host, package: Make) -> None:
    host.overlay("-q", "install", "--keep-failed", package("%pre\ntouch /usr/one; exit 1"))
    host.overlay("-q", "install", "--keep-failed", package("%pre\ntouch /usr/two; exit 1"))
    listed = command("ostree", "ls", f"--repo={host.repo}", "overlay/failed", "/usr")
    assert "/usr/two" in listed and "/usr/one" not in listed


def test_of_what_failed_before_any_tree_was_there_none_is_promised(
    host: Host, package: Make
) -> None:
    host.overlay("-q", "install", "--keep-failed", package("%pre\nexit 1"))
    spec = Spec(files={"/usr/bin/env": File(content=b"another")})
    ended = host.overlay("-q", "install", "--keep-failed", package("", spec))
    assert ended.stderr.startswith("error: ")
    assert "overlay shell" not in ended.stderr
    assert host.overlay("shell", "failed").status == 1


@pytest.mark.parametrize(
    ("sections", "words", "message"),
    [
        pytest.param(
            "%post\ntouch /usr/was-here; exit 1",
            ["--strict"],
            "error: failed, and --strict makes that an error: %post(mine-1-1.noarch)",
            id="strict",
        ),
        pytest.param(
            "%post\ntouch /usr/was-here; rm -rf /usr/lib* /usr/bin/true",
            [],
            "error: %post has removed /usr/bin/true, which every tree needs, mine-1-1.noarch",
            id="a tree that cannot be used",
        ),
    ],
)
def test_whatever_goes_wrong_in_or_after_scripts_can_be_looked_into(
    host: Host, package: Make, sections: str, words: list[str], message: str
) -> None:
    ended = host.overlay("-q", "install", "--keep-failed", *words, package(sections))
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert errors[0].startswith(message)
    assert "hint: 'overlay shell failed' enters the tree as it was then" in ended.stderr
    listed = command("ostree", "ls", f"--repo={host.repo}", "overlay/failed", "/usr/was-here")
    assert listed.split()[-1] == "/usr/was-here"
    untouched(host)
    host.fsck()


def test_an_owner_that_nobody_knows_can_be_looked_into(host: Host, package: Make) -> None:
    spec = Spec(files={"/usr/share/mine/file": File(content=b"mine", user="nobody-knows")})
    ended = host.overlay("-q", "install", "--keep-failed", package("", spec))
    assert ended.stderr == (
        "error: unknown user nobody-knows: owner of /usr/share/mine/file of mine-1-1.noarch\n"
        "hint: 'overlay shell failed' enters the tree as it was then\n"
    )
    assert host.run("shell", "failed", "--", "true").status == 0


def test_a_script_that_failed_runs_again_with_all_that_it_had(host: Host, package: Make) -> None:
    body = 'echo "got $1" from %{?_no_such_macro}$0\necho body >&2\nexit 5'
    host.overlay("-q", "install", "--keep-failed", package(f"%pre -e\n{body}"))
    ended = host.run("shell", "failed", "--replay")
    assert ended.status == 5
    assert ended.stdout.startswith("got 1 from /run/overlay/mine-1-1.noarch.pre")
    host.change("install", package("%post\necho post $1\nexit 6\n%posttrans\necho last; exit 7"))
    assert host.run("shell", "--replay").status == 7
    first = host.run("shell", "0", "--replay", "1")
    assert (first.status, first.stdout) == (6, "post 1\n")
    assert host.run("shell", "--replay=3").stderr.startswith(
        "error: no failure 3, there is 1 to 2: commit "
    )
    assert host.run("shell", "1", "--replay").stderr == (
        f"error: no script is known to have failed: commit {host.base}\n"
    )


STATE = {
    "/var/lib/mine": File(directory=True, user="games", mode=0o750),
    "/var/lib/mine/data": File(content=b"hello\n", user="games", group="games"),
    "/usr/local/share/mine/file": File(content=b"local\n"),
}


def test_a_script_that_failed_finds_in_var_what_it_found_there(host: Host, package: Make) -> None:
    look = "stat -c '%U %G %a' /var/lib/mine; cat /var/lib/mine/data /usr/local/share/mine/file"
    rpm = package(f"%post\n{look}\nexit 4", Spec(files=STATE))
    host.change("install", rpm)
    found = "games root 750\nhello\nlocal\n"
    assert found in log_of(host).read_text()
    ended = host.run("shell", "--replay")
    assert (ended.status, ended.stdout) == (4, found)
    assert host.run("shell", "--", "sh", "-c", look).stdout == found
    host.change("uninstall", "mine")
    assert host.run("shell", "--", "ls", "/var/lib/mine").status == 2


def test_a_tree_that_was_kept_has_the_var_that_scripts_left(host: Host, package: Make) -> None:
    script = """%pre
        cat /var/lib/mine/data /var/lib/mine/note /var/lib/rpm-state/mine
        chown games /var/lib/mine/data
        echo noted > /var/lib/mine/note
        echo remembered > /var/lib/rpm-state/mine
        ln -s nowhere /var/lib/mine/link
        mkfifo /var/lib/mine/pipe
        exit 5
        """
    ended = host.overlay("-q", "install", "--keep-failed", package(script, Spec(files=STATE)))
    assert "  hello\n" in ended.stderr and "noted" not in ended.stderr
    again = host.run("shell", "failed", "--replay")
    assert (again.status, again.stdout) == (5, "hello\nnoted\nremembered\n")
    look = "stat -c %U /var/lib/mine/data; readlink /var/lib/mine/link; ls /var/lib/mine; ls -d /v*"
    assert host.run("shell", "failed", "--", "sh", "-c", look).stdout.split() == [
        *("games", "nowhere", "data", "link", "note", "/var"),
    ]
    host.fsck()


def test_links_that_scripts_left_for_var_lead_nowhere_out_of_the_tree(
    host: Host, package: Make
) -> None:
    script = "%pre\nmv /var/lib /var/old\nln -s / /var/lib\nls -d /var/l*\nexit 5"
    host.overlay("-q", "install", "--keep-failed", package(script))
    write = "touch /var/lib/rpm-state/written; ls /var/old; exit 0"
    ended = host.run("shell", "failed", "--", "sh", "-c", write)
    assert (ended.status, "rpm-state" in ended.stdout) == (0, True)
    assert not Path("/rpm-state").exists()


def test_a_var_that_no_commit_can_hold_does_not_cost_the_rest_of_a_kept_tree(
    host: Host, package: Make
) -> None:
    script = "%pre\ntouch /usr/was-here \"/var/lib/$(printf 'a\\377')\"; exit 5"
    ended = host.overlay("-q", "install", "--keep-failed", package(script))
    assert (
        "hint: what scripts left in /var could not be kept: file name is not valid UTF-8: "
        "/var/lib/a\\xff of a scriptlet\n"
    ) in ended.stderr
    assert host.run("shell", "failed", "--", "ls", "/usr/was-here").status == 0


def test_the_logs_of_the_last_operations_are_kept_beside_the_cache_and_not_in_the_tree(
    host: Host, package: Make
) -> None:
    host.change("install", package("%post\necho to be found"))
    assert "to be found" in log_of(host).read_text()
    assert not list(host.checkout().glob("var/log/overlay"))


def test_a_time_limit_and_rules_come_from_the_hosts_own_configuration(
    host: Host, package: Make
) -> None:
    settings = host.checkout() / "etc/overlay/overlay.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text("[scripts]\ntime-limit = 1\n")
    rpm = package("%post\nsleep 100")
    ended = host.overlay("-q", "install", rpm)
    assert ended.stderr.startswith(
        "warning: %post(mine-1-1.noarch) was stopped: no end after 1 seconds\n"
    )
    host.change("uninstall", "mine")
    limited = host.checkout() / "etc/overlay/overlay.toml"
    limited.write_text('[scripts]\nskip = ["mine.%post"]\n')
    host.change("install", "-q", rpm)
    (skipped,) = [each for each in host.deployments()[0]["skipped"] if "mine" in each["script"]]
    assert skipped["script"] == "%post(mine-1-1.noarch)"
    assert "%post(mine-1-1.noarch): " in host.overlay("status", "-v").stdout
    metadata = command(
        "ostree",
        "show",
        f"--repo={host.repo}",
        "--print-metadata-key=overlay.skip",
        host.checksum(),
    )
    assert metadata.strip() == "['mine.%post']"


def test_a_rule_that_could_never_match_is_an_error_of_the_configuration(host: Host) -> None:
    settings = host.checkout() / "etc/overlay/overlay.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text('[scripts]\nskip = ["mine.%pots"]\n')
    ended = host.overlay("-q", "install", "strace")
    assert ended.status == 1
    assert ended.stderr.startswith("error: no rule for scripts, there is no slot %pots")
    assert ended.stderr.splitlines()[0].endswith(f": {settings}")


def test_the_document_of_a_failure_is_json(host: Host, package: Make) -> None:
    ended = host.overlay("--progress=json", "install", package("%pre\necho why\nexit 1"))
    last = json.loads(ended.stderr.splitlines()[-1])
    assert last["item"] == "%pre failed with exit status 1, mine-1-1.noarch"
    assert last["causes"] == ["why"]
    assert last["hints"][-1].startswith("--keep-failed")
