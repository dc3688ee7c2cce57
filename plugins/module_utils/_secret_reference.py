# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where secrets are kept, and what an ARN says of one."""

from __future__ import annotations

import re
from dataclasses import dataclass

SECRETS_MANAGER = "secretsmanager"
PARAMETER_STORE = "ssm"
STORES = (SECRETS_MANAGER, PARAMETER_STORE)
ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<store>secretsmanager|ssm):(?P<region>[a-z0-9-]+):\d{12}:"
    r"(?:secret:(?P<secret>[^:]+)(?P<pick>(?::[^:]*){3})?|parameter(?P<parameter>/[^:]+))"
)


@dataclass(frozen=True)
class Reference:
    """What a container's `valueFrom` names, as ARN and, for a secret, JSON key, stage and version id.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
    """

    store: str
    region: str
    resource: str
    json_key: str = ""
    stage: str = ""
    version: str = ""


def reference(arn: str) -> Reference | None:
    """What an ARN refers to; None if it is neither a secret's nor a parameter's."""
    match = ARN.fullmatch(arn)
    if match is None or bool(match["parameter"]) != (match["store"] == PARAMETER_STORE):
        return None
    if match["parameter"]:
        return Reference(PARAMETER_STORE, match["region"], arn)
    key, stage, version = (match["pick"] or ":::")[1:].split(":")
    return Reference(SECRETS_MANAGER, match["region"], arn.removesuffix(match["pick"] or ""), key, stage, version)
