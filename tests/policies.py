# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small SELinux policies for tests, as far as they say labels: nothing that a kernel could load."""

from layering.mtree import MutableTree, enter, put_file, set_meta
from layering.objects import DirMeta
from layering.repo import Repo

# Of a policy's lines the one decides that is most specific (file_contexts(5)).
CONTEXTS = """\
/.*                     system_u:object_r:default_t:s0
/usr(/.*)?              system_u:object_r:usr_t:s0
/usr/bin(/.*)?          system_u:object_r:bin_t:s0
/usr/bin/.*        -l   system_u:object_r:link_t:s0
/usr/lib/.*\\.so    --   system_u:object_r:lib_t:s0
/usr/share/free(/.*)?   <<none>>
/etc(/.*)?              system_u:object_r:etc_t:s0
"""
CONFIG = "SELINUX=enforcing\nSELINUXTYPE=small\n"


def label(name: str) -> bytes:
    """Returns the attribute's value for a type."""
    return f"system_u:object_r:{name}:s0".encode() + b"\0"


def xattr(name: str) -> tuple[tuple[bytes, bytes], ...]:
    """Returns the label of a type as extended attributes."""
    return ((b"security.selinux", label(name)),)


def files(contexts: str = CONTEXTS, *, config: str = CONFIG, **more: str) -> dict[str, str]:
    """Returns the policy's files by path on the running system; `more` are other contexts."""
    place = "/etc/selinux/small/contexts/files/file_contexts"
    others = {f"{place}.{name}": text for name, text in more.items()}
    return {"/etc/selinux/config": config, place: contexts, **others}


def put(repo: Repo, tree: MutableTree, policy: dict[str, str]) -> None:
    """Puts a policy's files into a tree, below /usr/etc."""
    for path, text in policy.items():
        *above, name = f"usr{path}".split("/")
        directory = tree
        for part in above:
            directory = enter(directory, part)
            if not directory.get_metadata_checksum():
                set_meta(directory, repo.write_dirmeta(DirMeta()))
        content = text.encode()
        put_file(directory, name, repo.write_regular(content, length=len(content), mode=0o644))
