# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line itself: help, versions, and what it does with words that make no sense."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from layering import __version__
from layering.cli import ALIASES, VERBS, main

PROJECT = Path(__file__).parents[2]

OVERRIDES = ("override replace", "override remove", "override reset")

HELP = """\
Usage: overlay [OPTIONS] COMMAND [ARGS]...

  Adds RPM packages to an image-based system, and takes them away again,
  atomically.

Options:
  --sysroot PATH                  The OSTree sysroot to work on.  [default: /]
  --stateroot NAME                The stateroot, where the sysroot has
                                  several.
  -v, --verbose                   Say more; -vv shows tracebacks.
  -q, --quiet                     Say only warnings and errors.
  --json                          Data on stdout as one JSON document.
  --progress [auto|bar|plain|json|none]
                                  How progress is shown on stderr.  [default:
                                  auto]
  --color [auto|always|never]     Colour on a terminal; NO_COLOR is honoured.
                                  [default: auto]
  --version                       Show the version and exit.
  -h, --help                      Show this message and exit.

Commands:
  install     Layer packages, and what they need.
  uninstall   Drop requests, and what only they needed.
  override    Remove or replace packages of the base, or reset them.
  upgrade     Go to the newest base, and layer all requests on it.
  rebase      Go to another branch, and layer all requests on it.
  deploy      Go to one version of the base, and layer all requests on it.
  rollback    Boot the previous deployment next; again, to come back.
  reset       Go back to the base as it came.
  pin         Keep a deployment: nothing drops it until it is unpinned.
  unpin       Keep a deployment no longer than others.
  cleanup     Remove what is no longer needed.
  finalize    Let a staged deployment that is locked take effect.
  status      Show the deployments, their base and requests.
  search      Search names and summaries for words.
  info        Tell what packages are, where they are, and for which request.
  list        List packages of the tree and of the repositories.
  provides    Tell which packages provide something.
  why         Tell which request brought a package, and through what.
  tree        Show requests, what they brought, and what that needs.
  refresh-md  Fetch the repositories' metadata, and list them.
  diff        Show what differs between two trees.
  triggers    List the triggers of a tree, and what becomes of each.
  verify      Make a tree once more, and compare it with what is there.
  shell       Look around in a tree, in the sandbox that its scripts ran in.
  kargs       Show or change the kernel arguments.
  compose     Compose base trees on a build server.

  Example: overlay install strace
"""
DIFF = """\
Usage: overlay diff [OPTIONS] [FROM] [TO]

  Show what differs between two trees.

  FROM and TO are deployments by number, commits, refs, or 'failed' for the
  tree that --keep-failed kept. Without TO, up to the pending deployment;
  without FROM, from the booted to the pending one, or else from the rollback
  one to the default.

Options:
  --packages        Leave the files out.
  -v, --verbose     Say more.
  -q, --quiet       Say only warnings and errors.
  --json            Data on stdout as one JSON document.
  --progress FORM   How progress is shown.
  --sysroot PATH    The OSTree sysroot to work on.
  --stateroot NAME  The stateroot.
  -h, --help        Show this message and exit.

  Example: overlay diff 1 0
"""
INSTALL = """\
Usage: overlay install [OPTIONS] SPEC…

  Layer packages, and what they need.

  A SPEC is a name, NEVRA, provide, file path, glob, @group, or an RPM file.

Options:
  --uninstall SPEC       Drop a request, too.
  -y, --assumeyes        Do not ask.
  -n, --dry-run          Show what would change, and stop; with -v import, and
                         tell what runs.
  --download-only        Download and import, and stop.
  --no-weak-deps         Leave out recommended packages.
  --exclude GLOB         Ignore these packages.
  --noscripts [PACKAGE]  Run no scriptlet of this package, or of those that
                         are new.
  --force-replacefiles   Let files of new packages take the place of others.
  --drop-device-nodes    Leave device nodes, pipes and sockets of new packages
                         out.
  --strict               A failing scriptlet of any kind is an error.
  --keep-failed          Keep the tree of a failure, for 'overlay shell
                         failed'.
  --no-memo              Use no result of an earlier run: let every script
                         run.
  -r, --reboot           Reboot into it afterwards.
  --lock-finalization    Stage, but let no shutdown take it up before 'overlay
                         finalize'.
  --unchanged-exit-77    Exit with 77 if nothing had to be done.
  --enablerepo GLOB      Enable repositories.
  --disablerepo GLOB     Disable repositories.
  --repofrompath ID,URL  Use one more repository, a URL or directory, for this
                         command.
  --setopt OPTION=VALUE  Set an option of dnf.conf, or REPO.OPTION of a
                         repository.
  -C, --cache-only       Use what is cached, no network.
  --releasever VERSION   Override $releasever.
  -v, --verbose          Say more.
  -q, --quiet            Say only warnings and errors.
  --json                 Data on stdout as one JSON document.
  --progress FORM        How progress is shown.
  --sysroot PATH         The OSTree sysroot to work on.
  --stateroot NAME       The stateroot.
  -h, --help             Show this message and exit.

  Example: overlay install strace /usr/bin/htop ./local.rpm
"""


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--help"], HELP),
        (["-h"], HELP),
        (["diff", "-h"], DIFF),
        (["install", "--help"], INSTALL),
    ],
)
def test_help_is_this_text(capsys: pytest.CaptureFixture[str], words: list[str], text: str) -> None:
    assert main(words) == 0
    assert capsys.readouterr() == (text, "")


@pytest.mark.parametrize("verb", [*VERBS, *ALIASES, "compose tree", *OVERRIDES])
def test_every_verb_has_help_with_an_example(capsys: pytest.CaptureFixture[str], verb: str) -> None:
    assert main([*verb.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"Usage: overlay {verb} [OPTIONS]")
    assert f"\n  Example: overlay {ALIASES.get(verb, verb)}" in shown
    assert "..." not in shown.replace("[ARGS]...", "")  # nothing had to be cut off


def test_no_words_at_all_get_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert capsys.readouterr() == ("", HELP)


def test_the_version_is_the_same_wherever_it_is_written(
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    spec = (PROJECT / "packaging/overlay.spec").read_text()
    (packaged,) = re.findall(r"^Version:\s*(\S+)$", spec, re.MULTILINE)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"overlay, version {__version__}\n"
    assert (project["version"], packaged) == (__version__, __version__)


@pytest.mark.parametrize(
    ("words", "said", "where"),
    [
        (["instal"], "no such command 'instal'", "overlay"),
        (["--sysroot=/x"], "missing command", "overlay"),
        (["--nope"], "no such option '--nope'", "overlay"),
        (["install"], "missing argument 'SPEC…'", "overlay install"),
        (["status", "extra"], "got unexpected extra argument (extra)", "overlay status"),
        (["compose", "tree", "f"], "missing option '--repo'", "overlay compose tree"),
        (
            ["--progress=loud", "status"],
            "invalid value for '--progress': 'loud' is not one of 'auto', 'bar', 'plain', 'json', "
            "'none'",
            "overlay",
        ),
        (
            ["install", "--setopt=x", "y"],
            "invalid value for '--setopt': 'x' is not of the form OPTION=VALUE",
            "overlay install",
        ),
        (["rebase"], "missing argument 'REFSPEC'", "overlay rebase"),
        (["rebase", ""], "invalid value for 'REFSPEC': it is empty", "overlay rebase"),
        (["deploy", " "], "invalid value for 'REV': it is empty", "overlay deploy"),
        (["pin"], "missing argument 'N'", "overlay pin"),
        (["pin", "abc"], "invalid value for 'N': 'abc' is not a valid integer", "overlay pin"),
        (
            ["kargs", "--append=x", "--deploy-index=0"],
            "--deploy-index shows arguments: edits are of the next boot's",
            "overlay kargs",
        ),
        (
            ["kargs", "--append=x", "-r", "--lock-finalization"],
            "--reboot and --lock-finalization exclude each other: what is locked does not boot",
            "overlay kargs",
        ),
        (
            ["install", "x", "-r", "--lock-finalization"],
            "--reboot and --lock-finalization exclude each other: what is locked does not boot",
            "overlay install",
        ),
        (
            ["upgrade", "--check", "--unattended"],
            "--check, --preview and --unattended exclude each other",
            "overlay upgrade",
        ),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_where_help_is(
    capsys: pytest.CaptureFixture[str], words: list[str], said: str, where: str
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    first, *rest = err.splitlines()
    assert (out, rest) == ("", [f"hint: try '{where} --help'"])
    # click says which command or option it might have been, in words of its release.
    assert first.startswith(f"error: {said}")


@pytest.mark.parametrize("verb", ["status", "diff", "kargs"])
def test_verbs_that_only_look_start_without_the_solver(verb: str) -> None:
    program = (
        f"import sys; from layering.cli import main; main(['--sysroot=/nowhere', {verb!r}]);"
        "print('libdnf5' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
