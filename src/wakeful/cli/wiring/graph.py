"""The wiring as a graph: what passes from where to where, and where it comes back to itself."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wakeful.cli.wiring import rights
from wakeful.cli.wiring.events import CHANGES, put_event, s3_bus_event, table_record
from wakeful.cli.wiring.matching import may_match
from wakeful.cli.wiring.model import Bucket, Function, Notification, SourceMapping, Table, Wiring, unqualified

WAITED_FOR = "!"
"""Behind the ARN of a function whose caller waits for it, as a mapping does: its destinations get nothing of that."""

_TABLE_WRITES: Mapping[str, Sequence[str]] = {
    "dynamodb:PutItem": ("INSERT", "MODIFY"),
    "dynamodb:UpdateItem": ("INSERT", "MODIFY"),
    "dynamodb:DeleteItem": ("REMOVE",),
    "dynamodb:BatchWriteItem": CHANGES,
    "dynamodb:PartiQLInsert": ("INSERT",),
    "dynamodb:PartiQLUpdate": ("MODIFY",),
    "dynamodb:PartiQLDelete": ("REMOVE",),
}
"""What changes a table, and which records of its stream that makes."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What is at `source` passes on to `target`. It is certain where it is configured, and not only permitted."""

    source: str
    target: str
    how: str
    is_certain: bool = True


def edges(wiring: Wiring) -> list[Edge]:
    """All of them; functions without their qualifiers."""
    found = [*_configured(wiring), *_of_buses(wiring), *_permitted(wiring)]
    return list({(each.source, each.target, each.is_certain): each for each in found}.values())


def loops(found: Sequence[Edge]) -> list[tuple[Edge, ...]]:
    """The shortest ways around: one at least through each place from which one comes back to it."""
    leaving: defaultdict[str, list[Edge]] = defaultdict(list)
    for edge in found:
        leaving[edge.source].append(edge)
    ways = []
    for knot in _knots(leaving):
        covered: set[str] = set()
        around = [_way_around(start, knot, leaving) for start in sorted(knot)]
        for way in sorted(around, key=len):
            if way[0].source not in covered:
                covered |= {edge.source for edge in way}
                ways.append(way)
    return ways


# --- edges ------------------------------------------------------------------------------------------------------------


def _configured(wiring: Wiring) -> Iterator[Edge]:
    for mapping in wiring.mappings:
        if mapping.is_enabled and mapping.source and not _is_closed(wiring, mapping):
            yield Edge(mapping.origin, mapping.function + WAITED_FOR, "is read by")
            if mapping.on_failure:
                yield Edge(mapping.origin, unqualified(mapping.on_failure), "gives up records to")
    for table in wiring.tables.values():
        for stream in table.destinations:
            yield Edge(table.arn, stream, "passes its changes on to")
    for subscription in wiring.subscriptions:
        if subscription.is_to_arn and not subscription.is_pending:
            yield Edge(subscription.topic, unqualified(subscription.endpoint), "sends to")
    for bucket in wiring.buckets.values():
        for notification in bucket.notifications:
            yield Edge(bucket.arn, unqualified(notification.target), "notifies")
    for queue in wiring.queues.values():
        if queue.dead_letter:
            yield Edge(queue.arn, queue.dead_letter, "gives up messages to")
    for function in wiring.functions.values():
        for config in function.events:
            if config.on_success:
                yield Edge(function.arn, unqualified(config.on_success), "passes what it returns on to")
            if config.on_failure:
                yield Edge(function.arn, unqualified(config.on_failure), "passes what fails on to")
        if function.dead_letter:
            yield Edge(function.arn, function.dead_letter, "passes what fails on to")


def _of_buses(wiring: Wiring) -> Iterator[Edge]:
    bridged = [bucket for bucket in wiring.buckets.values() if bucket.has_eventbridge]
    for rule in wiring.rules:
        if not rule.is_enabled or rule.pattern is None:
            continue
        sources = []
        if rule.bus.endswith("event-bus/default"):
            sources = [each.arn for each in bridged if may_match(rule.pattern, [s3_bus_event(each.name)])]
        if may_match(rule.pattern, [put_event()]):
            sources.append(rule.bus)
        for target in rule.targets:
            yield from (Edge(source, unqualified(target.arn), f"sends by rule {rule.name} to") for source in sources)


def _permitted(wiring: Wiring) -> Iterator[Edge]:
    """What a function's role names as what it may write to. Within a bucket it has to be what the bucket tells of."""
    for function in wiring.functions.values():
        for target, how in _written(wiring, function):
            yield Edge(function.arn, target, how, is_certain=False)
            yield Edge(function.arn + WAITED_FOR, target, how, is_certain=False)


def _written(wiring: Wiring, function: Function) -> Iterator[tuple[str, str]]:
    if function.role not in wiring.roles:
        return
    # Who reads a queue has a reason to be given sqs:* there, and need not write to it.
    read = {mapping.origin for mapping in wiring.mappings if mapping.function == function.arn}
    for action, those in (
        ("sqs:SendMessage", wiring.queues),
        ("sns:Publish", wiring.topics),
        ("events:PutEvents", wiring.buses),
        ("kinesis:PutRecord", wiring.streams),
        ("kinesis:PutRecords", wiring.streams),
        ("lambda:InvokeFunction", wiring.functions),
        *((action, _telling(wiring, changes)) for action, changes in _TABLE_WRITES.items()),
    ):
        named = list(rights.named_resources(wiring, function.role, action))
        spelled = list(rights.named_resources(wiring, function.role, action, is_named=True))
        for arn in those:
            if rights.names(spelled if arn in read else named, arn) and rights.role_may(
                wiring, function.role, action, arn
            ):
                yield arn, f"may {action} to" if action != "lambda:InvokeFunction" else "may invoke"
    for bucket in wiring.buckets.values():
        if _wakes_by_writing(wiring, function, bucket):
            yield bucket.arn, "may s3:PutObject to"


def _is_closed(wiring: Wiring, mapping: SourceMapping) -> bool:
    """Whether its table writes to another stream by now, or to none."""
    table = wiring.tables.get(mapping.origin)
    return table is not None and table.stream != mapping.source


def _telling(wiring: Wiring, changes: Sequence[str]) -> Mapping[str, Table]:
    """The tables where somebody is told of such a change."""

    def is_told(mapping: SourceMapping, table: Table) -> bool:
        record = table_record(mapping.source, table.view, changes)
        follows = mapping.is_enabled and mapping.source == table.stream
        return follows and (not mapping.filters or any(may_match(each, [record]) for each in mapping.filters))

    return {
        table.arn: table
        for table in wiring.tables.values()
        if table.destinations or any(is_told(mapping, table) for mapping in wiring.mappings)
    }


def _wakes_by_writing(wiring: Wiring, function: Function, bucket: Bucket) -> bool:
    told = [each for each in bucket.notifications if any(event.startswith("s3:ObjectCreated") for event in each.events)]
    if bucket.has_eventbridge:
        told.append(Notification(id="", target=""))
    resources = list(rights.named_resources(wiring, function.role, "s3:PutObject"))
    return any(
        _is_told_of(bucket, each, resource)
        and rights.role_may(wiring, function.role, "s3:PutObject", _some_object(bucket, resource))
        for each in told
        for resource in resources
    )


def _is_told_of(bucket: Bucket, notification: Notification, resource: str) -> bool:
    """Whether every key that the role may write under this resource is one that the notification is about.

    Who may write to a whole bucket and is told of one folder probably writes elsewhere.
    """
    if not resource.startswith(f"{bucket.arn}/"):
        return False
    key = resource.removeprefix(f"{bucket.arn}/")
    begins = key.partition("*")[0]
    return begins.startswith(notification.prefix) and key.endswith(notification.suffix)


def _some_object(bucket: Bucket, resource: str) -> str:
    key = resource.removeprefix(f"{bucket.arn}/").replace("*", "any").replace("?", "x")
    return f"{bucket.arn}/{key}"


# --- ways around ------------------------------------------------------------------------------------------------------


def _knots(leaving: dict[str, list[Edge]]) -> Iterator[set[str]]:
    """The places from which one comes back: strongly connected components, by Tarjan, without recursion."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    for root in list(leaving):
        if root in index:
            continue
        waiting: list[tuple[str, Iterator[Edge]]] = [(root, iter(leaving.get(root, ())))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while waiting:
            place, following = waiting[-1]
            for edge in following:
                there = edge.target
                if there not in index:
                    index[there] = low[there] = len(index)
                    stack.append(there)
                    on_stack.add(there)
                    waiting.append((there, iter(leaving.get(there, ()))))
                    break
                if there in on_stack:
                    low[place] = min(low[place], index[there])
            else:
                waiting.pop()
                if waiting:
                    low[waiting[-1][0]] = min(low[waiting[-1][0]], low[place])
                if low[place] == index[place]:
                    knot = _popped(stack, on_stack, place)
                    if len(knot) > 1 or any(edge.target == place for edge in leaving.get(place, ())):
                        yield knot


def _popped(stack: list[str], on_stack: set[str], last: str) -> set[str]:
    knot: set[str] = set()
    while last not in knot:
        place = stack.pop()
        on_stack.discard(place)
        knot.add(place)
    return knot


def _way_around(start: str, knot: set[str], leaving: dict[str, list[Edge]]) -> tuple[Edge, ...]:
    """A shortest way from the place back to it that stays within the knot."""
    came: dict[str, Edge] = {}
    waiting = deque([start])
    while waiting:
        place = waiting.popleft()
        for edge in leaving.get(place, ()):
            if edge.target == start:
                return (*_way_to(place, start, came), edge)
            if edge.target in knot and edge.target not in came:
                came[edge.target] = edge
                waiting.append(edge.target)
    raise AssertionError(f"{start} is in no knot")


def _way_to(place: str, start: str, came: dict[str, Edge]) -> Iterable[Edge]:
    way: list[Edge] = []
    while place != start:
        way.append(came[place])
        place = came[place].source
    return reversed(way)
