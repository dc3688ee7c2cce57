# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a call to AWS brought nothing, and whether waiting helps."""

from __future__ import annotations

import contextlib
import enum

with contextlib.suppress(ImportError):  # AnsibleAWSModule has said so by the time anything here runs.
    from botocore.exceptions import ClientError

from ansible_collections.amica.stack.plugins.module_utils._aws import DENIED_CODES
from ansible_collections.amica.stack.plugins.module_utils._aws import EXPIRED_CODES
from ansible_collections.amica.stack.plugins.module_utils._aws import REJECTED_CODES
from ansible_collections.amica.stack.plugins.module_utils._aws import error_code

THROTTLED_CODES = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
    }
)
OUTAGE_CODES = frozenset(
    {
        "ServerException",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    }
)
# What botocore raises itself when it cannot sign a call any more.
CREDENTIAL_WORDS = ("Credential", "SSO", "TokenRetrieval", "LoginRefresh")


class Trouble(enum.Enum):
    """THROTTLED and OUTAGE pass; EXPIRED and DENIED need a person."""

    THROTTLED = "throttled"
    OUTAGE = "outage"
    EXPIRED = "expired"
    DENIED = "denied"


def trouble_of(error: BaseException) -> Trouble | None:
    """Why a call brought nothing; None for an error that is the caller's own mistake."""
    code = error_code(error)
    if not isinstance(error, ClientError):
        return Trouble.EXPIRED if any(word in code for word in CREDENTIAL_WORDS) else Trouble.OUTAGE
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in THROTTLED_CODES:
        return Trouble.THROTTLED
    if code in EXPIRED_CODES or code in REJECTED_CODES:
        return Trouble.EXPIRED
    if code in DENIED_CODES:
        return Trouble.DENIED
    return Trouble.OUTAGE if code in OUTAGE_CODES or status >= 500 else None
