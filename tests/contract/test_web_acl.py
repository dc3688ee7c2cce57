# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web ACL as the module makes it on the embedded AWS and as WAF's API shows it."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from support.embedded import EmbeddedAws
from support.run_module import ModuleFailed
from support.run_module import run_module

NOTHING: dict[str, Any] = {"before": {}, "after": {}}


def test_a_web_acl_from_its_beginning_to_its_end(embedded_aws: EmbeddedAws, clients: Any) -> None:
    name = f"acl-{uuid.uuid4().hex[:8]}"
    waf, cloudfront = clients("wafv2", "us-east-1"), clients("cloudfront")

    def web_acl(check: bool = False, **options: Any) -> dict[str, Any]:
        given = {**embedded_aws.options, "name": name, "wait_timeout": 0, **options}
        return run_module("cloudfront_web_acl", given, check=check, diff=True)

    options: dict[str, Any] = {
        "allowed_networks": ["203.0.113.0/24", "2001:db8::/32"],
        "rate_limit": 1000,
        "tags": {"amica:stack": "contract"},
    }
    predicted = web_acl(check=True, **options)
    assert (predicted["changed"], predicted["arn"]) == (True, "known-after-apply")
    assert not waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    made = web_acl(**options)
    assert web_acl(check=True, **options)["diff"] == NOTHING
    assert web_acl(**options) == {**made, "changed": False, "diff": NOTHING}

    (summary,) = waf.list_web_acls(Scope="CLOUDFRONT")["WebACLs"]
    rules = waf.get_web_acl(Name=name, Scope="CLOUDFRONT", Id=summary["Id"])["WebACL"]["Rules"]
    assert [rule["Name"] for rule in rules][:3] == ["allowed", "rate-limit", "AWSManagedRulesCommonRuleSet"]
    overrides = rules[2]["Statement"]["ManagedRuleGroupStatement"]["RuleActionOverrides"]
    assert overrides == [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}]

    changes: list[dict[str, Any]] = [
        {"rate_limit": 500},
        {"rate_limit": 0},
        {"allowed_networks": ["203.0.113.0/25"]},
        {"denied_networks": ["198.51.100.7/32"]},
        {"counted_rules": {}},
        {"managed_rule_groups": ["AWSManagedRulesAmazonIpReputationList"]},
        {"allowed_networks": [], "denied_networks": []},
        {"tags": {"amica:stack": "other"}},
    ]
    for change in changes:
        options |= change
        assert web_acl(check=True, **options)["changed"], change
        assert web_acl(**options)["arn"] == made["arn"]
        assert web_acl(**options)["diff"] == NOTHING, change
    assert not waf.list_ip_sets(Scope="CLOUDFRONT")["IPSets"]

    edge = {**embedded_aws.options, "name": name}
    origin = {"domain_name": "127.0.0.1"}
    run_module("cloudfront_distribution", {**edge, "origin": origin, "web_acl_arn": made["arn"]})
    assert cloudfront.list_distributions()["DistributionList"]["Items"][0]["WebACLId"] == made["arn"]
    with pytest.raises(ModuleFailed, match="something still uses it"):
        web_acl(state="absent")
    run_module("cloudfront_distribution", {**edge, "origin": origin, "web_acl_arn": ""})
    assert web_acl(check=True, state="absent")["changed"]
    assert web_acl(state="absent")["changed"]
    assert not web_acl(state="absent")["changed"]
    run_module("cloudfront_distribution", {**edge, "state": "absent", "wait": True})


def test_what_cannot_be_is_said_at_once(embedded_aws: EmbeddedAws) -> None:
    options = {"denied_networks": ["10.0.0.1/8"], "rate_limit": 5, "managed_rule_groups": []}
    with pytest.raises(ModuleFailed) as failure:
        run_module("cloudfront_web_acl", {**embedded_aws.options, "name": "acl", **options})
    for part in ("has host bits set", "rate_limit: 5", "counted_rules: AWSManagedRulesCommonRuleSet"):
        assert part in str(failure.value)
