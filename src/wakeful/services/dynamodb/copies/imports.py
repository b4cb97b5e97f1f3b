"""Imports: a new table with what lies in a bucket ("DynamoDB data import from Amazon S3").

One object after another, in portions: how far the object is stands in the transaction that put the portion, so that a
node that was killed neither leaves anything out nor counts anything twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from wakeful import limits
from wakeful.fabric.service import Again, Call, Done, Node, Worker
from wakeful.fabric.trace import Trace
from wakeful.services.dynamodb import changes, item_rules, table
from wakeful.services.dynamodb.changes import Cause
from wakeful.services.dynamodb.copies import asking, filling, import_log, transfers, unpacking
from wakeful.services.dynamodb.copies.transfers import Failure, Transfer
from wakeful.services.dynamodb.copies.unpacking import Malformed
from wakeful.services.dynamodb.sizes import item_size
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import Item, checked, parsed
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

IMPORT = "import"
KIND = "dynamodb.import"
"""The kind of work row that imports."""

_COUNTED = ("ProcessedSizeBytes", "ProcessedItemCount", "ImportedItemCount", "ErrorCount")


def begin(tx: Tx, call: Call, request: Mapping[str, Any], token: str) -> Transfer:
    """The table is there, CREATING, and filled with what is in the bucket. Raises what CreateTable does."""
    made = filling.create(tx, call, request["TableCreationParameters"], {})
    result = {"TableId": made.id, **dict.fromkeys(_COUNTED, 0)}
    result["CloudWatchLogGroupArn"] = call.arn("logs", f"log-group:{import_log.GROUP}:*")
    begun = transfers.begin(tx, IMPORT, made.arn, made.region, token, request, result)
    body = {"arn": begun.arn, "table": made.arn, "space": made.space, "after": "", "asked": asking.kept(call)}
    work.put(tx, KIND, body, name=f"{KIND} {begun.arn}")
    return begun


# --- below -----------------------------------------------------------------------------------------------------------


async def _carry_out(node: Node, item: work.Item) -> Done | Again:
    """One object; or, where there are no more, the end."""
    body: dict[str, Any] = item.body
    found = await node.store.read(transfers.get, body["arn"])
    into = await node.store.read(table.get, body["table"])
    if found is None or into is None or into.space != body["space"]:
        return Done(lambda tx: transfers.end(tx, body["arn"], Failure("TableNotFound", "The table was deleted.")))
    job = _Job(node, found, into, asking.again(node, body["asked"]))
    try:
        key = await job.next_key(body["after"])
        if key is not None:
            await job.take(key)
            return Again(node.clock.now(), {**body, "after": key})
    except Failure as failure:
        return Done(partial(_end, body=body, failure=failure))
    if not body["after"]:
        nothing = Failure("S3NoSuchKey", "There is no object with the prefix in the bucket.")
        return Done(partial(_end, body=body, failure=nothing))
    return Done(partial(_end, body=body, failure=None))


def _end(tx: Tx, body: Mapping[str, Any], failure: Failure | None) -> None:
    """What came is in the table, which is as any other from now on."""
    transfers.end(tx, body["arn"], failure)
    filling.finish(tx, body["table"], body["space"])


class _Job:
    """One import at work, in the name of whoever asked for it."""

    def __init__(self, node: Node, found: Transfer, into: Table, call: Call) -> None:
        self._node = node
        self._import = found
        self._into = into
        self._call = call
        self._source: Mapping[str, Any] = found.request["S3BucketSource"]

    async def next_key(self, after: str) -> str | None:
        """The next object's name; None where there are no more. Raises Failure."""
        wanted = {"Prefix": self._source.get("S3KeyPrefix", ""), "StartAfter": after, "MaxKeys": 1}
        listed = await self._s3("ListObjectsV2", wanted)
        return next((each["Key"] for each in listed.get("Contents", ())), None)

    async def take(self, key: str) -> None:
        """Everything the object has is in the table, or told to be wrong."""
        known = await self._node.store.read(transfers.get, self._import.arn)
        at = known.result.get("_at", {}) if known is not None else {}
        skipped = at["records"] if at.get("key") == key else 0
        portion = _Portion(self._import.arn, self._into, key, skipped, self._call.trace)
        number = 0
        async for found, size in self._records(key):
            number += 1
            if number <= skipped:
                continue
            portion.add(found, size)
            if portion.is_full:
                await self._put(portion)
        await self._put(portion)

    async def _put(self, portion: _Portion) -> None:
        wrong = await self._node.store.write(portion.put)
        portion.begin_next()
        if wrong:
            pointer = {"bucket": self._source["S3Bucket"], "key": portion.key}
            await import_log.tell(self._node, self._call, self._import.arn, pointer, wrong)

    async def _records(self, key: str) -> AsyncIterator[tuple[Any, int]]:
        """What is in the object, one after the other, each with about how many bytes it took. Of an object that ends
        badly, what came before; its end is one record that is wrong.
        """
        request = self._import.request
        unpacker = unpacking.unpacker(request.get("InputCompressionType", "NONE"))
        schemas = (self._into.keys, *(each.keys for each in self._into.indexes))
        reader = unpacking.reader(request, [part for schema in schemas for part in schema.attributes])
        lines = unpacking.Lines()
        answer = await self._s3("GetObject", {"Key": key})
        try:
            async for packed in answer["Body"]:
                for piece in unpacker.unpack(packed):
                    size = len(piece)
                    for found in reader.read(lines.cut(piece), is_last=False):
                        yield found, size
                        size = 0
            unpacker.finish()
            for found in reader.read(lines.last(), is_last=True):
                yield found, 0
        except Malformed as error:
            yield error, 0

    async def _s3(self, operation: str, wanted: Mapping[str, Any]) -> Any:
        request = {"Bucket": self._source["S3Bucket"], **wanted}
        if "S3BucketOwner" in self._source:
            request["ExpectedBucketOwner"] = self._source["S3BucketOwner"]
        try:
            return await self._node.call(self._call, "s3", operation, request)
        except AwsError as error:
            raise transfers.of_s3(error) from error


class _Portion:
    """Records that are put in one transaction."""

    def __init__(self, arn: str, into: Table, key: str, done: int, trace: Trace) -> None:
        self.key = key
        self._arn = arn
        self._into = into
        self._done = done
        self._cause = Cause(trace)
        self._found: list[Any] = []
        self._bytes = 0

    def add(self, found: Any, size: int) -> None:
        self._found.append(found)
        self._bytes += size

    @property
    def is_full(self) -> bool:
        return len(self._found) >= limits.DYNAMODB_COPIED_AT_ONCE

    def put(self, tx: Tx) -> list[tuple[int, str]]:
        """They are in the table and counted. Told are those that cannot be, by their numbers in the object."""
        wrong = [(self._done + at, self._fault_of(tx, each)) for at, each in enumerate(self._found)]
        wrong = [(number, fault) for number, fault in wrong if fault]
        known = transfers.get(tx, self._arn)
        if known is None:
            return []
        more = (self._bytes, len(self._found), len(self._found) - len(wrong), len(wrong))
        counts = {name: known.result[name] + count for name, count in zip(_COUNTED, more, strict=True)}
        transfers.note(tx, self._arn, **counts, _at={"key": self.key, "records": self._done + len(self._found)})
        return wrong

    def begin_next(self) -> None:
        """What was put is done; what is added now comes after it."""
        self._done += len(self._found)
        self._found = []
        self._bytes = 0

    def _fault_of(self, tx: Tx, found: Any) -> str:
        """What is wrong with the record; "" where it is in the table now."""
        if isinstance(found, Malformed):
            return str(found)
        try:
            item: Item = checked(found)
            key = item_rules.key_of_item(self._into, item)
            item_rules.check_size(item_size(item))
        except AwsError as error:
            return error.message
        before = changes.locked(tx, self._into, key)
        changes.apply(tx, self._into, key, parsed(before) if before is not None else None, item, self._cause)
        return ""


worker = Worker(KIND, _carry_out, slots=limits.DYNAMODB_COPY_SLOTS)
