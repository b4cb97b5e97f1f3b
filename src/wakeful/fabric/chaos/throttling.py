"""Calls that are answered with what AWS answers who asks too often. They are told before anything was done for them."""

from __future__ import annotations

from collections.abc import Iterable

from wakeful.fabric.chaos.asking import hit
from wakeful.fabric.chaos.experiment import Place
from wakeful.fabric.service import Call, Need, Node
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError


class RequestThrottled(AwsError):
    """The request was denied due to request throttling."""

    status = 403  # in both protocols: AWS's own clients try again by code and status


class Throttling(AwsError):
    """Rate exceeded"""

    code = "Throttling"
    status = 400


_ERRORS: dict[str, type[AwsError]] = {
    "sqs:SendMessage": RequestThrottled,
    "sqs:ReceiveMessage": RequestThrottled,
    "sqs:DeleteMessage": RequestThrottled,
    "sqs:ChangeMessageVisibility": RequestThrottled,
    "sns:Publish": Throttling,
}
"""The actions that are counted against a queue's or a topic's rate. Functions are throttled where they run."""


async def check(node: Node, call: Call, needs: Iterable[Need]) -> None:
    """Raises what the service answers a caller who is too fast, where an experiment wants that."""
    for need in needs:
        error = _ERRORS.get(need.action)
        place = Place(need.resource)
        if error is None or not node.chaos.wants("throttle", place):
            continue
        if await node.store.write(_is_throttled, call, need.action, place):
            raise error()


def _is_throttled(tx: Tx, call: Call, action: str, place: Place) -> bool:
    # In a transaction of its own: one that is refused is undone, and the next attempt would meet the same fate.
    found = hit(tx, "throttle", place)
    if found is None:
        return False
    found.did(tx, call.effects, call.request_id, f"{action} was refused")
    return True
