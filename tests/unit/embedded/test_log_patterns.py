# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter patterns of CloudWatch Logs, most of them the examples of its documentation."""

from __future__ import annotations

import json

import pytest
from embedded_aws.log_patterns import BadPattern
from embedded_aws.log_patterns import compile_pattern

EVENT = json.dumps(
    {
        "eventType": "UpdateTrail",
        "sourceIPAddress": "111.111.111.111",
        "arrayKey": ["value", "another value"],
        "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
        "SomeObject": None,
        "cluster.name": "c",
        "latency": 2.5,
        "done": True,
        "user": {"id": 4, "e-mail": "x@y"},
    }
)


@pytest.mark.parametrize(
    ("pattern", "message", "matches"),
    [
        ("", "anything", True),
        ("ERROR", "[ERROR 400] BAD REQUEST", True),
        ("ERROR", "an error", False),
        ("ERROR ARGUMENTS", "ERROR: missing ARGUMENTS", True),
        ("ERROR ARGUMENTS", "ERROR 400", False),
        ("ARGUMENTS ERROR", "ERROR: missing ARGUMENTS", True),
        ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", True),
        ('"INTERNAL SERVER ERROR"', "INTERNAL ERROR OF THE SERVER", False),
        ('"say \\"hi\\""', 'they say "hi"', True),
        ("ERROR -ARGUMENTS", "ERROR 400", True),
        ("ERROR -ARGUMENTS", "ERROR: missing ARGUMENTS", False),
        ('ERROR -"BAD REQUEST"', "ERROR 400 BAD REQUEST", False),
        ("-ERROR", "fine", True),
        ("?ERROR ?ARGUMENTS", "missing ARGUMENTS", True),
        ("?ERROR ?ARGUMENTS", "fine", False),
        ("?ERROR REQUEST", "BAD REQUEST", True),
        ("%4[0-9]{2}%", "status 404", True),
        ("%4[0-9]{2}%", "status 504", False),
    ],
)
def test_terms(pattern: str, message: str, matches: bool) -> None:
    assert compile_pattern(pattern)(message) is matches


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('{ $.eventType = "UpdateTrail" }', True),
        ('{ $.eventType = "updatetrail" }', False),
        ("{ $.eventType = UpdateTrail }", True),
        ('{ $.eventType = "Update*" }', True),
        ("{ $.eventType = %Trail$% }", True),
        ("{ $.eventType = * }", True),
        ("{ $.nothing = * }", False),
        ("{ $.sourceIPAddress != 123.123.* }", True),
        ("{ $.sourceIPAddress != 111.111.* }", False),
        ("{ $.nothing != 1 }", False),
        ('{ $.arrayKey[0] = "value" }', True),
        ('{ $.arrayKey[7] = "value" }', False),
        ('{ $.arrayKey[*] = "another value" }', True),
        ("{ $.objectList[1].id = 2 }", True),
        ("{ $.latency > 2 }", True),
        ("{ $.latency >= 2.5 }", True),
        ("{ $.latency < 2.5 }", False),
        ("{ $.latency <= 1e1 }", True),
        ("{ $.eventType > 1 }", False),
        ("{ $.done > 0 }", False),
        ("{ $.SomeObject IS NULL }", True),
        ("{ $.nothing IS NULL }", False),
        ("{ $.nothing NOT EXISTS }", True),
        ("{ $.SomeObject NOT EXISTS }", False),
        ("{ $.done IS TRUE }", True),
        ("{ $.done IS FALSE }", False),
        ('{ ($.user.id = 4) && ($.user.e-mail = "x@y") }', True),
        ("{ $.user.id = 4 && $.latency = 1 }", False),
        ("{ $.user.id = 1 || $.latency = 2.5 }", True),
        ("{ $.user.id = 4 || $.nothing = 1 && $.latency = 1 }", True),
        ("{ ($.user.id = 4 || $.nothing = 1) && $.latency = 1 }", False),
    ],
)
def test_json(pattern: str, matches: bool) -> None:
    assert compile_pattern(pattern)(EVENT) is matches


@pytest.mark.parametrize("message", ["no JSON", '"a string"', "[1]", "3"])
def test_other_messages_match_no_condition_on_members(message: str) -> None:
    assert compile_pattern("{ $.a = * }")(message) is False


@pytest.mark.parametrize(
    "pattern",
    [
        "{", "{}", "{ $.a }", "{ $.a = }", "{ a = 1 }", "{ $. = 1 }", "{ ($.a = 1 }", "{ $.a = 1 ) }",
        "{ $.a = 1 $.b = 2 }", "{ $.a = 1 && }", '{ $.a > "x" }', "{ $.a IS 3 }", "{ $.a = %(% }",
        "a.b", 'open "end', "[a, b]",
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compile_pattern(pattern)
