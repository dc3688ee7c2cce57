# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An IAM role with its policies: what stands of it, what is wanted, and the calls that make the one the other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import dict_to_tags
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import tag_changes
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_after
from ansible_collections.amica.stack.plugins.module_utils._aws import tags_to_dict
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

GONE = "NoSuchEntity"
# IAM says for some seconds that what was just taken off a role is still on it.
STILL_USED = "DeleteConflict"
FORGETTING = Wait(timeout=60, pause=2)
# What IAM chooses where a new role's creator says nothing.
DEFAULTS: Document = {"path": "/", "description": "", "tags": {}}
# Of a document that says no version.
FIRST_VERSION = "2008-10-17"
LISTED_MEMBERS = ("Action", "NotAction", "Resource", "NotResource")
PRINCIPALS = ("Principal", "NotPrincipal")
# The account as a principal: IAM writes its ARN where its number was given.
ACCOUNT = re.compile(r"arn:[\w-]+:iam::(\d{12}):root")
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MOST_INLINE_CHARACTERS = 10240
MOST_DESCRIPTION_CHARACTERS = 1000
NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)
PATH = re.compile(r"/([!-~]{1,510}/)?")


def listed(value: Any) -> list[Any]:
    """IAM takes one of something without a list."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def words(value: Any) -> list[str]:
    """A set of texts, however it is written; IAM takes a number or a truth value for its text."""
    return sorted({str(one).lower() if isinstance(one, bool) else str(one) for one in listed(value)})


def canonical(document: Document) -> dict[str, Any]:
    """A policy in one spelling, so that two which mean the same are equal."""
    statements = [canonical_statement(statement) for statement in listed(document["Statement"])]
    statements.sort(key=lambda statement: json.dumps(statement, sort_keys=True))
    return {"Version": FIRST_VERSION, **document, "Statement": statements}


def canonical_statement(statement: Document) -> dict[str, Any]:
    return {member: canonical_member(member, value) for member, value in statement.items()}


def canonical_member(member: str, value: Any) -> Any:
    if member in LISTED_MEMBERS:
        return words(value)
    if member in PRINCIPALS:
        kinds = value if isinstance(value, Mapping) else {"AWS": value}
        return {kind: [ACCOUNT.sub(r"\1", one) for one in words(names)] for kind, names in kinds.items()}
    if member == "Condition":
        return {test: {key: words(values) for key, values in keys.items()} for test, keys in value.items()}
    return value


def document_problem(document: Any, needed: tuple[str, ...]) -> str | None:
    """What is wrong with a policy; `needed`: the members of which each statement has at least one."""
    if not isinstance(document, Mapping):
        return "is not a policy document. Write a mapping with Version and Statement"
    statements = listed(document.get("Statement") or [])
    if not statements:
        return "has no Statement. Write at least one, or leave the policy out"
    for number, statement in enumerate(statements, 1):
        if not isinstance(statement, Mapping) or statement.get("Effect") not in ("Allow", "Deny"):
            return f"has a statement ({number}.) without Effect. Write Allow or Deny"
        for members in (("Action", "NotAction"), needed):
            if not any(statement.get(member) for member in members):
                return f"has a statement ({number}.) without {members[0]}. Write {' or '.join(members)}"
    return None


def problems(options: Document) -> Iterator[str]:
    """What IAM would refuse, or take in another way than it is meant."""
    if not NAME.fullmatch(options["name"]):
        yield f"name: {options['name']!r} is no name of a role. Write up to 64 letters, digits and _+=,.@-"
    if options["path"] is not None and not PATH.fullmatch(options["path"]):
        yield f"path: {options['path']!r} does not begin and end with a slash. Write for example /service/"
    if len(options["description"] or "") > MOST_DESCRIPTION_CHARACTERS:
        yield f"description: is longer than {MOST_DESCRIPTION_CHARACTERS} characters. Write a shorter one"
    inline = options["inline_policies"] or {}
    trust = options["assume_role_policy_document"]
    wrong = {
        "assume_role_policy_document": document_problem(trust, PRINCIPALS),
        **{
            f"inline_policies.{name}": document_problem(document, ("Resource", "NotResource"))
            for name, document in inline.items()
        },
    }
    yield from (f"{where} {problem}" for where, problem in wrong.items() if problem)
    size = sum(len(re.sub(r"\s", "", json.dumps(document, ensure_ascii=False))) for document in inline.values())
    if size > MOST_INLINE_CHARACTERS:
        yield (
            f"inline_policies: have {size} characters together, and IAM takes {MOST_INLINE_CHARACTERS}. "
            "Make a managed policy of some and name it in managed_policies"
        )
    for arn in options["managed_policies"] or ():
        if not arn.startswith("arn:"):
            yield f"managed_policies: {arn!r} is not an ARN. Write for example arn:aws:iam::aws:policy/{arn}"


def read(client: Any, name: str, inline: bool = True, managed: bool = True) -> dict[str, Any] | None:
    """What stands of a role, without the policies that nobody asks for; None without the role."""
    answer = absent_as_none(lambda: client.get_role(RoleName=name), GONE)
    if answer is None:
        return None
    role = answer["Role"]
    found = {
        "name": role["RoleName"],
        "arn": role["Arn"],
        "path": role["Path"],
        "description": role.get("Description", ""),
        "assume_role_policy_document": canonical(role["AssumeRolePolicyDocument"]),
        "tags": tags_to_dict(role.get("Tags")),
    }
    if inline:
        found["inline_policies"] = {policy: inline_policy(client, name, policy) for policy in names(client, name)}
    if managed:
        found["managed_policies"] = attached(client, name)
    return found


def names(client: Any, role: str) -> list[str]:
    pages = client.get_paginator("list_role_policies").paginate(RoleName=role)
    return [name for page in pages for name in page["PolicyNames"]]


def inline_policy(client: Any, role: str, name: str) -> dict[str, Any]:
    return canonical(client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])


def attached(client: Any, role: str) -> list[str]:
    pages = client.get_paginator("list_attached_role_policies").paginate(RoleName=role)
    return sorted(policy["PolicyArn"] for page in pages for policy in page["AttachedPolicies"])


def shown(role: Document | None) -> dict[str, Any]:
    return {member: value for member, value in (role or {}).items() if member != "arn"}


def wanted_role(options: Document, found: Document | None) -> dict[str, Any]:
    """The role after the run: an option that is not given leaves what stands, or IAM's default."""
    base = shown(found) or dict(DEFAULTS)
    inline, managed = options["inline_policies"], options["managed_policies"]
    given = {
        "name": options["name"],
        "path": options["path"],
        "description": options["description"],
        "assume_role_policy_document": canonical(options["assume_role_policy_document"]),
        "inline_policies": None if inline is None else {name: canonical(inline[name]) for name in inline},
        "managed_policies": None if managed is None else sorted(set(managed)),
        "tags": tags_after(base["tags"], options["tags"]),
    }
    return {**base, **{member: value for member, value in given.items() if value is not None}}


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make the role and what hangs on it the wanted ones; what is not set stays."""
    for problem in problems(options):
        raise Refused(problem)
    name = options["name"]
    inline, managed = (options[member] is not None for member in ("inline_policies", "managed_policies"))
    found = read(client, name, inline, managed)
    wanted = wanted_role(options, found)
    if found and found["path"] != wanted["path"]:
        raise Refused(
            f"path: the role {name} is in {found['path']}, and AWS cannot move it to {wanted['path']}. "
            "Leave out path, or delete the role first"
        )
    before, arn = shown(found), (found or {}).get("arn")
    if not check and before != wanted:
        if found is None:
            arn = create(client, options, wanted)
        else:
            update(client, options, before, wanted)
        write_policies(client, options, before, wanted)
    return Outcome(before != wanted, {"role": {**wanted, "arn": arn}}, **differing(before, wanted))


def create(client: Any, options: Document, wanted: Document) -> str:
    """The role without policies; its ARN."""
    answer = client.create_role(
        RoleName=wanted["name"],
        Path=wanted["path"],
        Description=wanted["description"],
        AssumeRolePolicyDocument=json.dumps(options["assume_role_policy_document"]),
        Tags=dict_to_tags(wanted["tags"]),
    )
    # IAM tells of a new role not everywhere at once.
    client.get_waiter("role_exists").wait(RoleName=wanted["name"])
    return str(answer["Role"]["Arn"])


def update(client: Any, options: Document, before: Document, wanted: Document) -> None:
    """Write what differs of the role itself, and nothing else."""
    name = wanted["name"]
    if before["assume_role_policy_document"] != wanted["assume_role_policy_document"]:
        document = json.dumps(options["assume_role_policy_document"])
        client.update_assume_role_policy(RoleName=name, PolicyDocument=document)
    if before["description"] != wanted["description"]:
        # UpdateRole would set the length of sessions anew.
        client.update_role_description(RoleName=name, Description=wanted["description"])
    write, remove = tag_changes(before["tags"], wanted["tags"])
    # Keys of tags that differ in case alone are one key to IAM, so the old one goes first.
    if remove:
        client.untag_role(RoleName=name, TagKeys=remove)
    if write:
        client.tag_role(RoleName=name, Tags=dict_to_tags(write))


def write_policies(client: Any, options: Document, before: Document, wanted: Document) -> None:
    """What is wanted comes before what is not goes, so that the role never does less than both allow."""
    name = wanted["name"]
    old, new = before.get("inline_policies", {}), wanted.get("inline_policies", {})
    for policy, document in new.items():
        if old.get(policy) != document:
            text = json.dumps(options["inline_policies"][policy])
            client.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=text)
    old_arns, new_arns = set(before.get("managed_policies", ())), set(wanted.get("managed_policies", ()))
    for arn in sorted(new_arns - old_arns):
        client.attach_role_policy(RoleName=name, PolicyArn=arn)
    remove_policies(client, name, sorted(old.keys() - new.keys()), sorted(old_arns - new_arns))


def remove_policies(client: Any, role: str, inline: list[str], managed: list[str]) -> None:
    for name in inline:
        absent_as_none(partial(client.delete_role_policy, RoleName=role, PolicyName=name), GONE)
    for arn in managed:
        absent_as_none(partial(client.detach_role_policy, RoleName=role, PolicyArn=arn), GONE)


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    """Delete the role with its policies. An instance profile that it is in stays, without it."""
    name = options["name"]
    found = read(client, name)
    if found and not check:
        for page in client.get_paginator("list_instance_profiles_for_role").paginate(RoleName=name):
            for profile in page["InstanceProfiles"]:
                client.remove_role_from_instance_profile(
                    InstanceProfileName=profile["InstanceProfileName"], RoleName=name
                )
        remove_policies(client, name, [*found["inline_policies"]], found["managed_policies"])
        delete(client, name)
    return Outcome(found is not None, before=shown(found))


def delete(client: Any, name: str, wait: Wait = FORGETTING) -> None:
    def deleted() -> bool:
        return absent_as_none(lambda: client.delete_role(RoleName=name) or True, STILL_USED) is not None

    if not wait.until(deleted):
        raise Refused(
            f"The role {name} still has policies {wait.timeout:g} s after all were taken off it: somebody else may "
            "write them. Run again"
        )
