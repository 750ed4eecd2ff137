# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every test stands on: a directory that overlayfs accepts, and libostree made strict."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from layering.mounts import enter_own_namespace

# Whoever starts this in the background may have it ignore these, which tests send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)

# libostree reports some misuse with a GLib critical and then returns success.
os.environ.setdefault("G_DEBUG", "fatal-criticals")


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A directory under /var/tmp: overlayfs needs a real file system, /tmp may be a tmpfs."""
    directory = Path(tempfile.mkdtemp(prefix="overlay-test-", dir="/var/tmp"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A tmpfs for the whole session, in a mount namespace that only this process sees.

    libostree remounts the file system of a booted sysroot: that must never be this machine's own.
    """
    enter_own_namespace()
    directory = Path(tempfile.mkdtemp(prefix="overlay-test-", dir="/var/tmp"))
    mount = ["mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", str(directory)]
    subprocess.run(mount, check=True)
    yield directory
    subprocess.run(["umount", "--lazy", str(directory)], check=True)
    directory.rmdir()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips what this machine cannot run, with the reason."""
    if os.geteuid() == 0:
        return
    for item in items:
        if item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))
