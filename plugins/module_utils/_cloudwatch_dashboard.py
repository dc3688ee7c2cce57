# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CloudWatch dashboard, compared by what its JSON says and not by how it is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import absent_as_none
from ansible_collections.amica.stack.plugins.module_utils._aws import differing
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Document
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused

# GetDashboard and DeleteDashboards name the same error differently, by protocol.
GONE = ("ResourceNotFound", "DashboardNotFoundError")


def find(client: Any, name: str) -> Any:
    """The body as data; None where there is no such dashboard."""
    answer = absent_as_none(lambda: client.get_dashboard(DashboardName=name), *GONE)
    return json.loads(answer["DashboardBody"]) if answer else None


def labelled(body: Any) -> dict[str, Any]:
    """A body for a diff: widgets by title or place, since a list would be shown whole for each change in it."""
    if not isinstance(body, Mapping):
        return {}
    widgets = {}
    for index, widget in enumerate(body.get("widgets") or ()):
        title = (widget.get("properties") or {}).get("title")
        widgets[f"{index} {title}" if title else str(index)] = widget
    return {**body, "widgets": widgets}


def ensure_present(client: Any, options: Document, check: bool) -> Outcome:
    """Make the dashboard's body the wanted one.

    :raises Refused: when AWS finds fault with the body and did not keep it.
    """
    name, wanted = options["name"], options["body"]
    existing = find(client, name)
    changed = bool(existing != wanted)
    if changed and not check:
        answer = client.put_dashboard(DashboardName=name, DashboardBody=json.dumps(wanted, sort_keys=True))
        problems = [message.get("Message", "") for message in answer.get("DashboardValidationMessages") or ()]
        if problems and find(client, name) != wanted:
            raise Refused(f"AWS does not take the body of dashboard {name}: {'; '.join(problems)}")
    difference = differing(labelled(existing), labelled(wanted))
    return Outcome(
        changed=changed,
        values={"dashboard": {"name": name, "body": wanted}},
        before=difference["before"],
        after=difference["after"],
    )


def ensure_absent(client: Any, options: Document, check: bool) -> Outcome:
    name = options["name"]
    existing = find(client, name)
    if existing is not None and not check:
        absent_as_none(lambda: client.delete_dashboards(DashboardNames=[name]), *GONE)
    return Outcome(changed=existing is not None, before=labelled(existing))
