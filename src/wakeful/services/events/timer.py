"""The timers of scheduled rules: one work row for each, which stores its successor when it has been done."""

from __future__ import annotations

from wakeful.fabric.schedule import parse_schedule
from wakeful.store import work
from wakeful.store.tx import Tx

KIND = "events.schedule"


def stop(tx: Tx, rule_arn: str) -> None:
    """The rule is not due any more."""
    work.drop(tx, _name(rule_arn))


def plan(tx: Tx, rule_arn: str, schedule: str, started: float, *, after: float) -> None:
    """The rule is due once more, at the next time of its schedule after `after`, if there is one.

    A rate counts from `started`; the first of its periods has to end before the rule is due.
    """
    due = parse_schedule(schedule).next_after(max(after, started), started)
    if due is None:
        stop(tx, rule_arn)
        return
    body = {"rule": rule_arn, "schedule": schedule, "started": started}
    work.put(tx, KIND, body, due=due, name=_name(rule_arn))


def _name(rule_arn: str) -> str:
    return f"{KIND}:{rule_arn}"
