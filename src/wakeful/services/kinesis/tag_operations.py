"""Tags of streams and of consumers, by the older operations and the newer ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.fabric.service import Call, Request
from wakeful.services.kinesis import consumers, tags
from wakeful.services.kinesis import stream as streams
from wakeful.services.kinesis.api import api
from wakeful.services.kinesis.consumers import Consumer
from wakeful.services.kinesis.stream import Stream
from wakeful.store.tx import Tx
from wakeful.wire.errors import NotImplementedHere

if TYPE_CHECKING:
    from wakeful.shapes import kinesis as shapes


@api.writes
def add_tags_to_stream(call: Call, tx: Tx, request: shapes.AddTagsToStreamInput) -> None:
    _add(tx, streams.locked(tx, streams.arn_of(call, dict(request))), request["Tags"])


@api.writes
def remove_tags_from_stream(call: Call, tx: Tx, request: shapes.RemoveTagsFromStreamInput) -> None:
    _remove(tx, streams.locked(tx, streams.arn_of(call, dict(request))), request["TagKeys"])


@api.reads
def list_tags_for_stream(call: Call, tx: Tx, request: shapes.ListTagsForStreamInput) -> shapes.ListTagsForStreamOutput:
    stream = streams.find(tx, streams.arn_of(call, dict(request)))
    after, count = request.get("ExclusiveStartTagKey", ""), request.get("Limit", limits.KINESIS_TAGS_MAX)
    found = [{"Key": key, "Value": value} for key, value in sorted(stream.tags.items()) if key > after]
    return {"Tags": found[:count], "HasMoreTags": len(found) > count}  # type: ignore[typeddict-item]


@api.writes
def tag_resource(call: Call, tx: Tx, request: shapes.TagResourceInput) -> None:
    _add(tx, _resource(tx, dict(request), is_locked=True), request["Tags"])


@api.writes
def untag_resource(call: Call, tx: Tx, request: shapes.UntagResourceInput) -> None:
    _remove(tx, _resource(tx, dict(request), is_locked=True), request["TagKeys"])


@api.reads
def list_tags_for_resource(
    call: Call, tx: Tx, request: shapes.ListTagsForResourceInput
) -> shapes.ListTagsForResourceOutput:
    found = _resource(tx, dict(request), is_locked=False)
    return {"Tags": [{"Key": key, "Value": value} for key, value in sorted(found.tags.items())]}


def _resource(tx: Tx, request: Request, *, is_locked: bool) -> Stream | Consumer:
    if "StreamId" in request:
        raise NotImplementedHere("Kinesis reserves StreamId for later, and so does Wakeful.")
    arn = request["ResourceARN"]
    stream = streams.locked(tx, consumers.stream_arn(arn)) if is_locked else streams.find(tx, consumers.stream_arn(arn))
    return consumers.find(tx, arn) if consumers.is_arn(arn) else stream


def _add(tx: Tx, resource: Stream | Consumer, more: Mapping[str, str]) -> None:
    wanted = {**resource.tags, **more}
    tags.check(more)
    tags.check(wanted)
    _put(tx, resource, wanted)


def _remove(tx: Tx, resource: Stream | Consumer, keys: list[str]) -> None:
    _put(tx, resource, {key: value for key, value in resource.tags.items() if key not in keys})


def _put(tx: Tx, resource: Stream | Consumer, wanted: Mapping[str, str]) -> None:
    if isinstance(resource, Stream):
        streams.tag(tx, resource, wanted)
    else:
        consumers.tag(tx, resource, wanted)
