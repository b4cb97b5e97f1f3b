"""Tags of functions, capacity providers and event source mappings."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from wakeful import limits
from wakeful.services.lambda_.errors import InvalidParameterValueException
from wakeful.store.tx import Tx


def check(tags: Mapping[str, str]) -> None:
    """A resource may have them ("Using tags on Lambda functions"). Raises what Lambda answers where it may not."""
    reserved = [name for name in tags if name.lower().startswith("aws:")]
    if reserved:
        raise InvalidParameterValueException(
            f"Tag keys starting with 'aws:' are reserved for internal use: {', '.join(sorted(reserved))}"
        )
    if len(tags) > limits.LAMBDA_TAGS_MAX:
        raise InvalidParameterValueException("Number of tags exceeds resource tag limit.")


def of_mapping(tx: Tx, arn: str) -> dict[str, str]:
    row = tx.one("SELECT tags FROM lambda_mapping_tags WHERE arn = ?", arn)
    return {} if row is None else dict(orjson.loads(row["tags"]))


def put_of_mapping(tx: Tx, arn: str, tags: Mapping[str, str]) -> None:
    """These, and no others."""
    tx.lock("lambda", arn)
    tx.run(
        "INSERT INTO lambda_mapping_tags(arn, tags) VALUES (?, ?) ON CONFLICT(arn) DO UPDATE SET tags = excluded.tags",
        *(arn, orjson.dumps(dict(tags))),
    )


def forget_mapping(tx: Tx, arn: str) -> None:
    tx.lock("lambda", arn)
    tx.run("DELETE FROM lambda_mapping_tags WHERE arn = ?", arn)
