from __future__ import annotations

import pytest
from ansible_collections.amica.stack.plugins.module_utils._ecs_fargate import MEMORY
from ansible_collections.amica.stack.plugins.module_utils._ecs_fargate import fargate_problem


@pytest.mark.parametrize(
    ("cpu", "memory"),
    [
        (256, 512),
        (256, 1024),
        (256, 2048),
        (512, 1024),
        (512, 4096),
        (1024, 8192),
        (2048, 16384),
        (4096, 30720),
        (8192, 16384),
        (8192, 61440),
        (16384, 32768),
        (16384, 122880),
    ],
)
def test_sizes_that_fargate_offers(cpu: int, memory: int) -> None:
    assert fargate_problem(cpu, memory) is None


@pytest.mark.parametrize(
    ("cpu", "memory", "hint"),
    [
        (256, 4096, "512, 1024 or 2048 MiB"),
        (512, 512, "1024 to 4096 in steps of 1024"),
        (4096, 31744, "8192 to 30720 in steps of 1024"),
        (8192, 17408, "in steps of 4096"),
        (16384, 36864, "in steps of 8192"),
        (300, 512, "256, 512, 1024"),
        (0, 0, "256, 512, 1024"),
    ],
)
def test_other_sizes_name_the_ones_there_are(cpu: int, memory: int, hint: str) -> None:
    assert hint in str(fargate_problem(cpu, memory))


@pytest.mark.parametrize(("storage", "fine"), [(20, True), (21, True), (200, True), (19, False), (201, False)])
def test_ephemeral_storage_has_bounds(storage: int, fine: bool) -> None:
    problem = fargate_problem(256, 512, storage)
    assert (problem is None) is fine
    assert fine or "20 to 200 GiB" in str(problem)


def test_every_number_of_cpu_units_has_memory() -> None:
    assert all(sizes[0] >= cpu * 2 for cpu, sizes in MEMORY.items())
