# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that looks like a secret is shown, and what is no secret stays readable."""

from __future__ import annotations

import pytest
from ansible_collections.amica.stack.plugins.module_utils._deployment.redact import HIDDEN
from ansible_collections.amica.stack.plugins.module_utils._deployment.redact import redact
from ansible_collections.amica.stack.plugins.module_utils._deployment.redact import redacted_lines


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("DB_PASSWORD=hunter22 x", "hunter22"),
        ("password: 'correct horse battery'", "correct horse"),
        ('{"api_key": "abc \\" def", "n": 1}', "abc"),
        ('{"OPENAI_API_KEY": "sk-proj-abcdefghijklmnop1234"}', "sk-proj"),
        ("using sk-abcdefghijklmnopqrstuvwx", "sk-abc"),
        ("postgres://chat:s3cret@db:5432/chat", "s3cret"),
        ("redis://:s3cret@cache", "s3cret"),
        ("Authorization: Bearer abc.def.ghijkl", "abc.def"),
        ("authorization=Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("AKIAABCDEFGHIJKLMNOP", "AKIA"),
        ("cookie: session=abc123", "abc123"),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJ"),
        ("ghp_abcdefghijklmnopqrstuvwxyz0123", "ghp_"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----", "MIIE"),
        ("CHAINLIT_AUTH_SECRET=abcdef", "abcdef"),
        (r'{"message": "got {\"api_key\": \"hunter22\", \"n\": 1}"}', "hunter22"),
    ],
)
def test_hides(text: str, secret: str) -> None:
    shown = redact(text)
    assert secret not in shown
    assert HIDDEN in shown


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):",
        "failed to fetch secret arn:aws:secretsmanager:eu-west-1:111122223333:secret:chat-x from secrets manager",
        "secret arn: arn:aws:secretsmanager:eu-west-1:111122223333:secret:chat-x:key::",
        "GET /health HTTP/1.1 200",
        "r/amica@sha256:" + "0123456789abcdef" * 4,
        "http://10.0.0.1:8080/path",
        "CHAINLIT_AUTH_SECRET is required",
        "allow secretsmanager:GetSecretValue on it",
    ],
)
def test_leaves(text: str) -> None:
    assert redact(text) == text


KEY = ("-----BEGIN PRIVATE KEY-----", "MIIEvQIBADANBgkq", "hkiG9w0BAQEF==", "-----END PRIVATE KEY-----")


@pytest.mark.parametrize("first", range(len(KEY)))
def test_a_key_over_several_lines_is_hidden_from_wherever_they_begin(first: int) -> None:
    assert redacted_lines([*KEY[first:], "after it", "a=1\nb=2"]) == [HIDDEN, "after it", "a=1", "b=2"]
    assert redacted_lines(["before it", *KEY[:2]]) == ["before it", HIDDEN]
