"""May they? Identity and resource policies, evaluated for calls and for deliveries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wakeful.fabric.service import Call, Need, Node
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.fabric.deliver import Delivery


class Authorizer:
    def __init__(self, node: Node) -> None:
        self._node = node

    def check_delivery(self, tx: Tx, delivery: Delivery) -> None:
        pass


async def check_call(node: Node, call: Call, needs: Sequence[Need]) -> None:
    pass
