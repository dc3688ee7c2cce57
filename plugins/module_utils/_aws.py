# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One way to AWS for every module: one session a run, clients made when first asked for, errors as one sentence.

aws = clients(module)
with reported(module, "reading the service"):
    answer = aws("ecs").describe_services(cluster="amica-cluster", services=["amica-service"])
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any
from typing import TypeVar
from urllib.parse import urlsplit

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info

try:
    import boto3
    from botocore import exceptions
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError
    from botocore.utils import validate_region_name
except ImportError:
    pass  # AnsibleAWSModule has said so by the time anything here runs.

Answer = TypeVar("Answer")

# Adaptive: waits for its turn when AWS throttles, which a run over ten services in parallel will meet.
ATTEMPTS = 8
NO_CREDENTIALS = (
    "No AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a profile in AWS_PROFILE, "
    "or run where a role provides them"
)
NO_REGION = "No AWS region is set: give the module its region, or set AWS_REGION"
EXPIRED_CODES = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
REJECTED_CODES = (
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidSignatureException",
)
DENIED_CODES = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized")
# CloudFront, its certificates and its tags live in one region of each partition.
GLOBAL_REGIONS = {"aws": "us-east-1", "aws-cn": "cn-northwest-1", "aws-us-gov": "us-gov-west-1"}
# Stands in check mode for what AWS gives to a part that is still to be made.
KNOWN_AFTER_APPLY = "known-after-apply"


class Clients:
    """The clients of one module run, made when first asked for; any thread may ask.

    Region, endpoint, keys, profile, certificates and botocore's own settings are those of the module's options.

    :param tell: gets a sentence for each call that AWS let wait.
    """

    def __init__(
        self,
        region: str,
        endpoint_url: str | None,
        options: Mapping[str, Any],
        tell: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        connection = dict(options)
        profile = connection.pop("profile_name", None)
        config = Config(
            retries={"mode": "adaptive", "total_max_attempts": ATTEMPTS},
            user_agent_extra="amica.stack",
            connect_timeout=10,
            max_pool_connections=20,
        )
        # An address that was given is the whole address: StartLiveTail would put `stream-` before it.
        if endpoint_url or os.environ.get("AWS_ENDPOINT_URL"):
            config = config.merge(Config(inject_host_prefix=False))
        given = connection.pop("aws_config", None)
        self.region = region
        self._tell = tell
        # Called before each request that goes to AWS, the repetition of one among them.
        self.before_request: Callable[[], None] = lambda: None
        self._endpoint_url = endpoint_url or None
        self._config = config.merge(given) if given else config
        self._connection = connection
        self._session: Any = boto3.session.Session(profile_name=profile, region_name=region)
        self._clients: dict[tuple[str, str, int | None], Any] = {}
        self._lock = threading.Lock()
        # What is wrong with region or keys is said here, not by whichever client is made first.
        validate_region_name(region)
        key, secret = connection.get("aws_access_key_id"), connection.get("aws_secret_access_key")
        if bool(key) != bool(secret):
            raise exceptions.PartialCredentialsError(provider="options", cred_var="secret_key" if key else "access_key")
        if not key and self._session.get_credentials() is None:
            raise exceptions.NoCredentialsError

    def __call__(self, service: str, region: str | None = None, attempts: int | None = None) -> Any:
        """The client of a service, by its boto3 name. `attempts`: fewer for a call that must answer soon or never."""
        key = (service, region or self.region, attempts)
        with self._lock:  # A session makes one client at a time.
            if key not in self._clients:
                made = self._session.client(
                    service,
                    region_name=key[1],
                    endpoint_url=self._endpoint_url,
                    config=self._configuration(attempts),
                    **self._connection,
                )
                made.meta.events.register("before-sign", self._asked)
                made.meta.events.register("after-call", self._answered)
                self._clients[key] = made
            return self._clients[key]

    def _asked(self, **_request: Any) -> None:
        self.before_request()

    def _answered(self, parsed: Mapping[str, Any], model: Any, **_more: Any) -> None:
        again = parsed.get("ResponseMetadata", {}).get("RetryAttempts", 0)
        if again:
            self._tell(f"AWS let {model.name} wait: it was asked {again + 1} times before it answered")

    def _configuration(self, attempts: int | None) -> Any:
        if attempts is None:
            return self._config
        return self._config.merge(Config(retries={"mode": "standard", "total_max_attempts": attempts}))

    @property
    def partition(self) -> str:
        """The partition of the region: `aws`, `aws-cn`, `aws-us-gov`, ..."""
        try:
            return str(self._session.get_partition_for_region(self.region))
        except exceptions.UnknownRegionError:
            return "aws"

    @property
    def global_region(self) -> str:
        """Where this partition keeps what belongs to no region, CloudFront's tags and certificates among it."""
        return GLOBAL_REGIONS.get(self.partition, self.region)

    def account_id(self) -> str:
        """The account of the credentials. Asks once or twice, so that a wrong key or endpoint is known at once."""
        return str(self("sts", attempts=2).get_caller_identity()["Account"])


def clients(module: Any) -> Clients:
    """The clients of an AnsibleAWSModule; ends the module with a sentence if region or credentials are missing."""
    with reported(module):
        region, endpoint_url, options = get_aws_connection_info(module)
        if not region:
            module.fail_json(msg=NO_REGION)
        if endpoint_url and not urlsplit(endpoint_url).hostname:
            module.fail_json(msg=f"endpoint_url: {endpoint_url!r} is not an address such as http://127.0.0.1:4566")
        return Clients(region, endpoint_url, options, module.warn)
    raise AssertionError  # pragma: no cover


@contextmanager
def reported(module: Any, doing: str = "") -> Iterator[None]:
    """Ends the module with one sentence when AWS or the way to it fails; `doing` says what was being done."""
    try:
        yield
        return
    except (ClientError, BotoCoreError) as error:
        message, details = sentence(error), error_details(error)
    module.fail_json(msg=f"While {doing}: {message}" if doing else message, error=details)


def error_code(error: BaseException) -> str:
    """AWS's code of an error, such as `ClusterNotFoundException`; the class's name for what never reached AWS."""
    response = getattr(error, "response", None) or {}
    return str(response.get("Error", {}).get("Code") or type(error).__name__)


def error_details(error: BaseException) -> dict[str, Any]:
    """An error as plain data, for a playbook that looks into it."""
    response = getattr(error, "response", None) or {}
    return {
        "code": error_code(error),
        "message": str(response.get("Error", {}).get("Message") or error),
        "operation": getattr(error, "operation_name", None),
        "request_id": response.get("ResponseMetadata", {}).get("RequestId"),
    }


def sentence(error: BaseException) -> str:
    """What went wrong and, where it is known, what to do about it."""
    code, details = error_code(error), error_details(error)
    message = " ".join(str(details["message"]).split()).rstrip(".")
    if isinstance(error, ClientError):
        operation = details["operation"]
        if code in EXPIRED_CODES:
            return f"The AWS credentials have expired: renew them and run again ({message})"
        if code in REJECTED_CODES:
            return f"AWS does not accept the credentials: check the keys and the session token ({message})"
        if code in DENIED_CODES:
            return f"AWS does not allow {operation} with these credentials: {message}"
        return f"AWS refused {operation}: {message} ({code})"
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        return NO_CREDENTIALS
    if isinstance(error, exceptions.NoRegionError):
        return NO_REGION
    if isinstance(error, exceptions.ProfileNotFound):
        return f"{message}: name one of ~/.aws/config in AWS_PROFILE or in the option profile"
    if isinstance(error, (exceptions.SSOError, exceptions.TokenRetrievalError)):
        return f"The single sign-on session has ended: run aws sso login and run again ({message})"
    if isinstance(
        error, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError, exceptions.ConnectionClosedError)
    ):
        return f"AWS could not be reached: {message}. Check the network, the region and endpoint_url"
    return message


def absent_as_none(call: Callable[[], Answer], *codes: str) -> Answer | None:
    """The answer of a call, None where AWS says with one of these codes that the thing does not exist."""
    try:
        return call()
    except ClientError as error:
        if error_code(error) in codes:
            return None
        raise


def tags_to_dict(tags: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    """Tags as a dictionary, whether the service writes Key or key; without AWS's own (aws:...)."""
    pairs = ((tag.get("Key", tag.get("key", "")), tag.get("Value", tag.get("value", ""))) for tag in tags or ())
    return {key: value for key, value in pairs if not key.startswith("aws:")}


def dict_to_tags(tags: Mapping[str, Any], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as AWS's list; ECS writes `key` and `value`."""
    return [{key: str(name), value: str(content)} for name, content in tags.items()]


def tag_changes(before: Mapping[str, str], wanted: Mapping[str, Any] | None) -> tuple[dict[str, str], list[str]]:
    """(tags to write, keys to remove) that make the tags exactly the wanted ones; None wanted: leave them alone."""
    if wanted is None:
        return {}, []
    after = {str(key): str(value) for key, value in wanted.items()}
    write = {key: value for key, value in after.items() if before.get(key) != value}
    return write, sorted(key for key in before if key not in after and not key.startswith("aws:"))


def tags_after(before: Mapping[str, str], wanted: Mapping[str, Any] | None) -> dict[str, str]:
    """The tags once `tag_changes` is made true."""
    write, remove = tag_changes(before, wanted)
    return {key: value for key, value in {**before, **write}.items() if key not in remove}


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The diff of a module: only the fields that differ, nested ones down to the leaf. Both empty: no change."""
    old: dict[str, Any] = {}
    new: dict[str, Any] = {}
    for key in sorted({*before, *after}):
        left, right = before.get(key), after.get(key)
        if left == right:
            continue
        if isinstance(left, Mapping) and isinstance(right, Mapping):
            inner = differing(left, right)
            left, right = inner["before"], inner["after"]
        if key in before:
            old[key] = left
        if key in after:
            new[key] = right
    return {"before": old, "after": new}


def seconds(value: Any) -> float | None:
    """Seconds since 1970 of a time from botocore, which gives datetimes (or numbers, in recorded answers)."""
    if value is None:
        return None
    return float(value.timestamp()) if hasattr(value, "timestamp") else float(value)
