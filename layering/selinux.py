# SPDX-License-Identifier: LGPL-2.1-or-later
"""The SELinux policy of a tree, as far as it says labels.

libostree asks libselinux; both want files below a root. Of a tree's policy those files alone are
copied out of their objects that labels come from, once per policy, under a name that is a checksum
of them. The policy proper is not among them: a module that allows something and labels nothing
changes no label, and so not the key either.

Left out are the compiled forms (`file_contexts.bin`), too. They say the same, and a libselinux that
does not know a form's version passes over it: with the text alone every host gives the same answer.
(https://github.com/ostreedev/ostree/blob/main/src/libostree/ostree-sepolicy.c)
"""

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from layering._ostree import Gio, GLib, OSTree
from layering.dirtree import DirNode, FileNode, find
from layering.errors import PolicyError
from layering.labels import LABEL_XATTR, UNLABELLED, Labels, live_place
from layering.leased import leased, sweep
from layering.objects import Xattrs
from layering.repo import Repo

ROOT = "/usr/etc/selinux"
CONFIG = f"{ROOT}/config"
# What libselinux reads in this order: the policy's own, homes as genhomedircon made them, the
# administrator's, and other names for directories.
CONTEXTS = tuple(
    f"file_contexts{end}" for end in ("", ".homedirs", ".local", ".subs", ".subs_dist")
)
_LARGEST = 16 << 20  # bytes; distributions' have less than one megabyte
_KEPT = "policy"  # in the cache directory
_NEW = ".new-"
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ONE_AT_A_TIME = threading.Lock()  # libselinux is told of the policy's root by a global variable


class Policy:
    """The labels of one policy; it is loaded when the first is asked for."""

    def __init__(self, key: str, root: Path) -> None:
        self.key = key
        self._root = root
        self._lock = threading.Lock()
        self._loaded: OSTree.SePolicy | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Policy) and other.key == self.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Policy({self.key[:12]})"

    def xattrs(self, place: bytes, mode: int) -> Xattrs:
        """Returns the label of a file at a place in the tree, as an extended attribute.

        Raises:
            PolicyError: the policy cannot be loaded, or asked.
        """
        path = live_place(place).decode("utf-8", "replace")
        with self._lock:  # regular expressions are compiled when they are met first
            if self._loaded is None:
                self._loaded = self._load()
            try:
                label = self._loaded.get_label(path, mode, None)[1]
            except GLib.Error as error:
                raise PolicyError(f"cannot tell the label of {path}: {error.message}") from error
        return ((LABEL_XATTR, label.encode() + b"\0"),) if label else ()

    def text(self, name: str) -> str:
        """Returns one of the files that labels come from, "" if the policy has none of the name."""
        path = self._directory() / name
        return path.read_text("utf-8", "surrogateescape") if path.exists() else ""

    def _directory(self) -> Path:
        (contexts,) = self._root.glob("etc/selinux/*/contexts/files")
        return contexts

    def _load(self) -> OSTree.SePolicy:
        with _ONE_AT_A_TIME:
            try:
                return OSTree.SePolicy.new(Gio.File.new_for_path(os.fspath(self._root)), None)
            except GLib.Error as error:
                raise PolicyError(f"cannot load the SELinux policy: {error.message}") from error


def labels_of(repo: Repo, root_tree: str, cache_dir: Path) -> Labels:
    """Returns the labels that the policy of a tree gives; none if it has no policy, or a disabled.

    `root_tree` is the checksum of the root's dirtree.

    Raises:
        PolicyError: the tree's configuration asks for a policy that the tree does not have, or that
            cannot be one.
    """
    kind = policy_type(repo, root_tree)
    if kind is None:
        return UNLABELLED
    files = _files(repo, root_tree, kind)
    if "file_contexts" not in files:
        raise PolicyError(f"{CONFIG} says SELINUXTYPE={kind}, and {_contexts(kind)} is not there")
    key = _key(kind, files)
    kept = cache_dir / _KEPT / key
    if not kept.is_dir():
        _copy_out(repo, kind, files, kept)
    return Policy(key, kept)


def policy_type(repo: Repo, root_tree: str) -> str | None:
    """Returns which policy a tree is configured to use, None if none.

    Raises:
        PolicyError: what the configuration names cannot be a directory.
    """
    settings = _settings(_text(repo, root_tree, CONFIG))
    # As libostree has it: one of these two words, and only then is there a policy.
    if not settings.get("SELINUX", "").lower().startswith(("enforcing", "permissive")):
        return None
    kind = settings.get("SELINUXTYPE", "")
    if not _TYPE.fullmatch(kind):
        raise PolicyError(f"{CONFIG} names no policy: SELINUXTYPE={kind}")
    return kind


def paths_of(kind: str) -> tuple[str, ...]:
    """Returns the paths that labels come from in a tree with this policy; some may be missing."""
    return (CONFIG, *(f"{ROOT}/{kind}/contexts/files/{name}" for name in CONTEXTS))


def _contexts(kind: str) -> str:
    return paths_of(kind)[1]


def _settings(text: str) -> dict[str, str]:
    return dict(_assignments(text))


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, found, value = line.partition("=")
        if found and name in ("SELINUX", "SELINUXTYPE"):
            yield name, value.strip()


def _text(repo: Repo, root_tree: str, path: str) -> str:
    node = find(repo.dirtree, root_tree, path)
    if not isinstance(node, FileNode) or repo.file_info(node.checksum).target is not None:
        return ""
    return b"".join(repo.file_chunks(node.checksum)).decode("utf-8", "replace")


def _files(repo: Repo, root_tree: str, kind: str) -> Mapping[str, str]:
    """Returns the file objects that labels come from, by name; a link is not followed.

    Raises:
        PolicyError: one is so large that libselinux could take all memory for it.
    """
    directory = find(repo.dirtree, root_tree, f"{ROOT}/{kind}/contexts/files")
    if not isinstance(directory, DirNode):
        return {}
    found = dict(repo.dirtree(directory.tree).files)
    files = {}
    for name, checksum in ((name, found[name]) for name in CONTEXTS if name in found):
        info = repo.file_info(checksum)
        if info.size > _LARGEST:
            what = f"{info.size} bytes, more than a policy can have"
            raise PolicyError(f"{what}: {ROOT}/{kind}/contexts/files/{name}")
        if info.target is None:
            files[name] = checksum
    return files


def _key(kind: str, files: Mapping[str, str]) -> str:
    lines = [f"{name} {checksum}" for name, checksum in sorted(files.items())]
    return hashlib.sha256("\n".join([kind, *lines]).encode()).hexdigest()


def _copy_out(repo: Repo, kind: str, files: Mapping[str, str], kept: Path) -> None:
    """Makes `kept` a root with the files of a policy; it is there whole, or not at all."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    sweep(kept.parent, _NEW)
    with leased(kept.parent, _NEW) as scratch:
        root = scratch / "root"
        selinux = root / "etc/selinux"
        contexts = selinux / kind / "contexts/files"
        contexts.mkdir(parents=True)
        for name, checksum in files.items():
            with (contexts / name).open("wb") as stream:
                stream.writelines(repo.file_chunks(checksum))
        (selinux / "config").write_text(f"SELINUX=permissive\nSELINUXTYPE={kind}\n", "ascii")
        (selinux / kind / "policy").mkdir()
        # libostree wants to see one, for a checksum that nobody here asks for.
        (selinux / kind / "policy/policy.1").touch()
        for path in root.rglob("*"):
            if path.is_file():  # else the name could survive a crash that the content does not
                with path.open("rb") as stream:
                    os.fsync(stream)
        try:
            root.rename(kept)
        except OSError:
            if not kept.is_dir():  # else another run was faster with the same
                raise


def drop_copies(cache_dir: Path) -> None:
    """Removes what was copied out of trees; it is made again when it is missed."""
    shutil.rmtree(cache_dir / _KEPT, ignore_errors=True)
