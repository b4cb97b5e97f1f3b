"""Exports: a table's items, as they were at a moment, as files in a bucket ("DynamoDB data export to Amazon S3").

One file after another, each in a step of its own, so that a node that was killed goes on with the file it was at.
"""

from __future__ import annotations

import gzip
from base64 import b32encode, b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b, md5
from types import MappingProxyType
from typing import Any

import orjson

from wakeful import limits
from wakeful.fabric.service import Again, Call, Done, Node, Worker
from wakeful.services.dynamodb.copies import asking, history, ion, transfers
from wakeful.services.dynamodb.copies.history import Changed
from wakeful.services.dynamodb.copies.transfers import Failure, Transfer
from wakeful.services.dynamodb.keys import Attribute
from wakeful.services.dynamodb.table import Table
from wakeful.services.dynamodb.values import parsed
from wakeful.store import work
from wakeful.store.tx import Tx
from wakeful.wire.errors import AwsError

EXPORT = "export"
KIND = "dynamodb.export"
"""The kind of work row that writes an export."""

FULL, INCREMENTAL = "FULL_EXPORT", "INCREMENTAL_EXPORT"


def begin(
    tx: Tx, call: Call, found: Table, request: Mapping[str, Any], token: str, until: float, since: float | None
) -> Transfer:
    """The table as it was at the moment `until` will be in the bucket; with `since`, what has changed between."""
    told: dict[str, Any] = {"ExportTime": until} if since is None else {}
    result = {**told, "TableId": found.id}
    export = transfers.begin(tx, EXPORT, found.arn, found.region, token, request, result)
    history.begin(tx, found)
    body = {
        "arn": export.arn,
        "space": found.space,
        "keys": [[each.name, each.type] for each in found.keys.attributes],
        "since": since,
        "until": until,
        "low": "",
        "files": [],
        "asked": asking.kept(call),
    }
    work.put(tx, KIND, body, due=max(tx.now, history.settled(tx, until)), name=f"{KIND} {export.arn}")
    return export


def folder(export: Transfer) -> str:
    """Where its manifests lie."""
    return f"{_top(export)}AWSDynamoDB/{export.arn.rpartition('/')[2]}/"


# --- below -----------------------------------------------------------------------------------------------------------


def _top(export: Transfer) -> str:
    prefix = export.request.get("S3Prefix", "")
    return f"{prefix.rstrip('/')}/" if prefix else ""


async def _carry_out(node: Node, item: work.Item) -> Done | Again:
    """One file; with the last one the manifests, and the end."""
    body: dict[str, Any] = item.body
    export = await node.store.read(transfers.get, body["arn"])
    if export is None:
        return Done(lambda tx: history.end(tx, body["arn"].partition("/export/")[0], body["space"]))
    bucket = _Bucket(node, export, asking.again(node, body["asked"]))
    try:
        if not body["low"]:
            await bucket.put("_started", b"")
        low, file = await _next_file(node, bucket, export, body)
        files = [*body["files"], file]
        if low is not None:
            return Again(node.clock.now(), {**body, "low": low.hex(), "files": files})
        result = await _put_manifests(node, bucket, export, files, body)
    except Failure as failure:
        return Done(partial(_end, export=export, space=body["space"], failure=failure))
    return Done(partial(_end, export=export, space=body["space"], failure=None, result=result))


class _Bucket:
    """Where an export goes, written in the name of whoever asked for it."""

    def __init__(self, node: Node, export: Transfer, call: Call) -> None:
        self._node = node
        self._export = export
        self._call = call

    async def put(self, name: str, content: bytes) -> dict[str, Any]:
        """A file below the export's folder. Raises Failure."""
        wanted = {"Bucket": self._export.request["S3Bucket"], "Key": folder(self._export) + name, "Body": content}
        if "S3BucketOwner" in self._export.request:
            wanted["ExpectedBucketOwner"] = self._export.request["S3BucketOwner"]
        if "S3SseAlgorithm" in self._export.request:
            wanted["ServerSideEncryption"] = self._export.request["S3SseAlgorithm"]
        try:
            answer: dict[str, Any] = await self._node.call(self._call, "s3", "PutObject", wanted)
        except AwsError as error:
            raise transfers.of_s3(error) from error
        return answer

    async def put_with_md5(self, name: str, content: bytes) -> None:
        await self.put(f"{name}.json", content)
        await self.put(f"{name}.md5", _md5(content).encode())


async def _next_file(
    node: Node, bucket: _Bucket, export: Transfer, body: Mapping[str, Any]
) -> tuple[bytes | None, dict[str, Any]]:
    """The next file is in the bucket: the key from which to go on, and the file's line of the manifest."""
    low: bytes | None = bytes.fromhex(body["low"])
    lines: list[bytes] = []
    size = billed = 0
    while low is not None and size < limits.DYNAMODB_EXPORT_FILE_BYTES:
        some, more, low = await node.store.read(_lines, export, body, low)
        lines += some
        size += sum(map(len, some))
        billed += more
    is_ion = export.request.get("ExportFormat") == "ION"
    content = await node.aside(_packed, lines)
    name = f"data/{_name(export.arn, body['low'])}.{'ion' if is_ion else 'json'}.gz"
    put = await bucket.put(name, content)
    told = {
        "itemCount": len(lines),
        "md5Checksum": _md5(content),
        "etag": put["ETag"].strip('"'),
        "dataFileS3Key": folder(export) + name,
    }
    return low, {**told, "bytes": billed}


def _lines(tx: Tx, export: Transfer, body: Mapping[str, Any], low: bytes) -> tuple[list[bytes], int, bytes | None]:
    """Some lines, how many bytes of items they tell of, and the key from which to go on."""
    is_ion = export.request.get("ExportFormat") == "ION"
    count = limits.DYNAMODB_COPIED_AT_ONCE
    if body["since"] is None:
        some = history.portion(tx, body["space"], low, body["until"], count)
        lines = [_ion({"Item": each.raw}) if is_ion else b'{"Item":' + each.raw + b"}\n" for each in some.items]
        return lines, sum(each.size for each in some.items), some.next
    changed, after = history.changed(tx, body["space"], low, body["since"], body["until"], count)
    view = export.request.get("IncrementalExportSpecification", {}).get("ExportViewType", _BOTH)
    attributes = [Attribute(*each) for each in body["keys"]]
    told = [_change(each, attributes, with_old=view == _BOTH) for each in changed]
    lines = [_ion(each) if is_ion else _json(each) for each in told]
    return lines, sum(len(each.before or b"") + len(each.after or b"") for each in changed), after


_BOTH = "NEW_AND_OLD_IMAGES"


def _change(change: Changed, attributes: Iterable[Attribute], *, with_old: bool) -> dict[str, bytes]:
    """A line of an incremental export, in parts: what an item was, and what it is."""
    known = parsed(change.after or change.before or b"{}")
    parts = {
        "Metadata": orjson.dumps({"WriteTimestampMicros": {"N": str(round(change.at * 1_000_000))}}),
        "Keys": orjson.dumps({each.name: known[each.name] for each in attributes}),
    }
    if with_old and change.before is not None:
        parts["OldImage"] = change.before
    if change.after is not None:
        parts["NewImage"] = change.after
    return parts


def _json(parts: Mapping[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"%s":%s' % (name.encode(), raw) for name, raw in parts.items()) + b"}\n"


def _ion(parts: Mapping[str, bytes]) -> bytes:
    told = ",".join(f"{name}:{ion.written(parsed(raw))}" for name, raw in parts.items())
    return f"$ion_1_0 {{{told}}}\n".encode()


def _packed(lines: Iterable[bytes]) -> bytes:
    return gzip.compress(b"".join(lines), mtime=0)


async def _put_manifests(
    node: Node, bucket: _Bucket, export: Transfer, files: list[dict[str, Any]], body: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifests are in the bucket; what the export's description has of its end."""
    lines = [{name: value for name, value in each.items() if name != "bytes"} for each in files]
    await bucket.put_with_md5("manifest-files", b"".join(orjson.dumps(each) + b"\n" for each in lines))
    items, size = sum(each["itemCount"] for each in files), sum(each["bytes"] for each in files)
    request = export.request
    summary: dict[str, Any] = {
        "version": "2020-06-30" if body["since"] is None else "2023-08-01",
        "exportArn": export.arn,
        "startTime": _moment(export.started),
        "endTime": _moment(node.clock.now()),
        "tableArn": export.table_arn,
        "tableId": export.result["TableId"],
    }
    if body["since"] is None:
        summary["exportTime"] = _moment(body["until"])
    else:
        summary |= {"exportFromTime": _moment(body["since"]), "exportToTime": _moment(body["until"])}
    summary |= {
        "s3Bucket": request["S3Bucket"],
        "s3Prefix": request.get("S3Prefix"),
        "s3SseAlgorithm": request.get("S3SseAlgorithm", "AES256"),
        "s3SseKmsKeyId": None,
        "manifestFilesS3Key": f"{folder(export)}manifest-files.json",
        "billedSizeBytes": size,
        "itemCount": items,
        "outputFormat": request.get("ExportFormat", "DYNAMODB_JSON"),
    }
    if body["since"] is not None:
        view = request.get("IncrementalExportSpecification", {}).get("ExportViewType", _BOTH)
        summary |= {"outputView": view, "exportType": INCREMENTAL}
    await bucket.put_with_md5("manifest-summary", orjson.dumps(summary))
    return {
        "ExportManifest": f"{folder(export)}manifest-summary.json",
        "ItemCount": items,
        "BilledSizeBytes": size,
    }


def _end(
    tx: Tx, export: Transfer, space: int, failure: Failure | None, result: Mapping[str, Any] = MappingProxyType({})
) -> None:
    transfers.end(tx, export.arn, failure, **result)
    history.end(tx, export.table_arn, space)


def _name(arn: str, low: str) -> str:
    """A file's name, the same when it is written again."""
    return b32encode(blake2b(f"{arn} {low}".encode(), digest_size=16).digest()).decode().rstrip("=").lower()


def _md5(content: bytes) -> str:
    return b64encode(md5(content, usedforsecurity=False).digest()).decode()


def _moment(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


worker = Worker(KIND, _carry_out, slots=limits.DYNAMODB_COPY_SLOTS)
