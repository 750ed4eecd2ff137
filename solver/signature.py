# SPDX-License-Identifier: LGPL-2.1-or-later
"""Package signatures, checked where a repository's configuration asks for it.

A package is good if a key of its own repository (`gpgkey=`) or one of the base's rpm keyring made
its signature; another repository's keys say nothing. Each repository therefore has a keyring of
its own, in a directory that goes with the sack.
"""

from pathlib import Path
from typing import Any

import libdnf5

from solver.errors import SignatureError
from solver.model import Package

_OK = libdnf5.rpm.RpmSignature.CheckResult_OK
_CAUSES = {
    libdnf5.rpm.RpmSignature.CheckResult_FAILED_NOT_SIGNED: "it is not signed",
    libdnf5.rpm.RpmSignature.CheckResult_FAILED_NOT_TRUSTED: "its key is not trusted",
    libdnf5.rpm.RpmSignature.CheckResult_FAILED: "its signature or content is broken",
}


class SignatureChecker:
    """Checks packages of one Base against the keys of their repositories."""

    def __init__(self, base: Any, directory: Path) -> None:
        self._base = base
        self._directory = directory
        self._rings: dict[str, tuple[Any, Any, tuple[str, ...]]] = {}

    def check(self, package: Package, found: Any, path: Path) -> None:
        """Checks the file of a package, if its repository (`localpkg_gpgcheck` for a file) asks.

        `found` is libdnf5's package; None for a local file.

        Raises:
            SignatureError: it is not signed by a key that counts; names the keys that do.
        """
        keys: tuple[str, ...] = ()
        if found is None:
            if not self._base.get_config().get_localpkg_gpgcheck_option().get_value():
                return
        else:
            if not found.is_pkg_gpgcheck_enabled():
                return
            _, ring, keys = self._ring(package, found.get_repo())
            if ring.check_package_signature(str(path)) == _OK:
                return
        result = libdnf5.rpm.RpmSignature(self._base).check_package_signature(str(path))
        if result != _OK:
            raise _error(package, keys, result)

    def _ring(self, package: Package, repo: Any) -> tuple[Any, Any, tuple[str, ...]]:
        """Returns a repository's own keyring and what its keys are called."""
        repo_id = str(repo.get_id())
        if repo_id not in self._rings:
            base = libdnf5.base.Base()
            options = base.get_config()
            options.installroot = str(self._directory / str(len(self._rings)))
            options.config_file_path = "/dev/null"
            options.use_host_config = False
            options.plugins = False
            options.reposdir = options.varsdir = []
            options.cachedir = options.system_cachedir = str(self._directory / "cache")
            Path(options.installroot).mkdir(parents=True)
            base.setup()
            ring = libdnf5.rpm.RpmSignature(base)
            keys = []
            for url in repo.get_config().get_gpgkey_option().get_value():
                keys += self._import(package, ring, str(url))
            self._rings[repo_id] = (base, ring, tuple(keys))
        return self._rings[repo_id]

    def _import(self, package: Package, ring: Any, url: str) -> list[str]:
        try:
            found = list(libdnf5.rpm.RpmSignature(self._base).parse_key_file(url))
            for key in found:
                ring.import_key(key)
        except libdnf5.exception.Error as error:
            cause = f"key {url} cannot be read: {' '.join(str(error).split())}"
            raise SignatureError(str(package.nevra), package.repo_id, cause) from error
        return [f"{str(key.get_key_id()).lower()} ({url})" for key in found]


def _error(package: Package, keys: tuple[str, ...], result: int) -> SignatureError:
    known = f"has keys {', '.join(keys)}" if keys else "has no key (gpgkey=)"
    cause = _CAUSES.get(result, "its signature is by none of the keys")
    error = SignatureError(str(package.nevra), package.repo_id, f"{cause}; the repository {known}")
    error.add_note("add the signer's key to gpgkey= of the repository if you trust it")
    return error
