# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages that there are, the base's and the repositories', behind one door.

`Sack` owns libdnf5's Base, which must outlive everything that came from it; so nothing of libdnf5
leaves this package. Nothing of the host is read: each path that libdnf5 could fall back to is set.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path
from traceback import clear_frames
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import libdnf5

from solver.candidates import Candidates
from solver.errors import ConfigurationError, SolverError, UnreadableRpmError
from solver.goal import Resolver
from solver.hints import hints
from solver.model import (
    Goal,
    Package,
    Report,
    Repository,
    SackConfig,
    Transaction,
    VerifiedRpm,
    ignore,
)
from solver.repositories import (
    available_repositories,
    configure_repositories,
    describe,
    load_repositories,
)
from solver.scratch import private_root
from solver.trials import SackTrials

if TYPE_CHECKING:
    from solver.download import Downloader


class Sack:
    """Packages to solve over and to download; a context manager."""

    def __init__(self, config: SackConfig, report: Report) -> None:
        self._cleanup = ExitStack()
        private = self._cleanup.enter_context(private_root(config.installroot, config.cache_dir))
        try:
            self._base = configured_base(config, private)
            disabled = list(self._base.get_config().get_disable_excludes_option().get_value())
            # Excludes hide packages from queries for good; see everything first, then apply them.
            self._base.get_config().disable_excludes = ["*"]
            self._skipped = load_repositories(self._base, config, report)
            known = libdnf5.rpm.PackageQuery(self._base)
            installed = libdnf5.rpm.PackageQuery(known)
            installed.filter_installed()
            self._base.get_config().disable_excludes = disabled
            self._base.get_rpm_package_sack().load_config_excludes_includes()
            self._candidates = Candidates(self._base, installed, known, private / "links")
            enabled = available_repositories(self._base, enabled=True)
            complete = config.load_repositories and bool(enabled) and not self._skipped
            self._resolver = Resolver(self._candidates, known, complete=complete)
            self._config, self._private, self._report = config, private, report
        except BaseException:
            self._cleanup.close()
            raise

    @classmethod
    def open(cls, config: SackConfig, report: Report = ignore) -> Self:
        """Loads the base's packages and the repositories.

        Raises:
            ConfigurationError, RepositoryError
        """
        with nothing_kept():
            return cls(config, report)

    def resolve(self, goal: Goal) -> Transaction:
        """Returns the complete layered set for a goal.

        Requests and files that the base meets already come back as inactive; a file is known by
        its NEVRA there and in `Package.requested_by`, never by its path.

        Raises:
            UnknownPackageError, UnsatisfiableError, BaseMovedError, UnreadableRpmError
        """
        with nothing_kept():
            try:
                return self._resolver.resolve(goal)
            except SolverError as error:
                error.__notes__ = list(self._hints(error, goal))
                raise

    def attempt(self, goal: Goal) -> Transaction | None:
        """Returns the same, and None where there is none, without looking for the reason."""
        with nothing_kept():
            return self._resolver.attempt(goal)

    def _hints(self, error: SolverError, goal: Goal) -> tuple[str, ...]:
        if isinstance(error, UnreadableRpmError):
            return ()
        trials = SackTrials(self._base, self._candidates, self._resolver, self._config, type(self))
        return hints(error, goal, trials)

    def download(self, packages: Sequence[Package]) -> tuple[VerifiedRpm, ...]:
        """Fetches what is not cached and returns the checked files, in the order of `packages`.

        Layers are left out: they need no file.

        Raises:
            DownloadError, BrokenDownloadError, SignatureError
        """
        with nothing_kept():
            return self._downloader.download(packages)

    @cached_property
    def _downloader(self) -> "Downloader":
        from solver.download import Downloader  # most questions end without a download

        return Downloader(self._base, self._config, self._private, self._report)

    def repositories(self) -> tuple[Repository, ...]:
        """Returns the enabled repositories, sorted by id."""
        return describe(self._base, self._skipped)

    def close(self) -> None:
        """Lets everything go; the sack cannot be used afterwards."""
        # What came from the Base goes before the Base itself.
        for name in ("_downloader", "_resolver", "_candidates", "_base"):
            self.__dict__.pop(name, None)
        self._cleanup.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Frees what the frames of a passing exception hold.

    Whoever keeps the exception keeps its frames, and libdnf5's objects in them beyond their Base:
    some then abort the process when Python lets them go.
    """
    try:
        yield
    except BaseException as error:
        each: BaseException | None = error
        while each is not None:
            clear_frames(each.__traceback__)
            each = each.__cause__ or each.__context__
        raise


def configured_base(config: SackConfig, private: Path) -> Any:
    """Returns a libdnf5 Base that is set up and has its repositories configured, not loaded."""
    base = libdnf5.base.Base()
    options = base.get_config()
    options.installroot = str(private)
    options.use_host_config = False
    options.config_file_path = str(config.dnf_conf) if config.dnf_conf else "/dev/null"
    options.reposdir = []
    options.varsdir = [str(directory) for directory in config.vars_dirs]
    options.plugins = False
    options.pluginconfpath = str(private / "plugins")
    options.pluginpath = str(private / "plugins")
    options.cachedir = str(config.cache_dir / "metadata")
    options.system_cachedir = str((config.other_cache or config.cache_dir) / "metadata")
    options.persistdir = str(private / "persist")
    options.system_state_dir = "/state"  # below the installroot, as libdnf5 puts it
    options.transaction_history_dir = "/history"
    options.logdir = str(private / "log")  # nothing is logged unless a logger is added
    options.protected_packages = []
    options.installonlypkgs = []  # two kernels in one tree would not boot
    options.protect_running_kernel = False
    options.keepcache = True
    options.skip_system_repo_lock = True
    options.cacheonly = "all" if config.cache_only else "none"
    options.optional_metadata_types = ["comps", *(["filelists"] if config.need_filelists else [])]
    try:
        if config.dnf_conf:
            base.load_config()
        _set_variables(base, config, private)
        base.setup()
    except libdnf5.exception.Error as error:
        raise ConfigurationError(str(config.dnf_conf or config.installroot), str(error)) from error
    configure_repositories(base, config)
    return base


def _set_variables(base: Any, config: SackConfig, private: Path) -> None:
    variables = base.get_vars()
    if config.arch:
        variables.set("arch", config.arch)
    if config.releasever:
        variables.set("releasever", config.releasever)
        return
    detected = libdnf5.conf.Vars.detect_release(base.get_weak_ptr(), str(private)).get()
    if detected:
        variables.set("releasever", detected)
