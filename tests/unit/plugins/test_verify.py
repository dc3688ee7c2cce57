"""What stands in the way of a stack: each observation and what is found in it."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import Any

import botocore.session
import pytest
import yaml
from ansible_collections.amica.stack.plugins.module_utils._names import names
from ansible_collections.amica.stack.plugins.module_utils._registry import Registry
from ansible_collections.amica.stack.plugins.module_utils._stack import Answers
from ansible_collections.amica.stack.plugins.module_utils._stack import assemble
from ansible_collections.amica.stack.plugins.module_utils._verify import ENDPOINTS
from ansible_collections.amica.stack.plugins.module_utils._verify import ENDPOINTS_OF
from ansible_collections.amica.stack.plugins.module_utils._verify import Certificate
from ansible_collections.amica.stack.plugins.module_utils._verify import CertificateWanted
from ansible_collections.amica.stack.plugins.module_utils._verify import Decision
from ansible_collections.amica.stack.plugins.module_utils._verify import Image
from ansible_collections.amica.stack.plugins.module_utils._verify import Observed
from ansible_collections.amica.stack.plugins.module_utils._verify import Quota
from ansible_collections.amica.stack.plugins.module_utils._verify import Secret
from ansible_collections.amica.stack.plugins.module_utils._verify import Subnet
from ansible_collections.amica.stack.plugins.module_utils._verify import Taken
from ansible_collections.amica.stack.plugins.module_utils._verify import Unseen
from ansible_collections.amica.stack.plugins.module_utils._verify import Wanted
from ansible_collections.amica.stack.plugins.module_utils._verify import covers
from ansible_collections.amica.stack.plugins.module_utils._verify import findings
from ansible_collections.amica.stack.plugins.module_utils._verify import prose
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import SWITCHED
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import Place
from ansible_collections.amica.stack.plugins.module_utils._verify_permissions import needs
from ansible_collections.amica.stack.plugins.module_utils._verify_reader import THREADS
from ansible_collections.amica.stack.plugins.module_utils._verify_reader import Reader
from botocore import xform_name
from botocore.exceptions import ClientError
from support.machine import ROOT

SECRET = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:chat-AbCdEf"
PARAMETER = "arn:aws:ssm:eu-west-1:111122223333:parameter/chat"
CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/1"
TRUST = [
    {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {},
    }
]
WANTED = Wanted(
    "amica",
    "eu-west-1",
    most_tasks=4,
    image="111122223333.dkr.ecr.eu-west-1.amazonaws.com/chat:1",
    subnet_ids=("subnet-1", "subnet-2"),
    secrets={"DATABASE_URL": f"{SECRET}:url::", "REDIS_URL": PARAMETER},
    variables=("LOG_LEVEL",),
    certificates=(CertificateWanted("cloudfront_certificate_arn", CERTIFICATE, ("chat.example.com",)),),
    domains=("chat.example.com",),
)
PUBLIC = Subnet("subnet-1", "vpc-1", "eu-west-1a", 200, "internet")
FINE = Observed(
    decisions=[Decision("ecs:CreateCluster", "*", True)],
    quotas=[
        Quota("Fargate vCPUs", "L-3032A538", 6.0),
        Quota("VPCs", "L-F678F1CE", 5.0, 4),
        Quota("Application Load Balancers", "L-53DA6B97", 50.0, 3),
        Quota("Elastic IP addresses", "L-0263D0A3", 5.0, 5),
    ],
    trust={"amica-task-role": TRUST},
    secrets={f"{SECRET}:url::": Secret(True, keys=frozenset({"url", "user"})), PARAMETER: Secret(True)},
    image=Image(True, frozenset({"amd64", "arm64"})),
    certificates={CERTIFICATE: Certificate("ISSUED", ("*.example.com",))},
    hosted_zones=["example.com."],
    subnets=[PUBLIC, replace(PUBLIC, id="subnet-2", zone="eu-west-1b")],
)


def found(wanted: Wanted = WANTED, **observed: Any) -> list[tuple[str, str, str]]:
    return [(one.kind, one.check, str(one)) for one in findings(wanted, replace(FINE, **observed))]


def test_a_good_account_has_no_findings() -> None:
    assert findings(WANTED, FINE) == []
    assert prose([]) == ["Nothing stands in the way"]


def subnets(**changes: Any) -> list[Subnet]:
    return [replace(subnet, **changes) for subnet in FINE.subnets]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("observed", "kind", "check", "said"),
    [
        ({"opt_in_status": "not-opted-in"}, "problem", "region", "Enable it"),
        ({"opt_in_status": ""}, "problem", "region", "does not know"),
        ({"zones": 1}, "problem", "region", "vpc_availability_zone_count: 1"),
        ({"quotas": [Quota("VPCs", "L-F678F1CE", 5.0, 5)]}, "problem", "quotas", "5 are in use"),
        ({"quotas": [Quota("Fargate vCPUs", "L-3032A538", 0.5)]}, "problem", "quotas", "needs 1"),
        ({"quotas": [Unseen("denied")]}, "not checked", "quotas", "denied"),
        ({"subnets": [replace(PUBLIC, way_out=""), FINE.subnets[1]]}, "problem", "network", "ecr.api"),  # type: ignore[index]
        ({"subnets": [PUBLIC]}, "problem", "network", "subnet-2"),
        ({"subnets": subnets(free_addresses=1)}, "problem", "network", "2 free addresses"),
        ({"subnets": [PUBLIC, replace(FINE.subnets[1], vpc="vpc-2")]}, "problem", "network", "several VPCs"),  # type: ignore[index]
        ({"subnets": Unseen("denied")}, "not checked", "network", "denied"),
        ({"taken": [Taken("load balancer", "amica-alb", "")]}, "problem", "names", "amica:stack=amica"),
        ({"taken": [Taken("role", "amica-task-role", "other")]}, "problem", "names", "the stack other"),
        ({"trust": {"amica-task-role": []}}, "warning", "roles", "ecs-tasks.amazonaws.com"),
        ({"trust": {"amica-infrastructure-role": TRUST}}, "warning", "roles", "let ecs.amazonaws.com"),
        ({"image": Image(False)}, "problem", "image", "no such image"),
        ({"image": Image(True, frozenset({"arm64"}))}, "problem", "image", "ecs_fargate_architecture"),
        ({"image": Unseen("another registry")}, "not checked", "image", "another registry"),
        ({"secrets": {PARAMETER: Secret(False)}}, "problem", "secrets", PARAMETER),
        ({"secrets": {f"{SECRET}:url::": Secret(True, keys=frozenset({"user"}))}}, "problem", "secrets", "keys user"),
        ({"secrets": {f"{SECRET}:url::": Secret(True)}}, "problem", "secrets", "no JSON object"),
        ({"secrets": {f"{SECRET}:url::": Secret(True, True)}}, "problem", "secrets", "restore-secret"),
        ({"secrets": {PARAMETER: Unseen("denied")}}, "not checked", "secrets", "denied"),
        ({"certificates": {}}, "problem", "certificates", "there is no"),
        ({"certificates": {CERTIFICATE: Certificate("PENDING_VALIDATION")}}, "problem", "certificates", "not ISSUED"),
        (
            {"certificates": {CERTIFICATE: Certificate("ISSUED", ("example.com",))}},
            "problem",
            "certificates",
            "not for",
        ),
        ({"certificates": {CERTIFICATE: Unseen("denied")}}, "not checked", "certificates", "denied"),
        ({"hosted_zones": ["ample.com."]}, "warning", "domain", "hosted zone"),
        ({"hosted_zones": Unseen("denied")}, "not checked", "domain", "denied"),
        ({"decisions": Unseen("denied")}, "not checked", "permissions", "SimulatePrincipalPolicy"),
    ],
)
def test_each_obstacle_is_one_finding_with_its_remedy(
    observed: dict[str, Any], kind: str, check: str, said: str
) -> None:
    (only,) = found(**observed)
    assert only[:2] == (kind, check)
    assert said in only[2]


def test_denied_actions_are_one_finding_a_service_and_resource() -> None:
    decisions = [
        Decision("ecs:CreateCluster", "*", False),
        Decision("ecs:CreateService", "*", False),
        Decision("ec2:CreateVpc", "*", False),
        Decision("iam:PassRole", "*", False, missing=("iam:associatedresourcearn",)),
    ]
    kinds = [(kind, text) for kind, check, text in found(decisions=decisions)]
    assert [kind for kind, text in kinds] == ["problem", "problem", "not checked"]
    assert "CreateCluster, CreateService" in kinds[0][1]


def test_endpoints_take_the_place_of_a_way_out() -> None:
    every = frozenset({*ENDPOINTS, "secretsmanager", "ssm"})
    assert found(subnets=subnets(way_out="", endpoints=every)) == []
    assert "no endpoint for ssm" in found(subnets=subnets(way_out="", endpoints=every - {"ssm"}))[0][2]


def test_tasks_without_a_public_address_need_more_than_an_internet_gateway() -> None:
    private = replace(WANTED, public_addresses=False)
    assert "ecs_fargate_assign_public_ip" in found(private)[0][2]
    assert found(private, subnets=subnets(way_out="nat")) == []


def test_what_stands_needs_no_quota() -> None:
    full = [Quota("VPCs", "L-F678F1CE", 5.0, 5), Quota("Application Load Balancers", "L-53DA6B97", 50.0, 50)]
    assert found(replace(WANTED, vpc_stands=True, load_balancer_stands=True), quotas=full) == []
    addresses = [Quota("Elastic IP addresses", "L-0263D0A3", 5.0, 5)]
    assert found(replace(WANTED, elastic_ips=1), quotas=addresses)[0][:2] == ("problem", "quotas")


def test_tasks_on_spot_count_against_a_quota_of_their_own() -> None:
    quotas = [Quota("Fargate vCPUs", "L-3032A538", 1.0), Quota("Fargate Spot vCPUs", "L-36FBB829", 2.0)]
    wanted = replace(WANTED, cpu=1024, memory=2048, most_tasks=4)

    def short(**changes: Any) -> list[str]:
        return [text.split(": ")[1] for _kind, _check, text in found(replace(wanted, **changes), quotas=quotas)]

    assert (short(spot_tasks=3), short(spot_tasks=2)) == (["Fargate Spot vCPUs"], ["Fargate vCPUs"])
    assert short(most_tasks=3, spot_tasks=2) == []


def test_an_endpoint_is_one_that_the_region_offers() -> None:
    wanted = replace(WANTED, endpoints=("s3", "ecr"))
    assert "eu-west-1 offers no endpoint for ecr" in found(wanted, endpoints={"s3"})[0][2]
    assert found(wanted, endpoints={"s3", "ecr"}) == []
    assert found(wanted, endpoints=Unseen("denied"))[0][:2] == ("not checked", "network")


def test_a_domain_of_the_stack_s_own_needs_a_zone() -> None:
    own = replace(WANTED, domains=(), hosted_domains=("chat.example.com", "alb.example.com"))
    assert found(own) == []
    assert found(own, hosted_zones=[])[0][:2] == ("problem", "domain")
    assert found(own, hosted_zones=Unseen("denied"))[0][:2] == ("not checked", "domain")


def test_the_stack_s_own_secrets_need_an_endpoint_too() -> None:
    closed = subnets(way_out="", endpoints=frozenset(ENDPOINTS))
    own = replace(WANTED, secrets={}, switched_on=frozenset({"ssm", "nat"}))
    assert "no endpoint for ssm," in found(own, subnets=closed)[0][2]
    assert found(replace(own, switched_on=frozenset()), subnets=closed) == []


def test_traces_need_an_endpoint_where_nothing_else_leads_out() -> None:
    closed = subnets(way_out="", endpoints=frozenset(ENDPOINTS))
    own = replace(WANTED, secrets={})
    assert found(own, subnets=closed) == []
    assert "no endpoint for xray," in found(replace(own, switched_on=frozenset({"tracing"})), subnets=closed)[0][2]


def test_a_size_that_fargate_does_not_offer_and_an_obsolete_variable_are_said_together() -> None:
    wanted = replace(WANTED, memory=8192, variables=("PINECONE_ENVIRONMENT",))
    assert [(kind, check) for kind, check, text in found(wanted)] == [("problem", "size"), ("warning", "variables")]
    assert prose(findings(wanted, FINE))[-1] == "1 problem, 1 warning"


@pytest.mark.parametrize(
    ("name", "domain", "covered"),
    [
        ("chat.example.com", "Chat.example.com", True),
        ("*.example.com", "chat.example.com", True),
        ("*.example.com", "a.chat.example.com", False),
        ("*.example.com", "example.com", False),
    ],
)
def test_which_domains_a_certificate_covers(name: str, domain: str, covered: bool) -> None:
    assert covers(name, domain) is covered


class OneAtATimeNever:
    """An AWS whose Parameter Store answers only once as many are waiting; it may not be asked for anything else."""

    partition, region = "aws", "eu-west-1"

    def __init__(self, waiting: int) -> None:
        self.barrier = threading.Barrier(waiting, timeout=30)

    def __call__(self, *_service: Any) -> OneAtATimeNever:
        return self

    def get_parameters(self, Names: list[str]) -> dict[str, Any]:
        self.barrier.wait()
        return {"Parameters": [{"Name": name} for name in Names]}

    def __getattr__(self, operation: str) -> Any:
        def refused(*_names: str, **_arguments: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": f"not {operation}"}}, operation)

        return refused


def test_aws_is_asked_for_everything_at_once() -> None:
    secrets = {f"KEY_{number}": f"{PARAMETER}-{number}" for number in range(THREADS)}
    stack = assemble("amica", names("amica"), Answers("111122223333", "eu-west-1", "aws"))
    aws: Any = OneAtATimeNever(waiting=THREADS)
    observed = Reader(aws, replace(WANTED, secrets=secrets), stack, Registry).read()
    assert observed.secrets == dict.fromkeys(secrets.values(), Secret(exists=True))
    assert isinstance(observed.zones, Unseen) and isinstance(observed.decisions, Unseen)


PLACE = Place("aws", "eu-west-1", "111122223333", names("amica"), "amica")
# Of each switch something that only it asks for, and where.
ASKED = {
    "image_push": ("ecr:PutImage", "arn:aws:ecr:eu-west-1:111122223333:repository/amica-stack"),
    "nat": ("ec2:CreateNatGateway", "*"),
    "endpoints": ("ec2:CreateVpcEndpoint", "*"),
    "network_acls": ("ec2:CreateNetworkAcl", "*"),
    "flow_logs_to_cloudwatch": ("iam:CreateRole", "arn:aws:iam::111122223333:role/amica-vpc-flow-logs-role"),
    "flow_logs_to_s3": ("logs:CreateLogDelivery", "*"),
    "cloudfront_only": ("ec2:DescribeManagedPrefixLists", "*"),
    "listener_rules": ("elasticloadbalancing:DeleteRule", "*"),
    "variants": ("ecs:CreateService", "arn:aws:ecs:eu-west-1:111122223333:service/amica-cluster/amica-service-variant"),
    "traffic_shifts": ("iam:AttachRolePolicy", "arn:aws:iam::111122223333:role/amica-infrastructure-role"),
    "pauses": ("ecs:ContinueServiceDeployment", "*"),
    "scaling": ("application-autoscaling:RegisterScalableTarget", "*"),
    "distribution": ("cloudfront:CreateDistribution", "*"),
    "web_acl": ("wafv2:CreateWebACL", "*"),
    "error_page": ("s3:PutObject", "arn:aws:s3:::amica-error-page-111122223333-eu-west-1/*"),
    "vpc_origin": ("cloudfront:CreateVpcOrigin", "*"),
    "domain": ("acm:RequestCertificate", "*"),
    "load_balancer_logs": ("s3:CreateBucket", "arn:aws:s3:::amica-access-111122223333-eu-west-1"),
    "distribution_logs": ("logs:CreateDelivery", "*"),
    "namespace": ("servicediscovery:CreateHttpNamespace", "*"),
    "alarms": ("cloudwatch:PutMetricAlarm", "*"),
    "notifications": ("sns:Subscribe", "*"),
    "dashboard": ("cloudwatch:PutDashboard", "*"),
    "log_analysis": ("logs:PutMetricFilter", "*"),
    "image_rules": ("ecr:PutReplicationConfiguration", "*"),
    "trail": ("s3:CreateBucket", "arn:aws:s3:::amica-audit-111122223333-eu-west-1"),
    "config": ("s3:CreateBucket", "arn:aws:s3:::amica-config-111122223333-eu-west-1"),
    "security_hub": ("securityhub:EnableSecurityHub", "*"),
    "secretsmanager": (
        "secretsmanager:CreateSecret",
        "arn:aws:secretsmanager:eu-west-1:111122223333:secret:amica/VARIABLE-AbCdEf",
    ),
    "ssm": ("ssm:PutParameter", "arn:aws:ssm:eu-west-1:111122223333:parameter/amica/VARIABLE"),
}


def asked_for(*switches: str) -> set[tuple[str, str]]:
    return {(action, need.resource) for need in needs(PLACE, switches) for action in need.actions}


@pytest.mark.parametrize("switch", SWITCHED)
def test_what_is_switched_on_is_asked_for_and_else_is_not(switch: str) -> None:
    assert ASKED[switch] in asked_for(switch)
    assert ASKED[switch] not in asked_for(*(other for other in SWITCHED if other != switch))
    assert asked_for() < asked_for(switch)


def test_needs_name_actions_of_their_resource_s_service() -> None:
    asked = list(needs(PLACE, SWITCHED))
    assert any("amica-cluster/amica-service" in need.resource for need in asked)
    for need in asked:
        assert len({action.partition(":")[0] for action in need.actions}) == 1
        assert need.resource == "*" or need.resource.split(":")[2] == need.actions[0].partition(":")[0]
        assert "{" not in need.resource


# What takes away, and what other verbs than a deployment do.
NOT_ASKED = re.compile(
    r"(batch_delete|delete|deregister|detach|disable|disassociate|release|remove|stop|untag)_\w+"
    r"|list_instance_profiles_for_role"
    # The log, a shell, the bill, and what the check looks at for its own sake.
    r"|(filter_log_events|start_live_tail|describe_log_streams|get_policy|get_policy_version|get_products)"
    r"|(describe_regions|describe_vpc_endpoint_services|get_caller_identity|get_\w*service_quota|list_hosted_zones|list_role_tags)"
    r"|(simulate_principal_policy|get_origin_access_control)"
)
# What AWS checks for a call of another name.
CHECKED_AS = {
    "create_distribution_with_tags": "create_distribution",
    "get_bucket_lifecycle_configuration": "get_lifecycle_configuration",
    "get_public_access_block": "get_bucket_public_access_block",
    "head_bucket": "list_bucket",
    "list_objects_v2": "list_bucket",
    "put_bucket_lifecycle_configuration": "put_lifecycle_configuration",
    "put_public_access_block": "put_bucket_public_access_block",
}
CLIENTS = {"elasticloadbalancing": "elbv2", "tag": "resourcegroupstaggingapi"}


def operations() -> set[str]:
    """The names of all calls to AWS that stand in the modules, as botocore writes them."""
    session = botocore.session.get_session()
    services = {action.partition(":")[0] for action, _resource in asked_for(*SWITCHED)}
    models = [session.get_service_model(CLIENTS.get(service, service)) for service in services]
    known = {xform_name(name) for model in models for name in model.operation_names}
    sources = [path.read_text() for path in (ROOT / "plugins").rglob("*.py")]
    return known.intersection(word for source in sources for word in re.findall(r"[.\"]([a-z0-9_]+)[\"(]", source))


def test_the_rights_to_all_that_modules_make_change_and_read_are_asked_for() -> None:
    asked = {xform_name(action.partition(":")[2]) for action, _resource in asked_for(*SWITCHED)}
    done = {CHECKED_AS.get(name, name) for name in operations() if not NOT_ASKED.fullmatch(name)}
    assert {"create_service", "continue_service_deployment", "list_bucket"} <= done
    assert done - asked == set()


def test_a_role_is_passed_to_the_service_that_takes_it() -> None:
    passed = {need.resource.rpartition("/")[2]: need.passed_to for need in needs(PLACE, SWITCHED) if need.passed_to}
    assert passed == {
        "amica-execution-role": "ecs-tasks.amazonaws.com",
        "amica-task-role": "ecs-tasks.amazonaws.com",
        "amica-vpc-flow-logs-role": "vpc-flow-logs.amazonaws.com",
        "amica-infrastructure-role": "ecs.amazonaws.com",
        "AWSServiceRoleForConfig": "config.amazonaws.com",
    }


def test_the_role_names_each_switch() -> None:
    switches = yaml.safe_load((ROOT / "roles" / "verify" / "defaults" / "main.yml").read_text())["verify_switches"]
    assert list(switches) == [*SWITCHED, *ENDPOINTS_OF]
