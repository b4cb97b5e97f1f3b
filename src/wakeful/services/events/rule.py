"""One rule: which events it wants, or when it is due by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.pattern import check_pattern_size, compile_pattern
from wakeful.fabric.schedule import parse_schedule
from wakeful.services.events import bus as buses
from wakeful.services.events import timer
from wakeful.services.events.bus import Bus
from wakeful.services.events.errors import (
    LimitExceededException,
    ResourceNotFoundException,
    ValidationException,
)
from wakeful.store.tx import Row, Tx
from wakeful.wire.errors import NotImplementedHere

ENABLED = "ENABLED"
DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it stands in the store."""

    arn: str
    bus: str
    name: str
    pattern: str | None
    schedule: str | None
    state: str
    description: str | None
    role: str | None
    tags: Mapping[str, str]
    started: float | None

    def shown(self) -> dict[str, Any]:
        """As ListRules and DescribeRule show it."""
        members = {
            "Name": self.name,
            "Arn": self.arn,
            "EventPattern": self.pattern,
            "ScheduleExpression": self.schedule,
            "State": self.state,
            "Description": self.description,
            "RoleArn": self.role,
            "EventBusName": buses.name_of(self.bus),
        }
        return {name: value for name, value in members.items() if value is not None}


def check(request: Mapping[str, Any], bus_arn: str) -> None:
    """Raises what PutRule answers to a rule that cannot be, whatever else there is."""
    pattern, schedule = request.get("EventPattern"), request.get("ScheduleExpression")
    if not pattern and not schedule:
        raise ValidationException("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if request.get("State", ENABLED) not in (ENABLED, DISABLED):
        raise NotImplementedHere(f"Wakeful has no CloudTrail, and so no events for a rule that is {request['State']}.")
    if schedule:
        if buses.name_of(bus_arn) != buses.DEFAULT:
            raise ValidationException("ScheduleExpression is supported only on the default event bus.")
        parse_schedule(schedule)
    if pattern:
        check_pattern_size(pattern, request["Name"])
        compile_pattern(pattern)


def put(tx: Tx, bus_arn: str, request: Mapping[str, Any]) -> Rule:
    """The rule is as the request has it, and nothing is left of what it was; but its tags and targets stay."""
    bus = buses.ensure(tx, bus_arn)
    arn = bus.rule_arn(request["Name"])
    there = get(tx, bus_arn, request["Name"])
    if there is None:
        _check_room(tx, bus)
    tags = buses.tags_of(request.get("Tags", ())) if there is None else dict(there.tags)
    schedule, state = request.get("ScheduleExpression") or None, request.get("State", ENABLED)
    # A schedule that runs already runs on: putting a rule again does not begin its period anew.
    runs_on = there is not None and there.state == state == ENABLED and there.schedule == schedule
    started = there.started if there is not None and runs_on else tx.now
    tx.run(
        "INSERT INTO events_rules(arn, bus, name, pattern, schedule, state, description, role, tags, started, revision)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(arn) DO UPDATE SET pattern = excluded.pattern,"
        " schedule = excluded.schedule, state = excluded.state, description = excluded.description,"
        " role = excluded.role, started = excluded.started, revision = excluded.revision",
        *(arn, bus_arn, request["Name"], request.get("EventPattern") or None, schedule, state),
        *(request.get("Description"), request.get("RoleArn"), orjson.dumps(tags), started, names.new_token()),
    )
    buses.touch(tx, bus)
    rule = find(tx, bus_arn, request["Name"])
    if not runs_on:
        _set_timer(tx, rule)
    return rule


def find(tx: Tx, bus_arn: str, name: str) -> Rule:
    """Raises ResourceNotFoundException, for the bus too."""
    rule = get(tx, bus_arn, name)
    if rule is None:
        bus = buses.find(tx, bus_arn)
        raise ResourceNotFoundException(f"Rule {name} does not exist on EventBus {bus.name}.")
    return rule


def get(tx: Tx, bus_arn: str, name: str) -> Rule | None:
    row = tx.one("SELECT * FROM events_rules WHERE bus = ? AND name = ?", bus_arn, name)
    return None if row is None else _rule(row)


def by_arn(tx: Tx, arn: str) -> Rule | None:
    row = tx.one("SELECT * FROM events_rules WHERE arn = ?", arn)
    return None if row is None else _rule(row)


def set_state(tx: Tx, bus_arn: str, name: str, state: str) -> None:
    """The rule is enabled, and its schedule begins, or it is disabled, and its schedule ends."""
    tx.lock("events", bus_arn)
    rule = find(tx, bus_arn, name)
    if rule.state == state:
        return
    tx.run("UPDATE events_rules SET state = ?, started = ? WHERE arn = ?", state, tx.now, rule.arn)
    buses.touch(tx, buses.find(tx, bus_arn))
    _set_timer(tx, find(tx, bus_arn, name))


def delete(tx: Tx, bus_arn: str, name: str) -> None:
    """No rule of that name is left on the bus; there may have been none. Raises while it has targets."""
    bus = buses.find(tx, bus_arn)
    tx.lock("events", bus_arn)
    arn = bus.rule_arn(name)
    if tx.one("SELECT 1 FROM events_targets WHERE rule = ? LIMIT 1", arn) is not None:
        raise ValidationException("Rule can't be deleted since it has targets.")
    if tx.run("DELETE FROM events_rules WHERE arn = ?", arn):
        buses.touch(tx, bus)
        timer.stop(tx, arn)


def named(tx: Tx, bus_arn: str, prefix: str, after: str, limit: int) -> list[Rule]:
    """The rules of a bus by name, from the one after `after`."""
    rows = tx.all(
        "SELECT * FROM events_rules WHERE bus = ? AND name > ? AND substr(name, 1, ?) = ? ORDER BY name LIMIT ?",
        *(bus_arn, after, len(prefix), prefix, limit),
    )
    return [_rule(row) for row in rows]


def set_tags(tx: Tx, rule: Rule, tags: Mapping[str, str]) -> None:
    tx.lock("events", rule.bus)
    tx.run("UPDATE events_rules SET tags = ? WHERE arn = ?", orjson.dumps(dict(tags)), rule.arn)


def _set_timer(tx: Tx, rule: Rule) -> None:
    if rule.schedule is not None and rule.started is not None and rule.state == ENABLED:
        timer.plan(tx, rule.arn, rule.schedule, rule.started, after=tx.now)
    else:
        timer.stop(tx, rule.arn)


def _check_room(tx: Tx, bus: Bus) -> None:
    row = tx.one("SELECT count(*) AS held FROM events_rules WHERE bus = ?", bus.arn)
    if row is not None and row["held"] >= limits.EVENTS_RULES_PER_BUS_MAX:
        raise LimitExceededException()


def _rule(row: Row) -> Rule:
    return Rule(
        arn=row["arn"],
        bus=row["bus"],
        name=row["name"],
        pattern=row["pattern"],
        schedule=row["schedule"],
        state=row["state"],
        description=row["description"],
        role=row["role"],
        tags=orjson.loads(row["tags"]),
        started=row["started"],
    )
