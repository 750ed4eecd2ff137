# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the RPM's recipe says, and the project says elsewhere, is the same."""

import configparser
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from layering import __version__

PROJECT = Path(__file__).resolve().parent.parent
SPEC = PROJECT / "packaging/overlay.spec"
RPM = PROJECT / "packaging/rpm"
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Fedora's names where they are not "python3-" and PyPI's.
NAMES = {"pyyaml": "(python3-pyyaml or python3-yaml)"}


def tags(spec: Path, name: str) -> list[str]:
    """Returns the values of a tag, as they stand in a spec file."""
    lines = spec.read_text(encoding="utf-8").splitlines()
    return [line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:")]


def unit(name: str) -> configparser.ConfigParser:
    """Returns a systemd unit as sections and keys."""
    parsed = configparser.ConfigParser(delimiters="=", interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]  # as documented
    parsed.read_string((RPM / name).read_text(encoding="utf-8"))
    return parsed


def test_version_and_licence_are_the_projects() -> None:
    assert tags(SPEC, "Version") == [PYPROJECT["version"]]
    assert tags(SPEC, "License") == [PYPROJECT["license"]]
    assert __version__ == PYPROJECT["version"]


def test_it_requires_what_the_project_depends_on() -> None:
    requires = tags(SPEC, "Requires")
    for dependency in PYPROJECT["dependencies"]:
        name, least = re.fullmatch(r"([\w-]+)>=([\d.]+)", dependency).groups()  # type: ignore[union-attr]  # all are of this form
        known = NAMES.get(name.lower())
        assert (known or f"python3-{name.lower()} >= {least}") in requires, dependency
    assert f"python3 {PYPROJECT['requires-python'].replace('>=', '>= ')}" in requires


def test_the_library_is_of_the_pinned_version() -> None:
    pinned = (PROJECT / "packaging/requirements.txt").read_text(encoding="utf-8").splitlines()
    assert f"rpmfile=={tags(RPM / 'python3-rpmfile.spec', 'Version')[0]}" in pinned


def test_the_launcher_finds_the_modules_where_the_package_has_them() -> None:
    spec = SPEC.read_text(encoding="utf-8")
    assert "%global modules %{_prefix}/lib/%{name}\n" in spec
    launcher = (RPM / "overlay.py").read_text(encoding="utf-8")
    assert launcher.startswith("#!/usr/bin/python3 -I\n")
    assert 'sys.path.insert(0, "/usr/lib/overlay")' in launcher


@pytest.mark.parametrize("name", ["overlay-upgrade.service", "overlay-upgrade.timer"])
def test_units_do_nothing_where_no_tree_is_booted(name: str) -> None:
    assert unit(name)["Unit"]["ConditionPathExists"] == "/run/ostree-booted"


def test_the_timer_runs_daily_at_a_time_of_its_own_and_makes_up_for_a_missed_day() -> None:
    timer = unit("overlay-upgrade.timer")
    assert timer["Timer"]["OnCalendar"] == "daily"
    assert timer["Timer"]["Persistent"] == "true"
    assert timer["Timer"]["RandomizedDelaySec"] == "6h"
    assert timer["Install"]["WantedBy"] == "timers.target"


def test_the_service_asks_nobody_and_is_started_by_the_timer_alone() -> None:
    service = unit("overlay-upgrade.service")
    assert service["Service"]["Type"] == "oneshot"
    assert service["Service"]["ExecStart"] == "/usr/bin/overlay upgrade --unattended"
    assert not service.has_section("Install")


def test_the_service_may_do_what_overlay_does_by_hand() -> None:
    taken = re.compile(
        "Protect|Restrict|SystemCall|Capability|NoNewPrivileges|PrivateMounts|PrivateDevices"
        "|PrivateUsers|MemoryDeny|LockPersonality|ReadOnly|Inaccessible|DynamicUser|User"
    )
    assert [key for key in unit("overlay-upgrade.service")["Service"] if taken.match(key)] == []


def test_no_preset_of_ours_turns_the_timer_on() -> None:
    assert list(RPM.glob("*.preset")) == []
    assert not re.search(r"systemctl|preset\b.*enable", SPEC.read_text(encoding="utf-8"))


def test_rpm_reads_both_recipes_as_fedora_would() -> None:
    macros = ["--define", "fedora 43", "--define", "dist .fc43"]
    for spec, nevra in (
        (SPEC, f"overlay-{PYPROJECT['version']}-1.fc43.noarch\n"),
        (RPM / "python3-rpmfile.spec", "python3-rpmfile-2.2.1-1.fc43.noarch\n"),
    ):
        command = ["rpmspec", "-q", *macros, "--qf", "%{NVRA}\n", str(spec)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.stdout, done.stderr) == (nevra, "")
