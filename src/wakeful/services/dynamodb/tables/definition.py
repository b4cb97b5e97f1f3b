"""What CreateTable asks for, checked as DynamoDB checks it, and put down as the definition of a table.

A definition has AWS's names, and beside them what only we need: in which space an index is, how it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wakeful import limits
from wakeful.services.dynamodb import table
from wakeful.services.dynamodb.errors import ValidationException

INVALID = "One or more parameter values were invalid: "

Keys = Sequence[Mapping[str, str]]
Index = Mapping[str, Any]

_HASH, _RANGE = "HASH", "RANGE"


def check(name: str, request: Mapping[str, Any]) -> None:
    """Raises ValidationException unless a table of that name can have these keys and indexes."""
    complaints = table.name_complaints(name)
    for member in ("AttributeDefinitions", "KeySchema"):
        if request.get(member) is None:
            where = member[0].lower() + member[1:]
            complaints.append(f"Value null at '{where}' failed to satisfy constraint: Member must not be null")
    complaints += _long_keys(request)
    table.complain(complaints)
    definitions, schema = request["AttributeDefinitions"], request["KeySchema"]
    types = _types(definitions)
    _check_table_keys(schema, types)
    _check_indexes(request, schema, types)


def attributes(definitions: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """As tables show them: by name."""
    return sorted(map(dict, definitions), key=lambda each: each["AttributeName"])


def projection(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """As indexes show it."""
    if "NonKeyAttributes" not in wanted:
        return {"ProjectionType": wanted["ProjectionType"]}
    return {"ProjectionType": wanted["ProjectionType"], "NonKeyAttributes": sorted(wanted["NonKeyAttributes"])}


def used(definition: Mapping[str, Any]) -> set[str]:
    """The attributes that are in the key of the table or of an index."""
    indexes = (*definition.get("GlobalSecondaryIndexes", ()), *definition.get("LocalSecondaryIndexes", ()))
    return {key["AttributeName"] for each in (definition, *indexes) for key in each["KeySchema"]}


# --- keys ------------------------------------------------------------------------------------------------------------


def _long_keys(request: Mapping[str, Any]) -> list[str]:
    """Keys of tables and local indexes have two elements at most."""
    found = [("keySchema", request.get("KeySchema") or ())]
    for number, index in enumerate(request.get("LocalSecondaryIndexes") or (), 1):
        found.append((f"localSecondaryIndexes.{number}.member.keySchema", index["KeySchema"]))
    return [
        f"Value '[{', '.join(map(_told, keys))}]' at '{where}' failed to satisfy constraint: Member must have length"
        " less than or equal to 2"
        for where, keys in found
        if len(keys) > 2
    ]


def _told(key: Mapping[str, str]) -> str:
    return f"KeySchemaElement(attributeName={key['AttributeName']}, keyType={key['KeyType']})"


def _types(definitions: Iterable[Mapping[str, str]]) -> dict[str, str]:
    types: dict[str, str] = {}
    for each in definitions:
        if each["AttributeName"] in types:
            raise ValidationException(f"Attribute Name is duplicated: {each['AttributeName']}")
        types[each["AttributeName"]] = each["AttributeType"]
    return types


def _check_table_keys(schema: Keys, types: Mapping[str, str]) -> None:
    named = _names(schema)
    # Words of the real service, whose cases are as odd as this.
    if not types or (len(named) == 2 and (not set(named) <= set(types) or (named[0] == named[1] and len(types) == 1))):
        raise ValidationException("Invalid KeySchema: Some index key attribute have no definition")
    _check_defined(named, types)
    _check_pair(schema)


def _check_defined(named: Sequence[str], types: Mapping[str, str]) -> None:
    if not set(named) <= set(types):
        raise ValidationException(
            f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [{', '.join(named)}],"
            f" AttributeDefinitions: [{', '.join(types)}]"
        )


def _check_pair(schema: Keys) -> None:
    """Of a table or a local index: a partition key, then perhaps a sort key."""
    named, kinds = _names(schema), [each["KeyType"] for each in schema]
    if len(set(named)) < len(named):
        raise ValidationException("Both the Hash Key and the Range Key element in the KeySchema have the same name")
    _check_first(kinds)
    if len(kinds) > 1 and kinds[1] != _RANGE:
        raise ValidationException("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")


def _check_first(kinds: Sequence[str]) -> None:
    if kinds[0] != _HASH:
        raise ValidationException("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")


def check_global_keys(schema: Keys, types: Mapping[str, str]) -> None:
    """Of a global index: up to four attributes of the partition key, then up to four of the sort key ("Multi-attribute
    keys pattern"). Raises ValidationException.
    """
    named, kinds = _names(schema), [each["KeyType"] for each in schema]
    _check_defined(named, types)
    _check_first(kinds)
    if len(set(named)) < len(named):
        raise ValidationException("The KeySchema contains multiple key attributes with the same name")
    if kinds != sorted(kinds):
        raise ValidationException(
            f"{INVALID}All HASH key attributes must precede RANGE key attributes in the KeySchema"
        )
    for kind in (_HASH, _RANGE):
        if kinds.count(kind) > limits.DYNAMODB_INDEX_KEYS_MAX:
            raise ValidationException(
                f"{INVALID}The KeySchema exceeds the maximum allowed number of {kind} key attributes"
            )


def _names(schema: Keys) -> list[str]:
    return [each["AttributeName"] for each in schema]


# --- indexes ---------------------------------------------------------------------------------------------------------


def _check_indexes(request: Mapping[str, Any], schema: Keys, types: Mapping[str, str]) -> None:
    for member in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
        if request.get(member) == []:
            raise ValidationException(f"{INVALID}List of {member} is empty")
    local: Sequence[Index] = request.get("LocalSecondaryIndexes") or ()
    over_all: Sequence[Index] = request.get("GlobalSecondaryIndexes") or ()
    if local and len(schema) < 2:
        raise ValidationException(
            f"{INVALID}Table KeySchema does not have a range key, which is required when specifying a"
            " LocalSecondaryIndex"
        )
    for index in local:
        _check_defined(_names(index["KeySchema"]), types)
        _check_pair(index["KeySchema"])
    for index in over_all:
        check_global_keys(index["KeySchema"], types)
    _check_all_used(request, types, has_indexes=bool(local or over_all))
    for index in local:
        _check_local(index, schema)
    seen: set[str] = set()
    for index in (*local, *over_all):
        check_projection(index["Projection"])
        if index["IndexName"] in seen:
            raise ValidationException(f"{INVALID}Duplicate index name: {index['IndexName']}")
        seen.add(index["IndexName"])
    _check_numbers(local, over_all)


def _check_all_used(request: Mapping[str, Any], types: Mapping[str, str], *, has_indexes: bool) -> None:
    in_keys = used({name: value for name, value in request.items() if value is not None})
    if set(types) <= in_keys:
        return
    if has_indexes:
        raise ValidationException(
            f"{INVALID}Some AttributeDefinitions are not used. AttributeDefinitions: [{', '.join(types)}], keys used:"
            f" [{', '.join(sorted(in_keys))}]"
        )
    raise ValidationException(
        f"{INVALID}Number of attributes in KeySchema does not exactly match number of attributes defined in"
        " AttributeDefinitions"
    )


def _check_local(index: Index, schema: Keys) -> None:
    name, keys = index["IndexName"], index["KeySchema"]
    if len(keys) < 2:
        raise ValidationException(f"{INVALID}Index KeySchema does not have a range key for index: {name}")
    own, tables = keys[0]["AttributeName"], schema[0]["AttributeName"]
    if own != tables:
        raise ValidationException(
            f"{INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}."
            f" index hash key: {own}, table hash key: {tables}"
        )


def check_projection(wanted: Mapping[str, Any]) -> None:
    """Raises ValidationException."""
    kind, more = wanted.get("ProjectionType"), wanted.get("NonKeyAttributes")
    if kind is None:
        raise ValidationException(f"{INVALID}Unknown ProjectionType: null")
    if kind == "INCLUDE" and more is None:
        raise ValidationException(f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != "INCLUDE" and more is not None:
        raise ValidationException(f"{INVALID}ProjectionType is {kind}, but NonKeyAttributes is specified")
    seen: set[str] = set()
    for name in more or ():
        if name in seen:
            raise ValidationException(f"{INVALID}Duplicate element in NonKeyAttributes: {name}")
        seen.add(name)


def _check_numbers(local: Sequence[Index], over_all: Sequence[Index]) -> None:
    if len(local) > limits.DYNAMODB_LOCAL_INDEXES_MAX:
        raise ValidationException(
            f"{INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of {limits.DYNAMODB_LOCAL_INDEXES_MAX}"
        )
    if len(over_all) > limits.DYNAMODB_GLOBAL_INDEXES_MAX:
        raise ValidationException(
            f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {limits.DYNAMODB_GLOBAL_INDEXES_MAX}"
        )
    check_projected((*local, *over_all))


def check_projected(indexes: Iterable[Index]) -> None:
    """Raises ValidationException where all indexes of a table together project too many attributes by name."""
    count = sum(len(each["Projection"].get("NonKeyAttributes", ())) for each in indexes)
    if count > limits.DYNAMODB_PROJECTED_MAX:
        raise ValidationException(
            f"{INVALID}Number of attributes projected into all indexes exceeds per-table limit of"
            f" {limits.DYNAMODB_PROJECTED_MAX}"
        )
