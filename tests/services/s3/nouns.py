"""Ledgers that know S3's tables, and what its nouns want to be handed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.conftest import OpenStore
from wakeful.fabric.service import Call, Principal
from wakeful.fabric.trace import Trace
from wakeful.services.s3 import buckets, service
from wakeful.services.s3.buckets import Bucket
from wakeful.services.s3.checksums import Checksum
from wakeful.services.s3.content import Content
from wakeful.store import schema
from wakeful.store.tx import Store, Tx

ACCOUNT = "111122223333"
CALL = Call(
    account=ACCOUNT,
    region="us-east-1",
    principal=Principal("user", f"arn:aws:iam::{ACCOUNT}:user/ada", ACCOUNT, "AIDAEXAMPLE"),
    request_id="request",
    trace=Trace("1-00000000-000000000000000000000000"),
    endpoint="http://127.0.0.1:4566",
    source_ip="192.0.2.1",
)


@asynccontextmanager
async def ledger(open_store: OpenStore, **more: Any) -> AsyncIterator[tuple[Store, Bucket]]:
    """A store in which there is one bucket. Every transaction is rehearsed."""
    async with open_store(rehearse=True, **more) as store:
        await store.write(schema.apply, {"s3": service.schema})
        yield store, await store.write(buckets.create, CALL, "shelf", "us-east-1", {})


def blob_content(key: str, size: int = 3) -> Content:
    return Content(size, f"tag-of-{key}", Checksum("CRC32", "AAAAAA=="), blob=key)


def references(tx: Tx) -> dict[str, int]:
    """How often each blob is named."""
    return {row["key"]: row["refs"] for row in tx.all("SELECT key, refs FROM blob_refs")}


def due_work(tx: Tx) -> list[str]:
    """The names of the work rows there are."""
    return [row["name"] for row in tx.all("SELECT name FROM work_items ORDER BY name")]
