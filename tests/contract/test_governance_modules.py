"""Settings of a whole account on a running embedded AWS: a stack's share comes and goes, what others set stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils._summary import rows
from support.embedded import EmbeddedAws
from support.module import Module
from support.run_module import ModuleFailed
from support.run_module import run_module

Make = Callable[..., Module]
REPOSITORY = "contract-stack"
OTHERS_SCANNING = [
    {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "shop", "filterType": "WILDCARD"}]}
]
OTHERS_COPIES = [
    {
        "destinations": [{"region": "us-west-2", "registryId": "123456789012"}],
        "repositoryFilters": [{"filter": "shop", "filterType": "PREFIX_MATCH"}],
    }
]


@pytest.fixture(scope="module")
def make(embedded_aws: EmbeddedAws) -> Make:
    return lambda module, **options: Module(module, {**embedded_aws.options, **options})


def registry(clients: Any) -> tuple[Any, Any, Any]:
    ecr = clients("ecr")
    scanning = ecr.get_registry_scanning_configuration()["scanningConfiguration"]
    return scanning["scanType"], scanning["rules"], ecr.describe_registry()["replicationConfiguration"]["rules"]


@pytest.fixture
def others(clients: Any) -> Iterator[Any]:
    """A registry with the rules of somebody else."""

    def put(scan_type: str, scanning: list[Any], copies: list[Any]) -> None:
        clients("ecr").put_registry_scanning_configuration(scanType=scan_type, rules=scanning)
        clients("ecr").put_replication_configuration(replicationConfiguration={"rules": copies})

    put("BASIC", OTHERS_SCANNING, OTHERS_COPIES)
    yield put
    put("BASIC", [], [])


@pytest.fixture
def rules(make: Make) -> Module:
    return make("ecr_registry", repository=REPOSITORY, scan_frequency="SCAN_ON_PUSH", replicate_to=["eu-west-1"])


def test_a_repository_s_rules_come_and_go(rules: Module, clients: Any) -> None:
    assert registry(clients) == ("BASIC", [], [])
    rules.comes_and_goes()
    assert registry(clients) == ("BASIC", [], [])


def test_the_rules_of_others_stay(rules: Module, others: Any, clients: Any) -> None:
    rules.comes_and_goes()
    assert registry(clients) == ("BASIC", OTHERS_SCANNING, OTHERS_COPIES)
    rules()
    scan_type, scanning, copies = registry(clients)
    assert scan_type == "BASIC"
    assert [one["filter"] for one in scanning[0]["repositoryFilters"]] == ["shop", REPOSITORY]
    assert copies[0] == OTHERS_COPIES[0]
    rules(state="absent")


@pytest.mark.parametrize(
    "changes",
    [{"scan_frequency": "CONTINUOUS_SCAN"}, {"scan_frequency": None}, {"replicate_to": ["eu-central-1"]}],
    ids=["continuous", "no scan", "region"],
)
def test_each_change_of_the_rules_is_one(rules: Module, others: Any, clients: Any, changes: dict[str, Any]) -> None:
    others("ENHANCED", OTHERS_SCANNING, OTHERS_COPIES)
    rules.changes_once(**changes)
    assert registry(clients)[0] == "ENHANCED"
    rules(state="absent")
    assert registry(clients) == ("ENHANCED", OTHERS_SCANNING, OTHERS_COPIES)


def test_continuous_scanning_needs_the_account_s_scan_type(rules: Module) -> None:
    for check in (True, False):
        with pytest.raises(ModuleFailed, match="needs the scan type ENHANCED"):
            rules(check=check, scan_frequency="CONTINUOUS_SCAN")


@pytest.fixture
def bucket(make: Make) -> Module:
    return make("log_bucket", name="contract-audit", trail="contract-trail", expire_days=30, tags={"a": "b"})


def test_a_bucket_comes_and_goes_with_its_logs(bucket: Module, clients: Any) -> None:
    bucket.comes_and_goes()
    bucket()
    clients("s3").put_object(Bucket="contract-audit", Key="AWSLogs/123456789012/CloudTrail/one.json.gz", Body=b"{}")
    assert not bucket()["changed"]
    assert bucket(state="absent")["changed"]
    assert "contract-audit" not in [one["Name"] for one in clients("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize(
    "changes",
    [{"expire_days": 60}, {"expire_days": 0}, {"trail": "other-trail"}, {"tags": {"a": "c"}}],
    ids=["days", "for ever", "trail", "tags"],
)
def test_each_change_of_a_bucket_is_one(bucket: Module, changes: dict[str, Any]) -> None:
    bucket.changes_once(**changes)
    bucket(state="absent")


PORTS = "VPC_SG_OPEN_ONLY_TO_AUTHORIZED_PORTS"
RULES = {"ECS_CONTAINERS_NONPRIVILEGED": {}, PORTS: {"authorizedTcpPorts": "80,443"}}
RULE = {
    "rulePriority": 1,
    "selection": {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 7},
    "action": {"type": "expire"},
}
TYPES = ["AWS::EC2::SecurityGroup", "AWS::ECS::TaskDefinition"]


def config_of(clients: Any) -> tuple[list[str], list[str], list[str]]:
    """Names of rules, recorders and channels."""
    config = clients("config")
    return (
        sorted(rule["ConfigRuleName"] for rule in config.describe_config_rules()["ConfigRules"]),
        [one["name"] for one in config.describe_configuration_recorders()["ConfigurationRecorders"]],
        [one["name"] for one in config.describe_delivery_channels()["DeliveryChannels"]],
    )


@pytest.fixture
def judged(make: Make) -> Iterator[Module]:
    module = make(
        "config_rules",
        stack="contract",
        bucket="contract-config",
        expire_days=30,
        rules=RULES,
        resource_types=TYPES,
        tags={"a": "b"},
    )
    yield module
    module(state="absent")


def test_rules_come_with_their_recorder_and_go_with_it(judged: Module, clients: Any) -> None:
    judged.comes_and_goes()
    assert config_of(clients) == ([], [], [])
    assert "contract-config" not in [one["Name"] for one in clients("s3").list_buckets()["Buckets"]]
    assert judged()["recorder"] == {"name": "contract-recorder", "own": True, "recording": True}
    assert config_of(clients) == (
        ["contract-ecs-containers-nonprivileged", "contract-vpc-sg-open-only-to-authorized-ports"],
        ["contract-recorder"],
        ["contract-recorder"],
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"rules": {"ECS_CONTAINERS_READONLY_ACCESS": {}, PORTS: {"authorizedTcpPorts": "443"}}},
        {"resource_types": [], "expire_days": 60, "tags": {"a": "c"}},
    ],
    ids=["rules", "the rest"],
)
def test_each_change_of_config_is_one(judged: Module, changes: dict[str, Any]) -> None:
    judged.changes_once(**changes)


def test_what_does_not_meet_a_rule_is_known_and_a_status_names_it(
    judged: Module, embedded_aws: EmbeddedAws, clients: Any
) -> None:
    rules = {"ECR_PRIVATE_LIFECYCLE_POLICY_CONFIGURED": {}, "ECS_CONTAINERS_READONLY_ACCESS": {}, **RULES}
    judged(rules=rules)
    ecr, ecs, mine = clients("ecr"), clients("ecs"), [{"Key": "amica:stack", "Value": "contract"}]
    ecr.create_repository(repositoryName="contract-stack", tags=mine)
    ecr.create_repository(repositoryName="somebodys")
    tags = [{"key": "amica:stack", "value": "contract"}]
    container = {"name": "contract", "image": "nginx", "readonlyRootFilesystem": True}
    arn = ecs.register_task_definition(family="contract-task", containerDefinitions=[container], tags=tags)[
        "taskDefinition"
    ]["taskDefinitionArn"]

    def told() -> list[str]:
        stack = run_module("stack_info", {**embedded_aws.options, "name": "contract"})["stack"]
        return [text for _label, text in rows(stack, {}) if "is not met by" in text]

    lacking = "contract-ecr-private-lifecycle-policy-configured is not met by contract-stack"
    assert told() == [lacking]
    ecr.put_lifecycle_policy(repositoryName="contract-stack", lifecyclePolicyText=json.dumps({"rules": [RULE]}))
    assert told() == []
    ecs.register_task_definition(
        family="contract-task", containerDefinitions=[{"name": "contract", "image": "nginx"}], tags=tags
    )
    assert told() == ["contract-ecs-containers-readonly-access is not met by contract-task:2"]
    for name in ("contract-stack", "somebodys"):
        ecr.delete_repository(repositoryName=name, force=True)
    for one in (arn, arn.replace(":1", ":2")):
        ecs.deregister_task_definition(taskDefinition=one)


def test_what_was_stopped_by_hand_records_again(judged: Module, clients: Any) -> None:
    judged()
    clients("config").stop_configuration_recorder(ConfigurationRecorderName="contract-recorder")
    assert judged(check=True)["changed"] and judged()["changed"]
    (status,) = clients("config").describe_configuration_recorder_status()["ConfigurationRecordersStatus"]
    assert status["recording"]
    assert not judged()["changed"]


@pytest.fixture
def others_recorder(clients: Any) -> Iterator[Any]:
    """AWS Config as somebody else has set it up, with a rule."""
    config = clients("config")
    clients("s3").create_bucket(
        Bucket="others-config", CreateBucketConfiguration={"LocationConstraint": "ap-southeast-1"}
    )
    recorder = {"name": "default", "roleARN": "arn:aws:iam::000000000000:role/other"}
    config.put_configuration_recorder(ConfigurationRecorder=recorder)
    config.put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "others-config"})
    source = {"Owner": "AWS", "SourceIdentifier": "ECS_CONTAINERS_NONPRIVILEGED"}
    config.put_config_rule(ConfigRule={"ConfigRuleName": "contract-two-ecs", "Source": source})
    yield recorder
    config.stop_configuration_recorder(ConfigurationRecorderName="default")
    config.delete_config_rule(ConfigRuleName="contract-two-ecs")
    config.delete_configuration_recorder(ConfigurationRecorderName="default")
    config.delete_delivery_channel(DeliveryChannelName="default")
    clients("s3").delete_bucket(Bucket="others-config")


def test_the_recorder_of_somebody_else_is_used_and_stays(
    judged: Module, others_recorder: dict[str, str], clients: Any
) -> None:
    before = clients("config").describe_configuration_recorders()["ConfigurationRecorders"]
    done = judged()
    assert done["recorder"] == {"name": "default", "own": False, "recording": False}
    assert not judged(check=True)["changed"]
    assert "contract-config" not in [one["Name"] for one in clients("s3").list_buckets()["Buckets"]]
    judged(state="absent")
    assert config_of(clients) == (["contract-two-ecs"], ["default"], ["default"])
    assert clients("config").describe_configuration_recorders()["ConfigurationRecorders"] == before


BEST_PRACTICES = "aws-foundational-security-best-practices/v/1.0.0"
CIS = "cis-aws-foundations-benchmark/v/3.0.0"


@pytest.fixture
def hub(make: Make) -> Iterator[Module]:
    module = make("security_hub", stack="contract", standards=[BEST_PRACTICES], tags={"a": "b"})
    yield module
    module(state="absent")


def test_a_hub_comes_and_goes(hub: Module, clients: Any) -> None:
    hub.comes_and_goes()
    with pytest.raises(clients("securityhub").exceptions.InvalidAccessException):
        clients("securityhub").describe_hub()


def test_a_change_of_the_hub_is_one(hub: Module) -> None:
    hub.changes_once(standards=[CIS], tags={"a": "c"})


def test_the_hub_of_somebody_else_stays(hub: Module, clients: Any) -> None:
    client = clients("securityhub")
    client.enable_security_hub(EnableDefaultStandards=False, Tags={"amica:stack": "other"})
    for check in (True, False):
        done = hub(check=check)
        assert not done["changed"] and done["hub"] == {"own": False, "standards": []}
        assert not hub(check=check, state="absent")["changed"]
    assert client.get_enabled_standards()["StandardsSubscriptions"] == []
    client.disable_security_hub()
