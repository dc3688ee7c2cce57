from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.amica.stack.plugins.filter.secret_resources import secret_resources
from ansible_collections.amica.stack.plugins.filter.setting_problems import setting_problems
from ansible_collections.amica.stack.plugins.filter.stack_summary import stack_summary
from ansible_collections.amica.stack.plugins.module_utils._strategy import strategy_of
from support.machine import ROOT

STACK: dict[str, Any] = {
    "name": "amica",
    "environment": "local",
    "region": "ap-southeast-1",
    "health": "healthy",
    "summary": "1 of 1 tasks healthy",
    "urls": {"load_balancer": "http://127.0.0.1:8088", "cloudfront": None},
    "service": {"running_count": 1, "desired_count": 1, "strategy": strategy_of({})},
    "task_definition": {
        "family": "amica-task",
        "revision": 3,
        "cpu": 256,
        "memory": 512,
        "ephemeral_storage": 20,
        "architecture": "X86_64",
        "environment": ["PORT"],
        "image_digest": "sha256:abc",
    },
    "log_group": {"name": "/ecs/amica-stack", "retention_days": None},
    "distribution": None,
    "absent": False,
}


def test_secrets_are_named_once_and_without_key() -> None:
    secret = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:chat-AbCdEf"
    parameter = "arn:aws:ssm:eu-west-1:111122223333:parameter/chat/token"
    assert secret_resources([f"{secret}:user::", parameter, f"{secret}:password::", secret]) == [secret, parameter]


def test_problems_come_as_sentences() -> None:
    (sentence,) = setting_problems({"vpc_cidr": "x"})
    assert sentence.startswith("vpc_cidr: 'x' is not")


def test_problems_of_something_else_than_variables() -> None:
    with pytest.raises(AnsibleFilterError, match="mapping"):
        setting_problems(["vpc_cidr"])


def test_the_summary_says_where_what_and_what_next() -> None:
    text = "\n".join(stack_summary(STACK, {"runtime": "processes", "endpoint": "http://127.0.0.1:4566"}))
    for part in (
        "http://127.0.0.1:8088",
        "sha256:abc",
        "1 of 1",
        "healthy",
        "/ecs/amica-stack, kept for ever",
        "processes",
        "--tags redeploy",
    ):
        assert part in text
    assert text.count("ansible-playbook") == 3
    assert "CloudFront" not in text


def test_the_summary_of_nothing() -> None:
    nothing = {
        "name": "amica",
        "region": "ap-southeast-1",
        "health": "absent",
        "summary": "nothing stands",
        "absent": True,
    }
    assert stack_summary(nothing) == ["Stack   amica (no profile) in ap-southeast-1", "Health  absent: nothing stands"]


def test_filters_cost_no_library() -> None:
    """Ansible loads all of them in the process of each task that uses one."""
    files = sorted(path.stem for path in (ROOT / "plugins" / "filter").glob("[a-z]*.py"))
    lines = [f"import ansible_collections.amica.stack.plugins.filter.{name}" for name in files]
    program = "\n".join([*lines, "import sys", "print(sorted({'boto3', 'botocore'} & set(sys.modules)))"])
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": str(ROOT / "collections")},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "[]"
