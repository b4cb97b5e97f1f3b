"""Runs of functions as a chaos experiment wants them: throttled, done twice, or done and answered as failed.

What Lambda says of it: "How Lambda processes records from stream and queue-based event sources" (at least once),
"How Lambda handles errors and retries with asynchronous invocation" (an event may come more than once).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import orjson

from wakeful import names
from wakeful.environments.version import Invocation, Outcome, Throttled, Version
from wakeful.fabric.chaos.asking import Hit, hits
from wakeful.fabric.chaos.experiment import FIFO, NEVER_IN_ORDER, Place
from wakeful.fabric.service import Node
from wakeful.fabric.trace import Trace
from wakeful.services.lambda_.measuring import UnderWay
from wakeful.store.tx import Tx

_MAPPING = "EventSourceMapping"
_MORE_THAN_ONCE = (_MAPPING, "Event")
"""The kinds of invocation that Lambda makes at least once, and not just once."""

Run = Callable[..., Awaitable[Outcome]]


async def run(node: Node, version: Version, invocation: Invocation, traces: tuple[Trace, ...], once: Run) -> Outcome:
    """What the caller is told of the invocation. `once` runs it, whatever is to be told. Raises Throttled."""
    await admit(node, version, invocation, *traces)
    outcome = await once(node, version, invocation, *traces)
    if outcome.error is not None:
        return outcome  # it comes again anyway, where it does
    for twice in await _ask(node, "duplicate", version, invocation, "run a second time"):
        for _ in range(twice.dose.copies):
            outcome = await once(node, version, _anew(invocation), *traces)
    crashed = version.sharing is None and await _ask(
        node, "crash", version, invocation, "its environment ended when it had run"
    )
    if crashed:
        node.environments.retire(version.arn, version.version, revision=version.revision)
        return _failed(outcome, invocation, "Runtime.ExitError", "Runtime exited with error: signal: killed")
    failed = await _ask(node, "fail", version, invocation, "answered as failed when it had run")
    if failed:
        lost = f"the function has run, and the chaos experiment {failed[0].experiment.id} lost its answer"
        return _failed(outcome, invocation, "Wakeful.Chaos", lost)
    return outcome


async def admit(node: Node, version: Version, invocation: Invocation, *traces: Trace) -> None:
    """Raises Throttled where an experiment says that it may not run now."""
    if await _ask(node, "throttle", version, invocation, "not run: too many requests", *traces):
        UnderWay(node, version, invocation).throttled()
        raise Throttled("CallerRateLimitExceeded", "Rate Exceeded.")


async def _ask(
    node: Node, fault: str, version: Version, invocation: Invocation, what: str, *traces: Trace
) -> list[Hit]:
    """What is to happen to the invocation, already told: in its own story, or in those of `traces` that led to it."""
    places = _places(version, invocation)
    if not any(node.chaos.wants(fault, place) for place in places):
        return []
    assert invocation.trace is not None
    stories = tuple({trace.id: trace for trace in traces}.values()) or (invocation.trace,)
    return await node.store.write(_hits, fault, places, stories, invocation.request_id, what)


def _hits(
    tx: Tx, fault: str, places: tuple[Place, ...], stories: tuple[Trace, ...], request_id: str, what: str
) -> list[Hit]:
    found = [each for place in places for each in hits(tx, fault, place)]
    for each in found:
        for story in stories:
            each.did(tx, story, request_id, what)
    return found


def _places(version: Version, invocation: Invocation) -> tuple[Place, ...]:
    """The function; and the mapping, where one invokes it. Nothing comes to pass twice that comes to pass once."""
    never: tuple[str, ...] = () if invocation.kind in _MORE_THAN_ONCE else ("duplicate",)
    if invocation.kind != _MAPPING:
        return (Place(version.arn, never=never),)
    if invocation.source.endswith(FIFO):
        never = NEVER_IN_ORDER["mapping"]
    mapping = Place(f"mapping:{invocation.source}→{invocation.invoked_arn}", never=never)
    return (mapping, Place(version.arn, never=never))


def _anew(invocation: Invocation) -> Invocation:
    assert invocation.trace is not None
    request_id = names.new_uuid()
    return replace(invocation, request_id=request_id, trace=replace(invocation.trace, cause=request_id))


def _failed(outcome: Outcome, invocation: Invocation, error_type: str, words: str) -> Outcome:
    told = {"errorType": error_type, "errorMessage": f"RequestId: {invocation.request_id} Error: {words}"}
    return replace(outcome, payload=orjson.dumps(told), error="Unhandled", error_type=error_type, status="error")
