from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.amica.stack.plugins.module_utils import _aws
from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from botocore import exceptions
from botocore.stub import Stubber
from support.fake_clock import FakeClock

KEYS = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "aws_session_token": None, "verify": True}


class Failed(Exception):
    """What a module says when it fails."""


class Module:
    """As much of an AnsibleAWSModule as is needed to reach AWS."""

    def __init__(self, **params: Any) -> None:
        self.params = {"region": "eu-west-1", "access_key": "k", "secret_key": "s", "validate_certs": True, **params}

    def warn(self, sentence: str) -> None:
        self.warnings = [*getattr(self, "warnings", []), sentence]

    def fail_json(self, msg: str, **details: Any) -> None:
        self.details = details
        raise Failed(msg)


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_DEFAULT_PROFILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def refused(code: str, message: str = "the reason.") -> exceptions.ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"RequestId": "r-1"}}
    return exceptions.ClientError(response, "DescribeServices")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (exceptions.NoCredentialsError(), _aws.NO_CREDENTIALS),
        (exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY"), _aws.NO_CREDENTIALS),
        (exceptions.NoRegionError(), _aws.NO_REGION),
        (refused("ExpiredToken"), "The AWS credentials have expired: renew them and run again (the reason)"),
        (
            refused("UnrecognizedClientException"),
            "AWS does not accept the credentials: check the keys and the session token (the reason)",
        ),
        (refused("AccessDeniedException"), "AWS does not allow DescribeServices with these credentials: the reason"),
        (refused("InvalidParameterException"), "AWS refused DescribeServices: the reason (InvalidParameterException)"),
        (
            exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1/"),
            'AWS could not be reached: Could not connect to the endpoint URL: "http://127.0.0.1:1/". '
            "Check the network, the region and endpoint_url",
        ),
        (
            exceptions.UnauthorizedSSOTokenError(),
            "The single sign-on session has ended: run aws sso login and run again "
            "(The SSO session associated with this profile has expired or is otherwise invalid. "
            "To refresh this SSO session run aws sso login with the corresponding profile)",
        ),
        (
            exceptions.ProfileNotFound(profile="x"),
            "The config profile (x) could not be found: "
            "name one of ~/.aws/config in AWS_PROFILE or in the option profile",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_error_is_one_sentence(error: Exception, said: str) -> None:
    assert _aws.sentence(error) == said
    assert "\n" not in said


def test_an_error_ends_the_module_with_its_details() -> None:
    module = Module()
    with pytest.raises(Failed, match="While reading the service: AWS refused"), reported(module, "reading the service"):
        raise refused("ClusterNotFoundException")
    assert module.details["error"] == {
        "code": "ClusterNotFoundException",
        "message": "the reason.",
        "operation": "DescribeServices",
        "request_id": "r-1",
    }


def test_what_is_no_error_of_aws_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), reported(Module()):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"region": None}, "No AWS region is set"),
        ({"access_key": None, "secret_key": None}, "No AWS credentials were found"),
        ({"access_key": "", "secret_key": ""}, "No AWS credentials were found"),
        ({"secret_key": None}, "No AWS credentials were found"),
        ({"region": "eu west 1"}, "Provided region_name 'eu west 1' doesn't match a supported format"),
        ({"access_key": None, "secret_key": None, "profile": "nobody"}, r"The config profile \(nobody\) could not be"),
        ({"profile": "nobody"}, "Passing both a profile and access tokens"),
    ],
    ids=["region", "keys", "empty keys", "no secret", "no region", "profile", "both"],
)
def test_a_missing_way_to_aws_is_one_sentence(params: dict[str, Any], said: str) -> None:
    with pytest.raises(Failed, match=said):
        clients(Module(**params))


def test_an_endpoint_that_is_none_is_one_sentence() -> None:
    with pytest.raises(Failed, match="endpoint_url: 'nowhere' is not an address"):
        clients(Module(endpoint_url="nowhere"))


def test_a_client_is_made_once_whoever_asks() -> None:
    aws = clients(Module(endpoint_url="http://127.0.0.1:1"))
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(lambda number: id(aws("sts")), range(32)))
    assert len(made) == 1
    assert aws("sts").meta.endpoint_url == "http://127.0.0.1:1"
    assert aws("sts", region="us-east-1") is not aws("sts")


def test_settings_of_botocore_win() -> None:
    aws = clients(Module(aws_config={"retries": {"mode": "standard", "total_max_attempts": 1}}))
    assert aws("sts").meta.config.retries["total_max_attempts"] == 1
    assert clients(Module())("sts").meta.config.retries["mode"] == "adaptive"
    assert clients(Module())("sts", attempts=2).meta.config.retries["total_max_attempts"] == 2


@pytest.mark.parametrize(
    ("region", "partition", "home"),
    [
        ("ap-southeast-1", "aws", "us-east-1"),
        ("cn-north-1", "aws-cn", "cn-northwest-1"),
        ("mars-north-1", "aws", "us-east-1"),
    ],
)
def test_what_belongs_to_no_region_has_a_home(region: str, partition: str, home: str) -> None:
    aws = Clients(region, None, KEYS)
    assert (aws.partition, aws.global_region) == (partition, home)


def test_the_account_is_that_of_the_credentials() -> None:
    aws = Clients("eu-west-1", None, KEYS)
    with Stubber(aws("sts", attempts=2)) as stub:
        stub.add_response("get_caller_identity", {"Account": "111122223333"})
        assert aws.account_id() == "111122223333"


def test_each_request_is_announced_and_so_is_its_repetition() -> None:
    aws = clients(Module(endpoint_url="http://127.0.0.1:1"))
    announced: list[str] = []
    sts = aws("sts", attempts=2)
    aws.before_request = lambda: announced.append("a request")
    with pytest.raises(exceptions.EndpointConnectionError):
        sts.get_caller_identity()
    assert announced == ["a request"] * 2


def test_absent_is_none_and_other_errors_are_errors() -> None:
    def call(code: str) -> Callable[[], str]:
        def raising() -> str:
            raise refused(code)

        return raising

    assert _aws.absent_as_none(call("Gone"), "Gone", "Missing") is None
    assert _aws.absent_as_none(lambda: "here", "Gone") == "here"
    with pytest.raises(exceptions.ClientError):
        _aws.absent_as_none(call("Throttling"), "Gone")


def test_tags_in_both_spellings() -> None:
    assert _aws.tags_to_dict([{"Key": "a", "Value": "1"}, {"Key": "aws:x", "Value": "2"}]) == {"a": "1"}
    assert _aws.tags_to_dict([{"key": "a", "value": "1"}]) == {"a": "1"}
    assert _aws.tags_to_dict(None) == {}
    assert _aws.dict_to_tags({"a": 1}) == [{"Key": "a", "Value": "1"}]
    assert _aws.dict_to_tags({"a": 1}, "key", "value") == [{"key": "a", "value": "1"}]


@pytest.mark.parametrize(
    ("before", "wanted", "write", "remove"),
    [
        ({"a": "1"}, None, {}, []),
        ({"a": "1"}, {"a": 1}, {}, []),
        ({"a": "1", "b": "2", "aws:x": "3"}, {"a": "4", "c": "5"}, {"a": "4", "c": "5"}, ["b"]),
        ({"a": "1"}, {}, {}, ["a"]),
    ],
)
def test_tags_become_exactly_the_wanted_ones(
    before: dict[str, str], wanted: dict[str, Any] | None, write: dict[str, str], remove: list[str]
) -> None:
    assert _aws.tag_changes(before, wanted) == (write, remove)


def test_a_diff_holds_only_what_differs() -> None:
    before = {"same": 1, "inner": {"same": [1], "changed": 2, "gone": 3}, "list": [1, 2]}
    after = {"same": 1, "inner": {"same": [1], "changed": 4, "new": 5}, "list": [2, 1]}
    assert _aws.differing(before, after) == {
        "before": {"inner": {"changed": 2, "gone": 3}, "list": [1, 2]},
        "after": {"inner": {"changed": 4, "new": 5}, "list": [2, 1]},
    }
    assert _aws.differing(before, before) == {"before": {}, "after": {}}


@pytest.mark.parametrize(
    ("true_from", "answer", "naps"),
    [(0, True, []), (25, True, [10, 10, 5]), (26, False, [10, 10, 5])],
    ids=["at once", "at the last moment", "never"],
)
def test_waiting_asks_until_the_time_is_over(true_from: int, answer: bool, naps: list[float]) -> None:
    clock = FakeClock()
    assert clock.wait(25, 10).until(lambda: clock.time >= true_from) is answer
    assert clock.naps == naps


def test_calls_that_aws_let_wait_are_told_and_the_others_are_not() -> None:
    module = Module()
    ec2 = clients(module)("ec2")
    for again in (0, 3):
        with Stubber(ec2) as answer:
            answer.add_response("describe_vpcs", {"Vpcs": [], "ResponseMetadata": {"RetryAttempts": again}})
            ec2.describe_vpcs()
    assert module.warnings == ["AWS let DescribeVpcs wait: it was asked 4 times before it answered"]
