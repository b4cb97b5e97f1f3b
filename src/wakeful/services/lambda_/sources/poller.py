"""The poller: draws batches from the sources of mappings, runs the functions, and says what became of each batch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.environments.version import Outcome, Throttled
from wakeful.fabric.patience import backoff_s, insist
from wakeful.fabric.pattern import Pattern, compile_pattern
from wakeful.fabric.service import Node
from wakeful.fabric.source import Source, Taken
from wakeful.fabric.trace import merged
from wakeful.services.lambda_ import functions, measuring, recursion, runs
from wakeful.services.lambda_.durable import invocations
from wakeful.services.lambda_.errors import RecursiveInvocationException
from wakeful.services.lambda_.references import of_arn
from wakeful.services.lambda_.sources import mappings
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.store.tx import Tx
from wakeful.store.wakes import Listener
from wakeful.wire.errors import AwsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Poll:
    """One mapping's running task. Stopping lets the batches in work end."""

    task: asyncio.Task[None]
    stopped: asyncio.Event


async def run(node: Node) -> None:
    """One task for every enabled mapping, as long as it stays as it is; a changed one is begun anew."""
    polls: dict[SourceMapping, _Poll] = {}
    with node.wakes.listen(mappings.CHANGED) as listener:
        async with asyncio.TaskGroup() as tasks:
            while True:
                every = await insist("reading the mappings", partial(node.store.read, mappings.every))
                wanted = {each for each in every if each.state == "Enabled"}
                for gone in polls.keys() - wanted:
                    polls.pop(gone).stopped.set()
                    node.wakes.wake(_stop_name(gone))
                for new in wanted - polls.keys():
                    stopped = asyncio.Event()
                    polls[new] = _Poll(tasks.create_task(_keep_polling(node, new, stopped)), stopped)
                await listener.wait()


async def _keep_polling(node: Node, mapping: SourceMapping, stopped: asyncio.Event) -> None:
    """A mistake of ours ends neither the poll nor, with it, the node: it begins again after a while."""
    attempts = 0
    while not stopped.is_set():
        try:
            await _poll(node, mapping, stopped)
        except Exception:
            attempts += 1
            log.exception("mapping %s failed at attempt %d", mapping.uuid, attempts)
            with node.wakes.listen(_stop_name(mapping)) as listener:
                await listener.wait(node.clock.now() + backoff_s(attempts))


async def _poll(node: Node, mapping: SourceMapping, stopped: asyncio.Event) -> None:
    source = node.sources[names.parse_arn(mapping.source).service]
    patterns = [compile_pattern(pattern) for pattern in mapping.patterns]
    running: set[asyncio.Task[None]] = set()
    woken_by = (source.wake_name(mapping.source), functions.CHANGED, _stop_name(mapping))
    with node.wakes.listen(*woken_by) as listener:
        async with asyncio.TaskGroup() as batches:
            while not stopped.is_set():
                if len(running) >= mapping.concurrency:
                    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    continue
                try:
                    due = await _next_due(node, mapping, source)
                    if due is None or due > node.clock.now():
                        await listener.wait(due)
                        continue
                    taken = await _gather(node, mapping, source, stopped, listener)
                except AwsError:
                    continue  # the source went away in this very moment; the next look says so
                if taken:
                    task = batches.create_task(_handle(node, mapping, source, patterns, taken))
                    running.add(task)
                    task.add_done_callback(running.discard)
                    await asyncio.sleep(0)  # the batch has begun, and counts as busy itself


async def _next_due(node: Node, mapping: SourceMapping, source: Source) -> float | None:
    """When there may be something to take; None while the function or the source is not there to take for or from."""
    try:
        await runs.target(node, of_arn(mapping.function))
        return await node.store.read(source.next_due, mapping.source)
    except AwsError as error:
        await node.store.write(mappings.processed, mapping.uuid, f"PROBLEM: {error.message}")
        return None


async def _gather(
    node: Node, mapping: SourceMapping, source: Source, stopped: asyncio.Event, listener: Listener
) -> list[Taken]:
    """A batch: what is there, and what comes within the batching window, up to the batch's size.

    It waits with the poll's own listener: who waits for a window is asleep, and the clock can be moved to its end.
    """
    batch: list[Taken] = await node.store.write(_take, source, mapping, mapping.batch_size)
    deadline = node.clock.now() + mapping.window_s
    while batch and len(batch) < mapping.batch_size and node.clock.now() < deadline and not stopped.is_set():
        due = await node.store.read(source.next_due, mapping.source)
        if due is None or due > node.clock.now():
            await listener.wait(deadline if due is None else min(due, deadline))
            continue
        batch += await node.store.write(_take, source, mapping, mapping.batch_size - len(batch))
    return batch


def _take(tx: Tx, source: Source, mapping: SourceMapping, count: int) -> list[Taken]:
    return source.take(tx, mapping.source, mapping.uuid, count)


async def _handle(
    node: Node, mapping: SourceMapping, source: Source, patterns: Sequence[Pattern], taken: Sequence[Taken]
) -> None:
    """The batch is run and settled. What the filters do not want is settled without a run.

    A batch that cannot be settled comes again when its visibility ends, as after a crash.
    """
    with node.wakes.busy():
        try:
            wanted = [each for each in taken if _is_wanted(source, mapping, patterns, each)]
            failed: list[Taken] = []
            result = "OK"
            for part in _parts(mapping, source, wanted):
                failed_here, result_here = await _run(node, mapping, source, part)
                failed += failed_here
                result = result if result_here == "OK" else result_here
            refused = {each.id for each in failed}
            done = [each for each in taken if each.id not in refused]
            await node.store.write(_settle, source, mapping, done, failed, result)
            if mapping.counts_events:
                measuring.polled(node, mapping, len(taken), len(wanted), len(failed), len(done))
        except Exception:  # a mistake of ours: the batch comes again, and the other batches do not suffer
            log.exception("mapping %s: a batch of %d was not settled", mapping.uuid, len(taken))


def _parts(mapping: SourceMapping, source: Source, batch: Sequence[Taken]) -> Iterator[list[Taken]]:
    """The batch, or as many parts of it as it takes for none to be a larger event than a function gets."""
    part: list[Taken] = []
    size = len(_EMPTY)
    for each in batch:
        grown = len(orjson.dumps(source.as_record(mapping.source, each))) + 1
        if part and size + grown > limits.LAMBDA_SYNCHRONOUS_BYTES_MAX:
            yield part
            part, size = [], len(_EMPTY)
        part.append(each)
        size += grown
    if part:
        yield part


_LOOPED = f"PROBLEM: {RecursiveInvocationException().message}"
_EMPTY = b'{"Records":[]}'


async def _run(
    node: Node, mapping: SourceMapping, source: Source, batch: Sequence[Taken]
) -> tuple[Sequence[Taken], str]:
    """What of the batch failed, and what `LastProcessingResult` shall say."""
    batch, looped = await recursion.parted(node, of_arn(mapping.function), batch)
    if not batch:
        return looped, _LOOPED
    records = [source.as_record(mapping.source, each) for each in batch]
    traces = [each.trace for each in batch]
    invocation = runs.invocation_of(
        merged(traces),
        orjson.dumps({"Records": records}),
        mapping.function,
        request_id=names.new_uuid(),
        kind="EventSourceMapping",
        source=mapping.source,
    )
    try:
        version = runs.for_tenant((await runs.target(node, of_arn(mapping.function))).pick(), None)
        outcome = await invocations.run(node, version, invocation, *traces)
    except (Throttled, AwsError) as refusal:
        log.info("mapping %s: %s", mapping.uuid, refusal)
        return [*looped, *batch], f"PROBLEM: {refusal}"
    failed, result = _failures(mapping, batch, outcome)
    return [*looped, *failed], _LOOPED if looped else result


def _failures(mapping: SourceMapping, batch: Sequence[Taken], outcome: Outcome) -> tuple[Sequence[Taken], str]:
    if outcome.error is not None:
        return batch, "PROBLEM: Function call failed"
    if not mapping.reports_items:
        return (), "OK"
    failed = reported_failures(outcome.payload, {each.id for each in batch})
    if failed is None:
        return batch, "PROBLEM: Function call failed"
    return [each for each in batch if each.id in failed], "OK"


def reported_failures(payload: bytes, known: set[str]) -> set[str] | None:
    """The ids a function reported ("Reporting batch item failures"); None where the report condemns the whole batch."""
    try:
        answer = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    if answer is None or answer == "":
        return set()
    if not isinstance(answer, dict):
        return None
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return None
    ids = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in failures]
    return {each for each in ids if each} if all(each in known for each in ids) else None


def _is_wanted(source: Source, mapping: SourceMapping, patterns: Sequence[Pattern], taken: Taken) -> bool:
    """Filters see the record with its body parsed, where it is JSON ("Using event filtering with Amazon SQS")."""
    if not patterns:
        return True
    record: dict[str, Any] = source.as_record(mapping.source, taken)
    try:
        record["body"] = orjson.loads(record["body"])
    except (orjson.JSONDecodeError, KeyError):
        pass  # a body that is no JSON is matched as the text it is
    return any(pattern.matches(record) for pattern in patterns)


def _settle(
    tx: Tx, source: Source, mapping: SourceMapping, done: Sequence[Taken], failed: Sequence[Taken], result: str
) -> None:
    source.settle(tx, mapping.source, mapping.uuid, done, failed)
    mappings.processed(tx, mapping.uuid, result)


def _stop_name(mapping: SourceMapping) -> str:
    return f"lambda.poll.{mapping.uuid}"
