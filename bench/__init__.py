# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measurements of `overlay`, each beside a peer or a floor that is measured in the same run."""
