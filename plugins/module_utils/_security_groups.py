# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The security groups of a VPC, several at a time: what they let through, what differs, and the calls that mend it.

A rule is a line, `tcp 443 0.0.0.0/0`, that stands for its description. Groups may name one another.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

with contextlib.suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

Fields = dict[str, Any]
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_IpRange.html
DESCRIPTION = re.compile(r"[a-zA-Z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{0,255}")
# Name of a group -> its description, tags, and what it lets in and out: rule -> description.
View = dict[str, Fields]

DIRECTIONS = ("ingress", "egress")
# How the names of AWS's own prefix lists begin.
MANAGED = "com.amazonaws."
# Lists of a permission, and what in their items names the peer.
PEERS = {
    "IpRanges": "CidrIp",
    "Ipv6Ranges": "CidrIpv6",
    "UserIdGroupPairs": "GroupId",
    "PrefixListIds": "PrefixListId",
}
NO_DIFF: dict[str, dict[str, Any]] = {"before": {}, "after": {}}
# Of a group that is made in check mode; stock modules take it for an id.
UNKNOWN_ID = "sg-00000000000000000"


class SecurityGroupError(Exception):
    """What cannot be done, as a sentence."""


@dataclass(frozen=True)
class Result:
    """How a run ended: what changed, the ids of the groups by their names, and the diff."""

    changed: bool
    ids: dict[str, str]
    diff: dict[str, dict[str, Any]]


def rules_of(given: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Rules as a module's option gives them, each port and peer a line of its own."""
    return {
        f"{rule['protocol']} {port} {peer}": rule.get("description") or ""
        for rule in given
        for port in (rule.get("ports") or ["all"])
        for peer in rule["peers"]
    }


def wanted(groups: Iterable[Mapping[str, Any]], tags: Mapping[str, Any] | None) -> View:
    """What the module's options ask for.

    :raises SecurityGroupError: when EC2 would refuse a description.
    """
    view: View = {}
    for group in groups:
        fields: Fields = {"description": group["description"]}
        fields |= {direction: rules_of(group.get(direction) or ()) for direction in DIRECTIONS}
        if tags is not None:
            fields["tags"] = {**{str(key): str(value) for key, value in tags.items()}, "Name": group["name"]}
        for text in (fields["description"], *(text for direction in DIRECTIONS for text in fields[direction].values())):
            if not DESCRIPTION.fullmatch(text):
                raise SecurityGroupError(
                    f"{group['name']}: EC2 does not take the description {text!r}. "
                    f"Write up to 255 letters, digits, spaces and ._-:/()#,@[]+=&;{{}}!$*"
                )
        view[group["name"]] = fields
    return view


def seen(groups: Iterable[Mapping[str, Any]], called: Mapping[str, str]) -> View:
    """What stands, from AWS's descriptions; `called`: names of groups by their ids."""
    return {
        group["GroupName"]: {
            "description": group["Description"],
            "ingress": dict(lines(group.get("IpPermissions", ()), called)),
            "egress": dict(lines(group.get("IpPermissionsEgress", ()), called)),
            "tags": tags_to_dict(group.get("Tags")),
        }
        for group in groups
    }


def lines(permissions: Iterable[Mapping[str, Any]], called: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for permission in permissions:
        protocol = "all" if permission["IpProtocol"] == "-1" else permission["IpProtocol"]
        first, last = permission.get("FromPort"), permission.get("ToPort")
        ports = "all" if first is None else str(first) if first == last else f"{first}-{last}"
        for member, key in PEERS.items():
            for peer in permission.get(member) or ():
                name = called.get(peer[key], peer[key])
                yield f"{protocol} {ports} {name}", peer.get("Description") or ""


def permissions(rules: Mapping[str, str], ids: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rules as AWS takes them."""
    made = []
    for line, description in rules.items():
        protocol, ports, peer = line.split()
        permission: dict[str, Any] = {"IpProtocol": "-1" if protocol == "all" else protocol}
        if ports != "all":
            first, _dash, last = ports.partition("-")
            permission |= {"FromPort": int(first), "ToPort": int(last or first)}
        peer_id = ids.get(peer, peer)
        member = member_of(peer_id)
        about = {"Description": description} if description else {}
        made.append({**permission, member: [{PEERS[member]: peer_id, **about}]})
    return made


def member_of(peer: str) -> str:
    if peer.startswith("pl-"):
        return "PrefixListIds"
    if "/" in peer:
        return "Ipv6Ranges" if ":" in peer else "IpRanges"
    return "UserIdGroupPairs"


def find(ec2: Any, vpc_id: str, names: Sequence[str]) -> dict[str, Any]:
    """The groups of these names, as EC2 describes them, by name."""
    asked = [{"Name": "vpc-id", "Values": [vpc_id]}, {"Name": "group-name", "Values": list(names)}]
    pages = ec2.get_paginator("describe_security_groups").paginate(Filters=asked)
    return {group["GroupName"]: group for page in pages for group in page["SecurityGroups"]}


def ids_of(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: group["GroupId"] for name, group in groups.items()}


def prefix_lists(ec2: Any, wants: View) -> dict[str, str]:
    """The ids of AWS's own prefix lists that rules name, by name.

    :raises SecurityGroupError: when the region has none of a name.
    """
    peers = {line.split()[2] for fields in wants.values() for direction in DIRECTIONS for line in fields[direction]}
    names = sorted(peer for peer in peers if peer.startswith(MANAGED))
    if not names:
        return {}
    answer = ec2.describe_managed_prefix_lists(Filters=[{"Name": "prefix-list-name", "Values": names}])
    ids = {found["PrefixListName"]: str(found["PrefixListId"]) for found in answer["PrefixLists"]}
    for name in names:
        if name not in ids:
            raise SecurityGroupError(f"This region has no prefix list {name}. Name networks or security groups instead")
    return ids


def present(ec2: Any, vpc_id: str, wants: View, check: bool) -> Result:
    """Makes or corrects the groups. New rules are written before old ones go.

    :raises SecurityGroupError: when a description would have to change, which AWS cannot.
    """
    found = find(ec2, vpc_id, list(wants))
    ids = ids_of(found)
    peers = {**prefix_lists(ec2, wants), **ids}
    stands = seen(found.values(), {thing_id: name for name, thing_id in peers.items()})
    after = {name: {**stands.get(name, {}), **fields} for name, fields in wants.items()}
    for name, fields in after.items():
        old = stands.get(name, fields)["description"]
        if old != fields["description"]:
            raise SecurityGroupError(
                f"AWS cannot change the description of the security group {name} from {old!r} to "
                f"{fields['description']!r}. Leave it as it was, or give the group another name"
            )
    if after == stands:
        return Result(False, ids, NO_DIFF)
    diff = differing(stands, after)
    if check:
        return Result(True, {name: ids.get(name, UNKNOWN_ID) for name in wants}, diff)
    for name, fields in after.items():
        if name not in ids:
            ids[name] = peers[name] = create(ec2, vpc_id, name, fields)
            # What AWS puts into every new group.
            stands[name] = {**fields, "ingress": {}, "egress": {"all all 0.0.0.0/0": ""}}
    for name, fields in after.items():
        for direction in DIRECTIONS:
            write_rules(ec2, peers, name, direction, stands[name][direction], fields[direction])
        write, remove = tag_changes(stands[name]["tags"], fields["tags"])
        if write:
            ec2.create_tags(Resources=[ids[name]], Tags=dict_to_tags(write))
        if remove:
            ec2.delete_tags(Resources=[ids[name]], Tags=[{"Key": key} for key in remove])
    return Result(True, ids, diff)


def create(ec2: Any, vpc_id: str, name: str, fields: Fields) -> str:
    fields.setdefault("tags", {"Name": name})
    specification = [{"ResourceType": "security-group", "Tags": dict_to_tags(fields["tags"])}]
    answer = ec2.create_security_group(
        GroupName=name, Description=fields["description"], VpcId=vpc_id, TagSpecifications=specification
    )
    # Its rules can be written when AWS knows it everywhere.
    ec2.get_waiter("security_group_exists").wait(GroupIds=[answer["GroupId"]])
    return str(answer["GroupId"])


def write_rules(
    ec2: Any, ids: Mapping[str, str], name: str, direction: str, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    more = {line: text for line, text in after.items() if line not in before}
    told = {line: text for line, text in after.items() if before.get(line, text) != text}
    less = {line: text for line, text in before.items() if line not in after}
    for rules, operation in (
        (more, f"authorize_security_group_{direction}"),
        (told, f"update_security_group_rule_descriptions_{direction}"),
        (less, f"revoke_security_group_{direction}"),
    ):
        if rules:
            getattr(ec2, operation)(GroupId=ids[name], IpPermissions=permissions(rules, ids))


def absent(ec2: Any, vpc_id: str, names: Sequence[str], check: bool, wait: Wait) -> Result:
    """Removes the groups, trying again while something that goes still uses one.

    :raises SecurityGroupError: when one is still in use after the wait.
    """
    found = find(ec2, vpc_id, names)
    ids = ids_of(found)
    stands = seen(found.values(), {thing_id: name for name, thing_id in ids.items()})
    diff = {"before": stands, "after": {}}
    if check or not ids:
        return Result(bool(ids), {}, diff)
    for name in ids:
        # A group that another one's rule names cannot go.
        naming = {line: text for line, text in stands[name]["ingress"].items() if line.split()[2] in ids}
        write_rules(ec2, ids, name, "ingress", naming, {})
        naming = {line: text for line, text in stands[name]["egress"].items() if line.split()[2] in ids}
        write_rules(ec2, ids, name, "egress", naming, {})
    for name, group_id in ids.items():
        delete(ec2, name, group_id, wait)
    return Result(True, {}, diff)


def delete(ec2: Any, name: str, group_id: str, wait: Wait) -> None:
    def deleted() -> bool:
        try:
            ec2.delete_security_group(GroupId=group_id)
        except ClientError as error:
            if error_code(error) == "DependencyViolation":
                return False
            if error_code(error) != "InvalidGroup.NotFound":
                raise
        return True

    if not wait.until(deleted):
        raise SecurityGroupError(
            f"The security group {name} is still in use after {wait.timeout:g} s. "
            "Remove the load balancer, service or endpoint that uses it, then run again"
        )
