"""Lambda's metrics: what is measured, and under which dimensions ("Types of metrics for Lambda functions").

Every metric counts for all functions together, for its function, and for the version or alias that was called; where
that was an alias, for the version that ran, too. Whatever did not happen of what is measured in a run counts as 0, so
that the average of Errors is their share.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache

from wakeful import limits
from wakeful.environments.version import Invocation, Outcome, Version
from wakeful.fabric.service import Node
from wakeful.services.lambda_.references import LATEST, Reference
from wakeful.services.lambda_.sources.mappings import SourceMapping
from wakeful.store.metric_points import Dimensions
from wakeful.store.metrics import Family, Gauge, Measures, Sample, family, measures

NAMESPACE = "AWS/Lambda"
OWN_NAMESPACE = "Wakeful/Lambda"

_RUN = measures(("Invocations", "Count"), ("Errors", "Count"), ("Throttles", "Count"), ("Duration", "Milliseconds"))
_THROTTLED = measures(("Throttles", "Count"))
_CONCURRENT = measures(("ConcurrentExecutions", "Count"))
_UNRESERVED = measures(("UnreservedConcurrentExecutions", "Count"))
_CLAIMED = measures(("ClaimedAccountConcurrency", "Count"))
_PROVISIONED = measures(
    ("ProvisionedConcurrencyInvocations", "Count"), ("ProvisionedConcurrencySpilloverInvocations", "Count")
)
_IN_USE = measures(("ProvisionedConcurrentExecutions", "Count"), ("ProvisionedConcurrencyUtilization", "None"))
_EXTENSIONS = measures(("PostRuntimeExtensionsDuration", "Milliseconds"))
_EVENTS = measures(
    ("PolledEventCount", "Count"),
    ("FilteredOutEventCount", "Count"),
    ("InvokedEventCount", "Count"),
    ("FailedInvokeEventCount", "Count"),
    ("DeletedEventCount", "Count"),
)
_STREAM_EVENTS = measures(
    ("PolledEventCount", "Count"),
    ("FilteredOutEventCount", "Count"),
    ("InvokedEventCount", "Count"),
    ("FailedInvokeEventCount", "Count"),
    ("DroppedEventCount", "Count"),
    ("OnFailureDestinationDeliveredEventCount", "Count"),
)
_ITERATOR_AGE = measures(("IteratorAge", "Milliseconds"))
_OVERSIZED = measures(("OversizedRecordCount", "Count"))
_POLLERS = measures(("ProvisionedPollers", "Count"))
_CHARGED = measures(("BilledDuration", "Milliseconds"), ("ListPrice", "None"))
_RECEIVED = measures(("AsyncEventsReceived", "Count"))
_AGE = measures(("AsyncEventAge", "Milliseconds"))
_DROPPED = measures(("AsyncEventsDropped", "Count"))
_LOOPED = measures(("RecursiveInvocationsDropped", "Count"))
_UNVERIFIED = measures(("SignatureValidationErrors", "Count"))
_DEAD_LETTER_ERRORS = measures(("DeadLetterErrors", "Count"))
_UNDELIVERED = measures(("DestinationDeliveryFailures", "Count"))
_URL = measures(
    ("UrlRequestCount", "Count"),
    ("Url4xxCount", "Count"),
    ("Url5xxCount", "Count"),
    ("UrlRequestLatency", "Milliseconds"),
)


@dataclass(frozen=True, eq=False, slots=True)
class _Subject:
    """The families of what is measured of one version, or of one that an alias stands for."""

    all: Family
    """Under every set of dimensions."""
    called: Family
    """Under that of the version or alias alone."""
    concurrent: tuple[tuple[Family, Measures], ...]
    """How many run at a time is another number for each of them."""
    unreserved: tuple[tuple[Family, Measures], ...]


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _subject(arn: str, invoked_arn: str, version: str) -> _Subject:
    _, _, _, region, account, _, name = arn.split(":", 6)
    qualifier = invoked_arn.removeprefix(arn).removeprefix(":")
    of_function: Dimensions = (("FunctionName", name),)
    of_called: Dimensions = (*of_function, ("Resource", f"{name}:{qualifier}" if qualifier else name))
    sets: tuple[Dimensions, ...] = ((), of_function, of_called)
    concurrent = tuple((family(account, region, NAMESPACE, each), _CONCURRENT) for each in sets)
    whole = family(account, region, NAMESPACE, ())
    if qualifier and qualifier != LATEST and not qualifier.isdigit():
        sets += ((*of_called, ("ExecutedVersion", version)),)
    return _Subject(
        family(account, region, NAMESPACE, *sets),
        family(account, region, NAMESPACE, of_called),
        concurrent,
        ((whole, _UNRESERVED), (whole, _CLAIMED)),
    )


class UnderWay:
    """One invocation, from when it is asked for until it is over. Exactly one of its methods is called, once."""

    __slots__ = ("_gauges", "_node", "_subject", "_version")

    def __init__(self, node: Node, version: Version, invocation: Invocation) -> None:
        metrics = node.telemetry.metrics
        self._node = node
        self._version = version
        self._subject = subject = _subject(version.arn, invocation.invoked_arn, version.version)
        gauges = [metrics.gauge(*each) for each in subject.concurrent]
        if version.arn not in version.reservations:
            gauges += [metrics.gauge(*each) for each in subject.unreserved]
            gauges[-1].beside = version.claimed
        for gauge in gauges:
            gauge.now += 1
        self._gauges: list[Gauge] = gauges

    def over(self, outcome: Outcome, answered: Outcome | None = None) -> None:
        """What became of it. `answered` is what its caller was told while extensions still were at work."""
        self.lost()
        metrics = self._node.telemetry.metrics
        failed = 0 if outcome.error is None else 1
        metrics.add(self._subject.all, _RUN, outcome.started_at, (1, failed, 0, outcome.duration_ms))
        if self._version.provisioned:
            self._in_provisioned(outcome)
        if answered is not None:
            after_ms = max(0.0, outcome.duration_ms - answered.duration_ms)
            metrics.add(self._subject.all, _EXTENSIONS, outcome.started_at, (after_ms,))

    def throttled(self) -> None:
        """It may not run now."""
        for gauge in self._gauges:
            gauge.never_mind()
        self._node.telemetry.metrics.add(self._subject.all, _THROTTLED, self._node.clock.now(), (1,))

    def lost(self) -> None:
        """It ran, or not, and there is nothing to tell of it."""
        now = self._node.clock.now()
        for gauge in self._gauges:
            gauge.down(now)

    def _in_provisioned(self, outcome: Outcome) -> None:
        metrics = self._node.telemetry.metrics
        ran = (1, 0) if outcome.is_provisioned else (0, 1)
        metrics.add(self._subject.all, _PROVISIONED, outcome.started_at, ran)
        if not outcome.is_provisioned:
            return
        busy, wanted = self._node.environments.take_peak(self._version.arn, self._version.provisioned)
        if wanted:
            metrics.add(self._subject.called, _IN_USE, self._node.clock.now(), (busy, busy / wanted))


# --- event source mappings ---


def polled(node: Node, mapping: SourceMapping, taken: int, wanted: int, failed: int, deleted: int) -> None:
    """What became of a batch: how many came, went by the filters, failed, and were deleted from their queue."""
    counts = (taken, taken - wanted, wanted, failed, deleted)
    node.telemetry.metrics.add(_of_mapping(mapping), _EVENTS, node.clock.now(), counts)


def followed(
    mapping: SourceMapping,
    now: float,
    *,
    polled: int = 0,
    filtered: int = 0,
    invoked: int = 0,
    failed: int = 0,
    dropped: int = 0,
    delivered: int = 0,
) -> Sample:
    """What became of entries of a stream: how many were read, went by the filters, were run, failed, were given up
    and told nobody, or told the failure destination."""
    return Sample(_of_mapping(mapping), _STREAM_EVENTS, now, (polled, filtered, invoked, failed, dropped, delivered))


def iterator_age(function: Reference, now: float, age_s: float) -> Sample:
    """A batch of a stream is about to be run; its last record came so long ago."""
    return Sample(_of_events(function), _ITERATOR_AGE, now, (max(0.0, age_s) * 1000,))


def oversized(function: Reference, now: float) -> Sample:
    """A record of a stream is larger than an event may be, and is given up."""
    return Sample(_of_events(function), _OVERSIZED, now, (1,))


def pollers(node: Node, mapping: SourceMapping, count: int) -> None:
    """How many provisioned pollers were there for a batch."""
    node.telemetry.metrics.add(_of_mapping(mapping), _POLLERS, node.clock.now(), (count,))


def _of_mapping(mapping: SourceMapping) -> Family:
    return family(mapping.account, mapping.region, NAMESPACE, (("EventSourceMappingUUID", mapping.uuid),))


# --- the bill ---


def charged(node: Node, version: Version, outcome: Outcome, usd: float) -> None:
    """A run's billed time and list price, in a namespace of our own: AWS has no such metric."""
    node.telemetry.metrics.add(_payer(version.arn), _CHARGED, outcome.started_at, (outcome.billed_ms, usd))


@lru_cache(limits.METRIC_FAMILIES_KEPT)
def _payer(arn: str) -> Family:
    _, _, _, region, account, _, name = arn.split(":", 6)
    return family(account, region, OWN_NAMESPACE, (), (("FunctionName", name),))


# --- asynchronous events ---


def _of_events(function: Reference) -> Family:
    named: Dimensions = (("FunctionName", function.name),)
    called = f"{function.name}:{function.qualifier}" if function.qualifier else function.name
    return family(function.account, function.region, NAMESPACE, (), named, (*named, ("Resource", called)))


def received(function: Reference, now: float) -> Sample:
    """An event is in the function's queue."""
    return Sample(_of_events(function), _RECEIVED, now, (1,))


def aged(function: Reference, now: float, age_s: float) -> Sample:
    """An event is about to be tried."""
    return Sample(_of_events(function), _AGE, now, (max(0.0, age_s) * 1000,))


def dropped(function: Reference, now: float) -> Sample:
    """An event is given up."""
    return Sample(_of_events(function), _DROPPED, now, (1,))


def not_buried(function: Reference, now: float) -> Sample:
    """The function's dead-letter target did not take an event."""
    return Sample(_of_events(function), _DEAD_LETTER_ERRORS, now, (1,))


def undelivered(function: Reference, now: float) -> Sample:
    """A destination did not take the record of an event."""
    return Sample(_of_events(function), _UNDELIVERED, now, (1,))


def looped(function: Reference, now: float) -> Sample:
    """An event has come to the function too often, and is not run."""
    return Sample(_of_events(function), _LOOPED, now, (1,))


# --- deployments ---


def unverified(function: Reference, now: float) -> Sample:
    """A package was deployed, or refused, whose signature is not what the function's code signing asks for."""
    return Sample(_of_events(function), _UNVERIFIED, now, (1,))


# --- function URLs ---


def answered(node: Node, function: Reference, begun: float, status: int) -> None:
    """A request to a function's URL was answered. `begun` is by `time.perf_counter`."""
    named: Dimensions = (("FunctionName", function.name),)
    called = f"{function.name}:{function.qualifier or LATEST}"
    of = family(function.account, function.region, NAMESPACE, named, (*named, ("Resource", called)))
    took_ms = (time.perf_counter() - begun) * 1000
    values = (1, 1 if 400 <= status < 500 else 0, 1 if status >= 500 else 0, took_ms)
    node.telemetry.metrics.add(of, _URL, node.clock.now(), values)
