#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: app_secrets
short_description: Keeps the secrets of an application in AWS Secrets Manager or SSM Parameter Store
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Makes, changes, restores and deletes all secrets of one application in one run, and says where a container finds
    them.
  - Secrets are called C(NAME/VARIABLE), parameters C(/NAME/VARIABLE). What has such a name and not the tag
    C(amica:stack) with O(name) as its value belongs to somebody else; the module refuses to touch it.
  - Values are in no result, no diff and no log. What stands for a value is the id of its version.
options:
  name:
    description: Name of the stack that the secrets belong to.
    type: str
    required: true
  state:
    description:
      - Whether the secrets exist. V(absent) deletes everything that carries the stack's tag under its name, in both
        stores.
    type: str
    choices: [present, absent]
    default: present
  store:
    description:
      - Where secrets are kept, V(secretsmanager) or V(ssm).
      - In another store than before, they are made there; RV(obsolete) then names those that stay behind.
    type: str
    choices: [secretsmanager, ssm]
    default: secretsmanager
  values:
    description: Variable and value of each secret.
    type: dict
    default: {}
  generated:
    description:
      - Variables of secrets whose value is made up, 64 random characters, when they do not exist yet, and is never
        changed afterwards. A secret that was scheduled for deletion comes back with the value that it had.
    type: list
    elements: str
    default: []
  arns:
    description:
      - Variable and ARN of each secret or parameter that somebody else looks after, for a secret perhaps with JSON key,
        stage and version (C(ARN:KEY:STAGE:VERSION)). They are only asked for their versions.
    type: dict
    default: {}
  kms_key:
    description: ARN of the KMS key that encrypts the secrets; empty for the account's own key.
    type: str
    default: ""
  tags:
    description: Tags of the secrets, beside C(amica:stack).
    type: dict
    default: {}
  recovery_days:
    description:
      - Days in which a deleted secret can be restored, from 7 to 30, or 0 to delete it at once. Parameters are always
        deleted at once.
    type: int
    default: 30
  purge:
    description: Whether secrets of the stack that are not wanted any more are deleted.
    type: bool
    default: false
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
"""

EXAMPLES = r"""
- name: The application has its secrets
  amica.stack.app_secrets:
    name: amica
    values:
      OPENAI_API_KEY: "{{ vault_openai_api_key }}"
    generated:
      - CHAINLIT_AUTH_SECRET
    arns:
      DATABASE_URL: "arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:chat-db-AbCdEf:url::"
  register: secrets

- name: Their places go into the task definition
  ansible.builtin.debug:
    msg: "{{ secrets.secrets }}"

- name: No secret is left
  amica.stack.app_secrets:
    name: amica
    state: absent
"""

RETURN = r"""
secrets:
  description:
    - Variable and ARN of each secret, as a task definition takes them. In check mode the ARN of a secret that does not
      exist yet lacks the six characters that AWS adds.
  returned: when O(state=present)
  type: dict
  sample:
    CHAINLIT_AUTH_SECRET: arn:aws:secretsmanager:ap-southeast-1:123456789012:secret:amica/CHAINLIT_AUTH_SECRET-AbCdEf
versions:
  description: Variable and version of each secret; for parameters the version's number.
  returned: when O(state=present)
  type: dict
  sample:
    CHAINLIT_AUTH_SECRET: 6c1f9dd1-4fc5-4d9d-a6a1-9a9c55a2f7d4
version:
  description:
    - What stands for all versions together, and is another when one of them is; empty without secrets. In check mode
      C(known-after-apply) where one is still to be made.
  returned: when O(state=present)
  type: str
  sample: 5f2ab3fe7c1d0e94
obsolete:
  description: ARNs of the stack's secrets that are not wanted any more. With O(purge) they have been deleted.
  returned: always
  type: list
  elements: str
"""

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _app_secrets
from ansible_collections.amica.stack.plugins.module_utils import _secret_reference
from ansible_collections.amica.stack.plugins.module_utils._app_secrets_stores import Store
from ansible_collections.amica.stack.plugins.module_utils._app_secrets_stores import stores
from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._trouble import Trouble
from ansible_collections.amica.stack.plugins.module_utils._trouble import trouble_of

# 64 characters, as long as those of `chainlit create-secret`.
GENERATED_BYTES = 48
THREADS = 8
UNKNOWN = "(unknown)"


def make_up() -> str:
    return secrets.token_urlsafe(GENERATED_BYTES)


def wanted_secrets(module: Any) -> _app_secrets.Wanted:
    options = module.params
    wishes = [_app_secrets.Wish(name, str(value)) for name, value in options["values"].items()]
    elsewhere = {*options["values"], *options["arns"]}
    wishes += [_app_secrets.Wish(name, None) for name in options["generated"] if name not in elsewhere]
    tags = {**options["tags"], _app_secrets.OWNER_TAG: options["name"]}
    shown = {name: str(value) for name, value in tags.items()}
    wanted = _app_secrets.Wanted(options["name"], options["store"], tuple(wishes), options["kms_key"], shown)
    texts = [wanted.kms_key, *shown.values(), *options["arns"].values(), *(wanted.path(wish.name) for wish in wishes)]
    for name in _app_secrets.tell_tale(wishes, texts):
        module.fail_json(
            msg=f"values: the value of {name} is part of a name, a tag or an ARN that this run shows, so it would be "
            "no secret. Choose another value, or give it to the application as a plain environment variable"
        )
    return wanted


def read_versions(module: Any, aws: Clients) -> dict[str, str]:
    """The versions of the secrets that somebody else looks after; one that may not be asked for is no failure."""

    def version(entry: tuple[str, str]) -> tuple[str, str]:
        name, arn = entry
        asked = _secret_reference.reference(arn)
        if asked is None:
            return name, UNKNOWN
        try:
            return name, stores(aws, asked.region)[asked.store].version(asked)
        except Exception as error:
            if trouble_of(error) is not Trouble.DENIED:
                raise
            module.warn(f"{name}: {arn} may not be described with these credentials, so its rotation goes unnoticed")
            return name, UNKNOWN

    with ThreadPoolExecutor(THREADS) as pool:
        return dict(pool.map(version, module.params["arns"].items()))


def present(module: Any, aws: Clients) -> dict[str, Any]:
    wanted, kept = wanted_secrets(module), stores(aws)
    store = kept[wanted.store]
    (other,) = (place for place in kept.values() if place is not store)
    names = [wish.name for wish in wanted.wishes]
    held = store.held([wanted.path(name) for name in names], values=True)
    taken = _app_secrets.foreign(wanted, held)
    if taken:
        module.fail_json(
            msg=f"{', '.join(taken)}: exists and does not carry the tag {_app_secrets.OWNER_TAG}={wanted.stack}, so it "
            "is somebody else's. Name its ARN under arns, delete it, or give it that tag"
        )
    owned = [*store.owned(wanted.stack), *other.owned(wanted.stack)]
    elsewhere = {}
    if any(wish.value is None and wanted.path(wish.name) not in held for wish in wanted.wishes):
        movable = {wanted.path(name, other.name) for name in names} & {one.path for one in owned}
        elsewhere = other.held(movable, values=True)
    steps = _app_secrets.plan(wanted, held, elsewhere, make_up)
    obsolete = _app_secrets.obsolete(wanted, owned)
    after = {step.name: taken_step(module, aws, store, wanted, step) for step in steps}
    versions = read_versions(module, aws) | {name: one.version for name, one in after.items()}
    purged = obsolete if module.params["purge"] else []
    delete(module, kept, purged)
    changed = [step for step in steps if step.needed]
    before_after = {step.name: _app_secrets.described(step, wanted) for step in changed}
    diff = differing(
        {name: sides[0] for name, sides in before_after.items() if sides[0]} | gone(purged),
        {name: sides[1] for name, sides in before_after.items()},
    )
    return {
        "changed": bool(changed or purged),
        "diff": diff,
        "secrets": {**module.params["arns"], **{name: one.arn for name, one in after.items()}},
        "versions": versions,
        "version": _app_secrets.fingerprint(versions),
        "obsolete": [one.arn for one in obsolete],
    }


def taken_step(
    module: Any, aws: Clients, store: Store, wanted: _app_secrets.Wanted, step: _app_secrets.Step
) -> _app_secrets.Held:
    """What stands after a step; in check mode, what would."""
    if step.held and not step.needed:
        return step.held
    if not module.check_mode:
        return store.take(step, wanted.kms_key)
    kind = f"parameter{step.path}" if store.name == _secret_reference.PARAMETER_STORE else f"secret:{step.path}"
    arn = f"arn:{aws.partition}:{store.name}:{aws.region}:{aws.account_id()}:{kind}"
    version = _app_secrets.NEW if step.value is not None or step.held is None else step.held.version
    return _app_secrets.Held(store.name, step.path, step.held.arn if step.held else arn, version)


def gone(held: list[_app_secrets.Held]) -> dict[str, Any]:
    return {one.arn: {"version": one.version} for one in held}


def delete(module: Any, kept: dict[str, Store], held: list[_app_secrets.Held]) -> None:
    if not module.check_mode:
        for one in held:
            kept[one.store].delete(one, module.params["recovery_days"])


def absent(module: Any, aws: Clients) -> dict[str, Any]:
    name, kept = module.params["name"], stores(aws)
    nothing = _app_secrets.Wanted(name, _secret_reference.SECRETS_MANAGER, ())
    held = _app_secrets.obsolete(nothing, [one for store in kept.values() for one in store.owned(name)])
    delete(module, kept, held)
    return {"changed": bool(held), "diff": differing(gone(held), {}), "obsolete": [one.arn for one in held]}


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "store": {
                "type": "str",
                "choices": list(_secret_reference.STORES),
                "default": _secret_reference.SECRETS_MANAGER,
            },
            "values": {"type": "dict", "default": {}, "no_log": True},
            "generated": {"type": "list", "elements": "str", "default": []},
            "arns": {"type": "dict", "default": {}},
            "kms_key": {"type": "str", "default": "", "no_log": False},
            "tags": {"type": "dict", "default": {}},
            "recovery_days": {"type": "int", "default": 30},
            "purge": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    days = module.params["recovery_days"]
    if days and not 7 <= days <= 30:
        module.fail_json(
            msg=f"recovery_days: {days} is neither 0 nor from 7 to 30, which is what Secrets Manager takes"
        )
    aws = clients(module)
    with reported(module, f"looking after the secrets of {module.params['name']}"):
        result = present(module, aws) if module.params["state"] == "present" else absent(module, aws)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
