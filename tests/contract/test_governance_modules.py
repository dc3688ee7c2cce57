"""Settings of a whole account on a running embedded AWS: a stack's share comes and goes, what others set stays."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.module import Module
from support.run_module import ModuleFailed

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
