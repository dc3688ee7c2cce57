from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from ansible_collections.amica.stack.plugins.module_utils import _target_group
from ansible_collections.amica.stack.plugins.module_utils._target_group import TargetGroupError
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait
from botocore.stub import Stubber
from support.fake_clock import FakeClock

ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/amica-tg/0123456789abcdef"
BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/amica-alb/0123456789abcdef"
GROUP: dict[str, Any] = {
    "TargetGroupArn": ARN,
    "TargetGroupName": "amica-tg",
    "Protocol": "HTTP",
    "ProtocolVersion": "HTTP1",
    "Port": 8080,
    "VpcId": "vpc-1",
    "TargetType": "ip",
    "HealthCheckEnabled": True,
    "HealthCheckProtocol": "HTTP",
    "HealthCheckPort": "traffic-port",
    "HealthCheckPath": "/health",
    "HealthCheckIntervalSeconds": 30,
    "HealthCheckTimeoutSeconds": 5,
    "HealthyThresholdCount": 2,
    "UnhealthyThresholdCount": 2,
    "Matcher": {"HttpCode": "200"},
    "LoadBalancerArns": [BALANCER],
}
ATTRIBUTES = {
    "deregistration_delay.timeout_seconds": "60",
    "stickiness.enabled": "true",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "86400",
    "stickiness.app_cookie.cookie_name": "",
    "slow_start.duration_seconds": "0",
}
OPTIONS: dict[str, Any] = {
    "vpc_id": "vpc-1",
    "target_type": "ip",
    "protocol": "HTTP",
    "protocol_version": None,
    "port": 8080,
    "health_check": {
        "enabled": None,
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": "/health",
        "interval": 30,
        "timeout": 5,
        "healthy_threshold": 2,
        "unhealthy_threshold": 2,
        "codes": "200",
    },
    "deregistration_delay": 60,
    "stickiness": {"enabled": True, "type": "lb_cookie", "duration": 86400},
    "tags": {"amica:stack": "amica"},
}


def changed_options(**changes: Any) -> dict[str, Any]:
    """The options with some changed; `health_check_path` is the path of the health check."""
    options = copy.deepcopy(OPTIONS)
    for name, value in changes.items():
        for block in ("health_check", "stickiness"):
            if name.startswith(f"{block}_"):
                options[block][name.removeprefix(f"{block}_")] = value
                break
        else:
            options[name] = value
    return options


@pytest.fixture(scope="module")
def client() -> Any:
    return boto3.client("elbv2", aws_access_key_id="k", aws_secret_access_key="s", region_name="eu-west-1")


@pytest.fixture
def stub(client: Any) -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def finds(stub: Stubber, **attributes: str) -> None:
    stub.add_response("describe_target_groups", {"TargetGroups": [GROUP]}, {"Names": ["amica-tg"]})
    listed = [{"Key": key, "Value": value} for key, value in {**ATTRIBUTES, **attributes}.items()]
    stub.add_response("describe_target_group_attributes", {"Attributes": listed}, {"TargetGroupArn": ARN})
    tags = [{"ResourceArn": ARN, "Tags": [{"Key": "amica:stack", "Value": "amica"}]}]
    stub.add_response("describe_tags", {"TagDescriptions": tags}, {"ResourceArns": [ARN]})


def finds_nothing(stub: Stubber) -> None:
    stub.add_client_error("describe_target_groups", "TargetGroupNotFound")


def test_nothing_to_do_is_nothing_done(stub: Stubber) -> None:
    finds(stub)
    result = _target_group.present(stub.client, "amica-tg", OPTIONS, check=False)
    assert (result.changed, result.diff) == (False, {"before": {}, "after": {}})
    assert result.target_group and result.target_group.arn == ARN


def test_what_is_not_said_stays(stub: Stubber) -> None:
    finds(stub)
    assert not _target_group.present(stub.client, "amica-tg", dict.fromkeys(OPTIONS), check=False).changed


def test_a_new_group_gets_everything(stub: Stubber) -> None:
    finds_nothing(stub)
    fields = {name: value for name, value in GROUP.items() if name.startswith(("Health", "Unhealthy", "Matcher"))}
    fixed = {name: GROUP[name] for name in ("Protocol", "Port", "VpcId", "TargetType")}
    del fields["HealthCheckEnabled"]
    tags = [{"Key": "amica:stack", "Value": "amica"}]
    stub.add_response(
        "create_target_group", {"TargetGroups": [GROUP]}, {"Name": "amica-tg", "Tags": tags, **fixed, **fields}
    )
    attributes = [{"Key": key, "Value": value} for key, value in list(ATTRIBUTES.items())[:4]]
    stub.add_response("modify_target_group_attributes", {}, {"TargetGroupArn": ARN, "Attributes": attributes})
    finds(stub)
    result = _target_group.present(stub.client, "amica-tg", OPTIONS, check=False)
    assert result.changed
    assert result.diff["before"] == {}


HEALTH = [
    ("protocol", "HTTPS", {"HealthCheckProtocol": "HTTPS"}),
    ("port", "8081", {"HealthCheckPort": "8081"}),
    ("path", "/ready", {"HealthCheckPath": "/ready"}),
    ("interval", 10, {"HealthCheckIntervalSeconds": 10}),
    ("timeout", 3, {"HealthCheckTimeoutSeconds": 3}),
    ("healthy_threshold", 3, {"HealthyThresholdCount": 3}),
    ("unhealthy_threshold", 3, {"UnhealthyThresholdCount": 3}),
    ("codes", "200-299", {"Matcher": {"HttpCode": "200-299"}}),
]


@pytest.mark.parametrize(("option", "value", "sent"), HEALTH)
def test_one_change_of_the_health_check_is_one_call(
    stub: Stubber, option: str, value: Any, sent: dict[str, Any]
) -> None:
    finds(stub)
    stub.add_response("modify_target_group", {}, {"TargetGroupArn": ARN, **sent})
    finds(stub)
    options = changed_options(**{f"health_check_{option}": value})
    result = _target_group.present(stub.client, "amica-tg", options, check=False)
    assert result.diff["after"] == {"health_check": {option: value}}


@pytest.mark.parametrize(
    ("option", "value", "attribute", "text"),
    [
        ("deregistration_delay", 1, "deregistration_delay.timeout_seconds", "1"),
        ("stickiness_enabled", False, "stickiness.enabled", "false"),
        ("stickiness_duration", 60, "stickiness.lb_cookie.duration_seconds", "60"),
    ],
)
def test_one_change_of_an_attribute_is_one_call(
    stub: Stubber, option: str, value: Any, attribute: str, text: str
) -> None:
    finds(stub)
    sent = [{"Key": attribute, "Value": text}]
    stub.add_response("modify_target_group_attributes", {}, {"TargetGroupArn": ARN, "Attributes": sent})
    finds(stub)
    assert _target_group.present(stub.client, "amica-tg", changed_options(**{option: value}), check=False).changed


def test_tags_become_exactly_these(stub: Stubber) -> None:
    finds(stub)
    stub.add_response("add_tags", {}, {"ResourceArns": [ARN], "Tags": [{"Key": "b", "Value": "2"}]})
    stub.add_response("remove_tags", {}, {"ResourceArns": [ARN], "TagKeys": ["amica:stack"]})
    finds(stub)
    result = _target_group.present(stub.client, "amica-tg", changed_options(tags={"b": 2}), check=False)
    assert result.diff == {"before": {"tags": {"amica:stack": "amica"}}, "after": {"tags": {"b": "2"}}}


def test_check_mode_writes_nothing(stub: Stubber) -> None:
    finds(stub)
    options = changed_options(health_check_path="/ready", deregistration_delay=1, tags={})
    assert _target_group.present(stub.client, "amica-tg", options, check=True).changed
    finds_nothing(stub)
    assert _target_group.present(stub.client, "amica-tg", OPTIONS, check=True).changed


@pytest.mark.parametrize("check", [True, False])
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("port", 9090, "port from 8080 to 9090"),
        ("protocol", "HTTPS", "protocol from HTTP to HTTPS"),
        ("vpc_id", "vpc-2", "vpc_id from vpc-1 to vpc-2"),
        ("target_type", "instance", "target_type from ip to instance"),
        ("protocol_version", "HTTP2", "protocol_version from HTTP1 to HTTP2"),
    ],
)
def test_what_aws_cannot_change_is_said(stub: Stubber, option: str, value: Any, said: str, check: bool) -> None:
    finds(stub)
    with pytest.raises(TargetGroupError, match=f"{said} on the target group amica-tg: it needs replacement"):
        _target_group.present(stub.client, "amica-tg", changed_options(**{option: value}), check=check)


def test_a_new_group_needs_its_place(stub: Stubber) -> None:
    finds_nothing(stub)
    with pytest.raises(TargetGroupError, match="A new target group needs port, vpc_id"):
        _target_group.present(stub.client, "amica-tg", changed_options(port=None, vpc_id=""), check=True)


def waiting(timeout: float) -> Wait:
    return FakeClock().wait(timeout, 2)


def test_a_group_goes_once_its_listener_has_gone(stub: Stubber) -> None:
    finds(stub)
    stub.add_client_error("delete_target_group", "ResourceInUse")
    stub.add_response("delete_target_group", {}, {"TargetGroupArn": ARN})
    result = _target_group.absent(stub.client, "amica-tg", check=False, wait=waiting(10))
    assert (result.changed, result.target_group) == (True, None)


def test_a_group_that_stays_in_use_names_its_user(stub: Stubber) -> None:
    finds(stub)
    stub.add_client_error("delete_target_group", "ResourceInUse")
    stub.add_client_error("delete_target_group", "ResourceInUse")
    with pytest.raises(TargetGroupError, match="still in use by amica-alb after 2 s"):
        _target_group.absent(stub.client, "amica-tg", check=False, wait=waiting(2))


def test_what_is_gone_is_gone(stub: Stubber) -> None:
    finds_nothing(stub)
    assert not _target_group.absent(stub.client, "amica-tg", check=False, wait=waiting(0)).changed


def test_the_end_in_check_mode(stub: Stubber) -> None:
    finds(stub)
    assert _target_group.absent(stub.client, "amica-tg", check=True, wait=waiting(0)).changed
