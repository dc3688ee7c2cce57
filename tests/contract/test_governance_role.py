"""The role `governance` on a running embedded AWS, without the rest of a stack: off, on, again, changed, and off."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._names import names
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import Place
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import needs
from support.embedded import EmbeddedAws
from support.role import Role

NAME, OTHER = "governed", "somebodys-trail"
CONFIG, HUB = "Config judges the stack's parts", "Security Hub checks the account"
# A scanning and a replication rule, a trail, two buckets, seven Config rules, their recorder and its channel.
EVERYTHING = 14
IMAGES = "The account scans and copies the stack's images as the stack says"


@pytest.fixture(scope="module")
def role(embedded_aws: EmbeddedAws, tmp_path_factory: pytest.TempPathFactory) -> Role:
    return Role("governance", embedded_aws, tmp_path_factory.mktemp("role"), {"amica_name": NAME})


def left(clients: Any) -> list[Any]:
    ecr = clients("ecr")
    return [
        *ecr.get_registry_scanning_configuration()["scanningConfiguration"]["rules"],
        *ecr.describe_registry()["replicationConfiguration"]["rules"],
        *(trail for trail in clients("cloudtrail").describe_trails()["trailList"] if trail["Name"] != OTHER),
        *clients("config").describe_config_rules()["ConfigRules"],
        *clients("config").describe_configuration_recorders()["ConfigurationRecorders"],
        *clients("config").describe_delivery_channels()["DeliveryChannels"],
        *(bucket for bucket in clients("s3").list_buckets()["Buckets"] if bucket["Name"].startswith(NAME)),
    ]


def asked_for() -> set[str]:
    """The actions that the check before a run asks for where the whole of governance is on."""
    place = Place("aws", "ap-southeast-1", "123456789012", names(NAME), NAME)
    wanted = needs(place, ("image_rules", "trail", "config", "security_hub"))
    return {action for need in wanted for action in need.actions}


def test_off_on_again_changed_and_off(role: Role, clients: Any, embedded_aws: EmbeddedAws) -> None:
    assert role() == [], "off by default"
    clients("cloudtrail").create_trail(Name=OTHER, S3BucketName="somebodys-bucket")
    wanted = {
        "governance_image_scanning": "SCAN_ON_PUSH",
        "governance_image_replication": ["eu-west-1"],
        "governance_trail": "true",
        "governance_config": "true",
        "governance_security_hub": "true",
    }
    foreseen = role(wanted, check=True)
    assert left(clients) == [], "check mode wrote something"
    before = embedded_aws.actions()
    assert set(foreseen) == set(role(wanted)) and foreseen
    assert {*(embedded_aws.actions() - before)} - asked_for() == {"sts:GetCallerIdentity"}
    assert len(left(clients)) == EVERYTHING
    assert clients("securityhub").describe_hub()["HubArn"].endswith(":hub/default")
    trail = clients("cloudtrail").get_trail_status(Name=f"{NAME}-trail-ap-southeast-1")
    assert trail["IsLogging"]
    assert role(wanted) == []
    changed = {**wanted, "governance_image_replication": [], "governance_trail_days": "30"}
    assert role(changed) == [IMAGES, "The trail's records have a place"]
    assert role() == [IMAGES, "The trail is gone", "The trail's records are gone", CONFIG, HUB], "what is off goes"
    assert left(clients) == []

    role(wanted)
    off = {**wanted, "governance_state": "absent"}
    foreseen = role(off, check=True)
    assert len(left(clients)) == EVERYTHING
    assert foreseen == role(off)
    assert left(clients) == []
    assert role(off) == []
    assert [trail["Name"] for trail in clients("cloudtrail").describe_trails()["trailList"]] == [OTHER]
    clients("cloudtrail").delete_trail(Name=OTHER)
