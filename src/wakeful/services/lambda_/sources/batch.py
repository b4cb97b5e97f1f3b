"""One batch: what its mapping's filters let through is run, and the source is told what became of it all.

"Handling errors for an SQS event source in Lambda": what failed shows itself again when its visibility ends. A batch
that is throttled is tried again until then, without being received anew.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

import orjson

from wakeful import limits, names
from wakeful.environments.version import Invocation, Outcome, Throttled
from wakeful.fabric import batches
from wakeful.fabric.batches import Filter
from wakeful.fabric.patience import insist
from wakeful.fabric.service import Node
from wakeful.fabric.source import Source, Taken
from wakeful.fabric.trace import Trace, merged
from wakeful.services.lambda_ import functions, measuring, recursion, runs
from wakeful.services.lambda_.durable import invocations
from wakeful.services.lambda_.errors import RecursiveInvocationException
from wakeful.services.lambda_.references import of_arn
from wakeful.services.lambda_.sources import mappings
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.services.lambda_.sources.scale import Scale
from wakeful.store.tx import Tx
from wakeful.store.wakes import Listener
from wakeful.wire.errors import AwsError

log = logging.getLogger(__name__)

OK = "OK"
FAILED = "PROBLEM: Function call failed"
LOOPED = f"PROBLEM: {RecursiveInvocationException().message}"


class Batch:
    """What one mapping took at one time, under the rules that it had then."""

    def __init__(
        self,
        node: Node,
        mapping: SourceMapping,
        source: Source,
        wanted: Filter,
        scale: Scale,
        taken: Sequence[Taken],
        gathered_at: float,
    ) -> None:
        """`gathered_at` is when the source began to count how long it is ours."""
        self._node = node
        self._mapping = mapping
        self._source = source
        self._filter = wanted
        self._scale = scale
        self._taken = taken
        self._gathered_at = gathered_at

    async def handle(self, ran: Callable[[Batch], None]) -> None:
        """The batch is run, which `ran` is told, and settled. What the filters do not want is settled without a run.

        A batch that cannot be settled comes again when its visibility ends, as after a crash.
        """
        with self._node.wakes.listen(functions.CHANGED, mappings.wake_name(self._mapping.uuid)) as listener:
            try:
                await self._handle(listener, ran)
            except Exception:  # a mistake of ours: the batch comes again, and the other batches do not suffer
                log.exception("mapping %s: a batch of %d was not settled", self._mapping.uuid, len(self._taken))

    async def _handle(self, listener: Listener, ran: Callable[[Batch], None]) -> None:
        wanted = self._filter.wanted(self._taken, self._as_record)
        failed: list[Taken] = []
        result = OK
        for part in batches.parts(wanted, self._as_record, limits.LAMBDA_SYNCHRONOUS_BYTES_MAX):
            waiting = {batches.group_of(each) for each in failed} - {None}
            behind = [each for each in part if batches.group_of(each) in waiting]
            failed_here, result_here = await self._run([each for each in part if each not in behind], listener)
            failed += [*behind, *failed_here]
            result = result if result_here == OK else result_here
        if result != OK and not self._mapping.reports_items:
            self._scale.failed(self._node.clock.now())
        ran(self)
        refused = {each.id for each in failed}
        done = [each for each in self._taken if each.id not in refused]
        await self._settle(done, failed, result)
        if self._mapping.counts_events:
            measuring.polled(self._node, self._mapping, len(self._taken), len(wanted), len(failed), len(done))
        if "ProvisionedPollerConfig" in self._mapping.config:
            measuring.pollers(self._node, self._mapping, self._scale.pollers)

    async def _settle(self, done: Sequence[Taken], failed: Sequence[Taken], result: str) -> None:
        """The source has been told. A store that fails is asked again: what has run shall not run twice for it."""
        settle = partial(self._node.store.write, _settle, self._source, self._mapping, done, failed, result)
        async with asyncio.timeout(limits.LAMBDA_SETTLE_PATIENCE_S):
            await insist(f"settling a batch of mapping {self._mapping.uuid}", settle)

    async def _run(self, batch: Sequence[Taken], listener: Listener) -> tuple[Sequence[Taken], str]:
        """What of the batch failed, and what `LastProcessingResult` shall say."""
        batch, looped = await recursion.parted(self._node, of_arn(self._mapping.function), batch)
        if not batch:
            return looped, LOOPED if looped else OK
        traces = [each.trace for each in batch]
        invocation = runs.invocation_of(
            merged(traces),
            orjson.dumps({"Records": [self._as_record(each) for each in batch]}),
            self._mapping.function,
            request_id=names.new_uuid(),
            kind="EventSourceMapping",
            source=self._mapping.source,
        )
        try:
            outcome = await self._outcome(invocation, traces, listener)
        except (Throttled, AwsError) as refusal:
            log.info("mapping %s: %s", self._mapping.uuid, refusal)
            return [*looped, *batch], f"PROBLEM: {refusal}"
        failed, result = self._failures(batch, outcome)
        return [*looped, *failed], LOOPED if looped else result

    async def _outcome(self, invocation: Invocation, traces: Sequence[Trace], listener: Listener) -> Outcome:
        """Tried again while it is throttled. Raises Throttled where what was taken is no longer ours, or the mapping
        is about to stop.
        """
        node, function = self._node, of_arn(self._mapping.function)
        pause_s = limits.LAMBDA_MAPPING_THROTTLE_BACKOFF_S
        ours_until: float | None = None
        while True:
            try:
                version = runs.for_tenant((await runs.target(node, function)).pick(), None)
                return await invocations.run(node, version, invocation, *traces)
            except Throttled:
                now = node.clock.now()
                self._scale.failed(now)
                if ours_until is None:
                    held_s = await node.store.read(self._source.held_s, self._mapping.source)
                    ours_until = self._gathered_at + held_s
                if now + pause_s >= ours_until or await self._is_ending():
                    raise
                await listener.wait(now + pause_s)
                pause_s = min(limits.LAMBDA_MAPPING_THROTTLE_BACKOFF_MAX_S, pause_s * 2)

    async def _is_ending(self) -> bool:
        now = await self._node.store.read(mappings.get, self._mapping.uuid)
        return self._node.is_stopping or now is None or now.state in mappings.ENDING

    def _failures(self, batch: Sequence[Taken], outcome: Outcome) -> tuple[Sequence[Taken], str]:
        if outcome.error is not None:
            return batch, FAILED
        if not self._mapping.reports_items:
            return (), OK
        failed = batches.reported_failures(outcome.payload, {each.id for each in batch})
        if failed is None:
            return batch, FAILED
        return [each for each in batch if each.id in failed], OK

    def _as_record(self, taken: Taken) -> dict[str, object]:
        return self._source.as_record(self._mapping.source, taken)


def _settle(
    tx: Tx, source: Source, mapping: SourceMapping, done: Sequence[Taken], failed: Sequence[Taken], result: str
) -> None:
    source.settle(tx, mapping.source, mapping.uuid, done, failed)
    mappings.processed(tx, mapping.uuid, result)
