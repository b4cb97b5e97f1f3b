"""The wiring as a graph, and the ways around in it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.cli.wiring.wired import arn, function, mapping, queue, role_that, wiring
from tests.examples import examples
from wakeful.cli.wiring.graph import WAITED_FOR, Edge, edges, loops
from wakeful.cli.wiring.model import Bucket, Bus, EventConfig, Notification, Rule, Target, Wiring

PLACES = st.sampled_from("abcdef")
EDGES = st.lists(st.builds(Edge, PLACES, PLACES, st.just("to"), st.booleans()), max_size=14)


def reaches(found: list[Edge], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        place = waiting.pop()
        following = {edge.target for edge in found if edge.source == place} - seen
        seen |= following
        waiting += following
    return seen


@examples(150)
@given(EDGES)
def test_there_is_a_way_around_through_every_place_that_reaches_itself_and_no_other(found: list[Edge]) -> None:
    ways = loops(found)
    for way in ways:
        assert all(one.target == other.source for one, other in zip(way, (*way[1:], way[0]), strict=True))
        assert set(way) <= set(found)
    around = {edge.source for way in ways for edge in way}
    assert around == {place for place in "abcdef" if place in reaches(found, place)}


@examples(100)
@given(EDGES)
def test_a_way_around_is_the_same_however_the_edges_lie(found: list[Edge]) -> None:
    def shown(some: list[Edge]) -> list[tuple[str, ...]]:
        return sorted(tuple(edge.source for edge in way) for way in loops(some) if len(way) == 1)

    assert shown(found) == shown(found[::-1])


def passed(found: Wiring) -> set[tuple[str, str, bool]]:
    return {(edge.source, edge.target, edge.is_certain) for edge in edges(found)}


def test_what_a_function_returns_to_a_mapping_goes_to_no_destination() -> None:
    made = function("bill", events=(EventConfig(on_success=arn("sqs", "orders")),))
    found = wiring(made, queue("orders"), mapping("orders", "bill"))
    assert passed(found) == {
        (arn("sqs", "orders"), made.arn + WAITED_FOR, True),
        (made.arn, arn("sqs", "orders"), True),
    }
    assert loops(edges(found)) == []


def test_a_role_that_names_what_it_writes_to_passes_on_to_it() -> None:
    named = role_that(("sqs:Send*", arn("sqs", "ord*")), ("lambda:InvokeFunction", arn("lambda", "function:print")))
    found = wiring(function("bill"), function("print", role="none"), queue("orders"), queue("other"), bill=named)
    assert {(target, sure) for _, target, sure in passed(found)} == {
        (arn("sqs", "orders"), False),
        (arn("lambda", "function:print"), False),
    }


def test_a_right_to_everything_or_one_that_is_denied_tells_of_no_intention() -> None:
    for statements in (
        [("sqs:*", "*")],
        [("*", "*")],
        [("sqs:SendMessage", arn("sqs", "*"))],
        [("sqs:ReceiveMessage", arn("sqs", "orders"))],
    ):
        assert passed(wiring(function("bill"), queue("orders"), bill=role_that(*statements))) == set()
    denied = [
        {"Effect": "Allow", "Action": "sqs:*", "Resource": arn("sqs", "orders")},
        {"Effect": "Deny", "Action": "sqs:SendMessage", "Resource": "*"},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": denied})
    assert passed(wiring(function("bill"), queue("orders"), bill=(policy,))) == set()


def bucket_loop(resource: str, prefix: str = "", suffix: str = "", event: str = "s3:ObjectCreated:*") -> bool:
    thumb = function("thumb")
    told = Notification(id="1", target=thumb.arn, events=(event,), prefix=prefix, suffix=suffix)
    bucket = Bucket(name="pictures", notifications=(told,))
    return bool(loops(edges(wiring(thumb, bucket, thumb=role_that(("s3:PutObject", resource))))))


def test_who_writes_to_the_bucket_that_wakes_it_goes_around_unless_it_writes_elsewhere() -> None:
    pictures = "arn:aws:s3:::pictures"
    assert bucket_loop(f"{pictures}/*")
    assert bucket_loop(f"{pictures}/small/*")
    assert bucket_loop(f"{pictures}/in/*", prefix="in/")
    assert not bucket_loop(f"{pictures}/*", prefix="in/")
    assert not bucket_loop(f"{pictures}/out/*", prefix="in/")
    assert not bucket_loop(f"{pictures}/*", suffix=".jpg")
    assert bucket_loop(f"{pictures}/*.jpg", suffix=".jpg")
    assert not bucket_loop(f"{pictures}/*", event="s3:ObjectRemoved:*")
    assert not bucket_loop("arn:aws:s3:::films/*")


def test_a_bus_passes_on_what_its_rules_may_match() -> None:
    bill, bus = function("bill"), Bus(arn=arn("events", "event-bus/default"))
    writes = role_that(("events:PutEvents", bus.arn))

    def around(pattern: object, **more: bool) -> bool:
        rule = Rule(
            arn=arn("events", "rule/r"),
            name="r",
            bus=bus.arn,
            pattern=json.dumps(pattern),
            targets=(Target(id="1", arn=bill.arn),),
            **more,
        )
        return bool(loops(edges(wiring(bill, bus, rule, bill=writes))))

    assert around({"source": ["mine"]})
    assert not around({"source": ["aws.s3"]})
    assert not around({"source": ["mine"]}, is_enabled=False)


def test_a_bucket_goes_around_by_the_default_bus() -> None:
    bus, thumb = Bus(arn=arn("events", "event-bus/default")), function("thumb")
    pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": ["pictures"]}}}
    rule = Rule(
        arn=arn("events", "rule/r"),
        name="r",
        bus=bus.arn,
        pattern=json.dumps(pattern),
        targets=(Target(id="1", arn=thumb.arn),),
    )
    writes = role_that(("s3:PutObject", "arn:aws:s3:::pictures/*"))
    for name, is_around in (("pictures", True), ("films", False)):
        found = wiring(bus, thumb, rule, Bucket(name=name, has_eventbridge=True), thumb=writes)
        assert bool(loops(edges(found))) == is_around
