# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps secrets out of what is shown: log lines and AWS's sentences may hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "********"
_NAME = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential"
    r"|authorization|cookie|signature)[\w.-]*"
)
# Quoted, or quoted once more where JSON stands in JSON.
_VALUE = r"""(\\+"(?:(?!\\+").)+\\+" | "(?:[^"\\]|\\.)+" | '(?:[^'\\]|\\.)+' | (?!arn:)[^\s,;&"'}\])]+)"""
# A key with its lines, or what is there of it.
_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?:^[A-Za-z0-9+/=]+\n)*-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL | re.MULTILINE,
)
# Well-known shapes first, then name=value and name: value whatever the quoting, then the password of a URL.
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (_KEY, HIDDEN),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),
    (re.compile(r"\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}"), HIDDEN),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}"), HIDDEN),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(\w+://[^\s:/@]*:)[^\s/@]+(@)"), rf"\g<1>{HIDDEN}\g<2>"),
    (
        # secretsmanager:GetSecretValue is the name of a right.
        re.compile(rf"""(?ix) (\\*["']?(?<![:\w.-])(?!secretsmanager:){_NAME}\\*["']?\s*[=:]\s*) {_VALUE}"""),
        rf"\g<1>{HIDDEN}",
    ),
)


def redacted_lines(texts: Iterable[str]) -> list[str]:
    """Texts that follow each other, a line each, without what looks like a secret, were it one over several lines."""
    return [redact(line) for line in _KEY.sub(HIDDEN, "\n".join(texts)).split("\n")]


def redact(text: str) -> str:
    """The text without what looks like a secret. ARNs stay: they name a secret and do not hold it."""
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
