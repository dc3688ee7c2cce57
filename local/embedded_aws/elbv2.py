# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Elastic Load Balancing: what MiniStack answers otherwise than AWS, and the listeners' real ports."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import socket
import ssl
import time
from pathlib import Path
from typing import Any

from ministack.core.tls import resolve_tls_material
from ministack.services import acm
from ministack.services import alb
from ministack.services import ec2

from embedded_aws.balancer import Balancer
from embedded_aws.certificates import CertificateProblem
from embedded_aws.certificates import pair
from embedded_aws.clock import Clock
from embedded_aws.correction import Reply
from embedded_aws.correction import correct
from embedded_aws.front_door import HEAD_LIMIT
from embedded_aws.front_door import Door
from embedded_aws.health import ABSENT
from embedded_aws.rules import action_groups
from embedded_aws.rules import attribute
from embedded_aws.rules import group_stickiness
from embedded_aws.targets import Targets
from embedded_aws.targets import provisioned
from embedded_aws.targets import users

ADDRESS = "127.0.0.1"
logger = logging.getLogger("embedded_aws")
BALANCER_ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "access_logs.s3.bucket": "",
    "access_logs.s3.prefix": "",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.prefix": "",
    "health_check_logs.s3.enabled": "false",
    "health_check_logs.s3.bucket": "",
    "health_check_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
GROUP_ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "300",
    "load_balancing.algorithm.anomaly_mitigation": "off",
    "load_balancing.algorithm.type": "round_robin",
    "load_balancing.cross_zone.enabled": "use_load_balancer_configuration",
    "slow_start.duration_seconds": "0",
    "stickiness.enabled": "false",
    "stickiness.type": "lb_cookie",
    "stickiness.app_cookie.cookie_name": "",
    "stickiness.app_cookie.duration_seconds": "86400",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "target_group_health.dns_failover.minimum_healthy_targets.count": "1",
    "target_group_health.dns_failover.minimum_healthy_targets.percentage": "off",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count": "1",
    "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage": "off",
}


def fill(stored: list[dict[str, str]], defaults: dict[str, str]) -> None:
    known = {item["Key"] for item in stored}
    stored.extend({"Key": key, "Value": value} for key, value in defaults.items() if key not in known)


def created(reply: Reply, element: str) -> str:
    """The ARN that a create call answered; empty if it failed."""
    found = re.search(f"<{element}>([^<]+)</{element}>", reply[2].decode())
    return found[1] if found and reply[0] == 200 else ""


class PortProblem(Exception):
    """A listener's port cannot be opened on this machine."""


def bind(port: int) -> socket.socket:
    """:raises PortProblem: with the reason and the remedy."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        listening.listen(128)
    except OSError as problem:
        listening.close()
        remedy = (
            "give the listener a port above 1023"
            if isinstance(problem, PermissionError)
            else ("stop the program that holds it, or give the listener another port")
        )
        raise PortProblem(f"Port {port} of {ADDRESS} cannot be opened ({problem.strerror}): {remedy}.") from problem
    return listening


class Ports:
    """Each listener's real port on the loopback address."""

    def __init__(self, balancer: Balancer, home: Path) -> None:
        self.balancer = balancer
        self.home = home
        self.open: dict[int, tuple[str, socket.socket, asyncio.Server | None]] = {}
        self.blocked: set[int] = set()

    def claim(self, port: int) -> None:
        """Bind the port now, so that CreateListener can fail; `serve` makes it answer.

        :raises PortProblem: it cannot be bound.
        """
        if port not in self.open:
            self.open[port] = ("", bind(port), None)

    def release(self, port: int) -> None:
        _, listening, server = self.open.pop(port)
        if server:
            server.close()
        else:
            listening.close()

    async def serve(self) -> None:
        """Bring the open ports in line with the listeners there are."""
        wanted = {int(item["Port"]): item for item in list(alb._listeners._data.values())}
        for port in [port for port in self.open if port not in wanted]:
            self.release(port)
        for port, listener in wanted.items():
            shown = " ".join((listener["ListenerArn"], listener["Protocol"], *listener.get("Certificates", ())))
            if port in self.open and self.open[port][0] == shown:
                continue
            try:
                tls = self.tls(listener)
                if port in self.open and self.open[port][2]:
                    self.release(port)
                self.claim(port)
            except PortProblem as problem:
                if port not in self.blocked:
                    logger.warning("%s", problem)
                self.blocked.add(port)
                continue
            self.blocked.discard(port)
            listening = self.open[port][1]
            door = Door(functools.partial(self.balancer.route, listener["ListenerArn"]))
            server = await asyncio.start_server(door, sock=listening, limit=HEAD_LIMIT, ssl=tls)
            self.open[port] = (shown, listening, server)

    def tls(self, listener: dict[str, Any]) -> ssl.SSLContext | None:
        """HTTPS with the listener's certificate, or, where an imported one's key is lost, with this machine's own.

        :raises PortProblem: there is no such certificate.
        """
        if listener["Protocol"] != "HTTPS":
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            found = pair(next(iter(listener.get("Certificates", [])), ""))
        except CertificateProblem as problem:
            raise PortProblem(str(problem)) from problem
        if found:
            file = self.home / "listener.pem"
            file.touch(mode=0o600)
            file.write_text("\n".join(reversed(found)))
            context.load_cert_chain(file)
            file.unlink()
        else:
            context.load_cert_chain(*resolve_tls_material())
        return context

    async def watch(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                await self.serve()
            await asyncio.sleep(0.05)


def install(targets: Targets, ports: Ports, clock: Clock, delay: float) -> None:
    """:param delay: seconds on the clock that a new load balancer stays `provisioning`."""

    @correct(alb, "load_persisted_state")
    def load(original: Any, data: Any) -> None:
        """The tasks of the run before are gone, and their targets with them."""
        original(data)
        targets.drop_owned()

    @correct(alb, "_parse_actions")
    def parse_actions(original: Any, params: Any, prefix: str = "DefaultActions") -> list[dict[str, Any]]:
        """Forwarding to several weighted groups is kept; an order that was not given is not made up."""
        actions: list[dict[str, Any]] = original(params, prefix)
        for number, action in enumerate(actions, 1):
            start = f"{prefix}.member.{number}"
            if not alb._p(params, f"{start}.Order"):
                action.pop("Order", None)
            groups: list[dict[str, Any]] = []
            while arn := alb._p(params, f"{start}.ForwardConfig.TargetGroups.member.{len(groups) + 1}.TargetGroupArn"):
                weight = alb._p(params, f"{start}.ForwardConfig.TargetGroups.member.{len(groups) + 1}.Weight", "1")
                groups.append({"TargetGroupArn": arn, "Weight": int(weight)})
            if groups:
                action["ForwardConfig"] = {"TargetGroups": groups}
                sticky = f"{start}.ForwardConfig.TargetGroupStickinessConfig"
                if alb._p(params, f"{sticky}.Enabled").lower() == "true":
                    seconds = int(alb._p(params, f"{sticky}.DurationSeconds", "0"))
                    action["ForwardConfig"]["TargetGroupStickinessConfig"] = {
                        "Enabled": True,
                        "DurationSeconds": seconds,
                    }
                if len(groups) == 1:
                    action["TargetGroupArn"] = groups[0]["TargetGroupArn"]
        return actions

    @correct(alb, "_action_xml")
    def action_xml(original: Any, action: dict[str, Any]) -> str:
        """A forward action always shows its ForwardConfig."""
        text: str = original(action)
        if "Order" not in action:
            text = text.replace("<Order>1</Order>", "")
        if action["Type"] != "forward":
            return text
        groups = "".join(
            f"<member><TargetGroupArn>{arn}</TargetGroupArn><Weight>{weight}</Weight></member>"
            for arn, weight in action_groups([action]).items()
        )
        seconds = group_stickiness(action)
        duration = f"<DurationSeconds>{seconds}</DurationSeconds>" if seconds else ""
        sticky = f"<Enabled>{str(seconds > 0).lower()}</Enabled>{duration}"
        return text.removesuffix("</member>") + (
            f"<ForwardConfig><TargetGroups>{groups}</TargetGroups>"
            f"<TargetGroupStickinessConfig>{sticky}</TargetGroupStickinessConfig></ForwardConfig></member>"
        )

    @correct(alb, "_create_lb", "_ACTION_MAP", "CreateLoadBalancer")
    def create_balancer(original: Any, params: Any) -> Reply:
        """Has its subnets' VPC, all attributes, and provisions for a while; here its name is the loopback address."""
        reply: Reply = original(params)
        arn = created(reply, "LoadBalancerArn")
        if not arn:
            return reply
        balancer = alb._lbs[arn]
        fill(alb._lb_attrs[arn], BALANCER_ATTRIBUTES)
        subnets = [ec2._subnets[name] for name in balancer["Subnets"] if name in ec2._subnets]
        balancer["VpcId"] = subnets[0]["VpcId"] if subnets else balancer["VpcId"]
        balancer["DNSName"] = ADDRESS
        balancer["Ready"] = time.time() + clock.real(delay)
        return alb._xml(200, "CreateLoadBalancer", f"<LoadBalancers>{alb._lb_xml(balancer)}</LoadBalancers>")

    @correct(alb, "_lb_xml")
    def balancer_xml(original: Any, balancer: dict[str, Any]) -> str:
        """The zones are those of the subnets."""
        balancer["State"] = "active" if provisioned(balancer) else "provisioning"
        text: str = original(balancer)
        for name in balancer.get("Subnets", []):
            zone = ec2._subnets.get(name, {}).get("AvailabilityZone")
            if zone:
                text = re.sub(rf"<ZoneName>[^<]*(</ZoneName><SubnetId>{name}<)", rf"<ZoneName>{zone}\1", text)
        return text

    @correct(alb, "_delete_lb", "_ACTION_MAP", "DeleteLoadBalancer")
    def delete_balancer(original: Any, params: Any) -> Reply:
        """Takes its listeners along; refused while deletion protection is on."""
        arn = alb._p(params, "LoadBalancerArn")
        if attribute(alb._lb_attrs.get(arn, []), "deletion_protection.enabled") == "true":
            return alb._error("OperationNotPermitted", f"Load balancer '{arn}' has deletion protection enabled")
        for listener in [item for item in alb._listeners.values() if item["LoadBalancerArn"] == arn]:
            alb._delete_listener({"ListenerArn": listener["ListenerArn"]})
        return original(params)

    @correct(alb, "_create_tg", "_ACTION_MAP", "CreateTargetGroup")
    def create_group(original: Any, params: Any) -> Reply:
        """Has all attributes."""
        reply: Reply = original(params)
        if arn := created(reply, "TargetGroupArn"):
            fill(alb._tg_attrs[arn], GROUP_ATTRIBUTES)
        return reply

    @correct(alb, "_tg_xml")
    def group_xml(original: Any, group: dict[str, Any]) -> str:
        """Names the load balancers that use it now, and the protocol version."""
        group["LoadBalancerArns"] = users(group["TargetGroupArn"])
        more = "<ProtocolVersion>HTTP1</ProtocolVersion><IpAddressType>ipv4</IpAddressType></member>"
        return str(original(group)).removesuffix("</member>") + more

    @correct(alb, "_describe_tgs", "_ACTION_MAP", "DescribeTargetGroups")
    def describe_groups(original: Any, params: Any) -> Reply:
        """A name that does not exist is an error."""
        names = {item["TargetGroupName"] for item in alb._tgs.values()}
        if not set(alb._parse_member_list(params, "Names")) <= names:
            return alb._error("TargetGroupNotFound", "One or more target groups not found")
        for group in alb._tgs.values():
            group["LoadBalancerArns"] = users(group["TargetGroupArn"])
        return original(params)

    @correct(alb, "_create_rule", "_ACTION_MAP", "CreateRule")
    def create_rule(original: Any, params: Any) -> Reply:
        """A priority is one rule's; a target group that only a rule names belongs to the load balancer too."""
        listener, priority = alb._p(params, "ListenerArn"), alb._p(params, "Priority")
        if any(rule["ListenerArn"] == listener and rule["Priority"] == priority for rule in alb._rules.values()):
            return alb._error("PriorityInUse", f"Priority '{priority}' is currently in use")
        reply: Reply = original(params)
        for arn, group in alb._tgs.items():
            group["LoadBalancerArns"] = users(arn)
        return reply

    @correct(alb, "_delete_tg", "_ACTION_MAP", "DeleteTargetGroup")
    def delete_group(original: Any, params: Any) -> Reply:
        """Refused while a listener or rule uses it."""
        arn = alb._p(params, "TargetGroupArn")
        if users(arn):
            return alb._error("ResourceInUse", f"Target group '{arn}' is currently in use by a listener or a rule")
        return original(params)

    def certificate_refusal(params: Any) -> Reply | None:
        """Certificates are issued ones of the load balancer's region."""
        for arn in alb._parse_certificate_arns(params):
            if arn not in acm._certificates:
                return alb._error("CertificateNotFound", f"Certificate '{arn}' not found")
            try:
                pair(arn)
            except CertificateProblem as problem:
                return alb._error("UnsupportedCertificate", str(problem))
        return None

    @correct(alb, "_create_listener", "_ACTION_MAP", "CreateListener")
    def create_listener(original: Any, params: Any) -> Reply:
        """One listener a port; its target groups must exist; the port must be free on this machine."""
        port = int(alb._p(params, "Port", "0"))
        balancer = alb._p(params, "LoadBalancerArn")
        if any(item["LoadBalancerArn"] == balancer and item["Port"] == port for item in alb._listeners.values()):
            return alb._error("DuplicateListener", "A listener already exists on this port for this load balancer")
        for arn in action_groups(alb._parse_actions(params)):
            if arn not in alb._tgs:
                return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found")
        if refusal := certificate_refusal(params):
            return refusal
        try:
            if any(item["Port"] == port for item in alb._listeners._data.values()):
                raise PortProblem(
                    f"Port {port} of {ADDRESS} belongs to another load balancer's listener: choose another."
                )
            ports.claim(port)
        except PortProblem as problem:
            return alb._error("ValidationError", str(problem))
        return original(params)

    @correct(alb, "_modify_listener", "_ACTION_MAP", "ModifyListener")
    def modify_listener(original: Any, params: Any) -> Reply:
        """Another port is opened first."""
        if refusal := certificate_refusal(params):
            return refusal
        if port := alb._p(params, "Port"):
            try:
                ports.claim(int(port))
            except PortProblem as problem:
                return alb._error("ValidationError", str(problem))
        return original(params)

    @correct(alb, "_register_targets", "_ACTION_MAP", "RegisterTargets")
    def register(_original: Any, params: Any) -> Reply:
        """A target is an address and a port."""
        return each_target(params, "RegisterTargets", targets.register)

    @correct(alb, "_deregister_targets", "_ACTION_MAP", "DeregisterTargets")
    def deregister(_original: Any, params: Any) -> Reply:
        """A target drains before it goes."""
        return each_target(params, "DeregisterTargets", targets.deregister)

    def each_target(params: Any, action: str, call: Any) -> Reply:
        group = alb._p(params, "TargetGroupArn")
        if group not in alb._tgs:
            return alb._error("TargetGroupNotFound", f"Target group '{group}' not found")
        for item in alb._parse_targets_param(params):
            call(*targets.key(group, item))
        return alb._empty(action)

    @correct(alb, "_describe_target_health", "_ACTION_MAP", "DescribeTargetHealth")
    def describe_health(_original: Any, params: Any) -> Reply:
        """What the health checks found."""
        group = alb._p(params, "TargetGroupArn")
        if group not in alb._tgs:
            return alb._error("TargetGroupNotFound", f"Target group '{group}' not found")
        asked = [targets.key(group, item) for item in alb._parse_targets_param(params)]
        members = []
        for _, address, port in asked or targets.registered(group):
            health = targets.describe(group, address, port)
            why = f"<Reason>{health.reason}</Reason><Description>{health.description}</Description>"
            check = "" if health is ABSENT else f"<HealthCheckPort>{port}</HealthCheckPort>"
            members.append(
                f"<member><Target><Id>{address}</Id><Port>{port}</Port></Target>{check}"
                f"<TargetHealth><State>{health.state}</State>{why if health.reason else ''}</TargetHealth></member>"
            )
        return alb._xml(
            200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{''.join(members)}</TargetHealthDescriptions>"
        )
