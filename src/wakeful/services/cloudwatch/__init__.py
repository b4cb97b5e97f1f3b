"""CloudWatch: metrics are put, listed and read. What the node itself measures is among them."""

from __future__ import annotations

from collections.abc import Iterable

from wakeful import limits
from wakeful.fabric.service import Again, Call, Done, Need, Node, Request, Service, Worker
from wakeful.services.cloudwatch import operations
from wakeful.services.cloudwatch.api import api
from wakeful.store import work
from wakeful.store.tx import Tx

_ROLL_UP = "cloudwatch.roll_up"


def needs(call: Call, operation: str, request: Request) -> Iterable[Need]:
    """CloudWatch's actions are on everything ("Actions, resources, and condition keys for Amazon CloudWatch")."""
    context = {"cloudwatch:namespace": request["Namespace"]} if operation == "PutMetricData" else {}
    yield Need(f"cloudwatch:{operation}", "*", context)


async def _roll_up(node: Node, item: work.Item) -> Done | Again:
    """Older points are fewer. Nobody sees the difference: reading goes by their age already."""
    while await node.telemetry.metrics.roll_up():
        continue
    return Again(node.clock.now() + limits.METRIC_SWEEP_S)


def _first(tx: Tx) -> None:
    work.ensure(tx, _ROLL_UP, _ROLL_UP, {}, due=tx.now + limits.METRIC_SWEEP_S)


service = Service(
    operations=api,
    needs=needs,
    workers=(Worker(_ROLL_UP, _roll_up, slots=1, is_lazy=True),),
    first=_first,
)

__all__ = ["operations", "service"]
