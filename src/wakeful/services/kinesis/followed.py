"""How mappings and pipes follow a stream, by its own ARN or by that of one of its consumers."""

from __future__ import annotations

import base64
from typing import Any

from wakeful import limits, names
from wakeful.fabric.journal import Entry, Shard
from wakeful.services.kinesis import consumers, records, sequences
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Tx


class Followed:
    """See `fabric/stream.py`."""

    content = "data"
    bytes_max = limits.KINESIS_GET_BYTES_MAX

    def journal(self, tx: Tx, arn: str) -> str | None:
        stream = _stream(tx, arn)
        return None if stream is None else stream.journal

    def complaint(self, tx: Tx, arn: str) -> str | None:
        return None if _stream(tx, arn) is not None else f"Stream not found: {arn}"

    def oldest(self, tx: Tx, arn: str) -> float:
        stream = _stream(tx, arn)
        return tx.now if stream is None else stream.oldest(tx.now)

    def as_record(self, arn: str, shard: Shard, entry: Entry, role_arn: str | None = None) -> dict[str, Any]:
        """As "Using Lambda with Amazon Kinesis Data Streams" shows it."""
        _, key, data = records.opened(entry.body)
        sequence = self.sequence(shard, entry)
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": key,
                "sequenceNumber": sequence,
                "data": base64.b64encode(data).decode(),
                "approximateArrivalTimestamp": records.arrival(entry.at),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard.name}:{sequence}",
            "eventName": "aws:kinesis:record",
            **({} if role_arn is None else {"invokeIdentityArn": role_arn}),
            "awsRegion": names.parse_arn(arn).region,
            "eventSourceARN": arn,
        }

    def as_seen(self, record: dict[str, Any]) -> dict[str, Any]:
        """Patterns name what is kept of a record beside the rest, and its data as the text it is."""
        kept = record["kinesis"]
        data = base64.b64decode(kept["data"])
        return {**record, **kept, "data": data.decode(errors="surrogateescape")}  # what is no UTF-8 remains no JSON

    def sequence(self, shard: Shard, entry: Entry) -> str:
        return sequences.text(shard, entry.seq, entry.at)

    def key(self, entry: Entry) -> str:
        return records.opened(entry.body)[1]


def _stream(tx: Tx, arn: str) -> Stream | None:
    if consumers.is_arn(arn) and consumers.get(tx, arn) is None:
        return None
    return streams.get(tx, consumers.stream_arn(arn))
