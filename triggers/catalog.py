# SPDX-License-Identifier: LGPL-2.1-or-later
"""Built-in triggers: caches that a tree needs even if none of its packages has a trigger for them.

A table. Three things decide a row's command. Modification times mean nothing: they are zero in a
deployed tree, and the time of day in what was just put together. The same change must give the same
bytes on every host, whatever order its file system lists names in. And once nothing feeds a cache,
it is what it is in a tree that nothing ever fed.

`reads` is what a result depends on beside the tool, its libraries and general configuration, as
narrow as is true; a tool that reads more than can be told beforehand says so in its reason.
"""

from triggers.catalog_desktop import DESKTOP
from triggers.catalog_libraries import LIBRARIES
from triggers.catalog_skipped import SKIPPED
from triggers.catalog_system import INITRAMFS, SYSTEM, SYSUSERS
from triggers.declared import DeclaredTrigger

__all__ = ["CATALOG", "INITRAMFS", "SYSUSERS"]

# In the order in which they run, where nothing says otherwise.
CATALOG: tuple[DeclaredTrigger, ...] = (
    SYSUSERS,
    *LIBRARIES,
    *SYSTEM,
    *DESKTOP,
    *SKIPPED,
    INITRAMFS,
)
