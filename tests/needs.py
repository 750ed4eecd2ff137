# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests need beside the sources: skipped where a person has it not, a failure in CI.

A check that silently does not run is none; in CI everything has to be there.
"""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def absent(what: str) -> NoReturn:
    """Ends the test, which cannot run without `what`."""
    if os.environ.get("CI"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def program(name: str) -> Path:
    """Returns where a program is; ends the test if it is not on the path."""
    found = shutil.which(name)
    if found is None:
        absent(f"{name} is not installed")
    return Path(found)


def world_document() -> Path:
    """Returns the JSON document that tells where the test distribution is."""
    document = os.environ.get("OVERLAY_TEST_WORLD")
    if not document:
        absent("OVERLAY_TEST_WORLD is not set: run ./dev test")
    return Path(document)
