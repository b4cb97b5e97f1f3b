"""An experiment: which faults happen where, how often, until when. All chance in it comes from its seed."""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

from wakeful import limits
from wakeful.fabric.page import Unclear

NOTE = "chaos"
"""The kind of notes that tell what an experiment did."""

KINDS = ("queue", "topic", "mapping", "function")

FAULTS: Mapping[str, tuple[str, ...]] = {
    "duplicate": KINDS,
    "delay": ("queue", "topic", "mapping"),
    "reorder": ("queue", "mapping"),
    "redeliver": ("queue", "mapping"),
    "throttle": KINDS,
    "fail": ("mapping", "function"),
    "crash": ("mapping", "function"),
}
"""Every fault, and what it can happen to. A mapping's messages are late or disordered in its queue."""

FIFO = ".fifo"
"""How the names of queues and topics end whose messages come in order, and once."""

NEVER_IN_ORDER: Mapping[str, tuple[str, ...]] = {
    "queue": ("duplicate", "reorder"),
    "topic": ("duplicate", "delay"),
    "mapping": ("duplicate", "reorder"),
    "function": (),
}
"""What would break the order of such a queue or topic, or give something a second time that was done with."""

_MEMBERS: Mapping[str, frozenset[str]] = {
    "duplicate": frozenset(("rate", "times", "copies", "apart_s")),
    "delay": frozenset(("rate", "times", "s")),
    "reorder": frozenset(("rate", "times", "window")),
}
_PLAIN = frozenset(("rate", "times"))


@dataclass(frozen=True, slots=True)
class Dose:
    """How much of one fault. `between_s` is how late a delayed message is, or how long after a message its copy comes;
    `window` is how many messages one may overtake.
    """

    rate: float
    times: int | None = None
    """How often it happens at most."""
    copies: int = 1
    between_s: tuple[float, float] = (0.0, 0.0)
    window: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where something may happen: the name by which its chances are counted, and others that experiments know it by.

    `never` are the faults that AWS promises not to have there: an experiment on many places leaves this one alone.
    """

    name: str
    also: tuple[str, ...] = ()
    never: tuple[str, ...] = ()


@dataclass(frozen=True)
class Experiment:
    """As it stands in its row. `targets` are names of places, in which a `*` stands for anything."""

    id: str
    account: str
    region: str
    kind: str
    target: str
    """As people know it: an ARN, with `*` for anything."""
    targets: tuple[str, ...]
    doses: Mapping[str, Dose]
    seed: int
    since: float
    until: float | None
    ended: float | None = None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        # Not a chain of `.*`: with many of them a name that nearly matches would take for ever.
        return re.compile("|".join(map(fnmatch.translate, self.targets)))

    def is_about(self, place: Place) -> bool:
        return any(self._pattern.fullmatch(name) for name in (place.name, *place.also))

    def is_running(self, now: float) -> bool:
        return self.ended is None and (self.until is None or now < self.until)

    def chance(self, fault: str, place: Place, number: int, of_what: str = "whether") -> float:
        """From 0 up to, not including, 1: for the `number`-th occasion at this place always the same."""
        text = f"{self.seed} {fault} {place.name} {number} {of_what}"
        return (int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big") >> 11) / (1 << 53)

    def told(self, now: float) -> dict[str, Any]:
        """For people and programs."""
        return {
            "id": self.id,
            "account": self.account,
            "region": self.region,
            "kind": self.kind,
            "target": self.target,
            "faults": {fault: _told(fault, dose) for fault, dose in self.doses.items()},
            "seed": self.seed,
            "since": self.since,
            "until": self.until,
            "is_running": self.is_running(now),
            "ended": self.ended if self.ended is not None or self.is_running(now) else self.until,
        }


def _told(fault: str, dose: Dose) -> dict[str, Any]:
    every: dict[str, Any] = {
        "rate": dose.rate,
        "times": dose.times,
        "copies": dose.copies,
        "apart_s": list(dose.between_s),
        "s": list(dose.between_s),
        "window": dose.window,
    }
    return {member: every[member] for member in every if member in _MEMBERS.get(fault, _PLAIN)}


def doses_to_json(doses: Mapping[str, Dose]) -> dict[str, Any]:
    return {fault: asdict(dose) for fault, dose in doses.items()}


def doses_from_json(kept: Mapping[str, Any]) -> dict[str, Dose]:
    return {fault: Dose(**{**dose, "between_s": tuple(dose["between_s"])}) for fault, dose in kept.items()}


# --- what somebody asks for ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wish:
    """An experiment that somebody wants, before its target was looked up."""

    target: str
    account: str | None
    region: str | None
    doses: Mapping[str, Dose] = field(default_factory=dict)
    seed: int | None = None
    for_s: float | None = None


def wish_of(document: Any) -> Wish:
    """What a request says. Raises Unclear, with the member that makes no sense."""
    asked = _object(document, "the experiment", ("target", "account", "region", "faults", "seed", "for_s"))
    target, faults = asked.get("target"), asked.get("faults")
    if not isinstance(target, str) or not target:
        raise Unclear("target is the name or ARN of a queue, topic, mapping or function")
    for member in ("account", "region"):
        if not isinstance(asked.get(member), str | None):
            raise Unclear(f"{member} is text")
    seed = asked.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or abs(seed) >= 1 << 63):
        raise Unclear("seed is a whole number of at most 63 bits")
    for_s = asked.get("for_s")
    if for_s is not None:
        for_s = _number(for_s, "for_s", 0.0, limits.CHAOS_FOR_S_MAX)
    if not isinstance(faults, dict) or not faults:
        raise Unclear(f"faults says what shall happen: one or more of {', '.join(FAULTS)}")
    doses = {fault: _dose(fault, dose) for fault, dose in faults.items()}
    return Wish(target, asked.get("account"), asked.get("region"), doses, seed, for_s)


def check_possible(kind: str, target: str, doses: Mapping[str, Dose], *, is_ordered: bool) -> None:
    """Raises Unclear for a fault that does not happen to a target of this kind on AWS."""
    for fault in doses:
        if kind not in FAULTS[fault]:
            raise Unclear(f"{fault} does not happen to a {kind}, but to a {' or a '.join(FAULTS[fault])}")
        if is_ordered and fault in NEVER_IN_ORDER[kind]:
            hint = "" if kind == "topic" else "; redeliver is what may happen there"
            raise Unclear(f"{fault} is not for {target}: FIFO gives each message once, and in order{hint}")


def _dose(fault: str, asked: Any) -> Dose:
    if fault not in FAULTS:
        raise Unclear(f"there is no fault {fault}; there are {', '.join(FAULTS)}")
    members = _object(asked, fault, tuple(_MEMBERS.get(fault, _PLAIN)))
    rate = _number(members.get("rate", 1), f"the rate of {fault}", 0.0, 1.0)
    times = members.get("times")
    if times is not None:
        times = _whole(times, f"times of {fault}", limits.CHAOS_TIMES_MAX)
    if fault == "duplicate":
        copies = _whole(members.get("copies", 1), "copies", limits.CHAOS_COPIES_MAX)
        return Dose(rate, times, copies, _range(members.get("apart_s", list(limits.CHAOS_APART_S)), "apart_s"))
    if fault == "delay":
        return Dose(rate, times, between_s=_range(members.get("s"), "s of delay"))
    if fault == "reorder":
        return Dose(rate, times, window=_whole(members.get("window", 10), "window", limits.CHAOS_WINDOW_MAX))
    return Dose(rate, times)


def _object(given: Any, what: str, members: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise Unclear(f"{what} is an object")
    for member in given.keys() - set(members):
        raise Unclear(f"{what} has no {member}; there are {', '.join(sorted(members))}")
    return given


def _number(given: Any, what: str, low: float, high: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not math.isfinite(given):
        raise Unclear(f"{what} is a number")
    if not low <= given <= high:
        raise Unclear(f"{what} is between {low:g} and {high:g}")
    return float(given)


def _whole(given: Any, what: str, most: int) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= most:
        raise Unclear(f"{what} is a whole number from 1 to {most}")
    return given


def _range(given: Any, what: str) -> tuple[float, float]:
    if not isinstance(given, list) or len(given) != 2:
        raise Unclear(f"{what} is two numbers of seconds: from and to")
    low, high = (_number(each, what, 0.0, limits.CHAOS_DELAY_MAX_S) for each in given)
    if low > high:
        raise Unclear(f"{what} begins with the smaller number")
    return low, high
