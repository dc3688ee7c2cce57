#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: cloudfront_error_page
version_added: 1.0.0
short_description: A page in S3 that CloudFront shows while the load balancer cannot answer
description:
  - Makes, corrects or removes a private S3 bucket with one page, its bucket policy, and the origin access control with
    which CloudFront, and nobody else, reads it.
  - The bucket is the page's own. Whatever else lies in it is deleted.
  - What it returns goes into O(amica.stack.cloudfront_distribution#module:error_page).
author:
  - amica.stack contributors (@amica-stack)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
  - amica.stack.attributes
options:
  bucket:
    description: Name of the bucket, and of the origin access control.
    type: str
    required: true
  state:
    description:
      - Whether the page exists. CloudFront lets its origin access control go only when no distribution uses it.
    type: str
    choices: [present, absent]
    default: present
  path:
    description: Path of the page in the distribution.
    type: str
    default: /maintenance/index.html
  html:
    description: The page. Required with O(state=present).
    type: str
  tags:
    description: Tags of the bucket, exactly these.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: There is a page for the time that the chat is down
  amica.stack.cloudfront_error_page:
    bucket: amica-error-page-123456789012
    html: <!doctype html><title>Back soon</title><p>Back soon.
  register: page

- name: CloudFront shows it
  amica.stack.cloudfront_distribution:
    name: amica-distribution
    error_page:
      codes: [502, 503, 504]
      bucket_domain_name: "{{ page.bucket_domain_name }}"
      origin_access_control_id: "{{ page.origin_access_control_id }}"
"""

RETURN = r"""
bucket_domain_name:
  description: Regional domain name of the bucket; empty when there is none.
  returned: always
  type: str
  sample: amica-error-page-123456789012.s3.ap-southeast-1.amazonaws.com
origin_access_control_id:
  description:
    - Id of the origin access control; empty when there is none, C(known-after-apply) in check mode when it is still to
      be made.
  returned: always
  type: str
  sample: E327GJI25M56DG
"""

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils import _cloudfront_error_page as error_page
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported


def argument_spec() -> dict[str, object]:
    return {
        "bucket": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "path": {"type": "str", "default": "/maintenance/index.html"},
        "html": {"type": "str"},
        "tags": {"type": "dict", "default": {}},
    }


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=argument_spec(),
        supports_check_mode=True,
        required_if=[("state", "present", ["html"])],
    )
    given = module.params
    aws = clients(module)
    with reported(module):
        if given["state"] == "absent":
            result = error_page.absent(aws("s3"), aws("cloudfront"), given["bucket"], module.check_mode)
        else:
            page = error_page.Page(
                bucket=given["bucket"],
                path=given["path"],
                html=given["html"],
                region=aws.region,
                account_id=aws.account_id(),
                partition=aws.partition,
                tags={str(key): str(value) for key, value in given["tags"].items()},
            )
            result = error_page.present(aws("s3"), aws("cloudfront"), page, module.check_mode)
    module.exit_json(
        changed=result.changed,
        bucket_domain_name=result.bucket_domain_name,
        origin_access_control_id=result.origin_access_control_id,
        diff=result.diff,
    )


if __name__ == "__main__":
    main()
