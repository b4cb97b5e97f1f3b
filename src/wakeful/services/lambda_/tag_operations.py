"""Lambda's API of tags: of functions, capacity providers, event source mappings and code signing configurations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from wakeful.fabric.service import Call
from wakeful.services.lambda_ import capacity, code_signing, functions, tags
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.billing import standing
from wakeful.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException
from wakeful.services.lambda_.references import reference
from wakeful.services.lambda_.settings import NotSupported
from wakeful.services.lambda_.sources import mappings
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes


@dataclass(frozen=True, slots=True)
class _Tagged:
    """What a resource's tags are, and how others are put in their place."""

    tags: dict[str, str]
    put: Callable[[Mapping[str, str]], None]


@api.writes
def tag_resource(call: Call, tx: Tx, request: shapes.TagResourceRequest) -> None:
    """What the request names is added or replaced."""
    if not request["Tags"]:
        raise InvalidParameterValueException("An error occurred and the request cannot be processed.")
    tagged = _find(tx, call, request["Resource"])
    wanted = {**tagged.tags, **request["Tags"]}
    tags.check(wanted)
    tagged.put(wanted)


@api.writes
def untag_resource(call: Call, tx: Tx, request: shapes.UntagResourceRequest) -> None:
    tagged = _find(tx, call, request["Resource"])
    tagged.put({name: value for name, value in tagged.tags.items() if name not in request["TagKeys"]})


@api.reads
def list_tags(call: Call, tx: Tx, request: shapes.ListTagsRequest) -> shapes.ListTagsResponse:
    return {"Tags": _find(tx, call, request["Resource"]).tags}


def _find(tx: Tx, call: Call, resource: str) -> _Tagged:
    kind = resource.split(":")[5]
    if kind == "capacity-provider":
        return _of_row(tx, "lambda_capacity_providers", capacity.find(tx, capacity.arn_of(call, resource)).arn)
    if kind == "function":
        return _of_row(tx, "lambda_functions", _function(tx, call, resource))
    if kind == "code-signing-config":
        return _of_row(tx, "lambda_code_signing_configs", code_signing.find(tx, resource).arn)
    if kind == "event-source-mapping":
        arn = mappings.find_by_arn(tx, resource).arn
        return _Tagged(tags.of_mapping(tx, arn), lambda wanted: tags.put_of_mapping(tx, arn, wanted))
    raise NotSupported(f"Wakeful does not have tags of Lambda's {kind} resources yet.")


def _function(tx: Tx, call: Call, resource: str) -> str:
    function = reference(call, resource)
    if function.qualifier:
        raise InvalidParameterValueException(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    if not functions.exists(tx, function.arn):
        raise functions.not_found(function)
    return function.arn


def _of_row(tx: Tx, table: str, arn: str) -> _Tagged:
    row = tx.one(f"SELECT tags FROM {table} WHERE arn = ?", arn)  # noqa: S608 - our own three names
    if row is None:
        raise ResourceNotFoundException(f"The resource you requested does not exist: {arn}")

    def put(wanted: Mapping[str, str]) -> None:
        tx.lock("lambda", arn)
        tx.run(f"UPDATE {table} SET tags = ? WHERE arn = ?", orjson.dumps(dict(wanted)), arn)  # noqa: S608 - as above
        if table == "lambda_functions":
            standing.reckon(tx, arn)
            tx.wake(functions.CHANGED)  # what runs from now on is on the bill of these tags

    return _Tagged(dict(orjson.loads(row["tags"])), put)
