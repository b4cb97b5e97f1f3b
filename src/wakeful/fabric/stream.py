"""Streams: what mappings and pipes follow, shard by shard. Entries are a journal's; a service says how they look."""

from __future__ import annotations

from typing import Any, Protocol

from wakeful.fabric.journal import Entry, Shard
from wakeful.store.tx import Tx


class Stream(Protocol):
    """What a service gives to those who follow its streams. Where a follower stands is the follower's to remember."""

    content: str
    """The member of its records that filters look into."""

    bytes_max: int
    """How large what is read at once (`journal.read`) may be."""

    def journal(self, tx: Tx, arn: str) -> str | None:
        """The journal of the stream with that ARN (for Kinesis, also of one of its consumers); None where there is
        none."""

    def complaint(self, tx: Tx, arn: str) -> str | None:
        """Why it cannot be followed, in AWS's words; None where it can."""

    def oldest(self, tx: Tx, arn: str) -> float:
        """Since when its entries are kept: what is older is as good as gone (`since` of `journal.read`)."""

    def as_record(self, arn: str, shard: Shard, entry: Entry, role_arn: str | None = None) -> dict[str, Any]:
        """As it stands in the `Records` of the event; `role_arn` is the role in whose name it is read, where one is."""

    def as_seen(self, record: dict[str, Any]) -> dict[str, Any]:
        """The record as filters look at it."""

    def sequence(self, shard: Shard, entry: Entry) -> str:
        """What a function names in `batchItemFailures`, and metadata of failed batches name."""

    def key(self, entry: Entry) -> str:
        """The partition key, or the item's: entries of the same key keep their order."""
