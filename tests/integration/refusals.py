# SPDX-License-Identifier: LGPL-2.1-or-later
"""Packages that must not come into a tree: what is said of each, and what rpm does with it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Packages that cannot be installed together."""

    packages: str
    said: str  # how the error begins
    why: str = ""  # where rpm installs them all the same: why we do not


def _conflict(what: str, name: str, path: str, other: str = "other") -> Refusal:
    """Returns the refusal of two packages, or of one and the base."""
    second = f"{name}-{other}" if other == "other" else ""
    one, two = (name, second) if second else ("world-victims", name)
    said = f"error: {what}: {path} of {one}-1-1.noarch and of {two}-1-1.noarch\n"
    return Refusal(packages=f"{name} {second}".strip(), said=said)


_FACTORY = "/usr/share/factory/var/lib"
_VICTIMS = "/usr/share/victims"
_LINK = "/usr/share/victims-link"

REFUSALS = (
    _conflict("mode differs", "case-conflict-mode", "/usr/lib/case-conflict-mode"),
    _conflict("owner differs", "case-conflict-owner", "/usr/lib/case-conflict-owner"),
    _conflict("link target differs", "case-conflict-target", "/usr/lib/case-conflict-target"),
    _conflict("type differs", "case-conflict-type", "/usr/lib/case-conflict-type"),
    _conflict("content differs", "case-conflict-unmerged", "/usr/lib/case-conflict-unmerged"),
    _conflict("content differs", "case-conflict-var", f"{_FACTORY}/case-conflict-var"),
    _conflict(
        "mode differs", "case-conflict-directory-mode", "/usr/lib/case-conflict-directory-mode"
    ),
    _conflict(
        "owner differs", "case-conflict-directory-owner", "/usr/lib/case-conflict-directory-owner"
    ),
    _conflict("content differs", "case-conflicts-base-config", "/etc/victims/kept", "base"),
    _conflict("content differs", "case-conflicts-base-file", f"{_VICTIMS}/kept", "base"),
    _conflict("mode differs", "case-conflicts-base-directory", _VICTIMS, "base"),
    _conflict("mode differs", "case-conflicts-base-mode", f"{_VICTIMS}/kept", "base"),
    _conflict("owner differs", "case-conflicts-base-owner", f"{_VICTIMS}/kept", "base"),
    _conflict("link target differs", "case-conflicts-base-target", _LINK, "base"),
    _conflict("type differs", "case-base-link-directory", _LINK, "base"),
    _conflict("type differs", "case-directory-over-file", f"{_VICTIMS}/kept", "base"),
    _conflict("type differs", "case-file-over-directory", "/etc/victims", "base"),
    _conflict("type differs", "case-file-over-link", _LINK, "base"),
    _conflict("type differs", "case-link-over-directory", _VICTIMS, "base"),
    Refusal(
        packages="case-conflicts-base-type",
        said="error: 2 file conflicts:\n"
        "  type differs: /etc/victims of world-victims-1-1.noarch "
        "and of case-conflicts-base-type-1-1.noarch\n",
    ),
    Refusal(
        packages="case-conflict-a case-conflict-b",
        said="error: content differs: /usr/share/case-conflict/file of case-conflict-a-1-1.noarch "
        "and of case-conflict-b-1-1.noarch\n",
    ),
    Refusal(
        packages="case-conflict-caps case-conflict-caps-other",
        said="error: extended attributes differ: /usr/lib/case-conflict-caps "
        "of case-conflict-caps-1-1.noarch and of case-conflict-caps-other-1-1.noarch\n",
        why="one of the two capabilities would be lost without a word",
    ),
    Refusal(
        packages="case-link-directory case-link-through",
        said="error: type differs: /usr/lib/case-link-directory/link "
        "of case-link-directory-1-1.noarch and of case-link-through-1-1.noarch\n",
        why="layers have no order in which one would find the link of another",
    ),
    Refusal(
        packages="case-conflicts-tag",
        said="error: 'case-conflicts-tag' would remove base package nano-",
    ),
    Refusal(
        packages="case-obsoletes-base",
        said="error: 'case-obsoletes-base' would replace base package nano-",
        why="a package of the base is moved on request alone",
    ),
    Refusal(
        packages="case-requires-missing",
        said="error: cannot install 'case-requires-missing': "
        "nothing provides case-nobody-has-this >= 3 needed by",
    ),
    Refusal(
        packages="case-requires-newer-base",
        said="error: cannot install 'case-requires-newer-base': "
        "nothing provides bash >= 1000 needed by",
    ),
    Refusal(
        packages="case-interpreter-missing",
        said="error: cannot install 'case-interpreter-missing': "
        "nothing provides /usr/bin/case-no-such-interpreter needed by",
    ),
    Refusal(
        packages="case-pre-fails",
        said="error: %pre failed with exit status 4, case-pre-fails-1-1.noarch\n",
    ),
    Refusal(
        packages="case-pre-lua-fails",
        said="error: %pre failed with exit status 255, case-pre-lua-fails-1-1.noarch\n",
    ),
    Refusal(
        packages="case-triggerprein-fails case-watched-a",
        said="error: %triggerprein failed with exit status 9, case-triggerprein-fails-1-1.noarch\n",
    ),
    Refusal(
        packages="case-pretrans-fails",
        said="error: %pretrans failed with exit status 255, case-pretrans-fails-1-1.noarch\n",
    ),
    Refusal(
        packages="case-srv",
        said="error: no place in an image-based tree: /case of case-srv-1-1.noarch\n",
        why="/srv and the top of the system are the administrator's",
    ),
    Refusal(
        packages="case-srv-link",
        said="error: no place in an image-based tree: /srv/case-link of case-srv-link-1-1.noarch\n",
        why="/srv is the administrator's",
    ),
    Refusal(
        packages="case-top-level",
        said="error: no place in an image-based tree: /case-top of case-top-level-1-1.noarch\n",
        why="the top of an image is fixed; a configuration can allow the directory",
    ),
    Refusal(
        packages="case-device-node",
        said="error: device nodes are not supported: /usr/lib/case-device/null "
        "of case-device-node-1-1.x86_64\n",
        why="OSTree holds files, directories and links",
    ),
    Refusal(
        packages="case-pipe",
        said="error: named pipes are not supported: /usr/lib/case-pipe of case-pipe-1-1.x86_64\n",
        why="OSTree holds files, directories and links",
    ),
    Refusal(
        packages="case-name-no-utf8",
        said="error: file name is not valid UTF-8: /usr/lib/case-name-no-utf8/caf\\xe9 "
        "of case-name-no-utf8-1-1.noarch\n",
        why="OSTree's names are UTF-8",
    ),
    Refusal(
        packages="case-var-caps",
        said="error: capabilities cannot be kept outside of /usr and /etc: "
        "/var/lib/case-var-caps/tool of case-var-caps-1-1.noarch\n",
        why="tmpfiles.d copies no capabilities",
    ),
    Refusal(
        packages="case-unknown-user",
        said="error: unknown user casenobody: owner of /usr/lib/case-unknown-user "
        "of case-unknown-user-1-1.noarch\n",
        why="rpm gives the files to root",
    ),
    Refusal(
        packages="case-unknown-group",
        said="error: unknown group casenogroup: owner of /usr/lib/case-unknown-group "
        "of case-unknown-group-1-1.noarch\n",
        why="rpm gives the files to root",
    ),
    Refusal(
        packages="case-numeric-owner",
        said="error: unknown user 1234: owner of /usr/lib/case-numeric-owner "
        "of case-numeric-owner-1-1.noarch\n",
        why="rpm gives the files to root",
    ),
)
