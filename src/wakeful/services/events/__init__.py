"""EventBridge: event buses, the rules on them, schedules, and the targets of rules."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service, Worker
from wakeful.services.events import bus, dispatch, operations, timer

service = Service(
    operations=operations.api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=dispatch.accept,
    holds={"rule": "SELECT count(*) AS n FROM events_rules"},
    needs=operations.needs,
    policy=bus.policy,
    workers=(Worker(timer.KIND, dispatch.fire),),
)
