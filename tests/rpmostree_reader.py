# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads deployments as rpm-ostree's daemon does, and fails where that would abort or refuse.

Written after its source, not after ours (https://github.com/coreos/rpm-ostree):
`deployment_layeredmeta_from_commit` (rust/src/daemon.rs), `rpmostree_deployment_get_layered_info`
(src/libpriv/rpmostree-util.cxx), `rpmostree_sysroot_upgrader_prep_layering`
(src/daemon/rpmostree-sysroot-upgrader.cxx), `origin_to_treefile_inner` and
`treefile_to_origin_inner` (rust/src/origin.rs).
"""

from dataclasses import dataclass
from pathlib import Path

from layering._ostree import GLib, OSTree


class RpmOstreeError(Exception):
    """What rpm-ostree asserts, expects or requires does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayeredInfo:
    """What rpm-ostree knows of a deployment's commit."""

    is_layered: bool
    version: int
    base: str
    packages: tuple[str, ...] = ()


def layered_info(repo_path: Path, checksum: str) -> LayeredInfo:
    """Returns what `status` and every transaction ask of a commit first."""
    repo = OSTree.Repo.open_at(-1, str(repo_path), None)
    commit = repo.load_commit(checksum)[1]
    metadata = commit.get_child_value(0)
    keys = set(metadata.keys())
    if "rpmostree.clientlayer" in keys:
        layered = bool(_typed(metadata, "rpmostree.clientlayer", "b").get_boolean())
    else:
        layered = "rpmostree.spec" in keys
    if not layered:
        return LayeredInfo(is_layered=False, version=0, base=checksum)
    base = OSTree.commit_get_parent(commit)
    if base is None:
        raise RpmOstreeError("commit parent")
    version = 0
    if "rpmostree.clientlayer_version" in keys:
        version = int(_typed(metadata, "rpmostree.clientlayer_version", "u").get_uint32())
    if version >= 1:
        packages = tuple(_typed(metadata, "rpmostree.packages", "as").get_strv())
    else:
        spec = _typed(metadata, "rpmostree.spec", "a{sv}")
        packages = tuple(_typed(spec, "packages", "as").get_strv())
    if version >= 2:
        _typed(metadata, "rpmostree.removed-base-packages", "av")
        _typed(metadata, "rpmostree.replaced-base-packages", "a(vv)")
    if version >= 5:
        _typed(metadata, "rpmostree.modules", "as")
    if version >= 6:
        _typed(metadata, "rpmostree.replaced-base-remote-packages", "a{sv}")
    # Asked for where something is to be layered again, without which it refuses.
    _typed(metadata, "rpmostree.state-sha512", "s")
    return LayeredInfo(is_layered=True, version=version, base=str(base), packages=packages)


def package_list(repo_path: Path, checksum: str) -> list[str]:
    """Returns NAME-EVR.ARCH of what `db diff` and `status` find in a commit without a checkout."""
    repo = OSTree.Repo.open_at(-1, str(repo_path), None)
    metadata = repo.load_commit(checksum)[1].get_child_value(0)
    rows = _typed(metadata, "rpmostree.rpmdb.pkglist", "a(sssss)").unpack()
    return [
        f"{name}-{'' if epoch == '0' else f'{epoch}:'}{version}-{release}.{arch}"
        for name, epoch, version, release, arch in rows
    ]


_LISTS = {
    "packages": ("requested", "requested-local", "requested-local-fileoverride"),
    "overrides": ("remove", "replace-local", "replace"),
    "modules": ("enable", "install"),
    "rpmostree": ("initramfs-etc", "initramfs-args"),
}
_TEXTS = ("custom-url", "custom-description", "override-commit")
_TRANSIENT = "libostree-transient"


def written_back(text: str) -> dict[tuple[str, str], str]:
    """Returns the origin that rpm-ostree makes of one: what it knows of it, by group and key.

    The order of requests is nothing to it, so lists come back sorted.
    """
    found = GLib.KeyFile()
    found.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.NONE)
    bases = {key: _text(found, "origin", key) for key in ("refspec", "baserefspec")}
    refspec = bases["refspec"] or bases["baserefspec"]
    container = _text(found, "origin", "container-image-reference")
    if bool(refspec) == bool(container):
        raise RpmOstreeError("either of refspec/baserefspec and container-image-reference")
    made: dict[tuple[str, str], str] = {}
    for group, keys in _LISTS.items():
        for key in keys:
            items = _items(found, group, key)
            if items:
                made[group, key] = ";".join(sorted(items))
    for key in ("regenerate-initramfs", "ex-cliwrap"):
        if _text(found, "rpmostree", key) == "true":
            made["rpmostree", key] = "true"
    for key in _TEXTS:
        value = _text(found, "origin", key)
        if value:
            made["origin", key] = value
    if refspec:
        only = {("rpmostree", "initramfs-args"), ("modules", "enable"), ("modules", "install")}
        assembled = any(place[0] != "origin" and place not in only for place in made)
        made["origin", "baserefspec" if assembled else "refspec"] = refspec
    else:
        made["origin", "container-image-reference"] = container
    return made


def values(text: str) -> dict[tuple[str, str], str]:
    """Returns what an origin says, its lists sorted, without what is a deployment's own."""
    found = GLib.KeyFile()
    found.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.NONE)
    said = {}
    for group in found.get_groups()[0]:
        for key in found.get_keys(group)[0] if group != _TRANSIENT else ():
            listed = key in _LISTS.get(group, ())
            items = _items(found, group, key)
            said[group, key] = ";".join(sorted(items)) if listed else _text(found, group, key)
    return said


def _typed(dictionary: GLib.Variant, key: str, kind: str) -> GLib.Variant:
    value: GLib.Variant | None = dictionary.lookup_value(key, None)
    has = "nothing" if value is None else value.get_type_string()
    if value is None or has != kind:
        raise RpmOstreeError(f"{key}: {kind} wanted, {has} there")
    return value


def _text(file: GLib.KeyFile, group: str, key: str) -> str:
    try:
        return str(file.get_string(group, key))
    except GLib.Error:
        return ""


def _items(file: GLib.KeyFile, group: str, key: str) -> list[str]:
    try:
        return list(file.get_string_list(group, key))
    except GLib.Error:
        return []
