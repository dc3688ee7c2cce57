# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter patterns of CloudWatch Logs: terms, and conditions on the members of JSON; what metric filters write.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

from __future__ import annotations

import json
import operator
import re
from collections import deque
from collections.abc import Callable
from typing import Any

Matcher = Callable[[str], bool]
Condition = Callable[[Any], bool]
Token = tuple[str, str]

TERM = re.compile(r'([-?]?)(?:"((?:\\.|[^"\\])*)"|%([^%]+)%|([^\s"]+))(?:\s+|$)')
PLAIN_TERM = re.compile(r"\+?\w+")
TOKEN = re.compile(
    r"""\s*(?:(?P<selector>\$[^\s=!<>()&|]+)|(?P<sign>&&|\|\||!=|<=|>=|[=<>()])
    |"(?P<quoted>(?:\\.|[^"\\])*)"|%(?P<regex>[^%]+)%|(?P<word>[^\s=!<>()&|"]+))\s*""",
    re.VERBOSE,
)
SELECTOR = re.compile(r"\$(?:\.[\w-]+|\[(?:\d+|\*)\])+")
STEP = re.compile(r"\.([\w-]+)|\[(\d+|\*)\]")
ORDER = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}
CONSTANTS = {"NULL": None, "TRUE": True, "FALSE": False}


class BadPattern(ValueError):
    """CloudWatch Logs would refuse the pattern, or it is of a kind that is not known here."""


def compile_pattern(pattern: str) -> Matcher:
    """Whether a message matches.

    :raises BadPattern: why it cannot be told.
    """
    pattern = pattern.strip()
    if pattern.startswith("["):
        raise BadPattern("The embedded AWS does not know patterns of space-delimited fields")
    try:
        return json_matcher(pattern) if pattern.startswith("{") else term_matcher(pattern)
    except (IndexError, re.error) as problem:
        raise BadPattern("Invalid filter pattern") from problem


def metric_value(wanted: str, message: str) -> float | None:
    """What a metric filter writes for a message: a number, or that of a JSON member; None where there is none.

    :param wanted: `1` or `$.seconds`.
    """
    if not wanted.startswith("$"):
        return as_number(wanted)
    try:
        found = found_at(json.loads(message), steps(wanted))
    except ValueError:
        return None
    return float(found[0]) if found and is_number(found[0]) else None


def term_matcher(pattern: str) -> Matcher:
    """All terms, none of the -excluded; or, where there are only those, one of the ?optional."""
    terms: dict[str, list[re.Pattern[str]]] = {"": [], "-": [], "?": []}
    place = 0
    while place < len(pattern):
        found = TERM.match(pattern, place)
        if not found:
            raise BadPattern("Invalid filter pattern")
        kind, quoted, regex, word = found.groups()
        if word and not PLAIN_TERM.fullmatch(word):
            raise BadPattern(f"Invalid character(s) in term '{word}'")
        text = unescaped(quoted) if quoted is not None else (word or "").removeprefix("+")
        terms[kind].append(re.compile(regex or re.escape(text)))
        place = found.end()
    optional = [] if terms[""] or terms["-"] else terms["?"]
    return lambda message: (
        all(term.search(message) for term in terms[""])
        and not any(term.search(message) for term in terms["-"])
        and (not optional or any(term.search(message) for term in optional))
    )


def json_matcher(pattern: str) -> Matcher:
    if not pattern.endswith("}"):
        raise BadPattern("Invalid filter pattern")
    tokens = tokenized(pattern[1:-1])
    condition = either(tokens)
    if tokens:
        raise BadPattern("Invalid filter pattern")

    def matches(message: str) -> bool:
        try:
            return condition(json.loads(message))
        except ValueError:
            return False

    return matches


def tokenized(text: str) -> deque[Token]:
    tokens: deque[Token] = deque()
    place = 0
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None or found.lastgroup is None:
            raise BadPattern("Invalid filter pattern")
        tokens.append((found.lastgroup, found[found.lastgroup]))
        place = found.end()
    return tokens


def taken(tokens: deque[Token], *wanted: Token) -> bool:
    """Whether the next token was one of the wanted; it is gone then."""
    if tokens and tokens[0] in wanted:
        tokens.popleft()
        return True
    return False


def either(tokens: deque[Token]) -> Condition:
    parts = [both(tokens)]
    while taken(tokens, ("sign", "||")):
        parts.append(both(tokens))
    return lambda document: any(part(document) for part in parts)


def both(tokens: deque[Token]) -> Condition:
    parts = [single(tokens)]
    while taken(tokens, ("sign", "&&")):
        parts.append(single(tokens))
    return lambda document: all(part(document) for part in parts)


def single(tokens: deque[Token]) -> Condition:
    """One comparison, or a condition in parentheses."""
    if taken(tokens, ("sign", "(")):
        inner = either(tokens)
        if not taken(tokens, ("sign", ")")):
            raise BadPattern("Invalid filter pattern")
        return inner
    kind, selector = tokens.popleft()
    if kind != "selector" or not SELECTOR.fullmatch(selector):
        raise BadPattern(f"Invalid selector: {selector}")
    path = steps(selector)
    sign, value = tokens.popleft(), tokens.popleft()
    if sign == ("word", "NOT") and value == ("word", "EXISTS"):
        return lambda document: not found_at(document, path)
    test = comparison(sign, value)
    return lambda document: any(test(item) for item in found_at(document, path))


def comparison(sign: Token, value: Token) -> Condition:
    """What a member's value has to be."""
    kind, text = value
    if sign == ("word", "IS") and text in CONSTANTS:
        return lambda item: item is CONSTANTS[text]
    number = as_number(text) if kind == "word" else None
    if sign[1] in ORDER and number is not None:
        return lambda item: is_number(item) and ORDER[sign[1]](item, number)
    if sign not in (("sign", "="), ("sign", "!=")) or kind not in ("word", "quoted", "regex"):
        raise BadPattern("Invalid filter pattern")
    plain = unescaped(text) if kind == "quoted" else text
    wanted = re.compile(text if kind == "regex" else ".*".join(map(re.escape, plain.split("*"))), re.DOTALL)
    match = wanted.search if kind == "regex" else wanted.fullmatch

    def same(item: Any) -> bool:
        if number is not None and is_number(item):
            return bool(item == number)
        return match(item if isinstance(item, str) else json.dumps(item)) is not None

    return same if sign[1] == "=" else lambda item: not same(item)


def steps(selector: str) -> list[str]:
    return [name or place for name, place in STEP.findall(selector)]


def found_at(document: Any, path: list[str]) -> list[Any]:
    """The values at a path; several where it has `[*]`."""
    found = [document]
    for step in path:
        found = [inner for item in found for inner in entered(item, step)]
    return found


def entered(item: Any, step: str) -> list[Any]:
    if isinstance(item, dict):
        return [item[step]] if step in item else []
    if not isinstance(item, list):
        return []
    if step == "*":
        return item
    return item[int(step) : int(step) + 1] if step.isdecimal() else []


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def is_number(item: Any) -> bool:
    return isinstance(item, (int, float)) and not isinstance(item, bool)
