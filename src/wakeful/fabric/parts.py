"""What the node attaches to every transaction: who accepts deliveries, and by what rights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from wakeful.config import IamMode
from wakeful.fabric.chaos.running import Chaos
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.fabric.authorize import Authorizer
    from wakeful.fabric.deliver import Delivery

T = TypeVar("T")

Accept = Callable[[Tx, "Delivery"], None]
PolicyOf = Callable[[Tx, str], str | None]


@dataclass(frozen=True, slots=True)
class Parts:
    """By a service's name in ARNs."""

    authorizer: Authorizer
    accepts: Mapping[str, Accept] = field(default_factory=dict)
    policies: Mapping[str, PolicyOf] = field(default_factory=dict)
    iam_mode: IamMode = "audit"
    relays_mail: bool = False
    """Whether e-mail goes out to an SMTP server."""
    has_internal_endpoints: bool = True
    """Whether subscribers may be at addresses that are not public."""
    limits_shards: bool = False
    """Whether shards of data streams take and give no more in a second than AWS's."""
    table_delay_s: float = 0.0
    """For how long tables of DynamoDB are CREATING, UPDATING and DELETING."""
    chaos: Chaos = field(default_factory=Chaos)
    """What shall go wrong on purpose."""
    kept: dict[type[Any], Any] = field(default_factory=dict)
    """See `kept`."""


def parts_of(tx: Tx) -> Parts:
    parts = tx.parts
    assert isinstance(parts, Parts), "the node attaches its parts to the store"
    return parts


def kept(tx: Tx, kind: type[T]) -> T:
    """The node's one object of this kind, made when first asked for: what services compile from rows, for transactions.

    A transaction may be undone, and several may run at once on different views. So whoever keeps something compares it
    with the rows that this transaction sees, by revisions that are never given twice, each time before using it.
    """
    things = parts_of(tx).kept
    found = things.get(kind)
    if found is None:
        found = things.setdefault(kind, kind())
    return found  # type: ignore[no-any-return] # made under this key, of this type
