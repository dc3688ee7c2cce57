# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading CloudWatch Logs so that nothing is lost and nothing told twice.

`core` holds the thinking (paging, what was seen, order), without AWS and clock; `tail` reads and follows; `text` is
what a person sees; `times` and `streams` say which part of which streams.
"""
