"""Which rules of a bus want an event: their patterns, compiled once, and again only when they have changed."""

from __future__ import annotations

import threading
from collections import OrderedDict

from wakeful import limits
from wakeful.fabric.pattern import PatternSet, compile_pattern
from wakeful.services.events import rule as rules
from wakeful.services.events.bus import Bus
from wakeful.services.events.event import Event
from wakeful.store.tx import Tx


class _Compiled:
    """The patterns of one bus, and the revisions they are in."""

    __slots__ = ("patterns", "revision", "revisions")

    def __init__(self) -> None:
        self.revision: str | None = None
        self.revisions: dict[str, str] = {}
        self.patterns: PatternSet[str] = PatternSet()


class Rulebook:
    """The compiled patterns of the buses in use; a node has one, and each transaction checks it before it asks.

    No revision is given twice, not even by a transaction that is undone. So what is compiled either is what this
    transaction sees or has another revision, and then only the rules whose own revisions differ are compiled again.
    """

    def __init__(self) -> None:
        self._buses: OrderedDict[str, _Compiled] = OrderedDict()
        self._lock = threading.Lock()  # transactions of a cluster's node run side by side, each on its own view

    def matching(self, tx: Tx, bus: Bus, event: Event) -> list[str]:
        """The ARNs of the bus's enabled rules that want the event."""
        with self._lock:
            compiled = self._buses.setdefault(bus.arn, _Compiled())
            self._buses.move_to_end(bus.arn)
            if len(self._buses) > limits.EVENTS_BUSES_KEPT:
                self._buses.popitem(last=False)
            if compiled.revision != bus.revision:
                _renew(tx, bus, compiled)
            return compiled.patterns.matching(event.document)


def _renew(tx: Tx, bus: Bus, compiled: _Compiled) -> None:
    compiled.revision = None  # until everything is as this transaction sees it
    rows = tx.all(
        "SELECT arn, pattern, revision FROM events_rules WHERE bus = ? AND state = ? AND pattern IS NOT NULL"
        " ORDER BY arn",
        *(bus.arn, rules.ENABLED),
    )
    wanted = {row["arn"]: row["revision"] for row in rows}
    for arn in compiled.revisions.keys() - wanted.keys():
        compiled.patterns.discard(arn)
        del compiled.revisions[arn]
    for row in rows:
        if compiled.revisions.get(row["arn"]) != row["revision"]:
            compiled.patterns.add(row["arn"], compile_pattern(row["pattern"]))
            compiled.revisions[row["arn"]] = row["revision"]
    compiled.revision = bus.revision
