# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a tree keeps the modules that its SELinux policy is made of: in /etc, and not in /var.

`semodule` makes a policy from a store, which libsemanage has in /var/lib/selinux by default. There
it would be the host's, and not in the tree: a later tree could bring no module of its own. So a
tree's libsemanage is told to keep it beside the policy, as rpm-ostree does
(https://github.com/coreos/rpm-ostree/blob/main/src/libpriv/rpmostree-postprocess.cxx). OSTree's
merge of /etc brings together what the tree and the administrator have changed.
"""

from pathlib import Path

from layering import beneath
from layering.dirtree import find
from layering.repo import Repo

CONFIG = "usr/etc/selinux/semanage.conf"
STORE = "/etc/selinux"


def settle(repo: Repo, base: str | None, root: Path) -> None:
    """Has libsemanage of the tree below `root` keep its store in /etc; before any script runs.

    A tree without libsemanage's configuration stays without, and where that came with the base
    commit, the base has decided.
    """
    if base and find(repo.dirtree, repo.commit_of(base).root_tree, f"/{CONFIG}"):
        return
    text = beneath.read_text(root, CONFIG)
    wanted = settled(text)
    if text and wanted != text:
        beneath.write_file(root, CONFIG, wanted.encode(), 0o644)


def settled(text: str) -> str:
    """Returns a semanage.conf(5) that says so; one that does already is not changed."""
    lines = text.splitlines()
    stores = [line.partition("=")[2].strip() for line in lines if _setting(line) == "store-root"]
    if stores and stores[-1] == STORE:
        return text
    kept = [line for line in lines if _setting(line) != "store-root"]
    return "\n".join([*kept, f"store-root={STORE}"]) + "\n"


def _setting(line: str) -> str:
    return line.partition("=")[0].strip()
