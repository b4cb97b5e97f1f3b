"""Lambda's API of tags: of functions, capacity providers and code signing configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from wakeful.fabric.service import Call
from wakeful.services.lambda_ import capacity, code_signing, functions
from wakeful.services.lambda_.api import api
from wakeful.services.lambda_.errors import InvalidParameterValueException, ResourceNotFoundException
from wakeful.services.lambda_.references import of_arn
from wakeful.services.lambda_.settings import NotSupported
from wakeful.store.tx import Tx

if TYPE_CHECKING:
    from wakeful.shapes import lambda_ as shapes

_TAGS_MAX = 50


@api.writes
def tag_resource(call: Call, tx: Tx, request: shapes.TagResourceRequest) -> None:
    """What the request names is added or replaced."""
    table, arn, tags = _tags_of(tx, call, request["Resource"])
    tags = {**tags, **request["Tags"]}
    if len(tags) > _TAGS_MAX:
        raise InvalidParameterValueException(f"Number of tags exceeds resource tag limit. Limit: {_TAGS_MAX}")
    _put(tx, table, arn, tags)


@api.writes
def untag_resource(call: Call, tx: Tx, request: shapes.UntagResourceRequest) -> None:
    table, arn, tags = _tags_of(tx, call, request["Resource"])
    _put(tx, table, arn, {name: value for name, value in tags.items() if name not in request["TagKeys"]})


@api.reads
def list_tags(call: Call, tx: Tx, request: shapes.ListTagsRequest) -> shapes.ListTagsResponse:
    return {"Tags": _tags_of(tx, call, request["Resource"])[2]}


def _tags_of(tx: Tx, call: Call, resource: str) -> tuple[str, str, dict[str, str]]:
    """The table and the ARN of the row that has them, and what they are."""
    kind = resource.split(":")[5]
    if kind == "capacity-provider":
        table, arn = "lambda_capacity_providers", capacity.find(tx, capacity.arn_of(call, resource)).arn
    elif kind == "code-signing-config":
        table, arn = "lambda_code_signing_configs", code_signing.find(tx, resource).arn
    elif kind == "function":
        function = of_arn(resource)
        if function.qualifier:
            raise InvalidParameterValueException(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        if not functions.exists(tx, function.arn):
            raise functions.not_found(function)
        table, arn = "lambda_functions", function.arn
    else:
        raise NotSupported(f"Wakeful does not have tags of Lambda's {kind} resources yet.")
    row = tx.one(f"SELECT tags FROM {table} WHERE arn = ?", arn)  # noqa: S608 - our own names
    if row is None:
        raise ResourceNotFoundException(f"The resource you requested does not exist: {resource}")
    return table, arn, dict(orjson.loads(row["tags"]))


def _put(tx: Tx, table: str, arn: str, tags: dict[str, str]) -> None:
    tx.lock("lambda", arn)
    tx.run(f"UPDATE {table} SET tags = ? WHERE arn = ?", orjson.dumps(tags), arn)  # noqa: S608 - our own names
