"""CloudWatch Logs: groups, streams, events and filter patterns."""

from __future__ import annotations

from pathlib import Path

from wakeful import limits
from wakeful.fabric.service import Again, Done, Node, Service, Worker
from wakeful.services.logs import events, groups, inbox, operations, policies
from wakeful.services.logs.api import api
from wakeful.store import work
from wakeful.store.tx import Tx

_SWEEP = "logs.expire"


async def _sweep(node: Node, item: work.Item) -> Done | Again:
    """Events that are older than their group keeps them are gone, and those that belong to no group any more.

    Nobody sees the former even before: reading begins where retention ends.
    """
    logs = await node.telemetry.log_names()
    now = node.clock.now()
    kept = {group.arn: group for group in await node.store.read(groups.every)}
    for arn in logs:
        group = kept.get(arn)
        if group is None:
            await node.telemetry.forget_log(arn)
        elif group.retention_days is not None:
            await node.telemetry.forget_older(arn, group.oldest_ms(now))
    return Again(now + limits.SWEEP_S)


def _first(tx: Tx) -> None:
    work.ensure(tx, _SWEEP, _SWEEP, {}, due=tx.now + limits.SWEEP_S)


service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=inbox.accept,
    needs=groups.needs,
    policy=policies.policy,
    policies_changed=policies.CHANGED,
    workers=(
        Worker(_SWEEP, _sweep, slots=1, is_lazy=True),
        Worker(inbox.KIND, inbox.carry_out, slots=limits.LOGS_INBOX_SLOTS),
    ),
    first=_first,
)

__all__ = ["events", "operations", "service"]
