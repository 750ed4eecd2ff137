# SPDX-License-Identifier: LGPL-2.1-or-later
"""The versions that are part of cache keys: raising one makes every older result a miss.

They are raised by hand, with the change that alters what the same input gives; the comment at each
says what it covers. Nothing here depends on the release version.
"""

# What one RPM becomes as a layer: paths, modes, attributes, contents (byte code), tmpfiles lines,
# commit metadata.
IMPORTER_VERSION = 2

# What a base and a set of layers become as a merged tree: union rules, scriptlets that are skipped
# or replaced, what they wrote to /var, ids of accounts, built-in triggers, labels, rpmdb, metadata.
POLICY_VERSION = 7
