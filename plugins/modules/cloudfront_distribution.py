#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_distribution
version_added: 1.0.0
short_description: A CloudFront distribution over a load balancer
description:
  - Makes, corrects or removes a CloudFront distribution that carries a web application with WebSockets from a load
    balancer to its viewers. All methods pass uncached with every header, cookie and query string; the paths of
    O(cached_paths) are kept at the edge; plain HTTP is redirected to HTTPS.
  - The distribution is known by its comment, which is O(name).
  - Compares the whole configuration and writes only on a difference. What no option names (logging, functions,
    further origins) stays as it is, and so does every option that is not given.
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
options:
  name:
    description: Identity of the distribution, kept as its comment; at most 128 characters.
    type: str
    required: true
  state:
    description:
      - V(present) makes or corrects the distribution.
      - V(absent) disables it, waits until every edge location knows, and deletes it. A run that was cut short is
        continued by the next.
    type: str
    choices: [present, absent]
    default: present
  origin:
    description: The load balancer.
    type: dict
    suboptions:
      domain_name:
        description: DNS name of the load balancer. A new distribution needs it.
        type: str
      http_port:
        description: Port on which the load balancer takes HTTP; V(80) for a new distribution.
        type: int
      https_port:
        description: Port on which the load balancer takes HTTPS; V(443) for a new distribution.
        type: int
      protocol:
        description: What CloudFront speaks with the load balancer; V(http-only) for a new distribution.
        type: str
        choices: [http-only, https-only, match-viewer]
      read_timeout:
        description: Seconds that CloudFront waits for an answer; V(30) for a new distribution.
        type: int
      keepalive_timeout:
        description: Seconds that CloudFront keeps an idle connection to the load balancer; V(5) for a new distribution.
        type: int
      vpc_origin_id:
        description:
          - VPC origin through which CloudFront reaches an internal load balancer; ports and protocol are then its own.
          - Empty for a load balancer with an address in the internet, as a new distribution has it.
        type: str
      custom_headers:
        description:
          - Names and values of the headers that CloudFront adds to what it asks the load balancer, exactly these. With
            a secret value the load balancer knows that a request came this way.
        type: dict
  aliases:
    description: Domain names of one's own, exactly these. They need O(certificate_arn).
    type: list
    elements: str
  certificate_arn:
    description:
      - ARN of the ACM certificate for O(aliases), in us-east-1.
      - Empty for CloudFront's own name and certificate, as a new distribution has it.
    type: str
  minimum_tls:
    description: Oldest TLS version that viewers may speak, such as V(TLSv1.2_2021). Holds with O(certificate_arn) only.
    type: str
  price_class:
    description: Which edge locations serve.
    type: str
    choices: [PriceClass_100, PriceClass_200, PriceClass_All]
  http_version:
    description: Newest HTTP version that viewers may speak.
    type: str
    choices: [http1.1, http2, http3, http2and3]
  ipv6:
    description: Whether CloudFront answers over IPv6.
    type: bool
  cached_paths:
    description:
      - Path patterns that the edge caches, exactly these, such as V(/assets/*). No cookie reaches the load balancer
        with them, so none of its cookies can be cached.
    type: list
    elements: str
  response_headers_policy_id:
    description:
      - Policy of the headers that CloudFront adds to answers, such as V(67f7725c-6f97-4210-82d7-5512b31e9d03), AWS's
        own with security headers. Empty for none.
    type: str
  web_acl_arn:
    description: ARN of the AWS WAF web ACL, made in us-east-1 with the scope C(CLOUDFRONT). Empty for none.
    type: str
  error_page:
    description: A page in an S3 bucket that viewers see while the load balancer cannot answer.
    type: dict
    suboptions:
      codes:
        description:
          - HTTP status codes of the load balancer whose answers the page replaces; viewers still get the code.
            Empty for none.
        type: list
        elements: int
        default: []
      path:
        description: Path of the page; its whole folder comes from the bucket.
        type: str
        default: /maintenance/index.html
      bucket_domain_name:
        description: Regional domain name of the bucket.
        type: str
        default: ""
      origin_access_control_id:
        description: Origin access control with which CloudFront signs its requests to the bucket. Empty for none.
        type: str
        default: ""
      caching_ttl:
        description: Seconds that the edge shows the page without asking the load balancer again.
        type: int
        default: 10
  enabled:
    description: Whether the distribution serves.
    type: bool
    default: true
  tags:
    description: Tags of the distribution, exactly these. AWS's own stay.
    type: dict
  wait:
    description:
      - Whether to wait until every edge location has the change; it takes minutes.
      - With O(state=absent) and without waiting, a run goes as far as CloudFront lets it and the next one goes on.
    type: bool
    default: false
  wait_timeout:
    description: Seconds to wait at most.
    type: int
    default: 1800
"""

EXAMPLES = r"""
- name: The edge serves the chat
  amica.stack.cloudfront_distribution:
    name: amica-distribution
    origin:
      domain_name: amica-alb-1234567890.ap-southeast-1.elb.amazonaws.com
      read_timeout: 60
    cached_paths: [/assets/*]
    price_class: PriceClass_200
    tags:
      amica:stack: amica

- name: The edge is gone
  amica.stack.cloudfront_distribution:
    name: amica-distribution
    state: absent
    wait: true
"""

RETURN = r"""
distribution:
  description: The distribution as it stands after the run; none when there is none.
  returned: always
  type: dict
  contains:
    id:
      description: Id of the distribution.
      type: str
      sample: E2QWRUHAPOMQZL
    arn:
      description: ARN of the distribution.
      type: str
      sample: arn:aws:cloudfront::123456789012:distribution/E2QWRUHAPOMQZL
    domain_name:
      description: CloudFront's own name of the distribution.
      type: str
      sample: d111111abcdef8.cloudfront.net
    status:
      description: V(InProgress) until every edge location has the last change, then V(Deployed).
      type: str
      sample: Deployed
    enabled:
      description: Whether it serves.
      type: bool
      sample: true
"""

import time

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _cloudfront
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._wait import Wait

PAUSE_SECONDS = 10


def argument_spec() -> dict[str, object]:
    origin = {
        "domain_name": {"type": "str"},
        "http_port": {"type": "int"},
        "https_port": {"type": "int"},
        "protocol": {"type": "str", "choices": ["http-only", "https-only", "match-viewer"]},
        "read_timeout": {"type": "int"},
        "keepalive_timeout": {"type": "int"},
        "vpc_origin_id": {"type": "str"},
        "custom_headers": {"type": "dict"},
    }
    error_page = {
        "codes": {"type": "list", "elements": "int", "default": []},
        "path": {"type": "str", "default": "/maintenance/index.html"},
        "bucket_domain_name": {"type": "str", "default": ""},
        "origin_access_control_id": {"type": "str", "default": ""},
        "caching_ttl": {"type": "int", "default": 10},
    }
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "origin": {"type": "dict", "options": origin},
        "aliases": {"type": "list", "elements": "str"},
        "certificate_arn": {"type": "str"},
        "minimum_tls": {"type": "str"},
        "price_class": {"type": "str", "choices": ["PriceClass_100", "PriceClass_200", "PriceClass_All"]},
        "http_version": {"type": "str", "choices": ["http1.1", "http2", "http3", "http2and3"]},
        "ipv6": {"type": "bool"},
        "cached_paths": {"type": "list", "elements": "str"},
        "response_headers_policy_id": {"type": "str"},
        "web_acl_arn": {"type": "str"},
        "error_page": {"type": "dict", "options": error_page},
        "enabled": {"type": "bool", "default": True},
        "tags": {"type": "dict"},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 1800},
    }


def main() -> None:
    module = AnsibleAWSModule(argument_spec=argument_spec(), supports_check_mode=True)
    given = module.params
    wait = Wait(given["wait_timeout"], PAUSE_SECONDS) if given["wait"] else None
    try:
        with reported(module):
            if given["state"] == "absent":
                client = clients(module)("cloudfront")
                result = _cloudfront.absent(client, given["name"], module.check_mode, wait)
            else:
                options = _cloudfront.Options(
                    origin=_cloudfront.Origin(**(given["origin"] or {})),
                    error_page=_cloudfront.ErrorPage(**given["error_page"]) if given["error_page"] else None,
                    **{name: given[name] for name in _cloudfront.OPTION_NAMES},
                )
                problems = _cloudfront.problems(options)
                if problems:
                    module.fail_json(msg=". ".join(problems))
                client = clients(module)("cloudfront")
                reference = f"{options.name}-{time.time_ns()}"
                result = _cloudfront.present(client, options, given["tags"], module.check_mode, wait, reference)
    except _cloudfront.DistributionError as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=result.changed, distribution=result.distribution, diff=result.diff)


if __name__ == "__main__":
    main()
