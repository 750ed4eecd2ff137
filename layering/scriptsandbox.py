# SPDX-License-Identifier: LGPL-2.1-or-later
"""The sandbox over a workspace: the one that scripts run in, and that a person may enter."""

from dataclasses import replace

from layering import beneath
from layering.account_ids import POOL_CONFIG, POOL_CONFIG_PATH
from layering.workspace import Workspace
from triggers import Bind, Sandbox

# What scripts write to beside the tree, in the workspace's scratch directory.
VAR = "var"
RPM_STATE = "rpm-state"


def sandbox_in(
    workspace: Workspace, *, database: str | None, timestamp: int, composed: bool = False
) -> Sandbox:
    """Returns the sandbox, whose /var is an empty directory of the workspace's, to be filled.

    `database` is the tree's directory of the rpmdb; a base that is `composed` numbers its accounts
    as they come.
    """
    var, rpm_state = workspace.scratch / VAR, workspace.scratch / RPM_STATE
    var.mkdir()
    sandbox = Sandbox.over(
        workspace.root, var=var, rpm_state=rpm_state, source_date_epoch=timestamp
    )
    pool = () if composed else (_pool(workspace),)
    if database is None:
        return replace(sandbox, binds=pool)
    # Scripts may ask the rpmdb, which is already the merged tree's, and may not change it.
    beneath.make_directories(workspace.root, database)
    readable = Bind(source=workspace.root / database.lstrip("/"), destination=database)
    return replace(sandbox, binds=(readable, *pool))


def _pool(workspace: Workspace) -> Bind:
    config = workspace.scratch / "sysusers.conf"
    config.write_text(POOL_CONFIG, encoding="ascii")
    return Bind(source=config, destination=POOL_CONFIG_PATH)
