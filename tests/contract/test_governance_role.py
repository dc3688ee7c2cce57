"""The role `governance` on a running embedded AWS, without the rest of a stack: off, on, again, changed, and off."""

from __future__ import annotations

from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.role import Role

NAME = "governed"


@pytest.fixture(scope="module")
def role(embedded_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Role:
    return Role("governance", embedded_aws, tmp_path_factory.mktemp("role"), {"amica_name": NAME})


def left(clients: Any) -> list[Any]:
    ecr = clients("ecr")
    return [
        *ecr.get_registry_scanning_configuration()["scanningConfiguration"]["rules"],
        *ecr.describe_registry()["replicationConfiguration"]["rules"],
    ]


def test_off_on_again_changed_and_off(role: Role, clients: Any) -> None:
    assert role() == [], "off by default"
    wanted = {"governance_image_scanning": "SCAN_ON_PUSH", "governance_image_replication": ["eu-west-1"]}
    foreseen = role(wanted, check=True)
    assert left(clients) == [], "check mode wrote something"
    assert set(foreseen) == set(role(wanted)) and foreseen
    assert len(left(clients)) == 2
    assert role(wanted) == []
    assert role({**wanted, "governance_image_replication": []}) == foreseen
    assert len(left(clients)) == 1
    assert role() == foreseen, "what is switched off goes"
    assert left(clients) == []

    role(wanted)
    off = {"governance_state": "absent"}
    foreseen = role({**wanted, **off}, check=True)
    assert len(left(clients)) == 2
    assert foreseen == role({**wanted, **off})
    assert left(clients) == []
    assert role({**wanted, **off}) == []
