"""Whether a fault happens here and now: asked in the transaction of what it happens to, which then makes it happen.

The n-th occasion at a place always has the same chances under the same seed, so an experiment that is begun again with
its seed does the same again to the same messages, as long as they come in the same order.
"""

from __future__ import annotations

from dataclasses import dataclass

from wakeful import names
from wakeful.fabric.chaos import rows
from wakeful.fabric.chaos.experiment import NOTE, Dose, Experiment, Place
from wakeful.fabric.parts import parts_of
from wakeful.fabric.trace import Trace
from wakeful.store.telemetry import Note
from wakeful.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Hit:
    """A fault that is to happen. Whoever makes it happen says so by `did`; who cannot, says nothing."""

    experiment: Experiment
    fault: str
    place: Place
    number: int
    dose: Dose

    def seconds(self, of_what: str = "seconds") -> float:
        """One of those that the dose allows."""
        low, high = self.dose.between_s
        return low + (high - low) * self.experiment.chance(self.fault, self.place, self.number, of_what)

    def one_of(self, count: int) -> int:
        """A whole number from 1 to `count`."""
        return 1 + int(count * self.experiment.chance(self.fault, self.place, self.number, "which"))

    def did(self, tx: Tx, trace: Trace, subject: str, what: str) -> None:
        """It has happened to the subject, a message or a request: that is counted, and told in the subject's story."""
        rows.did(tx, self.experiment, self.fault, self.place, subject, trace.id, what)
        tx.note(
            Note(
                id=names.new_uuid(),
                trace=trace.id,
                cause=trace.cause,
                hops=trace.hops,
                kind=NOTE,
                name=self.fault,
                resource=self.place.name,
                account=self.experiment.account,
                at=tx.now,
                detail={"experiment": self.experiment.id, "subject": subject, "what": what},
            )
        )


def is_on(tx: Tx) -> bool:
    """Whether any experiment runs, anywhere. All that chaos costs while none does."""
    parts = tx.parts  # a store that nobody's node is around has none
    return parts is not None and bool(parts.chaos.running)


def is_wanted(tx: Tx, fault: str, place: Place) -> bool:
    """Whether an experiment would have it happen there, now or another time."""
    return parts_of(tx).chaos.wants(fault, place)


def concerns(tx: Tx, place: Place) -> bool:
    """Whether any experiment is about that place."""
    return any(each.is_about(place) for each in parts_of(tx).chaos.running)


def hits(tx: Tx, fault: str, place: Place) -> list[Hit]:
    """What is to happen on this occasion: one for each experiment that wants it."""
    if fault in place.never:
        return []
    found = []
    for experiment in parts_of(tx).chaos.running:
        dose = experiment.doses.get(fault)
        if dose is None or not experiment.is_running(tx.now) or not experiment.is_about(place):
            continue
        number = rows.ask(tx, experiment, fault, place)
        if experiment.chance(fault, place, number) >= dose.rate:
            continue
        if dose.times is None or rows.times(tx, experiment, fault) < dose.times:
            found.append(Hit(experiment, fault, place, number, dose))
    return found


def hit(tx: Tx, fault: str, place: Place) -> Hit | None:
    """The first of them: of what can happen only once on an occasion."""
    found = hits(tx, fault, place)
    return found[0] if found else None
