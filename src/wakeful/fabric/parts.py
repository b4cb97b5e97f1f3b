"""What the node attaches to every transaction: who accepts deliveries, and by what rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wakeful.config import IamMode
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.fabric.authorize import Authorizer
    from wakeful.fabric.deliver import Delivery

Accept = Callable[[Tx, "Delivery"], None]
PolicyOf = Callable[[Tx, str], str | None]


@dataclass(frozen=True, slots=True)
class Parts:
    """By a service's name in ARNs."""

    authorizer: Authorizer
    accepts: Mapping[str, Accept] = field(default_factory=dict)
    policies: Mapping[str, PolicyOf] = field(default_factory=dict)
    iam_mode: IamMode = "audit"


def parts_of(tx: Tx) -> Parts:
    parts = tx.parts
    assert isinstance(parts, Parts), "the node attaches its parts to the store"
    return parts
