"""Records of a table's stream, as GetRecords answers them and as functions get them."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import orjson

from wakeful import limits, names
from wakeful.fabric.journal import Entry, Shard
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.streams import stream_settings
from wakeful.store.tx import Tx

_SEQUENCE_BASE = 3 * 10**20  # 21 digits, as the API wants at least
_IMAGES = ("Keys", "NewImage", "OldImage")


def sequence_number(entry_number: int) -> str:
    return str(_SEQUENCE_BASE + entry_number)


def entry_number(sequence: str) -> int | None:
    """The inverse; None for what is no sequence number of ours."""
    number = int(sequence) - _SEQUENCE_BASE if sequence.isascii() and sequence.isdecimal() else -1
    return number if number >= 0 else None


def event_id(arn: str, entry: Entry) -> str:
    """The same whenever, and for whomever, the record is read."""
    return blake2b(f"{arn} {entry.seq}".encode(), digest_size=16).hexdigest()


def record(arn: str, entry: Entry) -> Any:
    """As the API has it. The size is the sum of the items' in it, as DynamoDB counts."""
    written = orjson.loads(entry.body)
    change = written["dynamodb"]
    answer = {
        "eventID": event_id(arn, entry),
        "eventName": written["eventName"],
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": names.parse_arn(arn).region,
        "dynamodb": {
            "ApproximateCreationDateTime": float(int(entry.at)),
            **{name: change[name] for name in _IMAGES if name in change},
            "SequenceNumber": sequence_number(entry.seq),
            "SizeBytes": sum(item_size(change[name]) for name in _IMAGES if name in change),
            "StreamViewType": change["StreamViewType"],
        },
    }
    if "userIdentity" in written:
        answer["userIdentity"] = written["userIdentity"]
    return answer


class TableStreams:
    """What those who follow tables' streams get of them; see `fabric.stream.Stream`."""

    content = "dynamodb"
    bytes_max = limits.DYNAMODB_STREAM_READ_BYTES_MAX

    def journal(self, tx: Tx, arn: str) -> str | None:
        found = stream_settings.get(tx, arn)
        return None if found is None else found.arn

    def complaint(self, tx: Tx, arn: str) -> str | None:
        return None if stream_settings.get(tx, arn) is not None else f"Stream not found: {arn}"

    def oldest(self, tx: Tx, arn: str) -> float:
        return stream_settings.oldest(tx)

    def as_record(self, arn: str, shard: Shard, entry: Entry, role_arn: str | None = None) -> dict[str, Any]:
        """As "Using Lambda with Amazon DynamoDB" shows it, which says nothing of who reads."""
        found: dict[str, Any] = record(arn, entry)
        if (identity := found.pop("userIdentity", None)) is not None:
            found["userIdentity"] = {"principalId": identity["PrincipalId"], "type": identity["Type"]}
        found["eventSourceARN"] = arn
        return found

    def as_seen(self, record: dict[str, Any]) -> dict[str, Any]:
        return record

    def sequence(self, shard: Shard, entry: Entry) -> str:
        return sequence_number(entry.seq)

    def key(self, entry: Entry) -> str:
        return orjson.dumps(orjson.loads(entry.body)["dynamodb"]["Keys"]).decode()
