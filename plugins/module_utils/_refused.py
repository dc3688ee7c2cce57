# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How pure logic says no."""

from __future__ import annotations


class Refused(Exception):
    """What was asked for cannot be; the message is one sentence that says why and what to do."""
