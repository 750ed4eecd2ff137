# SPDX-License-Identifier: LGPL-2.1-or-later
"""What would go wrong when a new deployment is finalized, at shutdown, found out before.

Nobody is there then to read an error, and the next boot is the old tree. Checked are the room in
/boot and beside the repository, and the merge of `/etc`; what the merge and the accounts settle
otherwise than somebody may expect is returned. None of it is a promise: until the shutdown, `/etc`
changes and disks fill up.
"""

from dataclasses import dataclass

from layering import accounts, beneath, bootspace
from layering.account_files import combined
from layering.accounts import AccountClash, Accounts
from layering.deployments import Deployment
from layering.dirtree import FileNode, find
from layering.etcconflicts import EtcConflict
from layering.etcmerge import compare_etc
from layering.progress import Report, phase
from layering.repo import Repo
from layering.sysroot import Sysroot

_ACCOUNT_FILES = frozenset(f"/etc/{name}" for name in ("passwd", "group", "shadow", "gshadow"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What will not be as either side alone would have it."""

    etc: tuple[EtcConflict, ...] = ()
    accounts: tuple[AccountClash, ...] = ()

    def warnings(self) -> tuple[str, ...]:
        """Returns a sentence for each."""
        return (*map(str, self.etc), *map(str, self.accounts))


def check(
    sysroot: Sysroot, config: Deployment | None, stateroot: str, commit: str, report: Report
) -> Preflight:
    """Returns what is worth a warning before a commit is deployed.

    `config` is the deployment whose `/etc` goes on. The time is by what differs between its tree
    and the commit.

    Raises:
        SysrootError: finalizing would fail for want of space.
        EtcMergeError: finalizing would fail at the merge of `/etc`.
    """
    with phase(report, "preflight"):
        bootspace.check_boot(sysroot, stateroot, commit)
        bootspace.check_root(sysroot, config)
        if config is None:
            return Preflight()
        repo = sysroot.repo
        conflicts = compare_etc(repo, config.checksum, commit, config.path / "etc")
        settled = _settled(repo, config.checksum, commit, conflicts)
        return Preflight(
            etc=tuple(each for each in conflicts if each.path not in settled),
            accounts=_account_clashes(repo, commit, config),
        )


def _settled(
    repo: Repo, before: str, after: str, conflicts: tuple[EtcConflict, ...]
) -> frozenset[str]:
    """Returns the account files in which nothing differs but what sysusers sees to at boot."""
    concerned = [each.path for each in conflicts if each.path in _ACCOUNT_FILES]
    if not concerned:
        return frozenset()
    records = [
        accounts.parse_record(_text(repo, each, accounts.RECORD)) for each in (before, after)
    ]
    names = {name for record in records for name in _names(record)}
    return frozenset(path for path in concerned if _differing(repo, before, after, path) <= names)


def _names(record: Accounts) -> set[str]:
    return {user.name for user in record.users} | {group.name for group in record.groups}


def _differing(repo: Repo, before: str, after: str, path: str) -> set[str]:
    """Returns the accounts whose lines differ between two trees' defaults."""
    lines = [set(_text(repo, each, f"usr{path}").splitlines()) for each in (before, after)]
    return {line.partition(":")[0] for line in lines[0] ^ lines[1]}


def _account_clashes(repo: Repo, commit: str, config: Deployment) -> tuple[AccountClash, ...]:
    """Returns which accounts of the new tree's layers the host keeps from having their ids."""
    record = accounts.parse_record(_text(repo, commit, accounts.RECORD))
    if not record:
        return ()
    passwd, group = (
        combined(
            beneath.read_text(config.path, f"etc/{name}"), _text(repo, commit, f"usr/lib/{name}")
        )
        for name in ("passwd", "group")
    )
    return accounts.clashes(record, passwd, group)


def _text(repo: Repo, commit: str, path: str) -> str:
    """Returns the text of a regular file of a commit, "" if there is none."""
    node = find(repo.dirtree, repo.commit_of(commit).root_tree, path)
    if not isinstance(node, FileNode) or repo.file_info(node.checksum).target is not None:
        return ""
    return b"".join(repo.file_chunks(node.checksum)).decode("utf-8", "replace")
