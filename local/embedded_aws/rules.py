# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a listener rule's action says, and the cookies that keep a client at its target group and target."""

from __future__ import annotations

import base64
import random
from typing import Any

COOKIE = "AWSALB"
GROUP_COOKIE = "AWSALBTG"


def encode(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def decode(cookies: str, name: str) -> str:
    """What a client's stickiness cookie holds; empty where there is none."""
    for part in cookies.replace(",", ";").split(";"):
        called, _, value = part.strip().partition("=")
        if called == name:
            try:
                return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
            except ValueError:
                return ""
    return ""


def encode_target(target: tuple[str, int]) -> str:
    return encode(f"{target[0]}:{target[1]}")


def decode_target(cookies: str) -> tuple[str, int] | None:
    """The target that a client's stickiness cookie names."""
    address, _, port = decode(cookies, COOKIE).rpartition(":")
    return (address, int(port)) if port.isdecimal() else None


def group_stickiness(action: dict[str, Any]) -> int:
    """Seconds for which a client stays with the target group that it came to; 0 for none."""
    config = action.get("ForwardConfig", {}).get("TargetGroupStickinessConfig", {})
    return int(config.get("DurationSeconds", 0)) if config.get("Enabled") else 0


def choose_group(action: dict[str, Any], cookies: str) -> str:
    """The group of the client's cookie, where the action is sticky and names it, whatever it weighs; else by weight."""
    groups = action_groups([action])
    known = decode(cookies, GROUP_COOKIE) if group_stickiness(action) else ""
    return known if known in groups else choose(groups)


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
