# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every capability on a stack that runs: on, on again, changed, and off, which leaves nothing; each step foretold."""

from __future__ import annotations

from typing import Any

import pytest
from e2e import switches
from e2e.foretold import carry_out
from e2e.foretold import done
from e2e.playbooks import Workspace
from support.census import census
from support.machine import free_port
from support.waiting import eventually

pytestmark = pytest.mark.long


def issued(workspace: Workspace, region: str) -> str:
    """ARN of a certificate that somebody made, for any name in the zone."""
    client = workspace.embedded_aws.client
    acm, route53 = client("acm", region), client("route53")
    arn: str = acm.request_certificate(DomainName=f"*.{switches.ZONE}", ValidationMethod="DNS")["CertificateArn"]
    (option,) = acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainValidationOptions"]
    record = option["ResourceRecord"]
    (zone,) = route53.list_hosted_zones_by_name(DNSName=switches.ZONE, MaxItems="1")["HostedZones"]
    change = {
        "Action": "UPSERT",
        "ResourceRecordSet": {
            "Name": record["Name"],
            "Type": record["Type"],
            "TTL": 300,
            "ResourceRecords": [{"Value": record["Value"]}],
        },
    }
    route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": [change]})
    eventually(lambda: acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED")
    return arn


@pytest.fixture(scope="module")
def elsewhere(workspace: Workspace) -> dict[str, Any]:
    """What others made in the account, to which variables can refer."""
    workspace.embedded_aws.start("--clock-speed", "10")
    client = workspace.embedded_aws.client
    client("route53").create_hosted_zone(Name=switches.ZONE, CallerReference=switches.ZONE)
    client("ssm").put_parameter(Name=switches.PARAMETER, Value="somebody's", Type="SecureString")
    client("s3", "us-east-1").create_bucket(Bucket=switches.BUCKET)
    mesh = client("servicediscovery")
    mesh.create_http_namespace(Name="company")
    eventually(lambda: mesh.list_namespaces()["Namespaces"])
    return {
        "edge_certificate": issued(workspace, "us-east-1"),
        "certificate": issued(workspace, ""),
        "namespace": mesh.list_namespaces()["Namespaces"][0]["Arn"],
        "parameter": client("ssm").get_parameter(Name=switches.PARAMETER)["Parameter"]["ARN"],
        "test_port": free_port(),
    }


def standing(workspace: Workspace) -> dict[str, list[str]]:
    """All but the images of revisions of before, to which one can go back."""
    return {kind: names for kind, names in census(workspace.embedded_aws).items() if kind != "ecr list_images"}


@pytest.mark.parametrize("number", [1, 2])
def test_on_again_changed_and_off(workspace: Workspace, elsewhere: dict[str, Any], number: int) -> None:
    values = switches.FIRST if number == 1 else switches.second(**elsewhere)
    fixed = {"amica_https_port": free_port()}
    done(workspace.play("site.yml", inventory="dev", **fixed))
    off = standing(workspace)
    for which in (0, 1):
        wanted = {name: value[which] for name, value in values.items()} | fixed
        run = carry_out(workspace, "site.yml", "dev", **wanted)
        assert run.stack["health"] == "healthy"
        assert done(workspace.play("site.yml", inventory="dev", **wanted)).changed == []
    carry_out(workspace, "site.yml", "dev", **fixed)
    assert done(workspace.play("site.yml", inventory="dev", **fixed)).changed == []
    assert standing(workspace) == off
