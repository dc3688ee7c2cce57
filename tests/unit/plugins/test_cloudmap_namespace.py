# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils._cloudmap_namespace import ensure_absent
from ansible_collections.amica.stack.plugins.module_utils._cloudmap_namespace import ensure_present
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from botocore.stub import Stubber
from support.fake_clock import FakeClock

ARN = "arn:aws:servicediscovery:eu-west-1:123456789012:namespace/ns-1"
OPTIONS = {"name": "amica", "wait_timeout": 10, "tags": {"a": "1"}}


class CloudMap:
    def __init__(self) -> None:
        self.client = boto3.client(
            "servicediscovery", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.stubber = Stubber(self.client)
        self.stubber.activate()
        self.wait = FakeClock().wait

    def shows(self, *namespaces: dict[str, str], tags: dict[str, str] | None = None) -> None:
        self.stubber.add_response("list_namespaces", {"Namespaces": list(namespaces)})
        if any(one["Type"] == "HTTP" for one in namespaces):
            listed = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
            self.stubber.add_response("list_tags_for_resource", {"Tags": listed}, {"ResourceARN": ARN})

    def goes_on(self, *states: str, kind: str = "CREATE_NAMESPACE") -> None:
        for state in states:
            operation = {"Id": "1", "Type": kind, "Status": state, "ErrorMessage": "no room"}
            self.stubber.add_response("get_operation", {"Operation": operation})


OURS = {"Id": "ns-1", "Arn": ARN, "Name": "amica", "Type": "HTTP"}
PRIVATE = {**OURS, "Type": "DNS_PRIVATE"}


@pytest.fixture
def mesh() -> CloudMap:
    return CloudMap()


def test_it_is_made_and_waited_for(mesh: CloudMap) -> None:
    mesh.shows(PRIVATE)
    asked = {"Name": "amica", "Tags": [{"Key": "a", "Value": "1"}]}
    mesh.stubber.add_response("create_http_namespace", {"OperationId": "1"}, asked)
    mesh.goes_on("PENDING", "SUCCESS")
    mesh.shows(OURS, tags={"a": "1"})
    outcome = ensure_present(mesh.client, OPTIONS, False, mesh.wait)
    assert outcome.changed
    assert outcome.values["namespace"] == {"arn": ARN, "id": "ns-1", "name": "amica", "tags": {"a": "1"}}
    mesh.stubber.assert_no_pending_responses()


@pytest.mark.parametrize("states", [["FAIL"], ["PENDING"] * 11])
def test_what_cloud_map_does_not_do_is_said(mesh: CloudMap, states: list[str]) -> None:
    mesh.shows()
    mesh.stubber.add_response("create_http_namespace", {"OperationId": "1"})
    mesh.goes_on(*states)
    with pytest.raises(Refused, match="Cloud Map did not create namespace amica: no room"):
        ensure_present(mesh.client, OPTIONS, False, mesh.wait)


def test_only_tags_differ(mesh: CloudMap) -> None:
    mesh.shows(OURS, tags={"a": "0", "b": "2"})
    mesh.stubber.add_response("tag_resource", {}, {"ResourceARN": ARN, "Tags": [{"Key": "a", "Value": "1"}]})
    mesh.stubber.add_response("untag_resource", {}, {"ResourceARN": ARN, "TagKeys": ["b"]})
    outcome = ensure_present(mesh.client, OPTIONS, False, mesh.wait)
    assert (outcome.before, outcome.after) == ({"tags": {"a": "0", "b": "2"}}, {"tags": {"a": "1"}})


def test_services_that_leave_it_are_waited_for(mesh: CloudMap) -> None:
    mesh.shows(OURS)
    mesh.stubber.add_client_error("delete_namespace", "ResourceInUse")
    mesh.stubber.add_response("delete_namespace", {"OperationId": "1"}, {"Id": "ns-1"})
    mesh.goes_on("SUCCESS", kind="DELETE_NAMESPACE")
    assert ensure_absent(mesh.client, OPTIONS, False, mesh.wait).changed
    mesh.stubber.assert_no_pending_responses()


def test_somebody_else_may_have_deleted_it(mesh: CloudMap) -> None:
    mesh.shows(OURS)
    mesh.stubber.add_client_error("delete_namespace", "NamespaceNotFound")
    assert ensure_absent(mesh.client, OPTIONS, False, mesh.wait).changed


def test_services_that_stay_are_said(mesh: CloudMap) -> None:
    mesh.shows(OURS)
    for _ in range(11):
        mesh.stubber.add_client_error("delete_namespace", "ResourceInUse")
    with pytest.raises(Refused, match="amica still holds services after 10 s"):
        ensure_absent(mesh.client, OPTIONS, False, mesh.wait)
