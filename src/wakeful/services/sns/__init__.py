"""SNS: topics, subscriptions, and messages from the ones to the others."""

from __future__ import annotations

from pathlib import Path

from wakeful.fabric.service import Service
from wakeful.services.sns import (
    archive,
    confirmations,
    disturbed,
    fanout,
    feedback,
    operations,
    protection,
    replaying,
    sweep,
    topic,
)
from wakeful.services.sns.api import api
from wakeful.services.sns.protocols import web
from wakeful.services.sns.signing import CertificateFront

service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=fanout.accept,
    needs=operations.needs,
    policy=topic.policy,
    fronts=(CertificateFront(),),
    workers=(
        archive.worker,
        confirmations.worker,
        disturbed.worker,
        feedback.worker,
        replaying.worker,
        sweep.worker,
        web.worker,
    ),
    first=sweep.first,
    unsigned=frozenset({"ConfirmSubscription", "Unsubscribe"}),  # the links in messages
)

__all__ = ["protection", "service"]
