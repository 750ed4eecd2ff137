# SPDX-License-Identifier: LGPL-2.1-or-later
"""Repositories made from configuration and loaded through libdnf5.

They come from the target tree's `.repo` files and from the caller, never from the host. A `file:`
key of a `.repo` file is looked for in the tree that the file belongs to. What goes wrong while
metadata is fetched is only told to callbacks, so they are where a repository's error is made.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import libdnf5

from solver.errors import ConfigurationError, RepositoryError
from solver.model import Progress, Report, Repository, SackConfig
from solver.transfer import Transfers

_COMMANDLINE = libdnf5.conf.Option.Priority_COMMANDLINE
_QUOTED_REPOSITORY = re.compile(r'repository "([^"]+)"')


def configure_repositories(base: Any, config: SackConfig) -> None:
    """Creates the configured repositories, with options and enablement applied in dnf's order.

    Raises:
        ConfigurationError: a `.repo` file, an option or a glob that fits nothing.
    """
    for directory in config.repo_dirs:
        _create_from_directory(base, directory)
    for repo_id, location in config.repos_from_path:
        _create_from_path(base, repo_id, location)
    for key, value in config.setopts:
        _set_option(base, key, value)
    for glob in config.disable_repos:
        for repo in _matching(base, glob):
            repo.disable()
    for glob in config.enable_repos:
        matches = list(_matching(base, glob))
        if not matches:
            raise ConfigurationError("enabled repositories", f"no repository matches '{glob}'")
        for repo in matches:
            repo.enable()
    for repo in available_repositories(base, enabled=True):
        if config.cache_only:
            repo.set_sync_strategy(libdnf5.repo.Repo.SyncStrategy_ONLY_CACHE)
        elif config.refresh:
            repo.expire()


def load_repositories(base: Any, config: SackConfig, report: Report) -> dict[str, str]:
    """Loads the base's packages and, if asked for, all enabled repositories.

    Returns why each skipped repository could not be loaded, by id.

    Raises:
        RepositoryError: a repository without `skip_if_unavailable` could not be loaded.
    """
    repo_sack = base.get_repo_sack()
    if not config.load_repositories:
        repo_sack.load_repos(libdnf5.repo.Repo.Type_SYSTEM)
        return {}
    repos = available_repositories(base, enabled=True)
    for repo in repos:
        if not urls_of(repo):
            raise RepositoryError(repo.get_id(), "", "it has no baseurl, mirrorlist or metalink")
    transfers = Transfers(lambda key, done, total: _report(report, key, done, total))
    for number, repo in enumerate(repos, 1):
        repo.set_user_data(number)
        transfers.expect(number, repo.get_id())
    with transfers.attached(base):
        try:
            repo_sack.load_repos()
        except libdnf5.exception.Error as error:
            transfers.raise_interruption()
            raise _repository_error(repos, transfers.failures, config, str(error)) from error
    return dict(transfers.failures)


def available_repositories(base: Any, *, enabled: bool) -> list[Any]:
    """Returns libdnf5's repositories (but the system's and the command line's), sorted by id."""
    query = libdnf5.repo.RepoQuery(base)
    query.filter_type(libdnf5.repo.Repo.Type_AVAILABLE)
    if enabled:
        query.filter_enabled(True)
    return sorted(query, key=lambda repo: str(repo.get_id()))


def urls_of(repo: Any) -> tuple[str, ...]:
    """Returns where the repository's metadata is looked for."""
    config = repo.get_config()
    urls = [str(url) for url in config.get_baseurl_option().get_value()]
    for option in (config.get_mirrorlist_option(), config.get_metalink_option()):
        # libdnf5 raises when the value of an unset string option is asked for
        if not option.empty() and option.get_value():
            urls.append(str(option.get_value()))
    return tuple(urls)


def describe(base: Any, skipped: dict[str, str]) -> tuple[Repository, ...]:
    """Returns the enabled repositories as values, sorted by id."""
    found = []
    for repo in available_repositories(base, enabled=True):
        query = libdnf5.rpm.PackageQuery(base)
        query.filter_repo_id([repo.get_id()])
        loaded = repo.get_id() not in skipped and query.size() > 0
        found.append(
            Repository(
                id=str(repo.get_id()),
                name=str(repo.get_name()),
                urls=urls_of(repo),
                gpgcheck=bool(repo.get_config().get_pkg_gpgcheck_option().get_value()),
                packages=int(query.size()),
                # libdnf5 leaves this uninitialised where nothing was loaded
                generated=max(0, int(repo.get_max_timestamp())) if loaded else 0,
                skipped=skipped.get(repo.get_id(), ""),
            )
        )
    return tuple(found)


def _create_from_directory(base: Any, directory: Path) -> None:
    known = {repo.get_id() for repo in available_repositories(base, enabled=False)}
    try:
        base.get_repo_sack().create_repos_from_dir(str(directory))
    except libdnf5.exception.Error as error:
        raise ConfigurationError(str(directory), str(error)) from error
    for repo in available_repositories(base, enabled=False):
        if repo.get_id() not in known:
            option = repo.get_config().get_gpgkey_option()
            keys = [_key_in_tree(str(url), directory) for url in option.get_value()]
            option.set(option.get_priority(), keys)


def _key_in_tree(url: str, repo_dir: Path) -> str:
    """Returns where a `.repo` file's key is, its tree's `/etc` being two levels above the file."""
    path = url.removeprefix("file://") if url.startswith("file:///") else ""
    if path.startswith("/etc/"):
        candidate = repo_dir.parent / path.removeprefix("/etc/")
    elif path.startswith("/usr/") and repo_dir.parent.name == "etc":
        above = repo_dir.parent.parent
        candidate = (above.parent if above.name == "usr" else above) / path.lstrip("/")
    else:
        return url
    return f"file://{candidate.absolute()}" if candidate.is_file() else url


def _create_from_path(base: Any, repo_id: str, location: str) -> None:
    url = location if "://" in location else Path(location).absolute().as_uri()
    try:
        repo = base.get_repo_sack().create_repo(repo_id)
    except libdnf5.exception.Error as error:
        failed = ConfigurationError(f"repository '{repo_id}' at {location}", str(error))
        known = available_repositories(base, enabled=False)
        if repo_id in {str(repo.get_id()) for repo in known}:
            failed = ConfigurationError(
                f"--repofrompath {repo_id}", "there is a repository of this id"
            )
            failed.add_note(f"'--enablerepo {repo_id}' uses that one; or choose another id")
        raise failed from error
    options = repo.get_config()
    options.get_name_option().set(_COMMANDLINE, repo_id)
    options.get_baseurl_option().set(_COMMANDLINE, [url])
    # who names a location on the command line trusts it; dnf's --repofrompath checks no keys either
    options.get_pkg_gpgcheck_option().set(_COMMANDLINE, False)
    options.get_repo_gpgcheck_option().set(_COMMANDLINE, False)


def _set_option(base: Any, key: str, value: str) -> None:
    glob, dot, option = key.rpartition(".")
    targets = [repo.get_config() for repo in _matching(base, glob)] if dot else [base.get_config()]
    if not targets:
        raise ConfigurationError(f"option '{key}={value}'", f"no repository matches '{glob}'")
    for target in targets:
        try:
            target.opt_binds().at(option).new_string(_COMMANDLINE, value)
        except libdnf5.exception.Error as error:
            raise ConfigurationError(f"option '{key}={value}'", str(error)) from error


def _matching(base: Any, glob: str) -> Iterator[Any]:
    for repo in available_repositories(base, enabled=False):
        if fnmatchcase(repo.get_id(), glob):
            yield repo


def _report(report: Report, repo_id: str, done: int, total: int) -> None:
    report(Progress(phase="metadata", item=repo_id, done=done, total=total, unit="bytes"))


def _repository_error(
    repos: list[Any], failures: dict[str, str], config: SackConfig, message: str
) -> RepositoryError:
    """Names the repository whose failure stopped the load: the first that may not be skipped."""
    named = _QUOTED_REPOSITORY.search(message)
    for repo in repos:
        may_skip = repo.get_config().get_skip_if_unavailable_option().get_value()
        culprit = repo.get_id() in failures and not may_skip
        if culprit or (not failures and named and repo.get_id() == named[1]):
            cause = failures.get(repo.get_id(), message)
            url = urls_of(repo)[0]
            if config.cache_only:
                error = RepositoryError(repo.get_id(), url, "its metadata is not in the cache")
                error.add_note("leave out --cache-only (-C) to fetch it")
                return error
            error = RepositoryError(repo.get_id(), url, cause)
            error.add_note(
                f"go on without it by --disablerepo={repo.get_id()}, "
                "or set skip_if_unavailable=1 in its .repo file"
            )
            return error
    return RepositoryError("*", "", " ".join(message.split()))
