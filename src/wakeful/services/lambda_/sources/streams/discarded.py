"""Records of batches that were given up, for the failure destination.

Their form is that of "Retain discarded batch records for a Kinesis Data Streams event source in Lambda", and the same
for DynamoDB.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from wakeful import names
from wakeful.fabric.trace import Trace, merged, new_trace
from wakeful.services.lambda_ import destinations, measuring
from wakeful.services.lambda_.destinations import Document
from wakeful.services.lambda_.references import of_arn
from wakeful.services.lambda_.sources.streams import rules
from wakeful.services.lambda_.sources.streams.checkpoints import Response
from wakeful.services.lambda_.sources.streams.run import Task
from wakeful.store.tx import Tx

_ABOUT = {"kinesis": "KinesisBatchInfo", "dynamodb": "DDBStreamBatchInfo"}


@dataclass(frozen=True, slots=True)
class Discarded:
    """Entries of one shard that the function will not have any more, and why."""

    task: Task
    """They, as the function had them, or would have had."""

    condition: str
    attempts: int
    response: Response | None
    """None where the function never had them."""

    role_arn: str

    def tell(self, tx: Tx) -> None:
        """The mapping's failure destination has the record, or will have it. Without one they are only counted."""
        destination, count = rules.failure_destination(self.task.mapping.config), len(self.task.pieces)
        is_kept = bool(destination) and destinations.send_document(
            tx, self._document(tx.now, destination), destination, self.role_arn
        )
        if self.task.mapping.counts_events:
            lost, kept = (0, count) if is_kept else (count, 0)
            tx.note(measuring.followed(self.task.mapping, tx.now, dropped=lost, delivered=kept))

    def _document(self, now: float, destination: str) -> Document:
        folder = folder_of(self.task.mapping.uuid, self.task.shard)
        request_id = self.response.request_id if self.response is not None else names.new_uuid()
        with_payload = destinations.is_bucket(destination)
        return Document(
            of_arn(self.task.mapping.function),
            self._trace(now),
            request_id,
            f"record: {self.condition}",
            orjson.dumps(self._record(request_id, now, with_payload=with_payload)).decode(),
            destinations.named(folder, now),
        )

    def _trace(self, now: float) -> Trace:
        return merged([each.trace for each in self.task.pieces]) if self.task.pieces else new_trace(now)

    def _record(self, request_id: str, now: float, *, with_payload: bool) -> dict[str, Any]:
        record: dict[str, Any] = {
            "requestContext": {
                "requestId": request_id,
                "functionArn": self.task.mapping.function,
                "condition": self.condition,
                "approximateInvokeCount": self.attempts,
            }
        }
        if self.response is not None:
            context = {
                "statusCode": 200,
                "executedVersion": self.response.version,
                "functionError": self.response.error,
            }
            record["responseContext"] = {name: value for name, value in context.items() if value is not None}
        record |= {"version": "1.0", "timestamp": _text(now), _ABOUT[self._service]: self._batch()}
        if with_payload:
            record["payload"] = self.task.event().decode()
        return record

    @property
    def _service(self) -> str:
        return names.parse_arn(self.task.mapping.source).service

    def _batch(self) -> dict[str, Any]:
        """Of which entries; a window whose last invocation failed has none."""
        batch: dict[str, Any] = {"shardId": self.task.shard}
        if self.task.pieces:
            first, last = self.task.pieces[0], self.task.pieces[-1]
            batch |= {
                "startSequenceNumber": first.sequence,
                "endSequenceNumber": last.sequence,
                "approximateArrivalOfFirstRecord": self._arrival(first.at),
                "approximateArrivalOfLastRecord": self._arrival(last.at),
            }
        return {**batch, "batchSize": len(self.task.pieces), "streamArn": self.task.mapping.source}

    def _arrival(self, at: float) -> str:
        """DynamoDB's are whole seconds."""
        return f"{destinations.moment(at):%Y-%m-%dT%H:%M:%SZ}" if self._service == "dynamodb" else _text(at)


def folder_of(uuid: str, shard: str) -> str:
    """Where the records of a shard are in a bucket."""
    return f"aws/lambda/{uuid}/{shard}/"


def _text(at: float) -> str:
    return destinations.moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
