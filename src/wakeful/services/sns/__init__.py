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
    inbox,
    inbox_front,
    mail_pages,
    operations,
    platform_operations,
    protection,
    relay,
    replaying,
    sms_operations,
    sweep,
    telling,
    topic,
)
from wakeful.services.sns.api import api
from wakeful.services.sns.protocols import web
from wakeful.services.sns.signing import CertificateFront
from wakeful.store.tx import Tx


def _first(tx: Tx) -> None:
    sweep.first(tx)
    inbox.first(tx)


service = Service(
    operations=api,
    schema=(Path(__file__).parent / "schema.sql").read_text(),
    accept=fanout.accept,
    holds={"topic": "SELECT count(*) AS n FROM sns_topics"},
    needs=operations.needs,
    policy=topic.policy,
    resource=operations.resource,
    unsigned=frozenset({"ConfirmSubscription", "Unsubscribe"}),  # the links in messages
    pages={"inbox": inbox.page},
    fronts=(CertificateFront(), inbox_front.InboxFront(), mail_pages.MailFront()),
    workers=(
        archive.worker,
        confirmations.worker,
        disturbed.worker,
        feedback.worker,
        inbox.worker,
        relay.worker,
        replaying.worker,
        sweep.worker,
        telling.worker,
        web.worker,
    ),
    first=_first,
)

__all__ = ["operations", "platform_operations", "protection", "service", "sms_operations"]
