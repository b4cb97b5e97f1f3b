"""Tags of IAM's resources: keys keep their case, but are not told apart by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from wakeful import limits
from wakeful.services.iam.errors import InvalidInputException, LimitExceededException

if TYPE_CHECKING:
    from wakeful.shapes import iam as shapes


def merged(tags: Mapping[str, str], more: Sequence[shapes.Tag]) -> dict[str, str]:
    """The tags with `more` added or put in the place of those that had their keys."""
    keys = [tag["Key"].lower() for tag in more]
    if len(set(keys)) < len(keys):
        raise InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    for tag in more:
        if tag["Key"].lower().startswith("aws:"):
            raise InvalidInputException("System tags cannot be modified by user")
    found = without(tags, keys) | {tag["Key"]: tag["Value"] for tag in more}
    if len(found) > limits.IAM_TAGS_MAX:
        raise LimitExceededException("The number of tags has reached the maximum limit.")
    return found


def without(tags: Mapping[str, str], keys: Iterable[str]) -> dict[str, str]:
    gone = {key.lower() for key in keys}
    return {key: value for key, value in tags.items() if key.lower() not in gone}


def listed(tags: Mapping[str, str]) -> list[shapes.Tag]:
    """In the order of their keys."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
