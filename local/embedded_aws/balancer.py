# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load balancers' data plane: which rule a request meets, and where that sends it."""

from __future__ import annotations

import time
from dataclasses import replace
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import urlsplit

from ministack.services import alb

from embedded_aws.access_logs import AccessLogs
from embedded_aws.front_door import Answer
from embedded_aws.front_door import Head
from embedded_aws.front_door import Upstream
from embedded_aws.front_door import error
from embedded_aws.metrics import Request
from embedded_aws.rules import COOKIE
from embedded_aws.rules import GROUP_COOKIE
from embedded_aws.rules import attribute
from embedded_aws.rules import choose_group
from embedded_aws.rules import decode_target
from embedded_aws.rules import encode
from embedded_aws.rules import encode_target
from embedded_aws.rules import group_stickiness
from embedded_aws.targets import Targets
from embedded_aws.targets import scope


class Balancer:
    """Routes what arrives at a listener."""

    def __init__(self, targets: Targets, logs: AccessLogs) -> None:
        self.targets = targets
        self.logs = logs
        # What was answered since somebody looked.
        self.answered: list[Request] = []

    async def route(self, listener_arn: str, head: Head, peer: str, keep_host: bool = False) -> Answer | Upstream:
        """:param keep_host: leave the Host as it is: the request did not come by the listener's own port."""
        asked = Head(head.first, list(head.fields))
        began = time.monotonic()
        with scope(listener_arn):
            listener = alb._listeners.get(listener_arn)
            if not listener:
                return error(503)
            group, where = await self.where(listener, head, peer, keep_host)

        def note(status: int, of_target: bool) -> None:
            with scope(listener_arn):
                self.logs.of_balancer(listener, asked, peer, where, status)
            seconds = time.monotonic() - began
            self.answered.append(Request(listener["LoadBalancerArn"], group, status, of_target, seconds))

        if isinstance(where, Answer):
            note(where.status, False)
            return where

        async def noted(status: int, of_target: bool) -> None:
            note(status, of_target)

        return replace(where, instead=noted)

    async def where(
        self, listener: dict[str, Any], head: Head, peer: str, keep_host: bool
    ) -> tuple[str, Answer | Upstream]:
        """The target group, if any, and what the first rule that matches does with the request."""
        fields = {name.lower(): head.get(name.lower()) for name, _ in head.fields}
        url = urlsplit(head.target)
        fields = alb._target_headers(listener["LoadBalancerArn"], listener, fields, peer)
        for action in sorted(
            self.actions(listener["ListenerArn"], head.method, url.path, url.query, fields),
            key=lambda item: int(item.get("Order") or 1),
        ):
            if action["Type"] == "forward":
                return self.forward(listener, action, head, fields, keep_host)
            if action["Type"] in ("redirect", "fixed-response"):
                status, answer, body = await alb._execute_action(
                    action, head.method, url.path, fields, b"", {}, raw_query_string=url.query
                )
                return "", Answer(status, body, (("Server", "awselb/2.0"), *answer.items()))
        return "", error(502)

    @staticmethod
    def actions(arn: str, method: str, path: str, query: str, fields: dict[str, str]) -> list[dict[str, Any]]:
        rules = [rule for rule in alb._rules.values() if rule["ListenerArn"] == arn]
        values = parse_qs(query, keep_blank_values=True)
        for rule in sorted(rules, key=alb._rule_sort_key):
            conditions = rule.get("Conditions", [])
            if all(alb._match_condition(condition, method, path, fields, values) for condition in conditions):
                return list(rule["Actions"])
        return []

    def forward(
        self, listener: dict[str, Any], action: dict[str, Any], head: Head, fields: dict[str, str], keep_host: bool
    ) -> tuple[str, Answer | Upstream]:
        group = choose_group(action, head.get("cookie"))
        attributes = alb._tg_attrs.get(group, [])
        sticky = attribute(attributes, "stickiness.enabled") == "true"
        sticky = sticky and attribute(attributes, "stickiness.type") == "lb_cookie"
        target = self.targets.pick(group, decode_target(head.get("cookie")) if sticky else None) if group else None
        if not target:
            return group or "", error(503)
        for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Amzn-Trace-Id"):
            if name.lower() in fields:
                head.put(name, fields[name.lower()])
        balancer = alb._lb_attrs.get(listener["LoadBalancerArn"], [])
        if not keep_host and attribute(balancer, "routing.http.preserve_host_header.enabled") != "true":
            head.put("Host", alb._target_host_header(head.get("host"), listener["Port"]))
        lifetime = int(attribute(attributes, "stickiness.lb_cookie.duration_seconds", "86400"))

        kept = [(GROUP_COOKIE, encode(group), seconds)] if (seconds := group_stickiness(action)) else []
        kept += [(COOKIE, encode_target(target), lifetime)] if sticky else []

        def polish(response: Head) -> None:
            for name, value, seconds in kept:
                expires = formatdate(time.time() + seconds, usegmt=True)
                cookie = f"{value}; Expires={expires}; Path=/"
                response.fields.append(("Set-Cookie", f"{name}={cookie}"))
                response.fields.append(("Set-Cookie", f"{name}CORS={cookie}; SameSite=None; Secure"))

        idle = float(attribute(balancer, "idle_timeout.timeout_seconds", "60"))
        return group or "", Upstream(target[0], target[1], idle, polish)
