# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sizes of a task Fargate offers.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
"""

from __future__ import annotations

from collections.abc import Sequence

GIB = 1024

# Memory in MiB that each number of CPU units (1024 are one vCPU) can have.
MEMORY: dict[int, Sequence[int]] = {
    256: (GIB // 2, GIB, 2 * GIB),
    512: range(GIB, 4 * GIB + 1, GIB),
    1024: range(2 * GIB, 8 * GIB + 1, GIB),
    2048: range(4 * GIB, 16 * GIB + 1, GIB),
    4096: range(8 * GIB, 30 * GIB + 1, GIB),
    8192: range(16 * GIB, 60 * GIB + 1, 4 * GIB),
    16384: range(32 * GIB, 120 * GIB + 1, 8 * GIB),
}
# GiB that every task has without asking; AWS refuses to be asked for it.
DEFAULT_STORAGE = 20
LARGEST_STORAGE = 200


def described(sizes: Sequence[int]) -> str:
    """Valid memory sizes as a person says them."""
    if isinstance(sizes, range):
        return f"{sizes[0]} to {sizes[-1]} in steps of {sizes.step}"
    return ", ".join(str(size) for size in sizes[:-1]) + f" or {sizes[-1]}"


def fargate_problem(cpu: int, memory: int, ephemeral_storage: int = DEFAULT_STORAGE) -> str | None:
    """Why Fargate offers no such task, with the sizes that it does offer; None when it does.

    CPU is in CPU units, memory in MiB, ephemeral storage in GiB.
    """
    sizes = MEMORY.get(cpu)
    if sizes is None:
        return f"Fargate has no tasks with {cpu} CPU units: write one of {', '.join(str(units) for units in MEMORY)}"
    if memory not in sizes:
        return f"With {cpu} CPU units a task has {described(sizes)} MiB of memory, not {memory}"
    if not DEFAULT_STORAGE <= ephemeral_storage <= LARGEST_STORAGE:
        return (
            f"A task has {DEFAULT_STORAGE} to {LARGEST_STORAGE} GiB of ephemeral storage, not {ephemeral_storage}: "
            f"write a number from {DEFAULT_STORAGE} to {LARGEST_STORAGE}"
        )
    return None
