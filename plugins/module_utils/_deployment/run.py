# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A watch as the modules ask for it, from their options to their results."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import Clients
from ansible_collections.amica.stack.plugins.module_utils._deployment.model import Wanted
from ansible_collections.amica.stack.plugins.module_utils._deployment.observe import Observer
from ansible_collections.amica.stack.plugins.module_utils._deployment.probe import ProbeOptions
from ansible_collections.amica.stack.plugins.module_utils._deployment.probe import prober
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import as_result
from ansible_collections.amica.stack.plugins.module_utils._deployment.report import prose
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Budget
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Clock
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Patience
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import Watched
from ansible_collections.amica.stack.plugins.module_utils._deployment.watch import watch


def teller(path: str | None) -> Callable[[str], None]:
    """What gets each line of progress: the file, if one was given."""
    if not path:
        return lambda line: None

    def tell(line: str) -> None:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    return tell


def id_problem(deployment_id: str | None) -> str | None:
    """Why this can be no deployment's id."""
    if deployment_id and not deployment_id.startswith(("ecs-svc/", "arn:")):
        return f"deployment_id: {deployment_id!r} is no deployment. Write ecs-svc/... or a service deployment's ARN"
    return None


def watch_deployment(
    aws: Clients,
    options: Mapping[str, Any],
    check: bool,
    clock: Clock,
    tell: Callable[[str], None],
    *,
    detailed: bool,
) -> Watched:
    """Watch the deployment that these options of ecs_service_health name; in check mode look once and do nothing."""
    service, cluster = (options[name].rsplit("/", 1)[-1] for name in ("service", "cluster"))
    asked = options.get("probe")
    observer = Observer(
        aws,
        cluster,
        service,
        options["deployment_id"] or None,
        prober(ProbeOptions(**asked, validate_certs=options["validate_certs"])) if asked else None,
        aws.region,
    )
    wanted = Wanted(
        service=service,
        cluster=cluster,
        image_digests=tuple(options["image_digests"]),
        identical_failures=options["identical_failures"],
        probe=bool(asked),
    )
    patience = Patience(
        wait_timeout=0 if check else options["wait_timeout"],
        on_failure="report" if check else options["on_failure"],
        action_timeout=options["action_timeout"],
        log_lines=options["log_lines"],
    )
    # It sleeps by itself: `clock` may look at other things meanwhile, whose calls come from the same budget.
    budget = Budget(options["calls_per_minute"], Clock(time.monotonic, time.sleep))
    aws.before_request = budget.take
    return watch(observer, wanted, patience, clock, budget, tell, detailed=detailed)


def result_of(seen: Watched, check: bool) -> dict[str, Any]:
    """The watch as a module's result; in check mode a deployment that is going on is no failure."""
    result = as_result(seen.dossier)
    if check and result["outcome"] == "timed_out":
        result["outcome"] = "waiting"
    return {
        **result,
        "changed": seen.dossier.action.changed,
        "prose": prose(seen.dossier),
        "progress": list(seen.progress),
        "looks": seen.looks,
    }
