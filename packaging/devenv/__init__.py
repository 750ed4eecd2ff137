# SPDX-License-Identifier: LGPL-2.1-or-later
"""The prepared environment behind `./dev`: where the bindings come from.

Only the standard library, and Python 3.11: this runs on the bare machine, before anything is
installed.
"""
