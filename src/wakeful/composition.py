"""What a node is made of: every service, and everybody's tables. The one list of them."""

from __future__ import annotations

from wakeful.fabric import journal
from wakeful.fabric.chaos import rows as experiments
from wakeful.fabric.service import Service
from wakeful.services import cloudwatch, dynamodb, events, iam, kinesis, lambda_, logs, s3, sns, sqs
from wakeful.store import blobs, lease, work

SERVICES: tuple[Service, ...] = (
    cloudwatch.service,
    dynamodb.service,
    dynamodb.streams,
    events.service,
    iam.service,
    iam.sts,
    kinesis.service,
    lambda_.service,
    logs.service,
    s3.service,
    sns.service,
    sqs.service,
)

_OWN_SCHEMAS = {
    "work": work.SCHEMA,
    "lease": lease.SCHEMA,
    "blob": blobs.SCHEMA,
    "fabric": experiments.SCHEMA,
    "journal": journal.SCHEMA,
}


def schemas(services: tuple[Service, ...]) -> dict[str, str]:
    """CREATE statements by owner: the kernel's, and those of the services."""
    return {**_OWN_SCHEMAS, **{service.package: service.schema for service in services}}
