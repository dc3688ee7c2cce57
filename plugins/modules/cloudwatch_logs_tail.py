#!/usr/bin/python
# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloudwatch_logs_tail
short_description: Reads and follows CloudWatch Logs without losing or repeating a line
version_added: 1.0.0
author:
  - amica.stack contributors (@amica-stack)
description:
  - Reads the events of log groups by time, and follows them for a while, until a text appears, so many lines have
    come,
    or a task has stopped.
  - Loses nothing and repeats nothing. It pages through empty pages, reads again what may have come late, and knows
    each event by its id. Throttling and short outages of AWS are waited out.
  - New streams, such as those of tasks that start meanwhile, join by themselves.
  - In a playbook the lines are shown on the screen as they come, in colours where it is a terminal. They are not where
    the task says C(no_log), or where O(output_file) or O(progress_file) takes them. A module that runs on another
    machine, or as another user, has its lines shown when it ends.
options:
  log_groups:
    description: Names of the log groups.
    type: list
    elements: str
    required: true
  since:
    description:
      - Where to begin. A span before now (V(30s), V(15m), V(2h), V(1d)), a time in ISO 8601 (UTC without a zone), or
        seconds since 1970.
      - RV(next) of an earlier run goes on where that one ended.
    type: str
    default: 15m
  until:
    description: Where to end, likewise. By default there is no end but now, or that of O(follow).
    type: str
  follow:
    description: Seconds to go on reading what is written meanwhile. V(0) reads what is there.
    type: int
    default: 0
  until_pattern:
    description:
      - Regular expression; the first message that it is found in is the last one read. Needs O(follow) to wait for
        it.
    type: str
  until_lines:
    description: Ends after so many lines.
    type: int
  until_task_stopped:
    description:
      - Ends when the task of O(task) has stopped and its last lines have been read. Needs O(cluster) and O(follow).
    type: bool
    default: false
  live_tail:
    description:
      - Follow by Live Tail, in which AWS sends what is written within a second or two, instead of asking again and
        again.
      - AWS charges each minute of it, 0.01 USD (list price of us-east-1, February 2026,
        U(https://aws.amazon.com/cloudwatch/pricing/)) where the account's 1,800 free minutes of the month are used up.
      - AWS leaves lines out when more than 500 come in a second. Whether it did is in RV(live_tail.sampled). Without
        this option nothing is left out.
      - It begins now, so O(since) is not looked at, and ends after three hours at most. It needs O(follow), takes ten
        log groups, and streams of one log group only.
    type: bool
    default: false
  max_lines:
    description:
      - Lines that the result holds at most; the newest stay, and RV(truncated) is true when there were more.
      - To have all of many lines, give O(output_file).
    type: int
    default: 1000
  filter_pattern:
    description: Filter pattern of CloudWatch Logs, such as V(ERROR) or V({ $.level = "error" }).
    type: str
  task:
    description: Only the streams of this task (id or ARN).
    type: str
  stream_prefix:
    description: Only streams whose names begin so.
    type: str
  streams:
    description: Only these streams.
    type: list
    elements: str
    default: []
  previous:
    description: Only the streams of the task of O(service) that stopped last. Needs O(cluster) and O(service).
    type: bool
    default: false
  cluster:
    description: Name or ARN of the cluster of the task or service.
    type: str
  service:
    description: Name of the service, for O(previous).
    type: str
  format:
    description: Lines of text for people, or a JSON object each.
    type: str
    choices: [text, json]
    default: text
  colour:
    description: Give each task a colour of its own in lines of text, with terminal escapes.
    type: bool
    default: false
  output_file:
    description:
      - File that gets every line as it comes, however many there are. An existing file is replaced.
      - Written on the machine that the module runs on. Not written in check mode.
    type: path
  progress_file:
    description:
      - File to which each line is added as it comes, those of text with a colour for each task. The action plugin of
        the same name uses it to show them on the controller; give V(/dev/null) to show none.
    type: path
  overlap:
    description: Seconds that following looks back for events that come late.
    type: int
    default: 60
attributes:
  check_mode:
    support: full
    details:
      - Reads as usual, without following and without writing O(output_file).
  diff_mode:
    support: none
extends_documentation_fragment:
  - amica.stack.attributes
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - amazon.aws.boto3
"""

EXAMPLES = r"""
- name: The errors of the last hour
  amica.stack.cloudwatch_logs_tail:
    log_groups: [/ecs/amica-stack]
    since: 1h
    filter_pattern: ERROR

- name: The application says that it is ready
  amica.stack.cloudwatch_logs_tail:
    log_groups: [/ecs/amica-stack]
    follow: 120
    until_pattern: 'Application startup complete'
  register: start
  failed_when: start.ended_by != 'pattern'

- name: What the task that died last had to say
  amica.stack.cloudwatch_logs_tail:
    log_groups: [/ecs/amica-stack]
    previous: true
    cluster: amica-cluster
    service: amica-service
    since: 1d

- name: A day's events in a file
  amica.stack.cloudwatch_logs_tail:
    log_groups: [/ecs/amica-stack]
    since: '2026-11-23'
    until: '2026-11-24'
    format: json
    output_file: /tmp/amica.jsonl
"""

RETURN = r"""
lines:
  description: The lines by time, the newest RV(count) up to O(max_lines).
  returned: always
  type: list
  elements: str
events:
  description: The same lines as events.
  returned: always
  type: list
  elements: dict
  contains:
    timestamp:
      description: Time of the event, UTC.
      type: str
    group:
      description: Log group.
      type: str
    stream:
      description: Log stream.
      type: str
    task:
      description: Last part of the stream's name, which is the task's id.
      type: str
    message:
      description: What was written.
      type: str
    id:
      description: CloudWatch's id of the event.
      type: str
count:
  description: How many lines were read.
  returned: always
  type: int
truncated:
  description: Whether more lines were read than the result holds.
  returned: always
  type: bool
ended_by:
  description: Why reading ended. V(end) (all that was there), V(time), V(pattern), V(lines) or V(task).
  returned: always
  type: str
next:
  description:
    - Give it as O(since) to go on after the last line read. After Live Tail, whose lines have no id, those of the last
      millisecond come again.
  returned: always
  type: str
live_tail:
  description: What the Live Tail session was like.
  returned: when O(live_tail) is true
  type: dict
  contains:
    sampled:
      description: Whether AWS left lines out.
      type: bool
    breaks:
      description: How often it broke off and was begun again, with lines missing in between.
      type: int
    minutes:
      description: Minutes that AWS charges.
      type: int
    cost_usd:
      description: What they cost where the account's free minutes are used up.
      type: float
retries:
  description: Calls that AWS throttled or failed and that were repeated.
  returned: always
  type: int
output_file:
  description: The file that was written.
  returned: when O(output_file) is given
  type: str
notes:
  description: What there was to remark, such as a task without a stream.
  returned: always
  type: list
  elements: str
"""

import contextlib
import re
import time
from collections import deque
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amica.stack.plugins.module_utils._aws import clients
from ansible_collections.amica.stack.plugins.module_utils._aws import reported
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Event
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import Query
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import chunks
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.core import resume
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.live import LONGEST_SECONDS
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.live import LiveTail
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.live import Session
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.live import refusal
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.live import request
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.quick import quickened
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.streams import has_stopped
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.streams import last_stopped_task
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.streams import task_of
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.streams import task_streams
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Clock
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Summary
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Tail
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Telling
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.tail import Until
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.text import as_dict
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.text import json_line
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.text import text_line
from ansible_collections.amica.stack.plugins.module_utils._logs_tail.times import moment

Deliver = Callable[[Sequence[Event]], None]

ARGUMENTS = {
    "log_groups": {"type": "list", "elements": "str", "required": True},
    "since": {"type": "str", "default": "15m"},
    "until": {"type": "str"},
    "follow": {"type": "int", "default": 0},
    "until_pattern": {"type": "str"},
    "until_lines": {"type": "int"},
    "until_task_stopped": {"type": "bool", "default": False},
    "live_tail": {"type": "bool", "default": False},
    "max_lines": {"type": "int", "default": 1000},
    "filter_pattern": {"type": "str"},
    "task": {"type": "str"},
    "stream_prefix": {"type": "str"},
    "streams": {"type": "list", "elements": "str", "default": []},
    "previous": {"type": "bool", "default": False},
    "cluster": {"type": "str"},
    "service": {"type": "str"},
    "format": {"type": "str", "choices": ["text", "json"], "default": "text"},
    "colour": {"type": "bool", "default": False},
    "output_file": {"type": "path"},
    "progress_file": {"type": "path"},
    "overlap": {"type": "int", "default": 60},
}


def problem(options: dict[str, Any]) -> str:
    """What is wrong with the options, in a sentence; empty when nothing is."""
    if not [group for group in options["log_groups"] if group]:
        return "log_groups: names no log group. Write for example log_groups: [/ecs/amica-stack]"
    for name, least in {"follow": 0, "max_lines": 0, "overlap": 0, "until_lines": 1}.items():
        if options[name] is not None and options[name] < least:
            return f"{name}: {options[name]} is too small. Write {least} or more"
    if options["until_pattern"]:
        try:
            re.compile(options["until_pattern"])
        except re.error as error:
            return f"until_pattern: {options['until_pattern']!r} is not a regular expression ({error})"
    if options["until_task_stopped"] and not options["follow"]:
        return "until_task_stopped: needs follow, the seconds to wait for it at most"
    return live_problem(options) if options["live_tail"] else ""


def live_problem(options: dict[str, Any]) -> str:
    if not 0 < options["follow"] <= LONGEST_SECONDS:
        return f"live_tail: needs follow, from 1 to {LONGEST_SECONDS} seconds (AWS ends a session after three hours)"
    if options["until"] or options["previous"]:
        return "live_tail: shows what is written from now on. Leave out until and previous"
    return refusal(options["log_groups"], options["streams"], options["stream_prefix"], options["task"])


def chosen_streams(options: dict[str, Any], task: str | None, group: str, logs: Any) -> list[tuple[str, ...]]:
    """Which streams to read, as many tuples as there are requests to make; one empty tuple for all streams.

    Those of a task are looked up anew for each reading: it may not have written yet.
    """
    if task:
        return [(stream,) for stream in task_streams(logs, group, task)]
    return chunks(options["streams"])


def queries(options: dict[str, Any], task: str | None, start: int, end: int | None, logs: Any) -> list[Query]:
    return [
        Query(group, start, end, options["filter_pattern"] or "", streams, options["stream_prefix"] or "")
        for group in options["log_groups"]
        for streams in chosen_streams(options, task, group, logs)
    ]


def until_of(options: dict[str, Any], task_ended: Callable[[], bool] | None, end: int | None, *, check: bool) -> Until:
    search = re.compile(options["until_pattern"]).search if options["until_pattern"] else None
    return Until(
        follow=0 if check else options["follow"],
        matches=(lambda message: search(message) is not None) if search else None,
        lines=options["until_lines"],
        task_ended=task_ended,
        end=end,
        overlap=options["overlap"],
    )


def main() -> None:
    module = AnsibleAWSModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        mutually_exclusive=[("task", "stream_prefix", "previous")],
        required_if=[("previous", True, ("cluster", "service")), ("until_task_stopped", True, ("cluster", "task"))],
    )
    options = module.params
    wrong = problem(options)
    if wrong:
        module.fail_json(msg=wrong)
    now = int(time.time() * 1000)
    told = resume(options["since"])
    try:
        start = told[0] if told else moment(options["since"], now)
        end = moment(options["until"], now) if options["until"] else None
    except ValueError as error:
        module.fail_json(msg=str(error))
    if end is not None and end < start:
        module.fail_json(msg=f"until: {options['until']} lies before since, {options['since']}")

    aws = clients(module)
    kept: deque[Event] = deque(maxlen=options["max_lines"])
    line = line_maker(options)
    with reported(module, "reading the log"), contextlib.ExitStack() as stack:
        task = task_of(options["task"]) if options["task"] else None
        if options["previous"]:
            task = last_stopped_task(aws("ecs"), options["cluster"], options["service"])
            if task is None:
                nothing = Summary(next=str(start))
                module.exit_json(**result([], line, nothing, [no_stopped_task(options)]))
        arns = {group: group_arn(aws("logs"), group) for group in options["log_groups"]}
        missing = [group for group, arn in arns.items() if not arn]
        if missing:
            module.fail_json(msg=f"There is no log group {', '.join(missing)} in {aws.region}")
        ended = has_stopped(aws("ecs"), options["cluster"], str(task)) if options["until_task_stopped"] else None
        file = None if module.check_mode else options["output_file"]
        deliver: Deliver = kept.extend
        if file:
            deliver = stack.enter_context(writing(file, "w", line, deliver))
        if options["progress_file"]:
            coloured = line_maker(options, colour=True)
            deliver = stack.enter_context(writing(options["progress_file"], "a", coloured, deliver))
        until = until_of(options, ended, end, check=module.check_mode)
        telling = Telling(until, deliver, told)
        clock = Clock(time.time, time.sleep)
        # The tail itself waits out throttling; retries inside of a call would only hide it.
        reader = quickened(aws("logs", attempts=1))
        session: Session | None = None
        if options["live_tail"] and not module.check_mode:
            streams = task_streams(aws("logs"), options["log_groups"][0], task) if task else options["streams"]
            if task and not streams:
                module.fail_json(msg=f"live_tail: the task {task} has no stream yet. Wait for it without live_tail")
            live = LiveTail(lambda wish: reader.start_live_tail(**wish), until, clock, telling)
            wish = request(list(arns.values()), options["filter_pattern"], streams, options["stream_prefix"])
            done, session = live.run(wish), live.session
        else:
            done = Tail(
                lambda asked: reader.filter_log_events(**asked),
                lambda: queries(options, task, start, end, aws("logs")),
                until,
                clock,
                telling,
            ).run()
    notes = [f"The task {task} has written nothing since {options['since']}"] if task and not done.count else []
    if session:
        notes += session.notes()
    answer = result(list(kept), line, done, notes)
    if session:
        answer["live_tail"] = session.as_dict()
    if file:
        answer.update(output_file=file, changed=True)
    module.exit_json(**answer)


def line_maker(options: dict[str, Any], *, colour: bool = False) -> Callable[[Event], str]:
    if options["format"] == "json":
        return json_line
    return text_line(colour=colour or options["colour"], with_group=len(options["log_groups"]) > 1)


def no_stopped_task(options: dict[str, Any]) -> str:
    return f"ECS remembers no stopped task of {options['service']} in {options['cluster']} (it forgets after an hour)"


def group_arn(logs: Any, group: str) -> str:
    """The ARN of a log group, empty where there is no such group."""
    found = logs.describe_log_groups(logGroupNamePrefix=group).get("logGroups", ())
    return next((str(item["arn"]) for item in found if item["logGroupName"] == group), "")


@contextlib.contextmanager
def writing(path: str, mode: str, line: Callable[[Event], str], then: Deliver) -> Iterator[Deliver]:
    """A receiver that writes events to a file, at once when they come, and hands them on."""
    with Path(path).open(mode, encoding="utf-8", errors="replace", buffering=1 << 16) as file:

        def receive(events: Sequence[Event]) -> None:
            file.writelines(f"{line(event)}\n" for event in events)
            file.flush()
            then(events)

        yield receive


def result(events: list[Event], line: Callable[[Event], str], done: Summary, notes: list[str]) -> dict[str, Any]:
    events = sorted(events, key=lambda event: event.timestamp)
    return {
        "changed": False,
        "lines": [line(event) for event in events],
        "events": [as_dict(event) for event in events],
        "count": done.count,
        "truncated": done.count > len(events),
        "ended_by": done.ended_by,
        "next": done.next,
        "retries": done.retries,
        "notes": notes,
    }


if __name__ == "__main__":
    main()
