# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small RPMs and repositories for tests, made by rpmbuild and createrepo_c.

A test names everything that matters to it; what it does not name has one fixed value, so that two
calls with the same arguments give the same bytes.
"""

import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a package: its content, or what it links to, and how the RPM records it."""

    content: bytes = b""
    mode: int = 0o644
    user: str = "root"
    group: str = "root"
    link: str | None = None
    hard_link: str | None = None
    directory: bool = False
    directives: str = ""  # e.g. "%config(noreplace)", "%ghost", "%caps(cap_net_raw=ep)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What `build_rpm` writes into a spec file beside name, version, release and architecture."""

    files: Mapping[str, File] = field(default_factory=dict)
    requires: Sequence[str] = ()
    provides: Sequence[str] = ()
    conflicts: Sequence[str] = ()
    obsoletes: Sequence[str] = ()
    recommends: Sequence[str] = ()
    sections: str = ""  # scriptlets and triggers, verbatim spec text
    tags: str = ""  # more preamble lines, verbatim
    payload: str = "w3.zstdio"
    rpm_format: int = 6


def build_rpm(directory: Path, nevra: str, spec: Spec | None = None) -> Path:
    """Builds NAME-[EPOCH:]VERSION-RELEASE.ARCH into `directory` and returns the RPM's path."""
    spec = spec or Spec()
    name_evr, arch = nevra.rsplit(".", 1)
    name, version, release = name_evr.rsplit("-", 2)
    epoch, _, version = version.rpartition(":")
    top = directory / f".build-{name}-{version}-{release}.{arch}"
    tree = top / "tree"
    tree.mkdir(parents=True)
    _fill(tree, spec.files)
    path = top / "package.spec"
    path.write_text(_spec_text(name, epoch, version, release, arch, spec, tree), encoding="utf-8")
    defines = {
        "_topdir": f"{top}/rpmbuild",
        "_rpmformat": spec.rpm_format,
        "_rpmdir": directory,
        "_binary_payload": spec.payload,
        "_build_id_links": "none",
        "use_source_date_epoch_as_buildtime": 1,
        "build_mtime_policy": "clamp_to_source_date_epoch",
        "_buildhost": "localhost",
        "_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    }
    command = ["rpmbuild", "-bb", "--quiet", "--target", arch, str(path)]
    for macro, value in defines.items():
        command += ["--define", f"{macro} {value}"]
    environment = {
        "PATH": "/usr/sbin:/usr/bin",
        "SOURCE_DATE_EPOCH": "1700000000",
        "HOME": str(top),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"rpmbuild failed for {nevra}:\n{path.read_text()}\n{done.stderr}")
    subprocess.run(["rm", "-rf", str(top)], check=True)
    return directory / f"{name}-{version}-{release}.{arch}.rpm"


def make_repo(directory: Path) -> str:
    """Writes repository metadata for the RPMs in `directory` and returns its `file://` URL."""
    command = ["createrepo_c", "--quiet", "--no-database", str(directory)]
    subprocess.run(command, check=True, capture_output=True)
    return f"file://{directory}"


def _fill(tree: Path, files: Mapping[str, File]) -> None:
    for path, file in files.items():
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if "%ghost" in file.directives and not file.directory and file.link is None:
            target.write_bytes(file.content)
        elif file.directory:
            target.mkdir(exist_ok=True)
        elif file.link is not None:
            target.symlink_to(file.link)
        elif file.hard_link is not None:
            target.hardlink_to(tree / file.hard_link.lstrip("/"))
        else:
            target.write_bytes(file.content)
            target.chmod(file.mode)


def _spec_text(
    name: str, epoch: str, version: str, release: str, arch: str, spec: Spec, tree: Path
) -> str:
    lines = [f"Name: {name}", f"Version: {version}", f"Release: {release}"]
    lines += [f"Epoch: {epoch}"] if epoch else []
    lines += ["Summary: test package", "License: LGPL-2.1-or-later", "AutoReqProv: no"]
    lines += ["BuildArch: noarch"] if arch == "noarch" else []
    for tag in ("requires", "provides", "conflicts", "obsoletes", "recommends"):
        lines += [f"{tag.capitalize()}: {value}" for value in getattr(spec, tag)]
    lines += [textwrap.dedent(spec.tags).strip()] if spec.tags else []
    lines += ["%global __os_install_post %{nil}", "%global debug_package %{nil}"]
    lines += ["%description", f"The test package {name}.", "%install", "mkdir -p %{buildroot}"]
    lines += [f"cp -a {tree}/. %{{buildroot}}/"]
    lines += [textwrap.dedent(spec.sections).strip()] if spec.sections else []
    lines += ["%files"]
    for path, file in spec.files.items():
        mode = "-" if file.link is not None else f"{file.mode:04o}"
        if file.directory:
            mode = f"{(file.mode if file.mode != 0o644 else 0o755):04o}"
        prefix = f"%attr({mode},{file.user},{file.group}) "
        prefix += "%dir " if file.directory else ""
        lines.append(f'{prefix}{file.directives + " " if file.directives else ""}"{path}"')
    return "\n".join(lines) + "\n"
