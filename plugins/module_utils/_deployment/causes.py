# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The likely cause of a failure and its remedy: a table, searched from top to bottom. Pure.

A row speaks when all that it names is found: words in what AWS and the log say, an exit code, a target's reason, an
outcome. The words are regular expressions, case does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Cause
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Outcome


@dataclass(frozen=True)
class Clues:
    """What there is to go by: `said` by AWS about tasks and service, `logged` by the dead tasks."""

    outcome: Outcome
    said: tuple[str, ...] = ()
    logged: tuple[str, ...] = ()
    exit_codes: tuple[int, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Row:
    name: str
    sentence: str
    remedy: str
    said: str = ""
    logged: str = ""
    exit_code: int | None = None
    target: str = ""
    outcome: Outcome | None = None

    def speaks(self, clues: Clues) -> bool:
        # The architecture's sign is written by the kernel's loader: it may stand in the reason or in the log.
        return (
            matches(self.said, clues.said)
            and matches(self.logged, clues.logged + clues.said)
            # ECS repeats a target's reason in its events, and ELB forgets it with the target.
            and matches(self.target, clues.targets + clues.said)
            and (self.exit_code is None or self.exit_code in clues.exit_codes)
            and (self.outcome is None or self.outcome is clues.outcome)
        )


def matches(pattern: str, texts: Iterable[str]) -> bool:
    return not pattern or any(re.search(pattern, text, re.IGNORECASE) for text in texts)


CAUSES: tuple[Row, ...] = (
    Row(
        "credentials",
        "The AWS credentials of this run are no longer valid.",
        "Renew them and run again; the deployment goes on without this run.",
        outcome=Outcome.CREDENTIALS,
    ),
    Row(
        "permissions",
        "The credentials of this run may not look at the service.",
        "Allow ecs:DescribeServices, ecs:DescribeServiceDeployments, ecs:ListTasks, ecs:DescribeTasks and "
        "elasticloadbalancing:DescribeTargetHealth.",
        outcome=Outcome.DENIED,
    ),
    Row(
        "not_found",
        "There is no such service.",
        "Check cluster, service, region and account; create the service first.",
        outcome=Outcome.NOT_FOUND,
    ),
    Row(
        "deleted",
        "Somebody deleted the service while it was being deployed.",
        "Find out who (CloudTrail, DeleteService), then run the playbook again.",
        outcome=Outcome.SERVICE_GONE,
    ),
    Row(
        "superseded",
        "Another run, or a person, deployed the service meanwhile.",
        "Judge that deployment instead; let one pipeline at a time deploy.",
        outcome=Outcome.SUPERSEDED,
    ),
    Row(
        "digest",
        "The service was deployed with another image than the one that was pushed.",
        "Name the image by digest in the task definition, and deploy again.",
        outcome=Outcome.WRONG_IMAGE,
    ),
    Row(
        "architecture",
        "The image was built for another CPU architecture than the task's.",
        "Build it for the task's architecture (docker build --platform linux/amd64 or linux/arm64), or set the "
        "task definition's runtime platform.",
        logged=r"exec format error|image manifest does not contain descriptor matching platform|no matching manifest",
    ),
    Row(
        "memory",
        "The container used more memory than the task has, and was killed.",
        "Give the task more memory, or make the application use less.",
        said=r"OutOfMemory|out of memory|memory usage",
    ),
    Row(
        "secret",
        "ECS could not read a secret of the task definition.",
        "Check that the secret and its key exist in this region, and that the execution role may read it "
        "(secretsmanager:GetSecretValue or ssm:GetParameters, and kms:Decrypt).",
        said=r"(unable to (pull|retrieve)|fetch(ing)?) secrets?.*(not ?found|not find|denied|not authorized|asm|ssm)"
        r"|retrieved secret .*not contain|invalid ssm parameters|secrets?manager.*(ResourceNotFound|AccessDenied)",
    ),
    Row(
        "role",
        "ECS could not assume the task's execution role or task role.",
        "Check that the role exists and trusts ecs-tasks.amazonaws.com.",
        said=r"unable to assume|verify that the .*role|role.*(does not exist|not found|cannot be assumed)|assume.*role",
    ),
    Row(
        "log_group",
        "ECS could not write to the log group.",
        "Create the log group, or allow the execution role logs:CreateLogStream and logs:PutLogEvents on it.",
        said=r"(log group|log stream|cloudwatch).*(not exist|not found|failed to (create|validate)|AccessDenied)"
        r"|failed to (create|validate|initialize) (the )?(log|cloudwatch)",
    ),
    Row(
        "image",
        "The image is not in the registry under this name or digest.",
        "Push it, and check repository, tag and digest of the task definition; lifecycle rules may have deleted it.",
        said=r"(CannotPull|image).*(not found|manifest unknown|not exist|no such (image|manifest))",
    ),
    Row(
        "registry_access",
        "The execution role may not pull from the registry.",
        "Allow it ecr:GetAuthorizationToken, ecr:BatchCheckLayerAvailability, ecr:GetDownloadUrlForLayer and "
        "ecr:BatchGetImage.",
        said=r"(CannotPull|registry auth|ecr).*(AccessDenied|not authorized|denied|no basic auth|403)",
    ),
    Row(
        "network",
        "The task could not reach a registry, secret or log endpoint: it has no way out.",
        "Give its subnets a route (public address, NAT gateway, VPC endpoints), and its security group egress on 443.",
        said=r"(CannotPull|ResourceInitialization|connection issue|unable to).*"
        r"(time[d ]?out|deadline exceeded|connection (refused|issue)|no route|network|dial tcp|could not connect)",
    ),
    Row(
        "pull",
        "The image could not be pulled.",
        "Look at the reason above: name, tag, rights of the execution role, or the way to the registry.",
        said=r"CannotPull|image cannot be pulled|pull.*(image|failed)",
    ),
    Row(
        "initialization",
        "ECS could not prepare the task.",
        "Look at the reason above: secret, role, log group or network of the task.",
        said=r"ResourceInitializationError",
    ),
    Row(
        "capacity",
        "AWS had no capacity, or the account's quota is used up.",
        "Try again, allow more availability zones, or raise the Fargate vCPU quota.",
        said=r"capacity is unavailable|no capacity|RESOURCE:|reached the limit|quota|InsufficientCapacity",
    ),
    Row(
        "alarm",
        "A CloudWatch alarm of the deployment went off.",
        "Look at the alarm's metric since the deployment began; the new version is what changed.",
        outcome=Outcome.ALARM,
    ),
    Row(
        "alarm",
        "A CloudWatch alarm of the deployment went off.",
        "Look at the alarm's metric since the deployment began; the new version is what changed.",
        said=r"\balarm",
    ),
    Row(
        "by_hand",
        "A person or another program stopped or rolled back the deployment.",
        "Find out who (CloudTrail, StopServiceDeployment), then deploy again.",
        said=r"(stopped|rolled back|requested|initiated) .*(by|due to).*(user|customer)|user (initiated|requested)"
        r"|StopServiceDeployment|rollback requested",
    ),
    Row(
        "by_hand",
        "A person or another program stopped the deployment.",
        "Find out who (CloudTrail, StopServiceDeployment), then deploy again.",
        outcome=Outcome.STOPPED,
    ),
    Row(
        "configuration",
        "The application refused its configuration.",
        "Read its last lines; set the variable or secret they name.",
        logged=r"(configuration|variable|setting)s?\b.*(missing|invalid|wrong|required|not set)|KeyError: '[A-Z_]+'",
    ),
    Row(
        "command",
        "The container's command or entry point could not be started.",
        "Check command and entry point of the task definition against the image.",
        said=r"CannotStartContainer|executable file not found|no such file or directory|permission denied.*exec",
    ),
    Row(
        "memory",
        "The container was killed (exit code 137), most often for want of memory.",
        "Give the task more memory; if it had enough, look whether it ignores SIGTERM when it is stopped.",
        exit_code=137,
    ),
    Row(
        "health_path",
        "The health check's path does not exist in the application.",
        "Point the target group's health check at a path that answers 200, such as /health.",
        target=r"codes: \[404",
    ),
    Row(
        "unready",
        "The application answers its health check with an error.",
        "Look at the application's log: what it needs (database, key, model) may be out of reach.",
        target=r"codes: \[5\d\d",
    ),
    Row(
        "health_path",
        "The health check gets an answer, but not the expected one.",
        "Check the health check's path and matcher against what the application answers.",
        target=r"ResponseCodeMismatch|health checks failed with these codes",
    ),
    Row(
        "crash",
        "The application ends by itself soon after its start.",
        "Read its last lines below; run the same image and command locally.",
        said=r"Essential container|EssentialContainerExited",
    ),
    Row(
        "port",
        "Nothing answers where the load balancer looks: wrong port, closed security group, or a very slow application.",
        "Let the application listen on 0.0.0.0 and the container port, let the tasks' security group admit the load "
        "balancer's, and give the health check's grace period the time that a start needs.",
        target=r"Target\.Timeout|timed out|connection refused|Target\.FailedHealthChecks",
    ),
    Row(
        "health",
        "The load balancer's health check fails.",
        "Check path, port and grace period of the health check, and the application's log.",
        said=r"failed ELB health checks|is unhealthy in",
    ),
    Row(
        "container_health",
        "The container's own health check fails.",
        "Run the health check's command in the container; it may need a tool that the image lacks.",
        said=r"failed container health checks",
    ),
    Row(
        "probe",
        "The service is up, but its public address does not answer as it should.",
        "Check listener, security group, certificate and CloudFront behaviours.",
        said=r"does not answer as it should",
    ),
    Row(
        "wait",
        "The deployment needs longer than this run was told to wait.",
        "Look at the phases: a long drain is the deregistration delay, a long pull the image's size. "
        "Raise wait_timeout if they are right.",
        outcome=Outcome.TIMED_OUT,
    ),
)


def likely_cause(clues: Clues, table: Sequence[Row] = CAUSES) -> Cause | None:
    """The first row that speaks; None for what is no failure and where nothing fits."""
    if clues.outcome in (Outcome.SUCCEEDED, Outcome.PAUSED, Outcome.WAITING):
        return None
    for row in table:
        if row.speaks(clues):
            return Cause(row.name, row.sentence, row.remedy)
    return None
