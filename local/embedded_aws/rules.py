# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listener rule's action says, and the cookie that keeps a client at its target."""

from __future__ import annotations

import base64
import random
from typing import Any

COOKIE = "AWSALB"


def encode_target(target: tuple[str, int]) -> str:
    return base64.urlsafe_b64encode(f"{target[0]}:{target[1]}".encode()).decode().rstrip("=")


def decode_target(cookies: str) -> tuple[str, int] | None:
    """The target that a client's stickiness cookie names."""
    for part in cookies.replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            try:
                address, _, port = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode().rpartition(":")
                return address, int(port)
            except ValueError:
                return None
    return None


def choose(weights: dict[str, int]) -> str:
    """One target group, at random by weight; empty if all weigh nothing."""
    total = sum(weights.values())
    return random.choices(list(weights), list(weights.values()))[0] if total else ""


def action_groups(actions: list[dict[str, Any]]) -> dict[str, int]:
    """The target groups that a rule forwards to, with their weights."""
    groups: dict[str, int] = {}
    for action in actions:
        for item in action.get("ForwardConfig", {}).get("TargetGroups", []):
            groups[item["TargetGroupArn"]] = int(item.get("Weight", 1))
        if action.get("TargetGroupArn"):
            groups.setdefault(action["TargetGroupArn"], 1)
    return groups


def attribute(attributes: list[dict[str, str]], key: str, default: str = "") -> str:
    return next((item["Value"] for item in attributes if item["Key"] == key), default)
