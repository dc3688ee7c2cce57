# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP namespaces of Cloud Map, in which the services of ECS Service Connect find each other."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_after
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

PAUSE = 1.0  # seconds


class Namespaces:
    """The namespace of one name, in Cloud Map."""

    def __init__(self, client: Any, name: str, wait: Callable[[float, float], Wait], timeout: float) -> None:
        self.client = client
        self.name = name
        self.wait = wait
        self.timeout = timeout

    def find(self) -> dict[str, Any] | None:
        """The HTTP namespace, its tags a mapping."""
        asked = [{"Name": "TYPE", "Values": ["HTTP"]}, {"Name": "NAME", "Values": [self.name]}]
        for page in self.client.get_paginator("list_namespaces").paginate(Filters=asked):
            for one in page["Namespaces"]:
                if one["Name"] == self.name and one["Type"] == "HTTP":
                    tags = self.client.list_tags_for_resource(ResourceARN=one["Arn"]).get("Tags")
                    return {**one, "tags": tags_to_dict(tags)}
        return None

    def create(self, tags: Mapping[str, str]) -> None:
        self.finish(self.client.create_http_namespace(Name=self.name, Tags=dict_to_tags(tags))["OperationId"])

    def retag(self, arn: str, wanted: Mapping[str, str] | None, tags: Mapping[str, str]) -> None:
        write, remove = tag_changes(tags, wanted)
        if write:
            self.client.tag_resource(ResourceARN=arn, Tags=dict_to_tags(write))
        if remove:
            self.client.untag_resource(ResourceARN=arn, TagKeys=remove)

    def delete(self, identity: str) -> None:
        """ECS takes its services out of the namespace with the tasks that they stand for.

        :raises Refused: when some stay.
        """
        operations: list[str] = []

        def accepted() -> bool:
            try:
                answer = absent_as_none(lambda: self.client.delete_namespace(Id=identity), "NamespaceNotFound")
            except ClientError as error:
                if error_code(error) != "ResourceInUse":
                    raise
                return False
            operations.extend([answer["OperationId"]] if answer else [])
            return True

        if not self.wait(self.timeout, PAUSE).until(accepted):
            raise Refused(
                f"The namespace {self.name} still holds services after {self.timeout:g} s: "
                "delete what uses it, or raise wait_timeout"
            )
        for operation in operations:
            self.finish(operation)

    def finish(self, operation: str) -> None:
        """:raises Refused: when Cloud Map did not do it, or not in time."""

        def ask() -> dict[str, Any]:
            return dict(self.client.get_operation(OperationId=operation)["Operation"])

        last, ended = self.wait(self.timeout, PAUSE).for_answer(ask, lambda one: one["Status"] in ("SUCCESS", "FAIL"))
        if not ended or last["Status"] == "FAIL":
            why = last.get("ErrorMessage") or f"it is {last['Status']} after {self.timeout:g} s"
            raise Refused(f"Cloud Map did not {last['Type'].replace('_', ' ').lower()} {self.name}: {why}")


def ensure_present(client: Any, options: Document, check: bool, wait: Callable[[float, float], Wait] = Wait) -> Outcome:
    """Make the namespace, or make its tags the wanted ones."""
    namespaces = Namespaces(client, options["name"], wait, options["wait_timeout"])
    found = namespaces.find()
    tags = tags_after(found["tags"] if found else {}, options.get("tags"))
    before = {"name": found["Name"], "tags": found["tags"]} if found else {}
    after = {"name": options["name"], "tags": tags}
    if not check:
        if found is None:
            namespaces.create(tags)
            found = namespaces.find()
        else:
            namespaces.retag(found["Arn"], options.get("tags"), found["tags"])
    known = {"arn": found["Arn"], "id": found["Id"]} if found else {}
    return Outcome(changed=before != after, values={"namespace": {**known, **after}}, **differing(before, after))


def ensure_absent(client: Any, options: Document, check: bool, wait: Callable[[float, float], Wait] = Wait) -> Outcome:
    """Delete the namespace once nothing is in it any more."""
    namespaces = Namespaces(client, options["name"], wait, options["wait_timeout"])
    found = namespaces.find()
    if found is None:
        return Outcome(changed=False)
    if not check:
        namespaces.delete(found["Id"])
    return Outcome(changed=True, before={"name": found["Name"], "tags": found["tags"]})
