"""What people call a target, looked up: the name, URL or ARN of a queue, topic, function or mapping, or `*` in it.

The services are asked by their public operations, as anybody would ask them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from wakeful import names
from wakeful.fabric.call import perform
from wakeful.fabric.chaos.experiment import FIFO, KINDS
from wakeful.fabric.page import Unclear
from wakeful.fabric.service import Call, Node, Principal
from wakeful.fabric.trace import new_trace
from wakeful.wire.errors import AwsError

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WILD = re.compile(r"[A-Za-z0-9_.*-]{1,256}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
_MAPPING = "event-source-mapping:"
_FUNCTION = "function:"
_IN_ITS_QUEUE = ("delay", "reorder")
"""What happens to a mapping's messages in its queue, for whoever else receives there, too."""


@dataclass(frozen=True, slots=True)
class Target:
    """`patterns` are the names of places (see `experiment.Place`) that it stands for."""

    kind: str
    account: str
    region: str
    name: str
    patterns: tuple[str, ...]
    is_ordered: bool = False
    impossible: Mapping[str, str] = field(default_factory=dict)
    """By fault, why it would never happen to just this one."""

    def check(self, faults: Collection[str]) -> None:
        """Raises Unclear for what would never happen."""
        for fault in faults:
            if fault in self.impossible:
                raise Unclear(f"{fault} does not happen to {self.name}: {self.impossible[fault]}")


async def found(node: Node, text: str, account: str | None, region: str | None) -> Target:
    """The target. Raises Unclear where there is none of that name, or more than one."""
    if account is not None and not _ACCOUNT.fullmatch(account):
        raise Unclear("an account is twelve digits")
    if region is not None and not _REGION.fullmatch(region):
        raise Unclear(f"{region} is no region")
    here = (account or names.DEFAULT_ACCOUNT, region or names.DEFAULT_REGION)
    if text.startswith("arn:"):
        return await _of_arn(node, text, account, region)
    if text.startswith(("http://", "https://")):
        parts = [part for part in urlsplit(text).path.split("/") if part]
        if len(parts) != 2 or not _ACCOUNT.fullmatch(parts[0]) or account not in (None, parts[0]):
            raise Unclear(f"{text} is no queue's URL in this account")
        return await _only(node, text, ("queue",), parts[1], (parts[0], here[1]))
    kind, colon, name = text.partition(":")
    if colon and kind in KINDS:
        return await _only(node, text, (kind,), name, here)
    kinds = ("mapping",) if _UUID.fullmatch(text) else ("queue", "topic", "function")
    return await _only(node, text, kinds, text, here)


async def _of_arn(node: Node, text: str, account: str | None, region: str | None) -> Target:
    try:
        arn = names.parse_arn(text)
    except ValueError as error:
        raise Unclear(str(error)) from error
    if account not in (None, arn.account) or region not in (None, arn.region):
        raise Unclear(f"{text} is not in this account and region")
    if not _ACCOUNT.fullmatch(arn.account) or not _REGION.fullmatch(arn.region):
        raise Unclear(f"{text} names no account and region")
    kinds = {"sqs": "queue", "sns": "topic"}
    kind, name = kinds.get(arn.service, ""), arn.resource
    if arn.service == "lambda" and name.startswith(_MAPPING):
        kind, name = "mapping", name.removeprefix(_MAPPING)
    elif arn.service == "lambda" and name.startswith(_FUNCTION):
        kind, name = "function", name.removeprefix(_FUNCTION)
    if not kind:
        raise Unclear(f"{text} is neither a queue nor a topic, a mapping nor a function")
    return await _only(node, text, (kind,), name, (arn.account, arn.region))


async def _only(node: Node, text: str, kinds: tuple[str, ...], name: str, here: tuple[str, str]) -> Target:
    if "*" in name:
        if len(kinds) > 1:
            raise Unclear(f"say of what kind: {', '.join(f'{kind}:{name}' for kind in (*kinds, 'mapping'))}")
        return _every(kinds[0], name, *here)
    there = [each for each in [await _LOOK[kind](node, name, *here) for kind in kinds] if each is not None]
    if not there:
        raise Unclear(f"there is no {' or '.join(kinds)} {text} in {here[0]}, {here[1]}")
    if len(there) > 1:
        raise Unclear(f"there are several of that name: {', '.join(f'{each.kind}:{name}' for each in there)}")
    return there[0]


def _every(kind: str, name: str, account: str, region: str) -> Target:
    """All of this account and region whose name is like that, those that come later too."""
    if not _WILD.fullmatch(name):
        raise Unclear(f"{name} is no name with * for anything in it")
    at = f"{region}:{account}"
    if kind == "mapping":
        if name != "*":
            raise Unclear("mappings have no names: mapping:* is all of them")
        arn = f"arn:aws:lambda:{at}:{_MAPPING}*"
        patterns = (arn, f"mapping:*→arn:aws:lambda:{at}:{_FUNCTION}*")
        impossible = dict.fromkeys(_IN_ITS_QUEUE, "name the queues")
        return Target(kind, account, region, arn, patterns, impossible=impossible)
    arns = {"queue": "sqs:{}:", "topic": "sns:{}:", "function": f"lambda:{{}}:{_FUNCTION}"}
    arn = f"arn:aws:{arns[kind].format(at)}{name}"
    return Target(kind, account, region, arn, (arn,), is_ordered=name.endswith(FIFO))


async def _queue(node: Node, name: str, account: str, region: str) -> Target | None:
    if await _ask(node, account, region, "sqs", "GetQueueUrl", {"QueueName": name}) is None:
        return None
    arn = f"arn:aws:sqs:{region}:{account}:{name}"
    return Target("queue", account, region, arn, (arn,), is_ordered=name.endswith(FIFO))


async def _topic(node: Node, name: str, account: str, region: str) -> Target | None:
    arn = f"arn:aws:sns:{region}:{account}:{name}"
    if await _ask(node, account, region, "sns", "GetTopicAttributes", {"TopicArn": arn}) is None:
        return None
    return Target("topic", account, region, arn, (arn,), is_ordered=name.endswith(FIFO))


async def _function(node: Node, name: str, account: str, region: str) -> Target | None:
    if ":" in name:
        raise Unclear(f"{name} is a version or an alias; an experiment is on the whole function")
    there = await _ask(node, account, region, "lambda", "GetFunctionConfiguration", {"FunctionName": name})
    if there is None:
        return None
    arn = f"arn:aws:lambda:{region}:{account}:{_FUNCTION}{name}"
    return Target("function", account, region, arn, (arn,), impossible=_impossible(there))


def _impossible(function: Mapping[str, Any]) -> dict[str, str]:
    if "CapacityProviderConfig" in function:
        return {"crash": "its environments are shared by those who run beside it (managed instances)"}
    return {}


async def _mapping(node: Node, uuid: str, account: str, region: str) -> Target | None:
    there = await _ask(node, account, region, "lambda", "GetEventSourceMapping", {"UUID": uuid})
    if there is None:
        return None
    source, function = there["EventSourceArn"], there["FunctionArn"]
    runs = await _ask(node, account, region, "lambda", "GetFunctionConfiguration", {"FunctionName": function}) or {}
    arn = f"arn:aws:lambda:{region}:{account}:{_MAPPING}{uuid}"
    patterns = (arn, f"reader:{uuid}", f"mapping:{source}→{function}", f"source:{source}")
    impossible = _impossible(runs)
    if runs.get("DurableConfig"):
        unseen = "it begins durable executions and does not see them run; name the function"
        impossible |= dict.fromkeys(("duplicate", "throttle", "fail", "crash"), unseen)
    if names.parse_arn(source).service != "sqs":
        impossible |= dict.fromkeys((*_IN_ITS_QUEUE, "redeliver"), "it does not draw from a queue of SQS")
    return Target("mapping", account, region, arn, patterns, source.endswith(FIFO), impossible)


_LOOK = {"queue": _queue, "topic": _topic, "function": _function, "mapping": _mapping}


async def _ask(node: Node, account: str, region: str, service: str, operation: str, request: Mapping[str, Any]) -> Any:
    """What the service answers the account's root; None where there is no such thing, or can be none."""
    call = Call(
        account=account,
        region=region,
        principal=Principal("root", f"arn:aws:iam::{account}:root", account, account),
        request_id=names.new_uuid(),
        trace=new_trace(node.clock.now()),
        endpoint=node.endpoint,
    )
    try:
        return await perform(node, call, node.services[service], operation, dict(request))
    except AwsError:
        return None
