"""SNS: topics, subscriptions, and messages from the ones to the others."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service
from wakeful.services.sns import disturbed, fanout, operations, topic
from wakeful.services.sns.api import api

service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=fanout.accept,
    needs=operations.needs,
    policy=topic.policy,
    workers=(disturbed.worker,),
    unsigned=frozenset({"ConfirmSubscription", "Unsubscribe"}),  # the links in messages
)
