# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The truth about an ECS deployment: observe it, judge what was seen, explain the verdict.

observe (AWS -> Snapshot) -> judge (Snapshots -> Verdict) -> explain (Verdict, Snapshots -> Dossier) -> report (text).
Only `observe`, `probe` and `act` touch the network; `watch` turns the wheel with a clock that it is given.
"""
