"""What the rest of the service has of expressions: values that say what they do with an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from wakeful.services.dynamodb.keys import KeySchema
from wakeful.services.dynamodb.values import Item, Value

Path = tuple[str | int, ...]
"""Into an item: the attribute's name, then members of maps and places in lists."""


@dataclass(slots=True)
class Substitutes:
    """ExpressionAttributeNames and -Values of one request, and which of them its expressions have used.

    Every expression of a request is bound with the same one; `check_used` is asked last.
    """

    names: dict[str, str] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def check_used(self) -> None:
        """Raises ValidationException where one was given that nothing uses."""
        raise NotImplementedError


class Condition(Protocol):
    """A ConditionExpression or FilterExpression, or the legacy parameters that say the same."""

    def holds(self, item: Item | None) -> bool:
        """Whether it is true of the item; None is one that is not there. Raises ValidationException where operands do
        not go together."""

    def attributes(self) -> frozenset[str]:
        """The top-level attributes it looks at: filters may not name those of the key."""


class Projection(Protocol):
    """A ProjectionExpression, or AttributesToGet."""

    def of(self, item: Item) -> Item:
        """What it names of the item."""

    def attributes(self) -> frozenset[str]:
        """The top-level attributes it names."""


class Update(Protocol):
    """An UpdateExpression, or AttributeUpdates."""

    def apply(self, item: Item) -> Item:
        """The item after it; the argument is not changed. Raises ValidationException as AWS does."""

    def paths(self) -> tuple[Path, ...]:
        """What it changes, for ReturnValues UPDATED_OLD and UPDATED_NEW, and to refuse key attributes."""


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """A KeyConditionExpression, or KeyConditions: one partition, and from where to where in it.

    The bytes are as `keys.py` has them: what lies from `low` on and before `high`. `values` are the partition's.
    """

    low: bytes
    high: bytes
    values: tuple[Value, ...]


def condition(text: str, substitutes: Substitutes, *, called: str = "ConditionExpression") -> Condition:
    """Raises ValidationException: `Invalid {called}: …`."""
    raise NotImplementedError


def projection(text: str, substitutes: Substitutes) -> Projection:
    raise NotImplementedError


def update(text: str, substitutes: Substitutes) -> Update:
    raise NotImplementedError


def key_condition(text: str, substitutes: Substitutes, keys: KeySchema) -> KeyCondition:
    raise NotImplementedError


def legacy(request: dict[str, Any]) -> dict[str, Any]:
    """See legacy.py, where the parameters from before expressions are made into the same values."""
    raise NotImplementedError
