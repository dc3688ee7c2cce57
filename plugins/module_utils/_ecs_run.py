# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a module's options to its result, for the modules whose work is one function of one client."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from typing import Any

from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._ecs_common import Outcome
from ansible_collections.amica.stack.plugins.module_utils._refused import Refused

# Takes the client, the module's options, and whether this is check mode.
Work = Callable[[Any, Mapping[str, Any], bool], Outcome]


def run(module: Any, service: str, work: Mapping[str, Work]) -> None:
    """Do what the option `state` asks for, and end the module.

    :param service: the client's service, by its boto3 name.
    :param work: what to do, by state.
    """
    aws = clients(module)
    with reported(module):
        try:
            outcome = work[module.params["state"]](aws(service), module.params, module.check_mode)
        except Refused as refusal:
            module.fail_json(msg=str(refusal))
    module.exit_json(**outcome.result())
