"""Scheduled rules: due at their moments, each once, with the next one stored before this one is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.running_node import RunningNode, running_node
from tests.services.sink import Sink, sink
from wakeful.services.events.timer import KIND
from wakeful.store import work

DAY_S = 86_400.0


@pytest.fixture
def events(node: RunningNode) -> Any:
    return node.client("events")


def schedule(node: RunningNode, events: Any, expression: str, **more: Any) -> Sink:
    queue = sink(node)
    events.put_rule(Name="r", ScheduleExpression=expression, **more)
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": queue.arn}])
    return queue


def times(queue: Sink) -> list[datetime]:
    """The moments of the events in the queue, the earliest first."""
    return sorted(datetime.fromisoformat(document["time"]) for document in queue.documents())


def next_due(node: RunningNode) -> float | None:
    due = node.run(node.node.store.read(work.next_due, KIND))
    return None if due is None else float(due)


def now(node: RunningNode) -> datetime:
    return datetime.fromtimestamp(node.node.clock.now(), UTC)


def test_a_scheduled_event_looks_as_on_aws(node: RunningNode, events: Any) -> None:
    queue = schedule(node, events, "rate(1 minute)")
    node.advance(60)
    (document,) = queue.documents()
    assert {member: value for member, value in document.items() if member not in ("id", "time")} == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "000000000000",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:000000000000:rule/r"],
        "detail": {},
    }


@pytest.mark.slow
def test_a_day_of_every_five_minutes_is_288_events_each_at_its_time(node: RunningNode, events: Any) -> None:
    queue = schedule(node, events, "rate(5 minutes)")
    begun = next_due(node)
    assert begun is not None
    node.advance(DAY_S)
    found = times(queue)
    assert len(found) == 288
    assert found[0] == datetime.fromtimestamp(int(begun), UTC)
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(minutes=5)}


def test_a_cron_rule_is_due_at_the_minutes_it_names(node: RunningNode, events: Any) -> None:
    queue = schedule(node, events, "cron(15,45 3 * * ? *)")
    node.advance(2 * DAY_S)
    found = times(queue)
    assert [(moment.hour, moment.minute, moment.second) for moment in found] in (
        [(3, 15, 0), (3, 45, 0)] * 2,
        [(3, 45, 0), (3, 15, 0)] * 2,
    )
    assert found[2] - found[0] == timedelta(days=1)


def test_a_schedule_that_has_no_time_left_is_never_due(node: RunningNode, events: Any) -> None:
    schedule(node, events, "cron(0 0 1 1 ? 2001)")
    assert next_due(node) is None


def test_a_schedule_ends_with_its_rule_and_begins_anew_with_it(node: RunningNode, events: Any) -> None:
    queue = schedule(node, events, "rate(1 hour)", State="DISABLED")
    assert next_due(node) is None
    events.enable_rule(Name="r")
    node.advance(1800)
    events.disable_rule(Name="r")
    node.advance(7200)
    assert times(queue) == []
    events.enable_rule(Name="r")
    begun = now(node)
    node.advance(3601)
    (moment,) = times(queue)
    assert timedelta(minutes=59) < moment - begun <= timedelta(hours=1)
    events.remove_targets(Rule="r", Ids=["t"])
    events.delete_rule(Name="r")
    assert next_due(node) is None


def test_putting_a_running_rule_again_does_not_begin_its_period_anew(node: RunningNode, events: Any) -> None:
    queue = schedule(node, events, "rate(1 hour)")
    due = next_due(node)
    node.advance(1800)
    events.put_rule(Name="r", ScheduleExpression="rate(1 hour)", Description="other words")
    assert next_due(node) == due
    events.put_rule(Name="r", ScheduleExpression="rate(2 hours)")
    assert next_due(node) != due
    node.advance(3600)
    assert times(queue) == []
    node.advance(3601)
    assert len(times(queue)) == 1
    events.put_rule(Name="r", EventPattern='{"source": ["x"]}')
    assert next_due(node) is None


def test_a_rule_with_both_is_due_by_itself_and_matches_others(node: RunningNode, events: Any) -> None:
    queue = schedule(node, events, "rate(1 hour)", EventPattern='{"source": ["my.app"]}')
    events.put_events(Entries=[{"Source": "my.app", "DetailType": "thing", "Detail": "{}"}])
    node.advance(3600)
    assert sorted(document["source"] for document in queue.documents()) == ["aws.events", "my.app"]


def test_a_scheduled_event_goes_to_its_own_rules_targets_only(node: RunningNode, events: Any) -> None:
    schedule(node, events, "rate(1 hour)")
    other = sink(node, "other")
    events.put_rule(Name="listening", EventPattern='{"source": ["aws.events"]}')
    events.put_targets(Rule="listening", Targets=[{"Id": "t", "Arn": other.arn}])
    node.advance(3600)
    assert other.messages() == []


def test_a_targets_input_holds_for_scheduled_events_too(node: RunningNode, events: Any) -> None:
    queue = sink(node)
    events.put_rule(Name="r", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="r", Targets=[{"Id": "t", "Arn": queue.arn, "Input": '{"job": 1}'}])
    node.advance(60)
    assert queue.documents() == [{"job": 1}]


def test_what_was_missed_while_no_node_ran_is_one_event_and_then_the_old_rhythm(tmp_path: Path) -> None:
    with running_node(tmp_path) as node:
        schedule(node, node.client("events"), "rate(1 hour)")
        due = next_due(node)
        assert due is not None
        node.run(node.node.store.write(_move_clock, node.node.clock.offset_s + 5.5 * 3600))
    with running_node(tmp_path) as node:
        node.settle()
        assert times(sink(node)) == [datetime.fromtimestamp(int(due), UTC)]
        assert next_due(node) == due + 5 * 3600


def _move_clock(tx: Any, offset_s: float) -> None:
    from wakeful.store import schema

    schema.put_setting(tx, "clock_offset_s", repr(offset_s))
